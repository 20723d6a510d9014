/* SPDX-License-Identifier: MIT */
/* NN_RCVFD and NN_SNDFD are readable exactly while a call would not wait. */
#include "lib.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

static int fd_of(int s, int option)
{
    int fd = lib_get(s, option);
    assert_in_range(fd, 0, 1 << 20);
    return fd;
}

/* Whether fd polls readable within ms. */
static int readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = poll(&p, 1, ms);
    assert_return_code(rc, errno);
    return rc == 1 && p.revents & POLLIN;
}

static void a_direction_that_does_not_exist_has_no_descriptor(void **state)
{
    (void)state;
    int fd, in = lib_socket(NN_SUB), out = lib_socket(NN_PUB);
    size_t len = sizeof fd;
    lib_fails(nn_getsockopt(in, NN_SOL_SOCKET, NN_SNDFD, &fd, &len), ENOPROTOOPT);
    lib_fails(nn_getsockopt(out, NN_SOL_SOCKET, NN_RCVFD, &fd, &len), ENOPROTOOPT);
    nn_close(in);
    nn_close(out);
}

static void the_descriptor_stays_the_same(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR);
    int r = fd_of(s, NN_RCVFD), w = fd_of(s, NN_SNDFD);
    assert_int_not_equal(r, w);
    assert_int_equal(fd_of(s, NN_RCVFD), r);
    assert_int_equal(fd_of(s, NN_SNDFD), w);
    assert_true(fcntl(r, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(w, F_GETFD) & FD_CLOEXEC);
    nn_close(s);
}

static void readable_when_a_message_is_there(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    int fd = fd_of(t.c, NN_RCVFD);
    assert_false(readable(fd, 0));
    lib_send(t.s, "x");
    assert_true(readable(fd, LIB_PATIENCE_MS)); /* nobody is inside the library: the helper reads */
    lib_expect(t.c, "x");
    assert_false(readable(fd, 0));
    lib_close(t);
}

static void readable_when_it_is_first_asked_for(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_send(t.s, "x");
    lib_until(lib_poll(t.c, NN_POLLIN, 0));
    assert_true(readable(fd_of(t.c, NN_RCVFD), 0));
    assert_true(readable(fd_of(t.s, NN_SNDFD), 0));
    lib_close(t);
}

static void level_follows_every_message(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    int fd = fd_of(t.c, NN_RCVFD);
    for (int round = 0; round < 200; round++) {
        lib_send(t.s, "a");
        lib_send(t.s, "b");
        assert_true(readable(fd, LIB_PATIENCE_MS));
        lib_expect(t.c, "a");
        assert_true(readable(fd, LIB_PATIENCE_MS)); /* b may still be on its way */
        lib_expect(t.c, "b");
        assert_false(readable(fd, 0));
    }
    lib_close(t);
}

static void a_failed_receive_leaves_it_unreadable(void **state)
{
    (void)state;
    char buf[4];
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    int fd = fd_of(t.c, NN_RCVFD);
    lib_fails(nn_recv(t.c, buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    assert_false(readable(fd, 0));
    lib_close(t);
}

static void send_side_follows_the_peer(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH), c = lib_socket(NN_PULL);
    int fd = fd_of(s, NN_SNDFD);
    assert_false(readable(fd, 0));
    lib_join(s, c);
    assert_true(readable(fd, LIB_PATIENCE_MS));
    nn_close(c);
    lib_peers(s, 0);
    assert_false(readable(fd, 0));
    nn_close(s);
}

static void send_side_follows_back_pressure(void **state)
{
    (void)state;
    static char big[60000];
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    int fd = fd_of(t.s, NN_SNDFD), n = 0;
    while (nn_send(t.s, big, sizeof big, NN_DONTWAIT) >= 0)
        n++;
    assert_int_equal(nn_errno(), EAGAIN);
    lib_until(nn_send(t.s, big, sizeof big, NN_DONTWAIT) < 0 ? !readable(fd, 20) : (n++, 0));
    for (int i = 0; i < n; i++)
        assert_int_equal(nn_recv(t.c, big, sizeof big, 0), sizeof big);
    assert_true(readable(fd, LIB_PATIENCE_MS));
    lib_send(t.s, "room");
    lib_expect(t.c, "room");
    lib_close(t);
}

static void req_and_pub_are_always_ready_to_send(void **state)
{
    (void)state;
    int q = lib_socket(NN_REQ), p = lib_socket(NN_PUB);
    assert_true(readable(fd_of(q, NN_SNDFD), 0));
    assert_true(readable(fd_of(p, NN_SNDFD), 0));
    assert_false(readable(fd_of(q, NN_RCVFD), 0));
    nn_close(q);
    nn_close(p);
}

static void rep_is_ready_to_send_with_a_request_in_hand(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    int in = fd_of(t.s, NN_RCVFD), out = fd_of(t.s, NN_SNDFD);
    assert_false(readable(out, 0));
    lib_send(t.c, "q");
    assert_true(readable(in, LIB_PATIENCE_MS));
    assert_false(readable(out, 0));
    lib_expect(t.s, "q");
    assert_false(readable(in, 0));
    assert_true(readable(out, 0));
    lib_send(t.s, "a");
    assert_false(readable(out, 0));
    lib_expect(t.c, "a");
    lib_close(t);
}

static void a_stale_answer_is_not_readable(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    int fd = fd_of(t.c, NN_RCVFD);
    lib_send(t.c, "q");
    lib_expect(t.s, "q");
    lib_send(t.s, "a");
    assert_true(readable(fd, LIB_PATIENCE_MS));
    lib_send(t.c, "another"); /* cancels the first, whose answer is there */
    assert_false(readable(fd, 0));
    lib_expect(t.s, "another");
    lib_send(t.s, "b");
    lib_expect(t.c, "b");
    lib_close(t);
}

static void unsubscribing_takes_the_level_away(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUB, NN_SUB);
    int fd = fd_of(t.c, NN_RCVFD);
    lib_send(t.s, "x");
    assert_true(readable(fd, LIB_PATIENCE_MS));
    lib_ok(nn_setsockopt(t.c, NN_SUB, NN_SUB_UNSUBSCRIBE, "", 0));
    assert_false(readable(fd, 0));
    lib_close(t);
}

static void *wait_on(void *arg)
{
    return (void *)(intptr_t)readable(*(int *)arg, LIB_PATIENCE_MS);
}

static void a_close_makes_it_readable(void **state)
{
    (void)state;
    pthread_t t;
    void *seen = NULL;
    int s = lib_socket(NN_PULL), fd = dup(fd_of(s, NN_RCVFD));
    assert_int_equal(pthread_create(&t, NULL, wait_on, &fd), 0);
    lib_pause(10);
    nn_close(s);
    pthread_join(t, &seen);
    assert_non_null(seen);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_direction_that_does_not_exist_has_no_descriptor),
        cmocka_unit_test(the_descriptor_stays_the_same),
        cmocka_unit_test(readable_when_a_message_is_there),
        cmocka_unit_test(readable_when_it_is_first_asked_for),
        cmocka_unit_test(level_follows_every_message),
        cmocka_unit_test(a_failed_receive_leaves_it_unreadable),
        cmocka_unit_test(send_side_follows_the_peer),
        cmocka_unit_test(send_side_follows_back_pressure),
        cmocka_unit_test(req_and_pub_are_always_ready_to_send),
        cmocka_unit_test(rep_is_ready_to_send_with_a_request_in_hand),
        cmocka_unit_test(a_stale_answer_is_not_readable),
        cmocka_unit_test(unsubscribing_takes_the_level_away),
        cmocka_unit_test(a_close_makes_it_readable),
    };
    return cmocka_run_group_tests_name("event descriptors", tests, NULL, NULL);
}
