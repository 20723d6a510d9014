/* SPDX-License-Identifier: MIT */
/* tcp://: the stream is the connected socket itself. */
#include "../../base/fds.h"
#include "../stream/conn.h"
#include <errno.h>
#include <nanomsg/tcp.h>

static int tcp_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                     struct sp_stream **out)
{
    (void)ep, (void)dialled;
    *out = sp_fdstream_new(fd, peer);
    if (*out)
        return 0;
    sp_fd_close(fd);
    return -ENOMEM;
}

const struct sp_stream_row sp_row_tcp = {
    .framer = &sp_frame_sp,
    .address = sp_inet_address,
    .stack = tcp_stack,
};

const struct sp_transport sp_tcp = {.scheme = "tcp", .row = &sp_row_tcp, SP_STREAM_OPS};
