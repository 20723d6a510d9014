/* SPDX-License-Identifier: MIT */
/* The adaptor that turns a byte stream into a message pipe, and the row that describes a stream transport. */
#ifndef SP_STREAM_CONN_H
#define SP_STREAM_CONN_H

#include "../../core/ep.h"
#include "../../core/transport.h"
#include "frame.h"
#include "stream.h"

/* A row: what a transport made of streams is. `t` comes first, so that the core's pointer is also this one. */
struct sp_stream_transport {
    struct sp_transport t;
    const struct sp_framer *framer;
    /* Checks the transport's own configuration at nn_bind and nn_connect (TLS: keys, else -EACCES). May be NULL. */
    int (*configured)(struct sp_ep *ep);
    /* Builds the stack on a connected descriptor. Takes fd in any case: on failure it is closed. */
    int (*stack)(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer, struct sp_stream **out);
};

/* The operations shared by all rows. */
int sp_stream_check(struct sp_ep *ep);
void sp_stream_dial(struct sp_ep *ep);
int sp_stream_listen(struct sp_ep *ep);
void sp_stream_stop(struct sp_ep *ep);
extern const size_t sp_stream_ep_size;

#endif
