/* SPDX-License-Identifier: MIT */
/* PAIR, cooked and raw the same: one peer, both directions, nothing added to a message.
 *
 * Failure modes: while there is a peer others are refused, and go on trying. Once it is gone the
 * next is taken, though what the old one sent may not be received yet; that is received first. What
 * the old one was not sent goes to the new one before anything else. */
#include "backlog.h"
#include "fq.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>

struct pair {
    struct sp_pipe *peer;      /* the peer, or NULL */
    struct sp_fq fq;           /* it, and the leftovers of those before */
    struct sp_backlog backlog; /* what it has to be sent first */
};

struct pair_pipe {
    struct sp_fq_pipe fq;
};

static int pair_init(struct sp_sock *s)
{
    struct pair *x = sp_sock_proto(s);
    sp_fq_init(&x->fq, s, NULL);
    sp_backlog_init(&x->backlog, s);
    return 0;
}

static void pair_fini(struct sp_sock *s)
{
    struct pair *x = sp_sock_proto(s);
    sp_backlog_fini(&x->backlog);
}

static int pair_now(struct sp_sock *s, struct sp_msg *m)
{
    struct pair *x = sp_sock_proto(s);
    return x->peer ? sp_pipe_send(x->peer, m) : -EAGAIN;
}

static int pair_send(struct sp_sock *s, struct sp_msg *m)
{
    struct pair *x = sp_sock_proto(s);
    int rc = sp_backlog_flush(&x->backlog, pair_now);
    return rc < 0 ? rc : pair_now(s, m);
}

static void pair_tick(struct sp_sock *s)
{
    struct pair *x = sp_sock_proto(s);
    (void)!sp_backlog_flush(&x->backlog, pair_now);
}

static int pair_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct pair *x = sp_sock_proto(s);
    struct pair_pipe *xp = p->proto;
    if (x->peer)
        return -EBUSY;
    x->peer = p;
    sp_fq_add(&x->fq, &xp->fq, p);
    pair_tick(s);
    return 0;
}

static void pair_hangup(struct sp_sock *s, struct sp_pipe *p)
{
    struct pair *x = sp_sock_proto(s);
    struct pair_pipe *xp = p->proto;
    if (x->peer != p)
        return;
    x->peer = NULL;
    sp_fq_first(&x->fq, &xp->fq);
}

static void pair_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct pair *x = sp_sock_proto(s);
    struct pair_pipe *xp = p->proto;
    sp_fq_remove(&x->fq, &xp->fq);
    if (x->peer == p)
        x->peer = NULL;
}

static void pair_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct pair *x = sp_sock_proto(s);
    struct pair_pipe *xp = p->proto;
    sp_fq_readable(&x->fq, &xp->fq);
}

static void pair_writable(struct sp_sock *s, struct sp_pipe *p)
{
    (void)p;
    pair_tick(s);
}

static int pair_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct pair *x = sp_sock_proto(s);
    return sp_fq_recv(&x->fq, m);
}

static int pair_ready(struct sp_sock *s)
{
    struct pair *x = sp_sock_proto(s);
    bool out = x->peer && x->peer->can_send && sp_backlog_empty(&x->backlog);
    return (out ? SP_CAN_SEND : 0) | (sp_fq_ready(&x->fq) ? SP_CAN_RECV : 0);
}

static void pair_unsent(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m)
{
    struct pair *x = sp_sock_proto(s);
    if (p)
        pair_hangup(s, p);
    sp_backlog_put(&x->backlog, p, m);
    pair_tick(s);
}

/* Cooked and raw differ in nothing else. */
#define PAIR_ROW                                                                                   \
    .id = NN_PAIR, .peer = NN_PAIR, .caps = SP_CAN_RECV | SP_CAN_SEND,                             \
    .sock_size = sizeof(struct pair), .pipe_size = sizeof(struct pair_pipe), .init = pair_init,    \
    .fini = pair_fini, .attach = pair_attach, .detach = pair_detach, .hangup = pair_hangup,        \
    .readable = pair_readable, .writable = pair_writable, .send = pair_send, .recv = pair_recv,    \
    .ready = pair_ready, .tick = pair_tick, .unsent = pair_unsent

const struct sp_protocol sp_pair = {.domain = AF_SP, PAIR_ROW};
const struct sp_protocol sp_pair_raw = {.domain = AF_SP_RAW, PAIR_ROW};
