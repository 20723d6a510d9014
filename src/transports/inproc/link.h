/* SPDX-License-Identifier: MIT */
/* A connection of inproc: two pipes that put messages into each other's queue. */
#ifndef SP_INPROC_LINK_H
#define SP_INPROC_LINK_H

#include "../../core/sock.h"

/* Connects a dialler, whose attempt is under way, to a listener; both are held by the caller, no
 * lock is. 0: the attempt was answered. -EAGAIN: it was not, the listener is about to go. */
int sp_inproc_join(struct sp_ep *dialler, struct sp_ep *listener) SP_MUST_CHECK;

#endif
