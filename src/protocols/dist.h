/* SPDX-License-Identifier: MIT */
/* Distributor: one message to every pipe. Socket lock held; the protocols embed both structs. */
#ifndef SP_PROTOCOLS_DIST_H
#define SP_PROTOCOLS_DIST_H

#include "../core/protocol.h"

struct sp_dist {
    struct sp_list pipes; /* all of them, in the order of arrival */
    struct sp_sock *sock; /* owner, who counts what is dropped */
};

struct sp_dist_pipe {
    struct sp_list node;  /* in pipes */
    struct sp_pipe *pipe; /* the pipe this stands for */
};

void sp_dist_init(struct sp_dist *d, struct sp_sock *s);
/* Keeps e (part of p's protocol data) until sp_dist_remove. */
void sp_dist_add(struct sp_dist *d, struct sp_dist_pipe *e, struct sp_pipe *p);
/* Forgets e; harmless when it was removed before. */
void sp_dist_remove(struct sp_dist_pipe *e);
/* Takes m and sends it to all pipes but `except` (may be NULL). A pipe that cannot take it goes without, and that is
 * counted for this pipe. */
void sp_dist_send(struct sp_dist *d, struct sp_msg *m, const struct sp_pipe *except);

#endif
