/* SPDX-License-Identifier: MIT */
/* A10 to A16: what peers do, or fail to do, before the greetings are over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <errno.h>
#include <fcntl.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void assert_recv(int s, const char *text)
{
    char got[64] = "";
    int n = nn_recv(s, got, sizeof got - 1, 0);
    if (n < 0)
        fail_msg("nn_recv: %s", strerror(errno));
    assert_string_equal(got, text);
}

/* ---- A10 ---- */

/* Seven bytes of a greeting get no answer; the eighth gets one, and only then messages. */
static void A10_a_request_never_goes_to_a_half_open_peer(void **state)
{
    (void)state;
    uint8_t hello[8];
    rp_watchdog(30);
    int req = rp_socket(NN_REQ), rep = rp_socket(NN_REP);
    int port = rp_bind(req);
    int silent = rp_connect(port), partial = rp_connect(port);
    rp_greeting(hello, NN_REP);
    assert_true(rp_send(partial, hello, 7));
    assert_int_equal(nn_send(req, "q", 1, 0), 1);
    assert_true(rp_silent(silent, rp_time(50)));
    assert_true(rp_silent(partial, rp_time(50)));
    rp_dial(rep, port);
    assert_recv(rep, "q");
    assert_int_equal(nn_send(rep, "a", 1, 0), 1);
    assert_recv(req, "a");
    assert_true(rp_silent(silent, 0));
    assert_true(rp_silent(partial, 0));
    close(silent);
    close(partial);
    nn_close(req);
    nn_close(rep);
}

static void A10_a_half_open_peer_makes_a_push_socket_not_writable(void **state)
{
    (void)state;
    uint8_t hello[8], body[8];
    rp_watchdog(30);
    int push = rp_socket(NN_PUSH), pull = rp_socket(NN_PULL);
    int port = rp_bind(push);
    int fd = rp_connect(port);
    rp_greeting(hello, NN_PULL);
    assert_true(rp_send(fd, hello, 7));
    assert_true(rp_silent(fd, rp_time(50)));
    assert_int_equal(nn_send(push, "m", 1, NN_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    rp_dial(pull, port);
    assert_int_equal(nn_send(push, "m", 1, 0), 1);
    assert_recv(pull, "m");
    nn_close(pull);
    assert_true(rp_stat_becomes(push, NN_STAT_CURRENT_CONNECTIONS, 0, rp_time(1000)));
    assert_true(rp_send(fd, hello + 7, 1));
    assert_int_equal(rp_recv(fd, hello, 8, rp_time(1000)), 8);
    assert_int_equal(nn_send(push, "now", 3, 0), 3);
    assert_int_equal(rp_unframe(fd, body, sizeof body, rp_time(1000)), 3);
    close(fd);
    nn_close(push);
}

static void A10_a_half_open_peer_does_not_take_a_pair_sockets_place(void **state)
{
    (void)state;
    rp_watchdog(30);
    int a = rp_socket(NN_PAIR), b = rp_socket(NN_PAIR);
    int port = rp_bind(a);
    int fd = rp_connect(port);
    assert_true(rp_silent(fd, rp_time(50)));
    rp_dial(b, port);
    assert_int_equal(nn_send(a, "m", 1, 0), 1);
    assert_recv(b, "m");
    assert_true(rp_silent(fd, 0));
    close(fd);
    nn_close(a);
    nn_close(b);
}

static void A10_a_dialler_sends_nothing_before_it_was_greeted(void **state)
{
    (void)state;
    uint8_t in[8], hello[8], body[8];
    int port, listener = rp_listen(&port);
    rp_watchdog(30);
    int push = rp_socket(NN_PUSH);
    rp_dial(push, port);
    int fd = rp_accept(listener, rp_time(1000));
    assert_int_equal(rp_recv(fd, in, 8, rp_time(1000)), 8);
    rp_greeting(hello, NN_PULL);
    assert_true(rp_send(fd, hello, 7));
    assert_int_equal(nn_send(push, "m", 1, NN_DONTWAIT), -1);
    assert_true(rp_silent(fd, rp_time(50)));
    assert_true(rp_send(fd, hello + 7, 1));
    assert_int_equal(nn_send(push, "m", 1, 0), 1);
    assert_int_equal(rp_unframe(fd, body, sizeof body, rp_time(1000)), 1);
    close(fd);
    close(listener);
    nn_close(push);
}

/* ---- A11, A12, A13: the deadline ---- */

#define DEADLINE_MS (rp_sanitized() ? rp_time(500) : rp_time(2000)) /* a fifth is more than a busy machine adds */

struct caller {
    int fd;
    int64_t since; /* when it connected */
};

/* Waits until all are closed by the other side; each must be after DEADLINE_MS, 20 % more or less. */
static void assert_closed_at_deadline(struct caller *c, int n)
{
    struct pollfd p[1000];
    int open = n;
    for (int i = 0; i < n; i++)
        p[i] = (struct pollfd){.fd = c[i].fd, .events = POLLIN};
    while (open) {
        if (poll(p, (nfds_t)n, 2 * DEADLINE_MS) <= 0)
            fail_msg("%d of %d are still open", open, n);
        int64_t now = rp_now();
        for (int i = 0; i < n; i++) {
            if (!p[i].revents)
                continue;
            assert_true(rp_closed(c[i].fd, 0));
            assert_in_range(now - c[i].since, DEADLINE_MS * 8 / 10, DEADLINE_MS * 12 / 10);
            p[i].fd = -1;
            p[i].revents = 0;
            open--;
        }
    }
}

static void A11_a_thousand_silent_callers_are_closed_at_the_deadline(void **state)
{
    (void)state;
    static struct caller c[1000];
    struct rp_field f;
    if (!rp_fd_limit(2400))
        skip();
    rp_field_sockets(&f, NN_REP, false);
    rp_set(f.victim, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, DEADLINE_MS);
    rp_set(f.victim, NN_SOL_SOCKET, NN_MAX_HANDSHAKES, 2000);
    rp_field_start(&f);
    for (int i = 0; i < 1000; i++)
        c[i] = (struct caller){rp_connect(f.port), rp_now()};
    int64_t start = rp_now();
    int late = rp_socket(NN_REQ);
    rp_dial(late, f.port);
    assert_int_equal(nn_send(late, "late", 4, 0), 4);
    assert_recv(late, "late");
    assert_in_range(rp_now() - start, 0, DEADLINE_MS / 2); /* they are all still there */
    rp_assert_served(&f, 100);
    assert_closed_at_deadline(c, 1000);
    assert_true(rp_stat_becomes(f.victim, NN_STAT_TIMEOUT, 1000, rp_time(100)));
    rp_assert_served(&f, 100);
    nn_close(late);
    for (int i = 0; i < 1000; i++)
        close(c[i].fd);
    rp_field_close(&f);
}

#define SERVERS 20

static void A11_silent_servers_are_left_at_the_deadline(void **state)
{
    (void)state;
    struct caller c[SERVERS];
    struct rp_field f;
    rp_field_sockets(&f, NN_SUB, true);
    rp_set(f.victim, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, DEADLINE_MS);
    rp_set(f.victim, NN_SOL_SOCKET, NN_RECONNECT_IVL, 100 * DEADLINE_MS);
    rp_field_start(&f);
    for (int i = 0; i < SERVERS; i++) {
        if (i)
            rp_dial(f.victim, f.port);
        uint8_t in[8];
        c[i] = (struct caller){rp_attacker(&f), rp_now()};
        assert_int_equal(rp_recv(c[i].fd, in, 8, rp_time(1000)), 8);
    }
    rp_assert_served(&f, 100);
    assert_closed_at_deadline(c, SERVERS);
    assert_true(rp_stat_becomes(f.victim, NN_STAT_TIMEOUT, SERVERS, rp_time(100)));
    rp_assert_served(&f, 100);
    for (int i = 0; i < SERVERS; i++)
        close(c[i].fd);
    rp_field_close(&f);
}

/* A byte every quarter of the deadline does not move it. */
static void slow(bool dials)
{
    struct rp_field f;
    uint8_t hello[8], in[8];
    rp_field_sockets(&f, dials ? NN_SUB : NN_REP, dials);
    rp_set(f.victim, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, DEADLINE_MS);
    rp_field_start(&f);
    struct caller c = {rp_attacker(&f), rp_now()};
    if (dials)
        assert_int_equal(rp_recv(c.fd, in, 8, rp_time(1000)), 8);
    rp_greeting(hello, f.attacker);
    bool closed = false;
    for (int i = 0; i < 7 && !closed; i++) {
        (void)rp_send(c.fd, hello + i, 1);
        closed = rp_closed(c.fd, DEADLINE_MS / 4);
        rp_assert_served(&f, 100);
    }
    assert_true(closed);
    assert_in_range(rp_now() - c.since, DEADLINE_MS * 8 / 10, DEADLINE_MS * 12 / 10);
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_TIMEOUT), 1);
    close(c.fd);
    rp_field_close(&f);
}

static void A12_a_slow_caller_is_closed_at_the_total_deadline(void **state)
{
    (void)state;
    slow(false);
}

static void A12_a_slow_server_is_left_at_the_total_deadline(void **state)
{
    (void)state;
    slow(true);
}

static void stall(bool dials)
{
    struct rp_field f;
    uint8_t hello[8], in[8];
    struct caller c[8];
    rp_field_sockets(&f, dials ? NN_SUB : NN_REP, dials);
    rp_set(f.victim, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, DEADLINE_MS);
    rp_set(f.victim, NN_SOL_SOCKET, NN_RECONNECT_IVL, 100 * DEADLINE_MS);
    rp_field_start(&f);
    rp_greeting(hello, f.attacker);
    for (int i = 0; i < 8; i++) {
        if (dials && i)
            rp_dial(f.victim, f.port);
        c[i] = (struct caller){rp_attacker(&f), rp_now()};
        assert_true(rp_send(c[i].fd, hello, (size_t)i));
        if (dials)
            assert_int_equal(rp_recv(c[i].fd, in, 8, rp_time(1000)), 8);
    }
    rp_assert_served(&f, 100);
    assert_closed_at_deadline(c, 8);
    rp_assert_served(&f, 100);
    for (int i = 0; i < 8; i++)
        close(c[i].fd);
    rp_field_close(&f);
}

static void A13_a_caller_that_stalls_at_any_byte_of_the_SP_header_is_closed(void **state)
{
    (void)state;
    stall(false);
}

static void A13_a_server_that_stalls_at_any_byte_of_the_SP_header_is_left(void **state)
{
    (void)state;
    stall(true);
}

/* ---- A15: limits ---- */

/* 4 half-open ones at a time, each for 250 ms while others wait in the backlog. */
static void A15_the_oldest_silent_callers_give_way_at_the_limit_of_handshakes(void **state)
{
    (void)state;
    struct rp_field f;
    int fd[12];
    rp_field_sockets(&f, NN_REP, false);
    rp_set(f.victim, NN_SOL_SOCKET, NN_MAX_HANDSHAKES, 4);
    rp_field_start(&f);
    for (int i = 0; i < 12; i++)
        fd[i] = rp_connect(f.port);
    for (int i = 0; i < 8; i++) {
        assert_true(rp_closed(fd[i], rp_time(2000)));
        rp_assert_served(&f, 100);
    }
    assert_true(rp_stat_becomes(f.victim, NN_STAT_LIMIT, 8, rp_time(100)));
    assert_true(rp_hello(fd[11], NN_REQ, NN_REP, rp_time(100)));
    for (int i = 8; i < 12; i++)
        assert_true(rp_silent(fd[i], 0));
    int64_t start = rp_now();
    int late = rp_socket(NN_REQ);
    rp_dial(late, f.port);
    assert_int_equal(nn_send(late, "late", 4, 0), 4);
    assert_recv(late, "late");
    assert_in_range(rp_now() - start, 0, rp_time(2000));
    nn_close(late);
    for (int i = 0; i < 12; i++)
        close(fd[i]);
    rp_field_close(&f);
}

static void A15_a_thousand_silent_callers_keep_an_honest_one_a_second_at_most(void **state)
{
    (void)state;
    struct rp_field f;
    static int fd[1000];
    if (!rp_fd_limit(2400))
        skip();
    rp_field_open(&f, NN_REP, false);
    for (int i = 0; i < 1000; i++)
        fd[i] = rp_connect(f.port);
    int64_t start = rp_now();
    int late = rp_socket(NN_REQ);
    rp_dial(late, f.port);
    assert_int_equal(nn_send(late, "late", 4, 0), 4);
    assert_recv(late, "late");
    assert_in_range(rp_now() - start, 0, rp_time(1000));
    rp_assert_served(&f, 100);
    nn_close(late);
    for (int i = 0; i < 1000; i++)
        close(fd[i]);
    rp_field_close(&f);
}

static void A15_the_newest_peer_is_refused_at_the_limit_of_peers(void **state)
{
    (void)state;
    struct rp_field f;
    uint8_t hello[8], in[8];
    rp_field_sockets(&f, NN_REP, false);
    rp_set(f.victim, NN_SOL_SOCKET, NN_MAX_PEERS, 2);
    rp_field_start(&f);
    int fd = rp_attacker_open(&f);
    rp_greeting(hello, NN_REQ);
    for (int i = 0; i < 20; i++) {
        int more = rp_connect(f.port);
        assert_true(rp_send(more, hello, 8));
        assert_int_equal(rp_recv(more, in, 8, rp_time(100)), 0);
        assert_true(rp_closed(more, rp_time(100)));
        close(more);
    }
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_LIMIT), 20);
    assert_true(rp_silent(fd, 0));
    rp_assert_served(&f, 100);
    close(fd);
    assert_true(rp_stat_becomes(f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(1000)));
    fd = rp_attacker_open(&f);
    close(fd);
    rp_field_close(&f);
}

/* ---- A16 ---- */

#define FILLERS 1024

/* Uses up all descriptors, which are limited to fewer. */
static int fill(int *fd)
{
    int n = 0;
    while (n < FILLERS && (fd[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    return n;
}

static int highest_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = fd + 512; i > fd; i--)
        if (fcntl(i, F_GETFD) >= 0)
            return close(fd), i;
    return close(fd), fd;
}

static void A16_no_descriptors_at_accept_no_busy_loop_and_it_recovers(void **state)
{
    (void)state;
    struct rp_field f;
    struct rlimit was, r;
    static int filler[FILLERS];
    int caller[4];
    rp_field_open(&f, NN_REP, false);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    r = was;
    r.rlim_cur = (rlim_t)highest_fd() + 24;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
    for (int i = 0; i < 4; i++)
        caller[i] = rp_unconnected();
    int n = fill(filler);
    assert_in_range(n, 8, FILLERS - 1);
    for (int i = 0; i < 4; i++)
        rp_connect_fd(caller[i], f.port); /* the backlog takes it */
    assert_true(rp_stat_reaches(f.victim, NN_STAT_ACCEPT_ERRORS, 1, rp_time(1000)));
    int64_t cpu = rp_cpu(), start = rp_now();
    rp_assert_served(&f, 100);
    (void)poll(NULL, 0, 1000);
    assert_in_range(rp_cpu() - cpu, 0, (rp_now() - start) / 20);
    assert_true(nn_get_statistic(f.victim, NN_STAT_LIMIT) > 0);
    rp_assert_served(&f, 100);
    while (n)
        close(filler[--n]);
    for (int i = 0; i < 4; i++)
        close(caller[i]);
    caller[0] = rp_connect(f.port);
    assert_true(rp_hello(caller[0], NN_REQ, NN_REP, rp_time(1000)));
    rp_assert_served(&f, 100);
    close(caller[0]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    rp_field_close(&f);
}

static void A16_no_descriptors_for_dialling_no_busy_loop_and_it_recovers(void **state)
{
    (void)state;
    struct rp_field f;
    struct rlimit was, r;
    rp_field_open(&f, NN_SUB, true);
    int fd = rp_attacker_open(&f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    r = was;
    close(fd);
    r.rlim_cur = 3; /* those that are open stay so */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
    assert_true(rp_stat_reaches(f.victim, NN_STAT_CONNECT_ERRORS, 2, rp_time(1000)));
    int64_t cpu = rp_cpu(), start = rp_now();
    rp_assert_served(&f, 100);
    (void)poll(NULL, 0, 1000);
    assert_in_range(rp_cpu() - cpu, 0, (rp_now() - start) / 20);
    rp_assert_served(&f, 100);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    fd = rp_accept(f.listener, rp_time(1000));
    while (fd >= 0 && !rp_hello(fd, NN_PUB, NN_SUB, rp_time(1000))) { /* attempts that died in the backlog */
        close(fd);
        fd = rp_accept(f.listener, rp_time(1000));
    }
    assert_true(fd >= 0);
    close(fd);
    rp_field_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A10_a_request_never_goes_to_a_half_open_peer),
        cmocka_unit_test(A10_a_half_open_peer_makes_a_push_socket_not_writable),
        cmocka_unit_test(A10_a_half_open_peer_does_not_take_a_pair_sockets_place),
        cmocka_unit_test(A10_a_dialler_sends_nothing_before_it_was_greeted),
        cmocka_unit_test(A11_a_thousand_silent_callers_are_closed_at_the_deadline),
        cmocka_unit_test(A11_silent_servers_are_left_at_the_deadline),
        cmocka_unit_test(A12_a_slow_caller_is_closed_at_the_total_deadline),
        cmocka_unit_test(A12_a_slow_server_is_left_at_the_total_deadline),
        cmocka_unit_test(A13_a_caller_that_stalls_at_any_byte_of_the_SP_header_is_closed),
        cmocka_unit_test(A13_a_server_that_stalls_at_any_byte_of_the_SP_header_is_left),
        cmocka_unit_test(A15_the_oldest_silent_callers_give_way_at_the_limit_of_handshakes),
        cmocka_unit_test(A15_a_thousand_silent_callers_keep_an_honest_one_a_second_at_most),
        cmocka_unit_test(A15_the_newest_peer_is_refused_at_the_limit_of_peers),
        cmocka_unit_test(A16_no_descriptors_at_accept_no_busy_loop_and_it_recovers),
        cmocka_unit_test(A16_no_descriptors_for_dialling_no_busy_loop_and_it_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
