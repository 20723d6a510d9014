/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "policy/keyring.h"
#include <errno.h>
#include <nanomsg/tls.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct sp_keyring ring;

static int end(void **state)
{
    sp_keyring_fini(&ring);
    return failing_teardown(state);
}

static void test_one_configuration_for_each_file(void **state)
{
    (void)state;
    char text[] = "/a";
    const char *a = text, *b = "/b", *again = "/a";
    int h = sp_keyring_get(&ring, &a), k = sp_keyring_get(&ring, &b);
    assert_true(h > 0 && k > 0 && h != k);
    assert_ptr_not_equal(a, text);
    memset(text, 0, sizeof text);
    assert_string_equal(a, "/a"); /* its own copy */
    assert_int_equal(sp_keyring_get(&ring, &again), h);
    assert_ptr_equal(again, a);
    sp_keyring_fini(&ring);
    assert_int_equal(nn_tls_destroy(h), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(nn_tls_destroy(k), -1);
}

static void test_so_many_and_no_more(void **state)
{
    (void)state;
    char name[20];
    const char *path = name;
    for (int i = 0; i < SP_KEYRING_MAX; i++, path = name) {
        snprintf(name, sizeof name, "/%d", i);
        assert_true(sp_keyring_get(&ring, &path) > 0);
    }
    path = "/one more";
    assert_int_equal(sp_keyring_get(&ring, &path), -EMFILE);
    path = "/7";
    assert_true(sp_keyring_get(&ring, &path) > 0);
}

static void test_without_memory(void **state)
{
    (void)state;
    int n = 0, rc;
    do {
        const char *path = "/a";
        failing_set(++n);
        rc = sp_keyring_get(&ring, &path);
        failing_clear();
        assert_true(rc > 0 || rc == -ENOMEM);
        assert_int_equal(ring.n, rc > 0);
    } while (rc < 0);
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_one_configuration_for_each_file, end),
        cmocka_unit_test_teardown(test_so_many_and_no_more, end),
        cmocka_unit_test_teardown(test_without_memory, end),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
