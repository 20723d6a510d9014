/* SPDX-License-Identifier: MIT */
/* Mutexes (libuv's), and a semaphore to park on: with a deadline, and ended by signals. */
#ifndef SP_BASE_LOCK_H
#define SP_BASE_LOCK_H

#include "alloc.h"
#include <semaphore.h>
#include <stdint.h>
#include <uv.h>

typedef uv_mutex_t sp_mutex;

/* 0 or a negative errno. */
int sp_mutex_init(sp_mutex *m) SP_MUST_CHECK;
#define sp_mutex_fini(m)   uv_mutex_destroy(m)
#define sp_mutex_lock(m)   uv_mutex_lock(m)
#define sp_mutex_unlock(m) uv_mutex_unlock(m)

struct sp_park {
    sem_t sem; /* posts not yet consumed */
};

void sp_park_init(struct sp_park *p);
void sp_park_fini(struct sp_park *p);
void sp_park_post(struct sp_park *p);
/* Takes one post: 0; -ETIMEDOUT at `deadline` (sp_now's ns, UINT64_MAX: never); -EINTR when a
 * handler ran, also with SA_RESTART. */
int sp_park_wait(struct sp_park *p, uint64_t deadline) SP_MUST_CHECK;
/* Takes a post that is certain to come, whatever signals arrive. */
void sp_park_take(struct sp_park *p);

/* Starts a detached thread named `name` (15 bytes, copied) on a stack of 256 KiB, with all signals
 * blocked but those of a fault of its own (SIGSEGV and the like). 0 or a negative errno. */
int sp_thread_start(void (*fn)(void *), void *arg, const char *name) SP_MUST_CHECK;
/* The same, joinable with uv_thread_join. */
int sp_thread_start_joinable(uv_thread_t *t, void (*fn)(void *), void *arg,
                             const char *name) SP_MUST_CHECK;

/* Makes the calling thread's short sleeps exact, where the system rounds them up for power's sake.
 */
void sp_thread_precise(void);
/* Lets the calling thread yield to others: batch scheduling and a lower priority where there is such. */
void sp_thread_background(void);

#endif
