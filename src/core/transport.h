/* SPDX-License-Identifier: MIT */
/* The seam between the core and a transport. */
#ifndef SP_CORE_TRANSPORT_H
#define SP_CORE_TRANSPORT_H

#include "opts.h"
#include "pipe.h"

struct sp_loop;

/* One level of transport options: a block of `size` bytes in each socket, copied into each
 * endpoint. */
struct sp_optlevel {
    int level;   /* NN_TCP, NN_TLS ... */
    size_t size; /* bytes of the block */
    const struct sp_opt *opts;
    size_t n_opts;
    void (*init)(void *block);                /* defaults of a new socket */
    void (*copy)(void *dst, const void *src); /* a snapshot: takes references; NULL: memcpy */
    void (*fini)(void *block);                /* drops references; NULL: nothing */
};

struct sp_transport {
    const char *scheme; /* without :// */
    bool local;         /* has no descriptors: its waiters need not lead the event loop */
    bool port0;         /* port 0 is always legal (ours), else by NN_ALLOW_PORT0 */
    /* Checks the address and the configuration, on the calling thread, no I/O but interface
     * look-ups. 0 or a negative errno which nn_bind or nn_connect returns. */
    int (*check)(struct sp_ep *ep);
    /* Makes one attempt; answered by exactly one sp_ep_failed or sp_ep_open. Called with no lock
     * held. */
    void (*dial)(struct sp_ep *ep);
    /* Listens before it returns, or a negative errno. Called with no lock held. */
    int (*listen)(struct sp_ep *ep);
    /* Ends a listener or an attempt under way before it returns (the address is free then). No lock
     * held. */
    void (*stop)(struct sp_ep *ep);
    const void *row; /* the transport's own description, or NULL */
    size_t ep_size;  /* bytes of zeroed data per endpoint: ep->data */
};

/* The lists: src/api/builtin.c; both end with NULL. */
extern const struct sp_transport *const sp_transports[];
extern const struct sp_optlevel *const sp_optlevels[];

#endif
