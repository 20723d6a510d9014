/* SPDX-License-Identifier: MIT */
/* The bottom of every stack: a connected, non-blocking socket. EOF is 0, a full or empty buffer
 * -EAGAIN. */
#include "../../base/fds.h"
#include "stream.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#define LOW_MAX (4 << 20)

struct fdstream {
    struct sp_stream st; /* first */
    int low;             /* bytes that may wait in the kernel unsent, as far as we raised it */
};

static ssize_t again(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t fd_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    if (n == 1)
        return again(recv(s->fd, iov->iov_base, iov->iov_len, 0));
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    return again(recvmsg(s->fd, &m, 0));
}

/* A message larger than what may wait unsent would leave in steps of that, with a wake-up each:
 * from the first one on this connection may have as much as that message. */
static void fd_large(struct sp_stream *s, size_t len)
{
    struct fdstream *f = (struct fdstream *)s;
    int low = len < LOW_MAX ? (int)len : LOW_MAX;
    if (low <= f->low)
        return;
    f->low = low;
#ifdef TCP_NOTSENT_LOWAT
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low);
#endif
}

static ssize_t fd_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    if (n == 0)
        return 0;
    const struct iovec *last = &iov[n - 1];
    if (last->iov_len > SP_FD_LOW)
        fd_large(s, last->iov_len);
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    return again(n == 1 ? send(s->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                        : sendmsg(s->fd, &m, MSG_NOSIGNAL));
}

static int fd_want(struct sp_stream *s)
{
    (void)s;
    return 0;
}

static int fd_finish(struct sp_stream *s)
{
    return shutdown(s->fd, SHUT_WR) < 0 ? -errno : 0;
}

static void fd_close(struct sp_stream *s)
{
    sp_fd_close(s->fd);
    sp_free(s);
}

static const struct sp_stream_ops ops = {
    .readv = fd_readv,
    .writev = fd_writev,
    .want = fd_want,
    .finish = fd_finish,
    .close = fd_close,
};

struct sp_stream *sp_fdstream_new(int fd, struct sp_peer *peer)
{
    struct fdstream *f = sp_calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->st = (struct sp_stream){.ops = &ops, .peer = peer, .fd = fd};
    f->low = SP_FD_LOW;
    return &f->st;
}

void sp_peer_reason(struct sp_peer *p, enum sp_reason why, const char *fmt, ...)
{
    if (p->reason != SP_REASON_NONE)
        return;
    va_list ap;
    va_start(ap, fmt);
    p->reason = why;
    vsnprintf(p->detail, sizeof p->detail, fmt, ap);
    va_end(ap);
}
