/* SPDX-License-Identifier: MIT */
/* nn_send and nn_recv below the table: try under the lock, else wait. A call that would say EAGAIN
 * first lets what is already there be handled. Before a caller sleeps, whatever its socket gathered
 * is sent off.
 *
 * Failure modes: EBADF when the socket is closed meanwhile, ETIMEDOUT and EINTR from the wait;
 * nothing is lost by any. */
#include "sock.h"
#include <errno.h>
#include <pthread.h>

void sp_sock_flush(struct sp_sock *s)
{
    SP_LIST_EACH_SAFE (it, &s->gathered) {
        struct sp_pipe *p = SP_CONTAINER(it, struct sp_pipe, in_gathered);
        p->ops->flush(p);
    }
}

/* Sleeps without the event loop, which takes no part in what is waited for: whoever makes it true
 * posts, after it has released the lock. The lock is held before and after. */
static int sock_park(struct sp_sock *s, int event, uint64_t deadline, uint64_t spin_until)
{
    struct sp_park park;
    struct sp_sock_waiter sw = {.park = &park, .events = event};
    int rc = -ETIMEDOUT, cancel;
    sp_park_init(&park);
    sp_sock_add_waiter(s, &sw);
    (void)sp_sock_unlock(s);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    while (rc == -ETIMEDOUT && sp_now() < spin_until)
        rc = sp_park_wait(&park, 0);
    if (rc == -ETIMEDOUT)
        rc = sp_park_wait(&park, deadline);
    pthread_setcancelstate(cancel, NULL);
    sp_sock_lock(s);
    if (sw.signalled && rc < 0)
        sp_park_take(&park); /* a post is owed */
    sp_sock_del_waiter(s, &sw);
    sp_park_fini(&park);
    return sw.signalled ? 0 : rc;
}

/* The same while the caller may lead the loop. */
static int sock_lead(struct sp_sock *s, int event, uint64_t deadline, uint64_t spin)
{
    struct sp_waiter w;
    struct sp_sock_waiter sw = {.w = &w, .events = event};
    sp_waiter_init(&w);
    sp_sock_add_waiter(s, &sw);
    (void)sp_sock_unlock(s);
    int rc = sp_loop_wait(sp_loop_first(), &w, deadline, true, spin);
    sp_sock_lock(s);
    sp_sock_del_waiter(s, &sw);
    sp_waiter_fini(&w);
    return rc;
}

/* Sleeps until `event` may be true. The lock is held before and after. */
static int sock_wait(struct sp_sock *s, int event, uint64_t deadline)
{
    uint64_t spin = (uint64_t)s->busy_poll * 1000;
    sp_sock_flush(s);
    int rc = s->n_eps > 0 ? sock_lead(s, event, deadline, spin)
                          : sock_park(s, event, deadline, spin ? sp_now() + spin : 0);
    return s->closed ? -EBADF : rc;
}

/* What to do about -EAGAIN: 0 to try again, or the call's result. The lock is held before and
 * after. */
static int sock_again(struct sp_sock *s, int event, int flags, int timeo, uint64_t *deadline)
{
    if (flags & NN_DONTWAIT) {
        if (*deadline == 0)
            return -EAGAIN;
        *deadline = 0; /* the second -EAGAIN is final */
        bool lead = s->n_eps > 0;
        sp_sock_flush(s);
        (void)sp_sock_unlock(s);
        if (lead)
            sp_loop_glance(sp_loop_first());
        sp_sock_lock(s);
        return s->closed ? -EBADF : 0;
    }
    if (*deadline == SP_NEVER && timeo >= 0)
        *deadline = sp_deadline(timeo);
    return sock_wait(s, event, *deadline);
}

static int send_locked(struct sp_sock *s, struct sp_msg *m, int flags)
{
    uint64_t deadline = SP_NEVER;
    int rc;
    if (s->closed)
        return -EBADF;
    while ((rc = s->proto->send(s, m)) == -EAGAIN)
        if ((rc = sock_again(s, SP_CAN_SEND, flags, s->snd_timeo, &deadline)) < 0)
            break;
    return rc;
}

int sp_sock_send(struct sp_sock *s, struct sp_msg *m, int flags)
{
    if (!(s->proto->caps & SP_CAN_SEND))
        return -ENOTSUP;
    size_t len = m->body_len;
    sp_sock_lock(s);
    int rc = send_locked(s, m, flags);
    if (rc == 0) {
        s->stats[SP_ST_SENT]++;
        s->stats[SP_ST_BYTES_SENT] += len;
    }
    sp_sock_notify(s);
    int err = sp_sock_unlock(s);
    if (rc == 0 && err < 0) { /* it was not sent after all, and is the caller's again */
        sp_sock_lock(s);
        s->stats[SP_ST_SENT]--;
        s->stats[SP_ST_BYTES_SENT] -= len;
        (void)sp_sock_unlock(s);
    }
    return rc == 0 ? err : rc;
}

int sp_sock_recv(struct sp_sock *s, int flags,
                 int (*take)(struct sp_sock *s, struct sp_msg *m, void *arg), void *arg)
{
    if (!(s->proto->caps & SP_CAN_RECV))
        return -ENOTSUP;
    uint64_t deadline = SP_NEVER;
    struct sp_msg m;
    sp_msg_init(&m);
    sp_sock_lock(s);
    int rc = s->closed ? -EBADF : 0;
    while (rc == 0 && (rc = s->proto->recv(s, &m)) == -EAGAIN)
        rc = sock_again(s, SP_CAN_RECV, flags, s->rcv_timeo, &deadline);
    if (rc == 0) {
        size_t len = m.body_len;
        rc = take(s, &m, arg);
        if (rc < 0)
            sp_sock_dropped_recv(s);
        else
            s->stats[SP_ST_BYTES_RECEIVED] += len;
        s->stats[SP_ST_RECEIVED] += rc >= 0;
    }
    sp_sock_notify(s);
    (void)sp_sock_unlock(s);
    sp_msg_drop(&m);
    return rc;
}
