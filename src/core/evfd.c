/* SPDX-License-Identifier: MIT */
#include "evfd.h"
#include "../base/fds.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void sp_evfd_init(struct sp_evfd *e)
{
    e->fd[0] = e->fd[1] = -1;
    e->level = false;
}

static int evfd_keep(int fd)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    return sp_fd_keep(fd);
}

int sp_evfd_open(struct sp_evfd *e)
{
    if (e->fd[0] >= 0)
        return 0;
    if (pipe(e->fd) < 0)
        return -errno;
    int rc = evfd_keep(e->fd[0]);
    if (rc == 0)
        rc = evfd_keep(e->fd[1]);
    if (rc < 0)
        sp_evfd_fini(e);
    return rc;
}

void sp_evfd_fini(struct sp_evfd *e)
{
    sp_fd_close(e->fd[0]);
    sp_fd_close(e->fd[1]);
    sp_evfd_init(e);
}

void sp_evfd_set(struct sp_evfd *e, bool level)
{
    if (e->fd[0] < 0 || e->level == level)
        return;
    char c = 0;
    ssize_t n = level ? write(e->fd[1], &c, 1) : read(e->fd[0], &c, 1);
    (void)n; /* nothing to read: the application took the byte itself */
    e->level = level;
}
