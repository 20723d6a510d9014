/* SPDX-License-Identifier: MIT */
/* Load balancer: picks who gets the next message among the pipes that can send, by priority (1 first), then round
 * robin. Every operation is O(1). Socket lock held; a helper of the protocols, which embed both structs. */
#ifndef SP_PROTOCOLS_LB_H
#define SP_PROTOCOLS_LB_H

#include "../core/protocol.h"

#define SP_PRIO_MAX 16

struct sp_lb {
    struct sp_list slots[SP_PRIO_MAX + 1]; /* writable pipes by priority, the next one first; 0 is not used */
    uint32_t mask;                         /* bit n: slots[n] is not empty */
};

struct sp_lb_pipe {
    struct sp_list node;  /* in its slot while the pipe is writable */
    struct sp_pipe *pipe; /* the pipe this stands for */
};

void sp_lb_init(struct sp_lb *lb);
/* Keeps e (part of p's protocol data) until sp_lb_remove; p takes part at once when it can send. */
void sp_lb_add(struct sp_lb *lb, struct sp_lb_pipe *e, struct sp_pipe *p);
/* Forgets e; harmless when it was removed before. */
void sp_lb_remove(struct sp_lb *lb, struct sp_lb_pipe *e);
/* p can send (again). Harmless when it could before. */
void sp_lb_writable(struct sp_lb *lb, struct sp_lb_pipe *e);
static inline bool sp_lb_ready(const struct sp_lb *lb) { return lb->mask != 0; }
/* Takes m on 0 and borrows the pipe that took it to *to (may be NULL). -EAGAIN: no pipe can take it; others: as the
 * pipe said. m is unchanged then. */
int sp_lb_send(struct sp_lb *lb, struct sp_msg *m, struct sp_pipe **to) SP_MUST_CHECK;

#endif
