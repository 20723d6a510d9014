/* SPDX-License-Identifier: MIT */
/* A set of watches of the test's own, whose token this thread holds. */
#ifndef TESTS_UNIT_WATCH_SUPPORT_H
#define TESTS_UNIT_WATCH_SUPPORT_H

#include "core/watch.h"
#include "loop_support.h"

static uv_loop_t uv;
static uv_async_t alive;
static struct sp_watchset *set;

struct spot {
    struct sp_watch w;
    int far;
    atomic_int n;        /* events given */
    int last;            /* the last one's */
    bool pause, take;    /* what the callback does: stop watching; read a byte */
};

static inline void spot_event(struct sp_watch *w, int events)
{
    struct spot *p = SP_CONTAINER(w, struct spot, w);
    char c;
    p->last = events;
    if (p->take)
        assert_int_equal(read(w->fd, &c, 1), 1);
    if (p->pause)
        sp_watchset_mod(set, w, 0);
    atomic_fetch_add(&p->n, 1);
}

static inline void spot_open(struct spot *p)
{
    int fd[2];
    memset(p, 0, sizeof *p);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    p->w.fd = fd[0];
    p->w.fn = spot_event;
    p->far = fd[1];
}

static inline void spot_del(struct spot *p)
{
    if (!sp_watchset_del(set, &p->w))
        sp_watchset_apply(set);
}

static inline void spot_close(struct spot *p)
{
    spot_del(p);
    close(p->w.fd);
    close(p->far);
}

static inline void alive_cb(uv_async_t *a) { (void)a; }

/* On a thread that ends, as the library does (core/helper.c): the io_uring of newer libuvs interrupts who made it. */
static inline void make_loop(void *arg)
{
    (void)arg;
    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(uv_async_init(&uv, &alive, alive_cb), 0);
    uv_run(&uv, UV_RUN_NOWAIT);
}

static inline int setup(void **state)
{
    (void)state;
    uv_thread_t t;
    assert_int_equal(uv_thread_create(&t, make_loop, NULL), 0);
    assert_int_equal(uv_thread_join(&t), 0);
    assert_int_equal(sp_watchset_new(&set, &uv), 0);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_watchset_free(set);
    uv_close((uv_handle_t *)&alive, NULL);
    uv_run(&uv, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&uv), 0);
    return 0;
}

/* Waits until `ns` from now, or once. */
static inline int turn(uint64_t ns)
{
    sp_watchset_apply(set);
    return sp_watchset_wait(set, ns == SP_NEVER ? SP_NEVER : sp_now() + ns);
}

/* Turns until p had n events. */
static inline void turns(struct spot *p, int n)
{
    uint64_t end = sp_now() + LONG_NS;
    while (atomic_load(&p->n) < n) {
        assert_true(sp_now() < end);
        assert_int_equal(turn(100 * SP_MS), 0);
    }
}

/* For `ms`: at most `more` events are given, and it is done asleep. */
static inline void calm(struct spot *p, int ms, int more)
{
    int before = atomic_load(&p->n);
    uint64_t end = sp_deadline(ms), cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    while (sp_now() < end) {
        sp_watchset_apply(set);
        assert_int_equal(sp_watchset_wait(set, end), 0);
    }
    assert_in_range(atomic_load(&p->n), before, before + more);
    assert_true(cpu_ns(CLOCK_THREAD_CPUTIME_ID) - cpu < (uint64_t)ms * SP_MS / 2);
}

static inline void quiet(struct spot *p, int ms) { calm(p, ms, 0); }

#define WATCH_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
