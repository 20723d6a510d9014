/* SPDX-License-Identifier: MIT */
/* A ws stream begins with the handshake of the layer below, if it has one; then the greetings that
 * the connection writes and reads become HTTP (hello.c), and its messages frames (tx.c, rx.c).
 *
 * Whatever fails leaves its reason in the peer, and what there is to say to the other side is said
 * when the stream is closed, once, if nothing is half sent then. */
#include "ws.h"
#include <errno.h>
#include <stdio.h>

static int ws_start(struct sp_stream *s)
{
    struct sp_ws *t = (struct sp_ws *)s;
    int rc = t->started ? 0 : s->next->ops->start(s->next);
    if (rc == 0)
        t->started = true;
    return rc;
}

static int ws_want(struct sp_stream *s)
{
    struct sp_ws *t = (struct sp_ws *)s;
    int want = s->next->ops->want(s->next);
    if (!t->started)
        return want;
    if (atomic_load_explicit(&t->rx.ready, memory_order_acquire))
        want |= POLLIN;
    bool pong = atomic_load_explicit(&t->pong_due, memory_order_acquire) &&
                !atomic_load_explicit(&t->tx.closing, memory_order_relaxed);
    if (pong || atomic_load_explicit(&t->tx.staged, memory_order_acquire))
        want |= POLLOUT;
    return want;
}

static int ws_rekey(struct sp_stream *s, int request_peer)
{
    return s->next->ops->rekey(s->next, request_peer);
}

static void ws_close(struct sp_stream *s)
{
    struct sp_ws *t = (struct sp_ws *)s;
    if (t->started)
        sp_ws_tx_last(t);
    sp_ws_rx_fini(&t->rx);
    sp_ws_tx_fini(&t->tx);
    sp_mutex_fini(&t->pong_lock);
    s->next->ops->close(s->next);
    sp_free(t);
}

#define WS_OPS                                                                                     \
    .readv = sp_ws_readv, .writev = sp_ws_writev, .want = ws_want, .finish = sp_ws_finish,         \
    .close = ws_close

static const struct sp_stream_ops plain_ops = {WS_OPS};
static const struct sp_stream_ops over_tls = {WS_OPS, .start = ws_start, .rekey = ws_rekey};

static struct sp_ws *ws_make(const struct sp_ws_args *args)
{
    struct sp_stream *next = args->next;
    struct sp_ws *t = sp_calloc(1, sizeof *t);
    if (!t || sp_mutex_init(&t->pong_lock) < 0) {
        sp_free(t);
        return NULL;
    }
    t->base = (struct sp_stream){.ops = next->ops->start ? &over_tls : &plain_ops,
                                 .next = next,
                                 .peer = args->peer,
                                 .fd = next->fd};
    t->args = *args;
    t->started = !next->ops->start;
    return t;
}

struct sp_stream *sp_ws_new(const struct sp_ws_args *args, int *err)
{
    const char *name = sp_ws_subprotocol(args->dialled ? args->peer_protocol : args->protocol);
    struct sp_ws *t = name ? ws_make(args) : NULL;
    if (!t) {
        args->next->ops->close(args->next);
        *err = name ? -ENOMEM : -EPROTONOSUPPORT;
        return NULL;
    }
    snprintf(t->http.subprotocol, sizeof t->http.subprotocol, "%s", name);
    return &t->base;
}
