/* SPDX-License-Identifier: MIT */
/* A parked thread sleeps in the kernel until its post, its deadline or a signal. It never waits
 * without a deadline: the kernel restarts an endless wait when the handler was installed with
 * SA_RESTART, and Ctrl-C would not end the call. Threads start with signals blocked, so that the
 * application's handlers run in its own threads.
 *
 * Only starting a thread and making a mutex can fail; nothing is left behind then. */
#define _GNU_SOURCE /* sem_clockwait */
#include "base/lock.h"
#include "base/clock.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#endif

#define LOCK_SLICE (3600 * 1000 * SP_MS) /* the longest single sleep */
#define LOCK_STACK ((size_t)256 * 1024)
#define LOCK_NS    UINT64_C(1000000000)

/* The monotonic clock where there is a wait for it. TSan understands only the wait for the other
 * one. */
#if defined __SANITIZE_THREAD__
#define LOCK_TSAN
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define LOCK_TSAN
#endif
#endif
#if defined __GLIBC__ && !defined LOCK_TSAN
#define LOCK_CLOCK            CLOCK_MONOTONIC
#define lock_sem_wait(sem, t) sem_clockwait(sem, LOCK_CLOCK, t)
#else
#define LOCK_CLOCK            CLOCK_REALTIME
#define lock_sem_wait(sem, t) sem_timedwait(sem, t)
#endif

int sp_mutex_init(sp_mutex *m)
{
    return uv_mutex_init(m);
}

void sp_park_init(struct sp_park *p)
{
    int rc = sem_init(&p->sem, 0, 0);
    assert(!rc);
    (void)rc;
}

void sp_park_fini(struct sp_park *p)
{
    sem_destroy(&p->sem);
}

void sp_park_post(struct sp_park *p)
{
    sem_post(&p->sem);
}

/* Sleeps at most ns. 0, or -1 and errno as sem_timedwait. */
static int lock_sleep(sem_t *sem, uint64_t ns)
{
    struct timespec t;
    clock_gettime(LOCK_CLOCK, &t);
    ns += (uint64_t)t.tv_nsec;
    t.tv_sec += (time_t)(ns / LOCK_NS);
    t.tv_nsec = (long)(ns % LOCK_NS);
    return lock_sem_wait(sem, &t);
}

int sp_park_wait(struct sp_park *p, uint64_t deadline)
{
    while (sem_trywait(&p->sem)) {
        uint64_t now = sp_now();
        if (now >= deadline)
            return -ETIMEDOUT;
        uint64_t left = deadline - now;
        if (!lock_sleep(&p->sem, left < LOCK_SLICE ? left : LOCK_SLICE))
            return 0;
        if (errno == EINTR)
            return -EINTR;
    }
    return 0;
}

void sp_park_take(struct sp_park *p)
{
    while (sem_wait(&p->sem))
        assert(errno == EINTR);
}

struct lock_start {
    void (*fn)(void *); /* what the thread does */
    void *arg;          /* the caller's */
    char name[16];      /* with its zero byte */
};

static void *lock_main(void *p)
{
    struct lock_start s = *(struct lock_start *)p;
    sp_free(p);
#ifdef __linux__
    prctl(PR_SET_NAME, s.name);
#endif
    s.fn(s.arg);
    return NULL;
}

/* A fault must reach the application's crash handler, so those signals stay open. */
static void lock_block_signals(sigset_t *old)
{
    sigset_t all;
    sigfillset(&all);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, old);
}

/* A program with much static thread-local data needs more than our stack; it gets the system's
 * default. */
static int lock_create(pthread_t *t, int detach, struct lock_start *s)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc)
        return rc;
    pthread_attr_setdetachstate(&attr, detach);
    long least = sysconf(_SC_THREAD_STACK_MIN);
    if (!pthread_attr_setstacksize(&attr, LOCK_STACK + (least > 0 ? (size_t)least : 0)))
        rc = pthread_create(t, &attr, lock_main, s);
    else
        rc = EINVAL;
    pthread_attr_destroy(&attr);
    if (rc == EINVAL) {
        rc = pthread_create(t, NULL, lock_main, s);
        if (!rc && detach == PTHREAD_CREATE_DETACHED)
            pthread_detach(*t);
    }
    return rc;
}

static int lock_launch(pthread_t *t, int detach, void (*fn)(void *), void *arg, const char *name)
{
    struct lock_start *s = sp_alloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct lock_start){.fn = fn, .arg = arg};
    snprintf(s->name, sizeof s->name, "%s", name);
    sigset_t old;
    lock_block_signals(&old);
    int rc = lock_create(t, detach, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc)
        sp_free(s);
    return -rc;
}

int sp_thread_start(void (*fn)(void *), void *arg, const char *name)
{
    pthread_t t;
    return lock_launch(&t, PTHREAD_CREATE_DETACHED, fn, arg, name);
}

int sp_thread_start_joinable(uv_thread_t *t, void (*fn)(void *), void *arg, const char *name)
{
    return lock_launch(t, PTHREAD_CREATE_JOINABLE, fn, arg, name);
}

void sp_thread_precise(void)
{
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, 1000UL);
#endif
}

void sp_thread_background(void)
{
#ifdef __linux__
    struct sched_param none = {0};
    sched_setscheduler(0, SCHED_BATCH, &none);
    setpriority(PRIO_PROCESS, 0, 5); /* of this thread only, on Linux */
#endif
}
