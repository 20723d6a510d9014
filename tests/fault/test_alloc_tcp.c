/* SPDX-License-Identifier: MIT */
/* Every single allocation of each scenario over tcp fails once: each call gives its result or an error that says so, what
 * was accepted arrives or is counted, and nothing crashes, hangs or leaks. Then the same with five failures in a row. */
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
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- failing ---- */

static atomic_long asked;           /* allocations since the scenario began */
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
            for (int ms = 0; rp_fds() != fds && ms < 1000; ms++)
                (void)poll(NULL, 0, 1); /* a look-up may outlive its socket */
            if (rp_fds() != fds)
                fail_msg("allocation %ld of %ld: %d descriptors, before %d", i, n, rp_fds(), fds);
        }
    }
    assert_in_range(rp_heap(), 0, heap + 16384);
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
static int opened(int domain, int protocol)
{
    int s, tries = 0;
    do
        s = nn_socket(domain, protocol);
    while (s < 0 && errno == ENOMEM && tries++ < 10);
    if (s < 0)
        fail_msg("nn_socket: %s", strerror(errno));
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1);
    rp_set(s, NN_SOL_SOCKET, NN_LINGER, 200);
    rp_set(s, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(100));
    rp_set(s, NN_SOL_SOCKET, NN_SNDTIMEO, rp_time(100));
    rp_set(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, 1);
    return s;
}

static void joined(int binds, int dials)
{
    char address[192];
    size_t len = sizeof address;
    int tries = 0;
    while (ok(nn_bind(binds, "tcp://127.0.0.1:0")) < 0)
        assert_true(tries++ < 10);
    assert_int_equal(nn_getsockopt(binds, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), 0);
    while (ok(nn_connect(dials, address)) < 0)
        assert_true(tries++ < 20);
}

static void scenario_sockets(void)
{
    static const int protocols[] = {NN_REQ, NN_REP, NN_PUB, NN_SUB, NN_PUSH, NN_PULL};
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        int s = nn_socket(i % 2 ? AF_SP : AF_SP_RAW, protocols[i]);
        if (s < 0)
            assert_true(errno == ENOMEM || errno == EINVAL); /* not every protocol is there raw */
        else
            assert_int_equal(nn_close(s), 0);
    }
}

static void test_opening_a_socket(void **state)
{
    (void)state;
    each_fails(scenario_sockets);
}

static void scenario_options(void)
{
    int s = opened(AF_SP, NN_SUB), fd;
    size_t len = sizeof fd;
    struct nn_pollfd p[3];
    for (int i = 0; i < 20; i++) {
        char topic[8];
        int n = snprintf(topic, sizeof topic, "t%d", i * 37);
        ok(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, topic, (size_t)n));
    }
    for (int i = 0; i < 20; i += 2) {
        char topic[8];
        int n = snprintf(topic, sizeof topic, "t%d", i * 37);
        assert_int_equal(nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, topic, (size_t)n), 0);
    }
    ok(nn_setsockopt(s, NN_SOL_SOCKET, NN_SOCKET_NAME, "name", 4));
    ok(nn_getsockopt(s, NN_SOL_SOCKET, NN_RCVFD, &fd, &len));
    for (int i = 0; i < 3; i++)
        p[i] = (struct nn_pollfd){.fd = s, .events = NN_POLLIN};
    assert_int_equal(ok(nn_poll(p, 3, 0)) > 0, 0);
    assert_int_equal(nn_close(s), 0);
}

static void test_setting_options_and_polling(void **state)
{
    (void)state;
    each_fails(scenario_options);
}

static void scenario_endpoints(void)
{
    int a = opened(AF_SP, NN_PUSH), b = opened(AF_SP, NN_PULL);
    char address[192];
    size_t len = sizeof address;
    int id = ok(nn_bind(a, "tcp://127.0.0.1:0"));
    if (id > 0 && nn_getsockopt(a, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len) == 0) {
        ok(nn_connect(b, address));
        (void)rp_stat_reaches(a, NN_STAT_CURRENT_CONNECTIONS, 1, 50);
        assert_int_equal(nn_shutdown(a, id), 0);
    }
    ok(nn_connect(b, "tcp://localhost:1")); /* a name; nobody listens */
    (void)rp_stat_reaches(b, NN_STAT_CONNECT_ERRORS, 1, 50);
    assert_int_equal(nn_close(a), 0);
    assert_int_equal(nn_close(b), 0);
}

static void test_binding_connecting_and_shutting_down(void **state)
{
    (void)state;
    each_fails(scenario_endpoints);
}

/* ---- round trips ---- */

static size_t body_len;
static int how; /* 0: nn_send and nn_recv, 1: NN_MSG, 2: nn_sendmsg and nn_recvmsg */

static void fill(uint8_t *p, size_t n, int seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 13 + i / 253 + (size_t)seed);
}

static int give(int s, const uint8_t *p, size_t n)
{
    if (how == 0)
        return nn_send(s, p, n, 0);
    if (how == 1) {
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
    struct nn_iovec iov[2] = {{(void *)(uintptr_t)p, n / 2}, {(void *)(uintptr_t)(p + n / 2), n - n / 2}};
    struct nn_msghdr h = {.msg_iov = iov, .msg_iovlen = 2};
    return nn_sendmsg(s, &h, 0);
}

static int take(int s, uint8_t *p, size_t room)
{
    if (how == 0)
        return nn_recv(s, p, room, 0);
    void *msg, *control = NULL;
    int rc;
    if (how == 1) {
        rc = nn_recv(s, &msg, NN_MSG, 0);
    } else {
        struct nn_iovec iov = {&msg, NN_MSG};
        struct nn_msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = NN_MSG};
        rc = nn_recvmsg(s, &h, 0);
        if (rc >= 0)
            assert_int_equal(nn_freemsg(control), 0);
    }
    if (rc < 0)
        return rc;
    memcpy(p, msg, (size_t)rc < room ? (size_t)rc : room);
    assert_int_equal(nn_freemsg(msg), 0);
    return rc;
}

/* Echoes until the socket is closed, whatever fails for want of memory. */
static void *echo_main(void *arg)
{
    int s = *(int *)arg;
    uint8_t *p = malloc(body_len);
    for (;;) {
        int n = take(s, p, body_len), tries = 0;
        if (n < 0 && errno == EBADF)
            break;
        while (n >= 0 && give(s, p, (size_t)n) < 0 && errno == ENOMEM && tries++ < 10)
            ;
    }
    free(p);
    return NULL;
}

/* Three requests; each has its answer in the end, since REQ asks again. */
static void scenario_reqrep(void)
{
    uint8_t *q = malloc(body_len), *a = malloc(body_len);
    int req = opened(AF_SP, NN_REQ), rep = opened(AF_SP, NN_REP);
    pthread_t t;
    rp_set(req, NN_REQ, NN_REQ_RESEND_IVL, 50);
    assert_int_equal(pthread_create(&t, NULL, echo_main, &rep), 0);
    joined(rep, req);
    for (int i = 0; i < 3; i++) {
        int n = -1, tries = 0;
        fill(q, body_len, i);
        while (n < 0) {
            if (tries++ == 20)
                fail_msg("no answer; req: %s; rep: %s", rp_reason(req), rp_reason(rep));
            if (ok(give(req, q, body_len)) >= 0)
                n = ok(take(req, a, body_len));
        }
        assert_int_equal(n, body_len);
        assert_memory_equal(a, q, body_len);
    }
    assert_int_equal(nn_close(req), 0);
    assert_int_equal(nn_close(rep), 0);
    pthread_join(t, NULL);
    free(q);
    free(a);
}

static void reqrep(size_t n, int way)
{
    body_len = n;
    how = way;
    each_fails(scenario_reqrep);
}

static void test_small_requests(void **state)
{
    (void)state;
    reqrep(20, 0);
}

static void test_large_requests(void **state)
{
    (void)state;
    reqrep(300000, 0);
}

static void test_small_requests_as_messages(void **state)
{
    (void)state;
    reqrep(20, 1);
}

static void test_large_requests_as_messages(void **state)
{
    (void)state;
    reqrep(300000, 1);
}

static void test_requests_in_pieces_with_control_data(void **state)
{
    (void)state;
    reqrep(10000, 2);
}

/* ---- one way ---- */

#define SENT 40

static size_t nth_len(int i) { return i % 10 == 9 ? 100000 : i % 3 ? 30 : 5000; }

static uint64_t ended(int s)
{
    return nn_get_statistic(s, NN_STAT_DROPPED_CONNECTIONS) + nn_get_statistic(s, NN_STAT_BROKEN_CONNECTIONS);
}

static uint64_t dropped(int push, int pull)
{
    return nn_get_statistic(push, NN_STAT_MESSAGES_DROPPED_SEND) + nn_get_statistic(pull, NN_STAT_MESSAGES_DROPPED_RECV);
}

/* Every message that nn_send took is received whole and in order or counted as dropped, on one side or the other; only
 * when a connection ended, some of what was on its way may be gone. */
static void scenario_pushpull(void)
{
    static uint8_t b[100000], want[100000];
    int push = opened(AF_SP, NN_PUSH), pull = opened(AF_SP, NN_PULL);
    uint64_t sent = 0, got = 0;
    joined(push, pull);
    rp_set(push, NN_SOL_SOCKET, NN_SNDBUF, 1 << 24); /* so that all of it can be sent before it is read */
    for (int i = 0; i < SENT; i++) {
        fill(b, nth_len(i), i);
        b[0] = (uint8_t)i;
        sent += ok(nn_send(push, b, nth_len(i), 0)) >= 0;
    }
    rp_set(pull, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(50));
    for (int before = -1, n, waits = 0; got + dropped(push, pull) < sent;) {
        n = ok(nn_recv(pull, b, sizeof b, 0));
        if (n < 0 && errno == ETIMEDOUT && (waits++ == 40 || ended(push) || ended(pull)))
            break;
        if (n < 0)
            continue;
        assert_true(b[0] > before || ended(push));
        before = b[0];
        assert_int_equal(n, nth_len(before));
        fill(want, (size_t)n, before);
        want[0] = b[0];
        assert_memory_equal(b, want, (size_t)n);
        got++;
    }
    uint64_t counted = dropped(push, pull);
    if (got + counted != sent && !ended(push) && !ended(pull))
        fail_msg("%u sent, %u received, %u counted", (unsigned)sent, (unsigned)got, (unsigned)counted);
    assert_true(got + counted <= sent || ended(push));
    assert_int_equal(nn_get_statistic(push, NN_STAT_MESSAGES_SENT), sent);
    assert_int_equal(nn_get_statistic(pull, NN_STAT_MESSAGES_RECEIVED), got);
    assert_int_equal(nn_close(push), 0);
    assert_int_equal(nn_close(pull), 0);
}

static void test_messages_one_way_are_received_or_counted(void **state)
{
    (void)state;
    each_fails(scenario_pushpull);
}

/* Publishing never waits nor fails but for memory; in the end the subscriber gets something. */
static void scenario_pubsub(void)
{
    char b[64] = "";
    int pub = opened(AF_SP, NN_PUB), sub[2];
    for (int i = 0; i < 2; i++) {
        sub[i] = opened(AF_SP, NN_SUB);
        int tries = 0;
        while (ok(nn_setsockopt(sub[i], NN_SUB, NN_SUB_SUBSCRIBE, "", 0)) < 0)
            assert_true(tries++ < 10);
        rp_set(sub[i], NN_SOL_SOCKET, NN_RCVTIMEO, 5);
        joined(pub, sub[i]);
    }
    int have = 0;
    for (int i = 0; have != 3; i++) {
        assert_true(i < 10000);
        ok(nn_send(pub, "news", 4, 0));
        for (int k = 0; k < 2; k++) {
            int n = ok(nn_recv(sub[k], b, sizeof b, have & (1 << k) ? NN_DONTWAIT : 0));
            if (n >= 0)
                assert_true(n == 4 && !memcmp(b, "news", 4));
            have |= n >= 0 ? 1 << k : 0;
        }
    }
    assert_int_equal(nn_close(pub), 0);
    assert_int_equal(nn_close(sub[0]), 0);
    assert_int_equal(nn_close(sub[1]), 0);
}

static void test_publishing(void **state)
{
    (void)state;
    each_fails(scenario_pubsub);
}

/* What was sent before nn_close leaves in the background. */
static void scenario_lingering(void)
{
    static uint8_t b[200000];
    int push = opened(AF_SP, NN_PUSH), pull = opened(AF_SP, NN_PULL);
    joined(pull, push);
    int n = ok(nn_send(push, b, sizeof b, 0));
    assert_int_equal(nn_close(push), 0);
    int got = ok(nn_recv(pull, b, sizeof b, 0));
    if (got >= 0)
        assert_true(n >= 0 && got == (int)sizeof b);
    assert_int_equal(nn_close(pull), 0);
}

static void test_closing_while_messages_leave(void **state)
{
    (void)state;
    each_fails(scenario_lingering);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening_a_socket),
        cmocka_unit_test(test_setting_options_and_polling),
        cmocka_unit_test(test_binding_connecting_and_shutting_down),
        cmocka_unit_test(test_small_requests),
        cmocka_unit_test(test_large_requests),
        cmocka_unit_test(test_small_requests_as_messages),
        cmocka_unit_test(test_large_requests_as_messages),
        cmocka_unit_test(test_requests_in_pieces_with_control_data),
        cmocka_unit_test(test_messages_one_way_are_received_or_counted),
        cmocka_unit_test(test_publishing),
        cmocka_unit_test(test_closing_while_messages_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
