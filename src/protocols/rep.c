/* SPDX-License-Identifier: MIT */
/* REP. Requests are received by fair queueing. The stack of ids in front of a request is kept until nn_send, which
 * puts it in front of the reply and sends that to the pipe that the request came by. Raw, the stack travels in the
 * message's header, with the pipe's id on top.
 *
 * Failure modes: a request whose stack does not end closes its pipe; one with more than NN_MAXTTL hops is dropped and
 * counted. Waiting for one slow peer would stop the service of all, so nn_send never does: each pipe that is full may
 * have one reply waiting; another one is dropped and counted, as is one whose pipe is gone. Want of memory fails nn_send
 * and leaves the request to be answered. */
#include "../base/bytes.h"
#include "backtrace.h"
#include "fq.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

struct rep {
    struct sp_fq fq;           /* who has a request */
    uint32_t from;             /* pipe of the request in hand, 0 for none */
    size_t stack_len;          /* bytes of stack */
    uint8_t stack[SP_HDR_MAX]; /* ids in front of the request in hand */
};

struct rep_pipe {
    struct sp_fq_pipe fq;
    struct sp_msg waiting; /* a reply for which there was no room; its chunk is NULL when there is none */
    bool gone;             /* no send succeeds any more */
};

static enum sp_verdict rep_judge(struct sp_sock *s, struct sp_pipe *p, const struct sp_msg *head)
{
    (void)p;
    int n = sp_backtrace_parse(head->body, head->body_len, sp_sock_ttl(s));
    return n > 0 ? SP_KEEP : n == -EMSGSIZE ? SP_DROP : SP_BAD;
}

static int rep_init(struct sp_sock *s)
{
    struct rep *r = sp_sock_proto(s);
    sp_fq_init(&r->fq, s, rep_judge);
    return 0;
}

static int rep_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct rep *r = sp_sock_proto(s);
    struct rep_pipe *rp = p->proto;
    sp_fq_add(&r->fq, &rp->fq, p);
    return 0;
}

static void rep_drop(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m)
{
    sp_sock_dropped_send(s, p);
    sp_msg_drop(m);
}

static void rep_hangup(struct sp_sock *s, struct sp_pipe *p)
{
    struct rep_pipe *rp = p->proto;
    rp->gone = true;
    if (rp->waiting.chunk)
        rep_drop(s, p, &rp->waiting);
}

static void rep_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct rep *r = sp_sock_proto(s);
    struct rep_pipe *rp = p->proto;
    sp_fq_remove(&r->fq, &rp->fq);
    rep_hangup(s, p);
}

static void rep_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct rep *r = sp_sock_proto(s);
    struct rep_pipe *rp = p->proto;
    sp_fq_readable(&r->fq, &rp->fq);
}

static void rep_writable(struct sp_sock *s, struct sp_pipe *p)
{
    struct rep_pipe *rp = p->proto;
    int rc = rp->waiting.chunk ? sp_pipe_send(p, &rp->waiting) : 0;
    if (rc < 0 && rc != -EAGAIN)
        rep_drop(s, p, &rp->waiting);
}

/* Gives a request, moves its stack to `stack` (SP_HDR_MAX bytes) and gives its bytes. -EAGAIN and others as sp_fq_recv. */
static int rep_take(struct sp_sock *s, struct sp_msg *m, uint8_t *stack)
{
    struct rep *r = sp_sock_proto(s);
    for (;;) {
        int n = sp_fq_recv(&r->fq, m);
        if (n < 0)
            return n;
        n = sp_backtrace_parse(m->body, m->body_len, sp_sock_ttl(s));
        if (n > 0) {
            memcpy(stack, m->body, (size_t)n);
            m->body += n;
            m->body_len -= (size_t)n;
            return n;
        }
        sp_msg_drop(m); /* it was good when it was judged: NN_MAXTTL is smaller now */
        sp_sock_dropped_recv(s);
    }
}

/* Sends m to the pipe `to`, now or when it has room. Takes it unless the result is < 0, which only memory makes it. */
static int rep_deliver(struct sp_sock *s, uint32_t to, struct sp_msg *m)
{
    struct sp_pipe *p = sp_sock_pipe(s, to);
    struct rep_pipe *rp = p ? p->proto : NULL;
    if (!p || rp->gone || rp->waiting.chunk) {
        rep_drop(s, p, m);
        return 0;
    }
    int rc = sp_pipe_send(p, m);
    if (rc != -EAGAIN)
        return rc;
    rc = sp_msg_own(m);
    if (rc == 0)
        sp_msg_move(&rp->waiting, m);
    return rc;
}

static int rep_send(struct sp_sock *s, struct sp_msg *m)
{
    struct rep *r = sp_sock_proto(s);
    if (!r->from)
        return -EFSM;
    int rc = sp_msg_hdr_set(m, r->stack, r->stack_len);
    if (rc == 0)
        rc = rep_deliver(s, r->from, m);
    if (rc == 0)
        r->from = 0;
    return rc;
}

static int rep_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct rep *r = sp_sock_proto(s);
    r->from = 0;
    int n = rep_take(s, m, r->stack);
    if (n < 0)
        return n;
    r->stack_len = (size_t)n;
    r->from = m->pipe->id;
    return 0;
}

static int rep_ready(struct sp_sock *s)
{
    struct rep *r = sp_sock_proto(s);
    return (r->from ? SP_CAN_SEND : 0) | (sp_fq_ready(&r->fq) ? SP_CAN_RECV : 0);
}

/* The top of the header says where it goes; without one it goes nowhere. */
static int rep_send_raw(struct sp_sock *s, struct sp_msg *m)
{
    struct sp_reader hdr = sp_reader(sp_msg_hdr(m), m->hdr_len);
    uint32_t to = sp_get_u32(&hdr);
    if (!hdr.bad)
        sp_msg_hdr_pull(m, 4);
    return rep_deliver(s, to, m);
}

static int rep_recv_raw(struct sp_sock *s, struct sp_msg *m)
{
    uint8_t hdr[4 + SP_HDR_MAX];
    int n = rep_take(s, m, hdr + 4);
    if (n < 0)
        return n;
    sp_set_be32(hdr, m->pipe->id);
    int rc = sp_msg_hdr_set(m, hdr, 4 + (size_t)n);
    if (rc < 0) {
        sp_msg_drop(m);
        sp_sock_dropped_recv(s);
    }
    return rc;
}

static int rep_ready_raw(struct sp_sock *s)
{
    struct rep *r = sp_sock_proto(s);
    return SP_CAN_SEND | (sp_fq_ready(&r->fq) ? SP_CAN_RECV : 0);
}

const struct sp_protocol sp_rep = {
    .domain = AF_SP, .id = NN_REP, .peer = NN_REQ,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .sock_size = sizeof(struct rep), .pipe_size = sizeof(struct rep_pipe),
    .init = rep_init, .attach = rep_attach, .detach = rep_detach, .hangup = rep_hangup,
    .readable = rep_readable, .writable = rep_writable,
    .send = rep_send, .recv = rep_recv, .ready = rep_ready, .unsent = rep_drop,
};

const struct sp_protocol sp_rep_raw = {
    .domain = AF_SP_RAW, .id = NN_REP, .peer = NN_REQ,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .sock_size = sizeof(struct rep), .pipe_size = sizeof(struct rep_pipe),
    .init = rep_init, .attach = rep_attach, .detach = rep_detach, .hangup = rep_hangup,
    .readable = rep_readable, .writable = rep_writable,
    .send = rep_send_raw, .recv = rep_recv_raw, .ready = rep_ready_raw, .unsent = rep_drop,
};
