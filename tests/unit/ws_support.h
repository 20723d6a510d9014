/* SPDX-License-Identifier: MIT */
/* ws streams over wires in memory, of which a test decides how much passes at once. */
#ifndef TESTS_UNIT_WS_SUPPORT_H
#define TESTS_UNIT_WS_SUPPORT_H

#include "base.h"
#include "base/bytes.h"
#include "transports/ws/ws.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/reqrep.h>
#include <string.h>

#define WIRE_BYTES (1 << 22)

/* One direction of the wire. */
struct wire {
    uint8_t p[WIRE_BYTES];
    size_t len, at; /* written, and read of it */
    size_t room;    /* bytes that it still takes */
    size_t chop;    /* bytes that one read gives at most */
    bool end;       /* nothing follows */
    int finished;   /* calls of finish */
    int writes;     /* calls of writev with bytes */
};

/* A stream below. */
struct below {
    struct sp_stream st;
    struct wire *in, *out;
    int closed;
    int start_rc; /* of start, when it has one */
    int rekeys;
};

static struct wire to_server, to_client;

static ssize_t below_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct wire *w = ((struct below *)(void *)s)->in;
    size_t got = 0;
    for (int i = 0; i < n; i++) {
        size_t k = w->len - w->at;
        k = k < iov[i].iov_len ? k : iov[i].iov_len;
        k = k < w->chop - got ? k : w->chop - got;
        if (k)
            memcpy(iov[i].iov_base, w->p + w->at, k);
        w->at += k;
        got += k;
    }
    return got ? (ssize_t)got : w->end ? 0 : -EAGAIN;
}

static ssize_t below_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct wire *w = ((struct below *)(void *)s)->out;
    size_t took = 0, asked = 0;
    for (int i = 0; i < n; i++) {
        size_t k = iov[i].iov_len < w->room ? iov[i].iov_len : w->room;
        assert_true(k <= WIRE_BYTES - w->len);
        if (k)
            memcpy(w->p + w->len, iov[i].iov_base, k);
        w->len += k;
        w->room -= k;
        took += k;
        asked += iov[i].iov_len;
    }
    w->writes += asked > 0;
    return asked && !took ? -EAGAIN : (ssize_t)took;
}

static int below_want(struct sp_stream *s)
{
    (void)s;
    return 0;
}

static int below_finish(struct sp_stream *s)
{
    struct wire *w = ((struct below *)(void *)s)->out;
    w->finished++;
    w->end = true;
    return 0;
}

static void below_close(struct sp_stream *s)
{
    ((struct below *)(void *)s)->closed++;
}

static int below_start(struct sp_stream *s)
{
    return ((struct below *)(void *)s)->start_rc;
}

static int below_rekey(struct sp_stream *s, int request_peer)
{
    ((struct below *)(void *)s)->rekeys += 1 + request_peer;
    return 0;
}

static const struct sp_stream_ops below_plain = {.readv = below_readv,
                                                 .writev = below_writev,
                                                 .want = below_want,
                                                 .finish = below_finish,
                                                 .close = below_close};
static const struct sp_stream_ops below_shy = {.start = below_start,
                                               .readv = below_readv,
                                               .writev = below_writev,
                                               .want = below_want,
                                               .finish = below_finish,
                                               .close = below_close,
                                               .rekey = below_rekey};

/* Both sides of a connection; a test may use one and play the other. */
static struct side {
    struct below below;
    struct sp_peer peer;
    struct sp_stream *st; /* the ws stream */
} server, client;

static int rcvmax;

static inline void wire_reset(struct wire *w)
{
    w->len = w->at = 0;
    w->room = w->chop = WIRE_BYTES;
    w->end = false;
    w->finished = w->writes = 0;
}

static inline int side_new(struct side *side, bool dialled, const struct sp_stream_ops *ops)
{
    int err = 0;
    memset(side, 0, sizeof *side);
    side->below.st = (struct sp_stream){.ops = ops, .peer = &side->peer, .fd = -1};
    side->below.in = dialled ? &to_client : &to_server;
    side->below.out = dialled ? &to_server : &to_client;
    struct sp_ws_args args = {.next = &side->below.st,
                              .peer = &side->peer,
                              .dialled = dialled,
                              .protocol = dialled ? NN_REQ : NN_REP,
                              .peer_protocol = dialled ? NN_REP : NN_REQ,
                              .type = SP_WS_BINARY,
                              .rcvmax = &rcvmax,
                              .host = "host:80/rest",
                              .host_len = 7,
                              .path = "/path?query"};
    side->st = sp_ws_new(&args, &err);
    return side->st ? 0 : err;
}

static inline struct sp_ws *ws_of(struct side *s)
{
    return (struct sp_ws *)(void *)s->st;
}

static inline void side_close(struct side *s)
{
    if (s->st)
        s->st->ops->close(s->st);
    s->st = NULL;
}

static inline int ws_setup(void **state)
{
    (void)state;
    rcvmax = 1048576;
    wire_reset(&to_server);
    wire_reset(&to_client);
    return side_new(&server, false, &below_plain) || side_new(&client, true, &below_plain);
}

static inline int ws_teardown(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    side_close(&server);
    side_close(&client);
    sp_slab_flush();
    return 0;
}

#define WS_TEST(fn) cmocka_unit_test_setup_teardown(fn, ws_setup, ws_teardown)

/* ---- what the connection above does ---- */

static inline ssize_t put(struct side *s, const void *p, size_t n)
{
    struct iovec v = {(void *)(uintptr_t)p, n};
    return s->st->ops->writev(s->st, &v, 1);
}

static inline ssize_t get(struct side *s, void *p, size_t n)
{
    struct iovec v = {p, n};
    return s->st->ops->readv(s->st, &v, 1);
}

static inline ssize_t put_greeting(struct side *s, int protocol)
{
    uint8_t g[SP_FRAME_GREET_MAX];
    return put(s, g, sp_frame_ws.greet(g, protocol));
}

/* The protocol that the other side is said to have. */
static inline int get_greeting(struct side *s)
{
    uint8_t g[8];
    ssize_t n = get(s, g, 8);
    return n == 8 ? sp_frame_ws.greeted(g) : (int)n;
}

static inline void greet(void)
{
    assert_int_equal(put_greeting(&client, NN_REQ), 8);
    assert_int_equal(get_greeting(&server), NN_REQ);
    assert_int_equal(put_greeting(&server, NN_REP), 8);
    assert_int_equal(get_greeting(&client), NN_REP);
}

/* The same, and what was said is forgotten. */
static inline int ws_open(void **state)
{
    if (ws_setup(state))
        return -1;
    greet();
    wire_reset(&to_server);
    wire_reset(&to_client);
    return 0;
}

#define OPEN_TEST(fn) cmocka_unit_test_setup_teardown(fn, ws_open, ws_teardown)

/* ---- what a peer does by hand ---- */

static inline void wire_put(struct wire *w, const void *p, size_t n)
{
    memcpy(w->p + w->len, p, n);
    w->len += n;
}

static inline void wire_text(struct wire *w, const char *text)
{
    wire_put(w, text, strlen(text));
}

/* A frame for the server, masked, or for the client. */
static inline void wire_frame(struct wire *w, int opcode, bool fin, const void *p, size_t n)
{
    uint8_t head[SP_WS_HEAD_MAX], mask[4] = {1, 2, 3, 250};
    struct sp_ws_head h = {
        .opcode = (uint8_t)opcode, .fin = fin, .masked = w == &to_server, .len = n};
    memcpy(h.mask, mask, 4);
    wire_put(w, head, sp_ws_head_put(head, &h));
    if (n)
        wire_put(w, p, n);
    if (h.masked)
        sp_ws_mask(w->p + w->len - n, w->p + w->len - n, n, mask);
}

/* The code of the Close frame at the end of what the server wrote, unmasked, or 0. */
static inline int closed_with(const struct wire *w)
{
    const uint8_t *p = w->p + w->len - 4;
    return w->len >= 4 && p[0] == 0x88 && p[1] == 2 ? p[2] << 8 | p[3] : 0;
}

#endif
