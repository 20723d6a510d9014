/* SPDX-License-Identifier: MIT */
/* Waiting for several sockets, for nn_poll and nn_device: one waiter that all of them know. nn_poll
 * enters the sockets for as long as the call lasts, so that a close wakes it; an empty set just
 * sleeps. */
#include "poll.h"
#include "table.h"
#include <errno.h>

/* How many have events now. With `add` they get the waiter, too, and send off what they gathered.
 */
static int poll_look(struct sp_pollset *set, bool add)
{
    int found = 0;
    bool closed = false;
    for (int i = 0; i < set->n; i++) {
        struct sp_pollitem *it = &set->items[i];
        sp_sock_lock(it->sock);
        it->ready = it->sock->closed ? 0 : it->sock->proto->ready(it->sock) & it->events;
        closed |= it->sock->closed;
        found += it->ready != 0;
        set->lead |= it->sock->n_eps > 0;
        if (add) {
            it->waiter = (struct sp_sock_waiter){.w = &set->w, .events = it->events, .poll = true};
            sp_sock_add_waiter(it->sock, &it->waiter);
            sp_sock_flush(it->sock);
        }
        (void)sp_sock_unlock(it->sock);
    }
    return closed ? -EBADF : found;
}

static void poll_forget(struct sp_pollset *set)
{
    for (int i = 0; i < set->n; i++) {
        struct sp_pollitem *it = &set->items[i];
        sp_sock_lock(it->sock);
        sp_sock_del_waiter(it->sock, &it->waiter);
        sp_sock_notify(it->sock);
        (void)sp_sock_unlock(it->sock);
    }
}

int sp_pollset_wait(struct sp_pollset *set, uint64_t deadline)
{
    for (;;) {
        sp_waiter_init(&set->w);
        int found = poll_look(set, true);
        int rc = found == 0 ? sp_loop_wait(sp_loop_first(), &set->w, deadline, set->lead, 0) : 0;
        poll_forget(set);
        sp_waiter_fini(&set->w);
        if (found != 0)
            return found;
        if (rc < 0)
            return rc == -ETIMEDOUT ? 0 : rc;
    }
}

/* Enters the sockets of fds and looks up what can be asked of them; set->n counts the entered. */
static int poll_enter(struct sp_pollset *set, const struct nn_pollfd *fds, int n)
{
    for (int i = 0; i < n; i++) {
        struct sp_sock *s = sp_table_enter(fds[i].fd);
        if (!s)
            return -EBADF;
        set->items[set->n++] = (struct sp_pollitem){.sock = s, .events = fds[i].events};
        if (fds[i].events & ~s->proto->caps & (NN_POLLIN | NN_POLLOUT))
            return -ENOPROTOOPT;
    }
    return 0;
}

static int poll_run(struct sp_pollset *set, struct nn_pollfd *fds, int n, int timeout_ms)
{
    int rc = poll_enter(set, fds, n);
    if (rc == 0)
        rc = poll_look(set, false);
    if (rc == 0 && timeout_ms == 0) {
        if (set->lead)
            sp_loop_glance(sp_loop_first());
        rc = poll_look(set, false);
    } else if (rc == 0) {
        rc = sp_pollset_wait(set, sp_deadline(timeout_ms));
    }
    for (int i = 0; i < set->n; i++) {
        if (rc > 0)
            fds[i].revents = (short)set->items[i].ready;
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
    struct sp_pollset set = {.items = sp_calloc((size_t)n, sizeof *set.items)};
    int rc = set.items ? poll_run(&set, fds, n, timeout_ms) : -ENOMEM;
    sp_free(set.items);
    return rc;
}
