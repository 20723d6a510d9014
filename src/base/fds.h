/* SPDX-License-Identifier: MIT */
/* Every descriptor of ours, so that a forked child can close them without a lock. */
#ifndef SP_BASE_FDS_H
#define SP_BASE_FDS_H

#include "alloc.h"

/* Notes fd (>= 0), which must be CLOEXEC already. 0 or -ENOMEM. */
int sp_fd_keep(int fd) SP_MUST_CHECK;
/* Two ends, noted, that never block: what is written to fd[1] can be read from fd[0], which also
 * polls writable. Where the system has a descriptor that is both ends, both are the same number.
 * 0 or a negative errno. */
int sp_fd_event(int fd[2]) SP_MUST_CHECK;
/* Forgets and closes fd; -1 is ignored. errno is left alone. */
void sp_fd_close(int fd);
/* Forgets fd, which something else closes. */
void sp_fd_forget(int fd);
/* In a forked child: closes all noted descriptors and forgets them. Async-signal-safe. */
void sp_fd_child(void);
/* Descriptors noted now (for tests). */
int sp_fd_count(void);

#endif
