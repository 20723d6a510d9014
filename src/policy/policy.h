/* SPDX-License-Identifier: MIT */
/* The policy of an operator over the endpoints of programs that know nothing of it: docs/POLICY.md.
 */
#ifndef SP_POLICY_H
#define SP_POLICY_H

#include "core/sock.h"

/* Where the system's file is: NANOSEAL_POLICY_FILE of the build. Tests put it elsewhere. */
extern const char *sp_policy_system;

/* nn_bind and nn_connect: makes the endpoint as the policy says; gives its id, or a negative errno.
 * What the policy refuses, or cannot be done because something is wrong with it, is -EACCES (for
 * want of memory or descriptors -ENOMEM, -EMFILE, -ENFILE), with the reason in NN_LAST_REASON and
 * in the log. No lock held. */
int sp_policy_add_ep(struct sp_sock *s, const char *address, bool dial) SP_MUST_CHECK;

/* nn_term: forgets the files and gives the keys back. */
void sp_policy_term(void);
/* In a forked child: the same, without touching what the parent had. */
void sp_policy_child(void);

#endif
