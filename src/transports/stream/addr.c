/* SPDX-License-Identifier: MIT */
/* Bare sockets, whatever their address family; the row's family says what differs. */
#include "../../base/fds.h"
#include "impl.h"
#include <errno.h>
#include <fcntl.h>

const struct sp_family *sp_addr_family(const struct sp_ep *ep)
{
    const struct sp_stream_row *row = ep->t->row;
    return row->family ? row->family : &sp_inet;
}

void sp_stream_address(struct sp_ep *ep, const struct sp_addr *a)
{
    struct sp_stream_ep *se = sp_stream_ep(ep);
    *(ep->dialler ? &se->cand[0] : &se->local) = *a;
    se->n_cand = ep->dialler;
}

void sp_addr_text(const struct sp_ep *ep, const struct sp_addr *a, char *out, size_t n)
{
    sp_addr_family(ep)->text(ep, a, out, n);
}

/* The kernel's buffers tune themselves unless the user set sizes. */
void sp_addr_tune(const struct sp_ep *ep, int fd)
{
    if (sp_addr_family(ep)->tune)
        sp_addr_family(ep)->tune(fd);
    if (ep->snd_buf)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &ep->snd_buf, sizeof ep->snd_buf);
    if (ep->rcv_buf)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &ep->rcv_buf, sizeof ep->rcv_buf);
}

int sp_addr_socket(struct sp_ep *ep, const struct sp_addr *a)
{
    int fd = socket(a->ss.ss_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -errno;
    int rc = sp_fd_keep(fd);
    if (rc == 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0))
        rc = -errno;
    if (rc < 0) {
        sp_fd_close(fd);
        return rc;
    }
    sp_addr_tune(ep, fd);
    return fd;
}
