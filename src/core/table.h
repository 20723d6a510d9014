/* SPDX-License-Identifier: MIT */
/* Numbers of sockets. Entering and leaving a call is one atomic each; the lowest free number is
 * given first. */
#ifndef SP_CORE_TABLE_H
#define SP_CORE_TABLE_H

#include "../base/alloc.h"

struct sp_sock;

#define SP_TABLE_MAX 65536

/* Makes a socket. Its number, or a negative errno (EMFILE at min(65536, RLIMIT_NOFILE)). */
int sp_table_open(int domain, int protocol) SP_MUST_CHECK;
/* Borrows socket `fd` until sp_table_leave; NULL: -EBADF. */
struct sp_sock *sp_table_enter(int fd);
void sp_table_leave(int fd);
/* nn_close: new calls fail at once, running ones are told. 0, -EBADF, or -EDEADLK inside a callback
 * of that socket. */
int sp_table_close(int fd) SP_MUST_CHECK;
/* nn_term: closes all. */
void sp_table_close_all(void);
void sp_table_child(void); /* a forked child forgets all */

#endif
