/* SPDX-License-Identifier: MIT */
/* A01 to A09: what follows the greeting on the wire is hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT 1048576 /* NN_RCVMAXSIZE as it is by default */

/* An attacker announces a length: closed within 100 ms and counted, and the honest peer is served. */
static void announce(int protocol, bool dials, int max, uint64_t len)
{
    struct rp_field f;
    uint8_t head[8];
    rp_field_sockets(&f, protocol, dials);
    rp_set(f.victim, NN_SOL_SOCKET, NN_RCVMAXSIZE, max);
    rp_field_start(&f);
    int fd = rp_attacker_open(&f);
    rp_head(head, len);
    assert_true(rp_send(fd, head, 8));
    assert_true(rp_closed(fd, rp_time(100)));
    assert_true(rp_stat_becomes(f.victim, NN_STAT_OVERSIZE, 1, rp_time(100)));
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

static void A01_length_of_2_to_the_63_to_a_listener(void **state)
{
    (void)state;
    announce(NN_REP, false, LIMIT, UINT64_C(1) << 63);
}

static void A01_length_of_2_to_the_63_to_a_dialler(void **state)
{
    (void)state;
    announce(NN_SUB, true, LIMIT, UINT64_C(1) << 63);
}

static void A02_length_of_all_ones_to_a_listener(void **state)
{
    (void)state;
    announce(NN_REP, false, LIMIT, UINT64_MAX);
}

static void A02_length_of_all_ones_to_a_dialler(void **state)
{
    (void)state;
    announce(NN_SUB, true, LIMIT, UINT64_MAX);
}

static void A03_length_one_above_the_limit_to_a_listener(void **state)
{
    (void)state;
    announce(NN_REP, false, LIMIT, LIMIT + 1);
}

static void A03_length_one_above_the_limit_to_a_dialler(void **state)
{
    (void)state;
    announce(NN_SUB, true, LIMIT, LIMIT + 1);
}

static void A03_length_one_above_a_limit_of_zero(void **state)
{
    struct rp_field f;
    (void)state;
    rp_field_open(&f, NN_REP, false);
    int fd = rp_attacker_open(&f);
    rp_set(f.victim, NN_SOL_SOCKET, NN_RCVMAXSIZE, 0); /* it is read live */
    assert_true(rp_frame(fd, "x", 1));
    assert_true(rp_closed(fd, rp_time(100)));
    rp_set(f.victim, NN_SOL_SOCKET, NN_RCVMAXSIZE, LIMIT);
    assert_true(rp_stat_reaches(f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(1000)));
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

static void A04_length_of_2_to_the_63_without_a_limit(void **state)
{
    (void)state;
    announce(NN_REP, false, -1, UINT64_C(1) << 63);
    announce(NN_SUB, true, -1, UINT64_C(1) << 63);
}

static void A04_length_of_all_ones_without_a_limit(void **state)
{
    (void)state;
    announce(NN_REP, false, -1, UINT64_MAX);
    announce(NN_SUB, true, -1, UINT64_MAX);
}

static void A04_a_terabyte_announced_without_a_limit_takes_no_memory(void **state)
{
    struct rp_field f;
    uint8_t head[8];
    (void)state;
    rp_field_sockets(&f, NN_REP, false);
    rp_set(f.victim, NN_SOL_SOCKET, NN_RCVMAXSIZE, -1);
    rp_field_start(&f);
    int fd = rp_attacker_open(&f);
    size_t before = rp_heap();
    rp_head(head, UINT64_C(1) << 40);
    assert_true(rp_send(fd, head, 8));
    assert_true(rp_send(fd, "x", 1));
    rp_assert_served(&f, 100);
    assert_in_range(rp_heap(), 0, before + 65536 * 3); /* the body's start, and slabs of the loop and the honest peer */
    close(fd);
    assert_true(rp_stat_becomes(f.victim, NN_STAT_TRUNCATED, 1, rp_time(100)));
    rp_field_close(&f);
}

#define PEERS 200

/* The most that the heap holds within `ms`. */
static size_t heap_peak(int ms)
{
    size_t most = 0;
    for (int64_t until = rp_now() + ms; rp_now() < until; (void)poll(NULL, 0, 1))
        most = rp_heap() > most ? rp_heap() : most;
    return most;
}

static void announced_sizes(bool dials)
{
    struct rp_field f;
    static int fd[PEERS];
    uint8_t head[8];
    rp_field_open(&f, NN_REP, dials);
    size_t before = rp_heap();
    for (int i = 0; i < PEERS; i++) {
        if (dials && i)
            rp_dial(f.victim, f.port);
        fd[i] = rp_attacker_open(&f);
    }
    rp_head(head, LIMIT);
    for (int i = 0; i < PEERS; i++)
        assert_true(rp_send(fd[i], head, 8) && rp_send(fd[i], "x", 1));
    size_t peak = heap_peak(rp_time(200));
    assert_in_range(peak, before, before + PEERS * 65536);
    rp_assert_served(&f, 100);
    for (int i = 0; i < PEERS; i++)
        close(fd[i]);
    rp_field_close(&f);
}

static void A05_announced_sizes_take_no_memory_of_a_listener(void **state)
{
    (void)state;
    announced_sizes(false);
}

static void A05_announced_sizes_take_no_memory_of_a_dialler(void **state)
{
    (void)state;
    announced_sizes(true);
}

/* Greeting and length cut at every byte, then an end or a reset, `times` over. */
static void cut(bool dials, int times)
{
    struct rp_field f;
    uint8_t bytes[16];
    rp_field_sockets(&f, NN_REP, dials);
    rp_set(f.victim, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1);
    rp_field_start(&f);
    rp_greeting(bytes, NN_REQ);
    rp_head(bytes + 8, 100);
    for (int i = 0; i < 100; i++) /* what is made once: threads' arenas, slabs */
        close(rp_attacker(&f));
    rp_assert_served(&f, 100);
    assert_true(rp_stat_becomes(f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(1000)));
    int fds = rp_fds();
    size_t heap = rp_heap();
    for (int i = 0; i < times; i++) {
        int fd = rp_attacker(&f);
        assert_true(rp_send(fd, bytes, (size_t)(i % 17)) || dials);
        if (i / 17 % 2)
            rp_reset(fd);
        else
            close(fd);
        if (i % 1000 == 0)
            rp_assert_served(&f, 100);
        rp_watchdog(60);
    }
    rp_assert_served(&f, 100);
    if (dials) /* the victim would go on trying */
        close(f.listener), f.listener = -1;
    for (int64_t until = rp_now() + rp_time(2000); rp_now() < until && rp_fds() > fds; (void)poll(NULL, 0, 1))
        ;
    assert_in_range(rp_fds(), 0, fds);
    assert_in_range(heap_peak(rp_time(20)), 0, heap + 65536 * 2);
    rp_field_close(&f);
}

static void A06_a_listener_survives_10000_cut_headers(void **state)
{
    (void)state;
    cut(false, 10000);
}

static void A06_a_dialler_survives_cut_headers(void **state)
{
    (void)state;
    cut(true, 680);
}

/* A greeting that is none: closed within 100 ms, counted, and a listener has said nothing. */
static void misgreet(bool dials, const uint8_t greeting[8], bool is_close)
{
    struct rp_field f;
    uint8_t in[8];
    rp_field_open(&f, dials ? NN_SUB : NN_REP, dials);
    uint64_t received = nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED);
    int fd = rp_attacker(&f);
    assert_true(rp_send(fd, greeting, 8));
    (void)rp_frame(fd, "\x80\0\0\0evil", 8); /* it may be refused before this is out */
    size_t n = rp_recv(fd, in, 8, rp_time(100));
    assert_int_equal(n, dials ? 8 : 0);
    assert_true(rp_closed(fd, rp_time(100)) == is_close);
    assert_true(rp_stat_reaches(f.victim, NN_STAT_PROTOCOL, 1, rp_time(100)));
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED), received);
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

static void misgreetings(bool dials)
{
    uint8_t g[8], bad[8];
    rp_greeting(g, dials ? NN_PUB : NN_REQ);
    for (int i = 0; i < 8; i++) {
        memcpy(bad, g, 8);
        bad[i] ^= i < 4 || i > 5 ? 0x01 : 0x40; /* magic, version, protocol, reserved */
        misgreet(dials, bad, true);
    }
    rp_greeting(bad, dials ? NN_SUB : NN_REP); /* itself, not its counterpart */
    misgreet(dials, bad, true);
    misgreet(dials, (const uint8_t *)"GET / HT", true);
}

static void A07_wrong_greetings_to_a_listener(void **state)
{
    (void)state;
    misgreetings(false);
}

static void A07_wrong_greetings_to_a_dialler(void **state)
{
    (void)state;
    misgreetings(true);
}

/* Sends n bytes one by one; the ms it took. */
static int64_t dribble(int fd, const uint8_t *p, size_t n)
{
    int64_t start = rp_now();
    for (size_t i = 0; i < n; i++)
        assert_true(rp_send(fd, p + i, 1));
    return rp_now() - start;
}

static void byte_by_byte(bool dials)
{
    size_t n = rp_sanitized() ? LIMIT / 8 : LIMIT, quarter = n / 4;
    struct rp_field f;
    uint8_t head[8], *body = malloc(n), *back = malloc(n);
    assert_non_null(body);
    assert_non_null(back);
    for (size_t i = 0; i < n; i++)
        body[i] = (uint8_t)(i * 31 + i / 257);
    memcpy(body, "\x80\0\0\1", 4);
    rp_field_open(&f, NN_REP, dials);
    int fd = rp_attacker_open(&f);
    rp_head(head, n);
    (void)dribble(fd, head, 8);
    int64_t first = 0, last = 0;
    for (int i = 0; i < 4; i++) {
        int64_t took = dribble(fd, body + (size_t)i * quarter, quarter);
        first = i == 0 ? took : first;
        last = took;
        rp_assert_served(&f, 100);
        rp_watchdog(60);
    }
    assert_in_range(last, 0, 4 * first + 200);
    assert_int_equal(rp_unframe(fd, back, n, rp_time(5000)), (intmax_t)n);
    assert_memory_equal(back, body, n);
    close(fd);
    free(body);
    free(back);
    rp_field_close(&f);
}

static void A08_a_megabyte_byte_by_byte_to_a_listener(void **state)
{
    (void)state;
    byte_by_byte(false);
}

static void A08_a_megabyte_byte_by_byte_to_a_dialler(void **state)
{
    (void)state;
    byte_by_byte(true);
}

#define FLOOD (rp_sanitized() ? 100000 : 1000000)

struct flood {
    int fd, n, sent;
};

/* Sends empty messages, many to a call, until the other side is gone. */
static void *flood_main(void *arg)
{
    struct flood *x = arg;
    static const uint8_t zeros[8 * 1000];
    while (x->sent < x->n && rp_send(x->fd, zeros, sizeof zeros))
        x->sent += 1000;
    return NULL;
}

static void empty_flood(bool dials)
{
    struct rp_field f;
    pthread_t t;
    rp_field_open(&f, NN_SUB, dials);
    struct flood x = {.fd = rp_attacker_open(&f), .n = FLOOD};
    size_t before = rp_heap();
    assert_int_equal(pthread_create(&t, NULL, flood_main, &x), 0);
    size_t most = 0;
    uint64_t all = nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED) + (uint64_t)x.n;
    while (nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED) < all) {
        rp_assert_served(&f, 100);
        char b[64];
        for (int i = 0; i < 1000; i++)
            if (nn_recv(f.victim, b, sizeof b, NN_DONTWAIT) < 0)
                break;
        most = rp_heap() > most ? rp_heap() : most;
        rp_watchdog(60);
    }
    pthread_join(t, NULL);
    assert_int_equal(x.sent, x.n);
    assert_in_range(most, 0, before + 131072 * 2 + 65536 * 4); /* two NN_RCVBUF, slabs */
    close(x.fd);
    rp_field_close(&f);
}

static void A09_a_flood_of_empty_messages_to_a_listener(void **state)
{
    (void)state;
    empty_flood(false);
}

static void A09_a_flood_of_empty_messages_to_a_dialler(void **state)
{
    (void)state;
    empty_flood(true);
}

static void A09_empty_messages_are_no_requests(void **state)
{
    struct rp_field f;
    (void)state;
    rp_field_open(&f, NN_REP, false);
    struct flood x = {.fd = rp_attacker_open(&f), .n = FLOOD};
    flood_main(&x);
    assert_true(rp_closed(x.fd, rp_time(100)));
    rp_assert_served(&f, 100);
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_PROTOCOL), 1);
    close(x.fd);
    rp_field_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A01_length_of_2_to_the_63_to_a_listener),
        cmocka_unit_test(A01_length_of_2_to_the_63_to_a_dialler),
        cmocka_unit_test(A02_length_of_all_ones_to_a_listener),
        cmocka_unit_test(A02_length_of_all_ones_to_a_dialler),
        cmocka_unit_test(A03_length_one_above_the_limit_to_a_listener),
        cmocka_unit_test(A03_length_one_above_the_limit_to_a_dialler),
        cmocka_unit_test(A03_length_one_above_a_limit_of_zero),
        cmocka_unit_test(A04_length_of_2_to_the_63_without_a_limit),
        cmocka_unit_test(A04_length_of_all_ones_without_a_limit),
        cmocka_unit_test(A04_a_terabyte_announced_without_a_limit_takes_no_memory),
        cmocka_unit_test(A05_announced_sizes_take_no_memory_of_a_listener),
        cmocka_unit_test(A05_announced_sizes_take_no_memory_of_a_dialler),
        cmocka_unit_test(A06_a_listener_survives_10000_cut_headers),
        cmocka_unit_test(A06_a_dialler_survives_cut_headers),
        cmocka_unit_test(A07_wrong_greetings_to_a_listener),
        cmocka_unit_test(A07_wrong_greetings_to_a_dialler),
        cmocka_unit_test(A08_a_megabyte_byte_by_byte_to_a_listener),
        cmocka_unit_test(A08_a_megabyte_byte_by_byte_to_a_dialler),
        cmocka_unit_test(A09_a_flood_of_empty_messages_to_a_listener),
        cmocka_unit_test(A09_a_flood_of_empty_messages_to_a_dialler),
        cmocka_unit_test(A09_empty_messages_are_no_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
