/* SPDX-License-Identifier: MIT */
/* Timers lie in a heap under the loop's mutex. Setting one wakes the leader only when it is earlier
 * than what the leader waits for. They need no memory, so setting a timer cannot fail. */
#include "loop_impl.h"

void sp_timer_set(struct sp_loop *l, struct sp_timer *t, uint64_t due)
{
    sp_mutex_lock(&l->m);
    sp_heap_remove(&l->timers, &t->node);
    t->loop = l;
    t->node.key = due;
    sp_heap_insert(&l->timers, &t->node);
    if (due < l->until)
        sp_loop_poke(l, true);
    sp_mutex_unlock(&l->m);
}

void sp_timer_stop(struct sp_timer *t)
{
    struct sp_loop *l = t->loop;
    if (!l)
        return;
    sp_mutex_lock(&l->m);
    sp_heap_remove(&l->timers, &t->node);
    sp_mutex_unlock(&l->m);
}

uint64_t sp_timers_fire(struct sp_loop *l, uint64_t now)
{
    for (;;) {
        sp_mutex_lock(&l->m);
        struct sp_heap_node *n = l->timers.root;
        uint64_t due = n ? n->key : SP_NEVER;
        if (due > now) {
            sp_mutex_unlock(&l->m);
            return due;
        }
        sp_heap_remove(&l->timers, n);
        sp_mutex_unlock(&l->m);
        struct sp_timer *t = SP_CONTAINER(n, struct sp_timer, node);
        t->fn(t);
    }
}
