/* SPDX-License-Identifier: MIT */
/* For the tests of transports/tls: streams in memory, and two TLS ends over them, driven by one
 * thread. */
#ifndef TLS_SUPPORT_H
#define TLS_SUPPORT_H

#include "base/secret.h"
#include "transports/tls/scratch.h"
#include "transports/tls/tls.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- One direction of a wire ---- */

struct wire {
    uint8_t *b;   /* bytes ever written */
    size_t len;   /* how many */
    size_t off;   /* how many were read */
    size_t cap;   /* room of b */
    size_t space; /* most unread bytes it takes: the "kernel's buffer" */
    bool eof;     /* the writer is gone */
    size_t flip;  /* offset + 1 of a byte to spoil as it is read; 0: none */
    uint8_t mask; /* the bits */
    size_t calls; /* writes */
};

struct mem {
    struct sp_stream base;
    struct wire *in, *out;
    size_t chop; /* most bytes of one read or write; 0: no limit */
};

static ssize_t mem_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct mem *m = (struct mem *)s;
    struct wire *w = m->in;
    size_t got = 0, most = m->chop ? m->chop : SIZE_MAX;
    if (w->off == w->len)
        return w->eof ? 0 : -EAGAIN;
    for (int i = 0; i < n; i++) {
        size_t len = iov[i].iov_len;
        len = len < w->len - w->off ? len : w->len - w->off;
        len = len < most - got ? len : most - got;
        memcpy(iov[i].iov_base, w->b + w->off, len);
        if (w->flip && w->flip - 1 >= w->off && w->flip - 1 < w->off + len)
            ((uint8_t *)iov[i].iov_base)[w->flip - 1 - w->off] ^= w->mask;
        w->off += len;
        got += len;
    }
    return (ssize_t)got;
}

static void wire_put(struct wire *w, const void *p, size_t len)
{
    if (w->len + len > w->cap) {
        w->cap = 2 * (w->len + len);
        w->b = realloc(w->b, w->cap);
        if (!w->b)
            abort();
    }
    if (len)
        memcpy(w->b + w->len, p, len);
    w->len += len;
}

static ssize_t mem_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct mem *m = (struct mem *)s;
    struct wire *w = m->out;
    size_t done = 0, most = m->chop ? m->chop : SIZE_MAX;
    if (w->eof)
        return -EPIPE;
    w->calls++;
    for (int i = 0; i < n; i++) {
        size_t len = iov[i].iov_len, room = w->space - (w->len - w->off);
        len = len < room ? len : room;
        len = len < most - done ? len : most - done;
        wire_put(w, iov[i].iov_base, len);
        done += len;
    }
    return done || !n ? (ssize_t)done : -EAGAIN;
}

static int mem_want(struct sp_stream *s)
{
    (void)s;
    return 0;
}

static int mem_finish(struct sp_stream *s)
{
    ((struct mem *)s)->out->eof = true;
    return 0;
}

static void mem_close(struct sp_stream *s)
{
    ((struct mem *)s)->out->eof = true;
    ((struct mem *)s)->in->eof = true;
    free(s);
}

static const struct sp_stream_ops mem_ops = {.readv = mem_readv,
                                             .writev = mem_writev,
                                             .want = mem_want,
                                             .finish = mem_finish,
                                             .close = mem_close};

static inline struct sp_stream *mem_new(struct wire *in, struct wire *out, struct sp_peer *peer)
{
    struct mem *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->base = (struct sp_stream){.ops = &mem_ops, .peer = peer, .fd = -1};
    m->in = in;
    m->out = out;
    return &m->base;
}

/* ---- Two ends ---- */

struct side {
    struct sp_stream *s;
    struct sp_peer peer;
    struct sp_tls_turn *turn;
    int rc; /* of start */
};

struct link {
    struct side client, server;
    struct wire up, down; /* client to server, and back */
    bool psk_only;
    const char *host;
    int wrong_keys, delay_ms;
};

static inline void link_side(struct link *l, struct side *side, int handle, bool dialled)
{
    struct wire *in = dialled ? &l->down : &l->up, *out = dialled ? &l->up : &l->down;
    struct sp_tls_cfg *cfg = sp_tls_cfg_get(handle);
    assert_non_null(cfg);
    memset(&side->peer, 0, sizeof side->peer);
    snprintf(side->peer.address, sizeof side->peer.address, "192.0.2.1:%d", dialled ? 1 : 2);
    if (dialled && side->turn)
        atomic_fetch_add(&side->turn->refs, 1);
    struct sp_handshake_args args = {.cfg = cfg,
                                     .next = mem_new(in, out, &side->peer),
                                     .peer = &side->peer,
                                     .turn = dialled ? side->turn : NULL,
                                     .host = l->host ? l->host : "localhost",
                                     .dialled = dialled,
                                     .psk_only = l->psk_only,
                                     .wrong_keys = l->wrong_keys,
                                     .delay_ms = l->delay_ms};
    side->s = sp_tls_new(&args, &side->rc);
    sp_tls_cfg_drop(cfg);
    if (side->s)
        side->rc = -EAGAIN;
}

static inline void link_init(struct link *l)
{
    memset(l, 0, sizeof *l);
    l->up.space = l->down.space = SIZE_MAX;
    l->psk_only = true;
    l->wrong_keys = SP_GUARD_FREE;
    l->delay_ms = SP_GUARD_LONGEST_MS;
}

static inline void link_step(struct side *side)
{
    if (side->rc == -EAGAIN)
        side->rc = side->s->ops->start(side->s);
}

/* Runs both handshakes until neither moves. */
static inline void link_shake(struct link *l)
{
    for (int idle = 0; idle < 2;) {
        size_t before = l->up.len + l->up.off + l->down.len + l->down.off;
        link_step(&l->client);
        link_step(&l->server);
        bool moved = before != l->up.len + l->up.off + l->down.len + l->down.off;
        idle = moved ? 0 : idle + 1;
    }
}

static inline void link_open(struct link *l, int client, int server)
{
    link_side(l, &l->client, client, true);
    link_side(l, &l->server, server, false);
    if (l->client.s && l->server.s)
        link_shake(l);
}

static inline void side_close(struct side *side)
{
    if (side->s)
        side->s->ops->close(side->s);
    side->s = NULL;
    sp_free(side->peer.id);
    sp_free(side->peer.cert);
    side->peer.id = side->peer.cert = NULL;
}

static inline void link_fini(struct link *l)
{
    side_close(&l->client);
    side_close(&l->server);
    free(l->up.b);
    free(l->down.b);
}

/* Forgets the bytes so far and opens anew with the same rules and turn. */
static inline void link_again(struct link *l, int client, int server)
{
    struct link next = *l;
    link_fini(l);
    link_init(l);
    l->psk_only = next.psk_only;
    l->host = next.host;
    l->wrong_keys = next.wrong_keys;
    l->delay_ms = next.delay_ms;
    l->client.turn = next.client.turn;
    link_open(l, client, server);
}

/* ---- Data ---- */

static inline ssize_t side_write(struct side *side, const void *p, size_t n)
{
    struct iovec v = {(void *)(uintptr_t)p, n};
    return side->s->ops->writev(side->s, &v, n ? 1 : 0);
}

static inline ssize_t side_read(struct side *side, void *p, size_t n)
{
    struct iovec v = {p, n};
    return side->s->ops->readv(side->s, &v, 1);
}

/* Sends n patterned bytes from one side to the other and checks them. */
static inline void link_carry(struct side *from, struct side *to, size_t n, size_t read_size)
{
    uint8_t *out = malloc(n + 1), *in = malloc(n + read_size + 1);
    assert_true(out && in);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(i * 31 + i / 251);
    size_t sent = 0, got = 0;
    while (got < n) {
        ssize_t w = sent < n ? side_write(from, out + sent, n - sent) : side_write(from, NULL, 0);
        assert_true(w >= 0 || w == -EAGAIN);
        sent += w > 0 ? (size_t)w : 0;
        ssize_t r = side_read(to, in + got, read_size);
        assert_true(r > 0 || r == -EAGAIN);
        got += r > 0 ? (size_t)r : 0;
    }
    assert_int_equal(got, n);
    assert_memory_equal(in, out, n);
    free(out);
    free(in);
}

/* ---- Keys ---- */

static const uint8_t tls_key[32] = "0123456789abcdef0123456789abcde";
static const uint8_t tls_other_key[32] = "another key of thirty-two bytes";

static inline int tls_handle(const char *id, const uint8_t key[32], int flags)
{
    int h = nn_tls_create();
    assert_true(h > 0);
    if (id)
        assert_int_equal(nn_tls_psk_add(h, id, strlen(id), key, 32, flags), 0);
    return h;
}

/* A client and a server that share "alice". */
static inline void tls_handles(int *client, int *server)
{
    *client = tls_handle("alice", tls_key, NN_TLS_DIAL);
    *server = tls_handle("alice", tls_key, NN_TLS_ACCEPT);
}

#endif
