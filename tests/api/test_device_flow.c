/* SPDX-License-Identifier: MIT */
/* nn_device when a side is full, when there is much to do, and what ends it. */
#include "devlib.h"
#include "support/stress.h"
#include <signal.h>

static char buf[64];

/* Sends numbers of `size` bytes until there is no room any more; how many. */
static int fill(int s, size_t size)
{
    char *body = calloc(1, size);
    int n = 0;
    assert_non_null(body);
    lib_set(s, NN_SNDTIMEO, 300);
    for (;; n++) {
        memcpy(body, &n, sizeof n);
        if (nn_send(s, body, size, 0) < 0)
            break;
        assert_true(n < 200000);
    }
    assert_int_equal(nn_errno(), ETIMEDOUT);
    free(body);
    return n;
}

/* Receives numbers first..last-1. */
static void drain(int s, int first, int last)
{
    int got = -1;
    for (int i = first; i < last; i++) {
        assert_true(lib_ok(nn_recv(s, &got, sizeof got, 0)) >= (int)sizeof got);
        assert_int_equal(got, i);
    }
}

static void a_full_side_makes_the_other_wait(size_t size)
{
    struct line l;
    open_line(&l, &dv_pairs[DEV_PUSH], 1);
    int n = fill(l.from, size);
    assert_true(n > 0);
    assert_int_equal(lib_stat(l.d[0].s2, NN_STAT_MESSAGES_DROPPED_SEND), 0);
    drain(l.to, 0, n);
    counted(&l, (uint64_t)n, 0);
    close_line(&l);
}

static void back_pressure_goes_through(void **state)
{
    (void)state;
    a_full_side_makes_the_other_wait(1000);
    a_full_side_makes_the_other_wait(40000);
}

static void without_a_peer_behind_nothing_is_taken(void **state)
{
    (void)state;
    struct dv d;
    int s1 = dv_raw(NN_PULL), s2 = dv_raw(NN_PUSH), from = lib_socket(NN_PUSH);
    lib_join(s1, from);
    assert_int_equal(dv_start(&d, s1, s2), 0);
    lib_send(from, "m");
    lib_until(lib_poll(s1, NN_POLLIN, 0) == NN_POLLIN);
    lib_pause(LIB_QUIET_MS);
    assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_RECEIVED), 0);
    int to = lib_socket(NN_PULL);
    lib_join(s2, to);
    lib_expect(to, "m");
    nn_close(from);
    nn_close(to);
    assert_int_equal(dv_stop(&d), EBADF);
}

static void a_blocked_way_does_not_stop_the_other(void **state)
{
    (void)state;
    struct line l;
    open_line(&l, &dv_pairs[DEV_PAIR], 1);
    int n = fill(l.from, 1000); /* l.to does not read */
    for (int i = 0; i < 200; i++) {
        snprintf(buf, sizeof buf, "back %d", i);
        char text[64];
        memcpy(text, buf, sizeof text);
        lib_send(l.to, text);
        lib_expect(l.from, text);
    }
    drain(l.to, 0, n);
    close_line(&l);
}

static void a_busy_way_does_not_stop_the_other(void **state)
{
    (void)state;
    struct line l;
    int busy = st_scaled(20000);
    open_line(&l, &dv_pairs[DEV_PAIR], 1);
    for (int i = 0, got = 0; i < busy; i++) {
        assert_int_equal(lib_ok(nn_send(l.from, &i, sizeof i, 0)), sizeof i);
        if (i % 1000 == 999) {
            lib_send(l.to, "back");
            lib_expect(l.from, "back");
            drain(l.to, got, i + 1);
            got = i + 1;
        }
    }
    close_line(&l);
}

/* ---- what ends it ---- */

static void nn_term_ends_it(void **state)
{
    (void)state;
    struct dv d;
    assert_int_equal(dv_start(&d, dv_raw(NN_PAIR), dv_raw(NN_PAIR)), 0);
    lib_pause(5);
    st_within(LIB_PATIENCE_MS, (nn_term(), 0));
    assert_int_equal(dv_join(&d), EBADF);
    assert_int_equal(nn_init(), 0);
}

static void a_close_ends_it_while_it_waits_for_room(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct line l;
        open_line(&l, &dv_pairs[DEV_PUSH], 1);
        (void)fill(l.from, 1000);
        lib_ok(nn_close(which ? l.d[0].s1 : l.d[0].s2));
        assert_int_equal(dv_join(&l.d[0]), EBADF);
        lib_ok(nn_close(which ? l.d[0].s2 : l.d[0].s1));
        nn_close(l.from);
        nn_close(l.to);
    }
}

static void a_close_ends_it_under_load(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct line l;
        open_line(&l, &dv_pairs[DEV_PUSH], 1);
        for (int i = 0; i < 2000; i++)
            (void)!(nn_send(l.from, &i, sizeof i, NN_DONTWAIT) < 0);
        lib_ok(nn_close(round % 2 ? l.d[0].s1 : l.d[0].s2));
        assert_int_equal(dv_join(&l.d[0]), EBADF);
        lib_ok(nn_close(round % 2 ? l.d[0].s2 : l.d[0].s1));
        nn_close(l.from);
        nn_close(l.to);
    }
}

static void on_signal(int sig)
{
    (void)sig;
}

/* Until it is heard: one that comes before the thread waits is not. */
static int interrupt(struct dv *d)
{
    int64_t give_up = lib_now_ms() + LIB_PATIENCE_MS;
    while (!atomic_load(&d->done)) {
        assert_true(lib_now_ms() < give_up);
        pthread_kill(d->thread, SIGUSR1);
        lib_pause(2);
    }
    return dv_join(d);
}

static void a_handler_ends_it(void **state)
{
    (void)state;
    struct sigaction a = {.sa_handler = on_signal}, was;
    assert_int_equal(sigaction(SIGUSR1, &a, &was), 0);
    for (int flags = 0; flags < 2; flags++) {
        struct dv d;
        a.sa_flags = flags ? SA_RESTART : 0;
        assert_int_equal(sigaction(SIGUSR1, &a, NULL), 0);
        assert_int_equal(dv_start(&d, dv_raw(NN_PAIR), dv_raw(NN_PAIR)), 0);
        assert_int_equal(interrupt(&d), EINTR);
        nn_close(d.s1);
        nn_close(d.s2);
    }
    assert_int_equal(sigaction(SIGUSR1, &was, NULL), 0);
}

/* Ended by signals again and again while one side is full: all arrive, in order. */
static void what_it_held_when_a_handler_ended_it_is_not_lost(void **state)
{
    (void)state;
    struct sigaction a = {.sa_handler = on_signal}, was;
    assert_int_equal(sigaction(SIGUSR1, &a, &was), 0);
    for (int kind = DEV_PUSH; kind <= DEV_PAIR; kind++) {
        struct line l;
        open_line(&l, &dv_pairs[kind], 1);
        int n = fill(l.from, 1000), read = 0;
        for (int i = 0; i < 10; i++) {
            int step = read + n / 11;
            drain(l.to, read, step);
            read = step;
            struct dv *d = &l.d[0];
            assert_int_equal(interrupt(d), EINTR);
            assert_int_equal(dv_start(d, d->s1, d->s2), 0);
        }
        drain(l.to, read, n);
        counted(&l, (uint64_t)n, 0);
        close_line(&l);
    }
    assert_int_equal(sigaction(SIGUSR1, &was, NULL), 0);
}

/* Two threads may run one device each way, or a device and calls of their own. */
static void others_may_use_the_sockets(void **state)
{
    (void)state;
    struct line l;
    struct dv second;
    open_line(&l, &dv_pairs[DEV_PUSH], 1);
    assert_int_equal(dv_start(&second, l.d[0].s1, l.d[0].s2), 0);
    lib_send(l.d[0].s2, "from outside");
    lib_expect(l.to, "from outside");
    int seen = 0, got;
    static char at[1000];
    for (int i = 0; i < 1000; i++)
        lib_ok(nn_send(l.from, &i, sizeof i, 0));
    for (int i = 0; i < 1000; i++) {
        lib_ok(nn_recv(l.to, &got, sizeof got, 0));
        assert_in_range(got, 0, 999);
        seen += !at[got];
        at[got] = 1;
    }
    assert_int_equal(seen, 1000);
    close_line(&l);
    assert_int_equal(dv_join(&second), EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(back_pressure_goes_through),
        cmocka_unit_test(without_a_peer_behind_nothing_is_taken),
        cmocka_unit_test(a_blocked_way_does_not_stop_the_other),
        cmocka_unit_test(a_busy_way_does_not_stop_the_other),
        cmocka_unit_test(nn_term_ends_it),
        cmocka_unit_test(a_close_ends_it_while_it_waits_for_room),
        cmocka_unit_test(a_close_ends_it_under_load),
        cmocka_unit_test(a_handler_ends_it),
        cmocka_unit_test(what_it_held_when_a_handler_ended_it_is_not_lost),
        cmocka_unit_test(others_may_use_the_sockets),
    };
    return cmocka_run_group_tests_name("flow through devices", tests, NULL, NULL);
}
