/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base.h"
#include "base/clock.h"
#include "base/lock.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static struct sp_park park;

static int open_park(void **state)
{
    (void)state;
    sp_park_init(&park);
    return 0;
}

static int close_park(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_park_fini(&park);
    return 0;
}

static void mutex_admits_one_thread_at_a_time(void **state)
{
    (void)state;
    sp_mutex m;
    assert_int_equal(sp_mutex_init(&m), 0);
    sp_mutex_lock(&m);
    assert_int_not_equal(uv_mutex_trylock(&m), 0);
    sp_mutex_unlock(&m);
    assert_int_equal(uv_mutex_trylock(&m), 0);
    sp_mutex_unlock(&m);
    sp_mutex_fini(&m);
}

static void posts_are_counted(void **state)
{
    (void)state;
    sp_park_post(&park);
    sp_park_post(&park);
    assert_int_equal(sp_park_wait(&park, SP_NEVER), 0);
    sp_park_take(&park);
    assert_int_equal(sp_park_wait(&park, 0), -ETIMEDOUT);
}

static void wait_ends_at_its_deadline(void **state)
{
    (void)state;
    uint64_t start = sp_now();
    assert_int_equal(sp_park_wait(&park, start + 20 * SP_MS), -ETIMEDOUT);
    assert_true(sp_now() >= start + 20 * SP_MS);
}

static void deadline_of_less_than_a_millisecond_is_kept(void **state)
{
    (void)state;
    uint64_t start = sp_now();
    for (int i = 0; i < 20; i++)
        assert_int_equal(sp_park_wait(&park, sp_now() + SP_MS / 20), -ETIMEDOUT);
    assert_true(sp_now() >= start + SP_MS);
}

static void post_is_taken_even_behind_the_deadline(void **state)
{
    (void)state;
    sp_park_post(&park);
    assert_int_equal(sp_park_wait(&park, 0), 0);
}

static void post_once(void *arg)
{
    (void)arg;
    sp_park_post(&park);
}

static void wait_ends_by_a_post_of_another_thread(void **state)
{
    (void)state;
    assert_int_equal(sp_thread_start(post_once, NULL, "poster"), 0);
    assert_int_equal(sp_park_wait(&park, SP_NEVER), 0);
}

static _Atomic int signals; /* that the handler has seen */

static void count_signal(int sig)
{
    (void)sig;
    atomic_fetch_add(&signals, 1);
}

static void handle_usr1(int flags)
{
    struct sigaction sa = {.sa_handler = count_signal, .sa_flags = flags};
    sigaction(SIGUSR1, &sa, NULL);
    atomic_store(&signals, 0);
}

struct pester {
    pthread_t whom;   /* gets SIGUSR1 again and again, since the first may come before it waits */
    _Atomic int done; /* ends that */
};

static void pester_main(void *arg)
{
    struct pester *p = arg;
    while (!atomic_load(&p->done)) {
        pthread_kill(p->whom, SIGUSR1);
        sched_yield();
    }
}

/* What sp_park_wait says in a thread that gets signals. */
static int wait_pestered(int flags, uint64_t deadline)
{
    struct pester p = {.whom = pthread_self()};
    uv_thread_t t;
    handle_usr1(flags);
    assert_int_equal(sp_thread_start_joinable(&t, pester_main, &p, "pester"), 0);
    int rc = sp_park_wait(&park, deadline);
    atomic_store(&p.done, 1);
    uv_thread_join(&t);
    return rc;
}

static void signal_ends_a_wait(void **state)
{
    (void)state;
    assert_int_equal(wait_pestered(0, sp_deadline(60000)), -EINTR);
    assert_true(atomic_load(&signals) > 0);
}

static void signal_ends_a_wait_for_ever_with_sa_restart(void **state)
{
    (void)state;
    assert_int_equal(wait_pestered(SA_RESTART, SP_NEVER), -EINTR);
    assert_true(atomic_load(&signals) > 0);
}

static void pester_then_post(void *arg)
{
    struct pester *p = arg;
    while (atomic_load(&signals) < 20) {
        pthread_kill(p->whom, SIGUSR1);
        sched_yield();
    }
    atomic_store(&p->done, 1);
    sp_park_post(&park);
}

static void take_goes_on_through_signals(void **state)
{
    (void)state;
    struct pester p = {.whom = pthread_self()};
    uv_thread_t t;
    handle_usr1(0);
    assert_int_equal(sp_thread_start_joinable(&t, pester_then_post, &p, "pester"), 0);
    sp_park_take(&park);
    assert_true(atomic_load(&p.done));
    uv_thread_join(&t);
}

struct seen {
    char name[16];     /* of the thread */
    sigset_t blocked;  /* its signal mask */
    size_t stack_size; /* bytes */
};

static void look_around(void *arg)
{
    struct seen *s = arg;
    pthread_attr_t attr;
    prctl(PR_GET_NAME, s->name);
    pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstacksize(&attr, &s->stack_size);
    pthread_attr_destroy(&attr);
    sp_park_post(&park);
}

static struct seen start_and_look(const char *name)
{
    struct seen s = {0};
    assert_int_equal(sp_thread_start(look_around, &s, name), 0);
    sp_park_take(&park);
    return s;
}

static void thread_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(start_and_look("nn-test").name, "nn-test");
}

static void long_thread_name_is_cut(void **state)
{
    (void)state;
    assert_string_equal(start_and_look("0123456789abcdefgh").name, "0123456789abcde");
}

static void thread_blocks_the_applications_signals(void **state)
{
    (void)state;
    struct seen s = start_and_look("signals");
    const int blocked[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGPIPE, SIGHUP, SIGRTMIN};
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++)
        assert_true(sigismember(&s.blocked, blocked[i]));
}

static void thread_leaves_faults_to_the_crash_handler(void **state)
{
    (void)state;
    struct seen s = start_and_look("faults");
    assert_false(sigismember(&s.blocked, SIGSEGV));
    assert_false(sigismember(&s.blocked, SIGABRT));
}

static void starter_keeps_its_own_signal_mask(void **state)
{
    (void)state;
    sigset_t mine, after;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &mine, NULL);
    start_and_look("mask");
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_true(sigismember(&after, SIGUSR2));
    assert_false(sigismember(&after, SIGINT));
    sigdelset(&mine, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &mine, NULL);
}

static void thread_has_a_small_stack(void **state)
{
    (void)state;
    size_t size = start_and_look("stack").stack_size;
    assert_in_range(size, 256 * 1024, 1024 * 1024);
}

static void joined_thread_has_finished(void **state)
{
    (void)state;
    uv_thread_t t;
    assert_int_equal(sp_thread_start_joinable(&t, post_once, NULL, "join"), 0);
    assert_int_equal(uv_thread_join(&t), 0);
    assert_int_equal(sp_park_wait(&park, 0), 0);
}

static void thread_without_memory_is_not_started(void **state)
{
    (void)state;
    uv_thread_t t;
    failing_set(1);
    assert_int_equal(sp_thread_start(post_once, NULL, "none"), -ENOMEM);
    failing_set(1);
    assert_int_equal(sp_thread_start_joinable(&t, post_once, NULL, "none"), -ENOMEM);
}

struct manner {
    void (*set)(void); /* called in the thread */
    int slack_ns;      /* then, of its timers */
    int policy;        /* of scheduling */
    int nice;          /* its priority */
};

static void manner_main(void *arg)
{
    struct manner *m = arg;
    m->set();
    m->slack_ns = prctl(PR_GET_TIMERSLACK);
    m->policy = sched_getscheduler(0);
    m->nice = getpriority(PRIO_PROCESS, 0);
    sp_park_post(&park);
}

static struct manner manner_after(void (*set)(void))
{
    struct manner m = {.set = set};
    assert_int_equal(sp_thread_start(manner_main, &m, "manner"), 0);
    sp_park_take(&park);
    return m;
}

static void nothing_special(void)
{
}

static void precise_thread_sleeps_within_a_microsecond(void **state)
{
    (void)state;
    if (manner_after(nothing_special).slack_ns <= 1000)
        skip(); /* whoever started the test has asked for it already */
    assert_in_range(manner_after(sp_thread_precise).slack_ns, 1, 1000);
}

static void background_thread_yields_and_no_other_does(void **state)
{
    (void)state;
    struct manner plain = manner_after(nothing_special);
    if (plain.nice > 14)
        skip(); /* lower than that hardly goes */
    struct manner back = manner_after(sp_thread_background);
    assert_int_equal(back.policy, SCHED_BATCH);
    assert_true(back.nice > plain.nice);
    assert_int_equal(manner_after(nothing_special).nice, plain.nice);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), plain.nice);
}

#define PARK_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_park, close_park)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PARK_TEST(mutex_admits_one_thread_at_a_time),
        PARK_TEST(posts_are_counted),
        PARK_TEST(wait_ends_at_its_deadline),
        PARK_TEST(deadline_of_less_than_a_millisecond_is_kept),
        PARK_TEST(post_is_taken_even_behind_the_deadline),
        PARK_TEST(wait_ends_by_a_post_of_another_thread),
        PARK_TEST(signal_ends_a_wait),
        PARK_TEST(signal_ends_a_wait_for_ever_with_sa_restart),
        PARK_TEST(take_goes_on_through_signals),
        PARK_TEST(thread_has_its_name),
        PARK_TEST(long_thread_name_is_cut),
        PARK_TEST(thread_blocks_the_applications_signals),
        PARK_TEST(thread_leaves_faults_to_the_crash_handler),
        PARK_TEST(starter_keeps_its_own_signal_mask),
        PARK_TEST(thread_has_a_small_stack),
        PARK_TEST(joined_thread_has_finished),
        PARK_TEST(precise_thread_sleeps_within_a_microsecond),
        PARK_TEST(background_thread_yields_and_no_other_does),
        PARK_TEST(thread_without_memory_is_not_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
