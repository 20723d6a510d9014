/* SPDX-License-Identifier: MIT */
/* What the fuzzers of ws share: a ws stream over a wire in memory. */
#ifndef TESTS_FUZZ_WSWIRE_H
#define TESTS_FUZZ_WSWIRE_H

#include "transports/ws/ws.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <stdlib.h>
#include <string.h>

#define WIRE_MAX 16384
#define RCV_MAX  1024 /* NN_RCVMAXSIZE */

static inline void check(bool good)
{
    if (!good)
        abort();
}

/* One side: what it reads and writes below. */
struct wire {
    struct sp_stream below;
    struct sp_peer peer;
    const uint8_t *in;
    size_t in_len, in_at;
    size_t chop; /* bytes that one read gives at most */
    bool end;    /* the stream ends behind the input */
    uint8_t out[WIRE_MAX];
    size_t out_len;
    size_t room; /* bytes that the next writes take, together */
    int closed;
    int rcvmax;
    struct sp_stream *st; /* the ws stream */
};

static ssize_t wire_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct wire *w = (struct wire *)(void *)s;
    size_t got = 0;
    for (int i = 0; i < n; i++) {
        size_t k = w->in_len - w->in_at;
        k = k < iov[i].iov_len ? k : iov[i].iov_len;
        k = k < w->chop - got ? k : w->chop - got;
        if (k)
            memcpy(iov[i].iov_base, w->in + w->in_at, k);
        w->in_at += k;
        got += k;
    }
    return got ? (ssize_t)got : w->end ? 0 : -EAGAIN;
}

static ssize_t wire_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct wire *w = (struct wire *)(void *)s;
    size_t took = 0, asked = 0;
    for (int i = 0; i < n; i++) {
        size_t k = iov[i].iov_len < w->room ? iov[i].iov_len : w->room;
        k = k < WIRE_MAX - w->out_len ? k : WIRE_MAX - w->out_len;
        if (k)
            memcpy(w->out + w->out_len, iov[i].iov_base, k);
        w->out_len += k;
        w->room -= k;
        took += k;
        asked += iov[i].iov_len;
    }
    return asked && !took ? -EAGAIN : (ssize_t)took;
}

static int wire_want(struct sp_stream *s)
{
    (void)s;
    return 0;
}

static int wire_finish(struct sp_stream *s)
{
    (void)s;
    return 0;
}

static void wire_close(struct sp_stream *s)
{
    ((struct wire *)(void *)s)->closed++;
}

static const struct sp_stream_ops wire_ops = {.readv = wire_readv,
                                              .writev = wire_writev,
                                              .want = wire_want,
                                              .finish = wire_finish,
                                              .close = wire_close};

/* A dialling REQ, or a REP. */
static inline void wire_new(struct wire *w, bool dialled)
{
    int err = 0;
    memset(&w->peer, 0, sizeof w->peer);
    w->in_at = w->in_len = w->out_len = 0;
    w->chop = w->room = WIRE_MAX;
    w->rcvmax = RCV_MAX;
    w->end = false;
    w->closed = 0;
    w->below = (struct sp_stream){.ops = &wire_ops, .peer = &w->peer, .fd = -1};
    struct sp_ws_args args = {.next = &w->below,
                              .peer = &w->peer,
                              .dialled = dialled,
                              .protocol = dialled ? NN_REQ : NN_REP,
                              .peer_protocol = dialled ? NN_REP : NN_REQ,
                              .type = SP_WS_BINARY,
                              .rcvmax = &w->rcvmax,
                              .host = "h",
                              .host_len = 1,
                              .path = "/"};
    w->st = sp_ws_new(&args, &err);
    check(w->st != NULL);
}

/* The same with the handshake behind it. */
static inline void wire_open(struct wire *w, bool dialled)
{
    wire_new(w, dialled);
    struct sp_ws *t = (struct sp_ws *)(void *)w->st;
    t->rx.open = t->tx.open = true;
}

static inline void wire_drop(struct wire *w)
{
    w->st->ops->close(w->st);
    check(w->closed == 1);
}

static inline ssize_t wire_get(struct wire *w, uint8_t *p, size_t n)
{
    struct iovec v = {p, n};
    return w->st->ops->readv(w->st, &v, 1);
}

static inline ssize_t wire_put(struct wire *w, const uint8_t *p, size_t n)
{
    struct iovec v = {(void *)(uintptr_t)p, n};
    return w->st->ops->writev(w->st, &v, 1);
}

#endif
