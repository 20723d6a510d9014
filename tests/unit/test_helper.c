/* SPDX-License-Identifier: MIT */
#include "loop_support.h"

/* ---- who leads when no caller does ---- */

static void the_helper_leads_when_nobody_waits(void **state)
{
    (void)state;
    struct ear e;
    ear_open(&e, loop, NULL);
    for (int i = 1; i <= 10; i++) {
        ear_tell(&e);
        UNTIL(atomic_load(&e.n_bytes) == i);
        assert_false(pthread_equal(atomic_load(&e.thread), pthread_self()));
    }
    assert_true(stats_now().helper_leads > 0);
    ear_close(&e);
}

static void what_is_urgent_brings_the_helper_at_once(void **state)
{
    (void)state;
    struct ear e;
    ear_open(&e, loop, NULL);
    sp_loop_eager(loop, 1);
    uint64_t start = sp_now();
    for (int i = 1; i <= 200; i++) {
        ear_tell(&e);
        UNTIL(atomic_load(&e.n_bytes) == i);
    }
    assert_true(sp_now() - start < 200 * 4 * SP_MS); /* 5 ms each, if it only looked now and then */
    sp_loop_eager(loop, -1);
    ear_close(&e);
}

/* So that the next call of that thread leads again: no kick, no thread in between. */
static void the_helper_steps_back_when_it_woke_a_caller(void **state)
{
    (void)state;
    struct ear e;
    struct sp_waiter w;
    ear_open(&e, loop, NULL);
    pass(30); /* the helper leads */
    for (int i = 0; i < 3; i++) {
        sp_waiter_init(&w);
        e.waiter = &w;
        ear_tell(&e);
        assert_int_equal(sp_loop_wait(loop, &w, SP_NEVER, true, 0), 0);
        sp_waiter_fini(&w);
    }
    uint64_t leads = stats_now().leads;
    sp_waiter_init(&w);
    e.waiter = &w;
    ear_tell(&e);
    assert_int_equal(sp_loop_wait(loop, &w, SP_NEVER, true, 0), 0);
    assert_int_equal(stats_now().leads, leads + 1);
    ear_close(&e);
    sp_waiter_fini(&w);
}

/* ---- ticks ---- */

struct counter {
    struct sp_tick tick;
    atomic_int left; /* how often it wants to be called */
    atomic_bool over;
};

static bool count_down(struct sp_tick *t)
{
    struct counter *c = SP_CONTAINER(t, struct counter, tick);
    if (atomic_fetch_sub(&c->left, 1) > 1)
        return true;
    atomic_store(&c->over, true);
    return false;
}

static void counter_start(struct counter *c, int n)
{
    memset(c, 0, sizeof *c);
    sp_list_init(&c->tick.link);
    c->tick.fn = count_down;
    atomic_store(&c->left, n);
    sp_loop_tick(loop, &c->tick);
}

static void a_tick_comes_until_it_says_no(void **state)
{
    (void)state;
    struct counter c[3];
    uint64_t start = sp_now();
    for (int i = 0; i < 3; i++)
        counter_start(&c[i], 5 + 10 * i);
    for (int i = 0; i < 3; i++)
        UNTIL(atomic_load(&c[i].over));
    assert_true(sp_now() - start >= 24 * 100000);
    pass(5);
    for (int i = 0; i < 3; i++)
        assert_int_equal(atomic_load(&c[i].left), 0);
}

static void ticks_come_while_a_caller_leads_and_while_the_helper_does(void **state)
{
    (void)state;
    struct counter c;
    struct sleeper s;
    struct ear e;
    sleeper_started(&s, SP_NEVER, true);
    counter_start(&c, 20);
    UNTIL(atomic_load(&c.over));
    sp_waiter_signal(loop, &s.w);
    assert_int_equal(sleeper_join(&s), 0);
    ear_open(&e, loop, NULL);
    ear_tell(&e);
    UNTIL(atomic_load(&e.n_bytes) == 1); /* the helper leads */
    counter_start(&c, 20);
    UNTIL(atomic_load(&c.over));
    ear_close(&e);
}

struct closer {
    struct sp_tick tick;
    struct ear *ear;
    atomic_bool over;
};

static bool close_in_tick(struct sp_tick *t)
{
    struct closer *c = SP_CONTAINER(t, struct closer, tick);
    ear_end(c->ear);
    atomic_store(&c->over, true);
    return false;
}

/* A tick that finds a connection broken closes it, whoever leads. */
static void a_tick_may_delete_a_watch(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct ear e;
        struct sleeper s;
        struct closer c = {.tick.fn = close_in_tick, .ear = &e};
        sp_list_init(&c.tick.link);
        ear_open(&e, loop, NULL);
        ear_tell(&e);
        UNTIL(atomic_load(&e.n_bytes) == 1);
        if (i == 1)
            sleeper_started(&s, SP_NEVER, true);
        if (i == 2) /* a leader that leaves just now */
            sleeper_start(&s, sp_now() + 300000, true);
        sp_loop_tick(loop, &c.tick);
        UNTIL(atomic_load(&c.over) && atomic_load(&e.gone));
        if (i == 1)
            sp_waiter_signal(loop, &s.w);
        if (i > 0)
            assert_int_equal(sleeper_join(&s), i == 1 ? 0 : -ETIMEDOUT);
    }
}

static void after_the_last_tick_it_is_quiet(void **state)
{
    (void)state;
    struct counter c;
    counter_start(&c, 10);
    UNTIL(atomic_load(&c.over));
    pass(30);
    uint64_t before = stats_now().helper_wakes;
    pass(200);
    assert_in_range(stats_now().helper_wakes - before, 0, 2);
}

/* ---- the life of loops ---- */

static void one_loop_is_the_default(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(sp_loop_next(), sp_loop_first());
    assert_int_equal(sp_loops_start(), 0);
    assert_ptr_equal(sp_loop_first(), loop);
}

static void more_loops_are_used_in_turn_and_lead_themselves(void **state)
{
    (void)state;
    setenv("NANOSEAL_IO_THREADS", "3", 1);
    assert_int_equal(sp_loops_start(), 0);
    unsetenv("NANOSEAL_IO_THREADS");
    struct sp_loop *l[6];
    struct ear e[3];
    struct sp_waiter w;
    for (int i = 0; i < 6; i++)
        l[i] = sp_loop_next();
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(l[i], l[i + 3]);
        assert_ptr_not_equal(l[i], l[(i + 1) % 3]);
        sp_waiter_init(&w);
        ear_open(&e[i], l[i], &w);
        ear_tell(&e[i]);
        assert_int_equal(sp_loop_wait(l[i], &w, SP_NEVER, true, 0), 0);
        assert_int_equal(sp_loop_stats(l[i]).leads, 0);
        ear_close(&e[i]);
        sp_waiter_fini(&w);
    }
    sp_loops_stop();
}

struct pair_of_closers {
    struct sp_task task;
    struct ear *ear;
    atomic_int *met;
    atomic_bool over;
};

static void close_in_task(struct sp_task *t)
{
    struct pair_of_closers *c = SP_CONTAINER(t, struct pair_of_closers, task);
    atomic_fetch_add(c->met, 1);
    while (atomic_load(c->met) < 2)
        sched_yield();
    ear_end(c->ear);
    atomic_store(&c->over, true);
}

/* Each loop's thread is inside a task that deletes a watch of the other loop. */
static void two_loops_may_delete_watches_of_each_other(void **state)
{
    (void)state;
    setenv("NANOSEAL_IO_THREADS", "2", 1);
    assert_int_equal(sp_loops_start(), 0);
    unsetenv("NANOSEAL_IO_THREADS");
    struct sp_loop *l[2] = {sp_loop_next(), sp_loop_next()};
    for (int round = 0; round < 50; round++) {
        struct ear e[2];
        struct pair_of_closers c[2];
        atomic_int met = 0;
        for (int i = 0; i < 2; i++) {
            ear_open(&e[i], l[i], NULL);
            ear_tell(&e[i]);
            UNTIL(atomic_load(&e[i].n_bytes) == 1);
            c[i] = (struct pair_of_closers){.task.fn = close_in_task, .ear = &e[i], .met = &met};
        }
        sp_loop_post(l[0], &c[1].task);
        sp_loop_post(l[1], &c[0].task);
        for (int i = 0; i < 2; i++)
            UNTIL(atomic_load(&c[i].over) && atomic_load(&e[i].gone));
    }
    sp_loops_stop();
}

static void callers_do_not_lead_when_told_so(void **state)
{
    (void)state;
    struct sp_waiter w;
    struct ear e;
    setenv("NN_LEAD", "0", 1);
    assert_int_equal(sp_loops_start(), 0);
    unsetenv("NN_LEAD");
    sp_waiter_init(&w);
    ear_open(&e, sp_loop_first(), &w);
    ear_tell(&e);
    assert_int_equal(sp_loop_wait(sp_loop_first(), &w, SP_NEVER, true, 0), 0);
    assert_int_equal(sp_loop_stats(sp_loop_first()).leads, 0);
    ear_close(&e);
    sp_waiter_fini(&w);
    sp_loops_stop();
}

static void foolish_numbers_of_loops_are_bounded(void **state)
{
    (void)state;
    const char *const wrong[] = {"0", "-7", "words", ""};
    for (size_t i = 0; i < 4; i++) {
        setenv("NANOSEAL_IO_THREADS", wrong[i], 1);
        assert_int_equal(sp_loops_start(), 0);
        assert_ptr_equal(sp_loop_next(), sp_loop_next());
        sp_loops_stop();
    }
    setenv("NANOSEAL_IO_THREADS", "1000000", 1);
    assert_int_equal(sp_loops_start(), 0);
    struct sp_loop *first = sp_loop_next();
    int n = 1;
    while (sp_loop_next() != first)
        n++;
    assert_in_range(n, 2, 64);
    sp_loops_stop();
    unsetenv("NANOSEAL_IO_THREADS");
}

static void a_start_without_memory_leaves_nothing(void **state)
{
    (void)state;
    setenv("NANOSEAL_IO_THREADS", "2", 1);
    int fds = sp_fd_count(), nth = 1;
    for (;; nth++) {
        failing_set(nth);
        int rc = sp_loops_start();
        int asked = failing_clear();
        if (rc == 0) {
            assert_true(asked < nth);
            break;
        }
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(sp_fd_count(), fds);
    }
    assert_true(nth > 4);
    sp_loops_stop();
    unsetenv("NANOSEAL_IO_THREADS");
    assert_int_equal(sp_fd_count(), fds);
}

struct last_words {
    struct sp_task task;
    struct sp_retired retired;
    int n;
};

static void last_task(struct sp_task *t) { SP_CONTAINER(t, struct last_words, task)->n++; }
static void last_free(struct sp_retired *r) { SP_CONTAINER(r, struct last_words, retired)->n += 10; }

static void stopping_runs_what_was_posted_and_frees_what_was_retired(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct last_words a = {.task.fn = last_task, .retired.free = last_free};
        assert_int_equal(sp_loops_start(), 0);
        sp_loop_post(sp_loop_first(), &a.task);
        sp_loop_retire(sp_loop_first(), &a.retired);
        sp_loops_stop();
        assert_int_equal(a.n, 11);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(the_helper_leads_when_nobody_waits),
        LOOP_TEST(what_is_urgent_brings_the_helper_at_once),
        LOOP_TEST(the_helper_steps_back_when_it_woke_a_caller),
        LOOP_TEST(a_tick_comes_until_it_says_no),
        LOOP_TEST(ticks_come_while_a_caller_leads_and_while_the_helper_does),
        LOOP_TEST(a_tick_may_delete_a_watch),
        LOOP_TEST(after_the_last_tick_it_is_quiet),
        LOOP_TEST(one_loop_is_the_default),
        TEST(more_loops_are_used_in_turn_and_lead_themselves),
        TEST(two_loops_may_delete_watches_of_each_other),
        TEST(callers_do_not_lead_when_told_so),
        TEST(foolish_numbers_of_loops_are_bounded),
        TEST(a_start_without_memory_leaves_nothing),
        TEST(stopping_runs_what_was_posted_and_frees_what_was_retired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
