/* SPDX-License-Identifier: MIT */
/* Keys of live connections change over sockets: on request, in both directions, and every few records; and what a
 * socket tells of its TLS peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/tlsfield.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <poll.h>
#include <string.h>

static struct nn_pipe_info only_pipe(int s)
{
    struct nn_pipe_info v = {.size = sizeof v};
    assert_true(rp_stat_becomes(s, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_int_equal(nn_pipes(s, &v, 1), 1);
    return v;
}

/* Asks for a key update until it is taken; one may be under way. */
static void rekey(int s, int request)
{
    int64_t until = rp_now() + rp_time(5000);
    while (nn_tls_rekey(s, only_pipe(s).id, request) < 0) {
        assert_int_equal(errno, EAGAIN);
        assert_true(rp_now() < until);
        (void)poll(NULL, 0, 1);
    }
}

static void keys_are_replaced_on_request_while_messages_flow(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    for (int i = 0; i < 200; i++) {
        if (i % 10 == 0)
            rekey(i % 20 ? t.f.victim : t.f.honest, i % 40 > 10);
        rp_assert_served(&t.f, 100);
    }
    uint64_t sent = nn_get_statistic(t.f.honest, NN_STAT_REKEYS_SENT);
    uint64_t received = nn_get_statistic(t.f.honest, NN_STAT_REKEYS_RECEIVED);
    assert_in_range(sent, 10, 25);
    assert_in_range(received, 10, 25);
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_REKEYS_RECEIVED, sent, rp_time(1000)));
    assert_int_equal(nn_get_statistic(t.f.honest, NN_STAT_ESTABLISHED_CONNECTIONS), 1);
    assert_int_equal(only_pipe(t.f.victim).rekeys_received, sent);
    rp_tls_field_close(&t);
}

/* No data needs to flow for it. */
static void an_idle_connection_is_rekeyed_too(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    rekey(t.f.honest, 1);
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_REKEYS_RECEIVED, 1, rp_time(1000)));
    assert_true(rp_stat_becomes(t.f.honest, NN_STAT_REKEYS_RECEIVED, 1, rp_time(1000)));
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

static void what_cannot_be_rekeyed_says_so(void **state)
{
    (void)state;
    rp_watchdog(60);
    int a = rp_socket(NN_PAIR), b = rp_socket(NN_PAIR);
    rp_dial(b, rp_bind(a));
    assert_true(rp_stat_reaches(b, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_int_equal(nn_tls_rekey(b, only_pipe(b).id, 0), -1);
    assert_int_equal(errno, ENOTSUP);
    assert_int_equal(nn_tls_rekey(b, only_pipe(b).id + 12345, 0), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(nn_tls_rekey(-1, 1, 0), -1);
    assert_int_equal(errno, EBADF);
    nn_close(a);
    nn_close(b);
}

/* ---- every few records ---- */

#define MESSAGES 10000u
#define LONGEST 40000u

struct end {
    int s;
    uint32_t seed;
    pthread_t thread;
};

/* Length and bytes of the i-th message: mostly short, now and then several records. */
static size_t message(uint32_t seed, uint32_t i, uint8_t *b)
{
    uint32_t x = (seed ^ i) * 2654435761u;
    size_t n = 4 + x % (i % 100 == 0 ? LONGEST - 4 : i % 7 == 0 ? 3000 : 100);
    memcpy(b, &i, 4);
    for (size_t k = 4; k < n; k++)
        b[k] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
    return n;
}

static void *send_main(void *arg)
{
    struct end *e = arg;
    static _Thread_local uint8_t b[LONGEST];
    for (uint32_t i = 0; i < MESSAGES; i++) {
        size_t n = message(e->seed, i, b);
        if (nn_send(e->s, b, n, 0) != (int)n)
            return (void *)1;
    }
    return NULL;
}

/* Receives all of the other side's messages; whether each byte is right. */
static bool receive_all(int s, uint32_t seed)
{
    static _Thread_local uint8_t got[LONGEST], want[LONGEST];
    for (uint32_t i = 0; i < MESSAGES; i++) {
        int n = nn_recv(s, got, sizeof got, 0);
        if (n < 0 || (size_t)n != message(seed, i, want) || memcmp(got, want, (size_t)n) != 0) {
            print_message("message %u: %d bytes, %s\n", i, n, n < 0 ? strerror(errno) : rp_reason(s));
            return false;
        }
    }
    return true;
}

static void *receive_main(void *arg)
{
    struct end *e = arg;
    return receive_all(e->s, e->seed) ? NULL : (void *)1;
}

static void few(uint64_t records, uint64_t bytes, uint64_t least)
{
    struct end a, b, ra, rb;
    struct end *e[4] = {&a, &b, &ra, &rb};
    int h = rp_tls_config("a", NN_TLS_DIAL | NN_TLS_ACCEPT | NN_TLS_SHARED);
    assert_int_equal(nn_tls_limits(h, records, bytes, 0), 0);
    rp_watchdog(100);
    a = (struct end){.s = rp_socket(NN_PAIR), .seed = 1};
    b = (struct end){.s = rp_socket(NN_PAIR), .seed = 77};
    ra = (struct end){.s = a.s, .seed = b.seed};
    rb = (struct end){.s = b.s, .seed = a.seed};
    rp_tls_use(a.s, h);
    rp_tls_use(b.s, h);
    rp_tls_dial(b.s, rp_tls_bind(a.s));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&e[i]->thread, NULL, i < 2 ? send_main : receive_main, e[i]), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(e[i]->thread, &failed);
        assert_null(failed);
    }
    assert_int_equal(nn_get_statistic(b.s, NN_STAT_ESTABLISHED_CONNECTIONS), 1);
    assert_true(nn_get_statistic(a.s, NN_STAT_REKEYS_SENT) >= least);
    assert_true(nn_get_statistic(b.s, NN_STAT_REKEYS_SENT) >= least);
    nn_close(a.s);
    nn_close(b.s);
    assert_int_equal(nn_tls_destroy(h), 0);
    rp_watchdog(0);
}

static void keys_that_last_for_three_records_lose_no_byte(void **state)
{
    (void)state;
    few(3, 0, 100);
}

static void keys_that_last_for_a_few_kilobytes_lose_no_byte(void **state)
{
    (void)state;
    few(0, 10000, 100);
}

/* ---- who is there ---- */

static void a_message_tells_who_sent_it(void **state)
{
    (void)state;
    struct rp_tls_field t;
    char body[8], control[256];
    rp_tls_field_sockets(&t, NN_REP, false);
    int rep = rp_socket(NN_REP), req = rp_tls_socket(NN_REQ, "mallory");
    rp_tls_use(rep, t.config);
    rp_tls_dial(req, rp_tls_bind(rep));
    assert_int_equal(nn_send(req, "who", 3, 0), 3);
    struct nn_iovec v = {body, sizeof body};
    struct nn_msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    assert_int_equal(nn_recvmsg(rep, &m, 0), 3);
    bool id = false, pipe = false;
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(&m); c; c = NN_CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == NN_TLS && c->cmsg_type == NN_TLS_PEER_ID) {
            id = c->cmsg_len == NN_CMSG_LEN(7) && !memcmp(NN_CMSG_DATA(c), "mallory", 7);
        } else if (c->cmsg_level == NN_SOL_SOCKET && c->cmsg_type == NN_PIPE_ID) {
            uint32_t n;
            memcpy(&n, NN_CMSG_DATA(c), sizeof n);
            pipe = n == only_pipe(rep).id;
        } else {
            assert_int_not_equal(c->cmsg_type, NN_TLS_PEER_CERT);
        }
    }
    assert_true(id);
    assert_true(pipe);
    nn_close(req);
    nn_close(rep);
    rp_field_start(&t.f);
    rp_tls_field_close(&t);
}

static void nn_pipes_tells_about_TLS(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    struct nn_pipe_info v = only_pipe(t.f.victim);
    assert_int_equal(v.identity_len, 6);
    assert_memory_equal(v.identity, "honest", 6);
    assert_int_equal(v.version, NN_TLS_1_3);
    assert_int_equal(v.suite, 0x1301);
    assert_int_equal(v.tx_mode, NN_MODE_USER);
    assert_int_equal(v.rx_mode, NN_MODE_USER);
    assert_in_range(v.records_sent, 2, 4); /* greeting, message */
    assert_in_range(v.records_received, 2, 4);
    assert_int_equal(v.messages_received, 1);
    assert_int_equal(v.rekeys_sent + v.rekeys_received, 0);
    assert_non_null(strstr(v.address, "127.0.0.1:"));
    rp_tls_field_close(&t);
}

static void suites_are_negotiated_in_the_order_of_preference(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_sockets(&t, NN_REP, false);
    assert_int_equal(nn_tls_suites(t.other, "TLS_CHACHA20_POLY1305_SHA256"), 0);
    rp_field_start(&t.f);
    assert_int_equal(only_pipe(t.f.victim).suite, 0x1303);
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_replaced_on_request_while_messages_flow),
        cmocka_unit_test(an_idle_connection_is_rekeyed_too),
        cmocka_unit_test(what_cannot_be_rekeyed_says_so),
        cmocka_unit_test(keys_that_last_for_three_records_lose_no_byte),
        cmocka_unit_test(keys_that_last_for_a_few_kilobytes_lose_no_byte),
        cmocka_unit_test(a_message_tells_who_sent_it),
        cmocka_unit_test(nn_pipes_tells_about_TLS),
        cmocka_unit_test(suites_are_negotiated_in_the_order_of_preference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
