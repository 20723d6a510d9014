/* SPDX-License-Identifier: MIT */
/* The adaptor that turns a byte stream into a message pipe, and the row that describes a stream
 * transport. */
#ifndef SP_STREAM_CONN_H
#define SP_STREAM_CONN_H

#include "../../core/ep.h"
#include "../../core/transport.h"
#include "frame.h"
#include "stream.h"
#include <sys/socket.h>

struct sp_addr {
    struct sockaddr_storage ss;
    socklen_t len; /* 0: none */
};

/* An address family: what its bare sockets need beyond socket, connect and accept. */
struct sp_family {
    /* Writes the address for people, "tcp://127.0.0.1:5555", into out (n bytes). */
    void (*text)(const struct sp_ep *ep, const struct sp_addr *a, char *out, size_t n);
    /* Sets what its sockets want, ours and accepted ones. NULL: nothing. */
    void (*tune)(int fd);
    /* Binds fd to `a`, listens, and corrects ep->address. 0 or a negative errno. */
    int (*listen)(struct sp_ep *ep, int fd, const struct sp_addr *a);
    /* Undoes that while fd still listens. NULL: closing fd does it. */
    void (*unlisten)(struct sp_ep *ep);
};
extern const struct sp_family sp_inet;

/* A row: what a transport made of streams is. sp_transport.row points to it. */
struct sp_stream_row {
    const struct sp_framer *framer;
    const struct sp_family *family; /* NULL: sp_inet */
    /* Parses ep->url.rest and fills the endpoint's addresses (sp_inet_address, or
     * sp_stream_address); no I/O but interface look-ups. 0 or a negative errno. */
    int (*address)(struct sp_ep *ep);
    /* Checks the transport's own configuration at nn_bind and nn_connect (TLS: keys, else -EACCES).
     * May be NULL. */
    int (*configured)(struct sp_ep *ep);
    /* A handshake computes for milliseconds: attempts take turns on a worker before they connect,
     * so that no peer waits for the first word of a caller that is busy with others. */
    bool computes;
    /* Builds the stack on a connected descriptor. Takes fd in any case: on failure it is closed. */
    int (*stack)(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                 struct sp_stream **out);
};

/* The operations shared by all rows. */
int sp_stream_check(struct sp_ep *ep);
void sp_stream_dial(struct sp_ep *ep);
int sp_stream_listen(struct sp_ep *ep);
void sp_stream_stop(struct sp_ep *ep);
#define SP_STREAM_EP_SIZE 2048
#define SP_STREAM_OPS     SP_STREAM_OPS_AND(0)
/* The same with `own` bytes of the row's own in each endpoint. */
#define SP_STREAM_OPS_AND(own)                                                                     \
    .check = sp_stream_check, .dial = sp_stream_dial, .listen = sp_stream_listen,                  \
    .stop = sp_stream_stop, .ep_size = SP_STREAM_EP_SIZE + (own)
static inline void *sp_stream_own(struct sp_ep *ep)
{
    return (char *)ep->data + SP_STREAM_EP_SIZE;
}

/* For sp_stream_row.address: where the endpoint listens, or the one place that it dials. */
void sp_stream_address(struct sp_ep *ep, const struct sp_addr *a);

/* sp_stream_row.address for host:port (tcp and all that runs over it); the same for a text that was
 * cut out of ep->url.rest; and the host as it was parsed, good while the endpoint is. */
int sp_inet_address(struct sp_ep *ep);
int sp_inet_parse(struct sp_ep *ep, const char *hostport);
const char *sp_inet_host(const struct sp_ep *ep);

/* What a row may ask about the socket, any thread, no lock held: the numbers of its protocol and
 * (*peer) of that protocol's peers; where NN_RCVMAXSIZE is, to be read atomically, good while the
 * endpoint is; its options of a level as they are now, copied into out (level->size bytes: plain
 * values only). */
int sp_stream_protocol(const struct sp_ep *ep, int *peer);
const int *sp_stream_rcvmax(const struct sp_ep *ep);
void sp_stream_options(struct sp_ep *ep, const struct sp_optlevel *level, void *out);

/* Rows that others stand on: their stacks with another layer on top. */
extern const struct sp_stream_row sp_row_tcp, sp_row_tls;

/* Options of level NN_TCP, which every row over TCP obeys. */
struct sp_tcp_options {
    int nodelay;   /* NN_TCP_NODELAY: kept for programs that set it; gathering replaces Nagle's
                      algorithm */
    int multipath; /* NN_TCP_MULTIPATH: 0 off, 1 prefer, 2 require */
};
extern const struct sp_optlevel sp_tcp_opts;

#endif
