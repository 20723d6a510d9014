/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pipe2 */
/* A71, A14: what is ipc's own. Raw peers on local sockets misspeak, pass descriptors, send out of
 * band, crowd the listener; the honest peer is served meanwhile. The file's rights are in
 * tests/api/test_ipc_file.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <errno.h>
#include <fcntl.h>
#include <nanomsg/ipc.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- the field over ipc: a port is the number of a path ---- */

static char folder[64];
static int n_paths, listener = -1;

static struct sockaddr_un name_of(int port)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/%d", folder, port);
    return a;
}

static int bind_ipc(int s)
{
    char address[128];
    snprintf(address, sizeof address, "ipc://%s/%d", folder, ++n_paths);
    assert_true(nn_bind(s, address) >= 0);
    return n_paths;
}

static int dial_ipc(int s, int port)
{
    char address[128];
    snprintf(address, sizeof address, "ipc://%s/%d", folder, port);
    int id = nn_connect(s, address);
    assert_true(id >= 0);
    return id;
}

static int local_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static void field_open(struct rp_field *f, int protocol, bool dials)
{
    rp_field_sockets(f, protocol, false); /* with true it would make a raw listener of tcp */
    f->bind = bind_ipc;
    f->dial = dial_ipc;
    rp_field_start(f);
    if (!dials)
        return;
    struct sockaddr_un a = name_of(++n_paths);
    listener = local_socket();
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 100), 0);
    dial_ipc(f->victim, n_paths);
}

static void field_close(struct rp_field *f)
{
    if (listener >= 0) {
        struct sockaddr_un a;
        socklen_t len = sizeof a;
        assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
        assert_int_equal(unlink(a.sun_path), 0);
        close(listener);
    }
    listener = -1;
    rp_field_close(f);
}

/* A raw peer, connected; -1: the listener's queue is full. */
static int attacker(struct rp_field *f)
{
    if (listener >= 0) {
        int fd = rp_accept(listener, rp_time(5000));
        assert_true(fd >= 0);
        return fd;
    }
    struct sockaddr_un a = name_of(f->port);
    int fd = local_socket();
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    assert_int_equal(errno, EAGAIN);
    close(fd);
    return -1;
}

static int attacker_open(struct rp_field *f)
{
    int fd = attacker(f);
    assert_true(fd >= 0);
    if (!rp_hello(fd, f->attacker, f->protocol, rp_time(5000)))
        fail_msg("no greeting: %s", rp_reason(f->victim));
    return fd;
}

static size_t head(uint8_t *out, uint8_t type, uint64_t len)
{
    out[0] = type;
    rp_head(out + 1, len);
    return 9;
}

/* A publication or a request of one word. */
static size_t message(uint8_t *out, uint8_t type, const char *word)
{
    size_t n = strlen(word);
    size_t h = head(out, type, n + 4);
    memcpy(out + h, "\x80\0\0\1", 4);
    memcpy(out + h + 4, word, n);
    return h + 4 + n;
}

static void ends(struct rp_field *f, int fd, int stat, uint64_t before)
{
    if (!rp_closed(fd, rp_time(1000)))
        fail_msg("not closed: %s", rp_reason(f->victim));
    assert_true(rp_stat_reaches(f->victim, stat, before + 1, rp_time(1000)));
    close(fd);
    rp_assert_served(f, 100);
}

/* ---- A14 ---- */

static void type_of_the_first_message(bool dials)
{
    struct rp_field f;
    field_open(&f, NN_SUB, dials);
    uint64_t received = nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED);
    unsigned served = f.serial;
    for (int type = 0; type < 256; type += type < 4 || type > 250 ? 1 : 13) {
        uint8_t b[64];
        if (type == 1)
            continue;
        uint64_t before = nn_get_statistic(f.victim, NN_STAT_PROTOCOL);
        int fd = attacker_open(&f);
        assert_true(rp_send(fd, b, message(b, (uint8_t)type, "evil")));
        ends(&f, fd, NN_STAT_PROTOCOL, before);
    }
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED) - received,
                     f.serial - served);
    field_close(&f);
}

static void A14_a_wrong_type_ends_the_connection(void **state)
{
    (void)state;
    type_of_the_first_message(false);
    type_of_the_first_message(true);
}

/* No need to wait for the length. */
static void A14_the_type_alone_is_enough(void **state)
{
    (void)state;
    struct rp_field f;
    field_open(&f, NN_REP, false);
    int fd = attacker_open(&f);
    assert_true(rp_send(fd, "\2", 1));
    ends(&f, fd, NN_STAT_PROTOCOL, 0);
    field_close(&f);
}

/* Those before it are good, also when all come at once. */
static void A14_after_good_messages(void **state)
{
    (void)state;
    struct rp_field f;
    uint8_t b[512];
    char got[64];
    field_open(&f, NN_SUB, false);
    int fd = attacker_open(&f);
    size_t n = message(b, 1, "one");
    n += message(b + n, 1, "two");
    n += message(b + n, 0, "three");
    assert_true(rp_send(fd, b, n));
    assert_int_equal(nn_recv(f.victim, got, sizeof got, 0), 7);
    assert_memory_equal(got + 4, "one", 3);
    assert_int_equal(nn_recv(f.victim, got, sizeof got, 0), 7);
    assert_memory_equal(got + 4, "two", 3);
    ends(&f, fd, NN_STAT_PROTOCOL, 0);
    field_close(&f);
}

/* What tcp would take: the first byte of its length is a type. */
static void A14_a_peer_that_speaks_tcps_mapping(void **state)
{
    (void)state;
    struct rp_field f;
    field_open(&f, NN_SUB, false);
    int fd = attacker_open(&f);
    (void)rp_frame(fd, "x", 1); /* the end may come before all is sent */
    ends(&f, fd, NN_STAT_PROTOCOL, 0);
    field_close(&f);
}

/* ---- lengths and ends, as A01 to A08 ---- */

static void A01_lengths_beyond_the_limit(void **state)
{
    (void)state;
    static const uint64_t lens[] = {UINT64_MAX, (uint64_t)1 << 63, INT64_MAX, (1 << 20) + 1};
    for (int dials = 0; dials < 2; dials++) {
        struct rp_field f;
        field_open(&f, NN_REP, dials);
        for (size_t i = 0; i < 4; i++) {
            uint8_t b[16];
            int fd = attacker_open(&f);
            assert_true(rp_send(fd, b, head(b, 1, lens[i])));
            ends(&f, fd, NN_STAT_OVERSIZE, i);
        }
        field_close(&f);
    }
}

static void A06_ends_at_every_byte(void **state)
{
    (void)state;
    struct rp_field f;
    uint8_t b[64];
    field_open(&f, NN_REP, false);
    rp_greeting(b, NN_REQ);
    size_t n = 8 + message(b + 8, 1, "question");
    for (int i = 0; i < 2000; i++) {
        int fd = attacker(&f);
        assert_true(rp_send(fd, b, (size_t)i % n));
        close(fd);
        if (i % 100 == 0)
            rp_assert_served(&f, 100);
    }
    assert_true(rp_stat_becomes(f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    field_close(&f);
}

static void A08_one_byte_at_a_time(void **state)
{
    (void)state;
    struct rp_field f;
    static uint8_t b[40000], got[40000];
    field_open(&f, NN_REP, false);
    int fd = attacker_open(&f);
    size_t n = sizeof b - 9;
    head(b, 1, n);
    memset(b + 9, 'x', n);
    memcpy(b + 9, "\x80\0\0\1", 4);
    for (size_t i = 0; i < sizeof b; i++)
        assert_true(rp_send(fd, b + i, 1));
    assert_int_equal(rp_recv(fd, got, sizeof got, rp_time(5000)), sizeof got);
    assert_memory_equal(got, b, sizeof b);
    close(fd);
    field_close(&f);
}

/* ---- what only local sockets can do ---- */

/* Sends n bytes with so many descriptors, as SCM_RIGHTS. */
static void pass(int fd, const void *p, size_t n, int n_fds, int what)
{
    union {
        char b[CMSG_SPACE(64 * sizeof(int))];
        struct cmsghdr align;
    } u = {.b = {0}};
    int fds[64];
    struct iovec v = {(void *)(uintptr_t)p, n};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = u.b,
                       .msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int))};
    for (int i = 0; i < n_fds; i++)
        fds[i] = what;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
    memcpy(CMSG_DATA(c), fds, (size_t)n_fds * sizeof(int));
    assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), n);
}

/* The other end of what was passed: its end comes when nobody holds it any more. */
static void is_let_go(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char c;
    assert_int_equal(poll(&p, 1, rp_time(5000)), 1);
    assert_int_equal(read(fd, &c, 1), 0);
}

/* With the greeting, with heads, inside bodies small and large, and alone. */
static void A71_passed_descriptors_are_let_go(void **state)
{
    (void)state;
    for (int dials = 0; dials < 2; dials++) {
        struct rp_field f;
        uint8_t b[64], greeting[8];
        static uint8_t large[100000];
        int p[2];
        field_open(&f, NN_REP, dials);
        int fd = attacker(&f);
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        rp_greeting(greeting, f.attacker);
        pass(fd, greeting, 8, 64, p[1]);
        assert_int_equal(rp_recv(fd, greeting, 8, rp_time(5000)), 8);
        int before = rp_fds();
        for (int i = 0; i < 100; i++) {
            size_t n = message(b, 1, "question");
            pass(fd, b, 5, 64, p[1]);
            pass(fd, b + 5, n - 5, 64, p[1]);
            assert_int_equal(rp_recv(fd, b, n, rp_time(5000)), n);
            assert_in_range(rp_fds(), 0, before);
        }
        size_t h = head(large, 1, sizeof large - 9);
        memcpy(large + h, "\x80\0\0\1", 4);
        pass(fd, large, 100, 64, p[1]);
        for (size_t at = 100; at < sizeof large; at += 33300)
            pass(fd, large + at, 33300, 64, p[1]);
        assert_int_equal(rp_recv(fd, large, sizeof large, rp_time(5000)), sizeof large);
        assert_in_range(rp_fds(), 0, before);
        close(p[1]);
        is_let_go(p[0]);
        close(p[0]);
        close(fd);
        rp_assert_served(&f, 100);
        field_close(&f);
    }
}

/* Those that nobody read go with the connection. */
static void A71_unread_descriptors_go_with_the_connection(void **state)
{
    (void)state;
    struct rp_field f;
    uint8_t b[16];
    int p[2];
    field_open(&f, NN_REP, false);
    int fd = attacker_open(&f);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pass(fd, b, head(b, 9, 1), 64, p[1]);
    for (int i = 0; i < 10; i++)
        if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
            break;
    ends(&f, fd, NN_STAT_PROTOCOL, 0);
    close(p[1]);
    is_let_go(p[0]);
    close(p[0]);
    field_close(&f);
}

/* Out-of-band bytes make a socket readable without anything to read. */
static void A71_out_of_band_bytes_do_not_keep_the_loop_busy(void **state)
{
    (void)state;
    struct rp_field f;
    field_open(&f, NN_REP, false);
    int fd = attacker_open(&f);
    if (send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL) < 0) {
        close(fd);
        field_close(&f);
        skip(); /* this kernel has none */
    }
    rp_assert_served(&f, 100);
    int64_t cpu = rp_cpu(), start = rp_now();
    (void)rp_silent(fd, 300);
    int64_t took = rp_now() - start;
    assert_in_range(rp_cpu() - cpu, 0, took / 4 + rp_time(20));
    close(fd);
    rp_assert_served(&f, 100);
    field_close(&f);
}

/* As A11: callers that say nothing fill the listener, and an honest one comes through all the same.
 */
static void A11_silent_callers(void **state)
{
    (void)state;
    struct rp_field f;
    int fd[300], n = 0;
    rp_field_sockets(&f, NN_REP, false);
    f.bind = bind_ipc;
    f.dial = dial_ipc;
    rp_set(f.victim, NN_SOL_SOCKET, NN_MAX_HANDSHAKES, 50);
    rp_field_start(&f);
    for (; n < 300; n++)
        if ((fd[n] = attacker(&f)) < 0)
            break;
    assert_true(n > 60);
    int late = rp_socket(NN_REQ);
    dial_ipc(late, f.port);
    assert_true(rp_stat_reaches(late, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    rp_assert_served(&f, 100);
    while (n)
        close(fd[--n]);
    assert_int_equal(nn_close(late), 0);
    field_close(&f);
}

/* ---- A71: addresses ---- */

static void A71_paths_too_long(void **state)
{
    (void)state;
    int s = rp_socket(NN_REP);
    for (size_t n = sizeof((struct sockaddr_un *)0)->sun_path; n < 100000; n *= 2) {
        char *address = malloc(n + 7);
        assert_non_null(address);
        memset(address, 'x', n + 6);
        memcpy(address, "ipc://", 6);
        address[n + 6] = 0;
        assert_int_equal(nn_bind(s, address), -1);
        assert_int_equal(errno, ENAMETOOLONG);
        assert_int_equal(nn_connect(s, address), -1);
        assert_int_equal(errno, ENAMETOOLONG);
        free(address);
    }
    nn_close(s);
}

static void A71_a_foreign_file_stays_and_a_stale_socket_goes(void **state)
{
    (void)state;
    char address[128];
    struct sockaddr_un a = name_of(++n_paths);
    int s = rp_socket(NN_REP);
    snprintf(address, sizeof address, "ipc://%s", a.sun_path);
    int fd = open(a.sun_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    assert_int_equal(nn_bind(s, address), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(unlink(a.sun_path), 0);
    fd = local_socket();
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    assert_true(nn_bind(s, address) >= 0);
    nn_close(s);
    assert_int_equal(access(a.sun_path, F_OK), -1);
}

static int group_setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/nanoseal-a7x-XXXXXX", P_tmpdir);
    return mkdtemp(folder) ? 0 : -1;
}

/* Nothing is left. */
static int group_teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A14_a_wrong_type_ends_the_connection),
        cmocka_unit_test(A14_the_type_alone_is_enough),
        cmocka_unit_test(A14_after_good_messages),
        cmocka_unit_test(A14_a_peer_that_speaks_tcps_mapping),
        cmocka_unit_test(A01_lengths_beyond_the_limit),
        cmocka_unit_test(A06_ends_at_every_byte),
        cmocka_unit_test(A08_one_byte_at_a_time),
        cmocka_unit_test(A71_passed_descriptors_are_let_go),
        cmocka_unit_test(A71_unread_descriptors_go_with_the_connection),
        cmocka_unit_test(A71_out_of_band_bytes_do_not_keep_the_loop_busy),
        cmocka_unit_test(A11_silent_callers),
        cmocka_unit_test(A71_paths_too_long),
        cmocka_unit_test(A71_a_foreign_file_stays_and_a_stale_socket_goes),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
