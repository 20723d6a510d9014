/* SPDX-License-Identifier: MIT */
/* The helper thread and the life of the loops. The helper sleeps unless it is needed: it watches
 * whether callers lead now and then (every 5 ms), leads when nobody has, gives the token back as
 * soon as it made a waiter ready, and runs the 100 us ticks of adaptive sending. With own_thread it
 * leads for ever.
 *
 * Failure modes: lack of memory, descriptors or threads makes sp_loops_start fail with everything
 * undone. A forked child forgets the loops: they belong to threads that it does not have. */
#include "../base/fds.h"
#include "loop_impl.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LOOPS_MAX     64
#define WATCH_NS      (5 * SP_MS)
#define TICKS_A_ROUND 64

static struct sp_loop *loops[LOOPS_MAX];
static unsigned n_loops;
static atomic_uint turn;

struct sp_chunk **sp_loop_slab(struct sp_loop *l)
{
    return &l->slab;
}
struct sp_loop *sp_loop_first(void)
{
    return loops[0];
}

struct sp_loop *sp_loop_next(void)
{
    return n_loops == 1
               ? loops[0]
               : loops[atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) % n_loops];
}

void sp_loop_tick(struct sp_loop *l, struct sp_tick *t)
{
    sp_mutex_lock(&l->m);
    bool first = sp_list_empty(&l->ticks);
    sp_list_push(&l->ticks, &t->link);
    if (first) {
        if (l->helper == SP_LEADING)
            sp_loop_poke(l, true);
        else if (!l->posted) {
            l->posted = true;
            sp_park_post(&l->park);
        }
    }
    sp_mutex_unlock(&l->m);
}

void sp_loop_run_ticks(struct sp_loop *l)
{
    struct sp_list todo, keep;
    sp_list_init(&todo);
    sp_list_init(&keep);
    sp_mutex_lock(&l->m);
    sp_list_splice(&todo, &l->ticks);
    sp_mutex_unlock(&l->m);
    struct sp_list *n;
    while ((n = sp_list_pop(&todo))) {
        struct sp_tick *t = SP_CONTAINER(n, struct sp_tick, link);
        if (t->fn(t))
            sp_list_push(&keep, &t->link);
    }
    sp_mutex_lock(&l->m);
    sp_list_splice(&l->ticks, &keep);
    sp_mutex_unlock(&l->m);
}

static void helper_take(struct sp_loop *l)
{
    l->led = true;
    l->leader = NULL;
    l->helper = SP_LEADING;
    l->delivered = false;
    l->stats.helper_leads++;
}

/* One turn while leading; m held before and after. */
static void helper_lead(struct sp_loop *l)
{
    if (l->delivered && !l->own_thread) {
        l->led = false;
        l->helper = SP_WATCHING;
        sp_loop_hand_over(l);
        return;
    }
    sp_mutex_unlock(&l->m);
    (void)sp_loop_turn(l, NULL, SP_NEVER); /* a tick at most when there are ticks, which it runs */
    sp_mutex_lock(&l->m);
}

/* Sleeps, and decides on waking whether to lead; m held before and after. */
static void helper_watch(struct sp_loop *l, unsigned *seen, uint64_t *next)
{
    bool ticking = !sp_list_empty(&l->ticks);
    uint64_t until = l->helper == SP_PARKED ? SP_NEVER : *next;
    uint64_t tick = ticking ? sp_now() + SP_TICK_NS : SP_NEVER;
    sp_mutex_unlock(&l->m);
    int rc = sp_park_wait(&l->park, tick < until ? tick : until);
    if (ticking)
        sp_loop_run_ticks(l);
    uint64_t now = sp_now();
    sp_mutex_lock(&l->m);
    l->stats.helper_wakes++;
    if (rc == 0)
        l->posted = false;
    if (!l->led && (l->own_thread || (rc == 0 && sp_loop_urgent(l)))) {
        helper_take(l);
    } else if (l->helper == SP_PARKED) {
        if (rc == 0 && (l->active || l->timers.root || l->tasks || l->limbo || l->eager)) {
            l->helper = SP_WATCHING;
            *seen = l->epoch;
            *next = now + WATCH_NS;
        }
    } else if (now >= *next) {
        bool quiet = l->epoch == *seen;
        *seen = l->epoch;
        *next = now + WATCH_NS;
        if (quiet && l->led)
            l->helper = SP_PARKED;
        else if (quiet)
            helper_take(l);
    }
}

void sp_helper_main(void *arg)
{
    struct sp_loop *l = arg;
    unsigned seen = 0;
    uint64_t next = 0;
    sp_thread_precise();
    sp_mutex_lock(&l->m);
    while (!l->stop) {
        if (l->helper == SP_LEADING) {
            helper_lead(l);
            if (l->helper == SP_WATCHING)
                next = sp_now() + WATCH_NS, seen = l->epoch;
        } else {
            helper_watch(l, &seen, &next);
        }
    }
    sp_mutex_unlock(&l->m);
}

static void alive_cb(uv_async_t *a)
{
    (void)a;
}

static int loop_uv(struct sp_loop *l)
{
    int rc = uv_loop_init(&l->uv);
    if (rc < 0)
        return rc;
    rc = uv_async_init(&l->uv, &l->alive, alive_cb);
    if (rc == 0)
        rc = sp_fd_keep(uv_backend_fd(&l->uv));
    if (rc == 0) {
        uv_run(&l->uv, UV_RUN_NOWAIT);
        rc = sp_watchset_new(&l->set, &l->uv);
    }
    if (rc < 0) {
        sp_fd_forget(uv_backend_fd(&l->uv));
        if (l->alive.loop)
            uv_close((uv_handle_t *)&l->alive, NULL);
        uv_run(&l->uv, UV_RUN_NOWAIT);
        (void)uv_loop_close(&l->uv);
    }
    return rc;
}

struct uv_start {
    struct sp_loop *l;
    int rc;
};

static void uv_start_main(void *arg)
{
    struct uv_start *u = arg;
    u->rc = loop_uv(u->l);
}

/* From 1.45 on libuv changes its epoll set through an io_uring, whose completions interrupt the
 * waits of the thread that made it: that EINTR would look like a signal to the application. So a
 * thread that ends makes it. */
static int loop_uv_apart(struct sp_loop *l)
{
    if (uv_version() < 0x012d00)
        return loop_uv(l);
    struct uv_start u = {.l = l};
    uv_thread_t t;
    int rc = sp_thread_start_joinable(&t, uv_start_main, &u, "nanoseal-uv");
    if (rc < 0)
        return rc;
    uv_thread_join(&t);
    return u.rc;
}

static void loop_free(struct sp_loop *l)
{
    sp_chunk_drop(l->slab);
    sp_watchset_free(l->set);
    sp_fd_forget(uv_backend_fd(&l->uv));
    uv_close((uv_handle_t *)&l->alive, NULL);
    uv_run(&l->uv, UV_RUN_NOWAIT);
    (void)uv_loop_close(&l->uv);
    sp_park_fini(&l->park);
    sp_mutex_fini(&l->m);
    sp_free(l);
}

static int loop_new(struct sp_loop **out, bool own_thread)
{
    struct sp_loop *l = sp_calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    int rc = sp_mutex_init(&l->m);
    if (rc < 0) {
        sp_free(l);
        return rc;
    }
    sp_park_init(&l->park);
    sp_list_init(&l->waiters);
    sp_list_init(&l->ticks);
    l->tasks_end = &l->tasks;
    l->until = SP_NEVER;
    l->own_thread = own_thread;
    rc = loop_uv_apart(l);
    if (rc < 0) {
        sp_park_fini(&l->park);
        sp_mutex_fini(&l->m);
        sp_free(l);
        return rc;
    }
    if (own_thread)
        helper_take(l);
    rc = sp_thread_start_joinable(&l->thread, sp_helper_main, l, "nanoseal");
    if (rc < 0) {
        loop_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

static unsigned loops_wanted(bool *own_thread)
{
    const char *v = getenv("NANOSEAL_IO_THREADS");
    const char *lead = getenv("NN_LEAD");
    long n = v ? strtol(v, NULL, 10) : 1;
    n = n < 1 ? 1 : n > LOOPS_MAX ? LOOPS_MAX : n;
    *own_thread = n > 1 || (lead && !strcmp(lead, "0"));
    return (unsigned)n;
}

int sp_loops_start(void)
{
    bool own;
    unsigned n = loops_wanted(&own);
    while (!n_loops || (loops[0]->own_thread && n_loops < n)) {
        int rc = loop_new(&loops[n_loops], own);
        if (rc < 0 && n_loops)
            sp_loops_stop();
        if (rc < 0)
            return rc;
        n_loops++;
    }
    return 0;
}

static void loop_stop(struct sp_loop *l)
{
    sp_mutex_lock(&l->m);
    l->stop = true;
    if (l->helper == SP_LEADING)
        sp_loop_poke(l, true);
    else
        sp_park_post(&l->park);
    sp_mutex_unlock(&l->m);
    uv_thread_join(&l->thread);
    l->led = true;
    while (l->tasks || l->limbo)
        (void)sp_loop_turn(l, NULL, 0);
    loop_free(l);
}

void sp_loops_stop(void)
{
    while (n_loops)
        loop_stop(loops[--n_loops]);
}

void sp_loops_child(void)
{
    n_loops = 0;
    memset(loops, 0, sizeof loops);
}

struct sp_loop_stats sp_loop_stats(struct sp_loop *l)
{
    sp_mutex_lock(&l->m);
    struct sp_loop_stats s = l->stats;
    sp_mutex_unlock(&l->m);
    return s;
}
