/* SPDX-License-Identifier: MIT */
/* How many sockets a process may have: 65536, or RLIMIT_NOFILE if that is less. A socket without
 * endpoints needs no descriptor. */
#include "lib.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MOST 65536

/* Few systems allow so many descriptors, and sockets need none: the library is told of a limit that
 * the process does not have. 0: the truth. */
static rlim_t pretended;

#if !LIB_TSAN /* which asks before it is ready for us */
#ifdef __GLIBC__
typedef __rlimit_resource_t resource;
#else
typedef int resource;
#endif

__attribute__((visibility("default"))) int getrlimit(resource what, struct rlimit *r)
{
    int rc = (int)syscall(SYS_prlimit64, 0, (int)what, NULL, r);
    if (rc == 0 && what == RLIMIT_NOFILE && pretended)
        r->rlim_cur = pretended;
    return rc;
}
#endif

static int protocols[] = {NN_PAIR, NN_PUB, NN_SUB, NN_REQ, NN_REP, NN_PUSH, NN_PULL};

static int protocol_of(int i)
{
    return protocols[(size_t)i % (sizeof protocols / sizeof *protocols)];
}

/* 0 when that can't be. */
static int limit_to(rlim_t n)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = n;
    return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

static rlim_t limit_now(void)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    return r.rlim_cur;
}

static int descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Megabytes that are free; a great many where the system does not say. */
static long memory(void)
{
    long kb = -1;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "MemAvailable: %ld", &kb) != 1)
        continue;
    if (f)
        fclose(f);
    return kb < 0 ? 1 << 20 : kb / 1024;
}

/* Opens sockets from number n on until there are no more; how many there are then. */
static int open_from(int n)
{
    for (;; n++) {
        int s = nn_socket(AF_SP, protocol_of(n));
        if (s < 0)
            break;
        assert_int_equal(s, n);
    }
    assert_int_equal(nn_errno(), EMFILE);
    return n;
}

static void close_from(int first, int n)
{
    for (int s = first; s < n; s++)
        lib_ok(nn_close(s));
}

static void test_sockets_cost_no_descriptors(void **state)
{
    (void)state;
    int first = lib_socket(NN_PAIR), before = descriptors();
    for (int i = 1; i <= 500; i++)
        lib_ok(nn_socket(i % 2 ? AF_SP : AF_SP_RAW, protocol_of(i)));
    assert_int_equal(descriptors(), before);
    close_from(first, 501);
}

static void test_the_limit_is_that_of_descriptors(void **state)
{
    (void)state;
    static const int limits[] = {512, 1024, 300, 4096};
    rlim_t before = limit_now();
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (!limit_to((rlim_t)limits[i]))
            continue;
        assert_int_equal(open_from(0), limits[i]);
        close_from(0, limits[i]);
    }
    assert_true(limit_to(before));
}

static void test_a_raised_limit_counts_at_once(void **state)
{
    (void)state;
    rlim_t before = limit_now();
    assert_true(limit_to(300));
    assert_int_equal(open_from(0), 300);
    assert_true(limit_to(400));
    assert_int_equal(open_from(300), 400);
    assert_true(limit_to(200)); /* what is open stays open */
    lib_fails(nn_socket(AF_SP, NN_PAIR), EMFILE);
    lib_ok(nn_close(399));
    lib_fails(nn_socket(AF_SP, NN_PAIR), EMFILE);
    lib_ok(nn_close(7));
    assert_int_equal(lib_ok(nn_socket(AF_SP, NN_PAIR)), 7);
    assert_int_equal(lib_get(398, NN_PROTOCOL), protocol_of(398));
    close_from(0, 399);
    assert_true(limit_to(before));
}

static void test_65536_sockets_and_no_more(void **state)
{
    (void)state;
    if (LIB_TSAN || memory() < 3000)
        skip();
    pretended = 2 * MOST;
    int fds = descriptors();
    assert_int_equal(open_from(0), MOST);
    assert_int_equal(descriptors(), fds);
    for (int s = 0; s < MOST; s += 4099) {
        assert_int_equal(lib_get(s, NN_PROTOCOL), protocol_of(s));
        lib_ok(nn_close(s));
        lib_fails(nn_close(s), EBADF);
        assert_int_equal(lib_ok(nn_socket(AF_SP, protocol_of(s))), s);
        lib_fails(nn_socket(AF_SP, NN_PAIR), EMFILE);
    }
    lib_ok(nn_close(MOST - 1));
    lib_ok(nn_close(MOST - 2));
    struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)}; /* the last ones work as well */
    assert_int_equal(t.c, MOST - 1);
    lib_join(t.s, t.c);
    lib_send(t.c, "far out");
    lib_expect(t.s, "far out");
    close_from(0, MOST);
    assert_int_equal(lib_ok(nn_socket(AF_SP, NN_PAIR)), 0);
    lib_ok(nn_close(0));
    pretended = 0;
}

static void test_nn_term_closes_65536_sockets(void **state)
{
    (void)state;
    if (LIB_TSAN || memory() < 3000)
        skip();
    pretended = 2 * MOST;
    assert_int_equal(open_from(0), MOST);
    nn_term();
    lib_fails(nn_close(0), EBADF);
    lib_fails(nn_close(MOST - 1), EBADF);
    lib_fails(nn_socket(AF_SP, NN_PAIR), ETERM);
    lib_ok(nn_init());
    assert_int_equal(lib_ok(nn_socket(AF_SP, NN_PAIR)), 0);
    lib_ok(nn_close(0));
    pretended = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sockets_cost_no_descriptors),
        cmocka_unit_test(test_the_limit_is_that_of_descriptors),
        cmocka_unit_test(test_a_raised_limit_counts_at_once),
        cmocka_unit_test(test_65536_sockets_and_no_more),
        cmocka_unit_test(test_nn_term_closes_65536_sockets),
    };
    alarm(280);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
