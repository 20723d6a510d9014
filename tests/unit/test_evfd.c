/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/fds.h"
#include "core/evfd.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

static bool readable(const struct sp_evfd *e)
{
    struct pollfd p = {.fd = e->fd[0], .events = POLLIN};
    return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

static void it_is_made_only_when_asked_for(void **state)
{
    (void)state;
    struct sp_evfd e;
    int before = sp_fd_count();
    sp_evfd_init(&e);
    sp_evfd_set(&e, true);
    assert_int_equal(e.fd[0], -1);
    assert_int_equal(sp_fd_count(), before);
    sp_evfd_fini(&e);
}

static void it_follows_the_level(void **state)
{
    (void)state;
    struct sp_evfd e;
    sp_evfd_init(&e);
    assert_int_equal(sp_evfd_open(&e), 0);
    assert_false(readable(&e));
    for (int i = 0; i < 3; i++) {
        sp_evfd_set(&e, true);
        sp_evfd_set(&e, true);
        assert_true(readable(&e));
        sp_evfd_set(&e, false);
        assert_false(readable(&e));
    }
    sp_evfd_fini(&e);
}

static void opening_again_keeps_the_descriptor(void **state)
{
    (void)state;
    struct sp_evfd e;
    sp_evfd_init(&e);
    assert_int_equal(sp_evfd_open(&e), 0);
    int fd = e.fd[0];
    assert_int_equal(sp_evfd_open(&e), 0);
    assert_int_equal(e.fd[0], fd);
    sp_evfd_fini(&e);
}

static void its_descriptors_are_not_inherited_and_never_block(void **state)
{
    (void)state;
    struct sp_evfd e;
    int before = sp_fd_count();
    sp_evfd_init(&e);
    assert_int_equal(sp_evfd_open(&e), 0);
    assert_int_equal(sp_fd_count(), before + 1 + (e.fd[0] != e.fd[1]));
    for (int i = 0; i < 2; i++) {
        assert_true(fcntl(e.fd[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(e.fd[i], F_GETFL) & O_NONBLOCK);
    }
    sp_evfd_fini(&e);
    assert_int_equal(sp_fd_count(), before);
    assert_int_equal(e.fd[0], -1);
}

static void an_application_that_reads_it_does_no_harm(void **state)
{
    (void)state;
    uint64_t taken;
    struct sp_evfd e;
    sp_evfd_init(&e);
    assert_int_equal(sp_evfd_open(&e), 0);
    sp_evfd_set(&e, true);
    assert_int_equal(read(e.fd[0], &taken, sizeof taken), sizeof taken);
    sp_evfd_set(&e, false);
    sp_evfd_set(&e, true);
    assert_true(readable(&e));
    sp_evfd_fini(&e);
}

static void it_always_polls_writable(void **state)
{
    (void)state;
    struct sp_evfd e;
    sp_evfd_init(&e);
    assert_int_equal(sp_evfd_open(&e), 0);
    for (int level = 0; level < 2; level++) {
        sp_evfd_set(&e, level);
        struct pollfd p = {.fd = e.fd[0], .events = POLLOUT};
        assert_int_equal(poll(&p, 1, 0), 1);
        assert_int_equal(p.revents, POLLOUT);
    }
    sp_evfd_fini(&e);
}

static void without_descriptors_it_says_so(void **state)
{
    (void)state;
    struct rlimit old, none;
    struct sp_evfd e;
    sp_evfd_init(&e);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int rc = sp_evfd_open(&e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(rc, -EMFILE);
    assert_int_equal(e.fd[0], -1);
    sp_evfd_fini(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_made_only_when_asked_for),
        TEST(it_follows_the_level),
        TEST(opening_again_keeps_the_descriptor),
        TEST(its_descriptors_are_not_inherited_and_never_block),
        TEST(an_application_that_reads_it_does_no_harm),
        TEST(it_always_polls_writable),
        TEST(without_descriptors_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
