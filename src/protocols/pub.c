/* SPDX-License-Identifier: MIT */
/* PUB, cooked and raw the same: each message goes to all subscribers, and nn_send never waits.
 *
 * Failure modes: a subscriber that is full misses the message, which is counted. A subscriber that
 * sends anything is no subscriber: its pipe is closed. */
#include "dist.h"
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>

struct pub {
    struct sp_dist dist; /* the subscribers */
};

struct pub_pipe {
    struct sp_dist_pipe dist;
};

static int pub_init(struct sp_sock *s)
{
    struct pub *x = sp_sock_proto(s);
    sp_dist_init(&x->dist, s);
    return 0;
}

static void pub_readable(struct sp_sock *s, struct sp_pipe *p)
{
    sp_sock_dropped_recv(s);
    sp_pipe_close(p, SP_REASON_PROTOCOL, "a subscriber sent a message");
}

static int pub_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct pub *x = sp_sock_proto(s);
    struct pub_pipe *xp = p->proto;
    sp_dist_add(&x->dist, &xp->dist, p);
    if (p->can_recv)
        pub_readable(s, p);
    return 0;
}

static void pub_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct pub_pipe *xp = p->proto;
    (void)s;
    sp_dist_remove(&xp->dist);
}

static void pub_writable(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    (void)p;
}

static int pub_send(struct sp_sock *s, struct sp_msg *m)
{
    struct pub *x = sp_sock_proto(s);
    sp_dist_send(&x->dist, m, NULL);
    return 0;
}

static int pub_ready(struct sp_sock *s)
{
    (void)s;
    return SP_CAN_SEND;
}

/* Cooked and raw differ in nothing else. */
#define PUB_ROW                                                                                    \
    .id = NN_PUB, .peer = NN_SUB, .caps = SP_CAN_SEND, .fan_out = true,                            \
    .sock_size = sizeof(struct pub), .pipe_size = sizeof(struct pub_pipe), .init = pub_init,       \
    .attach = pub_attach, .detach = pub_detach, .hangup = pub_detach, .readable = pub_readable,    \
    .writable = pub_writable, .send = pub_send, .ready = pub_ready

const struct sp_protocol sp_pub = {.domain = AF_SP, PUB_ROW};
const struct sp_protocol sp_pub_raw = {.domain = AF_SP_RAW, PUB_ROW};
