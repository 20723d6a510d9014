/* SPDX-License-Identifier: MIT */
/* A70: inproc under those who do everything at once. Names of any length, binding twice, connecting
 * before and during bind and close, from both sides and from many threads; senders and receivers
 * that go with messages under way: nothing is lost without being counted, and the order is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rawpeer.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/reqrep.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 100
#define ROUNDS  20

static int opened(int protocol)
{
    int s = rp_socket(protocol);
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1);
    return s;
}

/* Ends the library; everything is given back: descriptors, threads, memory. */
struct account {
    int fds, threads;
    size_t heap;
};

static struct account account(void)
{
    nn_term();
    nn_init();
    return (struct account){rp_fds(), rp_threads(), rp_heap()};
}

static void settle(struct account before)
{
    struct account now = account();
    assert_int_equal(now.fds, before.fds);
    assert_int_equal(now.threads, before.threads);
    if (!rp_sanitized())
        assert_in_range(now.heap, 0, before.heap + 65536);
}

static void together(void *(*fn)(void *), int n)
{
    pthread_t t[THREADS];
    for (int i = 0; i < n; i++)
        assert_int_equal(pthread_create(&t[i], NULL, fn, (void *)(intptr_t)i), 0);
    for (int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}

/* ---- names ---- */

static void names_of_every_length(void **state)
{
    (void)state;
    static char name[100010];
    rp_watchdog(60);
    int s = opened(NN_PAIR);
    memset(name, '/', sizeof name - 1);
    memcpy(name, "inproc://", 9);
    for (size_t n = 9; n < sizeof name - 1; n = n < 300 ? n + 1 : n * 3 / 2) {
        char was = name[n];
        name[n] = 0;
        int e = nn_bind(s, name), d = nn_connect(s, name);
        assert_int_equal(e > 0, n < NN_SOCKADDR_MAX);
        assert_int_equal(d > 0, n < NN_SOCKADDR_MAX);
        if (e > 0)
            assert_int_equal(nn_shutdown(s, e) | nn_shutdown(s, d), 0);
        else
            assert_int_equal(nn_errno(), ENAMETOOLONG);
        name[n] = was;
    }
    assert_int_equal(nn_close(s), 0);
    rp_watchdog(0);
}

/* 10000 names and as many diallers that wait: finding one stays cheap. */
static void many_names(void **state)
{
    (void)state;
    char name[64];
    rp_watchdog(60);
    int s = opened(NN_PULL), c = opened(NN_PUSH), n = rp_sanitized() ? 2000 : 10000;
    int64_t cpu = rp_cpu();
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "inproc://many-%d", i);
        assert_true(nn_connect(c, name) > 0);
    }
    for (int i = 0; i < n; i += 2) {
        snprintf(name, sizeof name, "inproc://many-%d", i);
        assert_true(nn_bind(s, name) > 0);
    }
    assert_int_equal(nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS), n / 2);
    assert_in_range(rp_cpu() - cpu, 0, rp_time(5000));
    assert_int_equal(nn_close(s), 0);
    assert_int_equal(nn_close(c), 0);
    rp_watchdog(0);
}

static atomic_int owners, most;

static void *bind_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS * 10; i++) {
        int s = opened(NN_PAIR);
        if (nn_bind(s, "inproc://one") > 0) {
            int n = atomic_fetch_add(&owners, 1) + 1;
            if (n > atomic_load(&most))
                atomic_store(&most, n);
            atomic_fetch_sub(&owners, 1);
        } else if (nn_errno() != EADDRINUSE) {
            abort();
        }
        if (nn_close(s) < 0)
            abort();
    }
    return NULL;
}

static void a_name_has_one_owner(void **state)
{
    (void)state;
    rp_watchdog(120);
    together(bind_often, 16);
    assert_int_equal(atomic_load(&most), 1);
    int s = opened(NN_PAIR);
    assert_true(nn_bind(s, "inproc://one") > 0); /* and it is free in the end */
    assert_int_equal(nn_close(s), 0);
    rp_watchdog(0);
}

/* ---- connecting while it ends ---- */

static void *come_and_go(void *arg)
{
    int i = (int)(intptr_t)arg;
    char name[32], b[16];
    for (int k = 0; k < ROUNDS; k++) {
        int s = opened(i % 2 ? NN_PAIR : NN_REQ);
        snprintf(name, sizeof name, "inproc://storm-%d", (i + k) % 5);
        bool binds = (i + k) % 3 == 0;
        int e = binds ? nn_bind(s, name) : nn_connect(s, name);
        if (e < 0 && (nn_errno() != EADDRINUSE || !binds))
            abort();
        (void)!nn_send(s, name, sizeof name, NN_DONTWAIT);
        (void)!nn_recv(s, b, sizeof b, NN_DONTWAIT);
        if (k % 3 == 0 && e > 0 && nn_shutdown(s, e) < 0)
            abort();
        if (nn_close(s) < 0)
            abort();
    }
    return NULL;
}

static void both_sides_close_during_connect(void **state)
{
    (void)state;
    rp_watchdog(240);
    struct account before = account();
    together(come_and_go, THREADS);
    settle(before);
    rp_watchdog(0);
}

static int shared_s;

static void *connect_send_close(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        int s = opened(NN_PUSH);
        if (nn_connect(s, "inproc://shared") < 0 || nn_send(s, "12345678", 8, 0) != 8 ||
            nn_close(s) < 0)
            abort();
    }
    return NULL;
}

static void *receive_all(void *arg)
{
    char b[16];
    intptr_t n = 0;
    (void)arg;
    for (; n < (intptr_t)THREADS * ROUNDS; n++)
        if (nn_recv(shared_s, b, sizeof b, 0) != 8)
            break;
    return (void *)n;
}

static void everything_sent_before_close_arrives(void **state)
{
    (void)state;
    pthread_t t;
    void *n;
    rp_watchdog(240);
    shared_s = opened(NN_PULL);
    rp_set(shared_s, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(30000));
    assert_true(nn_bind(shared_s, "inproc://shared") > 0);
    assert_int_equal(pthread_create(&t, NULL, receive_all, NULL), 0);
    together(connect_send_close, THREADS);
    pthread_join(t, &n);
    assert_int_equal((intptr_t)n +
                         (intptr_t)nn_get_statistic(shared_s, NN_STAT_MESSAGES_DROPPED_RECV),
                     THREADS * ROUNDS);
    assert_int_equal(nn_close(shared_s), 0);
    rp_watchdog(0);
}

/* ---- bursts ---- */

struct burst {
    int s, n;
    size_t len;
};

static void *send_burst(void *arg)
{
    const struct burst *b = arg;
    char body[20000] = {0};
    for (int i = 0; i < b->n; i++) {
        memcpy(body, &i, sizeof i);
        if (nn_send(b->s, body, b->len, 0) != (int)b->len)
            abort();
    }
    return NULL;
}

static void bursts_lose_nothing_and_keep_their_order(void **state)
{
    (void)state;
    static const struct {
        int n, rcvbuf;
        size_t len;
    } rows[] = {{100000, 131072, 8}, {100000, 200, 10}, {20000, 5000, 1000}, {5000, 100000, 20000}};
    char body[20000];
    rp_watchdog(240);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int pull = opened(NN_PULL), push = opened(NN_PUSH);
        struct burst b = {push, rp_sanitized() ? rows[r].n / 10 : rows[r].n, rows[r].len};
        pthread_t t;
        rp_set(pull, NN_SOL_SOCKET, NN_RCVBUF, rows[r].rcvbuf);
        assert_true(nn_bind(pull, "inproc://burst") > 0);
        assert_true(nn_connect(push, "inproc://burst") > 0);
        assert_int_equal(pthread_create(&t, NULL, send_burst, &b), 0);
        for (int i = 0, got; i < b.n; i++) {
            assert_int_equal(nn_recv(pull, body, sizeof body, 0), b.len);
            memcpy(&got, body, sizeof got);
            assert_int_equal(got, i);
        }
        pthread_join(t, NULL);
        assert_int_equal(nn_close(pull), 0);
        assert_int_equal(nn_close(push), 0);
    }
    rp_watchdog(0);
}

/* Time-outs that come just as a message does: it is received by this call or by the next. */
static void time_outs_race_with_messages(void **state)
{
    (void)state;
    char b[16];
    rp_watchdog(120);
    int pull = opened(NN_PULL), push = opened(NN_PUSH), got = 0, missed = 0;
    struct burst u = {push, rp_sanitized() ? 2000 : 20000, 8};
    pthread_t t;
    rp_set(pull, NN_SOL_SOCKET, NN_RCVBUF, 16);
    rp_set(pull, NN_SOL_SOCKET, NN_RCVTIMEO, 0);
    assert_true(nn_bind(pull, "inproc://race") > 0);
    assert_true(nn_connect(push, "inproc://race") > 0);
    assert_int_equal(pthread_create(&t, NULL, send_burst, &u), 0);
    while (got < u.n) {
        int rc = nn_recv(pull, b, sizeof b, 0);
        assert_true(rc == 8 || nn_errno() == ETIMEDOUT);
        got += rc == 8;
        missed += rc < 0;
        if (missed % 64 == 1)
            rp_set(pull, NN_SOL_SOCKET, NN_RCVTIMEO, missed / 64 % 2);
    }
    pthread_join(t, NULL);
    assert_int_equal(nn_recv(pull, b, sizeof b, NN_DONTWAIT), -1);
    assert_int_equal(nn_close(pull), 0);
    assert_int_equal(nn_close(push), 0);
    rp_watchdog(0);
}

/* ---- ends that go with messages under way ---- */

#define NUMBERS 20000

static void *send_numbers(void *arg)
{
    int s = *(int *)arg;
    for (int i = 0; i < NUMBERS; i++) {
        if (nn_send(s, &i, sizeof i, 0) != sizeof i)
            abort();
    }
    return NULL;
}

/* The receiver is killed again and again in the middle; each next one goes on where it ended. */
static void receivers_that_go_lose_nothing(int protocol, int sender)
{
    pthread_t t;
    int push = opened(sender), next = 0, got;
    rp_set(push, NN_SOL_SOCKET, NN_SNDTIMEO, rp_time(30000));
    assert_true(nn_connect(push, "inproc://kill") > 0);
    assert_int_equal(pthread_create(&t, NULL, send_numbers, &push), 0);
    for (int life = 1; next < NUMBERS; life++) {
        int pull = opened(protocol);
        rp_set(pull, NN_SOL_SOCKET, NN_RCVBUF, 100 + life % 7 * 1000);
        assert_true(nn_bind(pull, "inproc://kill") > 0);
        for (int i = 0; i < 37 * (life % 20) && next < NUMBERS; i++) {
            assert_int_equal(nn_recv(pull, &got, sizeof got, 0), sizeof got);
            assert_int_equal(got, next++);
        }
        assert_int_equal(nn_close(pull), 0);
    }
    pthread_join(t, NULL);
    assert_int_equal(nn_get_statistic(push, NN_STAT_MESSAGES_DROPPED_SEND), 0);
    assert_int_equal(nn_close(push), 0);
}

static void pulls_that_go_lose_nothing(void **state)
{
    (void)state;
    rp_watchdog(240);
    receivers_that_go_lose_nothing(NN_PULL, NN_PUSH);
    rp_watchdog(0);
}

static void pairs_that_go_lose_nothing(void **state)
{
    (void)state;
    rp_watchdog(240);
    receivers_that_go_lose_nothing(NN_PAIR, NN_PAIR);
    rp_watchdog(0);
}

/* Senders that go while others come: each one's messages are all there, in order. */
static void *short_sender(void *arg)
{
    uint32_t id = (uint32_t)(intptr_t)arg;
    for (uint32_t life = 0; life < 10; life++) {
        int s = opened(NN_PUSH);
        if (nn_connect(s, "inproc://senders") < 0)
            abort();
        for (uint32_t i = 0; i < 50; i++) {
            uint32_t m[2] = {id, life * 50 + i};
            if (nn_send(s, m, sizeof m, 0) != sizeof m)
                abort();
        }
        if (nn_close(s) < 0)
            abort();
    }
    return NULL;
}

static void *all_senders(void *arg)
{
    (void)arg;
    together(short_sender, 20);
    return NULL;
}

static void senders_that_go_lose_nothing(void **state)
{
    (void)state;
    pthread_t t;
    uint32_t next[20] = {0}, m[2];
    rp_watchdog(240);
    int s = opened(NN_PULL);
    rp_set(s, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(30000));
    assert_true(nn_bind(s, "inproc://senders") > 0);
    assert_int_equal(pthread_create(&t, NULL, all_senders, NULL), 0);
    for (int i = 0; i < 20 * 500; i++) {
        assert_int_equal(nn_recv(s, m, sizeof m, 0), sizeof m);
        assert_in_range(m[0], 0, 19);
        assert_in_range(m[1], 0, 499);
        next[m[0]]++;
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(next[i], 500);
    pthread_join(t, NULL);
    assert_int_equal(nn_close(s), 0);
    rp_watchdog(0);
}

/* ---- the process ---- */

static void *blocked(void *arg)
{
    char b[8];
    int s = *(int *)arg;
    return (void *)(intptr_t)(nn_recv(s, b, sizeof b, 0) < 0 ? nn_errno() : 0);
}

static void the_library_ends_with_diallers_and_callers_waiting(void **state)
{
    (void)state;
    rp_watchdog(60);
    struct account before = account();
    int s[50], r[2];
    pthread_t t[2];
    void *err;
    for (int i = 0; i < 50; i++) {
        s[i] = opened(NN_PUSH);
        assert_true(nn_connect(s[i], i % 2 ? "inproc://never" : "inproc://there") > 0);
    }
    for (int i = 0; i < 2; i++) {
        r[i] = opened(NN_PULL);
        assert_true(nn_bind(r[i], i ? "inproc://there" : "inproc://alone") > 0);
        assert_int_equal(pthread_create(&t[i], NULL, blocked, &r[i]), 0);
    }
    nn_term();
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], &err);
        assert_int_equal((intptr_t)err, EBADF);
    }
    nn_init();
    settle(before);
    rp_watchdog(0);
}

/* ---- peers that misbehave ---- */

/* An answer without an id closes its pipe, and the dialler comes again after its interval. */
static void malformed_messages_end_the_pipe(void **state)
{
    (void)state;
    rp_watchdog(60);
    int req = opened(NN_REQ), raw = nn_socket(AF_SP_RAW, NN_REP);
    char b[64];
    assert_true(raw >= 0);
    assert_true(nn_bind(req, "inproc://bad") > 0);
    rp_set(raw, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1);
    assert_true(nn_connect(raw, "inproc://bad") > 0);
    assert_int_equal(nn_send(req, "ask", 3, 0), 3);
    struct nn_iovec iov = {b, sizeof b};
    void *control;
    struct nn_msghdr h = {&iov, 1, &control, NN_MSG};
    assert_int_equal(nn_recvmsg(raw, &h, 0), 3);
    /* The header says where to, and then nothing of what a request has. */
    char own[256];
    struct nn_cmsghdr *head = (struct nn_cmsghdr *)(void *)own;
    memset(own, 0, sizeof own);
    head->cmsg_len = NN_CMSG_LEN(sizeof(size_t) + 8);
    head->cmsg_level = PROTO_SP;
    head->cmsg_type = SP_HDR;
    size_t n = 8;
    memcpy(NN_CMSG_DATA(head), &n, sizeof n);
    memcpy(NN_CMSG_DATA(head) + sizeof n, (char *)control + sizeof(struct nn_cmsghdr) + sizeof n,
           4);
    nn_freemsg(control);
    iov.iov_len = 1;
    h.msg_control = own;
    h.msg_controllen = NN_CMSG_SPACE(sizeof(size_t) + 8);
    assert_int_equal(nn_sendmsg(raw, &h, 0), 1);
    assert_true(rp_stat_reaches(req, NN_STAT_DROPPED_CONNECTIONS, 1, rp_time(10000)));
    assert_true(rp_stat_reaches(req, NN_STAT_PROTOCOL, 1, rp_time(10000)));
    assert_true(rp_stat_reaches(req, NN_STAT_ACCEPTED_CONNECTIONS, 2, rp_time(10000)));
    assert_int_equal(nn_close(req) | nn_close(raw), 0);
    rp_watchdog(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_every_length),
        cmocka_unit_test(many_names),
        cmocka_unit_test(a_name_has_one_owner),
        cmocka_unit_test(both_sides_close_during_connect),
        cmocka_unit_test(everything_sent_before_close_arrives),
        cmocka_unit_test(bursts_lose_nothing_and_keep_their_order),
        cmocka_unit_test(time_outs_race_with_messages),
        cmocka_unit_test(pulls_that_go_lose_nothing),
        cmocka_unit_test(pairs_that_go_lose_nothing),
        cmocka_unit_test(senders_that_go_lose_nothing),
        cmocka_unit_test(the_library_ends_with_diallers_and_callers_waiting),
        cmocka_unit_test(malformed_messages_end_the_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
