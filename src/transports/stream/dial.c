/* SPDX-License-Identifier: MIT */
/* One attempt to connect: resolve a name on a worker, try each address in turn, hand the connected
 * socket to a connection, which then answers for the attempt. One deadline holds for look-up and
 * connect. Where the handshake computes, an attempt without a name waits for its turn on the
 * handshakes' workers: a thousand at once would connect, be silent for too long, be thrown out by
 * their listener and come again, for ever.
 *
 * Failure modes: every way out is one sp_ep_failed. `claimed` says, under the lock, who answers:
 * the attempt's own steps, or stop. A look-up cannot be interrupted and may last for minutes: it is
 * an object of its own, which stop lets go of, so that neither nn_close nor nn_term nor exit waits
 * for a name server. */
#include "../../base/fds.h"
#include "impl.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

struct sp_lookup {
    struct sp_job job;
    struct sp_stream_ep *se; /* who asked; NULL: nobody any more; under lookups_lock */
    struct sp_hostport hp;
    bool named; /* there is something to look up; else it only waits for its turn */
    bool ipv4only;
};

static pthread_mutex_t lookups_lock = PTHREAD_MUTEX_INITIALIZER;

static void dial_next(struct sp_stream_ep *se, int err);

void sp_stream_child(void)
{
    lookups_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

int sp_stream_check(struct sp_ep *ep)
{
    struct sp_stream_ep *se = sp_stream_ep(ep);
    const struct sp_stream_row *row = sp_stream_row(ep);
    se->ep = ep;
    se->fd = se->reserve = -1;
    se->claimed = true; /* until an attempt waits, there is nothing that stop has to answer for */
    sp_list_init(&se->half_open);
    int rc = row->address(ep);
    return rc == 0 && row->configured ? row->configured(ep) : rc;
}

/* Ends the attempt's own part: true for the one caller that has to go on. */
static bool dial_claim(struct sp_stream_ep *se)
{
    sp_sock_lock(se->ep->sock);
    bool mine = !se->claimed;
    se->claimed = true;
    (void)sp_sock_unlock(se->ep->sock);
    return mine;
}

static void dial_off(struct sp_stream_ep *se)
{
    sp_timer_stop(&se->timer);
    sp_watch_del(&se->watch);
}

static void dial_fail(struct sp_stream_ep *se, int err, enum sp_reason why, const char *detail)
{
    struct sp_sock *s = se->ep->sock;
    char text[160] = "";
    if (se->n_cand)
        sp_addr_text(se->ep, &se->cand[se->cand_at < se->n_cand ? se->cand_at : se->n_cand - 1],
                     text, sizeof text);
    sp_sock_lock(s);
    sp_loop_eager(se->ep->loop, -1);
    sp_ep_failed(se->ep, err, why, text, detail);
    (void)sp_sock_unlock(s);
}

static void dial_connected(struct sp_stream_ep *se)
{
    char text[160];
    int fd = se->fd;
    struct sp_ep *ep = se->ep;
    sp_addr_text(ep, &se->cand[se->cand_at], text, sizeof text);
    se->fd = -1;
    sp_conn_start(ep, fd, true, text);
    sp_loop_eager(ep->loop, -1);
}

static enum sp_reason reason_of(int err)
{
    return err == -ECONNREFUSED || err == -ENOENT ? SP_REASON_REFUSED
           : err == -ETIMEDOUT                    ? SP_REASON_TIMEOUT
           : err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EAGAIN ? SP_REASON_LIMIT
                                                                                  : SP_REASON_NONE;
}

/* The connecting socket became writable: connected or failed. */
static void dial_event(struct sp_watch *w, int events)
{
    struct sp_stream_ep *se = SP_CONTAINER(w, struct sp_stream_ep, watch);
    int err = 0;
    socklen_t len = sizeof err;
    (void)events;
    if (!dial_claim(se))
        return;
    sp_watch_del(w);
    if (getsockopt(se->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        err = errno;
    if (err == 0) {
        sp_timer_stop(&se->timer);
        dial_connected(se);
        return;
    }
    sp_fd_close(se->fd);
    se->fd = -1;
    se->cand_at++;
    dial_next(se, -err);
}

static void dial_timer(struct sp_timer *t)
{
    struct sp_stream_ep *se = SP_CONTAINER(t, struct sp_stream_ep, timer);
    if (!dial_claim(se))
        return;
    sp_watch_del(&se->watch);
    sp_fd_close(se->fd);
    se->fd = -1;
    dial_fail(se, -ETIMEDOUT, SP_REASON_TIMEOUT,
              se->lookup && se->named ? "looking up the name" : "connecting");
}

/* 0 connected, -EINPROGRESS, or why not. The socket is in se->fd unless it failed. */
static int dial_one(struct sp_stream_ep *se, const struct sp_addr *a)
{
    int fd = sp_addr_socket(se->ep, a);
    if (fd < 0)
        return fd;
    int rc = 0;
    if (se->local.len && bind(fd, (const struct sockaddr *)&se->local.ss, se->local.len) < 0)
        rc = -errno;
    if (rc == 0 && connect(fd, (const struct sockaddr *)&a->ss, a->len) < 0)
        rc = errno == EINTR ? -EINPROGRESS : -errno;
    if (rc < 0 && rc != -EINPROGRESS)
        sp_fd_close(fd);
    else
        se->fd = fd;
    return rc;
}

/* Goes on with the candidate at cand_at; the attempt is claimed by us. */
static void dial_next(struct sp_stream_ep *se, int err)
{
    for (; se->cand_at < se->n_cand; se->cand_at++) {
        err = dial_one(se, &se->cand[se->cand_at]);
        if (err == 0) {
            sp_timer_stop(&se->timer);
            dial_connected(se);
            return;
        }
        if (err != -EINPROGRESS)
            continue;
        se->watch = (struct sp_watch){.fd = se->fd, .fn = dial_event};
        struct sp_sock *s = se->ep->sock;
        sp_sock_lock(s);
        bool stopped = se->ep->stopped;
        se->claimed = false;
        err = stopped ? -ECANCELED : sp_watch_add(se->ep->loop, &se->watch, POLLOUT);
        if (err < 0)
            se->claimed = true;
        (void)sp_sock_unlock(s);
        if (err == 0)
            return;
        sp_fd_close(se->fd);
        se->fd = -1;
    }
    sp_timer_stop(&se->timer);
    /* Sockets of files do not wait for room in the listener's queue. */
    dial_fail(se, err, reason_of(err), err == -EAGAIN ? "the listener's queue is full" : "");
}

/* Who asked for the look-up, with a reference, or NULL. Frees it. */
static struct sp_stream_ep *lookup_end(struct sp_lookup *l)
{
    pthread_mutex_lock(&lookups_lock);
    struct sp_stream_ep *se = l->se;
    if (se) {
        sp_sock_lock(se->ep->sock);
        se->lookup = NULL;
        se->ep->refs++;
        (void)sp_sock_unlock(se->ep->sock);
    }
    pthread_mutex_unlock(&lookups_lock);
    sp_free(l);
    return se;
}

static void lookup_forget(struct sp_stream_ep *se)
{
    pthread_mutex_lock(&lookups_lock);
    sp_sock_lock(se->ep->sock);
    if (se->lookup)
        se->lookup->se = NULL;
    se->lookup = NULL;
    (void)sp_sock_unlock(se->ep->sock);
    pthread_mutex_unlock(&lookups_lock);
}

static void dial_resolved(struct sp_job *j)
{
    struct sp_lookup *l = SP_CONTAINER(j, struct sp_lookup, job);
    struct sp_addr found[SP_CANDIDATES];
    bool named = l->named;
    int n = named ? sp_inet_resolve(&l->hp, l->ipv4only, found, SP_CANDIDATES) : 0;
    struct sp_stream_ep *se = lookup_end(l);
    if (!se)
        return;
    if (dial_claim(se)) {
        if (named) {
            se->n_cand = n;
            memcpy(se->cand, found, (size_t)n * sizeof *found);
        }
        sp_timer_stop(&se->timer);
        if (se->n_cand)
            dial_next(se, -EHOSTUNREACH);
        else
            dial_fail(se, -EHOSTUNREACH, SP_REASON_NONE, "the name does not resolve");
    }
    sp_sock_lock(se->ep->sock);
    sp_ep_drop(se->ep);
    (void)sp_sock_unlock(se->ep->sock);
}

/* Starts a look-up for an attempt that is not claimed. 0 or a negative errno. */
static int lookup_start(struct sp_stream_ep *se)
{
    struct sp_lookup *l = sp_calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    l->job.run = dial_resolved;
    l->se = se;
    l->hp = se->hp;
    l->named = se->named;
    l->ipv4only = se->ep->ipv4only;
    se->lookup = l;
    int rc = sp_work_submit(se->named ? SP_WORK_BLOCK : SP_WORK_CPU, &l->job);
    if (rc < 0) {
        se->lookup = NULL;
        sp_free(l);
    }
    return rc;
}

void sp_stream_dial(struct sp_ep *ep)
{
    struct sp_stream_ep *se = sp_stream_ep(ep);
    struct sp_sock *s = ep->sock;
    lookup_forget(se);
    sp_sock_lock(s);
    se->cand_at = 0;
    se->claimed = true;
    sp_loop_eager(ep->loop, 1);
    se->timer.fn = dial_timer;
    int rc = 0;
    bool direct = ep->stopped || !(se->named || sp_stream_row(ep)->computes);
    if (!direct) {
        if (se->named)
            se->n_cand = 0;
        rc = lookup_start(se);
        se->claimed = rc < 0;
    }
    if (rc == 0)
        sp_timer_set(ep->loop, &se->timer, sp_deadline(ep->handshake_ms));
    (void)sp_sock_unlock(s);
    if (rc < 0)
        dial_fail(se, rc, SP_REASON_LIMIT, "no memory or thread for the attempt");
    else if (direct)
        dial_next(se, -ECANCELED);
}

void sp_stream_stop(struct sp_ep *ep)
{
    struct sp_stream_ep *se = sp_stream_ep(ep);
    if (!ep->dialler) {
        const struct sp_family *family = sp_addr_family(ep);
        dial_off(se);
        if (family->unlisten && se->fd >= 0)
            family->unlisten(ep);
        sp_fd_close(se->fd);
        sp_fd_close(se->reserve);
        return;
    }
    lookup_forget(se);
    sp_sock_lock(ep->sock);
    bool mine = ep->attempting && !se->claimed;
    se->claimed = se->claimed || mine;
    (void)sp_sock_unlock(ep->sock);
    if (!mine)
        return;
    dial_off(se);
    sp_fd_close(se->fd);
    dial_fail(se, -ECANCELED, SP_REASON_NONE, "");
}
