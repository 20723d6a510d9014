/* SPDX-License-Identifier: MIT */
/* The process: start at the first nn_socket, nn_term, fork and exit. */
#ifndef SP_CORE_LIFE_H
#define SP_CORE_LIFE_H

#include "../base/alloc.h"

/* Starts the loops once. 0, a negative errno, or -ETERM after nn_term. */
int sp_life_start(void) SP_MUST_CHECK;
/* nn_term: all sockets are closed; waits for what lingers. nn_init: undoes it. */
void sp_life_term(void);
void sp_life_init(void);
/* One lock for the table and the process's state: the first in the order of locks. */
void sp_life_lock(void);
void sp_life_unlock(void);
/* Sockets that exist, open or lingering; nn_term waits until there are none. made: the lock is
 * held, -ETERM when it came already; gone: no lock is held. */
int sp_life_socket_made(void) SP_MUST_CHECK;
void sp_life_socket_gone(void);
/* Whether nn_term came; the lock is held. */
bool sp_life_ended(void) SP_MUST_CHECK;

/* What transports want to forget in a forked child: src/api/builtin.c; ends with NULL. */
extern void (*const sp_child_hooks[])(void);
/* The same for what they keep between uses, at nn_term. */
extern void (*const sp_term_hooks[])(void);

#endif
