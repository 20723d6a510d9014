/* SPDX-License-Identifier: MIT */
/* Fair queue: picks the next message among the pipes that have one, by priority (1 first), then one message per pipe
 * and turn. A protocol may judge the head of each pipe before it counts as a message; the judge sees a head once, or
 * again after sp_fq_recheck. Every operation is O(1) but for the heads that it judges. Socket lock held. */
#ifndef SP_PROTOCOLS_FQ_H
#define SP_PROTOCOLS_FQ_H

#include "../core/protocol.h"
#include "lb.h"

enum sp_verdict {
    SP_KEEP, /* a message for the application; stays at the head until it is received */
    SP_SKIP, /* not for this socket: discarded */
    SP_DROP, /* discarded and counted */
    SP_BAD,  /* not what this protocol says: discarded, counted, and its pipe is closed */
};

/* Judges the message at the head of p, which it borrows. */
typedef enum sp_verdict (*sp_fq_judge)(struct sp_sock *s, struct sp_pipe *p, const struct sp_msg *head);

struct sp_fq {
    struct sp_list slots[SP_PRIO_MAX + 1]; /* pipes whose head may be received, the next one first; see sp_fq_first */
    struct sp_list unseen;                 /* pipes with a head that was not judged yet */
    uint32_t mask;                         /* bit n: slots[n] is not empty */
    struct sp_sock *sock;                  /* owner */
    sp_fq_judge judge;                     /* NULL: all are kept */
};

struct sp_fq_pipe {
    struct sp_list node;  /* in a slot, in unseen, or in neither */
    struct sp_pipe *pipe; /* the pipe this stands for */
    int slot;             /* its priority, or 0 */
};

void sp_fq_init(struct sp_fq *fq, struct sp_sock *s, sp_fq_judge judge);
/* Keeps e (part of p's protocol data) until sp_fq_remove. */
void sp_fq_add(struct sp_fq *fq, struct sp_fq_pipe *e, struct sp_pipe *p);
/* Forgets e; harmless when it was removed before. */
void sp_fq_remove(struct sp_fq *fq, struct sp_fq_pipe *e);
/* p has a message (again). Harmless when that was known. */
void sp_fq_readable(struct sp_fq *fq, struct sp_fq_pipe *e);
/* From now on e is served before all others and without turns: the leftovers of a peer that is gone. */
void sp_fq_first(struct sp_fq *fq, struct sp_fq_pipe *e);
/* All heads will be judged anew, because what the judge looks at has changed. O(1). */
void sp_fq_recheck(struct sp_fq *fq);
/* Whether sp_fq_recv would give a message. May look at heads, so it ends the loan of the last received body. */
bool sp_fq_ready(struct sp_fq *fq);
/* Gives a message as sp_pipe_recv does, with m->pipe set. -EAGAIN: none; others: as the pipe said. */
int sp_fq_recv(struct sp_fq *fq, struct sp_msg *m) SP_MUST_CHECK;

#endif
