/* SPDX-License-Identifier: MIT */
#ifndef SP_CORE_POLL_H
#define SP_CORE_POLL_H

#include "sock.h"

/* One of several sockets that are waited for. */
struct sp_pollitem {
    struct sp_sock *sock;         /* entered by the caller for as long as it waits */
    int events;                   /* SP_CAN_* wanted */
    int ready;                    /* of these, when last looked */
    struct sp_sock_waiter waiter; /* what the socket knows */
};

struct sp_pollset {
    struct sp_pollitem *items; /* n of them, all different sockets or the same again */
    int n;
    struct sp_waiter w; /* the calling thread */
    bool lead;          /* some socket has endpoints */
};

/* Sends off what the sockets gathered and waits until one is as wanted. How many are, 0 at the
 * deadline, -EBADF when one was closed, -EINTR. No lock is held. */
int sp_pollset_wait(struct sp_pollset *set, uint64_t deadline) SP_MUST_CHECK;

/* nn_poll. How many have events, 0 at the time-out, or a negative errno. */
int sp_poll(struct nn_pollfd *fds, int n, int timeout_ms) SP_MUST_CHECK;

#endif
