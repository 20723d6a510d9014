/* SPDX-License-Identifier: MIT */
/* The socket: what nn_socket returns. One lock guards it and all its endpoints and pipes. What must
 * be done without the lock (writing, closing, talking to a person) is put into the outbox and done
 * by whoever unlocks. */
#ifndef SP_CORE_SOCK_H
#define SP_CORE_SOCK_H

#include "../base/idmap.h"
#include "ep.h"
#include "evfd.h"
#include "out.h"
#include "protocol.h"
#include "stats.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>

#define SP_NAME_MAX 64

/* A thread blocked in a call on this socket. */
struct sp_sock_waiter {
    struct sp_list link;  /* in the socket's waiters */
    struct sp_waiter *w;  /* what to signal */
    struct sp_park *park; /* instead of w: where it sleeps when the loop takes no part */
    int events;           /* SP_CAN_* wanted */
    bool signalled;       /* was woken; under the socket's lock */
    bool poll;            /* nn_poll: takes nothing, so signalling it does not use up a message */
};

struct sp_sock {
    sp_mutex lock;
    int refs;                        /* table, endpoints; under the lock */
    const struct sp_protocol *proto; /* row */
    void *proto_data;                /* its sock_size bytes */
    int fd;                          /* number in the table */
    bool closed;                     /* nn_close or nn_term came */
    struct sp_list out;              /* outbox */
    struct sp_list eps;              /* endpoints */
    struct sp_list all;              /* connections of any state */
    struct sp_list pipes;            /* attached pipes */
    struct sp_list gathered;         /* pipes with messages that wait for company */
    struct sp_idmap ids;             /* attached pipes by id */
    int n_pipes;                     /* attached */
    size_t left; /* bytes held by connections that are gone, for the application to take */
    struct sp_list waiters; /* blocked calls, oldest first */
    struct sp_list woken;   /* those to be posted once the lock is released */
    bool patient;           /* nn_send sleeps on for now: who set this will notify again */
    int n_eps; /* endpoints that are not local: a waiter may lead when there are some */
    struct sp_evfd evfd_in, evfd_out; /* NN_RCVFD, NN_SNDFD */
    int ready;                        /* SP_CAN_* when last looked */
    int next_ep;                      /* id of the next endpoint */
    struct sp_timer timer;            /* the protocol's */
    uint64_t due;   /* when the protocol wants tick; the timer may be armed earlier */
    uint64_t armed; /* when the timer fires */
    struct sp_retired retired;
    /* options */
    int linger, snd_buf, rcv_buf, snd_timeo, rcv_timeo, ivl, ivl_max, snd_prio, rcv_prio, ipv4only,
        max_ttl;
    int handshake_ms, max_peers, max_handshakes, port0, busy_poll, gather;
    int rcv_max; /* -1 unlimited; read by the readers without the lock, atomically */
    bool snd_buf_set, rcv_buf_set; /* the user set them: the kernel's buffers follow */
    char name[SP_NAME_MAX];        /* NN_SOCKET_NAME */
    void *opts;                    /* blocks of all transport option levels */
    char last_endpoint[SP_URL_MAX + 16];
    char last_reason[320];
    uint64_t stats[SP_STATS]; /* by enum sp_stat */
};

/* Gives a socket with one reference, or a negative errno. */
int sp_sock_new(struct sp_sock **out, int domain, int protocol, int fd) SP_MUST_CHECK;
void sp_sock_lock(struct sp_sock *s);
/* Unlocks and empties the outbox. 0, or the first negative errno of what was in it. */
int sp_sock_unlock(struct sp_sock *s);
void sp_sock_out(struct sp_sock *s, struct sp_out *o); /* queues o; the lock is held */
void sp_sock_hold(struct sp_sock *s);
/* Drops a reference, the lock is held; the last one has the socket freed by the loop after the lock
 * is released. */
void sp_sock_drop(struct sp_sock *s);
/* The socket whose callbacks this thread may be running, or NULL: it must not be closed from inside
 * one (EDEADLK). */
extern _Thread_local struct sp_sock *sp_sock_calling;
/* nn_close, without the table: ends endpoints and half-open connections, detaches pipes, wakes
 * waiters. No lock held. */
void sp_sock_close(struct sp_sock *s);

/* The calls. `m` is taken on success. Results are bytes, or a negative errno. */
int sp_sock_send(struct sp_sock *s, struct sp_msg *m, int flags) SP_MUST_CHECK;
/* Waits for a message and hands it to `take` with the lock held; take's result is the call's. */
int sp_sock_recv(struct sp_sock *s, int flags,
                 int (*take)(struct sp_sock *s, struct sp_msg *m, void *arg),
                 void *arg) SP_MUST_CHECK;
int sp_sock_setopt(struct sp_sock *s, int level, int option, const void *v,
                   size_t len) SP_MUST_CHECK;
int sp_sock_getopt(struct sp_sock *s, int level, int option, void *v, size_t *len) SP_MUST_CHECK;
/* nn_bind and nn_connect; gives the endpoint id. */
int sp_sock_add_ep(struct sp_sock *s, const char *address, bool dial) SP_MUST_CHECK;
/* The same with n options of transports for this endpoint alone. */
int sp_sock_add_ep_with(struct sp_sock *s, const char *address, bool dial,
                        const struct sp_ep_set *set, size_t n) SP_MUST_CHECK;
int sp_sock_shutdown(struct sp_sock *s, int ep) SP_MUST_CHECK;
int sp_sock_pipe_info(struct sp_sock *s, struct nn_pipe_info *v, int n) SP_MUST_CHECK;
uint64_t sp_sock_stat(struct sp_sock *s, int stat, bool *known);
int sp_sock_rekey(struct sp_sock *s, uint32_t pipe, int request_peer) SP_MUST_CHECK;

/* Marks all endpoints stopped and queues their end; pipes are detached and drain. The lock is held.
 */
void sp_eps_close(struct sp_sock *s);
void sp_ep_drop(struct sp_ep *ep); /* drops a reference; the lock is held */

/* Blocks of transport options: one's place, a snapshot (NULL: no memory), and the end. */
void *sp_opts_block(void *blocks, const struct sp_optlevel *level);
void *sp_opts_copy(const void *from) SP_MUST_CHECK;
void sp_opts_free(void *blocks);

/* Sets an option of a transport in the blocks, as nn_setsockopt in a socket's own. */
int sp_opts_put(struct sp_sock *s, void *blocks, const struct sp_ep_set *set) SP_MUST_CHECK;

/* For nn_poll, the lock is held. */
void sp_sock_add_waiter(struct sp_sock *s, struct sp_sock_waiter *w);
void sp_sock_del_waiter(struct sp_sock *s, struct sp_sock_waiter *w);

/* Sends off what the pipes gathered, once the lock is released. The lock is held. */
void sp_sock_flush(struct sp_sock *s);

/* Looks at the protocol's readiness and wakes who waits for it. The lock is held. */
void sp_sock_notify(struct sp_sock *s);

/* For transports, the lock is held. sp_pipe_attach asks the protocol (negative errno: refused); the
 * next two tell it of a rise of can_recv or can_send, which the transport has set; hangup: no send
 * succeeds any more; detach ends it. */
int sp_pipe_attach(struct sp_pipe *p) SP_MUST_CHECK;
void sp_pipe_readable(struct sp_pipe *p);
void sp_pipe_writable(struct sp_pipe *p);
void sp_pipe_hangup(struct sp_pipe *p);
void sp_pipe_detach(struct sp_pipe *p);
void sp_pipe_unsent(struct sp_pipe *p, struct sp_msg *m);

/* Counts, remembers (NN_LAST_REASON) and prints why a connection failed or ended. The lock is held.
 */
void sp_sock_reason(struct sp_sock *s, struct sp_ep *ep, enum sp_reason why, int err,
                    const char *address, const char *detail);
const char *sp_reason_text(enum sp_reason why);
/* Remembers (NN_LAST_REASON) why there is no endpoint at all. No lock held. */
void sp_sock_refused(struct sp_sock *s, const char *text);

#endif
