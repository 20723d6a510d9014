/* SPDX-License-Identifier: MIT */
#include "evfd.h"
#include "../base/fds.h"
#include <stdint.h>
#include <unistd.h>

void sp_evfd_init(struct sp_evfd *e)
{
    e->fd[0] = e->fd[1] = -1;
    e->level = false;
}

int sp_evfd_open(struct sp_evfd *e)
{
    if (e->fd[0] >= 0)
        return 0;
    int rc = sp_fd_event(e->fd);
    if (rc < 0)
        sp_evfd_init(e);
    return rc;
}

void sp_evfd_fini(struct sp_evfd *e)
{
    if (e->fd[1] != e->fd[0])
        sp_fd_close(e->fd[1]);
    sp_fd_close(e->fd[0]);
    sp_evfd_init(e);
}

void sp_evfd_set(struct sp_evfd *e, bool level)
{
    if (e->fd[0] < 0 || e->level == level)
        return;
    uint64_t one = 1; /* what an eventfd counts */
    ssize_t n = level ? write(e->fd[1], &one, sizeof one) : read(e->fd[0], &one, sizeof one);
    (void)n; /* nothing to read: the application took it itself */
    e->level = level;
}
