/* SPDX-License-Identifier: MIT */
/* A pipe that becomes readable has its head judged at once, so that junk is gone before anybody is woken for it. What
 * is kept waits at the head: the receive buffer is the queue. After a message was received from a pipe its next head
 * can't be looked at, since the application may still read the borrowed body; the pipe waits in `unseen` until the
 * next call.
 *
 * Failure modes: a pipe that cannot give its head for want of memory stays unseen and is tried again at the next call.
 * A malformed message closes its pipe, which leaves by detach, later. */
#include "fq.h"
#include <assert.h>
#include <errno.h>

void sp_fq_init(struct sp_fq *fq, struct sp_sock *s, sp_fq_judge judge)
{
    fq->mask = 0;
    fq->sock = s;
    fq->judge = judge;
    sp_list_init(&fq->unseen);
    for (int i = 0; i <= SP_PRIO_MAX; i++)
        sp_list_init(&fq->slots[i]);
}

void sp_fq_add(struct sp_fq *fq, struct sp_fq_pipe *e, struct sp_pipe *p)
{
    assert(p->rcv_prio >= 1 && p->rcv_prio <= SP_PRIO_MAX);
    e->pipe = p;
    e->slot = p->rcv_prio;
    sp_list_init(&e->node);
    if (p->can_recv)
        sp_fq_readable(fq, e);
}

void sp_fq_remove(struct sp_fq *fq, struct sp_fq_pipe *e)
{
    sp_list_unlink(&e->node);
    if (sp_list_empty(&fq->slots[e->slot]))
        fq->mask &= ~(1u << e->slot);
}

static void fq_link(struct sp_fq *fq, struct sp_fq_pipe *e)
{
    sp_list_push(&fq->slots[e->slot], &e->node);
    fq->mask |= 1u << e->slot;
}

/* Discards heads of e, which is in no list, until one is kept or none is left. */
static void fq_look(struct sp_fq *fq, struct sp_fq_pipe *e)
{
    struct sp_pipe *p = e->pipe;
    struct sp_msg m;
    int rc = 0;
    while (p->can_recv && (rc = sp_pipe_peek(p, &m)) == 0) {
        enum sp_verdict v = fq->judge(fq->sock, p, &m);
        if (v == SP_KEEP) {
            fq_link(fq, e);
            return;
        }
        if (v != SP_SKIP)
            sp_sock_dropped_recv(fq->sock);
        if (v == SP_BAD) {
            sp_pipe_close(p, SP_REASON_PROTOCOL, "malformed message");
            return;
        }
        if ((rc = sp_pipe_recv(p, &m)) < 0)
            break;
        sp_msg_drop(&m);
    }
    if (rc < 0 && rc != -EAGAIN)
        sp_list_push(&fq->unseen, &e->node);
}

void sp_fq_readable(struct sp_fq *fq, struct sp_fq_pipe *e)
{
    if (!sp_list_empty(&e->node))
        return;
    if (fq->judge)
        fq_look(fq, e);
    else
        fq_link(fq, e);
}

void sp_fq_first(struct sp_fq *fq, struct sp_fq_pipe *e)
{
    bool linked = !sp_list_empty(&e->node);
    sp_fq_remove(fq, e);
    e->slot = 0;
    if (linked)
        sp_fq_readable(fq, e);
}

void sp_fq_recheck(struct sp_fq *fq)
{
    for (; fq->mask; fq->mask &= fq->mask - 1)
        sp_list_splice(&fq->unseen, &fq->slots[__builtin_ctz(fq->mask)]);
}

/* Looks at all unseen heads once. */
static void fq_settle(struct sp_fq *fq)
{
    struct sp_list now, *node;
    if (sp_list_empty(&fq->unseen))
        return;
    sp_list_init(&now);
    sp_list_splice(&now, &fq->unseen);
    while ((node = sp_list_pop(&now)))
        fq_look(fq, SP_CONTAINER(node, struct sp_fq_pipe, node));
}

bool sp_fq_ready(struct sp_fq *fq)
{
    fq_settle(fq);
    return fq->mask != 0;
}

/* e has had its turn. */
static void fq_turn(struct sp_fq *fq, struct sp_fq_pipe *e)
{
    if (!e->pipe->can_recv) {
        sp_fq_remove(fq, e);
    } else if (fq->judge) {
        sp_fq_remove(fq, e);
        sp_list_push(&fq->unseen, &e->node);
    } else if (e->slot && fq->slots[e->slot].prev != &e->node) {
        sp_list_unlink(&e->node);
        sp_list_push(&fq->slots[e->slot], &e->node);
    }
}

int sp_fq_recv(struct sp_fq *fq, struct sp_msg *m)
{
    fq_settle(fq);
    while (fq->mask) {
        struct sp_list *first = fq->slots[__builtin_ctz(fq->mask)].next;
        struct sp_fq_pipe *e = SP_CONTAINER(first, struct sp_fq_pipe, node);
        int rc = sp_pipe_recv(e->pipe, m);
        if (rc == 0) {
            m->pipe = e->pipe;
            fq_turn(fq, e);
            return 0;
        }
        if (rc != -EAGAIN)
            return rc;
        sp_fq_remove(fq, e);
    }
    return -EAGAIN;
}
