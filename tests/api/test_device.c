/* SPDX-License-Identifier: MIT */
/* nn_device: what it accepts and what it passes on. What ends it, and what it does when one side is
 * full, is in test_device_flow.c, sizes and transports are in test_sizes.c. */
#include "devlib.h"

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
    open_line(&l, &dv_pairs[DEV_SURVEYOR], 2);
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
        open_line(&l, &dv_pairs[DEV_REQ],
                  2); /* REQ: its id is the first hop, each device adds one */
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
    open_line(&l, &dv_pairs[DEV_PUSH], 2);
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
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
