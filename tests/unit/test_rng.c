/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base.h"
#include "base/rng.h"
#include <dlfcn.h>
#include <string.h>
#include <uv.h>

static int system_says; /* 0: the real generator; else what the one below answers */

/* Stands before libuv's, so that a system without random numbers can be tried. */
int uv_random(uv_loop_t *loop, uv_random_t *req, void *buf, size_t n, unsigned flags,
              uv_random_cb cb)
{
    int (*real)(uv_loop_t *, uv_random_t *, void *, size_t, unsigned, uv_random_cb);
    *(void **)&real = dlsym(RTLD_NEXT, "uv_random");
    return system_says ? system_says : real(loop, req, buf, n, flags, cb);
}

static int heal_system(void **state)
{
    (void)state;
    system_says = 0;
    return 0;
}

static void two_draws_differ(void **state)
{
    (void)state;
    char a[32] = {0}, b[32] = {0};
    assert_int_equal(sp_random(a, sizeof a), 0);
    assert_int_equal(sp_random(b, sizeof b), 0);
    assert_memory_not_equal(a, b, sizeof a);
}

static void whole_buffer_is_filled(void **state)
{
    (void)state;
    uint8_t buf[4096], seen = 0;
    for (int i = 0; i < 20; i++) {
        memset(buf, 0, sizeof buf);
        assert_int_equal(sp_random(buf, sizeof buf), 0);
        seen |= buf[0] | buf[sizeof buf - 1];
    }
    assert_int_not_equal(seen, 0);
}

static void nothing_behind_the_buffer_is_touched(void **state)
{
    (void)state;
    uint8_t buf[9];
    memset(buf, 77, sizeof buf);
    assert_int_equal(sp_random(buf, 8), 0);
    assert_int_equal(buf[8], 77);
}

static void drawing_nothing_succeeds(void **state)
{
    (void)state;
    assert_int_equal(sp_random(NULL, 0), 0);
}

static void error_of_the_system_is_passed_on(void **state)
{
    (void)state;
    char buf[8];
    system_says = UV_ENOSYS;
    assert_int_equal(sp_random(buf, sizeof buf), -ENOSYS);
}

static void number_comes_even_without_the_system(void **state)
{
    (void)state;
    system_says = UV_EIO;
    uint32_t first = sp_random_u32();
    while (sp_random_u32() == first) /* until the clock has moved */
        ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_draws_differ),
        cmocka_unit_test(whole_buffer_is_filled),
        cmocka_unit_test(nothing_behind_the_buffer_is_touched),
        cmocka_unit_test(drawing_nothing_succeeds),
        cmocka_unit_test_teardown(error_of_the_system_is_passed_on, heal_system),
        cmocka_unit_test_teardown(number_comes_even_without_the_system, heal_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
