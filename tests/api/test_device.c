/* SPDX-License-Identifier: MIT */
/* nn_device: what it accepts, what it passes on, what ends it, and what it does when one side is
 * full. Sizes and transports are in test_sizes.c. */
#include "lib.h"
#include "support/device.h"
#include "support/stress.h"
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <signal.h>
#include <stdbool.h>

static char buf[64];

/* ---- what it accepts ---- */

static const int protocols[] = {NN_PAIR, NN_PUB,  NN_SUB,      NN_REQ,        NN_REP,
                                NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
#define N_PROTOCOLS (sizeof protocols / sizeof *protocols)

static bool receives(int p)
{
    return p != NN_PUB && p != NN_PUSH;
}

static bool sends(int p)
{
    return p != NN_SUB && p != NN_PULL;
}

/* It runs until either socket is closed. */
static void runs(int s1, int s2, int close_first)
{
    struct dv d;
    assert_int_equal(dv_start(&d, s1, s2), 0);
    lib_pause(2);
    lib_ok(nn_close(close_first));
    assert_int_equal(dv_join(&d), EBADF);
}

/* As measured with nanomsg 1.1.5: the same family, and some direction that both have. */
static void each_two_raw_sockets_match_or_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_PROTOCOLS; i++)
        for (size_t k = 0; k < N_PROTOCOLS; k++) {
            int p = protocols[i], q = protocols[k];
            int s1 = dv_raw(p), s2 = dv_raw(q);
            bool way = (receives(p) && sends(q)) || (receives(q) && sends(p));
            if (p / 16 == q / 16 && way) {
                int first = (i + k) % 2 ? s1 : s2;
                runs(s1, s2, first);
                lib_ok(nn_close(first == s1 ? s2 : s1));
                continue;
            }
            lib_fails(nn_device(s1, s2), EINVAL);
            lib_ok(nn_close(s1));
            lib_ok(nn_close(s2));
        }
}

static void one_socket_loops_when_it_has_both_directions(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_PROTOCOLS; i++) {
        int p = protocols[i];
        for (int how = 0; how < 3; how++) {
            int s = dv_raw(p), s1 = how == 1 ? -1 : s, s2 = how == 0 ? -1 : s;
            if (receives(p) && sends(p)) {
                runs(s1, s2, s);
                continue;
            }
            lib_fails(nn_device(s1, s2), how == 2 ? EINVAL : ENOTSUP);
            lib_ok(nn_close(s));
        }
    }
}

static void cooked_sockets_are_refused(void **state)
{
    (void)state;
    int raw = dv_raw(NN_REP), req = lib_socket(NN_REQ), pair = lib_socket(NN_PAIR);
    lib_fails(nn_device(raw, req), EINVAL);
    lib_fails(nn_device(req, raw), EINVAL);
    lib_fails(nn_device(pair, -1), EINVAL);
    lib_fails(nn_device(-1, pair), EINVAL);
    nn_close(raw);
    nn_close(req);
    nn_close(pair);
}

static void what_is_no_socket_is_refused(void **state)
{
    (void)state;
    int raw = dv_raw(NN_PAIR);
    lib_fails(nn_device(-1, -1), EBADF);
    lib_fails(nn_device(raw, 4999), EBADF);
    lib_fails(nn_device(4999, raw), EBADF);
    lib_fails(nn_device(4999, -1), EBADF);
    nn_close(raw);
    lib_fails(nn_device(raw, -1), EBADF);
}

/* ---- what it passes on ---- */

struct line {
    const struct dv_pair *pair;
    struct dv d[2];
    int n;        /* devices */
    int from, to; /* the ends */
};

/* from -> device -> ... -> to; the raw sockets listen. */
static void open_line(struct line *l, const struct dv_pair *pair, int n)
{
    int ms = -1;
    *l = (struct line){.pair = pair, .n = n};
    l->from = lib_socket(pair->from);
    l->to = lib_socket(pair->to);
    if (pair->from == NN_SURVEYOR)
        lib_ok(nn_setsockopt(l->from, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &ms, sizeof ms));
    int near = l->from;
    for (int i = 0; i < n; i++) {
        int s1 = dv_raw(pair->to), s2 = dv_raw(pair->from);
        lib_join(s1, near);
        assert_int_equal(dv_start(&l->d[i], s1, s2), 0);
        near = s2;
    }
    lib_join(near, l->to);
}

static void close_line(struct line *l)
{
    lib_ok(nn_close(l->from));
    lib_ok(nn_close(l->to));
    for (int i = 0; i < l->n; i++)
        assert_int_equal(dv_stop(&l->d[i]), EBADF);
}

static void talk(struct line *l, int rounds)
{
    char text[64];
    for (int i = 0; i < rounds; i++) {
        snprintf(text, sizeof text, "question %d", i);
        lib_send(l->from, text);
        lib_expect(l->to, text);
        if (!l->pair->answers)
            continue;
        snprintf(text, sizeof text, "answer %d", i);
        lib_send(l->to, text);
        lib_expect(l->from, text);
    }
}

/* Every message is counted once on its way in and once on its way out. */
static void counted(struct line *l, uint64_t there, uint64_t back)
{
    for (int i = 0; i < l->n; i++) {
        int s1 = l->d[i].s1, s2 = l->d[i].s2;
        assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_RECEIVED), there);
        assert_int_equal(lib_stat(s2, NN_STAT_MESSAGES_SENT), there);
        assert_int_equal(lib_stat(s2, NN_STAT_MESSAGES_RECEIVED), back);
        assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_SENT), back);
        assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_DROPPED_SEND), 0);
        assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_DROPPED_RECV), 0);
        assert_int_equal(lib_stat(s2, NN_STAT_MESSAGES_DROPPED_SEND), 0);
        assert_int_equal(lib_stat(s2, NN_STAT_MESSAGES_DROPPED_RECV), 0);
    }
}

static void through_devices(int n)
{
    for (int i = 0; i < dv_n_pairs; i++) {
        struct line l;
        open_line(&l, &dv_pairs[i], n);
        talk(&l, 50);
        counted(&l, 50, dv_pairs[i].answers ? 50 : 0);
        close_line(&l);
    }
}

static void through_one_device(void **state)
{
    (void)state;
    through_devices(1);
}

static void through_two_devices(void **state)
{
    (void)state;
    through_devices(2);
}

/* The order of the arguments and who dials make no difference. */
static void the_other_way_round(void **state)
{
    (void)state;
    for (int i = 0; i < dv_n_pairs; i++) {
        const struct dv_pair *pair = &dv_pairs[i];
        struct line l = {.pair = pair, .n = 1};
        int s1 = dv_raw(pair->from), s2 = dv_raw(pair->to), ms = -1;
        l.from = lib_socket(pair->from);
        l.to = lib_socket(pair->to);
        if (pair->from == NN_SURVEYOR)
            lib_ok(nn_setsockopt(l.from, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &ms, sizeof ms));
        lib_join(l.from, s2);
        lib_join(l.to, s1);
        assert_int_equal(dv_start(&l.d[0], s1, s2), 0);
        talk(&l, 10);
        close_line(&l);
    }
}

static void answers_find_who_asked(void **state)
{
    (void)state;
    struct dv d;
    int front = dv_raw(NN_REP), back = dv_raw(NN_REQ), asks[3], does[2];
    for (int i = 0; i < 3; i++)
        lib_join(front, asks[i] = lib_socket(NN_REQ));
    for (int i = 0; i < 2; i++)
        lib_join(back, does[i] = lib_socket(NN_REP));
    assert_int_equal(dv_start(&d, front, back), 0);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 3; i++) {
            snprintf(buf, sizeof buf, "%d", i);
            lib_send(asks[i], buf);
        }
        for (int left = 3; left > 0;) {
            struct nn_pollfd p[2] = {{does[0], NN_POLLIN, 0}, {does[1], NN_POLLIN, 0}};
            assert_true(nn_poll(p, 2, LIB_PATIENCE_MS) > 0);
            for (int k = 0; k < 2; k++)
                if (p[k].revents) {
                    int n = lib_ok(nn_recv(does[k], buf, sizeof buf, 0));
                    lib_ok(nn_send(does[k], buf, (size_t)n, 0));
                    left--;
                }
        }
        for (int i = 0; i < 3; i++) {
            snprintf(buf, sizeof buf, "%d", i);
            lib_expect(asks[i], buf);
        }
    }
    for (int i = 0; i < 2; i++) {
        assert_true(lib_stat(does[i], NN_STAT_MESSAGES_RECEIVED) > 0); /* load is shared */
        nn_close(does[i]);
    }
    for (int i = 0; i < 3; i++)
        nn_close(asks[i]);
    assert_int_equal(dv_stop(&d), EBADF);
}

static void a_survey_gathers_the_answers_of_all(void **state)
{
    (void)state;
    struct line l;
    int more = lib_socket(NN_RESPONDENT);
    open_line(&l, &dv_pairs[4], 2);
    assert_int_equal(dv_pairs[4].from, NN_SURVEYOR);
    lib_join(l.d[0].s2, more); /* another, one hop nearer */
    lib_send(l.from, "q");
    lib_expect(l.to, "q");
    lib_expect(more, "q");
    lib_send(l.to, "a");
    lib_expect(l.from, "a");
    lib_send(more, "b");
    lib_expect(l.from, "b");
    nn_close(more);
    close_line(&l);
}

static void a_bus_is_joined_and_nothing_comes_back(void **state)
{
    (void)state;
    struct dv d;
    int s1 = dv_raw(NN_BUS), s2 = dv_raw(NN_BUS), left[2], right[2];
    for (int i = 0; i < 2; i++) {
        lib_join(s1, left[i] = lib_socket(NN_BUS));
        lib_join(s2, right[i] = lib_socket(NN_BUS));
    }
    assert_int_equal(dv_start(&d, s1, s2), 0);
    lib_send(left[0], "m");
    lib_expect(right[0], "m");
    lib_expect(right[1], "m");
    lib_expect_nothing(left[0]);
    lib_expect_nothing(left[1]);
    for (int i = 0; i < 2; i++) {
        nn_close(left[i]);
        nn_close(right[i]);
    }
    assert_int_equal(dv_stop(&d), EBADF);
}

static void a_bus_on_one_socket_reaches_all_but_the_sender(void **state)
{
    (void)state;
    struct dv d;
    int hub = dv_raw(NN_BUS), b[3];
    for (int i = 0; i < 3; i++)
        lib_join(hub, b[i] = lib_socket(NN_BUS));
    assert_int_equal(dv_start(&d, hub, -1), 0);
    for (int i = 0; i < 3; i++) {
        lib_send(b[i], "m");
        lib_expect(b[(i + 1) % 3], "m");
        lib_expect(b[(i + 2) % 3], "m");
    }
    for (int i = 0; i < 3; i++) {
        lib_fails(nn_recv(b[i], buf, sizeof buf, NN_DONTWAIT), EAGAIN);
        nn_close(b[i]);
    }
    assert_int_equal(dv_stop(&d), EBADF);
}

static void a_loop_sends_back_what_comes(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct dv d;
        int s = dv_raw(NN_PAIR), c = lib_socket(NN_PAIR);
        lib_join(s, c);
        assert_int_equal(dv_start(&d, how == 1 ? -1 : s, how == 0 ? -1 : s), 0);
        for (int i = 0; i < 200; i++) {
            snprintf(buf, sizeof buf, "%d", i);
            char text[64];
            memcpy(text, buf, sizeof text);
            lib_send(c, text);
            lib_expect(c, text);
        }
        nn_close(c);
        assert_int_equal(dv_stop(&d), EBADF);
    }
}

static void hops_are_counted(void **state)
{
    (void)state;
    for (int limit = 1; limit <= 3; limit++) {
        struct line l;
        int s = -1;
        open_line(&l, &dv_pairs[0], 2); /* REQ: its id is the first hop, each device adds one */
        lib_set(l.to, NN_MAXTTL, limit);
        lib_send(l.from, "q");
        s = l.to;
        if (limit < 3) {
            lib_until(lib_poll(s, NN_POLLIN, 0) == 0 &&
                      lib_stat(s, NN_STAT_MESSAGES_DROPPED_RECV) == 1);
            lib_fails(nn_recv(s, buf, sizeof buf, NN_DONTWAIT), EAGAIN);
        } else {
            lib_expect(s, "q");
        }
        close_line(&l);
    }
}

static void thousands_keep_their_order(void **state)
{
    (void)state;
    struct line l;
    open_line(&l, &dv_pairs[1], 2);
    assert_int_equal(dv_pairs[1].from, NN_PUSH);
    int n = LIB_SLOW ? 3000 : 30000;
    lib_set(l.from, NN_SNDTIMEO, LIB_PATIENCE_MS);
    for (int i = 0; i < n;) {
        for (int k = 0; k < 500; k++, i++)
            assert_int_equal(lib_ok(nn_send(l.from, &i, sizeof i, 0)), sizeof i);
        for (int k = i - 500, got; k < i; k++) {
            assert_int_equal(lib_ok(nn_recv(l.to, &got, sizeof got, 0)), sizeof got);
            assert_int_equal(got, k);
        }
    }
    counted(&l, (uint64_t)n, 0);
    close_line(&l);
}

/* ---- full sides ---- */

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
    open_line(&l, &dv_pairs[1], 1);
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
    open_line(&l, &dv_pairs[2], 1);
    assert_int_equal(dv_pairs[2].from, NN_PAIR);
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
    open_line(&l, &dv_pairs[2], 1);
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
        open_line(&l, &dv_pairs[1], 1);
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
        open_line(&l, &dv_pairs[1], 1);
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
    for (int kind = 1; kind <= 2; kind++) { /* PUSH, PAIR */
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
    open_line(&l, &dv_pairs[1], 1);
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
        cmocka_unit_test(each_two_raw_sockets_match_or_are_refused),
        cmocka_unit_test(one_socket_loops_when_it_has_both_directions),
        cmocka_unit_test(cooked_sockets_are_refused),
        cmocka_unit_test(what_is_no_socket_is_refused),
        cmocka_unit_test(through_one_device),
        cmocka_unit_test(through_two_devices),
        cmocka_unit_test(the_other_way_round),
        cmocka_unit_test(answers_find_who_asked),
        cmocka_unit_test(a_survey_gathers_the_answers_of_all),
        cmocka_unit_test(a_bus_is_joined_and_nothing_comes_back),
        cmocka_unit_test(a_bus_on_one_socket_reaches_all_but_the_sender),
        cmocka_unit_test(a_loop_sends_back_what_comes),
        cmocka_unit_test(hops_are_counted),
        cmocka_unit_test(thousands_keep_their_order),
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
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
