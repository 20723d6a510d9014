/* SPDX-License-Identifier: MIT */
/* What the tests of the loop share: a loop for each test, watches on a pair of sockets, threads that wait. */
#ifndef TESTS_UNIT_LOOP_SUPPORT_H
#define TESTS_UNIT_LOOP_SUPPORT_H

#include "base.h"
#include "base/fds.h"
#include "core/loop.h"
#include "core/msg.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LONG_NS (20000 * SP_MS) /* more than anything here takes */

/* Yields until cond is true; a test fails after LONG_NS. */
#define UNTIL(cond)                                         \
    do {                                                    \
        for (uint64_t until_ = sp_now() + LONG_NS; !(cond);) { \
            assert_true(sp_now() < until_);                 \
            sched_yield();                                  \
        }                                                   \
    } while (0)

static struct sp_loop *loop;

static inline int loop_setup(void **state)
{
    (void)state;
    assert_int_equal(sp_loops_start(), 0);
    loop = sp_loop_first();
    return 0;
}

static inline int loop_teardown(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_loops_stop();
    sp_slab_flush();
    return 0;
}

#define LOOP_TEST(fn) cmocka_unit_test_setup_teardown(fn, loop_setup, loop_teardown)

/* Lets the time pass in which nothing is to happen. */
static inline void pass(int ms)
{
    struct sp_park p;
    sp_park_init(&p);
    assert_int_equal(sp_park_wait(&p, sp_deadline(ms)), -ETIMEDOUT);
    sp_park_fini(&p);
}

/* A watch of one end of a pair of sockets; what arrives is read, counted, and signals a waiter. */
struct ear {
    struct sp_watch w;
    int far;                   /* the other end */
    struct sp_waiter *waiter;  /* to be signalled, or NULL */
    atomic_int n_events, n_bytes;
    _Atomic pthread_t thread;  /* that the last event came on */
    struct sp_loop *loop;
    struct sp_retired retired;
    atomic_bool gone;          /* nobody holds it any more */
};

/* The leader may have had an event of it in its hands until now, so the descriptors close here. */
static inline void ear_retired(struct sp_retired *r)
{
    struct ear *e = SP_CONTAINER(r, struct ear, retired);
    close(e->w.fd);
    close(e->far);
    atomic_store(&e->gone, true);
}

static inline void ear_event(struct sp_watch *w, int events)
{
    struct ear *e = SP_CONTAINER(w, struct ear, w);
    char b[64];
    (void)events;
    ssize_t n = read(w->fd, b, sizeof b);
    atomic_store(&e->thread, pthread_self());
    if (n > 0)
        atomic_fetch_add(&e->n_bytes, (int)n);
    atomic_fetch_add(&e->n_events, 1);
    if (e->waiter)
        sp_waiter_signal(w->loop, e->waiter);
}

static inline void ear_open(struct ear *e, struct sp_loop *l, struct sp_waiter *waiter)
{
    int fd[2];
    memset(e, 0, sizeof *e);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
    e->far = fd[1];
    e->waiter = waiter;
    e->w.fd = fd[0];
    e->w.fn = ear_event;
    e->loop = l;
    e->retired.free = ear_retired;
    assert_int_equal(sp_watch_add(l, &e->w, POLLIN), 0);
}

/* On any thread, the leader's too; an event may still come once. */
static inline void ear_end(struct ear *e)
{
    sp_watch_del(&e->w);
    sp_loop_retire(e->loop, &e->retired);
}

/* On a thread that does not lead: its memory is free then. */
static inline void ear_close(struct ear *e)
{
    ear_end(e);
    UNTIL(atomic_load(&e->gone));
}

static inline void ear_tell(struct ear *e) { assert_int_equal(write(e->far, "x", 1), 1); }

/* A thread that waits once. */
struct sleeper {
    pthread_t thread;
    struct sp_loop *loop;
    struct sp_waiter w;
    uint64_t deadline;
    bool lead;
    atomic_int rc;      /* of sp_loop_wait; 1: not yet */
};

static inline void *sleeper_main(void *arg)
{
    struct sleeper *s = arg;
    atomic_store(&s->rc, sp_loop_wait(s->loop, &s->w, s->deadline, s->lead, 0));
    return NULL;
}

static inline void sleeper_start(struct sleeper *s, uint64_t deadline, bool lead)
{
    s->loop = loop;
    s->deadline = deadline;
    s->lead = lead;
    atomic_store(&s->rc, 1);
    sp_waiter_init(&s->w);
    assert_int_equal(pthread_create(&s->thread, NULL, sleeper_main, s), 0);
}

static inline int sleeper_join(struct sleeper *s)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    sp_waiter_fini(&s->w);
    return atomic_load(&s->rc);
}

static inline struct sp_loop_stats stats_now(void) { return sp_loop_stats(loop); }

/* Starts a sleeper and comes back when it leads, or is parked. */
static inline void sleeper_started(struct sleeper *s, uint64_t deadline, bool lead)
{
    struct sp_loop_stats before = stats_now();
    sleeper_start(s, deadline, lead);
    UNTIL(stats_now().leads + stats_now().parks > before.leads + before.parks);
}

static inline void on_signal(int sig) { (void)sig; }

static inline void catch_signal(int flags)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = flags};
    sigemptyset(&a.sa_mask);
    assert_int_equal(sigaction(SIGUSR1, &a, NULL), 0);
}

static inline uint64_t cpu_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#endif
