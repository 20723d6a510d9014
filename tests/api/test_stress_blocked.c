/* SPDX-License-Identifier: MIT */
/* Calls that wait when their socket is closed, or the library ended: EBADF for each of them, soon.
 * Every protocol and call that can wait, with a peer over each transport and without one. */
#include "lib.h"
#include "support/stress.h"
#include "support/transports.h"
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define CALL_MS   1000 /* after nn_close */
#define TEST_MS   30000
#define N_THREADS 4

enum kind { RECV, SEND, POLL_IN, POLL_OUT, N_KINDS };

/* A socket that waits, and its peer. */
struct way {
    const char *name;
    int protocol, peer;
    bool asks;      /* sends first, as it may not receive otherwise */
    unsigned kinds; /* of calls that can wait */
};

#define IN  (1u << RECV | 1u << POLL_IN)
#define OUT (1u << SEND | 1u << POLL_OUT)

static const struct way ways[] = {
    {"pair", NN_PAIR, NN_PAIR, false, IN | OUT},
    {"push", NN_PUSH, NN_PULL, false, OUT},
    {"pull", NN_PULL, NN_PUSH, false, IN},
    {"sub", NN_SUB, NN_PUB, false, IN},
    {"bus", NN_BUS, NN_BUS, false, IN},
    {"req", NN_REQ, NN_REP, true, IN},
    {"rep", NN_REP, NN_REQ, false, IN},
    {"surveyor", NN_SURVEYOR, NN_RESPONDENT, true, IN},
    {"respondent", NN_RESPONDENT, NN_SURVEYOR, false, IN},
};
#define N_WAYS (sizeof ways / sizeof *ways)

struct call {
    int s;                /* the socket */
    enum kind kind;       /* of the call */
    int rc, err;          /* its result */
    int64_t ended;        /* when */
    pthread_t thread;     /* that makes it */
    const char *protocol; /* for people */
};

static atomic_int n_begun;

static int make_call(const struct call *c)
{
    char buf[64];
    struct nn_pollfd p = {.fd = c->s, .events = c->kind == POLL_IN ? NN_POLLIN : NN_POLLOUT};
    switch (c->kind) {
    case RECV:
        return nn_recv(c->s, buf, sizeof buf, 0);
    case SEND:
        return nn_send(c->s, "x", 1, 0);
    default:
        return nn_poll(&p, 1, -1);
    }
}

/* What a full peer took meanwhile is no end. */
static void *wait_in_it(void *arg)
{
    struct call *c = arg;
    int slot = st_begin(c->protocol, "a call that waits", st_test_time(TEST_MS));
    n_begun++;
    do
        c->rc = make_call(c);
    while (c->rc >= 0 && (c->kind == SEND || c->kind == POLL_OUT));
    c->err = nn_errno();
    c->ended = lib_now_ms();
    st_end(slot);
    return NULL;
}

static void begin_calls(struct call calls[N_THREADS], int s, const struct way *w, enum kind kind)
{
    for (int i = 0; i < N_THREADS; i++) {
        calls[i] = (struct call){.s = s, .kind = kind, .protocol = w->name};
        assert_int_equal(pthread_create(&calls[i].thread, NULL, wait_in_it, &calls[i]), 0);
    }
}

static void expect_ends(struct call calls[N_THREADS], int64_t closed)
{
    static const char *const names[] = {"nn_recv", "nn_send", "nn_poll in", "nn_poll out"};
    for (int i = 0; i < N_THREADS; i++) {
        struct call *c = &calls[i];
        pthread_join(c->thread, NULL);
        if (c->rc != -1 || c->err != EBADF || c->ended - closed > st_time(CALL_MS))
            fail_msg("%s of %s: %d, %s, after %d ms", names[c->kind], c->protocol, c->rc,
                     nn_strerror(c->err), (int)(c->ended - closed));
    }
}

/* ---- the sockets ---- */

static int open_socket(const struct tr_row *row, int protocol)
{
    int s = nn_socket(AF_SP, protocol), deadline = 100000, forever = -1;
    if (s < 0)
        return s; /* the library lacks it */
    assert_int_equal(tr_prepare(row, s), 0);
    if (protocol == NN_SUB)
        lib_ok(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0));
    if (protocol == NN_SURVEYOR)
        lib_ok(nn_setsockopt(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &deadline, sizeof deadline));
    lib_set(s, NN_RCVTIMEO, forever);
    lib_set(s, NN_SNDTIMEO, forever);
    lib_set(s, NN_LINGER, 0);
    return s;
}

static void fill(int s)
{
    static char big[100000];
    while (lib_poll(s, NN_POLLOUT, LIB_QUIET_MS))
        (void)!nn_send(s, big, sizeof big, NN_DONTWAIT);
}

/* Opens both, joined or not. The first; -1 when the library lacks the protocol. */
static int open_way(const struct tr_row *row, const struct way *w, bool joined, enum kind kind,
                    int *peer)
{
    char address[TR_ADDRESS];
    int s = open_socket(row, w->protocol);
    *peer = open_socket(row, w->peer);
    if (s < 0 || *peer < 0)
        return -1;
    lib_ok(tr_listen(row, s, address));
    if (joined) {
        lib_ok(nn_connect(*peer, address));
        lib_peers(s, 1);
        lib_peers(*peer, 1);
    }
    if (w->asks)
        lib_send(s, "question");
    if (joined && (kind == SEND || kind == POLL_OUT))
        fill(s);
    return s;
}

/* ---- the tests ---- */

static void close_them(const struct tr_row *row, bool joined, bool term)
{
    struct call calls[N_THREADS];
    for (size_t w = 0; w < N_WAYS; w++)
        for (int k = 0; k < N_KINDS; k++) {
            int peer, s;
            if (!(ways[w].kinds & 1u << k))
                continue;
            s = open_way(row, &ways[w], joined, (enum kind)k, &peer);
            if (s < 0)
                continue;
            n_begun = 0;
            begin_calls(calls, s, &ways[w], (enum kind)k);
            lib_until(n_begun == N_THREADS);
            lib_pause((int)w % 2 ? 0
                                 : 10); /* some may still be on their way in, which is no harder */
            int64_t start = lib_now_ms();
            if (term)
                st_within(5000, (nn_term(), 0));
            else
                lib_ok(st_within(5000, nn_close(s)));
            expect_ends(calls, start);
            if (term)
                nn_init();
            else
                lib_ok(nn_close(peer));
        }
}

static void with_row(void **state, const char *name, bool joined, bool term)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(name, row->scheme, st_test_time(TEST_MS));
    close_them(row, joined, term);
    st_end(slot);
}

static void close_ends_calls_without_a_peer(void **state)
{
    with_row(state, __func__, false, false);
}

static void close_ends_calls_with_a_peer(void **state)
{
    with_row(state, __func__, true, false);
}

static void term_ends_calls_without_a_peer(void **state)
{
    with_row(state, __func__, false, true);
}

static void term_ends_calls_with_a_peer(void **state)
{
    with_row(state, __func__, true, true);
}

int main(void)
{
    static const struct tr_test tests[] = {
        tr_unit_test(close_ends_calls_without_a_peer),
        tr_unit_test(close_ends_calls_with_a_peer),
        tr_unit_test(term_ends_calls_without_a_peer),
        tr_unit_test(term_ends_calls_with_a_peer),
    };
    return tr_run("stress_blocked", tests, sizeof tests / sizeof *tests);
}
