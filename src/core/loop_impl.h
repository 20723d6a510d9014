/* SPDX-License-Identifier: MIT */
/* Shared by loop.c, helper.c and timer.c only. */
#ifndef SP_CORE_LOOP_IMPL_H
#define SP_CORE_LOOP_IMPL_H

#include "loop.h"
#include "msg.h"
#include "watch.h"

enum sp_helper { SP_PARKED, SP_WATCHING, SP_LEADING };

struct sp_loop {
    uv_loop_t uv;             /* a member of the watch set; only the token holder runs it */
    uv_async_t alive;         /* keeps uv's time-out from being 0 */
    struct sp_watchset *set;  /* what is waited on */
    sp_mutex m;               /* guards all that follows; a leaf */
    bool led;                 /* the token: somebody leads */
    bool asleep;              /* the leader is in the wait, or about to be */
    struct sp_waiter *leader; /* the waiter that leads; NULL: the helper, or nobody */
    struct sp_list waiters;   /* parked, oldest first */
    unsigned epoch; /* counts turns, so that the helper sees that somebody leads now and then */
    enum sp_helper helper; /* what the helper does */
    struct sp_park park;   /* where the helper sleeps */
    bool posted;           /* a post for the helper is under way */
    bool delivered;        /* a waiter was made ready since the helper leads */
    bool own_thread;       /* the helper leads for ever and callers only park (more than one loop,
                              NN_LEAD=0) */
    bool stop;             /* the helper shall end */
    int active, eager;     /* counts, see sp_loop_active and sp_loop_eager */
    uint64_t until;        /* when the leader's wait ends by itself */
    struct sp_heap timers; /* by due */
    struct sp_task *tasks, **tasks_end; /* FIFO */
    struct sp_retired *limbo;           /* to be freed by the token holder */
    struct sp_list ticks;               /* looked at every 100 us */
    struct sp_chunk *slab;              /* see sp_loop_slab; the token holder's */
    uv_thread_t thread;                 /* the helper */
    bool thread_made;
    struct sp_loop_stats stats;
};

#define SP_TICK_NS (100 * UINT64_C(1000))

/* One turn with the token held and m not held: tasks, limbo, wait, events, timers. -EINTR or 0. */
int sp_loop_turn(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline);
/* With m held and the token free: somebody must lead. */
void sp_loop_hand_over(struct sp_loop *l);
/* With m held: new work came; wakes whoever has to see it. `urgent`: the leader must look now. */
void sp_loop_poke(struct sp_loop *l, bool urgent);
bool sp_loop_urgent(const struct sp_loop *l);
/* Runs the ticks once; m not held. */
void sp_loop_run_ticks(struct sp_loop *l);
/* With m not held: fires what is due. Gives when the next one is. */
uint64_t sp_timers_fire(struct sp_loop *l, uint64_t now);
void sp_helper_main(void *loop);

#endif
