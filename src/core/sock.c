/* SPDX-License-Identifier: MIT */
/* A socket's life, its lock and outbox, and how blocked callers learn that something changed. A
 * call does its work under the lock, puts writes and other slow things into the outbox, and does
 * them after unlocking; a message in place is still borrowed from the caller then, which is why the
 * thread that queued it also runs it.
 *
 * Failure modes: creation undoes itself on lack of memory. Closing cannot fail. The last reference
 * may go while the loop still has an event in its hands, so the memory is given to the loop to
 * free. */
#include "sock.h"
#include "../base/rng.h"
#include "life.h"
#include <errno.h>
#include <stdio.h>

_Thread_local struct sp_sock *sp_sock_calling;

static size_t opts_size(void)
{
    size_t n = 0;
    for (size_t i = 0; sp_optlevels[i]; i++)
        n += (sp_optlevels[i]->size + 15) & ~(size_t)15;
    return n;
}

static void opts_each(char *block, void (*fn)(const struct sp_optlevel *, void *, void *),
                      void *arg)
{
    for (size_t i = 0; sp_optlevels[i]; i++) {
        fn(sp_optlevels[i], block, arg);
        block += (sp_optlevels[i]->size + 15) & ~(size_t)15;
    }
}

static void opts_init_one(const struct sp_optlevel *l, void *block, void *arg)
{
    (void)arg;
    if (l->init)
        l->init(block);
}

static void opts_fini_one(const struct sp_optlevel *l, void *block, void *arg)
{
    (void)arg;
    if (l->fini)
        l->fini(block);
}

void *sp_opts_block(void *blocks, const struct sp_optlevel *level)
{
    char *p = blocks;
    for (size_t i = 0; sp_optlevels[i] != level; i++)
        p += (sp_optlevels[i]->size + 15) & ~(size_t)15;
    return p;
}

void *sp_opts_copy(const void *from)
{
    char *to = sp_calloc(1, opts_size() + 1);
    if (!to)
        return NULL;
    char *dst = to;
    const char *src = from;
    for (size_t i = 0; sp_optlevels[i]; i++) {
        const struct sp_optlevel *l = sp_optlevels[i];
        if (l->copy)
            l->copy(dst, src);
        else
            memcpy(dst, src, l->size);
        dst += (l->size + 15) & ~(size_t)15;
        src += (l->size + 15) & ~(size_t)15;
    }
    return to;
}

void sp_opts_free(void *blocks)
{
    if (blocks)
        opts_each(blocks, opts_fini_one, NULL);
    sp_free(blocks);
}

static void sock_defaults(struct sp_sock *s)
{
    s->linger = s->handshake_ms = 1000;
    s->handshake_ms = 10000;
    s->snd_buf = s->rcv_buf = 131072;
    s->snd_timeo = s->rcv_timeo = -1;
    s->ivl = 100;
    s->snd_prio = s->rcv_prio = 8;
    s->ipv4only = 1;
    s->max_ttl = 8;
    s->max_peers = INT32_MAX;
    s->max_handshakes = 256;
    s->gather = SP_SLAB_SIZE / 2;
    s->rcv_max = 1048576;
    s->due = s->armed = SP_NEVER;
    s->refs = 1;
    s->next_ep = 1;
}

static void sock_timer(struct sp_timer *t)
{
    struct sp_sock *s = SP_CONTAINER(t, struct sp_sock, timer);
    sp_sock_lock(s);
    uint64_t now = sp_now();
    s->armed = SP_NEVER;
    if (s->due <= now) {
        s->due = SP_NEVER;
        if (!s->closed)
            s->proto->tick(s);
        sp_sock_notify(s);
    } else if (s->due != SP_NEVER) {
        sp_sock_timer(s, s->due);
    }
    sp_sock_unlock(s);
}

static void sock_free(struct sp_sock *s)
{
    if (s->proto->fini)
        s->proto->fini(s);
    sp_idmap_fini(&s->ids);
    int handed_out = (s->evfd_in.fd[0] >= 0) + (s->evfd_out.fd[0] >= 0);
    if (handed_out)
        sp_loop_eager(sp_loop_first(), -handed_out);
    sp_evfd_fini(&s->evfd_in);
    sp_evfd_fini(&s->evfd_out);
    sp_opts_free(s->opts);
    sp_mutex_fini(&s->lock);
    sp_free(s);
}

static void sock_retired(struct sp_retired *r)
{
    sock_free(SP_CONTAINER(r, struct sp_sock, retired));
    sp_life_socket_gone();
}

static const struct sp_protocol *find_protocol(int domain, int protocol)
{
    for (size_t i = 0; sp_protocols[i]; i++)
        if (sp_protocols[i]->domain == domain && sp_protocols[i]->id == protocol)
            return sp_protocols[i];
    return NULL;
}

static int sock_init(struct sp_sock *s)
{
    s->opts = sp_calloc(1, opts_size() + 1);
    if (!s->opts)
        return -ENOMEM;
    int rc = sp_mutex_init(&s->lock);
    if (rc < 0) {
        sp_free(s->opts);
        return rc;
    }
    opts_each(s->opts, opts_init_one, NULL);
    if (s->proto->init && (rc = s->proto->init(s)) < 0) {
        sp_opts_free(s->opts);
        sp_mutex_fini(&s->lock);
    }
    return rc;
}

int sp_sock_new(struct sp_sock **out, int domain, int protocol, int fd)
{
    if (domain != AF_SP && domain != AF_SP_RAW)
        return -EAFNOSUPPORT;
    const struct sp_protocol *proto = find_protocol(domain, protocol);
    if (!proto)
        return -EINVAL;
    struct sp_sock *s = sp_calloc(1, sizeof *s + proto->sock_size);
    if (!s)
        return -ENOMEM;
    s->proto = proto;
    s->proto_data = s + 1;
    s->fd = fd;
    struct sp_list *lists[] = {&s->out,      &s->eps,     &s->all,  &s->pipes,
                               &s->gathered, &s->waiters, &s->woken};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        sp_list_init(lists[i]);
    sp_idmap_init(&s->ids);
    sp_evfd_init(&s->evfd_in);
    sp_evfd_init(&s->evfd_out);
    sock_defaults(s);
    s->timer.fn = sock_timer;
    s->retired.free = sock_retired;
    snprintf(s->name, sizeof s->name, "%d", fd);
    int rc = sock_init(s);
    if (rc < 0) {
        sp_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void sp_sock_lock(struct sp_sock *s)
{
    sp_mutex_lock(&s->lock);
}

void sp_sock_out(struct sp_sock *s, struct sp_out *o)
{
    sp_list_push(&s->out, &o->link);
}

/* Unlocks with something to do. Apart, so that the usual case has no frame for all this. */
static __attribute__((noinline)) int unlock_and_run(struct sp_sock *s)
{
    struct sp_list out, woken, *n;
    bool last = s->refs == 0;
    int rc = 0;
    if (last)
        s->refs = -1;
    sp_list_init(&out);
    sp_list_init(&woken);
    sp_list_splice(&out, &s->out);
    sp_list_splice(&woken, &s->woken);
    sp_mutex_unlock(&s->lock);
    while ((n = sp_list_pop(&woken))) /* they do not leave before their post */
        sp_park_post(SP_CONTAINER(n, struct sp_sock_waiter, link)->park);
    while ((n = sp_list_pop(&out))) {
        struct sp_out *o = SP_CONTAINER(n, struct sp_out, link);
        int err = o->run(o);
        rc = rc < 0 ? rc : err;
    }
    if (last) {
        sp_timer_stop(&s->timer);
        sp_loop_retire(sp_loop_first(), &s->retired);
    }
    return rc;
}

int sp_sock_unlock(struct sp_sock *s)
{
    if (!sp_list_empty(&s->out) || !sp_list_empty(&s->woken) || s->refs == 0)
        return unlock_and_run(s);
    sp_mutex_unlock(&s->lock);
    return 0;
}

void sp_sock_hold(struct sp_sock *s)
{
    s->refs++;
}
void sp_sock_drop(struct sp_sock *s)
{
    s->refs--;
}

void *sp_sock_proto(struct sp_sock *s)
{
    return s->proto_data;
}
int sp_sock_ttl(const struct sp_sock *s)
{
    return s->max_ttl;
}
struct sp_list *sp_sock_pipes(struct sp_sock *s)
{
    return &s->pipes;
}
struct sp_pipe *sp_sock_pipe(const struct sp_sock *s, uint32_t id)
{
    return sp_idmap_get(&s->ids, id);
}
void sp_sock_dropped_recv(struct sp_sock *s)
{
    s->stats[SP_ST_DROPPED_RECV]++;
}

void sp_sock_dropped_send(struct sp_sock *s, struct sp_pipe *p)
{
    s->stats[SP_ST_DROPPED_SEND]++;
    if (p)
        p->n_drops++;
}

/* A later time touches nothing: the timer fires early and is armed again. REQ sets one with every
 * request. A closed socket needs none: the timer is stopped with the last reference, and one that
 * fires at that moment must not arm it again. */
void sp_sock_timer(struct sp_sock *s, uint64_t due)
{
    s->due = due;
    if (due < s->armed && !s->closed) {
        s->armed = due;
        sp_timer_set(sp_loop_first(), &s->timer, due);
    }
}

void sp_sock_add_waiter(struct sp_sock *s, struct sp_sock_waiter *w)
{
    w->signalled = false;
    sp_list_push(&s->waiters, &w->link);
}

void sp_sock_del_waiter(struct sp_sock *s, struct sp_sock_waiter *w)
{
    (void)s;
    sp_list_unlink(&w->link);
}

/* One consumer for each call: who leaves calls again and so passes on what is left. Pollers take
 * nothing, so all; a close is news for those, too, who want nothing of this socket now. */
static void wake_waiters(struct sp_sock *s, int ready)
{
    SP_LIST_EACH_SAFE (it, &s->waiters) {
        struct sp_sock_waiter *w = SP_CONTAINER(it, struct sp_sock_waiter, link);
        if (w->signalled || !(w->events & ready || s->closed))
            continue;
        if (s->patient && !w->poll && w->events == SP_CAN_SEND)
            continue;
        w->signalled = true;
        if (w->park) {
            sp_list_unlink(it);
            sp_list_push(&s->woken, it);
        } else {
            sp_waiter_signal(sp_loop_first(), w->w);
        }
        if (!w->poll && !s->closed)
            ready &= ~w->events;
    }
}

static __attribute__((noinline)) void notify_all(struct sp_sock *s)
{
    int ready = s->closed ? SP_CAN_RECV | SP_CAN_SEND : s->proto->ready(s);
    sp_evfd_set(&s->evfd_in, ready & SP_CAN_RECV);
    sp_evfd_set(&s->evfd_out, ready & SP_CAN_SEND);
    if (ready)
        wake_waiters(s, ready);
}

void sp_sock_notify(struct sp_sock *s)
{
    if (!sp_list_empty(&s->waiters) || s->evfd_in.fd[0] >= 0 || s->evfd_out.fd[0] >= 0)
        notify_all(s);
}

void sp_sock_close(struct sp_sock *s)
{
    sp_sock_lock(s);
    s->closed = true;
    sp_sock_notify(s);
    sp_eps_close(s);
    sp_sock_unlock(s);
}
