/* SPDX-License-Identifier: MIT */
/* PUSH and PULL, PAIR, and priorities. */
#include "lib.h"

/* Connects s to c, which listens, with this priority on s's side. */
static void dial_with(int s, int c, int option, int prio)
{
    lib_set(s, option, prio);
    lib_join(c, s);
}

static void messages_keep_their_order(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    char text[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%d", i);
        lib_send(t.s, text);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%d", i);
        lib_expect(t.c, text);
    }
    lib_close(t);
}

static void push_goes_round_its_peers(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH), a = lib_socket(NN_PULL), b = lib_socket(NN_PULL);
    lib_join(s, a);
    lib_join(s, b);
    for (int i = 0; i < 10; i++) {
        lib_send(s, "1");
        lib_send(s, "2");
        lib_expect(a, "1");
        lib_expect(b, "2");
    }
    nn_close(s);
    nn_close(a);
    nn_close(b);
}

static void push_waits_for_a_peer(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH), c = lib_socket(NN_PULL);
    char address[160];
    snprintf(address, sizeof address, "%s", lib_listen(s));
    lib_ok(nn_connect(c, address));
    lib_send(s, "waited");
    lib_expect(c, "waited");
    nn_close(s);
    nn_close(c);
}

static void pull_takes_turns(void **state)
{
    (void)state;
    int c = lib_socket(NN_PULL), a = lib_socket(NN_PUSH), b = lib_socket(NN_PUSH);
    lib_join(c, a);
    lib_join(c, b);
    for (int i = 0; i < 4; i++) {
        lib_send(a, "a");
        lib_send(b, "b");
    }
    lib_until(lib_stat(a, NN_STAT_MESSAGES_SENT) == 4);
    int n_a = 0, n_b = 0;
    for (int i = 0; i < 8; i++) {
        char m;
        assert_int_equal(lib_ok(nn_recv(c, &m, 1, 0)), 1);
        *(m == 'a' ? &n_a : &n_b) += 1;
    }
    assert_int_equal(n_a, 4);
    assert_int_equal(n_b, 4);
    nn_close(a);
    nn_close(b);
    nn_close(c);
}

static void the_best_priority_gets_all(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH), low = lib_socket(NN_PULL), high = lib_socket(NN_PULL);
    dial_with(s, low, NN_SNDPRIO, 9);
    dial_with(s, high, NN_SNDPRIO, 2);
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_SND_PRIORITY), 2);
    for (int i = 0; i < 10; i++) {
        lib_send(s, "x");
        lib_expect(high, "x");
    }
    lib_expect_nothing(low);
    nn_close(s);
    nn_close(low);
    nn_close(high);
}

static void the_next_priority_gets_what_the_best_leaves(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH), low = lib_socket(NN_PULL), high = lib_socket(NN_PULL);
    dial_with(s, low, NN_SNDPRIO, 16);
    dial_with(s, high, NN_SNDPRIO, 1);
    nn_close(high);
    lib_peers(s, 1);
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_SND_PRIORITY), 16);
    lib_send(s, "x");
    lib_expect(low, "x");
    nn_close(s);
    nn_close(low);
}

static void a_priority_is_of_later_endpoints(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH), c = lib_socket(NN_PULL);
    dial_with(s, c, NN_SNDPRIO, 5);
    lib_set(s, NN_SNDPRIO, 1);
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_SND_PRIORITY), 5);
    nn_close(s);
    nn_close(c);
}

static void the_best_receive_priority_comes_first(void **state)
{
    (void)state;
    int c = lib_socket(NN_PULL), low = lib_socket(NN_PUSH), high = lib_socket(NN_PUSH);
    dial_with(c, low, NN_RCVPRIO, 10);
    dial_with(c, high, NN_RCVPRIO, 1);
    lib_send(low, "low");
    lib_send(low, "low");
    lib_until(lib_poll(c, NN_POLLIN, 0)); /* low's have come */
    lib_send(high, "high");
    struct nn_pipe_info info[2] = {{.size = sizeof *info}};
    lib_until(nn_pipes(c, info, 2) == 2 && lib_poll(high, NN_POLLOUT, 0));
    lib_pause(LIB_QUIET_MS); /* nothing tells that high's has come but time */
    assert_int_equal(lib_poll(c, NN_POLLIN, 0), NN_POLLIN);
    lib_expect(c, "high");
    lib_expect(c, "low");
    lib_expect(c, "low");
    nn_close(c);
    nn_close(low);
    nn_close(high);
}

static void what_a_dead_peer_left_goes_to_another(void **state)
{
    (void)state;
    static char big[50000];
    int s = lib_socket(NN_PUSH), a = lib_socket(NN_PULL), b = lib_socket(NN_PULL), n = 0, got = 0;
    lib_join(s, a);
    while (lib_poll(s, NN_POLLOUT, LIB_QUIET_MS))
        n += nn_send(s, big, sizeof big, NN_DONTWAIT) >= 0;
    assert_true(n > 2);
    int taken = lib_ok(nn_recv(a, big, sizeof big, 0)) == sizeof big;
    lib_join(s, b);
    lib_ok(nn_close(a));
    lib_peers(s, 1);
    lib_send(s, "end");
    while (lib_ok(nn_recv(b, big, sizeof big, 0)) == sizeof big)
        got++;
    assert_true(got >= 1); /* what was in NN_SNDBUF; the kernel's buffers are lost with a */
    assert_true(taken + got <= n);
    nn_close(s);
    nn_close(b);
}

/* ---- PAIR ---- */

static void a_pair_talks_both_ways(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    for (int i = 0; i < 100; i++) {
        lib_send(t.s, "ping");
        lib_send(t.c, "pong");
        lib_expect(t.c, "ping");
        lib_expect(t.s, "pong");
    }
    lib_close(t);
}

static void a_pair_refuses_a_second_peer(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PAIR), a = lib_socket(NN_PAIR), b = lib_socket(NN_PAIR);
    lib_join(s, a);
    lib_text(s, NN_LAST_ENDPOINT, address, sizeof address);
    lib_ok(nn_connect(b, address));
    lib_until(lib_stat(b, NN_STAT_CONNECT_ERRORS) > 1); /* it keeps trying */
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_CONNECTIONS), 1);
    lib_fails(nn_send(b, "x", 1, NN_DONTWAIT),
              EAGAIN); /* and loses nothing into the refused connection */
    lib_send(a, "mine");
    lib_expect(s, "mine");
    nn_close(a);
    lib_peers(b, 1);
    lib_send(b, "now mine");
    lib_expect(s, "now mine");
    nn_close(b);
    nn_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_keep_their_order),
        cmocka_unit_test(push_goes_round_its_peers),
        cmocka_unit_test(push_waits_for_a_peer),
        cmocka_unit_test(pull_takes_turns),
        cmocka_unit_test(the_best_priority_gets_all),
        cmocka_unit_test(the_next_priority_gets_what_the_best_leaves),
        cmocka_unit_test(a_priority_is_of_later_endpoints),
        cmocka_unit_test(the_best_receive_priority_comes_first),
        cmocka_unit_test(what_a_dead_peer_left_goes_to_another),
        cmocka_unit_test(a_pair_talks_both_ways),
        cmocka_unit_test(a_pair_refuses_a_second_peer),
    };
    return cmocka_run_group_tests_name("pipeline, pair and priorities", tests, NULL, NULL);
}
