/* SPDX-License-Identifier: MIT */
#include "memconn.h"
#include "core/table.h"
#include <sys/resource.h>

static int setup(void **state)
{
    (void)state;
    memset(&proto, 0, sizeof proto);
    return sp_life_start();
}

static int teardown(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_life_term();
    sp_life_init();
    return 0;
}

static int open_one(void) { return sp_table_open(AF_SP, MEM_ID); }

static void the_lowest_free_number_is_given(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) /* more than a block */
        assert_int_equal(open_one(), i);
    assert_int_equal(sp_table_close(7), 0);
    assert_int_equal(sp_table_close(270), 0);
    assert_int_equal(sp_table_close(3), 0);
    assert_int_equal(open_one(), 3);
    assert_int_equal(open_one(), 7);
    assert_int_equal(open_one(), 270);
    assert_int_equal(open_one(), 300);
}

static void a_number_leads_to_its_socket(void **state)
{
    (void)state;
    int a = open_one(), b = open_one();
    struct sp_sock *s = sp_table_enter(a), *t = sp_table_enter(b);
    assert_ptr_not_equal(s, t);
    assert_int_equal(s->fd, a);
    assert_ptr_equal(sp_table_enter(a), s);
    sp_table_leave(a);
    sp_table_leave(a);
    sp_table_leave(b);
}

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    const int wrong[] = {-1, INT32_MIN, 5, 255, SP_TABLE_MAX - 1, SP_TABLE_MAX, INT32_MAX};
    assert_int_equal(open_one(), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(sp_table_enter(wrong[i]));
        assert_int_equal(sp_table_close(wrong[i]), -EBADF);
    }
    assert_int_equal(sp_table_close(0), 0);
    assert_int_equal(sp_table_close(0), -EBADF);
    assert_null(sp_table_enter(0));
}

static void a_number_is_not_given_again_while_a_call_is_inside(void **state)
{
    (void)state;
    assert_int_equal(open_one(), 0);
    struct sp_sock *s = sp_table_enter(0);
    assert_int_equal(sp_table_close(0), 0);
    assert_true(s->closed);
    assert_null(sp_table_enter(0));
    assert_int_equal(open_one(), 1);
    sp_table_leave(0);
    assert_int_equal(open_one(), 0);
}

static void a_socket_is_not_closed_inside_its_own_callback(void **state)
{
    (void)state;
    int a = open_one(), b = open_one();
    sp_sock_calling = sp_table_enter(a);
    assert_int_equal(sp_table_close(a), -EDEADLK);
    assert_int_equal(sp_table_close(b), 0);
    sp_sock_calling = NULL;
    sp_table_leave(a);
    assert_int_equal(sp_table_close(a), 0);
}

static void there_are_as_many_as_descriptors(void **state)
{
    (void)state;
    struct rlimit old, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 40;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int n = 0, rc;
    while ((rc = open_one()) >= 0)
        n++;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(rc, -EMFILE);
    assert_int_equal(n, 40);
}

static void a_socket_that_cannot_be_made_takes_no_number(void **state)
{
    (void)state;
    assert_int_equal(sp_table_open(AF_SP + 100, MEM_ID), -EAFNOSUPPORT);
    assert_int_equal(sp_table_open(AF_SP, 12345), -EINVAL);
    proto.init_rc = -ENFILE;
    assert_int_equal(open_one(), -ENFILE);
    proto.init_rc = 0;
    int nth = 1;
    for (;; nth++) {
        failing_set(nth);
        int fd = open_one();
        if (failing_clear() < nth) {
            assert_int_equal(fd, 0);
            break;
        }
        assert_int_equal(fd, -ENOMEM);
    }
    assert_true(nth > 2);
}

static void no_memory_for_numbers_is_ENOMEM(void **state)
{
    (void)state;
    sp_table_child();
    for (int i = 0; i < 512; i++)
        assert_int_equal(open_one(), i);
    failing_set(1);
    int rc = open_one();
    failing_clear();
    assert_true(rc == -ENOMEM);
    assert_int_equal(open_one(), 512);
}

static void all_are_closed_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(open_one(), i);
    sp_table_close_all();
    for (int i = 0; i < 10; i++)
        assert_null(sp_table_enter(i));
}

static void *churn_main(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3000; i++) {
        int fd = i % 4;
        struct sp_sock *s = sp_table_enter(fd);
        if (s) {
            assert_int_equal(s->fd, fd);
            sp_table_leave(fd);
        }
        if (i % 3 == 0)
            (void)(sp_table_close(fd) == 0);
        if (i % 2)
            (void)(open_one() == 0);
    }
    return NULL;
}

static void threads_may_enter_and_close_the_same_number(void **state)
{
    (void)state;
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, churn_main, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    sp_table_close_all();
    assert_int_equal(open_one(), 0);
}

#define TABLE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(the_lowest_free_number_is_given),
        TABLE_TEST(a_number_leads_to_its_socket),
        TABLE_TEST(numbers_that_are_none_are_refused),
        TABLE_TEST(a_number_is_not_given_again_while_a_call_is_inside),
        TABLE_TEST(a_socket_is_not_closed_inside_its_own_callback),
        TABLE_TEST(there_are_as_many_as_descriptors),
        TABLE_TEST(a_socket_that_cannot_be_made_takes_no_number),
        TABLE_TEST(no_memory_for_numbers_is_ENOMEM),
        TABLE_TEST(all_are_closed_at_once),
        TABLE_TEST(threads_may_enter_and_close_the_same_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
