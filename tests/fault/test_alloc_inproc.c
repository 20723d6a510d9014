/* SPDX-License-Identifier: MIT */
/* Every single allocation of each scenario over inproc fails once: each call gives its result or an
 * error that says so, what was accepted arrives or is counted, and nothing crashes, hangs or leaks.
 * Then the same with five failures in a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/rawpeer.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- failing ---- */

static atomic_long asked;            /* allocations since the scenario began */
static atomic_long first, last = -1; /* which of them fail */

static bool hook(void)
{
    long n = atomic_fetch_add(&asked, 1);
    return n >= atomic_load(&first) && n <= atomic_load(&last);
}

/* Runs the scenario and ends the library; gives how often memory was asked for. */
static long run(void (*scenario)(void), long from, long to)
{
    rp_watchdog(60);
    atomic_store(&asked, 0);
    atomic_store(&first, from);
    atomic_store(&last, to);
    scenario();
    nn_term();
    atomic_store(&last, -1);
    nn_init();
    return atomic_load(&asked);
}

static void each_fails(void (*scenario)(void))
{
    sp_alloc_hook = hook;
    long n = run(scenario, 0, -1);
    n = run(scenario, 0, -1) > n ? atomic_load(&asked) : n;
    int fds = rp_fds();
    size_t heap = rp_heap();
    assert_true(n > 0);
    for (int in_a_row = 1; in_a_row <= 5; in_a_row += 4) {
        for (long i = 0; i < n; i++) {
            run(scenario, i, i + in_a_row - 1);
            assert_int_equal(rp_fds(), fds);
        }
    }
    assert_in_range(rp_heap(), 0, heap + 16384);
    sp_alloc_hook = NULL;
    rp_watchdog(0);
}

/* What a call may say when memory was short; gives rc. */
static int ok(int rc)
{
    int err = errno;
    if (rc < 0 && err != ENOMEM && err != ETIMEDOUT && err != EAGAIN)
        fail_msg("%s", strerror(err));
    return rc;
}

/* ---- sockets ---- */

/* A socket that ends its calls after 100 ms; asks again when memory was short. */
static int opened(int protocol)
{
    int s, tries = 0;
    do
        s = nn_socket(AF_SP, protocol);
    while (s < 0 && errno == ENOMEM && tries++ < 10);
    if (s < 0)
        fail_msg("nn_socket: %s", strerror(errno));
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1);
    rp_set(s, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(100));
    rp_set(s, NN_SOL_SOCKET, NN_SNDTIMEO, rp_time(100));
    return s;
}

static void bound(int s)
{
    int tries = 0;
    while (ok(nn_bind(s, "inproc://alloc")) < 0)
        assert_true(tries++ < 10);
}

static void connected(int s)
{
    int tries = 0;
    while (ok(nn_connect(s, "inproc://alloc")) < 0)
        assert_true(tries++ < 10);
}

static uint64_t stat_of(int s, int stat)
{
    return nn_get_statistic(s, stat);
}

static uint64_t dropped(int s)
{
    return stat_of(s, NN_STAT_MESSAGES_DROPPED_SEND) + stat_of(s, NN_STAT_MESSAGES_DROPPED_RECV);
}

/* ---- scenarios ---- */

/* Whoever comes first: in the end both are connected, however many attempts that takes. */
static void scenario_meeting(void)
{
    int a = opened(NN_PAIR), b = opened(NN_PAIR);
    connected(b);
    bound(a);
    assert_true(rp_stat_reaches(a, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_true(rp_stat_reaches(b, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_int_equal(nn_close(a), 0);
    int c = opened(NN_PAIR);
    bound(c);
    assert_true(rp_stat_reaches(c, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_int_equal(nn_close(b), 0);
    assert_int_equal(nn_close(c), 0);
}

static void test_meeting(void **state)
{
    (void)state;
    each_fails(scenario_meeting);
}

static void scenario_refusal(void)
{
    int a = opened(NN_PAIR), b = opened(NN_PAIR), c = opened(NN_PAIR), d = opened(NN_REP);
    bound(a);
    connected(b);
    connected(c);
    connected(d);
    assert_int_equal(nn_close(c), 0);
    assert_int_equal(nn_close(d), 0);
    assert_true(rp_stat_reaches(b, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_int_equal(nn_close(a), 0);
    assert_int_equal(nn_close(b), 0);
}

static void test_being_refused(void **state)
{
    (void)state;
    each_fails(scenario_refusal);
}

static size_t nth_len(int i)
{
    return i % 10 == 9 ? 100000 : i % 3 ? 30 : 5000;
}

static int give(int s, const uint8_t *p, size_t n, int how)
{
    if (!how)
        return nn_send(s, p, n, 0);
    void *msg = nn_allocmsg(n, 0);
    if (!msg)
        return -1;
    memcpy(msg, p, n);
    int rc = nn_send(s, &msg, NN_MSG, 0), err = errno;
    if (rc < 0)
        assert_int_equal(nn_freemsg(msg), 0); /* it is still ours */
    errno = err;
    return rc;
}

/* A receiver with room for everything. */
static int receiver(void)
{
    int s = opened(NN_PULL);
    rp_set(s, NN_SOL_SOCKET, NN_RCVBUF, 1 << 24);
    bound(s);
    return s;
}

/* Every message that nn_send took is received whole and in order, or counted as dropped: also when
 * the first receiver goes in the middle and the second gets the rest. */
static void scenario_pushpull(void)
{
    static uint8_t b[100000];
    int push = opened(NN_PUSH), pull = receiver();
    uint64_t sent = 0, got = 0;
    connected(push);
    for (int i = 0; i < 40; i++) {
        memset(b, i, nth_len(i));
        sent += ok(give(push, b, nth_len(i), i % 2)) >= 0;
    }
    bool second = false;
    for (int before = -1, waits = 0; got + dropped(push) < sent;) {
        if (got == 20 && !second) {
            second = true;
            assert_int_equal(dropped(pull), 0);
            assert_int_equal(nn_close(pull), 0);
            pull = receiver();
        }
        int n = ok(nn_recv(pull, b, sizeof b, 0));
        assert_true(n >= 0 || waits++ < 40);
        if (n < 0)
            continue;
        assert_true(b[0] > before);
        before = b[0];
        assert_int_equal(n, nth_len(before));
        assert_int_equal(b[n - 1], before);
        got++;
    }
    assert_int_equal(got + dropped(push), sent);
    assert_int_equal(dropped(pull), 0);
    assert_int_equal(nn_close(push), 0);
    assert_int_equal(nn_close(pull), 0);
}

static void test_messages_one_way_are_received_or_counted(void **state)
{
    (void)state;
    each_fails(scenario_pushpull);
}

/* Three requests and answers; each has its answer in the end, since REQ asks again. */
static void scenario_reqrep(void)
{
    static uint8_t q[20000], a[20000];
    int req = opened(NN_REQ), rep = opened(NN_REP);
    rp_set(req, NN_REQ, NN_REQ_RESEND_IVL, 20);
    bound(rep);
    connected(req);
    for (int i = 0; i < 6; i++) {
        size_t n = i % 2 ? sizeof q : 20;
        int tries = 0, got = -1;
        memset(q, i + 1, n);
        while (got < 0) {
            assert_true(tries++ < 100);
            if (ok(give(req, q, n, i % 3 == 0)) < 0)
                continue;
            int m = ok(nn_recv(rep, a, sizeof a, 0));
            if (m >= 0 && ok(give(rep, a, (size_t)m, i % 3 == 1)) >= 0)
                got = ok(nn_recv(req, a, sizeof a, 0));
        }
        assert_int_equal(got, n);
        assert_memory_equal(a, q, n);
    }
    assert_int_equal(nn_close(req), 0);
    assert_int_equal(nn_close(rep), 0);
}

static void test_requests(void **state)
{
    (void)state;
    each_fails(scenario_reqrep);
}

/* Publishing never fails but for memory, and what misses somebody is counted. */
static void scenario_pubsub(void)
{
    static uint8_t b[20000];
    int pub = opened(NN_PUB), sub[2];
    uint64_t sent = 0, got = 0;
    bound(pub);
    for (int i = 0; i < 2; i++) {
        int tries = 0;
        sub[i] = opened(NN_SUB);
        while (ok(nn_setsockopt(sub[i], NN_SUB, NN_SUB_SUBSCRIBE, "", 0)) < 0)
            assert_true(tries++ < 10);
        connected(sub[i]);
    }
    assert_true(rp_stat_reaches(pub, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(5000)));
    for (int i = 0; i < 6; i++)
        sent += ok(give(pub, b, i % 2 ? sizeof b : 100, i % 3 == 0)) >= 0;
    for (int i = 0; i < 2; i++)
        while (nn_recv(sub[i], b, sizeof b, NN_DONTWAIT) >= 0)
            got++;
    assert_int_equal(got + dropped(pub), 2 * sent);
    assert_int_equal(nn_close(pub), 0);
    assert_int_equal(nn_close(sub[0]), 0);
    assert_int_equal(nn_close(sub[1]), 0);
}

static void test_publishing(void **state)
{
    (void)state;
    each_fails(scenario_pubsub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meeting),
        cmocka_unit_test(test_being_refused),
        cmocka_unit_test(test_messages_one_way_are_received_or_counted),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_publishing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
