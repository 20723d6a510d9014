/* SPDX-License-Identifier: MIT */
/* PUSH, cooked and raw the same: each message goes to one pipe, by priority and then round robin.
 *
 * Failure modes: with no pipe that can send, nn_send waits. What a dying pipe had not sent goes to
 * another before anything newer. A peer that sends anything is no PULL: its pipe is closed. */
#include "backlog.h"
#include "lb.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>

struct push {
    struct sp_lb lb;           /* who may take a message */
    struct sp_backlog backlog; /* what dead pipes gave back */
};

struct push_pipe {
    struct sp_lb_pipe lb;
};

static int push_init(struct sp_sock *s)
{
    struct push *x = sp_sock_proto(s);
    sp_lb_init(&x->lb);
    sp_backlog_init(&x->backlog, s);
    return 0;
}

static void push_fini(struct sp_sock *s)
{
    struct push *x = sp_sock_proto(s);
    sp_backlog_fini(&x->backlog);
}

static int push_now(struct sp_sock *s, struct sp_msg *m)
{
    struct push *x = sp_sock_proto(s);
    return sp_lb_send(&x->lb, m, NULL);
}

static int push_send(struct sp_sock *s, struct sp_msg *m)
{
    struct push *x = sp_sock_proto(s);
    int rc = sp_backlog_flush(&x->backlog, push_now);
    return rc < 0 ? rc : push_now(s, m);
}

static void push_tick(struct sp_sock *s)
{
    struct push *x = sp_sock_proto(s);
    (void)!sp_backlog_flush(&x->backlog, push_now);
}

static void push_readable(struct sp_sock *s, struct sp_pipe *p)
{
    sp_sock_dropped_recv(s);
    sp_pipe_close(p, SP_REASON_PROTOCOL, "a PULL sent a message");
}

static int push_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct push *x = sp_sock_proto(s);
    struct push_pipe *xp = p->proto;
    sp_lb_add(&x->lb, &xp->lb, p);
    if (p->can_recv)
        push_readable(s, p);
    push_tick(s);
    return 0;
}

static void push_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct push *x = sp_sock_proto(s);
    struct push_pipe *xp = p->proto;
    sp_lb_remove(&x->lb, &xp->lb);
}

static void push_writable(struct sp_sock *s, struct sp_pipe *p)
{
    struct push *x = sp_sock_proto(s);
    struct push_pipe *xp = p->proto;
    sp_lb_writable(&x->lb, &xp->lb);
    push_tick(s);
}

static int push_ready(struct sp_sock *s)
{
    struct push *x = sp_sock_proto(s);
    return sp_backlog_empty(&x->backlog) && sp_lb_ready(&x->lb) ? SP_CAN_SEND : 0;
}

static void push_unsent(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m)
{
    struct push *x = sp_sock_proto(s);
    sp_backlog_put(&x->backlog, p, m);
    push_tick(s);
}

/* Cooked and raw differ in nothing else. */
#define PUSH_ROW                                                                                   \
    .id = NN_PUSH, .peer = NN_PULL, .caps = SP_CAN_SEND, .sock_size = sizeof(struct push),         \
    .pipe_size = sizeof(struct push_pipe), .init = push_init, .fini = push_fini,                   \
    .attach = push_attach, .detach = push_detach, .hangup = push_detach,                           \
    .readable = push_readable, .writable = push_writable, .send = push_send, .ready = push_ready,  \
    .tick = push_tick, .unsent = push_unsent

const struct sp_protocol sp_push = {.domain = AF_SP, PUSH_ROW};
const struct sp_protocol sp_push_raw = {.domain = AF_SP_RAW, PUSH_ROW};
