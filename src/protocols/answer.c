/* SPDX-License-Identifier: MIT */
/* Questions are received by fair queueing. The stack of ids in front of one is kept until nn_send,
 * which puts it in front of the answer and sends that to the pipe that the question came by. Raw,
 * the stack travels in the message's header, with the pipe's id on top.
 *
 * Failure modes: a question whose stack does not end closes its pipe; one with more than NN_MAXTTL
 * hops is dropped and counted. Waiting for one slow peer would stop the service of all, so nn_send
 * never does: each pipe that is full may have one answer waiting; another one is dropped and
 * counted, as is one whose pipe is gone. Want of memory fails nn_send and leaves the question to be
 * answered. */
#include "answer.h"
#include "../base/bytes.h"
#include "backtrace.h"
#include <errno.h>
#include <nanomsg/nn.h>

static enum sp_verdict answer_judge(struct sp_sock *s, struct sp_pipe *p, const struct sp_msg *head)
{
    (void)p;
    int n = sp_backtrace_parse(head->body, head->body_len, sp_sock_ttl(s));
    return n > 0 ? SP_KEEP : n == -EMSGSIZE ? SP_DROP : SP_BAD;
}

int sp_answer_init(struct sp_sock *s)
{
    struct sp_answer *a = sp_sock_proto(s);
    sp_fq_init(&a->fq, s, answer_judge);
    return 0;
}

int sp_answer_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct sp_answer *a = sp_sock_proto(s);
    struct sp_answer_pipe *ap = p->proto;
    sp_fq_add(&a->fq, &ap->fq, p);
    return 0;
}

void sp_answer_unsent(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m)
{
    sp_sock_dropped_send(s, p);
    sp_msg_drop(m);
}

void sp_answer_hangup(struct sp_sock *s, struct sp_pipe *p)
{
    struct sp_answer_pipe *ap = p->proto;
    ap->gone = true;
    if (ap->waiting.chunk)
        sp_answer_unsent(s, p, &ap->waiting);
}

void sp_answer_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct sp_answer *a = sp_sock_proto(s);
    struct sp_answer_pipe *ap = p->proto;
    sp_fq_remove(&a->fq, &ap->fq);
    sp_answer_hangup(s, p);
}

void sp_answer_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct sp_answer *a = sp_sock_proto(s);
    struct sp_answer_pipe *ap = p->proto;
    sp_fq_readable(&a->fq, &ap->fq);
}

void sp_answer_writable(struct sp_sock *s, struct sp_pipe *p)
{
    struct sp_answer_pipe *ap = p->proto;
    int rc = ap->waiting.chunk ? sp_pipe_send(p, &ap->waiting) : 0;
    if (rc < 0 && rc != -EAGAIN)
        sp_answer_unsent(s, p, &ap->waiting);
}

/* Gives a question, moves its stack to `stack` (SP_HDR_MAX bytes) and gives its bytes. -EAGAIN and
 * others as sp_fq_recv. */
static int answer_take(struct sp_sock *s, struct sp_msg *m, uint8_t *stack)
{
    struct sp_answer *a = sp_sock_proto(s);
    for (;;) {
        int n = sp_fq_recv(&a->fq, m);
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

/* Sends m to the pipe `to`, now or when it has room. Takes it unless the result is < 0, which only
 * memory makes it. */
static int answer_deliver(struct sp_sock *s, uint32_t to, struct sp_msg *m)
{
    struct sp_pipe *p = sp_sock_pipe(s, to);
    struct sp_answer_pipe *ap = p ? p->proto : NULL;
    if (!p || ap->gone || ap->waiting.chunk) {
        sp_answer_unsent(s, p, m);
        return 0;
    }
    int rc = sp_pipe_send(p, m);
    if (rc != -EAGAIN)
        return rc;
    rc = sp_msg_own(m);
    if (rc == 0)
        sp_msg_move(&ap->waiting, m);
    return rc;
}

int sp_answer_send(struct sp_sock *s, struct sp_msg *m)
{
    struct sp_answer *a = sp_sock_proto(s);
    if (!a->from)
        return -EFSM;
    int rc = sp_msg_hdr_set(m, a->stack, a->stack_len);
    if (rc == 0)
        rc = answer_deliver(s, a->from, m);
    if (rc == 0)
        a->from = 0;
    return rc;
}

int sp_answer_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct sp_answer *a = sp_sock_proto(s);
    a->from = 0;
    int n = answer_take(s, m, a->stack);
    if (n < 0)
        return n;
    a->stack_len = (size_t)n;
    a->from = m->pipe->id;
    return 0;
}

int sp_answer_ready(struct sp_sock *s)
{
    struct sp_answer *a = sp_sock_proto(s);
    return (a->from ? SP_CAN_SEND : 0) | (sp_fq_ready(&a->fq) ? SP_CAN_RECV : 0);
}

/* The top of the header says where it goes; without one it goes nowhere. */
int sp_answer_send_raw(struct sp_sock *s, struct sp_msg *m)
{
    struct sp_reader hdr = sp_reader(sp_msg_hdr(m), m->hdr_len);
    uint32_t to = sp_get_u32(&hdr);
    if (!hdr.bad)
        sp_msg_hdr_pull(m, 4);
    return answer_deliver(s, to, m);
}

int sp_answer_recv_raw(struct sp_sock *s, struct sp_msg *m)
{
    uint8_t hdr[4 + SP_HDR_MAX];
    int n = answer_take(s, m, hdr + 4);
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

int sp_answer_ready_raw(struct sp_sock *s)
{
    struct sp_answer *a = sp_sock_proto(s);
    return SP_CAN_SEND | (sp_fq_ready(&a->fq) ? SP_CAN_RECV : 0);
}
