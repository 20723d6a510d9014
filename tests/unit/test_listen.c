/* SPDX-License-Identifier: MIT */
/* A listener on the loopback, and callers that are bare sockets. test_a1x of tests/attack has its limits under load. */
#define MEM_TCP
#include "memconn.h"
#include "core/stats.h"
#include <arpa/inet.h>
#include <sys/resource.h>

static int port;

static void listen_at(int at)
{
    char text[64];
    sock->port0 = 1;
    snprintf(text, sizeof text, "tcp://127.0.0.1:%d", at);
    assert_true(sp_sock_add_ep(sock, text, false) > 0);
    LOCKED(port = atoi(strrchr(sock->last_endpoint, ':') + 1));
}

static int call(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void greet(int fd)
{
    uint8_t b[SP_FRAME_GREET_MAX];
    size_t n = sp_frame_sp.greet(b, MEM_PEER);
    assert_int_equal(write(fd, b, n), (int)n);
    assert_int_equal(recv(fd, b, 8, MSG_WAITALL), 8);
    assert_int_equal(sp_frame_sp.greeted(b), MEM_ID);
}

static void closed_by_peer(int fd)
{
    char c;
    struct timeval patience = {20, 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ssize_t n = recv(fd, &c, 1, 0);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

static void port_0_becomes_a_real_one(void **state)
{
    (void)state;
    listen_at(0);
    assert_in_range(port, 1, 65535);
    close(call());
}

static void callers_are_accepted_and_opened(void **state)
{
    (void)state;
    int fd[20];
    listen_at(0);
    for (int i = 0; i < 20; i++)
        fd[i] = call();
    for (int i = 0; i < 20; i++)
        greet(fd[i]);
    UNTIL(stat_of(SP_ST_ACCEPTED) == 20);
    for (int i = 0; i < 20; i++)
        close(fd[i]);
    UNTIL(stat_of(SP_ST_BROKEN) == 20);
}

static void a_port_in_use_fails_the_call_and_leaves_nothing(void **state)
{
    (void)state;
    char text[64];
    listen_at(0);
    int fds = sp_fd_count();
    snprintf(text, sizeof text, "tcp://127.0.0.1:%d", port);
    assert_int_equal(sp_sock_add_ep(sock, text, false), -EADDRINUSE);
    assert_int_equal(stat_of(SP_ST_BIND_ERRORS), 1);
    assert_int_equal(sp_fd_count(), fds);
}

static void the_port_is_free_as_soon_as_it_is_shut_down(void **state)
{
    (void)state;
    listen_at(0);
    for (int i = 2; i < 20; i++) {
        int fd = call();
        greet(fd);
        assert_int_equal(sp_sock_shutdown(sock, i - 1), 0);
        int was = port;
        listen_at(port);
        assert_int_equal(port, was);
        close(fd);
    }
}

static void closing_ends_half_open_callers(void **state)
{
    (void)state;
    listen_at(0);
    int fd = call();
    UNTIL_LOCKED(!sp_list_empty(&sock->all));
    mem_end();
    closed_by_peer(fd);
    close(fd);
}

static struct sp_stream_ep *the_listener(void)
{
    struct sp_stream_ep *se;
    LOCKED(se = SP_CONTAINER(sock->eps.next, struct sp_ep, in_sock)->data);
    return se;
}

static int half_open(void)
{
    int n;
    struct sp_stream_ep *se = the_listener();
    LOCKED(n = se->n_half);
    return n;
}

static void callers_beyond_the_limit_of_handshakes_wait(void **state)
{
    (void)state;
    int fd[4];
    sock->max_handshakes = 2;
    listen_at(0);
    for (int i = 0; i < 4; i++)
        fd[i] = call();
    UNTIL(half_open() == 2);
    pass(20);
    assert_int_equal(half_open(), 2);
    greet(fd[0]);
    greet(fd[1]);
    greet(fd[2]); /* there is room again */
    greet(fd[3]);
    UNTIL(stat_of(SP_ST_ACCEPTED) == 4);
    for (int i = 0; i < 4; i++)
        close(fd[i]);
}

static void a_silent_caller_gives_way_to_one_that_waits(void **state)
{
    (void)state;
    sock->max_handshakes = 1;
    listen_at(0);
    int silent = call();
    UNTIL(half_open() == 1);
    int honest = call();
    greet(honest);
    closed_by_peer(silent);
    assert_int_equal(stat_of(SP_ST_REASON + (int)SP_REASON_LIMIT), 1);
    close(silent);
    close(honest);
}

static void a_silent_caller_alone_has_the_whole_deadline(void **state)
{
    (void)state;
    sock->max_handshakes = 1;
    sock->handshake_ms = 700;
    listen_at(0);
    uint64_t start = sp_now();
    int silent = call();
    closed_by_peer(silent);
    assert_in_range(sp_now() - start, 690 * SP_MS, LONG_NS);
    close(silent);
}

/* A descriptor kept in reserve tells the caller at once; then accepting pauses, and goes on. */
static void without_descriptors_callers_are_closed_and_later_served(void **state)
{
    (void)state;
    struct rlimit old, few;
    listen_at(0);
    int first = call(), second = socket(AF_INET, SOCK_STREAM, 0);
    greet(first);
    UNTIL(stat_of(SP_ST_ACCEPTED) == 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 3; /* no new ones */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int rc = connect(second, (struct sockaddr *)&a, sizeof a);
    for (uint64_t end = sp_now() + LONG_NS; stat_of(SP_ST_ACCEPT_ERRORS) == 0 && sp_now() < end;)
        sched_yield();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(rc, 0);
    assert_true(stat_of(SP_ST_ACCEPT_ERRORS) > 0);
    assert_true(stat_of(SP_ST_REASON + (int)SP_REASON_LIMIT) > 0);
    close(second);
    int third = call();
    greet(third);
    close(first);
    close(third);
}

static void lack_of_memory_fails_the_call_and_leaves_nothing(void **state)
{
    (void)state;
    int fds = sp_fd_count(), nth = 1;
    sock->port0 = 1;
    for (;; nth++) {
        failing_set(nth);
        int rc = sp_sock_add_ep(sock, "tcp://127.0.0.1:0", false);
        if (failing_clear() < nth) {
            assert_true(rc > 0);
            break;
        }
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(sp_fd_count(), fds);
    }
    assert_true(nth > 2);
}

static void lack_of_memory_for_a_caller_costs_that_caller_only(void **state)
{
    (void)state;
    listen_at(0);
    for (int nth = 1; nth <= 3; nth++) {
        failing_set(nth);
        int fd = call();
        UNTIL(failing_n >= nth || half_open() > 0);
        pass(5);
        failing_clear();
        close(fd);
        UNTIL(half_open() == 0);
    }
    int fd = call();
    greet(fd);
    close(fd);
}

#define LISTEN_TEST(fn) cmocka_unit_test_setup_teardown(fn, mem_setup, mem_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTEN_TEST(port_0_becomes_a_real_one),
        LISTEN_TEST(callers_are_accepted_and_opened),
        LISTEN_TEST(a_port_in_use_fails_the_call_and_leaves_nothing),
        LISTEN_TEST(the_port_is_free_as_soon_as_it_is_shut_down),
        LISTEN_TEST(closing_ends_half_open_callers),
        LISTEN_TEST(callers_beyond_the_limit_of_handshakes_wait),
        LISTEN_TEST(a_silent_caller_gives_way_to_one_that_waits),
        LISTEN_TEST(a_silent_caller_alone_has_the_whole_deadline),
        LISTEN_TEST(without_descriptors_callers_are_closed_and_later_served),
        LISTEN_TEST(lack_of_memory_fails_the_call_and_leaves_nothing),
        LISTEN_TEST(lack_of_memory_for_a_caller_costs_that_caller_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
