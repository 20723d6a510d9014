/* SPDX-License-Identifier: MIT */
/* inproc://NAME. A table of the process knows who listens by a name and who waits for one. A dial
 * finds the listener and is joined to it in the caller's thread, or waits; nn_bind joins all who
 * wait for its name before it returns. Nothing polls, and the event loop takes no part.
 *
 * Failure modes: a name that is taken is EADDRINUSE. A listener that is about to go counts as none.
 * A dialler that is refused is answered as any failed attempt, and backs off. The table's lock
 * comes before a socket's; sections under both queue nothing for the outbox. */
#include "link.h"
#include <errno.h>
#include <pthread.h>

#define BUCKETS 256

/* An endpoint in the table. */
struct inproc_ep {
    struct sp_ep *ep;  /* back */
    struct sp_list in; /* node in its bucket */
    bool listens;      /* owns the name */
    bool waits;        /* a dialler without a listener; whoever clears it answers */
};

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sp_list names[BUCKETS]; /* all zero: not used yet */

void sp_inproc_child(void)
{
    names_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    memset(names, 0, sizeof names);
}

/* The lock is held in all that follows up to the transport's own functions. */
static struct sp_list *names_bucket(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    struct sp_list *l = &names[(h ^ h >> 16) % BUCKETS];
    if (!l->next)
        sp_list_init(l);
    return l;
}

static bool names_match(const struct inproc_ep *e, const char *name)
{
    return !strcmp(e->ep->url.rest, name);
}

static struct inproc_ep *names_listener(struct sp_list *bucket, const char *name)
{
    SP_LIST_EACH (it, bucket) {
        struct inproc_ep *e = SP_CONTAINER(it, struct inproc_ep, in);
        if (e->listens && names_match(e, name))
            return e;
    }
    return NULL;
}

/* A reference, unless it was stopped. */
static bool names_hold(struct sp_ep *ep)
{
    sp_sock_lock(ep->sock);
    bool ok = !ep->stopped;
    ep->refs += ok;
    (void)sp_sock_unlock(ep->sock);
    return ok;
}

/* ---- the transport's functions ---- */

static int inproc_check(struct sp_ep *ep)
{
    struct inproc_ep *e = ep->data;
    e->ep = ep;
    sp_list_init(&e->in);
    return 0;
}

static void inproc_drop(struct sp_ep *ep)
{
    struct sp_sock *s = ep->sock;
    sp_sock_lock(s);
    sp_ep_drop(ep);
    (void)sp_sock_unlock(s);
}

static void inproc_canceled(struct sp_ep *ep)
{
    struct sp_sock *s = ep->sock;
    sp_sock_lock(s);
    sp_ep_failed(ep, -ECANCELED, SP_REASON_NONE, NULL, NULL);
    (void)sp_sock_unlock(s);
}

/* The listener with a reference; NULL: we wait for one, or were stopped (`stopped`). */
static struct sp_ep *inproc_find(struct sp_ep *ep, bool *stopped)
{
    struct inproc_ep *e = ep->data;
    pthread_mutex_lock(&names_lock);
    struct sp_list *bucket = names_bucket(ep->url.rest);
    struct inproc_ep *l = names_listener(bucket, ep->url.rest);
    struct sp_ep *found = l && names_hold(l->ep) ? l->ep : NULL;
    sp_sock_lock(ep->sock);
    *stopped = ep->stopped;
    (void)sp_sock_unlock(ep->sock);
    if (!found && !*stopped) {
        e->waits = true;
        sp_list_push(bucket, &e->in);
    }
    pthread_mutex_unlock(&names_lock);
    return found;
}

static void inproc_dial(struct sp_ep *ep)
{
    struct sp_ep *l;
    bool stopped;
    int rc = -EAGAIN;
    while (rc == -EAGAIN && (l = inproc_find(ep, &stopped))) {
        rc = sp_inproc_join(ep, l);
        inproc_drop(l);
    }
    if (rc == -EAGAIN && stopped)
        inproc_canceled(ep);
}

/* Takes the name, and all who wait for it into `waiting`. */
static int inproc_take(struct inproc_ep *e, struct sp_list *waiting)
{
    const char *name = e->ep->url.rest;
    pthread_mutex_lock(&names_lock);
    struct sp_list *bucket = names_bucket(name);
    int rc = names_listener(bucket, name) ? -EADDRINUSE : 0;
    if (rc == 0) {
        SP_LIST_EACH_SAFE (it, bucket) {
            struct inproc_ep *d = SP_CONTAINER(it, struct inproc_ep, in);
            if (!names_match(d, name))
                continue;
            d->waits = false;
            sp_list_unlink(it);
            sp_list_push(waiting, it);
        }
        e->listens = true;
        sp_list_push(bucket, &e->in);
    }
    pthread_mutex_unlock(&names_lock);
    return rc;
}

static int inproc_listen(struct sp_ep *ep)
{
    struct sp_list waiting, *it;
    sp_list_init(&waiting);
    int rc = inproc_take(ep->data, &waiting);
    while ((it = sp_list_pop(&waiting))) {
        struct sp_ep *d = SP_CONTAINER(it, struct inproc_ep, in)->ep;
        if (sp_inproc_join(d, ep) == -EAGAIN)
            inproc_dial(d);
    }
    return rc;
}

static void inproc_stop(struct sp_ep *ep)
{
    struct inproc_ep *e = ep->data;
    pthread_mutex_lock(&names_lock);
    bool waited = e->waits;
    if (waited || e->listens)
        sp_list_unlink(&e->in);
    e->waits = e->listens = false;
    pthread_mutex_unlock(&names_lock);
    if (waited)
        inproc_canceled(ep);
}

const struct sp_transport sp_inproc = {
    .scheme = "inproc",
    .local = true,
    .check = inproc_check,
    .dial = inproc_dial,
    .listen = inproc_listen,
    .stop = inproc_stop,
    .ep_size = sizeof(struct inproc_ep),
};
