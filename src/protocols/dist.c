/* SPDX-License-Identifier: MIT */
/* Each pipe gets a sp_msg of its own with the same body. A small body is borrowed: pipes copy it. A large one that
 * would be borrowed is copied once into a chunk, which the pipes then share.
 *
 * Failure modes: a pipe that is full, or has no memory, misses this message; the others are not affected. When there
 * is no memory for the shared copy the body stays borrowed, and each pipe does what it can. */
#include "dist.h"
#include <errno.h>

/* From here on sharing is cheaper than a copy by each pipe. */
#define DIST_SHARE_MIN 4096

void sp_dist_init(struct sp_dist *d, struct sp_sock *s)
{
    sp_list_init(&d->pipes);
    d->sock = s;
}

void sp_dist_add(struct sp_dist *d, struct sp_dist_pipe *e, struct sp_pipe *p)
{
    e->pipe = p;
    sp_list_push(&d->pipes, &e->node);
}

void sp_dist_remove(struct sp_dist_pipe *e)
{
    sp_list_unlink(&e->node);
}

/* dst refers to the body of src, as owner when src is one. 0 or -ENOMEM. */
static int dist_refer(struct sp_msg *dst, struct sp_msg *src)
{
    if (src->chunk)
        return sp_msg_share(dst, src);
    sp_msg_init(dst);
    dst->body = src->body;
    dst->body_len = src->body_len;
    return src->hdr_len ? sp_msg_hdr_set(dst, sp_msg_hdr(src), src->hdr_len) : 0;
}

static int dist_one(struct sp_pipe *p, struct sp_msg *m)
{
    struct sp_msg mine;
    if (!p->can_send)
        return -EAGAIN;
    int rc = dist_refer(&mine, m);
    if (rc == 0)
        rc = sp_pipe_send(p, &mine);
    if (rc < 0)
        sp_msg_drop(&mine);
    return rc;
}

void sp_dist_send(struct sp_dist *d, struct sp_msg *m, const struct sp_pipe *except)
{
    bool several = d->pipes.next != d->pipes.prev;
    if (several && m->body_len >= DIST_SHARE_MIN && sp_msg_own(m) < 0)
        several = false;
    SP_LIST_EACH_SAFE (it, &d->pipes) {
        struct sp_pipe *p = SP_CONTAINER(it, struct sp_dist_pipe, node)->pipe;
        if (p != except && dist_one(p, m) < 0)
            sp_sock_dropped_send(d->sock, p);
    }
    sp_msg_drop(m);
}
