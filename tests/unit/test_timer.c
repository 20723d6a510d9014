/* SPDX-License-Identifier: MIT */
#include "loop_support.h"

struct bell {
    struct sp_timer t;
    atomic_int n;            /* times it rang */
    atomic_int rank;         /* its place among all rings, from 1 */
    _Atomic uint64_t at;     /* when it last rang */
    _Atomic uint64_t again;  /* set again, so long after */
    struct sp_waiter *waiter;
};

static atomic_int rings;

static void ring(struct sp_timer *t)
{
    struct bell *b = SP_CONTAINER(t, struct bell, t);
    uint64_t again = atomic_exchange(&b->again, 0);
    atomic_store(&b->at, sp_now());
    atomic_store(&b->rank, atomic_fetch_add(&rings, 1) + 1);
    if (again)
        sp_timer_set(loop, t, sp_now() + again);
    if (b->waiter)
        sp_waiter_signal(loop, b->waiter);
    atomic_fetch_add(&b->n, 1);
}

static void bell_init(struct bell *b, struct sp_waiter *w)
{
    memset(b, 0, sizeof *b);
    b->t.fn = ring;
    b->waiter = w;
}

static int setup(void **state)
{
    atomic_store(&rings, 0);
    return loop_setup(state);
}

struct done {
    struct sp_task task;
    atomic_bool ran;
};

static void done_fn(struct sp_task *t) { atomic_store(&SP_CONTAINER(t, struct done, task)->ran, true); }

/* Nobody is inside fn any more: a task runs where timers run. */
static void bell_end(struct bell *b)
{
    struct done d = {.task.fn = done_fn};
    sp_timer_stop(&b->t);
    sp_loop_post(loop, &d.task);
    UNTIL(atomic_load(&d.ran));
}

static void it_fires_when_due_and_not_before(void **state)
{
    (void)state;
    const uint64_t ns[] = {0, 300000, 3 * SP_MS, 20 * SP_MS};
    for (size_t i = 0; i < 4; i++) {
        struct bell b;
        bell_init(&b, NULL);
        uint64_t due = sp_now() + ns[i];
        sp_timer_set(loop, &b.t, due);
        UNTIL(atomic_load(&b.n) == 1);
        assert_in_range(atomic_load(&b.at), due, due + 2000 * SP_MS);
        bell_end(&b);
    }
}

static void it_fires_on_the_thread_that_leads(void **state)
{
    (void)state;
    struct sp_waiter w;
    struct bell b;
    sp_waiter_init(&w);
    bell_init(&b, &w);
    sp_timer_set(loop, &b.t, sp_deadline(5));
    assert_int_equal(sp_loop_wait(loop, &w, SP_NEVER, true, 0), 0);
    UNTIL(atomic_load(&b.n) == 1);
    bell_end(&b);
    sp_waiter_fini(&w);
}

static void the_earliest_fires_first(void **state)
{
    (void)state;
    struct bell b[20];
    uint64_t start = sp_deadline(30);
    for (int i = 0; i < 20; i++) {
        bell_init(&b[i], NULL);
        sp_timer_set(loop, &b[i].t, start + (uint64_t)(i * 7 % 20) * 1000);
    }
    for (int i = 0; i < 20; i++)
        UNTIL(atomic_load(&b[i].n) == 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(atomic_load(&b[i].rank), i * 7 % 20 + 1);
        bell_end(&b[i]);
    }
}

static void setting_again_replaces_the_time(void **state)
{
    (void)state;
    struct bell b;
    bell_init(&b, NULL);
    sp_timer_set(loop, &b.t, sp_now() + LONG_NS);
    sp_timer_set(loop, &b.t, sp_deadline(5));
    UNTIL(atomic_load(&b.n) == 1);
    sp_timer_set(loop, &b.t, sp_deadline(20));
    sp_timer_set(loop, &b.t, sp_now() + LONG_NS);
    pass(40);
    assert_int_equal(atomic_load(&b.n), 1);
    bell_end(&b);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    (void)state;
    struct bell b, never;
    bell_init(&b, NULL);
    bell_init(&never, NULL);
    sp_timer_stop(&never.t);
    sp_timer_set(loop, &b.t, sp_deadline(20));
    sp_timer_stop(&b.t);
    sp_timer_stop(&b.t);
    pass(40);
    assert_int_equal(atomic_load(&b.n), 0);
}

static void it_may_set_itself_again(void **state)
{
    (void)state;
    struct bell b;
    bell_init(&b, NULL);
    for (int i = 1; i <= 5; i++) {
        atomic_store(&b.again, 1000);
        sp_timer_set(loop, &b.t, sp_now());
        UNTIL(atomic_load(&b.n) == 2 * i);
    }
    bell_end(&b);
}

static void an_earlier_time_wakes_the_sleeping_leader(void **state)
{
    (void)state;
    struct sleeper s;
    struct bell b;
    bell_init(&b, NULL);
    sleeper_started(&s, sp_now() + 2 * LONG_NS, true);
    UNTIL(stats_now().leads > 0);
    uint64_t start = sp_now();
    sp_timer_set(loop, &b.t, start + SP_MS);
    UNTIL(atomic_load(&b.n) == 1);
    assert_in_range(sp_now() - start, SP_MS, LONG_NS / 2);
    sp_waiter_signal(loop, &s.w);
    assert_int_equal(sleeper_join(&s), 0);
    bell_end(&b);
}

/* REQ sets its resend time with every request. */
static void a_later_time_wakes_nobody(void **state)
{
    (void)state;
    struct sleeper s;
    struct bell b;
    bell_init(&b, NULL);
    sleeper_started(&s, sp_now() + LONG_NS, true);
    pass(20);
    struct sp_loop_stats before = stats_now();
    for (uint64_t i = 1; i <= 100; i++)
        sp_timer_set(loop, &b.t, sp_now() + 2 * LONG_NS + i * SP_MS);
    struct sp_loop_stats after = stats_now();
    assert_int_equal(after.kicks, before.kicks);
    assert_int_equal(after.posts, before.posts);
    sp_waiter_signal(loop, &s.w);
    assert_int_equal(sleeper_join(&s), 0);
    bell_end(&b);
}

static void setting_needs_no_memory(void **state)
{
    (void)state;
    struct bell b;
    bell_init(&b, NULL);
    pass(10);
    failing_set(1);
    sp_timer_set(loop, &b.t, sp_now());
    UNTIL(atomic_load(&b.n) == 1);
    assert_int_equal(failing_clear(), 0);
    bell_end(&b);
}

static void *setter_main(void *arg)
{
    struct bell *b = arg;
    for (int i = 0; i < 2000; i++) {
        sp_timer_set(loop, &b->t, sp_now() + (uint64_t)(i % 7) * 3000);
        if (i % 5 == 0)
            sp_timer_stop(&b->t);
    }
    sp_timer_set(loop, &b->t, sp_now());
    return NULL;
}

static void threads_may_set_timers_at_once(void **state)
{
    (void)state;
    struct bell b[3];
    pthread_t t[3];
    for (int i = 0; i < 3; i++) {
        bell_init(&b[i], NULL);
        assert_int_equal(pthread_create(&t[i], NULL, setter_main, &b[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 3; i++) {
        UNTIL(atomic_load(&b[i].n) > 0);
        bell_end(&b[i]);
    }
}

#define TIMER_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, loop_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIMER_TEST(it_fires_when_due_and_not_before),
        TIMER_TEST(it_fires_on_the_thread_that_leads),
        TIMER_TEST(the_earliest_fires_first),
        TIMER_TEST(setting_again_replaces_the_time),
        TIMER_TEST(a_stopped_timer_does_not_fire),
        TIMER_TEST(it_may_set_itself_again),
        TIMER_TEST(an_earlier_time_wakes_the_sleeping_leader),
        TIMER_TEST(a_later_time_wakes_nobody),
        TIMER_TEST(setting_needs_no_memory),
        TIMER_TEST(threads_may_set_timers_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
