/* SPDX-License-Identifier: MIT */
/* Messages that a dead pipe gave back, oldest first: they go out before anything newer. Socket lock held. */
#ifndef SP_PROTOCOLS_BACKLOG_H
#define SP_PROTOCOLS_BACKLOG_H

#include "../core/protocol.h"

struct sp_backlog {
    struct sp_list msgs;  /* oldest first */
    struct sp_list *last; /* where the last one was put; the next of that pipe goes behind it */
    uint32_t from;        /* id of that pipe */
    struct sp_sock *sock; /* owner */
};

void sp_backlog_init(struct sp_backlog *b, struct sp_sock *s);
/* Drops what is left and counts it. */
void sp_backlog_fini(struct sp_backlog *b);
static inline bool sp_backlog_empty(const struct sp_backlog *b) { return sp_list_empty(&b->msgs); }
/* Takes m, which p did not send. What p had is older than what is here, since it left here first: so it goes in front,
 * in the order of the calls. What no pipe had (p is NULL) goes behind. Without memory it is dropped and counted. */
void sp_backlog_put(struct sp_backlog *b, struct sp_pipe *p, struct sp_msg *m);
/* Sends, with `send`, as much as is taken. 0: nothing is left; else what send said, and if that was not -EAGAIN the
 * socket's tick will come soon to try again. */
int sp_backlog_flush(struct sp_backlog *b, int (*send)(struct sp_sock *s, struct sp_msg *m)) SP_MUST_CHECK;

#endif
