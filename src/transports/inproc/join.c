/* SPDX-License-Identifier: MIT */
/* How a link begins. The listener's protocol says yes before the dialler's is asked, each under its
 * own lock, one after the other; what the listener's sends meanwhile waits in the dialler's queue.
 *
 * Failure modes: protocols that do not suit each other, a refusal on either side, and lack of
 * memory answer the attempt as failed, so that it is made again later. A listener that is about to
 * go does not answer it. A dialler that is stopped meanwhile leaves as any end does. */
#include "link.h"
#include <errno.h>
#include <stdio.h>

/* The dialler's end is the first. */
static struct inproc_link *link_new(struct sp_ep *dialler, struct sp_ep *listener)
{
    size_t size = (sizeof(struct inproc_link) + 15) & ~(size_t)15;
    size_t one = (dialler->sock->proto->pipe_size + 15) & ~(size_t)15;
    struct inproc_link *k = sp_calloc(1, size + one + listener->sock->proto->pipe_size);
    if (!k)
        return NULL;
    atomic_init(&k->refs, 3);
    sp_inproc_end_init(k, 0, dialler, (char *)k + size);
    sp_inproc_end_init(k, 1, listener, (char *)k + size + one);
    return k;
}

/* Puts it into the socket's list and lets news in. False when its endpoint is about to go, or the
 * peer has left already; it was not put then. */
static bool end_link(struct inproc_end *e)
{
    struct sp_ep *ep = e->pipe.ep;
    if (ep->stopped)
        return false;
    if (atomic_exchange(&e->news, 0) & NEWS_LEFT) {
        atomic_store(&e->news, NEWS_OFF);
        return false;
    }
    e->in.max = (size_t)ep->sock->rcv_buf;
    ep->refs++;
    sp_list_push(&ep->sock->all, &e->pipe.in_all);
    return true;
}

static enum sp_reason reason_of(int err)
{
    return err == -EUSERS || err == -ENOMEM ? SP_REASON_LIMIT : SP_REASON_REFUSED;
}

static const char *words_of(int err)
{
    return err == -EUSERS ? "NN_MAX_PEERS" : err == -EBUSY ? "the socket has its peer already" : "";
}

/* Shows it to the protocol. A negative errno: refused, and it has left. */
static int end_open(struct inproc_end *e)
{
    e->pipe.can_send = true;
    e->pipe.can_recv = sp_inq_any(&e->in);
    int rc = sp_pipe_attach(&e->pipe);
    e->opened = rc == 0;
    if (rc < 0)
        sp_inproc_leave(e, reason_of(rc), words_of(rc));
    return rc;
}

/* The listener's half of joining: 0, -EAGAIN when it is about to go, -ECONNREFUSED. */
static int join_listener(struct inproc_end *e)
{
    struct sp_sock *s = e->pipe.sock;
    sp_sock_lock(s);
    int rc = -EAGAIN;
    if (!end_link(e)) {
        sp_inproc_drop(e->link);
    } else if ((rc = end_open(e)) < 0) {
        s->stats[SP_ST_ACCEPT_ERRORS]++;
        sp_sock_reason(s, e->pipe.ep, e->why, rc, e->pipe.peer.address, e->why_detail);
        rc = -ECONNREFUSED;
        sp_inproc_retire(e);
    }
    (void)sp_sock_unlock(s);
    return rc;
}

/* The dialler's half, when the listener's gave rc: the attempt is answered, or -EAGAIN. */
static int join_dialler(struct inproc_end *e, int rc)
{
    struct sp_sock *s = e->pipe.sock;
    struct sp_ep *ep = e->pipe.ep;
    sp_sock_lock(s);
    bool stopped = e->left;
    if (rc == 0 && e->orphan)
        rc = e->peer->why == SP_REASON_NONE ? -EAGAIN : -ECONNREFUSED;
    if (rc == 0 && !stopped)
        rc = end_open(e);
    if (rc < 0)
        sp_inproc_leave(e, SP_REASON_NONE, NULL);
    if (stopped)
        sp_ep_failed(ep, -ECANCELED, SP_REASON_NONE, NULL, NULL);
    else if (rc == -ECONNREFUSED)
        sp_ep_failed(ep, rc, SP_REASON_REFUSED, ep->address,
                     "the peer refused (busy, or it ended)");
    else if (rc < 0 && rc != -EAGAIN)
        sp_ep_failed(ep, rc, reason_of(rc), ep->address, words_of(rc));
    else if (rc == 0)
        sp_ep_opened(ep);
    sp_inproc_retire(e);
    (void)sp_sock_unlock(s);
    return stopped || rc != -EAGAIN ? 0 : -EAGAIN;
}

static void join_failed(struct sp_ep *ep, int err, enum sp_reason why, const char *detail)
{
    struct sp_sock *s = ep->sock;
    sp_sock_lock(s);
    if (ep->dialler) {
        sp_ep_failed(ep, err, why, ep->address, detail);
    } else {
        s->stats[SP_ST_ACCEPT_ERRORS]++;
        sp_sock_reason(s, ep, why, err, ep->address, detail);
    }
    (void)sp_sock_unlock(s);
}

/* Whether both sides speak to each other's protocol; else both hear of it. */
static bool join_suits(struct sp_ep *dialler, struct sp_ep *listener)
{
    const struct sp_protocol *d = dialler->sock->proto, *l = listener->sock->proto;
    char text[64];
    if (d->peer == l->id && l->peer == d->id)
        return true;
    snprintf(text, sizeof text, "the peer is SP protocol %d, not %d", d->id, l->peer);
    join_failed(listener, -EPROTO, SP_REASON_PROTOCOL, text);
    snprintf(text, sizeof text, "the peer is SP protocol %d, not %d", l->id, d->peer);
    join_failed(dialler, -EPROTO, SP_REASON_PROTOCOL, text);
    return false;
}

int sp_inproc_join(struct sp_ep *dialler, struct sp_ep *listener)
{
    if (!join_suits(dialler, listener))
        return 0;
    struct inproc_link *k = link_new(dialler, listener);
    if (!k) {
        join_failed(dialler, -ENOMEM, SP_REASON_LIMIT, "");
        return 0;
    }
    struct sp_sock *s = dialler->sock;
    sp_sock_lock(s);
    bool linked = end_link(&k->end[0]);
    (void)sp_sock_unlock(s);
    int rc = 0;
    if (linked) {
        rc = join_dialler(&k->end[0], join_listener(&k->end[1]));
    } else {
        join_failed(dialler, -ECANCELED, SP_REASON_NONE, "");
        atomic_fetch_sub(&k->refs, 2);
    }
    sp_inproc_drop(k);
    return rc;
}
