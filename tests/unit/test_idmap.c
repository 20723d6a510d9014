/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/idmap.h"
#include <errno.h>

static int values[4];

static uint32_t dice_state;

/* The same row of numbers in every run, so that a failure comes back. */
static uint32_t dice(uint32_t n)
{
    dice_state = dice_state * 1664525 + 1013904223;
    return (dice_state >> 8) % n;
}

static int open_map(void **state)
{
    static struct sp_idmap m;
    sp_idmap_init(&m);
    *state = &m;
    return 0;
}

static int close_map(void **state)
{
    sp_alloc_hook = NULL;
    sp_idmap_fini(*state);
    return 0;
}

static void empty_map_has_nothing(void **state)
{
    assert_null(sp_idmap_get(*state, 1));
    assert_null(sp_idmap_del(*state, 1));
}

static void what_was_put_is_found(void **state)
{
    assert_int_equal(sp_idmap_put(*state, 1, &values[1]), 0);
    assert_int_equal(sp_idmap_put(*state, UINT32_MAX, &values[2]), 0);
    assert_ptr_equal(sp_idmap_get(*state, 1), &values[1]);
    assert_ptr_equal(sp_idmap_get(*state, UINT32_MAX), &values[2]);
    assert_null(sp_idmap_get(*state, 2));
}

static void id_zero_is_never_found(void **state)
{
    assert_int_equal(sp_idmap_put(*state, 1, &values[1]), 0);
    assert_null(sp_idmap_get(*state, 0));
    assert_null(sp_idmap_del(*state, 0));
}

static void second_value_for_an_id_is_refused(void **state)
{
    assert_int_equal(sp_idmap_put(*state, 7, &values[0]), 0);
    assert_int_equal(sp_idmap_put(*state, 7, &values[1]), -EEXIST);
    assert_ptr_equal(sp_idmap_get(*state, 7), &values[0]);
}

static void deleting_gives_the_value_once(void **state)
{
    assert_int_equal(sp_idmap_put(*state, 7, &values[0]), 0);
    assert_ptr_equal(sp_idmap_del(*state, 7), &values[0]);
    assert_null(sp_idmap_del(*state, 7));
    assert_int_equal(((struct sp_idmap *)*state)->n, 0);
}

static void first_put_without_memory_fails(void **state)
{
    failing_set(1);
    assert_int_equal(sp_idmap_put(*state, 7, &values[0]), -ENOMEM);
    assert_null(sp_idmap_get(*state, 7));
    assert_int_equal(sp_idmap_put(*state, 7, &values[0]), 0);
}

static void map_that_cannot_grow_keeps_what_it_has(void **state)
{
    uint32_t id = 1;
    failing_set(2);
    int rc = 0;
    for (; !rc; id += !rc)
        rc = sp_idmap_put(*state, id, &values[0]);
    assert_int_equal(rc, -ENOMEM);
    assert_int_equal(id - 1, ((struct sp_idmap *)*state)->n);
    for (uint32_t i = 1; i < id; i++)
        assert_ptr_equal(sp_idmap_get(*state, i), &values[0]);
    assert_null(sp_idmap_get(*state, id));
    assert_int_equal(sp_idmap_put(*state, id, &values[1]), 0);
}

static void deleting_needs_no_memory(void **state)
{
    for (uint32_t id = 1; id <= 100; id++)
        assert_int_equal(sp_idmap_put(*state, id, &values[0]), 0);
    failing_set(0);
    for (uint32_t id = 1; id <= 100; id++)
        assert_ptr_equal(sp_idmap_del(*state, id), &values[0]);
    assert_int_equal(failing_clear(), 0);
}

static void a_quarter_stays_free(void **state)
{
    const struct sp_idmap *m = *state;
    for (uint32_t id = 1; id <= 100000; id++) {
        assert_int_equal(sp_idmap_put(*state, id, &values[0]), 0);
        assert_true(m->n <= m->cap / 4 * 3);
    }
    assert_int_equal(m->n, 100000);
}

static void finished_map_may_be_used_again(void **state)
{
    assert_int_equal(sp_idmap_put(*state, 7, &values[0]), 0);
    sp_idmap_fini(*state);
    assert_null(sp_idmap_get(*state, 7));
    assert_int_equal(sp_idmap_put(*state, 7, &values[1]), 0);
    assert_ptr_equal(sp_idmap_get(*state, 7), &values[1]);
}

/* Few ids, kept near the limit of one small table: rows collide, wrap around and close their gaps
 * all the time. */
static void agrees_with_an_array(void **state)
{
    enum { N = 40, KEPT = 12 };
    void *have[N] = {0};
    int n = 0;
    dice_state = 1;
    for (int step = 0; step < 200000; step++) {
        uint32_t i = dice(N), id = i * 2654435769u + 1;
        if (have[i]) {
            assert_ptr_equal(sp_idmap_del(*state, id), have[i]);
            have[i] = NULL;
            n--;
        } else if (n < KEPT) {
            have[i] = &values[dice(4)];
            assert_int_equal(sp_idmap_put(*state, id, have[i]), 0);
            n++;
        }
        for (i = 0; i < N; i++)
            assert_ptr_equal(sp_idmap_get(*state, i * 2654435769u + 1), have[i]);
    }
}

#define MAP_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_map, close_map)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(empty_map_has_nothing),
        MAP_TEST(what_was_put_is_found),
        MAP_TEST(id_zero_is_never_found),
        MAP_TEST(second_value_for_an_id_is_refused),
        MAP_TEST(deleting_gives_the_value_once),
        MAP_TEST(first_put_without_memory_fails),
        MAP_TEST(map_that_cannot_grow_keeps_what_it_has),
        MAP_TEST(deleting_needs_no_memory),
        MAP_TEST(a_quarter_stays_free),
        MAP_TEST(finished_map_may_be_used_again),
        MAP_TEST(agrees_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
