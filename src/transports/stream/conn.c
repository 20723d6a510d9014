/* SPDX-License-Identifier: MIT */
/* A connection's life: START (the stream's own handshake, on a worker when it has one), HELLO
 * (greetings), OPEN (the protocol knows the pipe), DRAIN (nn_close came; what was accepted still
 * leaves), gone. The way to OPEN is conn_open.c, receiving conn_rx.c, sending conn_tx.c; here is
 * how it begins, what events do, and how it ends.
 *
 * Failure modes: whatever goes wrong ends in conn_kill with a reason. The bits `reading`,
 * `flushing` and `dirty` say who works on it without the lock; the last one out returns what was
 * not sent, tells the protocol, and closes. Messages that were received stay readable after the
 * peer has gone. One deadline holds from connect or accept to OPEN. */
#include "../../base/fds.h"
#include "impl.h"
#include <errno.h>
#include <stdio.h>

#define LEFT_MAX 64

void conn_eager(struct sp_conn *c, int by)
{
    c->eager += by;
    sp_loop_eager(c->loop, by);
}

void conn_watch(struct sp_conn *c)
{
    if (!c->closing)
        sp_watch_mod(&c->watch, (c->paused ? 0 : POLLIN) | (c->want_out ? POLLOUT : 0));
}

/* ---- the end ---- */

void conn_half_done(struct sp_conn *c)
{
    if (sp_list_empty(&c->in_half))
        return;
    sp_list_unlink(&c->in_half);
    sp_stream_ep(c->pipe.ep)->n_half--;
    sp_listen_freed(sp_stream_ep(c->pipe.ep));
}

static void conn_retired(struct sp_retired *r)
{
    struct sp_conn *c = SP_CONTAINER(r, struct sp_conn, retired);
    struct sp_sock *s = conn_sock(c);
    conn_rx_fini(c);
    sp_free(c->pipe.peer.id);
    sp_free(c->pipe.peer.cert);
    sp_sock_lock(s);
    sp_ep_drop(c->pipe.ep);
    (void)sp_sock_unlock(s);
    sp_free(c);
}

/* Once nothing is left of it but memory. The lock is held. */
static void conn_try_retire(struct sp_conn *c)
{
    if (c->st || !c->closing || c->rx_only || c->held || c->retiring)
        return;
    c->retiring = true;
    sp_list_unlink(&c->pipe.in_all);
    sp_loop_retire(c->loop, &c->retired);
}

/* The descriptor goes at once; the pipe stays while the application has messages to take. */
static int conn_close_run(struct sp_out *o)
{
    struct sp_conn *c = SP_CONTAINER(o, struct sp_conn, close_out);
    struct sp_sock *s = conn_sock(c);
    sp_timer_stop(&c->timer);
    sp_watch_del(&c->watch);
    c->st->ops->close(c->st);
    sp_sock_lock(s);
    c->st = NULL;
    conn_try_retire(c);
    return sp_sock_unlock(s);
}

/* Whether what was received stays readable now that the peer is gone. Peers that come, fill their
 * queue and leave, again and again, may hold LEFT_MAX times NN_RCVBUF of a socket; above that it is
 * dropped and counted. */
static bool conn_leave(struct sp_conn *c)
{
    struct sp_sock *s = conn_sock(c);
    struct sp_msg m;
    if (!c->rx || !c->pipe.attached || s->closed)
        return false;
    c->left = sizeof *c;
    for (struct rx_seg *seg = c->rx; seg; seg = seg->next)
        c->left += sizeof *seg->chunk + seg->chunk->cap;
    if (s->left + c->left <= LEFT_MAX * (size_t)s->rcv_buf) {
        s->left += c->left;
        return true;
    }
    sp_sock_reason(s, c->pipe.ep, SP_REASON_LIMIT, 0, c->pipe.peer.address,
                   "too much unread from peers that are gone");
    while (conn_rx_recv(&c->pipe, &m) == 0) {
        sp_sock_dropped_recv(s);
        sp_msg_drop(&m);
    }
    return false;
}

static void conn_leave_end(struct sp_conn *c)
{
    c->rx_only = false;
    conn_sock(c)->left -= c->left;
}

static int conn_drained_run(struct sp_out *o)
{
    struct sp_conn *c = SP_CONTAINER(o, struct sp_conn, drained_out);
    struct sp_sock *s = conn_sock(c);
    sp_sock_lock(s);
    c->held--;
    conn_leave_end(c);
    sp_pipe_detach(&c->pipe);
    conn_try_retire(c);
    return sp_sock_unlock(s);
}

void conn_settle(struct sp_conn *c)
{
    if (!c->dead || c->reading || c->flushing || c->dirty || c->closing)
        return;
    struct sp_sock *s = conn_sock(c);
    c->closing = true;
    conn_tx_unsent(c);
    c->rx_only = conn_leave(c);
    if (c->rx_only)
        sp_pipe_hangup(&c->pipe);
    else
        sp_pipe_detach(&c->pipe);
    if (c->eager)
        conn_eager(c, -c->eager);
    sp_sock_out(s, &c->close_out);
    sp_sock_notify(s);
}

static void conn_report(struct sp_conn *c, enum sp_reason why, int err, const char *detail)
{
    struct sp_sock *s = conn_sock(c);
    struct sp_ep *ep = c->pipe.ep;
    bool opened = c->state >= CONN_OPEN;
    if (c->quiet)
        why = SP_REASON_NONE;
    if (opened && !c->quiet)
        s->stats[why == SP_REASON_NONE || why == SP_REASON_TRUNCATED ? SP_ST_BROKEN
                                                                     : SP_ST_DROPPED]++;
    else if (!c->dialled)
        s->stats[SP_ST_ACCEPT_ERRORS]++;
    if (c->dialled && !opened) {
        sp_ep_failed(ep, err, why, c->pipe.peer.address, detail);
        return;
    }
    if (!c->quiet && (why != SP_REASON_NONE || err < 0))
        sp_sock_reason(s, ep, why, err, c->pipe.peer.address, detail);
    if (c->dialled)
        sp_ep_closed(ep);
}

void conn_kill(struct sp_conn *c, enum sp_reason why, int err, const char *detail)
{
    if (c->dead)
        return;
    c->dead = true;
    c->pipe.can_send = false;
    sp_watch_mod(&c->watch, 0); /* else the end of the stream keeps waking the leader until the last
                                   bit is given back */
    conn_half_done(c);
    if (c->state != CONN_DRAIN)
        conn_report(c, why, err, detail);
    conn_settle(c);
}

static int conn_kill_run(struct sp_out *o)
{
    struct sp_conn *c = SP_CONTAINER(o, struct sp_conn, kill_out);
    struct sp_sock *s = conn_sock(c);
    sp_sock_lock(s);
    c->held--;
    conn_rx_free(c);
    conn_kill(c, c->kill_reason, -EPROTO, c->kill_detail);
    if (c->rx_only) {
        conn_leave_end(c);
        sp_pipe_detach(&c->pipe);
    }
    conn_try_retire(c);
    return sp_sock_unlock(s);
}

/* The protocol is in the middle of something with this pipe, so the end comes after unlocking. */
static void conn_pipe_close(struct sp_pipe *p, enum sp_reason why, const char *detail)
{
    struct sp_conn *c = (struct sp_conn *)p;
    if (c->kill_reason != SP_REASON_NONE)
        return;
    c->held++;
    c->kill_reason = why;
    snprintf(c->kill_detail, sizeof c->kill_detail, "%s", detail ? detail : "");
    sp_sock_out(p->sock, &c->kill_out);
}

void conn_evict(struct sp_conn *c)
{
    conn_kill(c, SP_REASON_LIMIT, -EUSERS,
              "too many half-open connections, this one kept us waiting");
}

/* nn_close, nn_shutdown: the protocol has let go of the pipe already. */
static void conn_pipe_finish(struct sp_pipe *p, int linger_ms)
{
    struct sp_conn *c = (struct sp_conn *)p;
    bool open = c->state == CONN_OPEN && !c->dead;
    conn_rx_free(c);
    if (c->rx_only) {
        conn_leave_end(c);
        conn_try_retire(c);
        return;
    }
    if (c->state == CONN_DRAIN)
        return; /* nn_shutdown came before: its time goes on */
    c->quiet = true;
    if (open)
        conn_sock(c)->stats[SP_ST_DROPPED]++;
    if (!open || linger_ms == 0) {
        conn_kill(c, SP_REASON_NONE, 0, NULL);
        return;
    }
    c->state = CONN_DRAIN;
    atomic_store(&c->draining, true);
    p->can_send = false;
    conn_eager(c, 1);
    if (linger_ms > 0)
        sp_timer_set(c->loop, &c->timer, sp_deadline(linger_ms));
    conn_tx_flush(c);
    c->paused = c->flushing; /* the peer shall see our end before we throw away what it could give
                                to another */
    conn_watch(c);
}

static int conn_pipe_rekey(struct sp_pipe *p, int request_peer)
{
    struct sp_conn *c = (struct sp_conn *)p;
    if (!c->st || !c->st->ops->rekey)
        return -ENOTSUP;
    int rc = c->st->ops->rekey(c->st, request_peer);
    if (rc == 0)
        conn_tx_flush(c);
    return rc;
}

static const struct sp_pipe_ops pipe_ops = {
    .send = conn_tx_send,
    .peek = conn_rx_peek,
    .recv = conn_rx_recv,
    .close = conn_pipe_close,
    .finish = conn_pipe_finish,
    .rekey = conn_pipe_rekey,
    .flush = conn_tx_gathered,
};

static void conn_timer(struct sp_timer *t)
{
    struct sp_conn *c = SP_CONTAINER(t, struct sp_conn, timer);
    struct sp_sock *s = conn_sock(c);
    sp_sock_lock(s);
    if (c->state < CONN_OPEN)
        conn_kill(c, SP_REASON_TIMEOUT, -ETIMEDOUT,
                  c->state == CONN_START ? "in the TLS handshake" : "no SP header came");
    else if (c->state == CONN_DRAIN)
        conn_kill(c, SP_REASON_NONE, 0, NULL);
    (void)sp_sock_unlock(s);
}

/* ---- events ---- */

static void conn_input(struct sp_conn *c, enum conn_state state)
{
    if (state == CONN_START)
        conn_start(c);
    else if (state == CONN_HELLO)
        conn_greeted(c);
    else
        conn_rx(c);
}

/* Reads before it writes: a peer that has closed shall not be sent what another could get. */
static void conn_events(struct sp_conn *c, int events)
{
    struct sp_sock *s = conn_sock(c);
    sp_sock_lock(s);
    bool read = false, write = false;
    enum conn_state state = c->state;
    if (!c->dead && !c->closing) {
        write = events & (POLLOUT | POLLERR | POLLHUP) && c->want_out;
        read = !c->reading && !c->paused &&
               (events & (POLLIN | POLLERR | POLLHUP) || c->state == CONN_START);
        c->reading = c->reading || read;
        if (write && !read) {
            c->want_out = false;
            conn_eager(c, -1);
            conn_watch(c);
            conn_tx_flush(c);
        }
    }
    (void)sp_sock_unlock(s);
    if (read)
        conn_input(c, state);
    if (read && write)
        conn_events(c, POLLOUT);
}

static void conn_event(struct sp_watch *w, int events)
{
    conn_events(SP_CONTAINER(w, struct sp_conn, watch), events);
}

static void conn_attend(struct sp_task *t)
{
    conn_events(SP_CONTAINER(t, struct sp_conn, attend), POLLIN);
}

static struct sp_conn *conn_new(struct sp_ep *ep, int fd, bool dialled, const char *address)
{
    struct sp_conn *c = sp_calloc(1, sizeof *c + ep->sock->proto->pipe_size);
    if (!c)
        return NULL;
    c->pipe.ops = &pipe_ops;
    c->pipe.sock = ep->sock;
    c->pipe.ep = ep;
    c->pipe.proto = c + 1;
    sp_list_init(&c->pipe.in_all);
    sp_list_init(&c->pipe.in_sock);
    sp_list_init(&c->pipe.in_gathered);
    sp_list_init(&c->in_half);
    snprintf(c->pipe.peer.address, sizeof c->pipe.peer.address, "%s", address);
    c->framer = sp_stream_row(ep)->framer;
    c->loop = dialled ? ep->loop : sp_loop_next();
    c->watch = (struct sp_watch){.fd = fd, .fn = conn_event};
    c->timer.fn = conn_timer;
    c->attend.fn = conn_attend;
    c->job.run = conn_step;
    c->job.first = dialled; /* the peer waits for our first word already */
    c->tick.fn = conn_tx_tick;
    c->retired.free = conn_retired;
    c->flush_out.run = conn_tx_run;
    c->close_out.run = conn_close_run;
    c->kill_out.run = conn_kill_run;
    c->drained_out.run = conn_drained_run;
    c->dialled = dialled;
    return c;
}

/* Puts it into the lists, with the reading bit in our hands. */
static void conn_link(struct sp_conn *c)
{
    struct sp_ep *ep = c->pipe.ep;
    struct sp_sock *s = ep->sock;
    ep->refs++;
    c->reading = true;
    c->last = sp_now();
    sp_list_push(&s->all, &c->pipe.in_all);
    if (!c->dialled) {
        sp_list_push(&sp_stream_ep(ep)->half_open, &c->in_half);
        sp_stream_ep(ep)->n_half++;
    }
    conn_eager(c, 1);
    sp_timer_set(c->loop, &c->timer, sp_deadline(ep->handshake_ms));
    int rc = sp_watch_add(c->loop, &c->watch, 0);
    if (rc < 0 || ep->stopped)
        conn_kill(c, SP_REASON_LIMIT, rc < 0 ? rc : -ECANCELED, "");
}

/* It was made, but not linked. */
static void conn_undo(struct sp_conn *c)
{
    c->st->ops->close(c->st);
    sp_free(c);
}

void sp_conn_start(struct sp_ep *ep, int fd, bool dialled, const char *address)
{
    struct sp_sock *s = ep->sock;
    struct sp_conn *c = conn_new(ep, fd, dialled, address);
    int rc = -ENOMEM;
    if (c)
        rc = sp_stream_row(ep)->stack(ep, fd, dialled, &c->pipe.peer, &c->st);
    else
        sp_fd_close(fd);
    sp_sock_lock(s);
    if (rc == 0 && !dialled && ep->stopped) {
        (void)sp_sock_unlock(s);
        conn_undo(c); /* nobody holds a listener that was stopped: it may be about to be freed */
        return;
    }
    if (rc == 0) {
        conn_link(c);
    } else {
        sp_free(c);
        if (dialled)
            sp_ep_failed(ep, rc, SP_REASON_LIMIT, address, "");
        else
            sp_sock_reason(s, ep, SP_REASON_LIMIT, rc, address, "");
    }
    (void)sp_sock_unlock(s);
    if (rc < 0)
        return;
    if (dialled || !c->st->ops->start)
        conn_start(c);
    else
        conn_wait_for(c, POLLIN); /* the dialler speaks first; a silent one costs no worker */
}
