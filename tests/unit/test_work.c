/* SPDX-License-Identifier: MIT */
#include "loop_support.h"
#include "core/work.h"
#include <sys/wait.h>

struct chore {
    struct sp_job job;
    sem_t go;              /* posted: it may end */
    bool waits;
    atomic_bool began, ended;
    atomic_int rank;       /* its place among those that began, from 1 */
    _Atomic pthread_t thread;
};

static atomic_int began;

static void chore_run(struct sp_job *j)
{
    struct chore *c = SP_CONTAINER(j, struct chore, job);
    atomic_store(&c->thread, pthread_self());
    atomic_store(&c->rank, atomic_fetch_add(&began, 1) + 1);
    atomic_store(&c->began, true);
    if (c->waits)
        sem_wait(&c->go);
    atomic_store(&c->ended, true);
}

static void chore_init(struct chore *c, bool waits)
{
    memset(c, 0, sizeof *c);
    sp_list_init(&c->job.link);
    sem_init(&c->go, 0, 0);
    c->job.run = chore_run;
    c->waits = waits;
}

static void it_runs_on_a_thread_of_its_own(void **state)
{
    (void)state;
    for (int class = 0; class < SP_WORK_CLASSES; class++) {
        struct chore c;
        chore_init(&c, false);
        assert_int_equal(sp_work_submit((enum sp_work_class)class, &c.job), 0);
        UNTIL(atomic_load(&c.ended));
        assert_false(pthread_equal(atomic_load(&c.thread), pthread_self()));
    }
}

static void what_blocks_does_not_hold_up_what_computes(void **state)
{
    (void)state;
    struct chore slow[4], quick;
    for (int i = 0; i < 4; i++) {
        chore_init(&slow[i], true);
        assert_int_equal(sp_work_submit(SP_WORK_BLOCK, &slow[i].job), 0);
    }
    chore_init(&quick, false);
    assert_int_equal(sp_work_submit(SP_WORK_CPU, &quick.job), 0);
    UNTIL(atomic_load(&quick.ended));
    for (int i = 0; i < 4; i++)
        sem_post(&slow[i].go);
    for (int i = 0; i < 4; i++)
        UNTIL(atomic_load(&slow[i].ended));
}

/* What has begun (`first`) goes on before what has not. */
static void more_jobs_than_threads_wait_in_their_order(void **state)
{
    (void)state;
    struct chore busy[2], c[6];
    int threads = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;
    for (int i = 0; i < threads; i++) {
        chore_init(&busy[i], true);
        assert_int_equal(sp_work_submit(SP_WORK_CPU, &busy[i].job), 0);
        UNTIL(atomic_load(&busy[i].began));
    }
    int before = atomic_load(&began);
    for (int i = 0; i < 6; i++) {
        chore_init(&c[i], false);
        c[i].job.first = i == 5;
        assert_int_equal(sp_work_submit(SP_WORK_CPU, &c[i].job), 0);
    }
    pass(10);
    assert_int_equal(atomic_load(&began), before);
    sem_post(&busy[0].go);
    for (int i = 0; i < 6; i++) {
        UNTIL(atomic_load(&c[i].ended));
        assert_int_equal(atomic_load(&c[i].rank), before + 1 + (i + 1) % 6);
    }
    if (threads == 2)
        sem_post(&busy[1].go);
    for (int i = 0; i < threads; i++)
        UNTIL(atomic_load(&busy[i].ended));
}

static bool within_reason(atomic_bool *b)
{
    for (uint64_t end = sp_now() + LONG_NS; !atomic_load(b); sched_yield())
        if (sp_now() > end)
            return false;
    return true;
}

/* In a child, which has no workers yet. */
static int without_memory(void)
{
    struct chore c;
    chore_init(&c, false);
    failing_set(1);
    int rc = sp_work_submit(SP_WORK_CPU, &c.job);
    failing_clear();
    if (rc != -ENOMEM || !sp_list_empty(&c.job.link))
        return 1;
    return sp_work_submit(SP_WORK_CPU, &c.job) < 0 ? 2 : within_reason(&c.ended) ? 0 : 3;
}

/* One thread is idle, and was not yet awake for the first when the second came. */
static int two_slow(void)
{
    struct chore warm, c[2];
    chore_init(&warm, false);
    if (sp_work_submit(SP_WORK_BLOCK, &warm.job) < 0 || !within_reason(&warm.ended))
        return 1;
    pass(5);
    for (int i = 0; i < 2; i++)
        chore_init(&c[i], true);
    for (int i = 0; i < 2; i++)
        if (sp_work_submit(SP_WORK_BLOCK, &c[i].job) < 0)
            return 2;
    return within_reason(&c[0].began) && within_reason(&c[1].began) ? 0 : 3;
}

static void in_a_child(int (*fn)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        sp_work_child();
        _exit(fn());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_failed_start_leaves_no_job_and_can_be_tried_again(void **state)
{
    (void)state;
    in_a_child(without_memory);
}

static void two_slow_jobs_do_not_wait_for_each_other(void **state)
{
    (void)state;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        skip();
    in_a_child(two_slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_failed_start_leaves_no_job_and_can_be_tried_again),
        TEST(two_slow_jobs_do_not_wait_for_each_other),
        TEST(it_runs_on_a_thread_of_its_own),
        TEST(what_blocks_does_not_hold_up_what_computes),
        TEST(more_jobs_than_threads_wait_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
