/* SPDX-License-Identifier: MIT */
/* The stack of be32 ids in front of a request's or survey's body: one per hop, the lowest has its top bit set. */
#ifndef SP_PROTOCOLS_BACKTRACE_H
#define SP_PROTOCOLS_BACKTRACE_H

#include "../core/msg.h"

#define SP_BT_END 0x80000000u /* the id with this bit is the request's, and the last */

/* Gives the bytes of the stack at the start of body, at most 4 * ttl. -EMSGSIZE: more than ttl ids. -EPROTO: the body
 * ends before the stack does. */
int sp_backtrace_parse(const uint8_t *body, size_t len, int ttl) SP_MUST_CHECK;
/* Moves the first id of m's body, which has one, to its header. */
void sp_backtrace_shift(struct sp_msg *m);

#endif
