/* SPDX-License-Identifier: MIT */
/* A24 (devices in a ring) and A21, A22, A31, A10 through a device: what peers at either side make
 * up, and those that do not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/device.h"
#include "support/rawpeer.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUEUE 131072 /* NN_SNDBUF, NN_RCVBUF as they are by default */

/* ---- A24 ---- */

/* Two devices of which each passes on to the other; ports of their fronts. */
struct ring {
    struct dv d[2];
    int port[2];
};

static void ring_open(struct ring *r, int asks, int does, int ttl)
{
    int front[2], back[2];
    rp_watchdog(60);
    for (int i = 0; i < 2; i++) {
        front[i] = dv_raw(does);
        back[i] = dv_raw(asks);
        rp_set(front[i], NN_SOL_SOCKET, NN_MAXTTL, ttl);
        r->port[i] = rp_bind(front[i]);
    }
    for (int i = 0; i < 2; i++) {
        rp_dial(back[i], r->port[!i]);
        assert_true(rp_stat_becomes(back[i], NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(2000)));
        assert_int_equal(dv_start(&r->d[i], front[i], back[i]), 0);
    }
}

static void ring_close(struct ring *r)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(dv_stop(&r->d[i]), EBADF);
    rp_watchdog(0);
}

static uint64_t ring_sum(struct ring *r, int stat, bool fronts)
{
    uint64_t n = 0;
    for (int i = 0; i < 2; i++)
        n += nn_get_statistic(fronts ? r->d[i].s1 : r->d[i].s2, stat);
    return n;
}

/* Waits until `n` messages have been dropped at the fronts. */
static void ring_stops(struct ring *r, uint64_t n)
{
    int64_t end = rp_now() + rp_time(5000);
    while (ring_sum(r, NN_STAT_MESSAGES_DROPPED_RECV, true) < n) {
        assert_true(rp_now() < end);
        usleep(1000);
    }
}

static void A24_a_request_in_a_ring_stops_at_the_limit(void **state)
{
    (void)state;
    for (int ttl = 1; ttl <= 255; ttl = ttl < 9 ? ttl + 4 : ttl * 3) {
        struct ring r;
        ring_open(&r, NN_REQ, NN_REP, ttl);
        int req = rp_socket(NN_REQ);
        rp_dial(req, r.port[0]);
        assert_int_equal(nn_send(req, "round and round", 15, 0), 15);
        ring_stops(&r, 1);
        /* one hop is the request's id, each device has added one */
        assert_int_equal(ring_sum(&r, NN_STAT_MESSAGES_RECEIVED, true), ttl);
        assert_int_equal(ring_sum(&r, NN_STAT_MESSAGES_SENT, false), ttl);
        assert_int_equal(ring_sum(&r, NN_STAT_MESSAGES_DROPPED_RECV, true), 1);
        nn_close(req);
        ring_close(&r);
    }
}

/* Somebody honest behind the ring is served all the same. */
static void A24_a_survey_in_a_ring_stops_at_the_limit(void **state)
{
    (void)state;
    struct ring r;
    ring_open(&r, NN_SURVEYOR, NN_RESPONDENT, 8);
    int s = rp_socket(NN_SURVEYOR), honest = rp_socket(NN_RESPONDENT), heard = 0;
    char got[16];
    rp_set(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, -1);
    rp_dial(s, r.port[0]);
    rp_set(honest, NN_SOL_SOCKET, NN_MAXTTL, 255);
    rp_dial(honest, rp_bind(r.d[0].s2));
    assert_true(rp_stat_becomes(r.d[0].s2, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(2000)));
    assert_true(rp_stat_becomes(s, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(2000)));
    assert_int_equal(nn_send(s, "q", 1, 0), 1);
    ring_stops(&r, 1);
    rp_set(honest, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(200));
    while (nn_recv(honest, got, sizeof got, 0) == 1) { /* once for each time round */
        assert_int_equal(nn_send(honest, "a", 1, 0), 1);
        assert_int_equal(nn_recv(s, got, sizeof got, 0), 1);
        assert_int_equal(got[0], 'a');
        heard++;
    }
    assert_int_equal(heard, 4); /* 8 hops, two devices */
    assert_int_equal(ring_sum(&r, NN_STAT_MESSAGES_DROPPED_RECV, true), 1);
    nn_close(s);
    nn_close(honest);
    ring_close(&r);
}

static void A24_a_flood_into_a_ring_ends(void **state)
{
    (void)state;
    struct ring r;
    ring_open(&r, NN_REQ, NN_REP, 255);
    int fd = rp_connect(r.port[0]), n = rp_sanitized() ? 50 : 500;
    size_t before = rp_heap();
    assert_true(rp_hello(fd, NN_REQ, NN_REP, rp_time(2000)));
    for (int i = 0; i < n; i++)
        assert_true(rp_frame(fd, "\x80\0\0\1round", 9));
    int64_t end = rp_now() + rp_time(20000);
    while (ring_sum(&r, NN_STAT_MESSAGES_DROPPED_RECV, true) < (uint64_t)n) {
        assert_true(rp_now() < end);
        assert_in_range(rp_heap(), 0, before + 8 * QUEUE + (1 << 20));
        usleep(1000);
    }
    close(fd);
    ring_close(&r);
}

/* ---- a device between REQ and REP ---- */

struct between {
    struct dv d;
    int front, back; /* its ports */
    int req, rep;    /* honest */
    unsigned serial;
};

static void between_open(struct between *b)
{
    int s1 = dv_raw(NN_REP), s2 = dv_raw(NN_REQ);
    rp_watchdog(60);
    *b = (struct between){.front = rp_bind(s1), .back = rp_bind(s2)};
    b->req = rp_socket(NN_REQ);
    b->rep = rp_socket(NN_REP);
    rp_dial(b->req, b->front);
    rp_dial(b->rep, b->back);
    assert_true(rp_stat_becomes(s1, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(2000)));
    assert_true(rp_stat_becomes(s2, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(2000)));
    assert_int_equal(dv_start(&b->d, s1, s2), 0);
}

static void between_close(struct between *b)
{
    nn_close(b->req);
    nn_close(b->rep);
    assert_int_equal(dv_stop(&b->d), EBADF);
    rp_watchdog(0);
}

static void served(struct between *b)
{
    char text[32], got[32];
    int n = snprintf(text, sizeof text, "honest %u", ++b->serial);
    assert_int_equal(nn_send(b->req, text, (size_t)n, 0), n);
    assert_int_equal(nn_recv(b->rep, got, sizeof got, 0), n);
    assert_memory_equal(got, text, (size_t)n);
    assert_int_equal(nn_send(b->rep, got, (size_t)n, 0), n);
    assert_int_equal(nn_recv(b->req, got, sizeof got, 0), n);
    assert_memory_equal(got, text, (size_t)n);
}

static void A21_bad_stacks_end_their_connection_and_not_the_device(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t n;
    } bad[] = {{"", 0}, {"\x80", 1}, {"\x80\0\0", 3}, {"\0\0\0\1", 4}, {"\0\0\0\1\0\0\0\2x", 9}};
    struct between b;
    between_open(&b);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int fd = rp_connect(b.front);
        assert_true(rp_hello(fd, NN_REQ, NN_REP, rp_time(2000)));
        assert_true(rp_frame(fd, bad[i].body, bad[i].n));
        assert_true(rp_closed(fd, rp_time(1000)));
        close(fd);
        served(&b);
    }
    between_close(&b);
}

/* The one behind may name any pipe of the front: what names none is dropped, and nobody else's
 * answer is touched. */
static void A22_answers_to_made_up_pipes_are_dropped(void **state)
{
    (void)state;
    struct between b;
    uint8_t q[64];
    between_open(&b);
    nn_close(b.rep);
    assert_true(rp_stat_becomes(b.d.s2, NN_STAT_CURRENT_CONNECTIONS, 0, rp_time(2000)));
    int fd = rp_connect(b.back);
    assert_true(rp_hello(fd, NN_REP, NN_REQ, rp_time(2000)));
    assert_int_equal(nn_send(b.req, "q", 1, 0), 1);
    assert_int_equal(rp_unframe(fd, q, sizeof q, rp_time(2000)), 9); /* pipe, request, body */
    for (uint32_t bit = 0; bit < 32; bit++) {
        uint8_t forged[9];
        memcpy(forged, q, sizeof forged);
        forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(rp_frame(fd, forged, sizeof forged));
    }
    assert_true(rp_stat_becomes(b.d.s1, NN_STAT_MESSAGES_DROPPED_SEND, 32, rp_time(2000)));
    assert_true(rp_frame(fd, q, 9));
    char got[8];
    assert_int_equal(nn_recv(b.req, got, sizeof got, 0), 1);
    assert_int_equal(got[0], 'q');
    assert_true(rp_frame(fd, "abc", 3)); /* too short for an id */
    assert_true(rp_closed(fd, rp_time(1000)));
    close(fd);
    b.rep = rp_socket(NN_REP);
    rp_dial(b.rep, b.back);
    served(&b);
    between_close(&b);
}

static void A31_one_who_asks_and_never_reads_costs_a_queue(void **state)
{
    (void)state;
    struct between b;
    static uint8_t request[4 + 1024] = {0x80};
    between_open(&b);
    int fd = rp_connect(b.front);
    assert_true(rp_hello(fd, NN_REQ, NN_REP, rp_time(2000)));
    size_t before = rp_heap(), most = 0;
    for (int i = 0; i < (rp_sanitized() ? 3000 : 20000); i++) {
        char got[2048];
        assert_true(rp_frame(fd, request, sizeof request));
        int n = nn_recv(b.rep, got, sizeof got, 0);
        assert_int_equal(n, 1024);
        assert_int_equal(nn_send(b.rep, got, (size_t)n, 0), n);
        if (i % 1000 == 0)
            most = rp_heap() > most ? rp_heap() : most;
    }
    assert_in_range(most, 0, before + 4 * QUEUE + (1 << 20));
    served(&b);
    close(fd);
    between_close(&b);
}

/* ---- a device between PUSH and PULL ---- */

static void A31_a_puller_that_never_reads_leaves_the_rest_to_others(void **state)
{
    (void)state;
    struct dv d;
    static char m[1024], got[1024];
    rp_watchdog(60);
    int s1 = dv_raw(NN_PULL), s2 = dv_raw(NN_PUSH), push = rp_socket(NN_PUSH);
    int pull = rp_socket(NN_PULL), port = rp_bind(s2), n = rp_sanitized() ? 10000 : 50000;
    rp_dial(push, rp_bind(s1));
    rp_dial(pull, port);
    int fd = rp_connect(port);
    assert_true(rp_hello(fd, NN_PULL, NN_PUSH, rp_time(2000)));
    assert_true(rp_stat_becomes(s2, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(2000)));
    assert_int_equal(dv_start(&d, s1, s2), 0);
    size_t before = rp_heap(), most = 0;
    rp_set(pull, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(1000));
    int received = 0;
    for (int i = 0; i < n; i++) {
        while (nn_send(push, m, sizeof m, NN_DONTWAIT) < 0) {
            assert_int_equal(errno, EAGAIN); /* all is full, so the honest one reads */
            assert_int_equal(nn_recv(pull, got, sizeof got, 0), sizeof m);
            received++;
        }
        if (i % 1000 == 0)
            most = rp_heap() > most ? rp_heap() : most;
    }
    while (nn_recv(pull, got, sizeof got, 0) == (int)sizeof m)
        received++;
    assert_in_range(most, 0, before + 6 * QUEUE + (1 << 20));
    assert_true(received >= n / 4); /* the kernel of the one that does not read holds some MiB */
    assert_int_equal(nn_get_statistic(s2, NN_STAT_MESSAGES_DROPPED_SEND), 0);
    close(fd);
    nn_close(push);
    nn_close(pull);
    assert_int_equal(dv_stop(&d), EBADF);
    rp_watchdog(0);
}

static void A10_nothing_goes_to_who_has_not_greeted(void **state)
{
    (void)state;
    struct dv d;
    char got[8];
    rp_watchdog(60);
    int s1 = dv_raw(NN_PULL), s2 = dv_raw(NN_PUSH), push = rp_socket(NN_PUSH);
    int port = rp_bind(s2), silent = rp_connect(port);
    rp_dial(push, rp_bind(s1));
    assert_int_equal(dv_start(&d, s1, s2), 0);
    assert_int_equal(nn_send(push, "m", 1, 0), 1);
    assert_true(rp_silent(silent, 100));
    assert_int_equal(nn_get_statistic(s1, NN_STAT_MESSAGES_RECEIVED), 0);
    int pull = rp_socket(NN_PULL);
    rp_dial(pull, port);
    assert_int_equal(nn_recv(pull, got, sizeof got, 0), 1);
    close(silent);
    nn_close(push);
    nn_close(pull);
    assert_int_equal(dv_stop(&d), EBADF);
    rp_watchdog(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A24_a_request_in_a_ring_stops_at_the_limit),
        cmocka_unit_test(A24_a_survey_in_a_ring_stops_at_the_limit),
        cmocka_unit_test(A24_a_flood_into_a_ring_ends),
        cmocka_unit_test(A21_bad_stacks_end_their_connection_and_not_the_device),
        cmocka_unit_test(A22_answers_to_made_up_pipes_are_dropped),
        cmocka_unit_test(A31_one_who_asks_and_never_reads_costs_a_queue),
        cmocka_unit_test(A31_a_puller_that_never_reads_leaves_the_rest_to_others),
        cmocka_unit_test(A10_nothing_goes_to_who_has_not_greeted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
