/* SPDX-License-Identifier: MIT */
/* A pipe: one live peer as the protocols see it. All calls are made with the socket's lock held. */
#ifndef SP_CORE_PIPE_H
#define SP_CORE_PIPE_H

#include "../base/list.h"
#include "msg.h"
#include "peer.h"

struct sp_sock;
struct sp_ep;
struct sp_pipe;
struct nn_pipe_info;

struct sp_pipe_ops {
    /* Takes m on 0; -EAGAIN (unchanged) when the pipe is not writable. A borrowed body is good
     * until nn_send returns. */
    int (*send)(struct sp_pipe *p, struct sp_msg *m);
    /* Borrows the message at the head of the receive buffer into m (m->chunk stays NULL), or
     * -EAGAIN. m is good until the next peek or recv on this pipe. */
    int (*peek)(struct sp_pipe *p, struct sp_msg *m);
    /* Gives the head message: m owns its chunk, or borrows (chunk NULL) until the next peek or recv
     * on this pipe or until the lock is released. -EAGAIN when empty. */
    int (*recv)(struct sp_pipe *p, struct sp_msg *m);
    /* Ends the pipe: at once, with `reason` and words for a person. The protocol hears of it by
     * detach, later. */
    void (*close)(struct sp_pipe *p, enum sp_reason reason, const char *detail);
    /* Ends the pipe in order: what was accepted goes on leaving for at most `linger_ms`. The
     * protocol has been told. */
    void (*finish)(struct sp_pipe *p, int linger_ms);
    /* Starts a key update; -ENOTSUP where there is none. */
    int (*rekey)(struct sp_pipe *p, int request_peer);
    /* Sends off what was gathered, once the lock is released. */
    void (*flush)(struct sp_pipe *p);
};

struct sp_pipe {
    const struct sp_pipe_ops *ops; /* the transport's */
    struct sp_sock *sock;          /* owner; outlives the pipe */
    struct sp_ep *ep;              /* where it came from */
    struct sp_list in_all;         /* node in the socket's list of connections of any state */
    struct sp_list in_sock;        /* node in the socket's list of attached pipes */
    struct sp_list in_gathered;    /* node in the socket's list of pipes that gather */
    uint32_t id;                   /* random, unique in the socket, top bit clear, never 0 */
    bool attached;                 /* the protocol knows it */
    bool hung_up;                  /* the peer is gone, its messages are not */
    bool can_recv;                 /* the receive buffer holds a whole message */
    bool can_send;                 /* send would take a message now */
    int snd_prio, rcv_prio;        /* 1..16, from the endpoint's snapshot */
    struct sp_peer peer;           /* the other side */
    uint64_t n_sent, n_received;   /* messages */
    uint64_t b_sent, b_received;   /* body bytes */
    uint64_t n_drops;              /* messages that fan-out dropped here because it was full */
    void *proto;                   /* the protocol's per-pipe data, zeroed before attach */
};

static inline int sp_pipe_send(struct sp_pipe *p, struct sp_msg *m)
{
    return p->ops->send(p, m);
}
static inline int sp_pipe_peek(struct sp_pipe *p, struct sp_msg *m)
{
    return p->ops->peek(p, m);
}
static inline int sp_pipe_recv(struct sp_pipe *p, struct sp_msg *m)
{
    return p->ops->recv(p, m);
}
static inline void sp_pipe_close(struct sp_pipe *p, enum sp_reason why, const char *detail)
{
    p->ops->close(p, why, detail);
}

#endif
