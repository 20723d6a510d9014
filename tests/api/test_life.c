/* SPDX-License-Identifier: MIT */
/* The library's life: numbers of sockets, nn_term, nn_init, fork, exit. Each that ends the library
 * does so in a child. */
#include "lib.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ThreadSanitizer's allocator may be locked by another thread when a process forks: in the child it
 * stays so. Tests that fork with threads are left out there, and others let children have some. */
#define FORKS_WITH_THREADS()                                                                       \
    do {                                                                                           \
        if (LIB_TSAN)                                                                              \
            skip();                                                                                \
    } while (0)
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0:report_thread_leaks=0";
}

/* What a child has of its parent's memory it forgets, which is no leak. */
static int a_child;
__attribute__((used, visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return a_child;
}

/* In a child nothing of cmocka may be used: a check that fails says so and exits. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "child, line %d: %s (%s)\n", __LINE__, #cond, strerror(errno));        \
            _exit(99);                                                                             \
        }                                                                                          \
    } while (0)

/* Runs fn in a child; it has to end with status. The milliseconds it took. */
static int64_t in_child(void (*fn)(void *), void *arg, int status)
{
    int got = -1;
    int64_t start = lib_now_ms();
    fflush(NULL);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        a_child = 1;
        alarm(LIB_PATIENCE_MS / 1000);
        fn(arg);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &got, 0), pid);
    if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
        fail_msg("the child ended with status 0x%x", (unsigned)got);
    return lib_now_ms() - start;
}

static int bound(int protocol, char *address, size_t size)
{
    int one = 1, s = nn_socket(AF_SP, protocol);
    CHECK(s >= 0);
    CHECK(nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &one, sizeof one) == 0);
    CHECK(nn_bind(s, "tcp://127.0.0.1:0") > 0);
    CHECK(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &size) == 0);
    return s;
}

/* A message goes from one socket to another. */
static void talk(void)
{
    char address[160], buf[8];
    int s = bound(NN_PULL, address, sizeof address), c = nn_socket(AF_SP, NN_PUSH);
    CHECK(nn_connect(c, address) > 0);
    CHECK(nn_send(c, "hello", 5, 0) == 5);
    CHECK(nn_recv(s, buf, sizeof buf, 0) == 5);
    CHECK(nn_close(c) == 0);
    CHECK(nn_close(s) == 0);
}

/* ---- numbers ---- */

static void the_lowest_free_number_is_given(void **state)
{
    (void)state;
    int s[5];
    for (int i = 0; i < 5; i++)
        s[i] = lib_ok(nn_socket(AF_SP, NN_PAIR));
    for (int i = 1; i < 5; i++)
        assert_int_equal(s[i], s[0] + i);
    lib_ok(nn_close(s[3]));
    lib_ok(nn_close(s[1]));
    assert_int_equal(nn_socket(AF_SP, NN_PAIR), s[1]);
    assert_int_equal(nn_socket(AF_SP, NN_PAIR), s[3]);
    for (int i = 0; i < 5; i++)
        lib_ok(nn_close(s[i]));
    lib_fails(nn_close(s[0]), EBADF);
}

static void first_number(void *arg)
{
    (void)arg;
    CHECK(nn_socket(AF_SP, NN_PAIR) == 0);
}

static void numbers_start_at_zero(void **state)
{
    (void)state;
    in_child(first_number, NULL, 0);
}

static void exhaust(void *arg)
{
    (void)arg;
    struct rlimit r;
    CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0);
    r.rlim_cur = 700;
    CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
    for (int i = 0; i < 700; i++)
        CHECK(nn_socket(AF_SP, NN_PAIR) == i);
    CHECK(nn_socket(AF_SP, NN_PAIR) == -1 && nn_errno() == EMFILE);
    CHECK(nn_close(321) == 0);
    CHECK(nn_socket(AF_SP, NN_PAIR) == 321);
}

static void sockets_end_at_the_limit_of_descriptors(void **state)
{
    (void)state;
    in_child(exhaust, NULL, 0);
}

/* ---- nn_term and nn_init ---- */

static void term_then_socket(void *arg)
{
    (void)arg;
    char buf[4];
    int s = nn_socket(AF_SP, NN_PAIR);
    CHECK(s >= 0);
    nn_term();
    CHECK(nn_send(s, "x", 1, 0) == -1 && nn_errno() == EBADF);
    CHECK(nn_recv(s, buf, sizeof buf, 0) == -1 && nn_errno() == EBADF);
    CHECK(nn_close(s) == -1 && nn_errno() == EBADF);
    CHECK(nn_socket(AF_SP, NN_PAIR) == -1 && nn_errno() == ETERM);
    nn_term();
    CHECK(nn_socket(AF_SP, NN_PAIR) == -1 && nn_errno() == ETERM);
}

static void after_term_all_is_closed(void **state)
{
    (void)state;
    in_child(term_then_socket, NULL, 0);
}

static void term_and_init(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        talk();
        nn_term();
        CHECK(nn_init() == 0);
    }
    CHECK(nn_socket(AF_SP, NN_PAIR) == 0);
}

static void init_undoes_term(void **state)
{
    (void)state;
    in_child(term_and_init, NULL, 0);
}

static void term_first(void *arg)
{
    (void)arg;
    nn_term();
    CHECK(nn_socket(AF_SP, NN_PAIR) == -1 && nn_errno() == ETERM);
    CHECK(nn_init() == 0);
    CHECK(nn_init() == 0);
    talk();
}

static void term_before_the_first_socket(void **state)
{
    (void)state;
    in_child(term_first, NULL, 0);
}

static void *term_later(void *arg)
{
    (void)arg;
    lib_pause(20);
    nn_term();
    return NULL;
}

static void term_while_waiting(void *arg)
{
    (void)arg;
    char address[160], buf[4];
    pthread_t t;
    int s = bound(NN_PULL, address, sizeof address);
    CHECK(pthread_create(&t, NULL, term_later, NULL) == 0);
    CHECK(nn_recv(s, buf, sizeof buf, 0) == -1 && nn_errno() == EBADF);
    pthread_join(t, NULL);
}

static void term_ends_waits(void **state)
{
    (void)state;
    in_child(term_while_waiting, NULL, 0);
}

/* ---- exit ---- */

static void leave_open(void *arg)
{
    (void)arg;
    char address[160];
    int s = bound(NN_PULL, address, sizeof address), c = nn_socket(AF_SP, NN_PUSH);
    CHECK(nn_connect(c, address) > 0);
    CHECK(nn_send(c, "unread", 6, 0) == 6);
    (void)s;
    exit(7);
}

static void exit_with_open_sockets(void **state)
{
    (void)state;
    in_child(leave_open, NULL, 7);
}

static void *receive_for_ever(void *arg)
{
    char buf[4];
    nn_recv(*(int *)arg, buf, sizeof buf, 0);
    return NULL;
}

static void exit_beside_a_waiter(void *arg)
{
    (void)arg;
    char address[160];
    static int s;
    pthread_t t;
    s = bound(NN_PULL, address, sizeof address);
    CHECK(pthread_create(&t, NULL, receive_for_ever, &s) == 0);
    lib_pause(20);
    exit(3);
}

static void exit_while_another_thread_waits(void **state)
{
    (void)state;
    in_child(exit_beside_a_waiter, NULL, 3);
}

static void exit_at_once(void *arg)
{
    (void)arg;
    exit(nn_socket(AF_SP, NN_PAIR) == 0 ? 5 : 99);
}

static void exit_with_a_socket_that_did_nothing(void **state)
{
    (void)state;
    in_child(exit_at_once, NULL, 5);
}

/* ---- fork ---- */

static void use_afresh(void *arg)
{
    char buf[4];
    CHECK(nn_send(*(int *)arg, "x", 1, NN_DONTWAIT) == -1 && nn_errno() == EBADF);
    CHECK(nn_recv(*(int *)arg, buf, sizeof buf, NN_DONTWAIT) == -1 && nn_errno() == EBADF);
    CHECK(nn_socket(AF_SP, NN_PAIR) == 0);
    talk();
}

static void a_child_has_an_empty_library_that_works(void **state)
{
    (void)state;
    FORKS_WITH_THREADS();
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    in_child(use_afresh, &t.c, 0);
    lib_send(t.c, "the parent's still work");
    lib_expect(t.s, "the parent's still work");
    lib_close(t);
}

static void exit_only(void *arg)
{
    (void)arg;
    exit(0);
}

static void a_child_that_exits_disturbs_nobody(void **state)
{
    (void)state;
    FORKS_WITH_THREADS();
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    for (int i = 0; i < 5; i++) {
        in_child(exit_only, NULL, 0);
        lib_send(t.c, "still here");
        lib_expect(t.s, "still here");
    }
    assert_int_equal(lib_stat(t.s, NN_STAT_BROKEN_CONNECTIONS), 0);
    lib_close(t);
}

/* A peer sees the end of the parent although a child lives on: the child holds none of its
 * descriptors. */
static void wait_for_release(void *arg)
{
    char c;
    CHECK(read(*(int *)arg, &c, 1) == 0);
}

static void a_child_holds_no_connection(void **state)
{
    (void)state;
    FORKS_WITH_THREADS();
    int hold[2], there[2], status;
    char c;
    assert_int_equal(pipe(hold), 0);
    assert_int_equal(pipe(there), 0);
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    char address[160];
    lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        close(hold[1]);
        close(there[1]); /* fork has returned here, so the child's part of it is done */
        wait_for_release(&hold[0]);
        _exit(0);
    }
    close(hold[0]);
    close(there[1]);
    assert_int_equal(read(there[0], &c, 1), 0);
    close(there[0]);
    lib_ok(nn_close(t.s));
    lib_until(lib_stat(t.c, NN_STAT_BROKEN_CONNECTIONS) == 1);
    int again = lib_socket(NN_PAIR);
    lib_ok(nn_bind(again, address)); /* and no listener */
    close(hold[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    nn_close(again);
    nn_close(t.c);
}

static void fork_again(void *arg)
{
    talk();
    if (*(int *)arg > 0) {
        int status, left = *(int *)arg - 1;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            alarm(LIB_PATIENCE_MS / 1000);
            fork_again(&left);
            _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
    talk();
}

/* AddressSanitizer's allocator of gcc 12 keeps a lock that another thread held at fork: seen, rarely, as a child that
 * waits in its malloc until the alarm. */
static void children_of_children(void **state)
{
    (void)state;
    FORKS_WITH_THREADS();
    int depth = 3;
    in_child(fork_again, &depth, 0);
}

static void look_at_descriptors(void *arg)
{
    (void)arg;
    bool before[256];
    char address[160], buf[4];
    int fd, n = 0;
    size_t len = sizeof fd;
    for (int i = 0; i < 256; i++)
        before[i] = fcntl(i, F_GETFD) >= 0;
    int s = bound(NN_PULL, address, sizeof address), c = nn_socket(AF_SP, NN_PUSH);
    CHECK(nn_connect(c, address) > 0 && nn_send(c, "x", 1, 0) == 1 && nn_recv(s, buf, 4, 0) == 1);
    CHECK(nn_getsockopt(s, NN_SOL_SOCKET, NN_RCVFD, &fd, &len) == 0);
    for (int i = 0; i < 256; i++) {
        int flags = before[i] ? -1 : fcntl(i, F_GETFD);
        n += flags >= 0;
        CHECK(flags < 0 || flags & FD_CLOEXEC);
    }
    CHECK(n >= 6); /* listener, two ends, the loop, and the pipe asked for */
}

static void no_descriptor_survives_an_exec(void **state)
{
    (void)state;
    in_child(look_at_descriptors, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_start_at_zero), /* those with children first: TSan cannot follow a
                                                    fork with threads */
        cmocka_unit_test(sockets_end_at_the_limit_of_descriptors),
        cmocka_unit_test(after_term_all_is_closed),
        cmocka_unit_test(init_undoes_term),
        cmocka_unit_test(term_before_the_first_socket),
        cmocka_unit_test(term_ends_waits),
        cmocka_unit_test(exit_with_open_sockets),
        cmocka_unit_test(exit_while_another_thread_waits),
        cmocka_unit_test(exit_with_a_socket_that_did_nothing),
        cmocka_unit_test(children_of_children),
        cmocka_unit_test(no_descriptor_survives_an_exec),
        cmocka_unit_test(the_lowest_free_number_is_given),
        cmocka_unit_test(a_child_has_an_empty_library_that_works),
        cmocka_unit_test(a_child_that_exits_disturbs_nobody),
        cmocka_unit_test(a_child_holds_no_connection),
    };
    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
