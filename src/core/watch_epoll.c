/* SPDX-License-Identifier: MIT */
/* Linux: one epoll set of our own. Pipes, listeners and dials are members, an eventfd is the kick,
 * and libuv's backend descriptor is one more member, so whatever lives in libuv's loop is run when
 * it is due. Changes by other threads are one epoll_ctl each and wake nobody. Level-triggered.
 *
 * Failure modes: adding can fail (memory, user limit) and says so. EINTR ends the wait, as nn_recv
 * has to return it. */
#include "../base/fds.h"
#include "watch.h"
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS 64

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
                   EPOLLHUP == POLLHUP,
               "same bits");

struct sp_watchset {
    uv_loop_t *uv;       /* borrowed */
    int ep;              /* the set */
    int kick;            /* eventfd */
    atomic_uint changes; /* says to the memory model what epoll does: a watch is whole before its
                            events come */
};

static int set_member(struct sp_watchset *s, int fd, void *tag)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = tag};
    return epoll_ctl(s->ep, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int set_open(struct sp_watchset *s)
{
    s->ep = epoll_create1(EPOLL_CLOEXEC);
    if (s->ep < 0)
        return -errno;
    int rc = sp_fd_keep(s->ep);
    if (rc < 0)
        return rc;
    s->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->kick < 0)
        return -errno;
    rc = sp_fd_keep(s->kick);
    if (rc == 0)
        rc = set_member(s, s->kick, &s->kick);
    if (rc == 0)
        rc = set_member(s, uv_backend_fd(s->uv), &s->uv);
    return rc;
}

int sp_watchset_new(struct sp_watchset **out, uv_loop_t *uv)
{
    struct sp_watchset *s = sp_calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->uv = uv;
    s->ep = s->kick = -1;
    int rc = set_open(s);
    if (rc < 0) {
        sp_watchset_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void sp_watchset_free(struct sp_watchset *s)
{
    sp_fd_close(s->kick);
    sp_fd_close(s->ep);
    sp_free(s);
}

/* A paused watch stays in the set, since coming back could fail for want of memory. EPOLLHUP is
 * reported even so, but only once. */
static int set_ctl(struct sp_watchset *s, int op, struct sp_watch *w)
{
    struct epoll_event e = {.events = w->events ? (uint32_t)w->events : EPOLLONESHOT,
                            .data.ptr = w};
    atomic_fetch_add_explicit(&s->changes, 1, memory_order_release);
    return epoll_ctl(s->ep, op, w->fd, &e) < 0 ? -errno : 0;
}

int sp_watchset_add(struct sp_watchset *s, struct sp_watch *w, int events)
{
    w->events = events;
    w->impl = s;
    int rc = set_ctl(s, EPOLL_CTL_ADD, w);
    if (rc < 0)
        w->impl = NULL;
    return rc;
}

void sp_watchset_mod(struct sp_watchset *s, struct sp_watch *w, int events)
{
    if (w->events == events || !w->impl)
        return;
    w->events = events;
    (void)set_ctl(s, EPOLL_CTL_MOD, w);
}

bool sp_watchset_del(struct sp_watchset *s, struct sp_watch *w)
{
    if (w->impl)
        (void)set_ctl(s, EPOLL_CTL_DEL, w);
    w->impl = NULL;
    w->events = 0;
    return true;
}

void sp_watchset_apply(struct sp_watchset *s)
{
    (void)s;
}

void sp_watchset_kick(struct sp_watchset *s)
{
    uint64_t one = 1;
    ssize_t n = write(s->kick, &one, sizeof one);
    (void)n; /* full means that a kick is under way already */
}

static int set_wait(struct sp_watchset *s, struct epoll_event *ev, uint64_t left)
{
    if (left == 0 || left == SP_NEVER)
        return epoll_wait(s->ep, ev, EVENTS, left ? -1 : 0);
#ifdef SYS_epoll_pwait2
    struct timespec ts = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    long n = syscall(SYS_epoll_pwait2, s->ep, ev, EVENTS, &ts, NULL, 0);
    if (n >= 0 || errno != ENOSYS)
        return (int)n;
#endif
    uint64_t ms = (left + SP_MS - 1) / SP_MS;
    return epoll_wait(s->ep, ev, EVENTS, ms > 3600000 ? 3600000 : (int)ms);
}

int sp_watchset_wait(struct sp_watchset *s, uint64_t deadline)
{
    struct epoll_event ev[EVENTS];
    uint64_t left = SP_NEVER;
    int uv_ms = uv_backend_timeout(s->uv);
    if (deadline != SP_NEVER) {
        uint64_t now = deadline ? sp_now() : 0;
        left = deadline > now ? deadline - now : 0;
    }
    if (uv_ms >= 0 && (uint64_t)uv_ms * SP_MS < left)
        left = (uint64_t)uv_ms * SP_MS;
    int n = set_wait(s, ev, left);
    if (n < 0)
        return errno == EINTR ? -EINTR : 0;
    (void)atomic_load_explicit(&s->changes, memory_order_acquire);
    bool uv = n == 0 && uv_ms >= 0;
    for (int i = 0; i < n; i++) {
        struct sp_watch *w = ev[i].data.ptr;
        if (ev[i].data.ptr == &s->kick) {
            uint64_t v;
            ssize_t got = read(s->kick, &v, sizeof v);
            (void)got;
        } else if (ev[i].data.ptr == &s->uv) {
            uv = true;
        } else {
            w->fn(w, (int)ev[i].events);
        }
    }
    if (uv)
        uv_run(s->uv, UV_RUN_NOWAIT);
    return 0;
}
