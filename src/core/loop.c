/* SPDX-License-Identifier: MIT */
/* The token. A thread that waits takes it when it is free, runs the loop until its own condition is
 * true, and hands it over when it leaves: to the oldest parked waiter, else to the helper. Who
 * finds the token taken parks until it is signalled or promoted. Leaving after each nn_recv costs
 * no system call while the helper is only watching.
 *
 * Failure modes: no wake-up is lost (docs/models/token.pml): a leader looks at `ready` under the
 * mutex before it sleeps and is kicked after that; a post that is owed to a waiter which leaves by
 * time-out or signal is consumed; a promoted waiter that leaves passes the token on. The mutex is a
 * leaf; nobody waits for the token with a lock held. */
#include "loop_impl.h"
#include <errno.h>
#include <pthread.h>

static _Thread_local struct sp_loop *leading; /* the loop whose token this thread holds */

void sp_waiter_init(struct sp_waiter *w)
{
    sp_list_init(&w->link);
    sp_park_init(&w->park);
    w->ready = w->linked = w->promoted = w->may_lead = false;
}

void sp_waiter_fini(struct sp_waiter *w)
{
    sp_park_fini(&w->park);
}

static void waiter_unlink(struct sp_waiter *w)
{
    sp_list_unlink(&w->link);
    w->linked = false;
}

static void helper_post(struct sp_loop *l)
{
    if (l->posted)
        return;
    l->posted = true;
    l->stats.posts++;
    sp_park_post(&l->park);
}

bool sp_loop_urgent(const struct sp_loop *l)
{
    return l->eager > 0 || l->tasks || l->limbo ||
           (l->timers.root && l->timers.root->key < sp_now() + 10 * SP_MS);
}

static bool loop_busy(const struct sp_loop *l)
{
    return l->active > 0 || l->eager > 0 || l->timers.root || l->tasks || l->limbo;
}

void sp_loop_poke(struct sp_loop *l, bool urgent)
{
    if (l->led) {
        if (urgent && l->asleep) {
            l->asleep = false;
            l->stats.kicks++;
            sp_watchset_kick(l->set);
        }
    } else if (l->helper == SP_PARKED || (urgent && l->helper == SP_WATCHING)) {
        helper_post(l);
    }
}

/* The oldest that may lead: promoting another would leave the token to nobody. */
static struct sp_waiter *waiter_next(struct sp_loop *l)
{
    SP_LIST_EACH_SAFE (it, &l->waiters) {
        struct sp_waiter *w = SP_CONTAINER(it, struct sp_waiter, link);
        if (w->may_lead)
            return w;
    }
    return NULL;
}

void sp_loop_hand_over(struct sp_loop *l)
{
    if (l->led)
        return;
    struct sp_waiter *w = waiter_next(l);
    if (w) {
        waiter_unlink(w);
        w->promoted = true;
        sp_park_post(&w->park);
    } else if (l->helper == SP_PARKED ? loop_busy(l) : sp_loop_urgent(l)) {
        helper_post(l);
    }
}

void sp_waiter_signal(struct sp_loop *l, struct sp_waiter *w)
{
    sp_mutex_lock(&l->m);
    if (!w->ready) {
        w->ready = l->delivered = true;
        if (l->leader == w) {
            if (l->asleep && leading != l) /* the leader itself looks when its events are done */
                sp_loop_poke(l, true);
        } else if (w->linked) {
            waiter_unlink(w);
            sp_park_post(&w->park);
        }
    }
    sp_mutex_unlock(&l->m);
}

bool sp_waiter_ready(struct sp_loop *l, struct sp_waiter *w)
{
    sp_mutex_lock(&l->m);
    bool ready = w->ready;
    sp_mutex_unlock(&l->m);
    return ready;
}

/* Runs the oldest task; m is held before and after. */
static struct sp_task *task_run(struct sp_loop *l)
{
    struct sp_task *t = l->tasks;
    l->tasks = t->next;
    if (!l->tasks)
        l->tasks_end = &l->tasks;
    sp_mutex_unlock(&l->m);
    __atomic_store_n(&t->queued, false, __ATOMIC_RELEASE);
    t->fn(t);
    sp_mutex_lock(&l->m);
    return t;
}

/* Tasks and retired memory of this moment: a task that was posted before its owner retired runs
 * before the free. */
static void loop_chores(struct sp_loop *l)
{
    struct sp_task *last = l->tasks ? SP_CONTAINER(l->tasks_end, struct sp_task, next) : NULL;
    struct sp_retired *r = l->limbo;
    l->limbo = NULL;
    while (l->tasks && task_run(l) != last)
        ;
    sp_mutex_unlock(&l->m);
    while (r) {
        struct sp_retired *next = r->next;
        r->free(r);
        r = next;
    }
    sp_mutex_lock(&l->m);
}

int sp_loop_turn(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline)
{
    leading = l;
    sp_watchset_apply(l->set);
    sp_mutex_lock(&l->m);
    if (l->tasks || l->limbo)
        loop_chores(l);
    uint64_t due = l->timers.root ? l->timers.root->key : SP_NEVER;
    bool done = w && w->ready;
    bool ticking = l->helper == SP_LEADING && !sp_list_empty(&l->ticks);
    if (done || l->tasks || l->limbo || l->stop)
        deadline = 0;
    if (ticking && deadline == SP_NEVER)
        deadline = sp_now() + SP_TICK_NS;
    l->until = due < deadline ? due : deadline;
    uint64_t until = l->until;
    l->asleep = until != 0;
    sp_mutex_unlock(&l->m);
    int rc = done ? 0 : sp_watchset_wait(l->set, until);
    if (due != SP_NEVER && sp_now() >= due)
        (void)sp_timers_fire(l, sp_now());
    if (ticking)
        sp_loop_run_ticks(l);
    sp_mutex_lock(&l->m);
    l->asleep = false;
    l->until = SP_NEVER;
    sp_mutex_unlock(&l->m);
    leading = NULL;
    return rc;
}

/* The token is ours; m is held before and after. */
static int lead(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline, uint64_t spin_until)
{
    l->epoch++;
    bool spin = spin_until && sp_now() < spin_until;
    sp_mutex_unlock(&l->m);
    int rc = sp_loop_turn(l, w, spin ? 1 : deadline);
    sp_mutex_lock(&l->m);
    return rc;
}

/* m is held before and after. */
static int park(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline)
{
    sp_list_push(&l->waiters, &w->link);
    w->linked = true;
    l->stats.parks++;
    sp_mutex_unlock(&l->m);
    int rc = sp_park_wait(&w->park, deadline);
    sp_mutex_lock(&l->m);
    if (w->linked)
        waiter_unlink(w);
    else if (rc < 0)
        sp_park_take(&w->park); /* a post is owed */
    return rc;
}

/* The loop of sp_loop_wait, m held. */
static int wait_ready(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline, bool may_lead,
                      uint64_t spin_until)
{
    bool mine = false;
    int rc = 0;
    w->may_lead = may_lead;
    while (!w->ready && rc != -EINTR) {
        if (deadline != SP_NEVER && sp_now() >= deadline) {
            rc = -ETIMEDOUT;
            break;
        }
        if (may_lead && (mine || !l->led)) {
            l->stats.leads += !mine;
            mine = l->led = true;
            l->leader = w;
            w->promoted = false;
            rc = lead(l, w, deadline, spin_until);
        } else {
            rc = park(l, w, deadline);
        }
    }
    if (mine) {
        l->led = false;
        l->leader = NULL;
    }
    if (mine || w->promoted)
        sp_loop_hand_over(l);
    w->promoted = false;
    return w->ready ? 0 : rc;
}

int sp_loop_wait(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline, bool may_lead,
                 uint64_t spin_ns)
{
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    uint64_t spin_until = spin_ns ? sp_now() + spin_ns : 0;
    sp_mutex_lock(&l->m);
    if (!may_lead && !l->led)
        sp_loop_hand_over(l);
    int rc = wait_ready(l, w, deadline, may_lead, spin_until);
    sp_mutex_unlock(&l->m);
    pthread_setcancelstate(cancel, NULL);
    return rc;
}

void sp_loop_glance(struct sp_loop *l)
{
    sp_mutex_lock(&l->m);
    if (!l->led) {
        l->led = true;
        l->epoch++;
        sp_mutex_unlock(&l->m);
        (void)sp_loop_turn(l, NULL, 0);
        sp_mutex_lock(&l->m);
        l->led = false;
        sp_loop_hand_over(l);
    }
    sp_mutex_unlock(&l->m);
}

void sp_loop_post(struct sp_loop *l, struct sp_task *t)
{
    if (__atomic_exchange_n(&t->queued, true, __ATOMIC_ACQ_REL))
        return;
    sp_mutex_lock(&l->m);
    t->next = NULL;
    *l->tasks_end = t;
    l->tasks_end = &t->next;
    sp_loop_poke(l, true);
    sp_mutex_unlock(&l->m);
}

void sp_loop_retire(struct sp_loop *l, struct sp_retired *r)
{
    sp_mutex_lock(&l->m);
    r->next = l->limbo;
    l->limbo = r;
    sp_loop_poke(l, true);
    sp_mutex_unlock(&l->m);
}

static void loop_count(struct sp_loop *l, int *count, int by)
{
    sp_mutex_lock(&l->m);
    *count += by;
    if (by > 0)
        sp_loop_poke(l, false);
    if (by > 0 && count == &l->eager && !l->led)
        sp_loop_poke(l, true);
    sp_mutex_unlock(&l->m);
}

void sp_loop_active(struct sp_loop *l, int by)
{
    loop_count(l, &l->active, by);
}
void sp_loop_eager(struct sp_loop *l, int by)
{
    loop_count(l, &l->eager, by);
}

int sp_watch_add(struct sp_loop *l, struct sp_watch *w, int events)
{
    w->loop = l; /* before the first event, which may come at once */
    int rc = sp_watchset_add(l->set, w, events);
    if (rc < 0)
        w->loop = NULL;
    else
        sp_loop_active(l, 1);
    return rc;
}

void sp_watch_mod(struct sp_watch *w, int events)
{
    if (w->loop && w->events != events)
        sp_watchset_mod(w->loop->set, w, events);
}

struct sync {
    struct sp_task task;
    struct sp_loop *loop;
    struct sp_waiter w;
};

static void sync_done(struct sp_task *t)
{
    struct sync *s = SP_CONTAINER(t, struct sync, task);
    sp_watchset_apply(s->loop->set); /* it may have been asked for since the turn began */
    sp_waiter_signal(s->loop, &s->w);
}

/* Answers those who wait for us in watch_sync; the token is ours. */
static void syncs_serve(struct sp_loop *l)
{
    struct sp_task *todo = NULL, **p = &l->tasks;
    sp_mutex_lock(&l->m);
    while (*p) {
        struct sp_task *t = *p;
        if (t->fn != sync_done) {
            p = &t->next;
            continue;
        }
        *p = t->next;
        t->next = todo;
        todo = t;
    }
    l->tasks_end = p;
    sp_mutex_unlock(&l->m);
    while (todo) {
        struct sp_task *t = todo;
        todo = t->next;
        t->fn(t);
    }
}

/* The back end cannot forget a descriptor by itself: the token holder does, whoever that is. Two
 * loops may wait for each other here, so who leads another one goes on answering. */
static void watch_sync(struct sp_loop *l)
{
    if (leading == l) {
        sp_watchset_apply(l->set);
        return;
    }
    struct sync s = {.task.fn = sync_done, .loop = l};
    sp_waiter_init(&s.w);
    sp_loop_post(l, &s.task);
    while (sp_loop_wait(l, &s.w, leading ? sp_now() + SP_MS : SP_NEVER, !leading, 0) < 0)
        if (leading)
            syncs_serve(leading);
    sp_waiter_fini(&s.w);
}

void sp_watch_del(struct sp_watch *w)
{
    struct sp_loop *l = w->loop;
    if (!l)
        return;
    bool done = sp_watchset_del(l->set, w);
    w->loop = NULL;
    sp_loop_active(l, -1);
    if (!done)
        watch_sync(l);
}
