/* SPDX-License-Identifier: MIT */
/* A listener accepts until there is nothing left, and keeps its half-open connections in order of
 * age.
 *
 * Failure modes: nn_bind fails with the system's errno. Without descriptors, one that was kept in
 * reserve is given up to accept and close the caller (so that it hears at once), then accepting
 * pauses for 100 ms. At NN_MAX_HANDSHAKES the oldest connection that has kept us waiting for too
 * long gives way: 250 ms before its first whole record, 2 s after it. While there is none, callers
 * wait in the kernel's backlog: evicting at once would let a thousand honest peers that come back
 * together push each other out for ever. */
#define _GNU_SOURCE /* accept4 */
#include "../../base/fds.h"
#include "impl.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define PAUSE_MS  100
#define SILENT_NS (250 * SP_MS)
#define SLOW_NS   (2000 * SP_MS)

static void listen_reserve(struct sp_stream_ep *se)
{
    if (se->reserve >= 0)
        return;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && sp_fd_keep(fd) < 0)
        close(fd);
    else
        se->reserve = fd;
}

static void listen_again(struct sp_timer *t)
{
    struct sp_stream_ep *se = SP_CONTAINER(t, struct sp_stream_ep, timer);
    struct sp_sock *s = se->ep->sock;
    sp_sock_lock(s);
    if (!se->ep->stopped) {
        listen_reserve(se);
        se->full = false;
        sp_watch_mod(&se->watch, POLLIN);
    }
    (void)sp_sock_unlock(s);
}

/* The lock is held. */
static void listen_exhausted(struct sp_stream_ep *se, int err)
{
    struct sp_sock *s = se->ep->sock;
    if (se->reserve >= 0) {
        sp_fd_close(se->reserve);
        se->reserve = -1;
        int fd = accept(se->fd, NULL, NULL);
        if (fd >= 0)
            close(fd);
    }
    s->stats[SP_ST_ACCEPT_ERRORS]++;
    sp_sock_reason(s, se->ep, SP_REASON_LIMIT, err, se->ep->address, "accepting pauses for 100 ms");
    sp_watch_mod(&se->watch, 0);
    sp_timer_set(se->ep->loop, &se->timer, sp_deadline(PAUSE_MS));
}

/* The half-open connection that gives way first, and when it does. The lock is held. */
static struct sp_conn *listen_slowest(struct sp_stream_ep *se, uint64_t *when)
{
    struct sp_conn *found = NULL;
    *when = SP_NEVER;
    SP_LIST_EACH (it, &se->half_open) {
        struct sp_conn *c = SP_CONTAINER(it, struct sp_conn, in_half);
        uint64_t due = c->last + (c->spoke ? SLOW_NS : SILENT_NS);
        if (due < *when) {
            *when = due;
            found = c;
        }
    }
    return found;
}

static bool listen_pending(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* Makes room among the half-open, for a caller that is there; false: accepting pauses until there
 * is some. The lock is held. */
static bool listen_room(struct sp_stream_ep *se)
{
    uint64_t when;
    bool room = se->n_half < se->ep->max_handshakes;
    if (!room && listen_pending(se->fd)) {
        struct sp_conn *c = listen_slowest(se, &when);
        room = when <= sp_now();
        if (room) {
            conn_evict(c);
        } else {
            se->full = true;
            sp_watch_mod(&se->watch, 0);
            sp_timer_set(se->ep->loop, &se->timer, when);
        }
    }
    return room;
}

void sp_listen_freed(struct sp_stream_ep *se)
{
    if (!se->full || se->ep->stopped)
        return;
    se->full = false;
    sp_watch_mod(&se->watch, POLLIN);
}

static void listen_take(struct sp_stream_ep *se, int fd, const struct sp_addr *a)
{
    char text[160];
    if (sp_fd_keep(fd) < 0) {
        close(fd);
        return;
    }
    sp_addr_tune(se->ep, fd);
    sp_addr_text(se->ep, a, text, sizeof text);
    sp_conn_start(se->ep, fd, false, text);
}

static int accept_one(int listener, struct sp_addr *a)
{
    a->len = sizeof a->ss;
#ifdef __linux__
    return accept4(listener, (struct sockaddr *)&a->ss, &a->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    int fd = accept(listener, (struct sockaddr *)&a->ss, &a->len);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
        close(fd);
        errno = ECONNABORTED;
        return -1;
    }
    return fd;
#endif
}

/* The next caller, -EAGAIN when there is none or no room, or what went wrong with one. The lock is
 * held meanwhile: se->fd may be the number of another descriptor once the endpoint is stopped. */
static int listen_next(struct sp_stream_ep *se, struct sp_addr *a)
{
    struct sp_sock *s = se->ep->sock;
    int fd = -EAGAIN;
    sp_sock_lock(s);
    if (!se->ep->stopped && listen_room(se)) {
        fd = accept_one(se->fd, a);
        fd = fd < 0 ? -errno : fd;
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM)
            listen_exhausted(se, fd);
    }
    (void)sp_sock_unlock(s);
    return fd;
}

static void listen_event(struct sp_watch *w, int events)
{
    struct sp_stream_ep *se = SP_CONTAINER(w, struct sp_stream_ep, watch);
    struct sp_addr a;
    (void)events;
    for (;;) {
        int fd = listen_next(se, &a);
        if (fd >= 0)
            listen_take(se, fd, &a);
        else if (fd != -ECONNABORTED && fd != -EINTR && fd != -EPROTO)
            return;
    }
}

int sp_stream_listen(struct sp_ep *ep)
{
    struct sp_stream_ep *se = sp_stream_ep(ep);
    int fd = sp_addr_socket(ep, &se->local);
    if (fd < 0)
        return fd;
    se->fd = fd;
    const struct sp_family *family = sp_addr_family(ep);
    int rc = family->listen(ep, fd, &se->local);
    if (rc == 0) {
        listen_reserve(se);
        se->watch = (struct sp_watch){.fd = fd, .fn = listen_event};
        se->timer.fn = listen_again;
        rc = sp_watch_add(ep->loop, &se->watch, POLLIN);
        if (rc < 0 && family->unlisten)
            family->unlisten(ep);
    }
    if (rc < 0) {
        sp_fd_close(se->fd);
        sp_fd_close(se->reserve);
        se->fd = se->reserve = -1;
    }
    return rc;
}
