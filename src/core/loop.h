/* SPDX-License-Identifier: MIT */
/* The event loop and the token of who runs it. A caller that must wait leads the loop itself; a
 * helper thread leads when nobody else does. Nothing outside loop.c, helper.c and timer.c knows who
 * leads. docs/models/token.pml is the model. */
#ifndef SP_CORE_LOOP_H
#define SP_CORE_LOOP_H

#include "../base/clock.h"
#include "../base/heap.h"
#include "../base/list.h"
#include "../base/lock.h"
#include <stdbool.h>

struct sp_loop;

/* A descriptor of interest. fn runs on the thread that leads, with no lock held; events are POLLIN,
 * POLLOUT, POLLERR, POLLHUP. It may come once after a mod or del that another thread made
 * meanwhile. */
struct sp_watch {
    int fd;                                     /* set before add */
    int events;                                 /* POLLIN | POLLOUT asked for now */
    void (*fn)(struct sp_watch *w, int events); /* set before add */
    struct sp_loop *loop;                       /* NULL: not added */
    void *impl;                                 /* the back end's */
};

/* Starts watching. 0 or a negative errno (-ENOMEM, -ENOSPC). Any thread, a socket's lock may be
 * held. */
int sp_watch_add(struct sp_loop *l, struct sp_watch *w, int events) SP_MUST_CHECK;
/* Changes what is asked for; 0 pauses. Any thread, a socket's lock may be held; calls for one watch
 * in sequence. */
void sp_watch_mod(struct sp_watch *w, int events);
/* Ends watching; the descriptor may be closed afterwards, the memory goes through sp_loop_retire.
 * No lock held. */
void sp_watch_del(struct sp_watch *w);

/* A point in time. fn runs on the thread that leads, with no lock held, and may set the timer
 * again. */
struct sp_timer {
    struct sp_heap_node node;       /* key: due */
    void (*fn)(struct sp_timer *t); /* set before the first sp_timer_set */
    struct sp_loop *loop;           /* NULL: never set */
};

/* Fires at `due` (sp_now's ns); replaces an earlier setting. Any thread, a socket's lock may be
 * held. */
void sp_timer_set(struct sp_loop *l, struct sp_timer *t, uint64_t due);
/* Does not fire any more, unless fn is already running. */
void sp_timer_stop(struct sp_timer *t);

/* Work for whoever leads, soon. Queued once however often it is posted before it runs. */
struct sp_task {
    struct sp_task *next;
    void (*fn)(struct sp_task *t);
    bool queued;
};
void sp_loop_post(struct sp_loop *l, struct sp_task *t);

/* Memory that the leader may still hold in its hands: freed by the token holder before it next
 * waits. */
struct sp_retired {
    struct sp_retired *next;
    void (*free)(struct sp_retired *r);
};
void sp_loop_retire(struct sp_loop *l, struct sp_retired *r);

/* Something that is looked at every 100 us until `fn` says false (adaptive sending). Runs without
 * the token and without a lock. The owner stays until then. */
struct sp_tick {
    struct sp_list link;
    bool (*fn)(struct sp_tick *t);
};
void sp_loop_tick(struct sp_loop *l, struct sp_tick *t);

/* A thread that waits for something to come true. */
struct sp_waiter {
    struct sp_list link; /* in the loop's queue of parked waiters */
    struct sp_park park; /* where it sleeps when somebody else leads */
    bool ready;          /* its condition came true; under the loop's mutex */
    bool linked;         /* in the queue */
    bool promoted;       /* was woken to lead, not because it is ready */
    bool may_lead;       /* as its call of sp_loop_wait said; only such a waiter is promoted */
};
void sp_waiter_init(struct sp_waiter *w);
void sp_waiter_fini(struct sp_waiter *w);
/* Waits until signalled: 0; -ETIMEDOUT at the deadline; -EINTR after a signal handler. No lock
 * held. `lead` false: the condition never comes from a descriptor, so park. `spin_ns`: poll that
 * long before sleeping. */
int sp_loop_wait(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline, bool lead,
                 uint64_t spin_ns) SP_MUST_CHECK;
/* The waiter's condition came true. Any thread, a socket's lock may be held. */
void sp_waiter_signal(struct sp_loop *l, struct sp_waiter *w);
bool sp_waiter_ready(struct sp_loop *l, struct sp_waiter *w) SP_MUST_CHECK;
/* Handles what is there without waiting, when nobody leads; for calls about to return EAGAIN. */
void sp_loop_glance(struct sp_loop *l);

/* Counts (+1, -1) of what makes the loop worth leading when no caller waits, and of what makes that
 * urgent: event descriptors handed out, pipes waiting for POLLOUT, dials and handshakes. */
void sp_loop_active(struct sp_loop *l, int by);
void sp_loop_eager(struct sp_loop *l, int by);

/* Starts the loops (NANOSEAL_IO_THREADS, default 1) unless they run. 0 or a negative errno. Called
 * under the global lock. */
int sp_loops_start(void) SP_MUST_CHECK;
/* Ends all loops and their threads; everything has been closed. */
void sp_loops_stop(void);
/* In a forked child: forgets all. */
void sp_loops_child(void);
/* The first loop, and the next in turn for a new endpoint or pipe. */
struct sp_loop *sp_loop_first(void);
struct sp_loop *sp_loop_next(void);

/* A slab for reading that stays with the loop between events. Only for the thread that leads. */
struct sp_chunk;
struct sp_chunk **sp_loop_slab(struct sp_loop *l);

/* Counters for tests: how often threads led, parked, kicked and the helper woke. */
struct sp_loop_stats {
    uint64_t leads, parks, kicks, posts, helper_wakes, helper_leads;
};
struct sp_loop_stats sp_loop_stats(struct sp_loop *l);

#endif
