/* SPDX-License-Identifier: MIT */
/* The end of sockets and endpoints: what was accepted still arrives, addresses are free at once,
 * nobody waits. */
#include "lib.h"
#include <sys/wait.h>

static char big[100000];

/* Sends until no more is taken for so long, as the peer does not read. How many were taken. */
static int fill_for(int s, int quiet_ms)
{
    int n = 0;
    while (lib_poll(s, NN_POLLOUT, quiet_ms))
        n += nn_send(s, big, sizeof big, NN_DONTWAIT) >= 0;
    return n;
}

static int fill(int s)
{
    return fill_for(s, LIB_QUIET_MS);
}

static void close_returns_at_once(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_set(t.s, NN_LINGER, LIB_PATIENCE_MS);
    assert_true(fill(t.s) > 2);
    int64_t start = lib_now_ms();
    lib_ok(nn_close(t.s));
    assert_in_range(lib_now_ms() - start, 0, LIB_SLOW ? 2000 : 200);
    nn_close(t.c);
}

static void what_was_accepted_arrives_after_close(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_set(t.s, NN_LINGER, LIB_PATIENCE_MS);
    int n = fill(t.s);
    lib_ok(nn_close(t.s));
    for (int i = 0; i < n; i++)
        assert_int_equal(lib_ok(nn_recv(t.c, big, sizeof big, 0)), sizeof big);
    lib_expect_nothing(t.c);
    nn_close(t.c);
}

static void many_small_ones_arrive_after_close(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct lib_two t = lib_two(NN_PUSH, NN_PULL);
        char text[16];
        for (int i = 0; i < 500; i++) {
            snprintf(text, sizeof text, "%d", i);
            lib_send(t.s, text);
        }
        lib_ok(nn_close(t.s));
        for (int i = 0; i < 500; i++) {
            snprintf(text, sizeof text, "%d", i);
            lib_expect(t.c, text);
        }
        nn_close(t.c);
    }
}

static void linger_ends_a_peer_that_does_not_read(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_set(t.s, NN_LINGER, 50);
    int n = fill_for(t.s, 10 * LIB_QUIET_MS), got = 0;
    lib_ok(nn_close(t.s));
    lib_pause(50 + 200); /* nobody tells when the time was over */
    lib_set(t.c, NN_RCVTIMEO, 200);
    while (nn_recv(t.c, big, sizeof big, 0) >= 0)
        got++;
    assert_true(got < n);
    nn_close(t.c);
}

static void a_linger_of_zero_drops_at_once(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_set(t.s, NN_LINGER, 0);
    int n = fill(t.s), got = 0;
    lib_ok(nn_close(t.s));
    lib_set(t.c, NN_RCVTIMEO, 200);
    while (nn_recv(t.c, big, sizeof big, 0) >= 0)
        got++;
    assert_true(got < n);
    nn_close(t.c);
}

static void messages_of_a_peer_that_has_closed_are_readable(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    for (int i = 0; i < 100; i++)
        lib_send(t.s, "posthumous");
    lib_ok(nn_close(t.s));
    lib_until(lib_stat(t.c, NN_STAT_BROKEN_CONNECTIONS) == 1);
    for (int i = 0; i < 100; i++)
        lib_expect(t.c, "posthumous");
    lib_peers(t.c, 0);
    nn_close(t.c);
}

static void an_answer_arrives_after_close(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    lib_send(t.c, "q");
    lib_expect(t.s, "q");
    lib_send(t.s, "a");
    lib_ok(nn_close(t.s));
    lib_expect(t.c, "a");
    nn_close(t.c);
}

/* ---- addresses ---- */

static void rebinding_right_after_close(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PUB);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    for (int i = 0; i < 100; i++) {
        lib_ok(nn_close(s));
        s = lib_socket(NN_PUB);
        lib_ok(nn_bind(s, address));
    }
    nn_close(s);
}

static void rebinding_while_the_old_one_lingers(void **state)
{
    (void)state;
    char address[160];
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
    lib_set(t.s, NN_LINGER, LIB_PATIENCE_MS);
    assert_true(fill(t.s) > 0);
    lib_ok(nn_close(t.s));
    int again = lib_socket(NN_PUSH);
    lib_ok(nn_bind(again, address));
    nn_close(again);
    nn_close(t.c);
}

static void shutdown_frees_the_address(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PUB), u = lib_socket(NN_PUB);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    lib_ok(nn_shutdown(s, 1));
    lib_fails(nn_shutdown(s, 1), EINVAL);
    lib_ok(nn_bind(u, address));
    nn_close(s);
    nn_close(u);
}

static void shutdown_of_a_listener_ends_its_connections(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_ok(nn_shutdown(t.s, 1));
    lib_peers(t.s, 0);
    lib_until(lib_stat(t.c, NN_STAT_CONNECT_ERRORS) > 0); /* it tries again, and nobody listens */
    lib_close(t);
}

static void shutdown_of_a_dialler_ends_its_connection(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_ok(nn_shutdown(t.c, 1));
    lib_peers(t.s, 0);
    lib_expect_nothing(t.c);
    assert_int_equal(lib_stat(t.s, NN_STAT_ACCEPTED_CONNECTIONS), 1); /* it does not come again */
    lib_close(t);
}

static void what_was_accepted_arrives_after_shutdown(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_set(t.s, NN_LINGER, LIB_PATIENCE_MS);
    int n = fill(t.s);
    lib_ok(nn_shutdown(t.s, 1));
    for (int i = 0; i < n; i++)
        assert_int_equal(lib_ok(nn_recv(t.c, big, sizeof big, 0)), sizeof big);
    lib_close(t);
}

static void shutdown_keeps_the_other_endpoints(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH), a = lib_socket(NN_PULL), b = lib_socket(NN_PULL);
    lib_join(s, a);
    lib_join(s, b);
    lib_ok(nn_shutdown(s, 1));
    lib_peers(s, 1);
    lib_send(s, "to b");
    lib_expect(b, "to b");
    nn_close(s);
    nn_close(a);
    nn_close(b);
}

static void shutdown_of_an_attempt(void **state)
{
    (void)state;
    int c = lib_socket(NN_PULL);
    for (int i = 0; i < 20; i++) {
        int id =
            lib_ok(nn_connect(c, i % 2 ? "tcp://127.0.0.1:1" : "tcp://no.such.name.invalid:1"));
        lib_ok(nn_shutdown(c, id));
    }
    nn_close(c);
}

/* ---- the end of the process ---- */

/* A child that runs fn once it is told an address. The library must not run here when it is made:
 * it is stopped at the end of each of these tests, as ThreadSanitizer cannot follow a fork of a
 * process with threads. */
static pid_t child_of(void (*fn)(int s, const char *address), int linger_ms, int *tell)
{
    int p[2];
    char address[160];
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        alarm(LIB_PATIENCE_MS / 1000);
        if (read(p[0], address, sizeof address) != sizeof address)
            _exit(97);
        int s = nn_socket(AF_SP, NN_PUSH);
        if (s < 0 || nn_setsockopt(s, NN_SOL_SOCKET, NN_LINGER, &linger_ms, sizeof linger_ms) < 0 ||
            nn_connect(s, address) < 0)
            _exit(99);
        fn(s, address);
    }
    close(p[0]);
    *tell = p[1];
    return pid;
}

/* A listening PULL, whose address the child is told. */
static int listen_and_tell(int tell)
{
    char address[160] = "";
    int s = lib_socket(NN_PULL);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    assert_int_equal(write(tell, address, sizeof address), sizeof address);
    close(tell);
    return s;
}

static void expect_end(pid_t pid, int s)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    nn_close(s);
    nn_term();
    nn_init();
}

static void send_and_exit(int s, const char *address)
{
    (void)address;
    for (int i = 0; i < 30; i++)
        if (nn_send(s, big, sizeof big, 0) < 0)
            _exit(98);
    exit(0);
}

static void exit_lets_what_was_accepted_leave(void **state)
{
    (void)state;
    int tell;
    pid_t pid = child_of(send_and_exit, LIB_PATIENCE_MS, &tell);
    int s = listen_and_tell(tell);
    for (int i = 0; i < 30; i++)
        assert_int_equal(lib_ok(nn_recv(s, big, sizeof big, 0)), sizeof big);
    expect_end(pid, s);
}

static void send_and_term(int s, const char *address)
{
    (void)address;
    if (nn_send(s, "last", 4, 0) < 0)
        _exit(98);
    nn_term();
    _exit(0);
}

static void term_lets_what_was_accepted_leave(void **state)
{
    (void)state;
    int tell;
    pid_t pid = child_of(send_and_term, 1000, &tell);
    int s = listen_and_tell(tell);
    lib_expect(s, "last");
    expect_end(pid, s);
}

static void fill_and_exit(int s, const char *address)
{
    (void)address;
    struct nn_pollfd p = {.fd = s, .events = NN_POLLOUT};
    if (nn_send(s, "x", 1, 0) < 0)
        _exit(98);
    while (nn_poll(&p, 1, LIB_QUIET_MS) == 1)
        nn_send(s, big, sizeof big, NN_DONTWAIT);
    exit(0);
}

static void exit_waits_no_longer_than_linger(void **state)
{
    (void)state;
    int tell;
    pid_t pid = child_of(fill_and_exit, 100, &tell);
    int64_t start = lib_now_ms();
    int s = listen_and_tell(tell);
    expect_end(pid, s);
    assert_in_range(lib_now_ms() - start, 100, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_lets_what_was_accepted_leave),
        cmocka_unit_test(term_lets_what_was_accepted_leave),
        cmocka_unit_test(exit_waits_no_longer_than_linger),
        cmocka_unit_test(close_returns_at_once),
        cmocka_unit_test(what_was_accepted_arrives_after_close),
        cmocka_unit_test(many_small_ones_arrive_after_close),
        cmocka_unit_test(linger_ends_a_peer_that_does_not_read),
        cmocka_unit_test(a_linger_of_zero_drops_at_once),
        cmocka_unit_test(messages_of_a_peer_that_has_closed_are_readable),
        cmocka_unit_test(an_answer_arrives_after_close),
        cmocka_unit_test(rebinding_right_after_close),
        cmocka_unit_test(rebinding_while_the_old_one_lingers),
        cmocka_unit_test(shutdown_frees_the_address),
        cmocka_unit_test(shutdown_of_a_listener_ends_its_connections),
        cmocka_unit_test(shutdown_of_a_dialler_ends_its_connection),
        cmocka_unit_test(what_was_accepted_arrives_after_shutdown),
        cmocka_unit_test(shutdown_keeps_the_other_endpoints),
        cmocka_unit_test(shutdown_of_an_attempt),
    };
    return cmocka_run_group_tests_name("linger", tests, NULL, NULL);
}
