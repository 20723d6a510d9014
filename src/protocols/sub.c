/* SPDX-License-Identifier: MIT */
/* SUB, cooked and raw the same. The trie holds the topics; each message at the head of a pipe is
 * matched against it, and only what matches stays, so only that makes the socket readable.
 *
 * Failure modes: a subscription that finds no memory or a limit fails and changes nothing. Removing
 * one that does not exist succeeds. After a removal the heads that were kept are matched anew. */
#include "fq.h"
#include "trie.h"
#include <errno.h>
#include <limits.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>

struct sub {
    struct sp_fq fq;       /* publishers with a message that matches */
    struct sp_trie topics; /* subscriptions */
    int max_memory;        /* NN_SUB_MAX_MEMORY: of the topics, bytes */
};

struct sub_pipe {
    struct sp_fq_pipe fq;
};

static enum sp_verdict sub_judge(struct sp_sock *s, struct sp_pipe *p, const struct sp_msg *head)
{
    const struct sub *x = sp_sock_proto(s);
    (void)p;
    return sp_trie_match(&x->topics, head->body, head->body_len) ? SP_KEEP : SP_SKIP;
}

static int sub_init(struct sp_sock *s)
{
    struct sub *x = sp_sock_proto(s);
    sp_fq_init(&x->fq, s, sub_judge);
    sp_trie_init(&x->topics);
    x->max_memory = (int)x->topics.max_bytes;
    return 0;
}

static void sub_fini(struct sp_sock *s)
{
    struct sub *x = sp_sock_proto(s);
    sp_trie_fini(&x->topics);
}

static int sub_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct sub *x = sp_sock_proto(s);
    struct sub_pipe *xp = p->proto;
    sp_fq_add(&x->fq, &xp->fq, p);
    return 0;
}

static void sub_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct sub *x = sp_sock_proto(s);
    struct sub_pipe *xp = p->proto;
    sp_fq_remove(&x->fq, &xp->fq);
}

static void sub_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct sub *x = sp_sock_proto(s);
    struct sub_pipe *xp = p->proto;
    sp_fq_readable(&x->fq, &xp->fq);
}

static void sub_writable(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    (void)p;
}

static int sub_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct sub *x = sp_sock_proto(s);
    return sp_fq_recv(&x->fq, m);
}

static int sub_ready(struct sp_sock *s)
{
    struct sub *x = sp_sock_proto(s);
    return sp_fq_ready(&x->fq) ? SP_CAN_RECV : 0;
}

static int sub_subscribe(void *ctx, void *obj, const void *topic, size_t len)
{
    struct sub *x = obj;
    (void)ctx;
    return sp_trie_add(&x->topics, topic, len);
}

static int sub_unsubscribe(void *ctx, void *obj, const void *topic, size_t len)
{
    struct sub *x = obj;
    (void)ctx;
    if (sp_trie_del(&x->topics, topic, len) == 1)
        sp_fq_recheck(&x->fq);
    return 0;
}

/* What is there stays, also above a smaller limit. */
static void sub_limit(void *ctx)
{
    struct sub *x = sp_sock_proto(ctx);
    x->topics.max_bytes = (size_t)x->max_memory;
}

static const struct sp_opt sub_opts[] = {
    {.id = NN_SUB_SUBSCRIBE, .kind = SP_OPT_CALL, .set = sub_subscribe},
    {.id = NN_SUB_UNSUBSCRIBE, .kind = SP_OPT_CALL, .set = sub_unsubscribe},
    {.id = NN_SUB_MAX_MEMORY,
     .kind = SP_OPT_INT,
     .lo = 1,
     .hi = INT_MAX,
     .off = offsetof(struct sub, max_memory),
     .changed = sub_limit},
};

/* Cooked and raw differ in nothing else. */
#define SUB_ROW                                                                                    \
    .id = NN_SUB, .peer = NN_PUB, .caps = SP_CAN_RECV, .sock_size = sizeof(struct sub),            \
    .pipe_size = sizeof(struct sub_pipe), .opts = sub_opts,                                        \
    .n_opts = sizeof sub_opts / sizeof sub_opts[0], .init = sub_init, .fini = sub_fini,            \
    .attach = sub_attach, .detach = sub_detach, .readable = sub_readable,                          \
    .writable = sub_writable, .recv = sub_recv, .ready = sub_ready

const struct sp_protocol sp_sub = {.domain = AF_SP, SUB_ROW};
const struct sp_protocol sp_sub_raw = {.domain = AF_SP_RAW, SUB_ROW};
