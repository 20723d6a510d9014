/* SPDX-License-Identifier: MIT */
/* nn_poll: one waiter that all the sockets know. The sockets are entered for as long as the call
 * lasts, so that a close wakes it; an empty set just sleeps. */
#include "poll.h"
#include "sock.h"
#include "table.h"
#include <errno.h>

struct poll_set {
    struct sp_waiter w;
    struct sp_sock **socks;
    struct sp_sock_waiter *waiters;
    short *ready; /* of each, when last looked; revents are written only when there are some */
    bool lead;    /* some socket has endpoints */
};

/* Enters the sockets; those that fail are left again. */
static int poll_enter(struct poll_set *set, const struct nn_pollfd *fds, int n)
{
    for (int i = 0; i < n; i++) {
        struct sp_sock *s = set->socks[i] = sp_table_enter(fds[i].fd);
        int rc = !s ? -EBADF : 0;
        if (s && fds[i].events & ~(s->proto->caps) & (NN_POLLIN | NN_POLLOUT))
            rc = -ENOPROTOOPT;
        if (rc == 0)
            continue;
        for (int k = 0; k <= i; k++)
            if (set->socks[k])
                sp_table_leave(fds[k].fd);
        return rc;
    }
    return 0;
}

/* Adds the waiter to each socket; how many have events already. */
static int poll_look(struct poll_set *set, const struct nn_pollfd *fds, int n, bool add)
{
    int found = 0;
    for (int i = 0; i < n; i++) {
        struct sp_sock *s = set->socks[i];
        sp_sock_lock(s);
        int ready = s->closed ? -1 : s->proto->ready(s) & fds[i].events;
        set->lead |= s->n_eps > 0;
        set->waiters[i] =
            (struct sp_sock_waiter){.w = &set->w, .events = fds[i].events, .poll = true};
        sp_list_init(&set->waiters[i].link);
        if (add)
            sp_sock_add_waiter(s, &set->waiters[i]);
        (void)sp_sock_unlock(s);
        if (ready < 0)
            return -EBADF;
        found += ready != 0;
        set->ready[i] = (short)ready;
    }
    return found;
}

static void poll_forget(struct poll_set *set, int n)
{
    for (int i = 0; i < n; i++) {
        sp_sock_lock(set->socks[i]);
        sp_sock_del_waiter(set->socks[i], &set->waiters[i]);
        sp_sock_notify(set->socks[i]);
        (void)sp_sock_unlock(set->socks[i]);
    }
}

static int poll_wait(struct poll_set *set, const struct nn_pollfd *fds, int n, uint64_t deadline)
{
    for (;;) {
        sp_waiter_init(&set->w);
        int found = poll_look(set, fds, n, true);
        int rc = found == 0 ? sp_loop_wait(sp_loop_first(), &set->w, deadline, set->lead, 0) : 0;
        poll_forget(set, n);
        sp_waiter_fini(&set->w);
        if (found != 0)
            return found;
        if (rc < 0)
            return rc == -ETIMEDOUT ? 0 : rc;
    }
}

static int poll_run(struct poll_set *set, struct nn_pollfd *fds, int n, int timeout_ms)
{
    int rc = poll_enter(set, fds, n);
    if (rc < 0)
        return rc;
    rc = poll_look(set, fds, n, false);
    if (rc == 0 && timeout_ms == 0) {
        sp_loop_glance(sp_loop_first());
        rc = poll_look(set, fds, n, false);
    } else if (rc == 0) {
        rc = poll_wait(set, fds, n, sp_deadline(timeout_ms));
    }
    for (int i = 0; i < n; i++) {
        if (rc > 0)
            fds[i].revents = set->ready[i];
        sp_table_leave(fds[i].fd);
    }
    return rc;
}

static int poll_sleep(int timeout_ms)
{
    struct sp_park p;
    sp_park_init(&p);
    int rc = sp_park_wait(&p, sp_deadline(timeout_ms));
    sp_park_fini(&p);
    return rc == -ETIMEDOUT ? 0 : rc;
}

int sp_poll(struct nn_pollfd *fds, int n, int timeout_ms)
{
    if (n < 0)
        return -EINVAL;
    if (n == 0)
        return poll_sleep(timeout_ms);
    if (!fds)
        return -EFAULT;
    struct poll_set set = {.lead = false};
    set.socks = sp_calloc((size_t)n, sizeof *set.socks);
    set.waiters = sp_calloc((size_t)n, sizeof *set.waiters);
    set.ready = sp_calloc((size_t)n, sizeof *set.ready);
    int rc = set.socks && set.waiters && set.ready ? poll_run(&set, fds, n, timeout_ms) : -ENOMEM;
    sp_free(set.socks);
    sp_free(set.waiters);
    sp_free(set.ready);
    return rc;
}
