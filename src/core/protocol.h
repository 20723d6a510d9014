/* SPDX-License-Identifier: MIT */
/* The seam between the core and a scalability protocol. Every operation is called with the socket's
 * lock held, never waits, and may not release the lock. Results are 0 or a negative errno. */
#ifndef SP_CORE_PROTOCOL_H
#define SP_CORE_PROTOCOL_H

#include "../base/clock.h"
#include "msg.h"
#include "opts.h"
#include "pipe.h"

#define SP_CAN_RECV 1 /* NN_POLLIN */
#define SP_CAN_SEND 2 /* NN_POLLOUT */

struct sp_protocol {
    int domain, id, peer; /* AF_SP or AF_SP_RAW, NN_REQ, the id that the other side must have */
    int caps; /* SP_CAN_RECV | SP_CAN_SEND: directions that exist; others are -ENOTSUP */
    size_t sock_size,
        pipe_size; /* bytes of zeroed data per socket (sp_sock_proto) and per pipe (p->proto) */
    const struct sp_opt *opts; /* rows of level `id`; ctx = sock, obj = sp_sock_proto() */
    size_t n_opts;
    bool fan_out; /* a full pipe goes on filling up to NN_SNDBUF before it is not writable (PUB,
                     BUS, SURVEYOR) */

    int (*init)(struct sp_sock *s);  /* may be NULL */
    void (*fini)(struct sp_sock *s); /* all pipes are detached; may be NULL */
    /* A peer finished its handshake. A negative errno refuses it (it has not been greeted yet).
     * p->can_send may be true already; writable is not called for that. */
    int (*attach)(struct sp_sock *s, struct sp_pipe *p);
    void (*detach)(struct sp_sock *s, struct sp_pipe *p);
    /* The peer is gone but its receive buffer is not empty yet: no send will succeed. detach
     * follows when it is. May be NULL. */
    void (*hangup)(struct sp_sock *s, struct sp_pipe *p);
    void (*readable)(struct sp_sock *s,
                     struct sp_pipe *p); /* can_recv became true; called once for each rise */
    void (*writable)(struct sp_sock *s, struct sp_pipe *p); /* can_send became true again */
    /* Takes m on 0. -EAGAIN: nobody can take it now (the caller waits or returns). Others: the call
     * fails. */
    int (*send)(struct sp_sock *s, struct sp_msg *m);
    /* Gives a message as sp_pipe_recv does. -EAGAIN: none now. Others: the call fails with it. */
    int (*recv)(struct sp_sock *s, struct sp_msg *m);
    int (*ready)(struct sp_sock *s); /* SP_CAN_* that would not be -EAGAIN now */
    void (*tick)(struct sp_sock *s); /* the time set with sp_sock_timer has come; may be NULL */
    /* A pipe died with m accepted but not handed to the kernel, oldest first. Takes m. NULL:
     * dropped and counted. m's header and body may have become one body. p NULL: nn_device holds m,
     * which send did not take. */
    void (*unsent)(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m);
};

/* What a protocol may ask of the core, all with the lock held. */
void *sp_sock_proto(struct sp_sock *s);              /* the sock_size bytes */
int sp_sock_ttl(const struct sp_sock *s);            /* NN_MAXTTL */
void sp_sock_timer(struct sp_sock *s, uint64_t due); /* calls tick at `due` (SP_NEVER: not) */
struct sp_pipe *sp_sock_pipe(const struct sp_sock *s,
                             uint32_t id);        /* attached pipe by id, or NULL */
struct sp_list *sp_sock_pipes(struct sp_sock *s); /* attached pipes, by in_sock */
void sp_sock_dropped_send(struct sp_sock *s,
                          struct sp_pipe *p); /* counts a message that was dropped on the way out */
void sp_sock_dropped_recv(struct sp_sock *s); /* counts a received message that was dropped */

/* The list of protocols: src/api/builtin.c. */
extern const struct sp_protocol *const sp_protocols[];

#endif
