/* SPDX-License-Identifier: MIT */
/* The token under load: threads that wait, with time-outs, signals and pauses; messages by descriptors and by other
 * threads; watches that come and go, timers, ticks. Nothing may be lost or stand still: when the senders stop,
 * everything that was sent has to be received, by waiting alone. */
#include "../unit/loop_support.h"

#define SOCKS 4
#define RECEIVERS 8
#define SENDERS 3
#define RUN_MS 3000
#define AHEAD 2000 /* messages that may be under way */

/* What a socket is to the loop: a lock, a count of messages, blocked callers. */
struct box {
    sp_mutex lock;
    struct sp_watch watch;
    int far;
    long queue;
    struct sp_list waiters;
};

struct caller {
    struct sp_list link;
    struct sp_waiter w;
};

static struct box boxes[SOCKS];
static atomic_long sent, got, n_eintr, n_timeouts;
static atomic_bool no_more, stop;

static void box_wake(struct box *b)
{
    if (!sp_list_empty(&b->waiters))
        sp_waiter_signal(sp_loop_first(), &SP_CONTAINER(b->waiters.next, struct caller, link)->w);
}

static void box_put(struct box *b, long n)
{
    sp_mutex_lock(&b->lock);
    bool was_empty = b->queue == 0;
    b->queue += n;
    if (was_empty)
        box_wake(b);
    sp_mutex_unlock(&b->lock);
}

static void box_event(struct sp_watch *w, int events)
{
    char bytes[4096];
    (void)events;
    ssize_t n = recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
        box_put(SP_CONTAINER(w, struct box, watch), n);
}

/* nn_recv: 0 with a message. Who leaves passes on what is left. */
static int box_take(struct box *b, uint64_t deadline)
{
    int rc = 0;
    sp_mutex_lock(&b->lock);
    while (b->queue == 0 && rc == 0) {
        struct caller c;
        sp_waiter_init(&c.w);
        sp_list_push(&b->waiters, &c.link);
        sp_mutex_unlock(&b->lock);
        rc = sp_loop_wait(sp_loop_first(), &c.w, deadline, true, 0);
        sp_mutex_lock(&b->lock);
        sp_list_unlink(&c.link);
        sp_waiter_fini(&c.w);
    }
    if (b->queue > 0) {
        b->queue--;
        rc = 0;
    }
    if (b->queue > 0)
        box_wake(b);
    sp_mutex_unlock(&b->lock);
    return rc;
}

static uint32_t next_random(uint32_t *r) { return (*r = *r * 1103515245u + 12345u) >> 8; }

static void *receiver_main(void *arg)
{
    uint32_t i = (uint32_t)(uintptr_t)arg, r = i * 7919 + 1;
    while (!atomic_load(&stop)) {
        uint64_t ns = next_random(&r) % 4 == 0 ? next_random(&r) % 3000000 : 200 * SP_MS;
        int rc = box_take(&boxes[i % SOCKS], sp_now() + ns);
        if (rc == 0)
            atomic_fetch_add(&got, 1);
        else
            atomic_fetch_add(rc == -EINTR ? &n_eintr : &n_timeouts, 1);
        if (rc == 0 && next_random(&r) % 64 == 0)
            poll(NULL, 0, (int)(next_random(&r) % 7)); /* the application works on it */
    }
    return NULL;
}

static void *sender_main(void *arg)
{
    uint32_t r = (uint32_t)(uintptr_t)arg * 104729 + 3;
    while (!atomic_load(&no_more)) {
        struct box *b = &boxes[next_random(&r) % SOCKS];
        if (atomic_load(&sent) - atomic_load(&got) > AHEAD) {
            sched_yield();
        } else if (next_random(&r) & 1) {
            atomic_fetch_add(&sent, 1);
            if (send(b->far, "x", 1, MSG_DONTWAIT) != 1)
                atomic_fetch_sub(&sent, 1);
        } else {
            atomic_fetch_add(&sent, 1);
            box_put(b, 1);
        }
        if (next_random(&r) % 1024 == 0)
            poll(NULL, 0, (int)(next_random(&r) % 20)); /* so that the loop falls asleep now and then */
    }
    return NULL;
}

static void timer_fn(struct sp_timer *t) { (void)t; }

/* Other users of the loop, at the same time. */
static void *churn_main(void *arg)
{
    struct sp_timer t = {.fn = timer_fn};
    (void)arg;
    for (unsigned i = 0; !atomic_load(&no_more); i++) {
        struct ear e;
        ear_open(&e, sp_loop_first(), NULL);
        sp_loop_eager(sp_loop_first(), 1);
        if (i % 2)
            ear_tell(&e);
        sp_watch_mod(&e.w, i % 3 ? 0 : POLLIN | POLLOUT);
        sp_timer_set(sp_loop_first(), &t, sp_now() + i % 100 * 20000);
        sp_loop_eager(sp_loop_first(), -1);
        if (i % 8 == 0)
            sp_loop_glance(sp_loop_first());
        ear_close(&e);
        if (i % 16 == 0)
            poll(NULL, 0, 1);
    }
    sp_timer_stop(&t);
    return NULL;
}

static void box_open(struct box *b)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    assert_int_equal(sp_mutex_init(&b->lock), 0);
    sp_list_init(&b->waiters);
    b->watch = (struct sp_watch){.fd = fd[0], .fn = box_event};
    b->far = fd[1];
    assert_int_equal(sp_watch_add(sp_loop_first(), &b->watch, POLLIN), 0);
}

/* Signals receivers in turn until `end`; fails when nothing arrives for seconds though something is under way. */
static void watch_over(pthread_t *receivers, uint64_t end)
{
    long last = -1;
    uint64_t since = sp_now();
    for (unsigned i = 0; sp_now() < end; i++) {
        poll(NULL, 0, 2);
        pthread_kill(receivers[i % RECEIVERS], SIGUSR1);
        long now = atomic_load(&got);
        if (now != last || atomic_load(&sent) == now) {
            last = now;
            since = sp_now();
        }
        assert_true(sp_now() - since < LONG_NS);
    }
}

static void nothing_is_lost_and_nothing_stands_still(void **state)
{
    (void)state;
    pthread_t receivers[RECEIVERS], senders[SENDERS], churn;
    catch_signal(SA_RESTART);
    for (int i = 0; i < SOCKS; i++)
        box_open(&boxes[i]);
    for (uintptr_t i = 0; i < RECEIVERS; i++)
        assert_int_equal(pthread_create(&receivers[i], NULL, receiver_main, (void *)i), 0);
    for (uintptr_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&senders[i], NULL, sender_main, (void *)i), 0);
    assert_int_equal(pthread_create(&churn, NULL, churn_main, NULL), 0);
    watch_over(receivers, sp_deadline(RUN_MS));
    atomic_store(&no_more, true);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i], NULL);
    pthread_join(churn, NULL);
    UNTIL(atomic_load(&got) == atomic_load(&sent));
    atomic_store(&stop, true);
    for (int i = 0; i < RECEIVERS; i++)
        pthread_join(receivers[i], NULL);
    for (int i = 0; i < SOCKS; i++) {
        sp_watch_del(&boxes[i].watch);
        close(boxes[i].watch.fd);
        close(boxes[i].far);
        sp_mutex_fini(&boxes[i].lock);
    }
    struct sp_loop_stats s = stats_now();
    print_message("%ld messages, %ld signals, %ld time-outs; %lu turns led, %lu parked, %lu kicks, helper led %lu\n",
                  atomic_load(&got), atomic_load(&n_eintr), atomic_load(&n_timeouts), (unsigned long)s.leads,
                  (unsigned long)s.parks, (unsigned long)s.kicks, (unsigned long)s.helper_leads);
    assert_true(atomic_load(&got) > 1000);
    assert_true(atomic_load(&n_eintr) > 0);
    assert_true(atomic_load(&n_timeouts) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(nothing_is_lost_and_nothing_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
