/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* RTLD_NEXT, accept4 */
/* System calls fail or do half of their work: this program defines the calls that the library makes and passes on what it
 * does not spoil. Signals, short reads and writes and full buffers lose nothing; lack of memory or descriptors ends
 * connections at most, and the sockets recover. Only the library's calls are spoiled, not the tests' own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rawpeer.h"
#include <dlfcn.h>
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* ---- spoiling ---- */

enum call { SEND, RECV, ACCEPT, SOCKET, CONNECT, EPOLL, CALLS };

static atomic_int percent[CALLS]; /* how often a call fails */
static atomic_int certain[CALLS]; /* so many fail in any case, first of all */
static atomic_int with[CALLS];    /* errno */
static atomic_int at_most;        /* bytes that one read or write moves; 0: all */
static atomic_uint seed = 1;
static atomic_int spoilt[CALLS];

/* Whether this call shall fail; errno is set then. */
static bool fails(enum call c)
{
    int often = atomic_load(&percent[c]);
    if (often == 0)
        return false;
    unsigned x = atomic_fetch_add(&seed, 0x9e3779b9u);
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    if (atomic_fetch_sub(&certain[c], 1) <= 0 && (int)((x ^ x >> 16) % 100) >= often)
        return false;
    atomic_fetch_add(&spoilt[c], 1);
    errno = atomic_load(&with[c]);
    return true;
}

static size_t shorter(size_t n)
{
    size_t most = (size_t)atomic_load(&at_most);
    return most && n > most ? most : n;
}

#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    return fails(SEND) ? -1 : REAL(send, fd, p, shorter(n), flags);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    return fails(RECV) ? -1 : REAL(recv, fd, p, shorter(n), flags);
}

/* A message with only the first piece that is not empty, cut short. */
static struct msghdr cut(const struct msghdr *m, struct iovec *v)
{
    struct msghdr one = *m;
    size_t i = 0;
    if (!atomic_load(&at_most))
        return one;
    while (i + 1 < m->msg_iovlen && m->msg_iov[i].iov_len == 0)
        i++;
    *v = (struct iovec){m->msg_iov[i].iov_base, shorter(m->msg_iov[i].iov_len)};
    one.msg_iov = v;
    one.msg_iovlen = 1;
    return one;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    struct iovec v;
    struct msghdr one = cut(m, &v);
    return fails(SEND) ? -1 : REAL(sendmsg, fd, &one, flags);
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    struct iovec v;
    struct msghdr one = cut(m, &v);
    return fails(RECV) ? -1 : REAL(recvmsg, fd, &one, flags);
}

int accept4(int fd, struct sockaddr *a, socklen_t *len, int flags)
{
    return fails(ACCEPT) ? -1 : REAL(accept4, fd, a, len, flags);
}

int socket(int domain, int type, int protocol)
{
    return fails(SOCKET) ? -1 : REAL(socket, domain, type, protocol);
}

int connect(int fd, const struct sockaddr *a, socklen_t len)
{
    return fails(CONNECT) ? -1 : REAL(connect, fd, a, len);
}

int epoll_ctl(int ep, int op, int fd, struct epoll_event *e)
{
    return op == EPOLL_CTL_ADD && fails(EPOLL) ? -1 : REAL(epoll_ctl, ep, op, fd, e);
}

static void spoil(enum call c, int err, int how_often)
{
    atomic_store(&with[c], err);
    atomic_store(&certain[c], 2);
    atomic_store(&percent[c], how_often);
}

static void spare(void)
{
    for (int c = 0; c < CALLS; c++) {
        spoil((enum call)c, 0, 0);
        atomic_store(&spoilt[c], 0);
    }
    atomic_store(&at_most, 0);
}

/* ---- sockets ---- */

struct pair {
    int binds, dials;
    int fds; /* before */
};

static void pair_open(struct pair *p, int binds, int dials)
{
    spare();
    rp_watchdog(60);
    p->fds = rp_fds();
    p->binds = rp_socket(binds);
    p->dials = rp_socket(dials);
    rp_set(p->dials, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1);
    rp_set(p->binds, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, rp_time(200));
    rp_set(p->dials, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, rp_time(200));
}

static void pair_join(struct pair *p)
{
    rp_dial(p->dials, rp_bind(p->binds));
    assert_true(rp_stat_reaches(p->dials, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(1000)));
    assert_true(rp_stat_reaches(p->binds, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(1000)));
}

static void pair_close(struct pair *p)
{
    spare();
    assert_int_equal(nn_close(p->binds), 0);
    assert_int_equal(nn_close(p->dials), 0);
    nn_term();
    nn_init();
    assert_int_equal(rp_fds(), p->fds);
    rp_watchdog(0);
}

static void fill(uint8_t *p, size_t n, int what)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 17 + i / 251 + (size_t)what);
}

static void *echo_main(void *arg)
{
    void *body;
    for (;;) {
        int n = nn_recv(*(int *)arg, &body, NN_MSG, 0);
        if (n < 0 && errno == EBADF)
            return NULL;
        if (n >= 0 && nn_send(*(int *)arg, &body, NN_MSG, 0) < 0)
            nn_freemsg(body);
    }
}

static int n_spoilt; /* calls, in the last round_trips */

/* n round trips, which REQ makes sure of whatever happens to its connections. */
static void round_trips(struct pair *p, int n, size_t len)
{
    uint8_t *q = malloc(len), *a = malloc(len);
    pthread_t t;
    rp_set(p->dials, NN_REQ, NN_REQ_RESEND_IVL, rp_time(100));
    assert_int_equal(pthread_create(&t, NULL, echo_main, &p->binds), 0);
    for (int i = 0; i < n; i++) {
        fill(q, len, i);
        assert_int_equal(nn_send(p->dials, q, len, 0), len);
        int rc = nn_recv(p->dials, a, len, 0);
        if (rc < 0)
            fail_msg("%s; %s; %s", strerror(errno), rp_reason(p->dials), rp_reason(p->binds));
        assert_int_equal(rc, len);
        assert_memory_equal(a, q, len);
    }
    n_spoilt = 0;
    for (int c = 0; c < CALLS; c++)
        n_spoilt += atomic_load(&spoilt[c]);
    spare();
    assert_int_equal(nn_close(p->binds), 0);
    pthread_join(t, NULL);
    p->binds = rp_socket(NN_REP); /* for pair_close */
    free(q);
    free(a);
}

#define ONE_WAY 300

static size_t nth_len(int i) { return i % 20 == 19 ? 40000 : i % 3 ? 30 : 3000; }

static void *pusher_main(void *arg)
{
    static uint8_t b[40000];
    for (int i = 0; i < ONE_WAY; i++) {
        fill(b, nth_len(i), i);
        if (nn_send(*(int *)arg, b, nth_len(i), 0) < 0)
            return (void *)1;
    }
    return NULL;
}

/* All messages arrive whole, once and in order. */
static void one_way(struct pair *p)
{
    static uint8_t b[40000], want[40000];
    pthread_t t;
    void *failed;
    assert_int_equal(pthread_create(&t, NULL, pusher_main, &p->dials), 0);
    for (int i = 0; i < ONE_WAY; i++) {
        int n = nn_recv(p->binds, b, sizeof b, 0);
        if (n < 0)
            fail_msg("message %d: %s", i, strerror(errno));
        fill(want, nth_len(i), i);
        assert_int_equal(n, nth_len(i));
        assert_memory_equal(b, want, (size_t)n);
    }
    pthread_join(t, &failed);
    assert_null(failed);
    assert_int_equal(nn_get_statistic(p->binds, NN_STAT_BROKEN_CONNECTIONS), 0);
    assert_int_equal(nn_get_statistic(p->binds, NN_STAT_DROPPED_CONNECTIONS), 0);
}

/* ---- nothing is lost ---- */

static void both_ways(enum call c, int err, int how_often, int bytes)
{
    struct pair p;
    for (int way = 0; way < 2; way++) {
        pair_open(&p, way ? NN_PULL : NN_REP, way ? NN_PUSH : NN_REQ);
        pair_join(&p);
        spoil(c, err, how_often);
        atomic_store(&at_most, bytes);
        if (way) {
            one_way(&p);
        } else {
            rp_set(p.dials, NN_REQ, NN_REQ_RESEND_IVL, 60000);
            round_trips(&p, 20, 20);
        }
        pair_close(&p);
    }
}

static void test_short_writes_and_reads(void **state)
{
    (void)state;
    for (int bytes = 1; bytes < 12; bytes += 3)
        both_ways(SEND, 0, 0, bytes);
}

static void test_short_reads_of_a_large_message(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, NN_REP, NN_REQ);
    pair_join(&p);
    atomic_store(&at_most, 1000);
    round_trips(&p, 2, 1000000);
    pair_close(&p);
}

static void test_writing_is_interrupted(void **state)
{
    (void)state;
    both_ways(SEND, EINTR, 60, 0);
    both_ways(SEND, EINTR, 60, 5);
}

static void test_reading_is_interrupted(void **state)
{
    (void)state;
    both_ways(RECV, EINTR, 60, 0);
    both_ways(RECV, EINTR, 60, 5);
}

static void test_the_kernel_has_no_room(void **state)
{
    (void)state;
    both_ways(SEND, EAGAIN, 60, 0);
    both_ways(SEND, EAGAIN, 60, 7);
}


/* ---- sockets recover ---- */

/* libuv ends the process when its epoll_ctl fails; where it waits, that call is not ours. */
static bool has_epoll(void) { return !strcmp(NANOSEAL_WATCH, "epoll"); }

static void recovers(enum call c, int err, int how_often, bool from_the_start)
{
    struct pair p;
    pair_open(&p, NN_REP, NN_REQ);
    if (!from_the_start)
        pair_join(&p);
    int port = from_the_start ? rp_bind(p.binds) : 0;
    spoil(c, err, how_often);
    if (from_the_start)
        rp_dial(p.dials, port);
    round_trips(&p, 10, 5000);
    assert_true(n_spoilt > 0 || !from_the_start);
    pair_close(&p);
}

static void test_no_memory_for_writing(void **state)
{
    (void)state;
    recovers(SEND, ENOBUFS, 10, true);
    recovers(SEND, ENOMEM, 10, false);
}

static void test_no_memory_for_reading(void **state)
{
    (void)state;
    recovers(RECV, ENOMEM, 10, true);
    recovers(RECV, ENOBUFS, 10, false);
}

static void test_connections_are_reset(void **state)
{
    (void)state;
    recovers(SEND, ECONNRESET, 10, true);
    recovers(SEND, EPIPE, 10, false);
    recovers(RECV, ECONNRESET, 10, true);
}

static void test_no_descriptors_for_accepting(void **state)
{
    (void)state;
    recovers(ACCEPT, EMFILE, 50, true);
    recovers(ACCEPT, ENFILE, 50, true);
    recovers(ACCEPT, ENOBUFS, 50, true);
    recovers(ACCEPT, ENOMEM, 50, true);
}

static void test_everything_is_interrupted_from_the_start(void **state)
{
    (void)state;
    recovers(ACCEPT, EINTR, 60, true);
    recovers(SEND, EINTR, 40, true);
    recovers(RECV, EINTR, 40, true);
}

static void test_callers_gave_up_before_they_were_accepted(void **state)
{
    (void)state;
    recovers(ACCEPT, ECONNABORTED, 60, true);
    recovers(ACCEPT, EPROTO, 60, true);
}

static void test_no_descriptors_for_dialling(void **state)
{
    (void)state;
    recovers(SOCKET, EMFILE, 70, true);
    recovers(SOCKET, ENFILE, 70, true);
    recovers(SOCKET, ENOBUFS, 70, true);
}

static void test_connecting_fails(void **state)
{
    (void)state;
    recovers(CONNECT, ENETUNREACH, 70, true);
    recovers(CONNECT, EADDRNOTAVAIL, 70, true);
    recovers(CONNECT, ECONNREFUSED, 70, true);
    recovers(CONNECT, ENOMEM, 70, true);
}

static void test_no_room_among_the_watched(void **state)
{
    (void)state;
    if (!has_epoll())
        skip();
    recovers(EPOLL, ENOSPC, 50, true);
    recovers(EPOLL, ENOMEM, 50, false);
}

/* A paused connection is watched again without asking for memory. */
static void test_no_room_among_the_watched_does_not_stop_a_connection(void **state)
{
    (void)state;
    if (!has_epoll())
        skip();
    struct pair p;
    pair_open(&p, NN_PULL, NN_PUSH);
    pair_join(&p);
    assert_int_equal(nn_send(p.dials, "", 0, 0), 0);
    char c;
    assert_int_equal(nn_recv(p.binds, &c, 1, 0), 0);
    rp_set(p.binds, NN_SOL_SOCKET, NN_RCVBUF, 1000); /* it is paused after each read */
    spoil(EPOLL, ENOSPC, 100);
    one_way(&p);
    pair_close(&p);
}

/* ---- calls say so ---- */

static void test_bind_fails_as_the_system_does(void **state)
{
    (void)state;
    size_t n = has_epoll() ? 6 : 4;
    static const struct {
        enum call c;
        int err;
    } x[] = {{SOCKET, EMFILE}, {SOCKET, ENFILE}, {SOCKET, ENOBUFS}, {SOCKET, ENOMEM}, {EPOLL, ENOSPC}, {EPOLL, ENOMEM}};
    struct pair p;
    pair_open(&p, NN_REP, NN_REQ);
    for (size_t i = 0; i < n; i++) {
        spoil(x[i].c, x[i].err, 100);
        int rc = nn_bind(p.binds, "tcp://127.0.0.1:0"), err = errno;
        assert_int_equal(rc, -1);
        assert_int_equal(err, x[i].err);
        spare();
    }
    assert_int_equal(nn_get_statistic(p.binds, NN_STAT_BIND_ERRORS), n);
    pair_join(&p);
    round_trips(&p, 2, 20);
    pair_close(&p);
}

static void test_the_library_does_not_start_without_watching(void **state)
{
    (void)state;
    if (!has_epoll())
        skip();
    nn_term();
    nn_init();
    int fds = rp_fds();
    spoil(EPOLL, ENOMEM, 100);
    assert_int_equal(nn_socket(AF_SP, NN_REQ), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(rp_fds(), fds);
    spare();
    int s = nn_socket(AF_SP, NN_REQ);
    assert_int_equal(s, 0);
    nn_close(s);
    nn_term();
    nn_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_writes_and_reads),
        cmocka_unit_test(test_short_reads_of_a_large_message),
        cmocka_unit_test(test_writing_is_interrupted),
        cmocka_unit_test(test_reading_is_interrupted),
        cmocka_unit_test(test_the_kernel_has_no_room),
        cmocka_unit_test(test_no_memory_for_writing),
        cmocka_unit_test(test_no_memory_for_reading),
        cmocka_unit_test(test_connections_are_reset),
        cmocka_unit_test(test_no_descriptors_for_accepting),
        cmocka_unit_test(test_everything_is_interrupted_from_the_start),
        cmocka_unit_test(test_callers_gave_up_before_they_were_accepted),
        cmocka_unit_test(test_no_descriptors_for_dialling),
        cmocka_unit_test(test_connecting_fails),
        cmocka_unit_test(test_no_room_among_the_watched),
        cmocka_unit_test(test_no_room_among_the_watched_does_not_stop_a_connection),
        cmocka_unit_test(test_bind_fails_as_the_system_does),
        cmocka_unit_test(test_the_library_does_not_start_without_watching),
    };
    spare();
    nn_close(rp_socket(NN_REQ));
    nn_term();
    nn_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
