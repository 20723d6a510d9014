/* SPDX-License-Identifier: MIT */
/* The watch seam: who tells that descriptors are ready. watch_epoll.c on Linux, watch_uv.c
 * elsewhere; CMake chooses. */
#ifndef SP_CORE_WATCH_H
#define SP_CORE_WATCH_H

#include "loop.h"

struct sp_watchset;

/* 0 or a negative errno. Borrows uv. */
int sp_watchset_new(struct sp_watchset **out, uv_loop_t *uv) SP_MUST_CHECK;
/* Everything has been deleted. */
void sp_watchset_free(struct sp_watchset *s);
int sp_watchset_add(struct sp_watchset *s, struct sp_watch *w, int events) SP_MUST_CHECK;
void sp_watchset_mod(struct sp_watchset *s, struct sp_watch *w, int events);
/* True: in force. False: in force after sp_watchset_apply by the token holder. */
bool sp_watchset_del(struct sp_watchset *s, struct sp_watch *w) SP_MUST_CHECK;
/* Token holder: makes changes of other threads real. */
void sp_watchset_apply(struct sp_watchset *s);
/* Token holder: waits at most until `deadline` and calls the watches' fn. 0 or -EINTR. */
int sp_watchset_wait(struct sp_watchset *s, uint64_t deadline) SP_MUST_CHECK;
/* Ends the wait; any thread. */
void sp_watchset_kick(struct sp_watchset *s);

#endif
