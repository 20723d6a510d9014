/* SPDX-License-Identifier: MIT */
/* A descriptor that polls readable while something is true: NN_RCVFD and NN_SNDFD. Made when first
 * asked for. It always polls writable, as nanomsg's do: some programs ask NN_SNDFD for that. */
#ifndef SP_CORE_EVFD_H
#define SP_CORE_EVFD_H

#include "../base/alloc.h"

struct sp_evfd {
    int fd[2];  /* as of sp_fd_event; fd[0] is handed out. -1: not made */
    bool level; /* readable now */
};

void sp_evfd_init(struct sp_evfd *e);
/* 0 or a negative errno. */
int sp_evfd_open(struct sp_evfd *e) SP_MUST_CHECK;
void sp_evfd_fini(struct sp_evfd *e);
void sp_evfd_set(struct sp_evfd *e, bool level);

#endif
