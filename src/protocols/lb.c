/* SPDX-License-Identifier: MIT */
#include "lb.h"
#include <assert.h>
#include <errno.h>

void sp_lb_init(struct sp_lb *lb)
{
    lb->mask = 0;
    for (int i = 0; i <= SP_PRIO_MAX; i++)
        sp_list_init(&lb->slots[i]);
}

void sp_lb_add(struct sp_lb *lb, struct sp_lb_pipe *e, struct sp_pipe *p)
{
    assert(p->snd_prio >= 1 && p->snd_prio <= SP_PRIO_MAX);
    e->pipe = p;
    sp_list_init(&e->node);
    if (p->can_send)
        sp_lb_writable(lb, e);
}

void sp_lb_remove(struct sp_lb *lb, struct sp_lb_pipe *e)
{
    int prio = e->pipe->snd_prio;
    sp_list_unlink(&e->node);
    if (sp_list_empty(&lb->slots[prio]))
        lb->mask &= ~(1u << prio);
}

void sp_lb_writable(struct sp_lb *lb, struct sp_lb_pipe *e)
{
    int prio = e->pipe->snd_prio;
    if (!sp_list_empty(&e->node))
        return;
    sp_list_push(&lb->slots[prio], &e->node);
    lb->mask |= 1u << prio;
}

/* e has had its turn: to the end of its slot, or out of it when it is full now. */
static void lb_turn(struct sp_lb *lb, struct sp_lb_pipe *e)
{
    struct sp_list *slot = &lb->slots[e->pipe->snd_prio];
    if (!e->pipe->can_send) {
        sp_lb_remove(lb, e);
    } else if (slot->prev != &e->node) {
        sp_list_unlink(&e->node);
        sp_list_push(slot, &e->node);
    }
}

int sp_lb_send(struct sp_lb *lb, struct sp_msg *m, struct sp_pipe **to)
{
    while (lb->mask) {
        struct sp_list *first = lb->slots[__builtin_ctz(lb->mask)].next;
        struct sp_lb_pipe *e = SP_CONTAINER(first, struct sp_lb_pipe, node);
        int rc = sp_pipe_send(e->pipe, m);
        if (rc == 0) {
            lb_turn(lb, e);
            if (to)
                *to = e->pipe;
            return 0;
        }
        if (rc != -EAGAIN)
            return rc;
        sp_lb_remove(lb, e);
    }
    return -EAGAIN;
}
