/* SPDX-License-Identifier: MIT */
/* PULL, cooked and raw the same: messages are received by fair queueing. */
#include "fq.h"
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>

struct pull {
    struct sp_fq fq; /* who has a message */
};

struct pull_pipe {
    struct sp_fq_pipe fq;
};

static int pull_init(struct sp_sock *s)
{
    struct pull *x = sp_sock_proto(s);
    sp_fq_init(&x->fq, s, NULL);
    return 0;
}

static int pull_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct pull *x = sp_sock_proto(s);
    struct pull_pipe *xp = p->proto;
    sp_fq_add(&x->fq, &xp->fq, p);
    return 0;
}

static void pull_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct pull *x = sp_sock_proto(s);
    struct pull_pipe *xp = p->proto;
    sp_fq_remove(&x->fq, &xp->fq);
}

static void pull_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct pull *x = sp_sock_proto(s);
    struct pull_pipe *xp = p->proto;
    sp_fq_readable(&x->fq, &xp->fq);
}

static void pull_writable(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    (void)p;
}

static int pull_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct pull *x = sp_sock_proto(s);
    return sp_fq_recv(&x->fq, m);
}

static int pull_ready(struct sp_sock *s)
{
    struct pull *x = sp_sock_proto(s);
    return sp_fq_ready(&x->fq) ? SP_CAN_RECV : 0;
}

/* Cooked and raw differ in nothing else. */
#define PULL_ROW                                                                                   \
    .id = NN_PULL, .peer = NN_PUSH, .caps = SP_CAN_RECV, .sock_size = sizeof(struct pull),         \
    .pipe_size = sizeof(struct pull_pipe), .init = pull_init, .attach = pull_attach,               \
    .detach = pull_detach, .readable = pull_readable, .writable = pull_writable,                   \
    .recv = pull_recv, .ready = pull_ready

const struct sp_protocol sp_pull = {.domain = AF_SP, PULL_ROW};
const struct sp_protocol sp_pull_raw = {.domain = AF_SP_RAW, PULL_ROW};
