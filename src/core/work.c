/* SPDX-License-Identifier: MIT */
#include "work.h"
#include "../base/clock.h"
#include "../base/lock.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define IDLE_NS     (5000 * SP_MS)
#define THREADS_MAX 2
#define QUIET_NS    (200 * SP_MS)
#define TRIM_AFTER  64

struct pool {
    pthread_mutex_t m;
    pthread_cond_t more;
    struct sp_list jobs;
    int waiting;       /* jobs */
    int threads, idle; /* all, and those that sleep or were just woken */
    int done;          /* jobs since memory was last given back */
};

static struct pool pools[SP_WORK_CLASSES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void pools_init(void)
{
    for (int c = 0; c < SP_WORK_CLASSES; c++) {
        pthread_condattr_t a;
        pthread_mutex_init(&pools[c].m, NULL);
        pthread_condattr_init(&a);
#ifndef __APPLE__
        pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
#endif
        pthread_cond_init(&pools[c].more, &a);
        pthread_condattr_destroy(&a);
        sp_list_init(&pools[c].jobs);
        pools[c].waiting = pools[c].threads = pools[c].idle = pools[c].done = 0;
    }
}

/* Waits for a job until `until`; the lock is held. */
static bool wait_job(struct pool *p, uint64_t until)
{
    struct timespec t = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
    int rc = 0;
    while (sp_list_empty(&p->jobs) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->more, &p->m, &t);
    return !sp_list_empty(&p->jobs);
}

/* A burst of handshakes leaves tens of kilobytes each behind in malloc's pools: after it they go
 * back to the system. */
static void trim(struct pool *p)
{
    if (p->done < TRIM_AFTER)
        return;
    p->done = 0;
    pthread_mutex_unlock(&p->m);
    sp_alloc_trim();
    pthread_mutex_lock(&p->m);
}

/* Waits for a job at most 5 s; the lock is held. */
static struct sp_job *next_job(struct pool *p)
{
    uint64_t now = sp_now();
    p->idle++;
    if (!wait_job(p, now + QUIET_NS)) {
        trim(p);
        (void)wait_job(p, now + IDLE_NS);
    }
    p->idle--;
    struct sp_list *n = sp_list_pop(&p->jobs);
    p->done += n != NULL;
    p->waiting -= n != NULL;
    return n ? SP_CONTAINER(n, struct sp_job, link) : NULL;
}

static void worker(void *arg)
{
    struct pool *p = arg;
    if (p == &pools[SP_WORK_CPU])
        sp_thread_background();
    pthread_mutex_lock(&p->m);
    struct sp_job *j;
    while ((j = next_job(p))) {
        pthread_mutex_unlock(&p->m);
        j->run(j);
        pthread_mutex_lock(&p->m);
    }
    p->threads--;
    pthread_mutex_unlock(&p->m);
}

static int threads_max(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < THREADS_MAX && cores > 0 ? (int)cores : THREADS_MAX;
}

int sp_work_submit(enum sp_work_class c, struct sp_job *j)
{
    struct pool *p = &pools[c];
    int rc = 0;
    pthread_once(&once, pools_init);
    pthread_mutex_lock(&p->m);
    sp_list_insert_before(j->first ? p->jobs.next : &p->jobs, &j->link);
    if (++p->waiting > p->idle && p->threads < threads_max()) {
        rc = sp_thread_start(worker, p, c == SP_WORK_CPU ? "nanoseal-tls" : "nanoseal-dns");
        if (rc == 0)
            p->threads++;
        else if (p->threads > 0)
            rc = 0; /* the ones that run will do it */
        else
            sp_list_unlink(&j->link), p->waiting--;
    } else {
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->m);
    return rc;
}

void sp_work_child(void)
{
    pools_init();
}
