/* SPDX-License-Identifier: MIT */
/* The way to OPEN, with the `reading` bit held: the stream's own handshake in steps on a worker,
 * the greetings, and the protocol's word. A dialler greets first; an acceptor greets once the
 * protocol has accepted the pipe, so nobody sends into a connection that will be refused. Each step
 * ends by giving the bit back, to wait or because it failed.
 *
 * Failure modes: every one is conn_fail with the reason that the stream, the greeting or the
 * protocol gave. */
#include "impl.h"
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>

static void conn_fail(struct sp_conn *c, enum sp_reason why, int err, const char *detail)
{
    struct sp_sock *s = conn_sock(c);
    sp_sock_lock(s);
    c->reading = false;
    conn_kill(c, why, err, detail);
    conn_settle(c);
    (void)sp_sock_unlock(s);
}

/* Gives the reading bit back and waits for `events`. */
void conn_wait_for(struct sp_conn *c, int events)
{
    struct sp_sock *s = conn_sock(c);
    sp_sock_lock(s);
    c->reading = false;
    if (!c->dead && !c->closing)
        sp_watch_mod(&c->watch, events);
    if (!c->dead && c->state != CONN_START && c->st->ops->want(c->st) & POLLIN)
        sp_loop_post(c->loop, &c->attend);
    conn_settle(c);
    (void)sp_sock_unlock(s);
}

static void conn_open(struct sp_conn *c)
{
    struct sp_sock *s = conn_sock(c);
    sp_sock_lock(s);
    int rc = c->dead ? -ECANCELED : c->dialled ? 0 : conn_tx_greet(c);
    if (rc == 0) {
        c->state = CONN_OPEN;
        c->pipe.can_send = true;
        rc = sp_pipe_attach(&c->pipe);
    }
    c->reading = false;
    if (rc < 0) {
        c->state = CONN_HELLO;
        conn_kill(c, rc == -EUSERS || rc == -ENOMEM ? SP_REASON_LIMIT : SP_REASON_REFUSED, rc,
                  rc == -EUSERS  ? "NN_MAX_PEERS"
                  : rc == -EBUSY ? "the socket has its peer already"
                                 : "");
    } else {
        conn_half_done(c);
        sp_timer_stop(&c->timer);
        conn_eager(c, -1);
        if (c->dialled)
            sp_ep_opened(c->pipe.ep);
        conn_watch(c);
        conn_tx_flush(c);
        if (c->st->ops->want(c->st) & POLLIN)
            sp_loop_post(c->loop, &c->attend);
    }
    conn_settle(c);
    (void)sp_sock_unlock(s);
}

/* Reads what is left of the greeting, and not one byte more. */
void conn_greeted(struct sp_conn *c)
{
    while (c->greeting_have < c->framer->greet_len) {
        struct iovec v = {c->greeting + c->greeting_have, c->framer->greet_len - c->greeting_have};
        ssize_t n = c->st->ops->readv(c->st, &v, 1);
        if (n == -EAGAIN) {
            conn_wait_for(c, POLLIN);
            return;
        }
        if (n <= 0) {
            conn_fail(c, n == 0 ? SP_REASON_REFUSED : c->pipe.peer.reason,
                      n == 0 ? -ECONNREFUSED : (int)n,
                      n == 0 ? "the peer closed before it greeted (busy, or not SP)"
                             : c->pipe.peer.detail);
            return;
        }
        c->greeting_have += (size_t)n;
    }
    int id = c->framer->greeted(c->greeting);
    char text[64];
    if (id == conn_sock(c)->proto->peer) {
        conn_open(c);
        return;
    }
    snprintf(text, sizeof text, id < 0 ? "no SP header" : "the peer is SP protocol %d, not %d", id,
             conn_sock(c)->proto->peer);
    conn_fail(c, SP_REASON_PROTOCOL, -EPROTO, text);
}

static void conn_hello(struct sp_conn *c)
{
    struct sp_sock *s = conn_sock(c);
    uint8_t out[SP_FRAME_GREET_MAX];
    if (c->dialled) {
        struct iovec v = {out, c->framer->greet(out, s->proto->id)};
        ssize_t n = c->st->ops->writev(c->st, &v, 1);
        if (n >= 0 && (size_t)n == v.iov_len && c->st->ops->want(c->st) & POLLOUT)
            n = c->st->ops->writev(c->st, NULL, 0) == 0 ? n : -EAGAIN;
        if (n < 0 ||
            (size_t)n < v.iov_len) { /* a fresh connection takes a few bytes, or is broken */
            v.iov_len = sizeof out;
            (void)c->st->ops->readv(c->st, &v, 1); /* the peer may have said why: a TLS alert */
            conn_fail(c, c->pipe.peer.reason, n < 0 ? (int)n : -EPIPE, c->pipe.peer.detail);
            return;
        }
    }
    sp_sock_lock(s);
    c->state = CONN_HELLO;
    (void)sp_sock_unlock(s);
    conn_greeted(c);
}

void conn_step(struct sp_job *j)
{
    struct sp_conn *c = SP_CONTAINER(j, struct sp_conn, job);
    struct sp_sock *s = conn_sock(c);
    sp_sock_lock(s);
    bool dead = c->dead;
    (void)sp_sock_unlock(s);
    sp_sock_calling = s;
    int rc = dead ? -ECANCELED : c->st->ops->start(c->st);
    sp_sock_calling = NULL;
    j->first = true;
    if (rc == -EAGAIN) {
        conn_wait_for(c, c->st->ops->want(c->st));
    } else if (rc < 0) {
        conn_fail(c, c->pipe.peer.reason, rc, c->pipe.peer.detail);
    } else {
        sp_sock_lock(s);
        s->stats[SP_ST_HANDSHAKES]++;
        (void)sp_sock_unlock(s);
        conn_hello(c);
    }
}

/* Whether a whole first TLS record is there: such a peer is not evicted. */
static bool first_record(int fd)
{
    uint8_t h[5];
    int have = 0;
    if (recv(fd, h, sizeof h, MSG_PEEK) < 5 || ioctl(fd, FIONREAD, &have) < 0)
        return false;
    return have >= 5 + (h[3] << 8 | h[4]);
}

/* Moves the handshake on: on a worker, as it may take milliseconds. */
void conn_start(struct sp_conn *c)
{
    struct sp_sock *s = conn_sock(c);
    if (!c->st->ops->start) {
        conn_hello(c);
        return;
    }
    sp_sock_lock(s);
    sp_watch_mod(&c->watch, 0);
    c->spoke = c->spoke || first_record(c->st->fd);
    (void)sp_sock_unlock(s);
    int rc = sp_work_submit(SP_WORK_CPU, &c->job);
    if (rc < 0)
        conn_fail(c, SP_REASON_LIMIT, rc, "no worker thread for the handshake");
}
