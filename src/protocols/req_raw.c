/* SPDX-License-Identifier: MIT */
/* Raw REQ, for devices: messages go out by load balancing with the header that they have, and come
 * in with their first id as the header. Nothing is matched, and nothing is resent but what a dying
 * pipe had not sent, which goes to another before anything newer. A message too short for an id
 * closes its pipe. */
#include "backlog.h"
#include "backtrace.h"
#include "fq.h"
#include "lb.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

struct xreq {
    struct sp_lb lb;           /* who may be asked */
    struct sp_fq fq;           /* who has a message */
    struct sp_backlog backlog; /* what dead pipes gave back */
};

struct xreq_pipe {
    struct sp_lb_pipe lb;
    struct sp_fq_pipe fq;
};

static enum sp_verdict xreq_judge(struct sp_sock *s, struct sp_pipe *p, const struct sp_msg *head)
{
    (void)s;
    (void)p;
    return head->body_len < 4 ? SP_BAD : SP_KEEP;
}

static int xreq_init(struct sp_sock *s)
{
    struct xreq *x = sp_sock_proto(s);
    sp_lb_init(&x->lb);
    sp_fq_init(&x->fq, s, xreq_judge);
    sp_backlog_init(&x->backlog, s);
    return 0;
}

static void xreq_fini(struct sp_sock *s)
{
    struct xreq *x = sp_sock_proto(s);
    sp_backlog_fini(&x->backlog);
}

static int xreq_now(struct sp_sock *s, struct sp_msg *m)
{
    struct xreq *x = sp_sock_proto(s);
    return sp_lb_send(&x->lb, m, NULL);
}

static void xreq_tick(struct sp_sock *s)
{
    struct xreq *x = sp_sock_proto(s);
    (void)!sp_backlog_flush(&x->backlog, xreq_now);
}

static int xreq_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct xreq *x = sp_sock_proto(s);
    struct xreq_pipe *xp = p->proto;
    sp_lb_add(&x->lb, &xp->lb, p);
    sp_fq_add(&x->fq, &xp->fq, p);
    xreq_tick(s);
    return 0;
}

static void xreq_hangup(struct sp_sock *s, struct sp_pipe *p)
{
    struct xreq *x = sp_sock_proto(s);
    struct xreq_pipe *xp = p->proto;
    sp_lb_remove(&x->lb, &xp->lb);
}

static void xreq_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct xreq *x = sp_sock_proto(s);
    struct xreq_pipe *xp = p->proto;
    sp_lb_remove(&x->lb, &xp->lb);
    sp_fq_remove(&x->fq, &xp->fq);
}

static void xreq_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct xreq *x = sp_sock_proto(s);
    struct xreq_pipe *xp = p->proto;
    sp_fq_readable(&x->fq, &xp->fq);
}

static void xreq_writable(struct sp_sock *s, struct sp_pipe *p)
{
    struct xreq *x = sp_sock_proto(s);
    struct xreq_pipe *xp = p->proto;
    sp_lb_writable(&x->lb, &xp->lb);
    xreq_tick(s);
}

static int xreq_send(struct sp_sock *s, struct sp_msg *m)
{
    struct xreq *x = sp_sock_proto(s);
    int rc = sp_backlog_flush(&x->backlog, xreq_now);
    return rc < 0 ? rc : xreq_now(s, m);
}

/* The first id is where a device's other side must send the answer. */
static int xreq_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct xreq *x = sp_sock_proto(s);
    int rc = sp_fq_recv(&x->fq, m);
    if (rc == 0)
        sp_backtrace_shift(m);
    return rc;
}

static int xreq_ready(struct sp_sock *s)
{
    struct xreq *x = sp_sock_proto(s);
    bool out = sp_backlog_empty(&x->backlog) && sp_lb_ready(&x->lb);
    return (out ? SP_CAN_SEND : 0) | (sp_fq_ready(&x->fq) ? SP_CAN_RECV : 0);
}

static void xreq_unsent(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m)
{
    struct xreq *x = sp_sock_proto(s);
    sp_backlog_put(&x->backlog, p, m);
    xreq_tick(s);
}

const struct sp_protocol sp_req_raw = {
    .domain = AF_SP_RAW,
    .id = NN_REQ,
    .peer = NN_REP,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .sock_size = sizeof(struct xreq),
    .pipe_size = sizeof(struct xreq_pipe),
    .init = xreq_init,
    .fini = xreq_fini,
    .attach = xreq_attach,
    .detach = xreq_detach,
    .hangup = xreq_hangup,
    .readable = xreq_readable,
    .writable = xreq_writable,
    .send = xreq_send,
    .recv = xreq_recv,
    .ready = xreq_ready,
    .tick = xreq_tick,
    .unsent = xreq_unsent,
};
