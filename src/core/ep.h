/* SPDX-License-Identifier: MIT */
/* An endpoint: one nn_bind or nn_connect. It owns *when* to dial; the transport owns *how*. */
#ifndef SP_CORE_EP_H
#define SP_CORE_EP_H

#include "../base/list.h"
#include "../base/url.h"
#include "loop.h"
#include "out.h"
#include "transport.h"

struct sp_ep {
    struct sp_sock *sock;         /* owner */
    const struct sp_transport *t; /* row of its scheme */
    struct sp_list in_sock;       /* node in the socket's endpoints */
    struct sp_loop *loop;         /* where its listener, attempts and timer live */
    int id;                       /* public id, from 1 */
    bool dialler;                 /* nn_connect */
    bool stopped;                 /* nn_shutdown or nn_close came; under the lock */
    bool attempting;              /* a dial is under way; under the lock */
    int refs;              /* the socket's list, each pipe, a dial under way; under the lock */
    int ivl_ms;            /* back-off now; 0: start again from NN_RECONNECT_IVL */
    uint64_t opened;       /* when the dialled pipe opened, for the reset of the back-off */
    struct sp_timer timer; /* next dial */
    bool failing; /* the last attempt failed or the connection is lost: counted as in error */
    bool told;    /* a line about the two below was printed since the last success */
    int told_why, told_err;           /* reason and errno of the failure that was printed last */
    struct sp_out stop_out, free_out; /* outbox entries: ends it, retires it */
    struct sp_retired retired;        /* freed by the loop */
    char address[SP_URL_MAX + 16];    /* as given, or with the bound port once known */
    struct sp_url url;                /* the same in parts */
    /* The snapshot of the socket's options at the call. */
    int snd_prio, rcv_prio, ipv4only, port0, reconnect_ivl, reconnect_max, handshake_ms,
        max_handshakes;
    int snd_buf, rcv_buf; /* 0: not set by the user, the kernel tunes */
    void *opts;           /* blocks of all option levels */
    void *data;           /* the transport's */
};

/* A transport's option (int) that one endpoint has, whatever its socket has. */
struct sp_ep_set {
    int level;  /* NN_TLS, NN_TCP ... */
    int option; /* of that level */
    int value;  /* instead of the socket's */
};

/* The block of an option level in the endpoint's snapshot. */
void *sp_ep_opts(struct sp_ep *ep, const struct sp_optlevel *level);

/* The transport's answers to dial, with the socket's lock held. sp_ep_failed takes a negative errno
 * and peer's reason. */
void sp_ep_failed(struct sp_ep *ep, int err, enum sp_reason why, const char *address,
                  const char *detail);
void sp_ep_opened(struct sp_ep *ep);
/* A pipe of this endpoint that had been opened is gone: a dialler dials again. Lock held. */
void sp_ep_closed(struct sp_ep *ep);
/* Instead of that: dials at once, where the transport waits for a listener without polling. Takes a
 * reference; no lock held. */
void sp_ep_redial(struct sp_ep *ep);

#endif
