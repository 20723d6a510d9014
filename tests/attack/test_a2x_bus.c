/* SPDX-License-Identifier: MIT */
/* A25, A31 and A10 for BUS: members made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rawpeer.h"
#include <errno.h>
#include <nanomsg/bus.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUEUE 131072 /* NN_SNDBUF, NN_RCVBUF as they are by default */

struct bus {
    int s, honest, port; /* two members, and where others may come */
    unsigned serial;     /* of what the honest one sent last */
};

static void bus_open(struct bus *b)
{
    rp_watchdog(60);
    *b = (struct bus){.s = rp_socket(NN_BUS), .honest = rp_socket(NN_BUS)};
    b->port = rp_bind(b->s);
    rp_dial(b->honest, b->port);
    assert_true(rp_stat_becomes(b->s, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(2000)));
}

static void bus_close(struct bus *b)
{
    nn_close(b->s);
    nn_close(b->honest);
    rp_watchdog(0);
}

static int member(struct bus *b, uint64_t n)
{
    int fd = rp_connect(b->port);
    assert_true(rp_hello(fd, NN_BUS, NN_BUS, rp_time(2000)));
    assert_true(rp_stat_becomes(b->s, NN_STAT_CURRENT_CONNECTIONS, n, rp_time(2000)));
    return fd;
}

/* Both ways, whatever else arrives in between. */
static void assert_served(struct bus *b)
{
    int ends[2] = {b->honest, b->s};
    for (int i = 0; i < 2; i++) {
        char text[32] = "", got[64];
        int n = snprintf(text, sizeof text, "honest %u", ++b->serial), len;
        assert_int_equal(nn_send(ends[i], text, (size_t)n, 0), n);
        do {
            len = nn_recv(ends[!i], got, sizeof got, 0);
            if (len < 0)
                fail_msg("not served: %s", nn_strerror(errno));
        } while (len != n || memcmp(got, text, (size_t)n) != 0);
    }
}

static void A25_more_peers_are_members_like_the_first(void **state)
{
    (void)state;
    struct bus b;
    uint8_t got[16];
    bus_open(&b);
    int one = member(&b, 2), two = member(&b, 3);
    assert_int_equal(nn_send(b.s, "all", 3, 0), 3);
    assert_int_equal(rp_unframe(one, got, sizeof got, rp_time(1000)), 3);
    assert_int_equal(rp_unframe(two, got, sizeof got, rp_time(1000)), 3);
    assert_true(rp_frame(one, "not passed on", 13));
    assert_true(rp_silent(two, 50));
    assert_served(&b);
    close(one);
    close(two);
    bus_close(&b);
}

/* The first keeps its place and is served on; the second is told no and may try again. */
static void A25_a_second_peer_of_a_pair_is_refused(void **state)
{
    (void)state;
    rp_watchdog(60);
    int s = rp_socket(NN_PAIR), first = rp_socket(NN_PAIR), port = rp_bind(s);
    char got[16];
    rp_dial(first, port);
    assert_true(rp_stat_becomes(s, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(2000)));
    for (int i = 0; i < 20; i++) {
        uint8_t hello[8];
        int fd = rp_connect(port);
        rp_greeting(hello, NN_PAIR);
        (void)!rp_send(fd, hello, sizeof hello);
        (void)!rp_frame(fd, "forged", 6);
        assert_true(rp_closed(fd, rp_time(1000)));
        close(fd);
        assert_int_equal(nn_send(s, "m", 1, 0), 1);
        assert_int_equal(nn_recv(first, got, sizeof got, 0), 1);
        assert_int_equal(nn_send(first, "n", 1, 0), 1);
        assert_int_equal(nn_recv(s, got, sizeof got, 0), 1);
        assert_int_equal(got[0], 'n');
    }
    nn_close(s);
    nn_close(first);
    rp_watchdog(0);
}

static void A31_a_member_that_never_reads_costs_a_queue_and_no_time(void **state)
{
    (void)state;
    struct bus b;
    static char m[1024];
    bus_open(&b);
    int fd = member(&b, 2);
    size_t before = rp_heap(), most = 0;
    int64_t slowest = 0;
    for (int i = 0; i < (rp_sanitized() ? 10000 : 100000); i++) {
        int64_t start = rp_now();
        assert_int_equal(nn_send(b.s, m, sizeof m, 0), sizeof m);
        slowest = rp_now() - start > slowest ? rp_now() - start : slowest;
        if (i % 1000 == 0)
            most = rp_heap() > most ? rp_heap() : most;
    }
    assert_in_range(most, 0, before + 4 * QUEUE + (1 << 20));
    assert_in_range(slowest, 0, rp_time(100));
    assert_true(nn_get_statistic(b.s, NN_STAT_MESSAGES_DROPPED_SEND) > 0);
    char got[sizeof m];
    rp_set(b.honest, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(200));
    while (nn_recv(b.honest, got, sizeof got, 0) > 0)
        ; /* it may have missed some, too */
    rp_set(b.honest, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(10000));
    assert_served(&b);
    close(fd);
    bus_close(&b);
}

static void A31_a_member_that_floods_leaves_the_others_their_turn(void **state)
{
    (void)state;
    struct bus b;
    static uint8_t many[64 * 1024];
    bus_open(&b);
    int fd = member(&b, 2);
    size_t before = rp_heap();
    for (size_t at = 0; at + 72 <= sizeof many; at += 72)
        rp_head(many + at, 64);
    for (int i = 0; i < 200; i++)
        if (!rp_send_within(fd, many, sizeof many / 72 * 72, rp_time(100)))
            break;
    assert_in_range(rp_heap(), 0, before + 2 * QUEUE + (1 << 20));
    assert_served(&b);
    close(fd);
    bus_close(&b);
}

static void A10_nothing_is_sent_or_taken_before_the_greeting(void **state)
{
    (void)state;
    struct bus b;
    bus_open(&b);
    int silent = rp_connect(b.port), wrong = rp_connect(b.port);
    assert_false(rp_hello(wrong, NN_PAIR, NN_BUS, rp_time(500)));
    assert_served(&b);
    assert_true(rp_silent(silent, 50));
    assert_int_equal(nn_get_statistic(b.s, NN_STAT_CURRENT_CONNECTIONS), 1);
    close(silent);
    close(wrong);
    bus_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A25_more_peers_are_members_like_the_first),
        cmocka_unit_test(A25_a_second_peer_of_a_pair_is_refused),
        cmocka_unit_test(A31_a_member_that_never_reads_costs_a_queue_and_no_time),
        cmocka_unit_test(A31_a_member_that_floods_leaves_the_others_their_turn),
        cmocka_unit_test(A10_nothing_is_sent_or_taken_before_the_greeting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
