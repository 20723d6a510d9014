/* SPDX-License-Identifier: MIT */
/* Slow work on threads of our own: made on demand, gone when idle for 5 s, never joined at exit.
 * Two classes, so that name look-ups, which block, do not hold up handshakes, which compute. */
#ifndef SP_CORE_WORK_H
#define SP_CORE_WORK_H

#include "../base/alloc.h"
#include "../base/list.h"
#include <stdbool.h>

enum sp_work_class { SP_WORK_CPU, SP_WORK_BLOCK, SP_WORK_CLASSES };

/* Embedded in what the work is about, which must live until `run` has returned. */
struct sp_job {
    struct sp_list link;
    bool first; /* goes ahead of those that wait: what has begun is finished first, which keeps few
                   contexts alive */
    void (*run)(struct sp_job *j); /* on a worker, no lock held */
};

/* Queues j, first in, first out. 0, or a negative errno when no thread runs and none can be
 * started. Any thread, a socket's lock may be held. */
int sp_work_submit(enum sp_work_class c, struct sp_job *j) SP_MUST_CHECK;
void sp_work_child(void); /* a forked child has no workers */

#endif
