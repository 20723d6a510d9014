/* SPDX-License-Identifier: MIT */
/* BUS: each message goes to all peers, best effort; what they send is received by fair queueing.
 * Raw, a received message has the id of its pipe as the header, and one that is sent with such a
 * header goes to all but that pipe: so a device on one bus does not send back what it got.
 *
 * Failure modes: a peer that is full misses the message, which is counted; nn_send never waits. A
 * header of any other length is the application's mistake: EINVAL. Ids are random, so one of
 * another socket names a pipe of this one once in 2^31 cases, and that pipe goes without. */
#include "../base/bytes.h"
#include "dist.h"
#include "fq.h"
#include <errno.h>
#include <nanomsg/bus.h>
#include <nanomsg/nn.h>

struct bus {
    struct sp_dist dist; /* the peers */
    struct sp_fq fq;     /* who has a message */
};

struct bus_pipe {
    struct sp_dist_pipe dist; /* its place among the peers */
    struct sp_fq_pipe fq;     /* its place among those with a message */
};

static int bus_init(struct sp_sock *s)
{
    struct bus *x = sp_sock_proto(s);
    sp_dist_init(&x->dist, s);
    sp_fq_init(&x->fq, s, NULL);
    return 0;
}

static int bus_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct bus *x = sp_sock_proto(s);
    struct bus_pipe *xp = p->proto;
    sp_dist_add(&x->dist, &xp->dist, p);
    sp_fq_add(&x->fq, &xp->fq, p);
    return 0;
}

static void bus_hangup(struct sp_sock *s, struct sp_pipe *p)
{
    struct bus_pipe *xp = p->proto;
    (void)s;
    sp_dist_remove(&xp->dist);
}

static void bus_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct bus *x = sp_sock_proto(s);
    struct bus_pipe *xp = p->proto;
    bus_hangup(s, p);
    sp_fq_remove(&x->fq, &xp->fq);
}

static void bus_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct bus *x = sp_sock_proto(s);
    struct bus_pipe *xp = p->proto;
    sp_fq_readable(&x->fq, &xp->fq);
}

static void bus_writable(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    (void)p;
}

static int bus_send(struct sp_sock *s, struct sp_msg *m)
{
    struct bus *x = sp_sock_proto(s);
    if (m->hdr_len)
        return -EINVAL;
    sp_dist_send(&x->dist, m, NULL);
    return 0;
}

static int bus_send_raw(struct sp_sock *s, struct sp_msg *m)
{
    struct bus *x = sp_sock_proto(s);
    struct sp_reader hdr = sp_reader(sp_msg_hdr(m), m->hdr_len);
    uint32_t from = m->hdr_len ? sp_get_u32(&hdr) : 0;
    if (hdr.bad || hdr.left)
        return -EINVAL;
    sp_msg_hdr_pull(m, m->hdr_len);
    sp_dist_send(&x->dist, m, from ? sp_sock_pipe(s, from) : NULL);
    return 0;
}

static int bus_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct bus *x = sp_sock_proto(s);
    return sp_fq_recv(&x->fq, m);
}

static int bus_recv_raw(struct sp_sock *s, struct sp_msg *m)
{
    uint8_t id[4];
    int rc = bus_recv(s, m);
    if (rc < 0)
        return rc;
    sp_set_be32(id, m->pipe->id);
    return sp_msg_hdr_set(m, id, sizeof id); /* fits inside m, so it can't fail */
}

static int bus_ready(struct sp_sock *s)
{
    struct bus *x = sp_sock_proto(s);
    return SP_CAN_SEND | (sp_fq_ready(&x->fq) ? SP_CAN_RECV : 0);
}

const struct sp_protocol sp_bus = {
    .domain = AF_SP,
    .id = NN_BUS,
    .peer = NN_BUS,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .fan_out = true,
    .sock_size = sizeof(struct bus),
    .pipe_size = sizeof(struct bus_pipe),
    .init = bus_init,
    .attach = bus_attach,
    .detach = bus_detach,
    .hangup = bus_hangup,
    .readable = bus_readable,
    .writable = bus_writable,
    .send = bus_send,
    .recv = bus_recv,
    .ready = bus_ready,
};

const struct sp_protocol sp_bus_raw = {
    .domain = AF_SP_RAW,
    .id = NN_BUS,
    .peer = NN_BUS,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .fan_out = true,
    .sock_size = sizeof(struct bus),
    .pipe_size = sizeof(struct bus_pipe),
    .init = bus_init,
    .attach = bus_attach,
    .detach = bus_detach,
    .hangup = bus_hangup,
    .readable = bus_readable,
    .writable = bus_writable,
    .send = bus_send_raw,
    .recv = bus_recv_raw,
    .ready = bus_ready,
};
