/* SPDX-License-Identifier: MIT */
/* Two pipes and two queues. A send puts the message into the peer's queue, in the caller's thread,
 * under the lock of the caller's socket alone. What the peer has to be told (there is a message,
 * there is room, this end has left) is a bit in its `news`; whoever sets the first one queues an
 * outbox entry, which locks the peer's socket and tells its protocol.
 *
 * Failure modes: an end leaves because its endpoint ends, its protocol closes it or refuses it, or
 * the peer has left. The messages that it did not take go back to the peer's protocol as unsent;
 * those that it sent stay readable at the peer. Ends may leave at the same time in two threads: an
 * end holds its endpoint, and so its socket, until no news for it are under way. */
#include "link.h"
#include <errno.h>
#include <stdio.h>

#define LEFT_MAX 64 /* times NN_RCVBUF that a socket keeps from peers that are gone */

static struct inproc_end *end_of(struct sp_pipe *p)
{
    return (struct inproc_end *)p;
}

void sp_inproc_drop(struct inproc_link *k)
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
void sp_inproc_retire(struct inproc_end *e)
{
    if (!e->left || e->pipe.attached || e->held || e->ticking || atomic_load(&e->news) & NEWS_OFF)
        return;
    if (atomic_fetch_or(&e->news, NEWS_OFF))
        return; /* who brings those news looks here again */
    sp_list_unlink(&e->pipe.in_all);
    sp_ep_drop(e->pipe.ep);
    sp_inproc_drop(e->link);
}

/* No message goes in or out here any more. */
void sp_inproc_leave(struct inproc_end *e, enum sp_reason why, const char *detail)
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
    if (e->opened && !e->orphan && !e->left)
        p->sock->stats[SP_ST_DROPPED]++;
    sp_inproc_leave(e, SP_REASON_NONE, NULL);
    sp_inproc_retire(e);
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
    sp_inproc_leave(e, e->why, detail);
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
        sp_inproc_leave(e, SP_REASON_NONE, NULL);
        sp_pipe_detach(&e->pipe);
    }
    sp_inproc_retire(e);
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
        sp_inproc_leave(e, SP_REASON_NONE, NULL);
        sp_pipe_detach(&e->pipe);
    }
    return e->dialled && why == SP_REASON_NONE;
}

/* Calls that sleep in nn_send have waited for the tick long enough. */
static bool end_tick(struct sp_tick *t)
{
    struct inproc_end *e = SP_CONTAINER(t, struct inproc_end, tick);
    struct sp_sock *s = e->pipe.sock;
    sp_sock_lock(s);
    e->ticking = false;
    sp_sock_notify(s);
    sp_inproc_retire(e);
    (void)sp_sock_unlock(s);
    return false;
}

/* There is room in the peer's queue. Pollers hear of it at once. Waking a sleeper for each message
 * that is received would cost more than the messages, so it sleeps until half of the queue is free,
 * or the tick comes. */
static void end_room(struct inproc_end *e)
{
    struct sp_sock *s = e->pipe.sock;
    if (e->pipe.can_send) {
        sp_sock_notify(s);
        return;
    }
    if (sp_inq_full(&e->peer->in))
        return;
    e->pipe.can_send = true;
    s->patient = !sp_list_empty(&s->waiters) && sp_inq_crowded(&e->peer->in);
    if (s->patient && !e->ticking) {
        e->ticking = true;
        sp_loop_tick(e->pipe.ep->loop, &e->tick);
    }
    sp_pipe_writable(&e->pipe);
    s->patient = false;
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
    if (news & NEWS_ROOM && !e->left && !e->orphan)
        end_room(e);
    if (news & NEWS_LEFT && end_orphan(e)) {
        again = e->pipe.ep;
        again->refs++;
    }
    sp_inproc_retire(e);
    (void)sp_sock_unlock(s);
    if (again)
        sp_ep_redial(again);
    return 0;
}

void sp_inproc_end_init(struct inproc_link *k, int i, struct sp_ep *ep, void *proto)
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
    e->tick.fn = end_tick;
    e->dialled = ep->dialler;
    atomic_init(&e->news, NEWS_OFF);
    sp_inq_init(&e->in, 1);
}
