/* SPDX-License-Identifier: MIT */
/* A loop without threads, descriptors and clocks, in place of the library's: a fuzz program that includes this defines
 * what loop.c, helper.c, timer.c, life.c and work.c do, so that none of them is linked. Everything happens when the
 * program says so, and a hundred thousand connections a second can live and die. For one program file only. */
#ifndef TESTS_FUZZ_SIMLOOP_H
#define TESTS_FUZZ_SIMLOOP_H

#include "core/life.h"
#include "core/loop.h"
#include "core/msg.h"
#include "core/work.h"
#include <errno.h>
#include <stdlib.h>

struct sp_loop {
    struct sp_chunk *slab;
    struct sp_task *tasks, **tasks_end;
    struct sp_retired *limbo;
    struct sp_list ticks, jobs;
    struct sp_timer *timers[16];
    int n_timers;
    int active, eager;
    int n_sockets; /* not retired */
};

static struct sp_loop sim;

static inline void sim_check(bool good)
{
    if (!good)
        abort();
}

static inline void sim_start(void)
{
    struct sp_chunk *slab = sim.slab;
    sim = (struct sp_loop){.slab = slab};
    sim.tasks_end = &sim.tasks;
    sp_list_init(&sim.ticks);
    sp_list_init(&sim.jobs);
}

/* ---- what a program may let happen ---- */

static inline bool sim_run_tasks(void)
{
    struct sp_task *t = sim.tasks;
    bool any = t != NULL;
    sim.tasks = NULL;
    sim.tasks_end = &sim.tasks;
    while (t) {
        struct sp_task *next = t->next;
        t->queued = false;
        t->fn(t);
        t = next;
    }
    return any;
}

static inline bool sim_run_ticks(void)
{
    struct sp_list todo, *n;
    sp_list_init(&todo);
    sp_list_splice(&todo, &sim.ticks);
    bool any = false;
    while ((n = sp_list_pop(&todo))) {
        struct sp_tick *t = SP_CONTAINER(n, struct sp_tick, link);
        any = true;
        if (t->fn(t))
            sp_list_push(&sim.ticks, &t->link);
    }
    return any;
}

static inline bool sim_run_job(void)
{
    struct sp_list *n = sp_list_pop(&sim.jobs);
    if (n)
        SP_CONTAINER(n, struct sp_job, link)->run(SP_CONTAINER(n, struct sp_job, link));
    return n != NULL;
}

/* Fires one timer, which is as good as its time having come. */
static inline bool sim_fire(unsigned which)
{
    if (!sim.n_timers)
        return false;
    struct sp_timer *t = sim.timers[which % (unsigned)sim.n_timers];
    sp_timer_stop(t);
    t->fn(t);
    return true;
}

/* Frees what was retired; tasks that were posted before run before that. */
static inline bool sim_free(void)
{
    struct sp_retired *r = sim.limbo;
    bool any = r != NULL;
    sim.limbo = NULL;
    if (any)
        (void)sim_run_tasks();
    while (r) {
        struct sp_retired *next = r->next;
        r->free(r);
        r = next;
    }
    return any;
}

/* ---- in place of loop.c, helper.c, timer.c ---- */

int sp_watch_add(struct sp_loop *l, struct sp_watch *w, int events)
{
    if (sp_alloc_refused())
        return -ENOSPC;
    w->loop = l;
    w->events = events;
    l->active++;
    return 0;
}

void sp_watch_mod(struct sp_watch *w, int events)
{
    if (w->loop)
        w->events = events;
}

void sp_watch_del(struct sp_watch *w)
{
    if (w->loop)
        w->loop->active--;
    w->loop = NULL;
}

void sp_timer_set(struct sp_loop *l, struct sp_timer *t, uint64_t due)
{
    (void)due;
    sp_timer_stop(t);
    t->loop = l;
    sim_check(l->n_timers < 16);
    l->timers[l->n_timers++] = t;
}

void sp_timer_stop(struct sp_timer *t)
{
    for (int i = 0; t->loop && i < t->loop->n_timers; i++)
        if (t->loop->timers[i] == t) {
            t->loop->timers[i] = t->loop->timers[--t->loop->n_timers];
            return;
        }
}

void sp_loop_post(struct sp_loop *l, struct sp_task *t)
{
    if (t->queued)
        return;
    t->queued = true;
    t->next = NULL;
    *l->tasks_end = t;
    l->tasks_end = &t->next;
}

void sp_loop_retire(struct sp_loop *l, struct sp_retired *r)
{
    r->next = l->limbo;
    l->limbo = r;
}

void sp_loop_tick(struct sp_loop *l, struct sp_tick *t) { sp_list_push(&l->ticks, &t->link); }
void sp_waiter_init(struct sp_waiter *w) { sp_list_init(&w->link), w->ready = false; }
void sp_waiter_fini(struct sp_waiter *w) { (void)w; }
void sp_waiter_signal(struct sp_loop *l, struct sp_waiter *w) { (void)l, w->ready = true; }
bool sp_waiter_ready(struct sp_loop *l, struct sp_waiter *w) { return (void)l, w->ready; }
void sp_loop_active(struct sp_loop *l, int by) { l->active += by; }
void sp_loop_eager(struct sp_loop *l, int by) { l->eager += by; }
struct sp_loop *sp_loop_first(void) { return &sim; }
struct sp_loop *sp_loop_next(void) { return &sim; }
struct sp_chunk **sp_loop_slab(struct sp_loop *l) { return &l->slab; }
void sp_loop_glance(struct sp_loop *l) { (void)l, (void)sim_run_tasks(); }

int sp_loop_wait(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline, bool lead, uint64_t spin_ns)
{
    (void)l, (void)w, (void)deadline, (void)lead, (void)spin_ns;
    return -ETIMEDOUT;
}

/* ---- in place of life.c and work.c ---- */

int sp_life_start(void) { return 0; }
void sp_life_term(void) {}
void sp_life_init(void) {}
void sp_life_lock(void) {}
void sp_life_unlock(void) {}
bool sp_life_ended(void) { return false; }
int sp_life_socket_made(void) { return sim.n_sockets++, 0; }
void sp_life_socket_gone(void) { sim.n_sockets--; }
void sp_work_child(void) {}

int sp_work_submit(enum sp_work_class c, struct sp_job *j)
{
    (void)c;
    if (sp_alloc_refused())
        return -EAGAIN;
    sp_list_push(&sim.jobs, &j->link);
    return 0;
}

#endif
