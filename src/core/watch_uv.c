/* SPDX-License-Identifier: MIT */
/* Every other system: libuv alone. Only the token holder may touch libuv's loop, so each watch has
 * a member of ours (with the uv_poll_t, which must outlive the watch until libuv has let go of it),
 * and what other threads ask for waits in a list until the token holder makes it real. The wait
 * itself is poll(2) on libuv's descriptor, which a signal ends and which knows times below a
 * millisecond; libuv then hands out the events. Level-triggered.
 *
 * Failure modes: adding fails for lack of memory. What libuv refuses later is tried again every 100
 * ms (but libuv itself aborts when the kernel has no memory for a watch that it had taken on). An
 * error on a descriptor stops libuv's handle; it is given as readable, since bytes may lie before
 * the error, and armed again when the watch still wants events. */
#define _GNU_SOURCE /* ppoll */
#include "watch.h"
#include <errno.h>
#include <poll.h>
#include <time.h>

#define RETRY_NS (100 * SP_MS)

struct member {
    uv_poll_t poll; /* first; valid while `made` */
    struct sp_watchset *set;
    struct sp_watch *w;  /* NULL: deleted */
    struct sp_list link; /* in changes or refused, or alone */
    int fd;              /* the watch's */
    int wanted;          /* events asked for */
    int armed;           /* events that libuv polls for */
    bool made;           /* libuv knows it */
};

struct sp_watchset {
    uv_loop_t *uv; /* borrowed */
    uv_async_t kick;
    sp_mutex m;             /* guards all members and what follows; a leaf */
    struct sp_list changes; /* members whose wishes are not real yet */
    struct sp_list refused; /* libuv would not: tried again */
    bool asleep;            /* the token holder is in poll(2), or about to be */
    bool stale;  /* libuv has to run before its descriptor tells all; the token holder's */
    bool given;  /* an event was handed out, or a kick came; the token holder's */
    bool closed; /* the kick is */
};

/* Counts as an event: the kick may come before the wait, and be consumed when libuv runs to catch
 * up. */
static void kick_cb(uv_async_t *a)
{
    SP_CONTAINER(a, struct sp_watchset, kick)->given = true;
}

int sp_watchset_new(struct sp_watchset **out, uv_loop_t *uv)
{
    struct sp_watchset *s = sp_calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->uv = uv;
    sp_list_init(&s->changes);
    sp_list_init(&s->refused);
    int rc = sp_mutex_init(&s->m);
    if (rc == 0 && (rc = uv_async_init(uv, &s->kick, kick_cb)) < 0)
        sp_mutex_fini(&s->m);
    if (rc < 0)
        sp_free(s);
    else
        *out = s;
    return rc;
}

static void kick_closed(uv_handle_t *h)
{
    SP_CONTAINER(h, struct sp_watchset, kick)->closed = true;
}

void sp_watchset_free(struct sp_watchset *s)
{
    sp_watchset_apply(s);
    uv_close((uv_handle_t *)&s->kick, kick_closed);
    while (!s->closed)
        uv_run(s->uv, UV_RUN_NOWAIT);
    sp_mutex_fini(&s->m);
    sp_free(s);
}

/* ---- wishes, from any thread ---- */

/* The lock is held. A sleeper is woken once for all that comes until it has looked. */
static void member_changed(struct member *m)
{
    struct sp_watchset *s = m->set;
    sp_list_unlink(&m->link);
    sp_list_push(&s->changes, &m->link);
    if (s->asleep)
        uv_async_send(&s->kick);
    s->asleep = false;
}

int sp_watchset_add(struct sp_watchset *s, struct sp_watch *w, int events)
{
    struct member *m = sp_calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    m->set = s;
    m->w = w;
    m->fd = w->fd;
    m->wanted = events;
    sp_list_init(&m->link);
    w->events = events;
    w->impl = m;
    sp_mutex_lock(&s->m);
    if (events)
        member_changed(m);
    sp_mutex_unlock(&s->m);
    return 0;
}

void sp_watchset_mod(struct sp_watchset *s, struct sp_watch *w, int events)
{
    struct member *m = w->impl;
    w->events = events;
    sp_mutex_lock(&s->m);
    if (m->wanted != events) {
        m->wanted = events;
        member_changed(m);
    }
    sp_mutex_unlock(&s->m);
}

bool sp_watchset_del(struct sp_watchset *s, struct sp_watch *w)
{
    struct member *m = w->impl;
    w->impl = NULL;
    w->events = 0;
    sp_mutex_lock(&s->m);
    bool unknown = !m->made;
    m->w = NULL;
    m->wanted = 0;
    if (unknown)
        sp_list_unlink(&m->link);
    else
        member_changed(m);
    sp_mutex_unlock(&s->m);
    if (unknown)
        sp_free(m);
    return unknown;
}

void sp_watchset_kick(struct sp_watchset *s)
{
    uv_async_send(&s->kick);
}

/* ---- the token holder ---- */

static void member_closed(uv_handle_t *h)
{
    sp_free(SP_CONTAINER(h, struct member, poll));
}

static void member_event(uv_poll_t *h, int status, int events)
{
    struct member *m = SP_CONTAINER(h, struct member, poll);
    struct sp_watchset *s = m->set;
    sp_mutex_lock(&s->m);
    struct sp_watch *w = m->w; /* stays good: who deletes it waits for us */
    if (status < 0) {
        m->armed = 0;
        if (m->wanted)
            member_changed(m);
    }
    sp_mutex_unlock(&s->m);
    s->given = true;
    if (w)
        w->fn(w, status < 0
                     ? POLLIN | POLLERR
                     : (events & UV_READABLE ? POLLIN : 0) | (events & UV_WRITABLE ? POLLOUT : 0));
}

/* Brings libuv's handle to what is wanted; the lock is held. */
static int member_arm(struct member *m)
{
    int rc = 0;
    if (!m->made && (rc = uv_poll_init(m->set->uv, &m->poll, m->fd)) < 0)
        return rc;
    m->made = true;
    if (m->wanted)
        rc = uv_poll_start(&m->poll,
                           (m->wanted & POLLIN ? UV_READABLE : 0) |
                               (m->wanted & POLLOUT ? UV_WRITABLE : 0),
                           member_event);
    else
        rc = uv_poll_stop(&m->poll);
    m->armed = rc == 0 ? m->wanted : 0;
    return rc;
}

void sp_watchset_apply(struct sp_watchset *s)
{
    sp_mutex_lock(&s->m);
    sp_list_splice(&s->changes, &s->refused);
    struct sp_list *n;
    while ((n = sp_list_pop(&s->changes))) {
        struct member *m = SP_CONTAINER(n, struct member, link);
        if (!m->w)
            uv_close((uv_handle_t *)&m->poll, member_closed);
        else if (m->wanted != m->armed && member_arm(m) < 0)
            sp_list_push(&s->refused, &m->link);
        s->stale = true;
    }
    sp_mutex_unlock(&s->m);
}

/* Whether to sleep, and at most how long. */
static bool set_may_sleep(struct sp_watchset *s, uint64_t *left)
{
    int uv_ms = uv_backend_timeout(s->uv);
    if (uv_ms >= 0 && (uint64_t)uv_ms * SP_MS < *left)
        *left = (uint64_t)uv_ms * SP_MS;
    sp_mutex_lock(&s->m);
    if (!sp_list_empty(&s->refused) && *left > RETRY_NS)
        *left = RETRY_NS;
    s->asleep = *left > 0 && sp_list_empty(&s->changes);
    bool asleep = s->asleep;
    sp_mutex_unlock(&s->m);
    return asleep;
}

static int set_sleep(struct sp_watchset *s, uint64_t left)
{
    struct pollfd p = {.fd = uv_backend_fd(s->uv), .events = POLLIN};
#ifdef __APPLE__
    uint64_t ms = (left + SP_MS - 1) / SP_MS;
    int n = poll(&p, 1, left == SP_NEVER ? -1 : ms > 3600000 ? 3600000 : (int)ms);
#else
    struct timespec ts = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    int n = ppoll(&p, 1, left == SP_NEVER ? NULL : &ts, NULL);
#endif
    int rc = n < 0 && errno == EINTR ? -EINTR : 0;
    sp_mutex_lock(&s->m);
    s->asleep = false;
    sp_mutex_unlock(&s->m);
    return rc;
}

int sp_watchset_wait(struct sp_watchset *s, uint64_t deadline)
{
    sp_watchset_apply(s);
    s->given = false;
    if (s->stale) { /* what was started is in libuv's descriptor only after a run */
        s->stale = false;
        uv_run(s->uv, UV_RUN_NOWAIT);
        if (s->given)
            return 0;
    }
    uint64_t now = deadline == SP_NEVER || deadline == 0 ? 0 : sp_now();
    uint64_t left = deadline == SP_NEVER ? SP_NEVER : deadline > now ? deadline - now : 0;
    int rc = set_may_sleep(s, &left) ? set_sleep(s, left) : 0;
    if (rc == 0)
        uv_run(s->uv, UV_RUN_NOWAIT);
    return rc;
}
