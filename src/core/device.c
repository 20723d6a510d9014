/* SPDX-License-Identifier: MIT */
/* A device has a way or two, each from a socket to a socket. A turn of a way takes what is there,
 * up to a batch, under the source's lock, and sends it under the destination's; small bodies are
 * copied into one slab in between, large ones keep their chunk. When no way can move the thread
 * waits, as in nn_poll, for what each lacks: a message, or room.
 *
 * Failure modes: a way whose destination is not writable reads nothing, so back-pressure goes on to
 * its source, and the other way is not affected. Between two turns the device holds nothing: what
 * the destination can't take although it seemed so goes back to its protocol as if a pipe had died
 * with it (`unsent`), or is counted as dropped. So a signal or want of memory may end nn_device at
 * any time, and it may be called again. */
#include "device.h"
#include "poll.h"
#include "table.h"
#include <errno.h>

#define DEVICE_MSGS  256          /* of a batch */
#define DEVICE_BYTES SP_SLAB_SIZE /* bodies of a batch, and one large one */
#define DEVICE_COPY  4096         /* bodies up to here are copied */

struct way {
    struct sp_sock *from, *to;
    bool blocked; /* `to` had no room when last looked; else `from` had no message */
};

struct device {
    struct sp_pollset set; /* the sockets: one or two */
    struct sp_pollitem items[2];
    struct way ways[2];
    int n_ways;
    struct sp_msg *msgs;   /* a batch */
    struct sp_chunk *slab; /* its small bodies */
};

/* Makes m good beyond the lock. `used` counts the batch's bytes. 0 or -ENOMEM. */
static int device_keep(struct device *d, struct sp_msg *m, size_t *used)
{
    struct sp_chunk *was = m->chunk;
    m->pipe = NULL;
    if (m->body_len <= DEVICE_COPY) {
        uint8_t *to = sp_chunk_data(d->slab) + *used;
        if (m->body_len)
            memcpy(to, m->body, m->body_len);
        m->body = to;
        m->chunk = NULL;
    } else if (!was ||
               was->cap / 2 > m->body_len) { /* not a slab for the sake of a message in it */
        m->chunk = NULL;
        if (sp_msg_own(m) < 0) {
            m->chunk = was;
            return -ENOMEM;
        }
    } else {
        was = NULL;
    }
    sp_chunk_drop(was);
    *used += m->body_len;
    return 0;
}

/* Receives a batch. How many, or a negative errno when there is none. */
static int device_take(struct device *d, struct sp_sock *s)
{
    size_t used = 0;
    int n = 0;
    sp_sock_lock(s);
    int rc = s->closed ? -EBADF : 0;
    while (rc == 0 && n < DEVICE_MSGS && used + DEVICE_COPY <= DEVICE_BYTES) {
        struct sp_msg *m = &d->msgs[n];
        sp_msg_init(m);
        rc = s->proto->recv(s, m);
        if (rc < 0)
            break;
        if (device_keep(d, m, &used) == 0) {
            s->stats[SP_ST_RECEIVED]++;
            s->stats[SP_ST_BYTES_RECEIVED] += m->body_len;
            n++;
        } else {
            sp_sock_dropped_recv(s);
            sp_msg_drop(m);
        }
    }
    sp_sock_notify(s);
    (void)sp_sock_unlock(s);
    return n ? n : rc;
}

/* Takes m, which could not be sent. A protocol that keeps it sends it before anything newer. */
static void device_return(struct sp_sock *s, struct sp_msg *m)
{
    if (s->proto->unsent && !s->closed) {
        s->proto->unsent(s, NULL, m);
    } else {
        sp_sock_dropped_send(s, NULL);
        sp_msg_drop(m);
    }
}

/* Sends a batch of n, of which nothing is left. 0 or -EBADF. */
static int device_give(struct device *d, struct sp_sock *s, int n)
{
    sp_sock_lock(s);
    for (int i = 0; i < n; i++) {
        struct sp_msg *m = &d->msgs[i];
        size_t len = m->body_len;
        if (s->closed || s->proto->send(s, m) < 0)
            device_return(s, m);
        s->stats[SP_ST_SENT] += !s->closed;
        s->stats[SP_ST_BYTES_SENT] += s->closed ? 0 : len;
    }
    int rc = s->closed ? -EBADF : 0;
    sp_sock_notify(s);
    if (sp_sock_unlock(s) < 0) { /* the one that was written in place */
        sp_sock_lock(s);
        sp_sock_dropped_send(s, NULL);
        (void)sp_sock_unlock(s);
    }
    return rc;
}

/* One turn. How many messages moved, or a negative errno. */
static int device_turn(struct device *d, struct way *w)
{
    sp_sock_lock(w->to);
    bool closed = w->to->closed;
    w->blocked = !closed && !(w->to->proto->ready(w->to) & SP_CAN_SEND);
    (void)sp_sock_unlock(w->to);
    if (closed || w->blocked)
        return closed ? -EBADF : 0;
    int n = device_take(d, w->from);
    if (n <= 0)
        return n == -EAGAIN ? 0 : n;
    int rc = device_give(d, w->to, n);
    return rc < 0 ? rc : n;
}

/* Sleeps until a way that lacked something may have it. */
static int device_wait(struct device *d)
{
    for (int i = 0; i < d->set.n; i++) {
        struct sp_pollitem *it = &d->items[i];
        it->events = 0;
        for (int k = 0; k < d->n_ways; k++) {
            struct way *w = &d->ways[k];
            if (it->sock == (w->blocked ? w->to : w->from))
                it->events |= w->blocked ? SP_CAN_SEND : SP_CAN_RECV;
        }
    }
    return sp_pollset_wait(&d->set, SP_NEVER);
}

static int device_run(struct device *d)
{
    for (;;) {
        int moved = 0;
        for (int i = 0; i < d->n_ways; i++) {
            int rc = device_turn(d, &d->ways[i]);
            if (rc < 0)
                return rc;
            moved += rc;
        }
        int rc = moved ? 0 : device_wait(d);
        if (rc < 0)
            return rc;
    }
}

static void device_way(struct device *d, struct sp_sock *from, struct sp_sock *to)
{
    if (from->proto->caps & SP_CAN_RECV && to->proto->caps & SP_CAN_SEND)
        d->ways[d->n_ways++] = (struct way){.from = from, .to = to};
}

/* Both sockets are entered; b is NULL for a loop. */
static int device_start(struct device *d, struct sp_sock *a, struct sp_sock *b)
{
    if (a->proto->domain != AF_SP_RAW || (b && b->proto->domain != AF_SP_RAW))
        return -EINVAL;
    if (b && a->proto->id / 16 != b->proto->id / 16)
        return -EINVAL;
    device_way(d, a, b ? b : a);
    if (b && b != a)
        device_way(d, b, a);
    if (!d->n_ways)
        return b ? -EINVAL : -ENOTSUP;
    d->set = (struct sp_pollset){.items = d->items, .n = b && b != a ? 2 : 1};
    d->items[0].sock = a;
    d->items[1].sock = b;
    d->msgs = sp_calloc(DEVICE_MSGS, sizeof *d->msgs);
    d->slab = sp_slab_new();
    int rc = d->msgs && d->slab ? device_run(d) : -ENOMEM;
    sp_chunk_drop(d->slab);
    sp_free(d->msgs);
    return rc;
}

int sp_device(int s1, int s2)
{
    bool loop = s1 == -1 || s2 == -1;
    int first = s1 == -1 ? s2 : s1;
    struct device d = {.n_ways = 0};
    struct sp_sock *a = sp_table_enter(first);
    struct sp_sock *b = a && !loop ? sp_table_enter(s2) : NULL;
    int rc = a && (b || loop) ? device_start(&d, a, b) : -EBADF;
    if (b)
        sp_table_leave(s2);
    if (a)
        sp_table_leave(first);
    return rc;
}
