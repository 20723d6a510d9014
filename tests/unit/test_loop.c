/* SPDX-License-Identifier: MIT */
#include "loop_support.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>

/* ---- waiting ---- */

static void a_waiter_that_was_signalled_does_not_wait(void **state)
{
    (void)state;
    struct sp_waiter w;
    sp_waiter_init(&w);
    assert_false(sp_waiter_ready(loop, &w));
    sp_waiter_signal(loop, &w);
    sp_waiter_signal(loop, &w);
    assert_true(sp_waiter_ready(loop, &w));
    assert_int_equal(sp_loop_wait(loop, &w, SP_NEVER, true, 0), 0);
    assert_int_equal(sp_loop_wait(loop, &w, 1, false, 0), 0);
    sp_waiter_fini(&w);
}

static void a_wait_ends_at_its_deadline(void **state)
{
    (void)state;
    for (int lead = 0; lead < 2; lead++) {
        const uint64_t ns[] = {0, 300000, 10 * SP_MS};
        for (size_t i = 0; i < 3; i++) {
            struct sp_waiter w;
            sp_waiter_init(&w);
            uint64_t start = sp_now();
            assert_int_equal(sp_loop_wait(loop, &w, start + ns[i], lead, 0), -ETIMEDOUT);
            assert_in_range(sp_now() - start, ns[i], ns[i] + 2000 * SP_MS);
            sp_waiter_fini(&w);
        }
    }
}

static void who_waits_leads_and_handles_the_event_itself(void **state)
{
    (void)state;
    struct sp_waiter w;
    struct ear e;
    sp_waiter_init(&w);
    ear_open(&e, loop, &w);
    ear_tell(&e);
    uint64_t leads = stats_now().leads;
    assert_int_equal(sp_loop_wait(loop, &w, SP_NEVER, true, 0), 0);
    assert_int_equal(stats_now().leads, leads + 1);
    assert_true(pthread_equal(atomic_load(&e.thread), pthread_self()));
    ear_close(&e);
    sp_waiter_fini(&w);
}

static void a_busy_poller_finds_the_event_too(void **state)
{
    (void)state;
    struct sp_waiter w;
    struct ear e;
    sp_waiter_init(&w);
    ear_open(&e, loop, &w);
    ear_tell(&e);
    assert_int_equal(sp_loop_wait(loop, &w, SP_NEVER, true, 1000 * SP_MS), 0);
    sp_waiter_fini(&w);
    sp_waiter_init(&w);
    e.waiter = &w;
    uint64_t start = sp_now();
    assert_int_equal(sp_loop_wait(loop, &w, start + 20 * SP_MS, true, 5 * SP_MS), -ETIMEDOUT);
    assert_in_range(sp_now() - start, 20 * SP_MS, 2000 * SP_MS);
    ear_close(&e);
    sp_waiter_fini(&w);
}

static void a_leader_that_sleeps_is_woken_by_a_signal(void **state)
{
    (void)state;
    struct sleeper s;
    sleeper_started(&s, SP_NEVER, true);
    sp_waiter_signal(loop, &s.w);
    assert_int_equal(sleeper_join(&s), 0);
}

static void one_leads_and_the_others_park(void **state)
{
    (void)state;
    struct sleeper s[3];
    struct sp_loop_stats before = stats_now();
    for (int i = 0; i < 3; i++)
        sleeper_started(&s[i], SP_NEVER, true);
    assert_int_equal(stats_now().leads, before.leads + 1);
    assert_int_equal(stats_now().parks, before.parks + 2);
    for (int i = 2; i >= 0; i--) {
        assert_int_equal(atomic_load(&s[i].rc), 1);
        sp_waiter_signal(loop, &s[i].w);
        assert_int_equal(sleeper_join(&s[i]), 0);
    }
}

static void the_oldest_parked_waiter_leads_next(void **state)
{
    (void)state;
    struct sleeper s[3];
    struct ear e[3];
    for (int i = 0; i < 3; i++)
        sleeper_started(&s[i], SP_NEVER, true);
    for (int i = 0; i < 3; i++) {
        uint64_t leads = stats_now().leads;
        ear_open(&e[i], loop, &s[i].w);
        ear_tell(&e[i]);
        assert_int_equal(sleeper_join(&s[i]), 0);
        assert_true(pthread_equal(atomic_load(&e[i].thread), s[i].thread));
        if (i < 2)
            UNTIL(stats_now().leads > leads);
    }
    for (int i = 0; i < 3; i++)
        ear_close(&e[i]);
}

static void a_leader_that_times_out_hands_over(void **state)
{
    (void)state;
    struct sleeper a, b;
    struct ear e;
    sleeper_started(&a, sp_deadline(30), true);
    sleeper_started(&b, SP_NEVER, true);
    assert_int_equal(sleeper_join(&a), -ETIMEDOUT);
    ear_open(&e, loop, &b.w);
    ear_tell(&e);
    assert_int_equal(sleeper_join(&b), 0);
    ear_close(&e);
}

/* The commit 4abce37: the one that may not lead was promoted, and nobody led. */
static void who_may_not_lead_is_not_made_to(void **state)
{
    (void)state;
    struct sleeper a, b;
    struct ear e;
    ear_open(&e, loop, NULL);
    sleeper_started(&a, sp_deadline(30), true);
    sleeper_started(&b, SP_NEVER, false);
    e.waiter = &b.w;
    assert_int_equal(sleeper_join(&a), -ETIMEDOUT);
    ear_tell(&e);
    assert_int_equal(sleeper_join(&b), 0);
    assert_false(pthread_equal(atomic_load(&e.thread), b.thread));
    ear_close(&e);
}

static void the_next_that_may_lead_is_taken_from_behind_those_that_may_not(void **state)
{
    (void)state;
    struct sleeper a, b, c;
    struct ear e;
    sleeper_started(&a, sp_deadline(30), true);
    sleeper_started(&b, SP_NEVER, false);
    sleeper_started(&c, SP_NEVER, true);
    assert_int_equal(sleeper_join(&a), -ETIMEDOUT);
    ear_open(&e, loop, &c.w);
    ear_tell(&e);
    assert_int_equal(sleeper_join(&c), 0);
    assert_true(pthread_equal(atomic_load(&e.thread), c.thread));
    sp_waiter_signal(loop, &b.w);
    assert_int_equal(sleeper_join(&b), 0);
    ear_close(&e);
}

static void a_handler_ends_the_wait_of_leaders_and_of_parked(void **state)
{
    (void)state;
    const int flags[] = {0, SA_RESTART};
    for (int i = 0; i < 4; i++) {
        struct sleeper s;
        catch_signal(flags[i / 2]);
        sleeper_started(&s, SP_NEVER, i % 2);
        for (uint64_t end = sp_now() + LONG_NS; atomic_load(&s.rc) == 1;) { /* it may be about to sleep still */
            assert_true(sp_now() < end);
            pthread_kill(s.thread, SIGUSR1);
            sched_yield();
        }
        assert_int_equal(sleeper_join(&s), -EINTR);
    }
}

static void a_parked_waiter_that_leaves_takes_the_post_it_was_owed(void **state)
{
    (void)state;
    struct sleeper a;
    sleeper_started(&a, SP_NEVER, true);
    for (int i = 0; i < 2000; i++) {
        struct sp_waiter w;
        sp_waiter_init(&w);
        int rc = sp_loop_wait(loop, &w, sp_now() + 1000, true, 0);
        assert_int_equal(rc, -ETIMEDOUT);
        assert_false(w.linked);
        sp_waiter_fini(&w);
    }
    sp_waiter_signal(loop, &a.w);
    assert_int_equal(sleeper_join(&a), 0);
}

/* ---- events without a waiter ---- */

static void a_glance_handles_what_is_there(void **state)
{
    (void)state;
    struct ear e;
    ear_open(&e, loop, NULL);
    ear_tell(&e);
    UNTIL((sp_loop_glance(loop), atomic_load(&e.n_bytes) == 1));
    ear_close(&e);
}

static void a_deleted_watch_gives_no_more_events(void **state)
{
    (void)state;
    struct sleeper s;
    sleeper_started(&s, SP_NEVER, true);
    for (int i = 0; i < 50; i++) {
        struct ear e;
        ear_open(&e, loop, NULL);
        ear_tell(&e);
        if (i % 2)
            UNTIL(atomic_load(&e.n_bytes) == 1);
        sp_watch_del(&e.w);
        int n = atomic_load(&e.n_bytes);
        ear_tell(&e);
        ear_close(&e); /* deletes again, which does nothing */
        assert_in_range(atomic_load(&e.n_bytes), n, n + (i % 2 ? 1 : 2)); /* one event may have been under way */
    }
    sp_waiter_signal(loop, &s.w);
    assert_int_equal(sleeper_join(&s), 0);
}

static void a_watch_without_memory_is_not_added(void **state)
{
    (void)state;
    struct sp_watch w = {.fd = 0, .fn = ear_event};
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    w.fd = fd[0];
    failing_set(1);
    int rc = sp_watch_add(loop, &w, POLLIN);
    assert_int_equal(rc, failing_clear() ? -ENOMEM : 0);
    assert_true(rc ? !w.loop : w.loop == loop);
    sp_watch_mod(&w, 0);
    sp_watch_del(&w);
    close(fd[0]);
    close(fd[1]);
}

/* ---- tasks, retired memory ---- */

static struct {
    struct sp_task task[3];
    struct sp_retired retired;
    atomic_int n, order[8];
    bool again;
} work;

static void task_fn(struct sp_task *t)
{
    atomic_store(&work.order[atomic_load(&work.n) % 8], (int)(t - work.task));
    atomic_fetch_add(&work.n, 1);
    if (work.again) {
        work.again = false;
        sp_loop_post(loop, t);
    }
}

static void retired_fn(struct sp_retired *r)
{
    (void)r;
    atomic_store(&work.order[atomic_load(&work.n) % 8], 9);
    atomic_fetch_add(&work.n, 1);
}

static int work_setup(void **state)
{
    memset(&work, 0, sizeof work);
    for (int i = 0; i < 3; i++)
        work.task[i].fn = task_fn;
    work.retired.free = retired_fn;
    return loop_setup(state);
}

/* Nobody takes what is posted while a task runs. */
static void post_all(struct sp_task *t)
{
    (void)t;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3; i++)
            sp_loop_post(loop, &work.task[i]);
    sp_loop_retire(loop, &work.retired);
}

static void tasks_run_once_in_their_order_and_before_what_was_retired_later(void **state)
{
    (void)state;
    struct sp_task first = {.fn = post_all};
    sp_loop_post(loop, &first);
    UNTIL(atomic_load(&work.n) == 4);
    assert_int_equal(atomic_load(&work.order[0]), 0);
    assert_int_equal(atomic_load(&work.order[1]), 1);
    assert_int_equal(atomic_load(&work.order[2]), 2);
    assert_int_equal(atomic_load(&work.order[3]), 9);
    pass(10);
    assert_int_equal(atomic_load(&work.n), 4);
}

static void a_task_may_post_itself_again(void **state)
{
    (void)state;
    work.again = true;
    sp_loop_post(loop, &work.task[0]);
    UNTIL(atomic_load(&work.n) == 2);
}

static void forever_fn(struct sp_task *t)
{
    atomic_fetch_add(&work.n, 1);
    if (!atomic_load(&work.order[0]))
        sp_loop_post(loop, t);
}

/* A leader whose tasks never end still looks at its descriptors. */
static void tasks_without_end_do_not_hide_events(void **state)
{
    (void)state;
    struct sp_waiter w;
    struct ear e;
    work.task[0].fn = forever_fn;
    sp_waiter_init(&w);
    ear_open(&e, loop, &w);
    sp_loop_post(loop, &work.task[0]);
    ear_tell(&e);
    assert_int_equal(sp_loop_wait(loop, &w, sp_now() + LONG_NS, true, 0), 0);
    atomic_store(&work.order[0], 1);
    ear_close(&e);
    sp_waiter_fini(&w);
    UNTIL(!__atomic_load_n(&work.task[0].queued, __ATOMIC_ACQUIRE));
}

static void retired_memory_is_freed_soon_also_when_idle(void **state)
{
    (void)state;
    sp_loop_retire(loop, &work.retired);
    UNTIL(atomic_load(&work.n) == 1);
}

static void a_sleeping_leader_runs_tasks_at_once(void **state)
{
    (void)state;
    struct sleeper s;
    sleeper_started(&s, SP_NEVER, true);
    for (int i = 1; i <= 20; i++) {
        sp_loop_post(loop, &work.task[0]);
        UNTIL(atomic_load(&work.n) == i);
    }
    sp_waiter_signal(loop, &s.w);
    assert_int_equal(sleeper_join(&s), 0);
}

/* ---- quiet ---- */

static void an_idle_wait_does_not_wake_the_helper(void **state)
{
    (void)state;
    struct sp_waiter w;
    struct ear e;
    sp_waiter_init(&w);
    ear_open(&e, loop, &w);
    assert_int_equal(sp_loop_wait(loop, &w, sp_deadline(20), true, 0), -ETIMEDOUT);
    uint64_t before = stats_now().helper_wakes;
    assert_int_equal(sp_loop_wait(loop, &w, sp_deadline(400), true, 0), -ETIMEDOUT);
    assert_in_range(stats_now().helper_wakes - before, 0, 5); /* 80, if it ticked on */
    ear_close(&e);
    sp_waiter_fini(&w);
}

static void an_idle_process_does_not_wake_the_helper(void **state)
{
    (void)state;
    struct ear e;
    ear_open(&e, loop, NULL);
    pass(50);
    uint64_t before = stats_now().helper_wakes, cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    pass(400);
    assert_in_range(stats_now().helper_wakes - before, 0, 2);
    assert_true(cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 100 * SP_MS);
    ear_close(&e);
}

static void a_leader_does_not_kick_itself(void **state)
{
    (void)state;
    struct ear e;
    struct sp_waiter w;
    ear_open(&e, loop, &w);
    uint64_t before = stats_now().kicks;
    for (int i = 0; i < 100; i++) {
        sp_waiter_init(&w);
        ear_tell(&e);
        assert_int_equal(sp_loop_wait(loop, &w, SP_NEVER, true, 0), 0);
        sp_waiter_fini(&w);
    }
    assert_in_range(stats_now().kicks - before, 0, 10); /* the helper may lead now and then */
    ear_close(&e);
}

/* ---- the same through the public calls ---- */

static void *sub_main(void *arg)
{
    struct nn_pollfd p = {.fd = *(int *)arg, .events = NN_POLLIN};
    return (void *)(intptr_t)nn_poll(&p, 1, -1);
}

/* A SUB without endpoints is polled, which may not lead; a REP beside it leads until its time-out. Then a peer comes to the
 * REP: it has to be served, though no caller is there to lead. */
static void a_wait_that_timed_out_beside_an_idle_one_leaves_the_loop_alive(void **state)
{
    (void)state;
    int sub = nn_socket(AF_SP, NN_SUB), rep = nn_socket(AF_SP, NN_REP), req, ms = 30, on = 1;
    char b[NN_SOCKADDR_MAX + 16];
    size_t len = sizeof b;
    pthread_t t;
    assert_int_equal(nn_setsockopt(rep, NN_SOL_SOCKET, NN_RCVTIMEO, &ms, sizeof ms), 0);
    assert_int_equal(nn_setsockopt(rep, NN_SOL_SOCKET, NN_ALLOW_PORT0, &on, sizeof on), 0);
    assert_true(nn_bind(rep, "tcp://127.0.0.1:0") > 0);
    assert_int_equal(nn_getsockopt(rep, NN_SOL_SOCKET, NN_LAST_ENDPOINT, b, &len), 0);
    uint64_t parks = sp_loop_stats(sp_loop_first()).parks;
    assert_int_equal(pthread_create(&t, NULL, sub_main, &sub), 0);
    UNTIL(sp_loop_stats(sp_loop_first()).parks > parks);
    assert_int_equal(nn_recv(rep, b + 100, 1, 0), -1);
    assert_int_equal(nn_errno(), ETIMEDOUT);
    req = nn_socket(AF_SP, NN_REQ);
    assert_true(nn_connect(req, b) > 0);
    assert_int_equal(nn_send(req, "ping", 4, 0), 4);
    ms = 5000;
    assert_int_equal(nn_setsockopt(rep, NN_SOL_SOCKET, NN_RCVTIMEO, &ms, sizeof ms), 0);
    assert_int_equal(nn_recv(rep, b, sizeof b, 0), 4);
    assert_int_equal(nn_close(req) + nn_close(rep) + nn_close(sub), 0);
    void *rc;
    pthread_join(t, &rc);
    assert_int_equal((intptr_t)rc, -1);
    nn_term();
    nn_init();
}

#define WORK_TEST(fn) cmocka_unit_test_setup_teardown(fn, work_setup, loop_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_waiter_that_was_signalled_does_not_wait),
        LOOP_TEST(a_wait_ends_at_its_deadline),
        LOOP_TEST(who_waits_leads_and_handles_the_event_itself),
        LOOP_TEST(a_busy_poller_finds_the_event_too),
        LOOP_TEST(a_leader_that_sleeps_is_woken_by_a_signal),
        LOOP_TEST(one_leads_and_the_others_park),
        LOOP_TEST(the_oldest_parked_waiter_leads_next),
        LOOP_TEST(a_leader_that_times_out_hands_over),
        LOOP_TEST(who_may_not_lead_is_not_made_to),
        LOOP_TEST(the_next_that_may_lead_is_taken_from_behind_those_that_may_not),
        LOOP_TEST(a_handler_ends_the_wait_of_leaders_and_of_parked),
        LOOP_TEST(a_parked_waiter_that_leaves_takes_the_post_it_was_owed),
        LOOP_TEST(a_glance_handles_what_is_there),
        LOOP_TEST(a_deleted_watch_gives_no_more_events),
        LOOP_TEST(a_watch_without_memory_is_not_added),
        WORK_TEST(tasks_run_once_in_their_order_and_before_what_was_retired_later),
        WORK_TEST(a_task_may_post_itself_again),
        WORK_TEST(tasks_without_end_do_not_hide_events),
        WORK_TEST(retired_memory_is_freed_soon_also_when_idle),
        WORK_TEST(a_sleeping_leader_runs_tasks_at_once),
        LOOP_TEST(an_idle_wait_does_not_wake_the_helper),
        LOOP_TEST(an_idle_process_does_not_wake_the_helper),
        LOOP_TEST(a_leader_does_not_kick_itself),
        TEST(a_wait_that_timed_out_beside_an_idle_one_leaves_the_loop_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
