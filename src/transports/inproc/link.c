/* SPDX-License-Identifier: MIT */
/* Two pipes and two queues. A send puts the message into the peer's queue, in the caller's thread,
 * under the lock of the caller's socket alone. What the peer has to be told (there is a message,
 * there is room, this end has left) is a bit in its `news`; whoever sets the first one queues an
 * outbox entry, which locks the peer's socket and tells its protocol. The acceptor's protocol says
 * yes before the dialler's is asked.
 *
 * Failure modes: an end leaves because its endpoint ends, its protocol closes it or refuses it, or
 * the peer has left. The messages that it did not take go back to the peer's protocol as unsent;
 * those that it sent stay readable at the peer. Ends may leave at the same time in two threads: an
 * end holds its endpoint, and so its socket, until no news for it are under way. */
#include "link.h"
#include "queue.h"
#include <errno.h>
#include <stdio.h>

#define LEFT_MAX 64 /* times NN_RCVBUF that a socket keeps from peers that are gone */

enum {
    NEWS_MESSAGE = 1, /* the queue is not empty any more */
    NEWS_ROOM = 2,    /* the peer's queue is not full any more */
    NEWS_LEFT = 4,    /* the peer has left */
    NEWS_OFF = 8      /* nobody is here to hear any */
};

struct inproc_link;

/* One side; its socket's lock guards it but for the queue's other half and `news`. */
struct inproc_end {
    struct sp_pipe pipe;      /* what the protocol sees; first */
    struct inproc_link *link; /* owner */
    struct inproc_end *peer;  /* the other side */
    struct sp_inq in;         /* to be received here */
    atomic_uint news;         /* NEWS_* not yet told */
    struct sp_out news_out;   /* in the peer's outbox: tells them */
    struct sp_out later_out;  /* in our own outbox: what cannot be done inside the protocol */
    int held;                 /* later_out is under way */
    bool dialled;
    bool opened;         /* was attached */
    bool left;           /* no end any more for the peer */
    bool orphan;         /* the peer has left */
    bool emptying;       /* orphan, but the application has messages to take */
    bool kicked;         /* our protocol closes it */
    size_t left_bytes;   /* what it holds meanwhile */
    enum sp_reason why;  /* left for this reason, NONE when in order; the peer reads it */
    char why_detail[96]; /* in words */
};

struct inproc_link {
    atomic_uint refs; /* both ends, and who joins them */
    struct inproc_end end[2];
};

static struct inproc_end *end_of(struct sp_pipe *p)
{
    return (struct inproc_end *)p;
}

static void link_drop(struct inproc_link *k)
{
    if (atomic_fetch_sub(&k->refs, 1) != 1)
        return;
    for (int i = 0; i < 2; i++)
        sp_inq_fini(&k->end[i].in);
    sp_free(k);
}

/* ---- telling the other side ---- */

/* Our socket's lock is held. */
static void end_tell(struct inproc_end *e, unsigned what)
{
    struct inproc_end *to = e->peer;
    if (!atomic_fetch_or(&to->news, what))
        sp_sock_out(e->pipe.sock, &to->news_out);
}

/* Once nothing is left of it but memory. The lock is held. */
static void end_try_retire(struct inproc_end *e)
{
    if (!e->left || e->pipe.attached || e->held || atomic_load(&e->news) & NEWS_OFF)
        return;
    if (atomic_fetch_or(&e->news, NEWS_OFF))
        return; /* who brings those news looks here again */
    sp_list_unlink(&e->pipe.in_all);
    sp_ep_drop(e->pipe.ep);
    link_drop(e->link);
}

/* No message goes in or out here any more. */
static void end_leave(struct inproc_end *e, enum sp_reason why, const char *detail)
{
    if (e->left)
        return;
    e->left = true;
    e->pipe.can_send = e->pipe.can_recv = false;
    if (e->emptying)
        e->pipe.sock->left -= e->left_bytes;
    e->emptying = false;
    e->why = why;
    snprintf(e->why_detail, sizeof e->why_detail, "%s", detail ? detail : "");
    if (!e->orphan)
        end_tell(e, NEWS_LEFT);
}

/* ---- the pipe ---- */

static int end_send(struct sp_pipe *p, struct sp_msg *m)
{
    struct inproc_end *e = end_of(p);
    size_t len = m->body_len;
    if (!p->can_send)
        return -EAGAIN;
    int rc = sp_inq_put(&e->peer->in, m);
    if (rc < 0)
        return rc;
    if (rc)
        end_tell(e, NEWS_MESSAGE);
    p->n_sent++;
    p->b_sent += len;
    p->can_send = !sp_inq_full(&e->peer->in);
    return 0;
}

static int end_peek(struct sp_pipe *p, struct sp_msg *m)
{
    if (!p->can_recv || !sp_inq_peek(&end_of(p)->in, m))
        return -EAGAIN;
    m->pipe = p;
    return 0;
}

static void end_later(struct inproc_end *e)
{
    if (e->held++ == 0)
        sp_sock_out(e->pipe.sock, &e->later_out);
}

static int end_recv(struct sp_pipe *p, struct sp_msg *m)
{
    struct inproc_end *e = end_of(p);
    bool tell;
    if (!p->can_recv || !sp_inq_take(&e->in, m, &tell))
        return -EAGAIN;
    m->pipe = p;
    p->n_received++;
    p->b_received += m->body_len;
    p->can_recv = sp_inq_any(&e->in);
    if (tell && !e->orphan)
        end_tell(e, NEWS_ROOM);
    if (!p->can_recv && e->emptying)
        end_later(e);
    return 0;
}

static void end_close(struct sp_pipe *p, enum sp_reason why, const char *detail)
{
    struct inproc_end *e = end_of(p);
    if (e->kicked || e->left)
        return;
    e->kicked = true;
    e->why = why;
    snprintf(e->why_detail, sizeof e->why_detail, "%s", detail ? detail : "");
    end_later(e);
}

/* What was accepted is in the peer's queue already, so there is nothing to linger for. */
static void end_finish(struct sp_pipe *p, int linger_ms)
{
    struct inproc_end *e = end_of(p);
    (void)linger_ms;
    end_leave(e, SP_REASON_NONE, NULL);
    end_try_retire(e);
}

/* Nothing is gathered. */
static void end_flush(struct sp_pipe *p)
{
    (void)p;
}

static const struct sp_pipe_ops end_ops = {
    .send = end_send,
    .peek = end_peek,
    .recv = end_recv,
    .close = end_close,
    .finish = end_finish,
    .flush = end_flush,
};

/* ---- what happens to it; the lock is held ---- */

/* Drops what was received and counts it; the head was counted by the protocol that closes the pipe
 * for it. */
static void end_throw_away(struct inproc_end *e)
{
    struct sp_msg m;
    bool tell;
    for (int i = 0; sp_inq_take(&e->in, &m, &tell); i++) {
        if (i)
            sp_sock_dropped_recv(e->pipe.sock);
        sp_msg_drop(&m);
    }
}

static void end_kick(struct inproc_end *e)
{
    struct sp_sock *s = e->pipe.sock;
    char detail[sizeof e->why_detail];
    memcpy(detail, e->why_detail, sizeof detail);
    end_throw_away(e);
    if (!e->orphan) {
        s->stats[SP_ST_DROPPED]++;
        if (e->dialled)
            sp_ep_closed(e->pipe.ep);
    }
    sp_sock_reason(s, e->pipe.ep, e->why, 0, e->pipe.peer.address, detail);
    end_leave(e, e->why, detail);
    sp_pipe_detach(&e->pipe);
}

static int end_later_run(struct sp_out *o)
{
    struct inproc_end *e = SP_CONTAINER(o, struct inproc_end, later_out);
    struct sp_sock *s = e->pipe.sock;
    sp_sock_lock(s);
    e->held = 0;
    if (e->kicked && !e->left) {
        end_kick(e);
    } else if (e->emptying && !e->pipe.can_recv) {
        end_leave(e, SP_REASON_NONE, NULL);
        sp_pipe_detach(&e->pipe);
    }
    end_try_retire(e);
    return sp_sock_unlock(s);
}

/* What we sent and the peer did not take is ours again, and we stand in its place. */
static void end_unsent(struct inproc_end *e)
{
    struct sp_msg m;
    bool tell;
    while (sp_inq_take(&e->peer->in, &m, &tell)) {
        m.pipe = NULL;
        sp_pipe_unsent(&e->pipe, &m);
    }
}

/* Whether what the peer sent stays readable. Peers that come, fill their queue and leave, again and
 * again, may hold LEFT_MAX times NN_RCVBUF of a socket; above that it is dropped and counted. */
static bool end_keep(struct inproc_end *e)
{
    struct sp_sock *s = e->pipe.sock;
    struct sp_msg m;
    bool tell;
    if (!e->pipe.attached || s->closed || !sp_inq_any(&e->in))
        return false;
    e->left_bytes = sizeof *e->link + sp_inq_held(&e->in);
    if (s->left + e->left_bytes <= LEFT_MAX * (size_t)s->rcv_buf) {
        s->left += e->left_bytes;
        return true;
    }
    sp_sock_reason(s, e->pipe.ep, SP_REASON_LIMIT, 0, e->pipe.peer.address,
                   "too much unread from peers that are gone");
    while (sp_inq_take(&e->in, &m, &tell)) {
        sp_sock_dropped_recv(s);
        sp_msg_drop(&m);
    }
    return false;
}

/* The peer has left. True when the endpoint shall dial again at once: the listener is gone, and the
 * next one shall find us. After everything else it backs off. */
static bool end_orphan(struct inproc_end *e)
{
    struct sp_sock *s = e->pipe.sock;
    enum sp_reason why = e->peer->why;
    e->orphan = true;
    e->pipe.can_send = false;
    if (!e->opened || e->left) {
        end_unsent(e);
        return false;
    }
    s->stats[SP_ST_BROKEN]++;
    if (e->dialled && why != SP_REASON_NONE)
        sp_ep_closed(e->pipe.ep);
    end_unsent(e);
    e->emptying = end_keep(e);
    if (e->emptying) {
        sp_pipe_hangup(&e->pipe);
        sp_sock_notify(s);
    } else if (!e->kicked) {
        end_leave(e, SP_REASON_NONE, NULL);
        sp_pipe_detach(&e->pipe);
    }
    return e->dialled && why == SP_REASON_NONE;
}

static int end_news_run(struct sp_out *o)
{
    struct inproc_end *e = SP_CONTAINER(o, struct inproc_end, news_out);
    struct sp_sock *s = e->pipe.sock;
    struct sp_ep *again = NULL;
    sp_sock_lock(s);
    unsigned news = atomic_exchange(&e->news, 0);
    if (news & NEWS_MESSAGE && !e->left && !e->pipe.can_recv && sp_inq_any(&e->in)) {
        e->pipe.can_recv = true;
        sp_pipe_readable(&e->pipe);
    }
    if (news & NEWS_ROOM && !e->left && !e->orphan && !e->pipe.can_send &&
        !sp_inq_full(&e->peer->in)) {
        e->pipe.can_send = true;
        sp_pipe_writable(&e->pipe);
    }
    if (news & NEWS_LEFT && end_orphan(e)) {
        again = e->pipe.ep;
        again->refs++;
    }
    end_try_retire(e);
    (void)sp_sock_unlock(s);
    if (again)
        sp_ep_redial(again);
    return 0;
}

/* ---- the beginning ---- */

static void end_init(struct inproc_link *k, int i, struct sp_ep *ep, void *proto)
{
    struct inproc_end *e = &k->end[i];
    e->pipe.ops = &end_ops;
    e->pipe.sock = ep->sock;
    e->pipe.ep = ep;
    e->pipe.proto = proto;
    sp_list_init(&e->pipe.in_all);
    sp_list_init(&e->pipe.in_sock);
    sp_list_init(&e->pipe.in_gathered);
    snprintf(e->pipe.peer.address, sizeof e->pipe.peer.address, "%.127s", ep->address);
    e->link = k;
    e->peer = &k->end[!i];
    e->news_out.run = end_news_run;
    e->later_out.run = end_later_run;
    e->dialled = ep->dialler;
    atomic_init(&e->news, NEWS_OFF);
    sp_inq_init(&e->in, 1);
}

/* The dialler's end is the first. */
static struct inproc_link *link_new(struct sp_ep *dialler, struct sp_ep *listener)
{
    size_t size = (sizeof(struct inproc_link) + 15) & ~(size_t)15;
    size_t one = (dialler->sock->proto->pipe_size + 15) & ~(size_t)15;
    struct inproc_link *k = sp_calloc(1, size + one + listener->sock->proto->pipe_size);
    if (!k)
        return NULL;
    atomic_init(&k->refs, 3);
    end_init(k, 0, dialler, (char *)k + size);
    end_init(k, 1, listener, (char *)k + size + one);
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
        end_leave(e, reason_of(rc), words_of(rc));
    return rc;
}

/* The listener's half of joining: 0, -EAGAIN when it is about to go, -ECONNREFUSED. */
static int join_listener(struct inproc_end *e)
{
    struct sp_sock *s = e->pipe.sock;
    sp_sock_lock(s);
    int rc = -EAGAIN;
    if (!end_link(e)) {
        link_drop(e->link);
    } else if ((rc = end_open(e)) < 0) {
        s->stats[SP_ST_ACCEPT_ERRORS]++;
        sp_sock_reason(s, e->pipe.ep, e->why, rc, e->pipe.peer.address, e->why_detail);
        rc = -ECONNREFUSED;
        end_try_retire(e);
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
        end_leave(e, SP_REASON_NONE, NULL);
    if (stopped)
        sp_ep_failed(ep, -ECANCELED, SP_REASON_NONE, NULL, NULL);
    else if (rc == -ECONNREFUSED)
        sp_ep_failed(ep, rc, SP_REASON_REFUSED, ep->address,
                     "the peer refused (busy, or it ended)");
    else if (rc < 0 && rc != -EAGAIN)
        sp_ep_failed(ep, rc, reason_of(rc), ep->address, words_of(rc));
    else if (rc == 0)
        sp_ep_opened(ep);
    end_try_retire(e);
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
    link_drop(k);
    return rc;
}
