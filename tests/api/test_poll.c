/* SPDX-License-Identifier: MIT */
/* nn_poll. */
#include "lib.h"
#include <pthread.h>

static void nothing_to_wait_for_sleeps(void **state)
{
    (void)state;
    int64_t t = lib_now_ms();
    assert_int_equal(nn_poll(NULL, 0, 30), 0);
    assert_in_range(lib_now_ms() - t, 29, LIB_PATIENCE_MS);
}

static void bad_arguments(void **state)
{
    (void)state;
    lib_fails(nn_poll(NULL, 1, 0), EFAULT);
    lib_fails(nn_poll(NULL, -1, 0), EINVAL);
}

static void a_bad_socket_is_ebadf(void **state)
{
    (void)state;
    int s = lib_socket(NN_REQ);
    struct nn_pollfd p[2] = {{.fd = s, .events = NN_POLLIN}, {.fd = 7777, .events = NN_POLLIN}};
    lib_fails(nn_poll(p, 2, 0), EBADF);
    lib_fails(nn_poll(p, 2, -1), EBADF);
    nn_close(s);
    lib_fails(nn_poll(p, 1, 0), EBADF);
}

static void a_direction_that_does_not_exist(void **state)
{
    (void)state;
    int in = lib_socket(NN_PULL), out = lib_socket(NN_PUB);
    struct nn_pollfd p = {.fd = in, .events = NN_POLLOUT}, q = {.fd = out, .events = NN_POLLIN};
    lib_fails(nn_poll(&p, 1, 0), ENOPROTOOPT);
    lib_fails(nn_poll(&q, 1, -1), ENOPROTOOPT);
    nn_close(in);
    nn_close(out);
}

static void revents_are_untouched_at_the_timeout(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    struct nn_pollfd p = {.fd = s, .events = NN_POLLIN, .revents = 77};
    assert_int_equal(nn_poll(&p, 1, 0), 0);
    assert_int_equal(p.revents, 77);
    assert_int_equal(nn_poll(&p, 1, 10), 0);
    assert_int_equal(p.revents, 77);
    nn_close(s);
}

static void the_timeout_is_kept(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    int64_t start = lib_now_ms();
    assert_int_equal(lib_poll(t.c, NN_POLLIN, 50), 0);
    assert_in_range(lib_now_ms() - start, 49, LIB_PATIENCE_MS);
    lib_close(t);
}

static void ready_is_told_at_once(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    assert_int_equal(lib_poll(t.c, NN_POLLIN | NN_POLLOUT, -1), NN_POLLOUT);
    lib_send(t.s, "x");
    lib_until(lib_poll(t.c, NN_POLLIN, 0) == NN_POLLIN);
    assert_int_equal(lib_poll(t.c, NN_POLLIN | NN_POLLOUT, 0), NN_POLLIN | NN_POLLOUT);
    assert_int_equal(lib_poll(t.c, NN_POLLIN, -1), NN_POLLIN);
    lib_expect(t.c, "x");
    assert_int_equal(lib_poll(t.c, NN_POLLIN, 0), 0);
    lib_close(t);
}

static void only_what_is_asked_is_told(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    lib_send(t.s, "x");
    assert_int_equal(lib_poll(t.c, NN_POLLIN, -1), NN_POLLIN);
    assert_int_equal(lib_poll(t.c, NN_POLLOUT, -1), NN_POLLOUT);
    assert_int_equal(lib_poll(t.c, 0, 10), 0);
    lib_close(t);
}

static void several_sockets(void **state)
{
    (void)state;
    struct lib_two a = lib_two(NN_PUSH, NN_PULL), b = lib_two(NN_PUSH, NN_PULL);
    struct nn_pollfd p[3] = {{.fd = a.c, .events = NN_POLLIN, .revents = 9},
                             {.fd = b.c, .events = NN_POLLIN, .revents = 9},
                             {.fd = a.s, .events = 0, .revents = 9}};
    lib_send(b.s, "x");
    assert_int_equal(lib_ok(nn_poll(p, 3, -1)), 1);
    assert_int_equal(p[0].revents, 0);
    assert_int_equal(p[1].revents, NN_POLLIN);
    assert_int_equal(p[2].revents, 0);
    lib_send(a.s, "y");
    lib_until(nn_poll(p, 3, 0) == 2);
    lib_close(a);
    lib_close(b);
}

static void the_same_socket_twice(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    struct nn_pollfd p[2] = {{.fd = t.c, .events = NN_POLLIN}, {.fd = t.c, .events = NN_POLLOUT}};
    lib_send(t.s, "x");
    lib_until(nn_poll(p, 2, -1) == 2);
    assert_int_equal(p[0].revents, NN_POLLIN);
    assert_int_equal(p[1].revents, NN_POLLOUT);
    lib_close(t);
}

static void *send_later(void *arg)
{
    lib_pause(20);
    (void)!nn_send(*(int *)arg, "later", 5, 0);
    return NULL;
}

static void a_message_that_comes_later_ends_the_wait(void **state)
{
    (void)state;
    pthread_t t;
    struct lib_two two = lib_two(NN_PUSH, NN_PULL);
    assert_int_equal(pthread_create(&t, NULL, send_later, &two.s), 0);
    assert_int_equal(lib_poll(two.c, NN_POLLIN, LIB_PATIENCE_MS), NN_POLLIN);
    pthread_join(t, NULL);
    lib_expect(two.c, "later");
    lib_close(two);
}

static void *close_later(void *arg)
{
    lib_pause(20);
    nn_close(*(int *)arg);
    return NULL;
}

static void a_close_ends_the_wait(void **state)
{
    (void)state;
    pthread_t t;
    int s = lib_socket(NN_PULL);
    struct nn_pollfd p = {.fd = s, .events = NN_POLLIN};
    assert_int_equal(pthread_create(&t, NULL, close_later, &s), 0);
    lib_fails(nn_poll(&p, 1, LIB_PATIENCE_MS), EBADF);
    pthread_join(t, NULL);
}

static void push_is_writable_with_a_peer(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH), c = lib_socket(NN_PULL);
    assert_int_equal(lib_poll(s, NN_POLLOUT, 0), 0);
    lib_join(s, c);
    assert_int_equal(lib_poll(s, NN_POLLOUT, LIB_PATIENCE_MS), NN_POLLOUT);
    nn_close(c);
    lib_until(lib_poll(s, NN_POLLOUT, 0) == 0);
    nn_close(s);
}

static void pub_and_req_are_always_writable(void **state)
{
    (void)state;
    int p = lib_socket(NN_PUB), q = lib_socket(NN_REQ);
    assert_int_equal(lib_poll(p, NN_POLLOUT, 0), NN_POLLOUT);
    assert_int_equal(lib_poll(q, NN_POLLOUT | NN_POLLIN, 0), NN_POLLOUT);
    nn_close(p);
    nn_close(q);
}

static void rep_is_writable_with_a_request_in_hand(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    assert_int_equal(lib_poll(t.s, NN_POLLIN | NN_POLLOUT, 0), 0);
    lib_send(t.c, "q");
    assert_int_equal(lib_poll(t.s, NN_POLLIN | NN_POLLOUT, -1), NN_POLLIN);
    lib_expect(t.s, "q");
    assert_int_equal(lib_poll(t.s, NN_POLLIN | NN_POLLOUT, -1), NN_POLLOUT);
    lib_send(t.s, "a");
    assert_int_equal(lib_poll(t.s, NN_POLLIN | NN_POLLOUT, 0), 0);
    lib_close(t);
}

static void req_is_readable_with_an_answer(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    lib_send(t.c, "q");
    lib_expect(t.s, "q");
    assert_int_equal(lib_poll(t.c, NN_POLLIN, 0), 0);
    lib_send(t.s, "a");
    assert_int_equal(lib_poll(t.c, NN_POLLIN, LIB_PATIENCE_MS), NN_POLLIN);
    lib_expect(t.c, "a");
    assert_int_equal(lib_poll(t.c, NN_POLLIN, 0), 0);
    lib_close(t);
}

static void a_message_that_no_topic_matches_is_not_readable(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUB), c = lib_ok(nn_socket(AF_SP, NN_SUB));
    lib_ok(nn_setsockopt(c, NN_SUB, NN_SUB_SUBSCRIBE, "yes", 3));
    lib_join(s, c);
    lib_send(s, "no");
    lib_send(s, "yes");
    assert_int_equal(lib_poll(c, NN_POLLIN, LIB_PATIENCE_MS), NN_POLLIN);
    lib_expect(c, "yes");
    assert_int_equal(lib_poll(c, NN_POLLIN, 0), 0);
    nn_close(c);
    nn_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_wait_for_sleeps),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(a_bad_socket_is_ebadf),
        cmocka_unit_test(a_direction_that_does_not_exist),
        cmocka_unit_test(revents_are_untouched_at_the_timeout),
        cmocka_unit_test(the_timeout_is_kept),
        cmocka_unit_test(ready_is_told_at_once),
        cmocka_unit_test(only_what_is_asked_is_told),
        cmocka_unit_test(several_sockets),
        cmocka_unit_test(the_same_socket_twice),
        cmocka_unit_test(a_message_that_comes_later_ends_the_wait),
        cmocka_unit_test(a_close_ends_the_wait),
        cmocka_unit_test(push_is_writable_with_a_peer),
        cmocka_unit_test(pub_and_req_are_always_writable),
        cmocka_unit_test(rep_is_writable_with_a_request_in_hand),
        cmocka_unit_test(req_is_readable_with_an_answer),
        cmocka_unit_test(a_message_that_no_topic_matches_is_not_readable),
    };
    return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
