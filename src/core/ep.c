/* SPDX-License-Identifier: MIT */
/* Endpoints. nn_bind listens before it returns; nn_connect makes the first attempt on the caller's
 * thread and every later one when the back-off timer fires. The interval doubles up to
 * NN_RECONNECT_IVL_MAX, is shortened by a random part so that a fleet does not come back in step,
 * and starts again once a connection has lasted.
 *
 * Failure modes: a bad address or configuration fails the call. Later failures are counted, printed
 * and tried again. An endpoint stopped while an attempt is under way ends with that attempt's
 * answer. */
#include "../base/log.h"
#include "../base/rng.h"
#include "sock.h"
#include <errno.h>
#include <stdio.h>

static const struct sp_transport *find_transport(const char *scheme)
{
    for (size_t i = 0; sp_transports[i]; i++)
        if (!strcmp(sp_transports[i]->scheme, scheme))
            return sp_transports[i];
    return NULL;
}

void *sp_ep_opts(struct sp_ep *ep, const struct sp_optlevel *level)
{
    return sp_opts_block(ep->opts, level);
}

static void ep_retired(struct sp_retired *r)
{
    struct sp_ep *ep = SP_CONTAINER(r, struct sp_ep, retired);
    struct sp_sock *s = ep->sock;
    sp_opts_free(ep->opts);
    sp_free(ep);
    sp_sock_lock(s);
    sp_sock_drop(s);
    sp_sock_unlock(s);
}

static int ep_free_run(struct sp_out *o)
{
    struct sp_ep *ep = SP_CONTAINER(o, struct sp_ep, free_out);
    sp_timer_stop(&ep->timer);
    sp_loop_retire(ep->loop, &ep->retired);
    return 0;
}

void sp_ep_drop(struct sp_ep *ep)
{
    if (--ep->refs == 0)
        sp_sock_out(ep->sock, &ep->free_out);
}

static int ep_stop_run(struct sp_out *o)
{
    struct sp_ep *ep = SP_CONTAINER(o, struct sp_ep, stop_out);
    struct sp_sock *s = ep->sock;
    sp_timer_stop(&ep->timer);
    ep->t->stop(ep);
    sp_sock_lock(s);
    sp_ep_drop(ep);
    return sp_sock_unlock(s);
}

static void ep_stop(struct sp_ep *ep)
{
    struct sp_sock *s = ep->sock;
    ep->stopped = true;
    sp_list_unlink(&ep->in_sock);
    s->n_eps -= !ep->t->local;
    if (ep->failing)
        s->stats[SP_ST_EP_ERRORS]--;
    ep->failing = false;
    sp_sock_out(s, &ep->stop_out);
}

static void finish_pipes(struct sp_sock *s, struct sp_ep *ep)
{
    SP_LIST_EACH_SAFE (it, &s->all) {
        struct sp_pipe *p = SP_CONTAINER(it, struct sp_pipe, in_all);
        if (ep && p->ep != ep)
            continue;
        sp_pipe_detach(p);
        p->ops->finish(p, s->linger);
    }
}

void sp_eps_close(struct sp_sock *s)
{
    SP_LIST_EACH (it, &s->eps)
        SP_CONTAINER(it, struct sp_ep, in_sock)->stopped = true;
    finish_pipes(s, NULL);
    while (!sp_list_empty(&s->eps))
        ep_stop(SP_CONTAINER(s->eps.next, struct sp_ep, in_sock));
}

int sp_sock_shutdown(struct sp_sock *s, int id)
{
    int rc = -EINVAL;
    sp_sock_lock(s);
    SP_LIST_EACH_SAFE (it, &s->eps) {
        struct sp_ep *ep = SP_CONTAINER(it, struct sp_ep, in_sock);
        if (ep->id != id)
            continue;
        ep->stopped = true;
        finish_pipes(s, ep);
        ep_stop(ep);
        rc = 0;
        break;
    }
    sp_sock_notify(s);
    int err = sp_sock_unlock(s);
    return rc < 0 ? rc : err < 0 ? 0 : rc;
}

/* Dials; the reference and `attempting` are given back by sp_ep_failed or sp_ep_opened. */
static void ep_dial(struct sp_timer *t)
{
    struct sp_ep *ep = SP_CONTAINER(t, struct sp_ep, timer);
    struct sp_sock *s = ep->sock;
    sp_sock_lock(s);
    bool go = !ep->stopped && !ep->attempting;
    if (go) {
        ep->attempting = true;
        ep->refs++;
        s->stats[SP_ST_INPROGRESS]++;
    }
    sp_sock_unlock(s);
    if (go)
        ep->t->dial(ep);
}

void sp_ep_redial(struct sp_ep *ep)
{
    struct sp_sock *s = ep->sock;
    ep_dial(&ep->timer);
    sp_sock_lock(s);
    sp_ep_drop(ep);
    (void)sp_sock_unlock(s);
}

static void ep_again(struct sp_ep *ep)
{
    if (ep->stopped || !ep->dialler)
        return;
    int ivl = ep->ivl_ms ? ep->ivl_ms : ep->reconnect_ivl;
    int64_t next = ep->reconnect_max > 0 ? 2 * (int64_t)ivl : ivl;
    ep->ivl_ms =
        (int)(ep->reconnect_max > 0 && next > ep->reconnect_max ? ep->reconnect_max : next);
    if (ep->reconnect_max > 0 && ivl > ep->reconnect_max)
        ivl = ep->reconnect_max;
    uint64_t ns = (uint64_t)ivl * SP_MS;
    ns -= ns / 4 * (sp_random_u32() & 0xff) / 256;
    sp_timer_set(ep->loop, &ep->timer, sp_now() + ns);
}

static void ep_answered(struct sp_ep *ep)
{
    ep->attempting = false;
    ep->sock->stats[SP_ST_INPROGRESS]--;
}

/* In error, as long as it has no connection. */
static void ep_failing(struct sp_ep *ep)
{
    ep->sock->stats[SP_ST_EP_ERRORS] += !ep->failing;
    ep->failing = true;
}

void sp_ep_failed(struct sp_ep *ep, int err, enum sp_reason why, const char *address,
                  const char *detail)
{
    struct sp_sock *s = ep->sock;
    ep_answered(ep);
    if (!ep->stopped) {
        s->stats[SP_ST_CONNECT_ERRORS]++;
        ep_failing(ep);
        sp_sock_reason(s, ep, why, err, address, detail);
        ep_again(ep);
    }
    sp_ep_drop(ep);
}

void sp_ep_opened(struct sp_ep *ep)
{
    ep_answered(ep);
    ep->opened = sp_now();
    if (ep->failing)
        ep->sock->stats[SP_ST_EP_ERRORS]--;
    ep->failing = ep->told = false;
    sp_ep_drop(ep);
}

void sp_ep_closed(struct sp_ep *ep)
{
    if (sp_now() - ep->opened >= (uint64_t)ep->reconnect_ivl * SP_MS)
        ep->ivl_ms = 0;
    if (!ep->stopped)
        ep_failing(ep);
    ep_again(ep);
}

/* The options of this moment; the lock is held. */
static int ep_snapshot(struct sp_ep *ep, struct sp_sock *s)
{
    ep->snd_prio = s->snd_prio;
    ep->rcv_prio = s->rcv_prio;
    ep->ipv4only = s->ipv4only;
    ep->port0 = s->port0 || ep->t->port0;
    ep->reconnect_ivl = s->ivl;
    ep->reconnect_max = s->ivl_max;
    ep->handshake_ms = s->handshake_ms;
    ep->max_handshakes = s->max_handshakes;
    ep->snd_buf = s->snd_buf_set ? s->snd_buf : 0;
    ep->rcv_buf = s->rcv_buf_set ? s->rcv_buf : 0;
    ep->opts = sp_opts_copy(s->opts);
    return ep->opts ? 0 : -ENOMEM;
}

static int ep_new(struct sp_ep **out, struct sp_sock *s, const char *address, bool dial)
{
    struct sp_url url;
    int rc = sp_url_parse(&url, address);
    if (rc < 0)
        return rc;
    const struct sp_transport *t = find_transport(url.scheme);
    if (!t)
        return -EPROTONOSUPPORT;
    struct sp_ep *ep = sp_calloc(1, sizeof *ep + t->ep_size);
    if (!ep)
        return -ENOMEM;
    ep->sock = s;
    ep->t = t;
    ep->url = url;
    ep->data = ep + 1;
    ep->dialler = dial;
    ep->refs = 1;
    ep->loop = sp_loop_next();
    ep->timer.fn = ep_dial;
    ep->retired.free = ep_retired;
    ep->stop_out.run = ep_stop_run;
    ep->free_out.run = ep_free_run;
    snprintf(ep->address, sizeof ep->address, "%s", address);
    *out = ep;
    return 0;
}

static int ep_start(struct sp_ep *ep, const struct sp_ep_set *set, size_t n)
{
    struct sp_sock *s = ep->sock;
    sp_sock_lock(s);
    int rc = s->closed ? -EBADF : ep_snapshot(ep, s);
    for (; rc == 0 && n; set++, n--)
        rc = sp_opts_put(s, ep->opts, set);
    ep->id = s->next_ep++;
    sp_sock_unlock(s);
    if (rc == 0)
        rc = ep->t->check(ep);
    if (rc == 0 && !ep->dialler)
        rc = ep->t->listen(ep);
    return rc;
}

/* Publishes a started endpoint, or -EBADF when the socket was closed meanwhile. */
static int ep_link(struct sp_ep *ep)
{
    struct sp_sock *s = ep->sock;
    sp_sock_lock(s);
    bool closed = ep->stopped = s->closed;
    if (!closed) {
        sp_list_push(&s->eps, &ep->in_sock);
        s->n_eps += !ep->t->local;
        snprintf(s->last_endpoint, sizeof s->last_endpoint, "%s", ep->address);
    }
    sp_sock_unlock(s);
    return closed ? -EBADF : 0;
}

int sp_sock_add_ep(struct sp_sock *s, const char *address, bool dial)
{
    return sp_sock_add_ep_with(s, address, dial, NULL, 0);
}

int sp_sock_add_ep_with(struct sp_sock *s, const char *address, bool dial,
                        const struct sp_ep_set *set, size_t n)
{
    struct sp_ep *ep;
    int rc = ep_new(&ep, s, address, dial);
    if (rc < 0)
        return rc;
    sp_list_init(&ep->in_sock);
    rc = ep_start(ep, set, n);
    if (rc < 0) {
        sp_sock_lock(s);
        s->stats[SP_ST_BIND_ERRORS] += !dial;
        s->next_ep -= ep->id && ep->id == s->next_ep - 1; /* ids without gaps, as in nanomsg */
        sp_sock_unlock(s);
        sp_opts_free(ep->opts);
        sp_free(ep);
        return rc;
    }
    int id = ep->id;
    sp_sock_lock(s);
    sp_sock_hold(s); /* the endpoint's */
    ep->refs++;      /* ours */
    sp_sock_unlock(s);
    rc = ep_link(ep);
    if (rc < 0)
        (void)ep_stop_run(&ep->stop_out);
    else if (dial)
        ep_dial(&ep->timer);
    sp_sock_lock(s);
    sp_ep_drop(ep);
    sp_sock_unlock(s);
    return rc < 0 ? rc : id;
}
