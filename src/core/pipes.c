/* SPDX-License-Identifier: MIT */
/* How pipes come to a socket and leave it. A pipe is shown to the protocol only when its handshake
 * is over; what it could not send when it died goes back to the protocol. */
#include "../base/rng.h"
#include "sock.h"
#include <errno.h>

static int pipe_id(struct sp_pipe *p)
{
    for (int tries = 0; tries < 64; tries++) {
        p->id = sp_random_u32() & 0x7fffffff;
        int rc = p->id ? sp_idmap_put(&p->sock->ids, p->id, p) : -EEXIST;
        if (rc != -EEXIST)
            return rc;
    }
    return -ENOMEM;
}

int sp_pipe_attach(struct sp_pipe *p)
{
    struct sp_sock *s = p->sock;
    if (s->closed)
        return -EBADF;
    if (s->n_pipes >= s->max_peers)
        return -EUSERS;
    int rc = pipe_id(p);
    if (rc < 0)
        return rc;
    p->snd_prio = p->ep->snd_prio;
    p->rcv_prio = p->ep->rcv_prio;
    rc = s->proto->attach(s, p);
    if (rc < 0) {
        sp_idmap_del(&s->ids, p->id);
        return rc;
    }
    p->attached = true;
    sp_list_push(&s->pipes, &p->in_sock);
    s->n_pipes++;
    s->stats[p->ep->dialler ? SP_ST_ESTABLISHED : SP_ST_ACCEPTED]++;
    sp_sock_notify(s);
    return 0;
}

void sp_pipe_readable(struct sp_pipe *p)
{
    if (!p->attached)
        return;
    p->sock->proto->readable(p->sock, p);
    sp_sock_notify(p->sock);
}

void sp_pipe_writable(struct sp_pipe *p)
{
    if (!p->attached)
        return;
    p->sock->proto->writable(p->sock, p);
    sp_sock_notify(p->sock);
}

void sp_pipe_hangup(struct sp_pipe *p)
{
    p->hung_up = true;
    if (p->attached && p->sock->proto->hangup)
        p->sock->proto->hangup(p->sock, p);
}

void sp_pipe_unsent(struct sp_pipe *p, struct sp_msg *m)
{
    struct sp_sock *s = p->sock;
    if (s->proto->unsent && p->attached) {
        s->proto->unsent(s, p, m);
    } else {
        sp_sock_dropped_send(s, p);
        sp_msg_drop(m);
    }
}

void sp_pipe_detach(struct sp_pipe *p)
{
    struct sp_sock *s = p->sock;
    if (!p->attached)
        return;
    p->attached = false;
    s->proto->detach(s, p);
    sp_list_unlink(&p->in_sock);
    sp_list_unlink(&p->in_gathered);
    sp_idmap_del(&s->ids, p->id);
    s->n_pipes--;
    s->stats[SP_ST_REKEYS_SENT] += p->peer.rekeys_sent;
    s->stats[SP_ST_REKEYS_RECEIVED] += p->peer.rekeys_received;
    s->stats[SP_ST_RECORDS_SENT] += p->peer.records_sent;
    s->stats[SP_ST_RECORDS_RECEIVED] += p->peer.records_received;
    sp_sock_notify(s);
}
