/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/fds.h"
#include "base/lock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_any(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void noted_descriptor_counts(void **state)
{
    (void)state;
    int fd = open_any(), other = open_any();
    assert_int_equal(sp_fd_keep(fd), 0);
    assert_int_equal(sp_fd_keep(other), 0);
    assert_int_equal(sp_fd_count(), 2);
    sp_fd_close(fd);
    sp_fd_close(other);
}

static void close_forgets_and_closes(void **state)
{
    (void)state;
    int fd = open_any();
    assert_int_equal(sp_fd_keep(fd), 0);
    sp_fd_close(fd);
    assert_int_equal(sp_fd_count(), 0);
    assert_false(is_open(fd));
}

static void forgotten_descriptor_stays_open(void **state)
{
    (void)state;
    int fd = open_any();
    assert_int_equal(sp_fd_keep(fd), 0);
    sp_fd_forget(fd);
    assert_int_equal(sp_fd_count(), 0);
    assert_true(is_open(fd));
    close(fd);
}

static void noting_twice_counts_once(void **state)
{
    (void)state;
    int fd = open_any();
    assert_int_equal(sp_fd_keep(fd), 0);
    assert_int_equal(sp_fd_keep(fd), 0);
    assert_int_equal(sp_fd_count(), 1);
    sp_fd_close(fd);
}

static void close_of_nothing_leaves_errno_alone(void **state)
{
    (void)state;
    errno = ENOENT;
    sp_fd_close(-1);
    sp_fd_close(1 << 20); /* not open, and in no block */
    assert_int_equal(errno, ENOENT);
}

static void descriptor_beyond_the_first_block_is_kept(void **state)
{
    (void)state;
    assert_int_equal(sp_fd_keep(20000), 0); /* only the number matters */
    assert_int_equal(sp_fd_count(), 1);
    sp_fd_close(20000);
    assert_int_equal(sp_fd_count(), 0);
}

static void block_without_memory_is_an_error(void **state)
{
    (void)state;
    failing_set(1);
    assert_int_equal(sp_fd_keep(40000), -ENOMEM);
    failing_set(3);
    assert_int_equal(sp_fd_keep(40000), -ENOMEM);
    assert_int_equal(sp_fd_count(), 0);
    failing_clear();
    assert_int_equal(sp_fd_keep(40000), 0);
    sp_fd_close(40000);
}

static void block_that_exists_needs_no_memory(void **state)
{
    (void)state;
    assert_int_equal(sp_fd_keep(40000), 0);
    failing_set(0);
    assert_int_equal(sp_fd_keep(40001), 0);
    assert_int_equal(failing_clear(), 0);
    sp_fd_close(40000);
    sp_fd_close(40001);
}

static void child_closes_all_and_nothing_else(void **state)
{
    (void)state;
    int mine = open_any(), a = open_any(), b = fcntl(a, F_DUPFD_CLOEXEC, 200);
    assert_int_equal(sp_fd_keep(a), 0);
    assert_int_equal(sp_fd_keep(b), 0);
    assert_int_equal(sp_fd_keep(50000), 0); /* not open: closing it fails */
    pid_t pid = fork();
    if (!pid) {
        errno = ENOENT;
        sp_fd_child();
        int good = errno == ENOENT && is_open(mine) && !is_open(a) && !is_open(b);
        _exit(good && sp_fd_count() == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_true(is_open(a) && is_open(b));
    assert_int_equal(sp_fd_count(), 3);
    sp_fd_close(a);
    sp_fd_close(b);
    sp_fd_close(50000);
    close(mine);
}

static void child_may_note_its_own(void **state)
{
    (void)state;
    int fd = open_any();
    assert_int_equal(sp_fd_keep(fd), 0);
    sp_fd_child(); /* the test plays the child */
    assert_false(is_open(fd));
    fd = open_any();
    assert_int_equal(sp_fd_keep(fd), 0);
    assert_int_equal(sp_fd_count(), 1);
    sp_fd_close(fd);
}

/* Comes between the allocation of a block and its linking, as another thread would. */
static bool overtake(void)
{
    sp_alloc_hook = NULL;
    if (sp_fd_keep(300000))
        abort();
    return false;
}

static void loser_of_a_race_for_a_block_uses_the_winners(void **state)
{
    (void)state;
    sp_alloc_hook = overtake;
    assert_int_equal(sp_fd_keep(300001), 0); /* its own block is freed: the leak finder says */
    assert_int_equal(sp_fd_count(), 2);
    sp_fd_close(300000);
    sp_fd_close(300001);
}

/* All threads add the same missing blocks, and set bits of the same words. */
static void keep_many(void *arg)
{
    int first = *(int *)arg;
    for (int fd = 100000 + first; fd < 140000; fd += 4)
        if (sp_fd_keep(fd))
            abort();
}

static void threads_note_at_once(void **state)
{
    (void)state;
    uv_thread_t t[4];
    int first[4] = {0, 1, 2, 3};
    for (int i = 0; i < 4; i++)
        assert_int_equal(sp_thread_start_joinable(&t[i], keep_many, &first[i], "keep"), 0);
    for (int i = 0; i < 4; i++)
        uv_thread_join(&t[i]);
    assert_int_equal(sp_fd_count(), 40000);
    for (int fd = 100000; fd < 140000; fd++)
        sp_fd_close(fd);
    assert_int_equal(sp_fd_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(noted_descriptor_counts),
        TEST(close_forgets_and_closes),
        TEST(forgotten_descriptor_stays_open),
        TEST(noting_twice_counts_once),
        TEST(close_of_nothing_leaves_errno_alone),
        TEST(descriptor_beyond_the_first_block_is_kept),
        TEST(block_without_memory_is_an_error),
        TEST(block_that_exists_needs_no_memory),
        TEST(child_closes_all_and_nothing_else),
        TEST(child_may_note_its_own),
        TEST(loser_of_a_race_for_a_block_uses_the_winners),
        TEST(threads_note_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
