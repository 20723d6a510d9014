/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pthread_timedjoin_np */
/* A30 to A33: peers and applications that do not keep up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- A30 ---- */

#define MESSAGES (rp_sanitized() ? 50000 : 1000000)
#define QUEUE 131072 /* NN_SNDBUF, NN_RCVBUF as they are by default */

struct reader {
    int s;
    int n;     /* received */
    int wrong; /* of another length or content */
};

/* Receives until the message "end". */
static void *reader_main(void *arg)
{
    struct reader *r = arg;
    char b[2048];
    for (;;) {
        int n = nn_recv(r->s, b, sizeof b, 0);
        if (n < 0 || (n == 3 && !memcmp(b, "end", 3)))
            return NULL;
        r->n++;
        r->wrong += n != 1024 || b[0] != b[1023];
    }
}

static size_t memory(void) { return rp_sanitized() ? rp_heap() : rp_rss(); }

/* A subscriber by hand that greets and never reads; another one of the library's reads. */
static void never_reads(bool dials)
{
    int port, listener = -1, fd;
    char b[1024] = "";
    pthread_t t;
    rp_watchdog(60);
    int pub = rp_socket(NN_PUB), sub = rp_socket(NN_SUB);
    assert_int_equal(nn_setsockopt(sub, NN_SUB, NN_SUB_SUBSCRIBE, "", 0), 0);
    rp_dial(sub, rp_bind(pub));
    if (dials) {
        listener = rp_listen(&port);
        rp_dial(pub, port);
        fd = rp_accept(listener, rp_time(1000));
    } else {
        port = rp_bind(pub);
        fd = rp_connect(port);
    }
    assert_true(rp_hello(fd, NN_SUB, NN_PUB, rp_time(1000)));
    assert_true(rp_stat_becomes(pub, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(1000)));
    struct reader r = {.s = sub};
    assert_int_equal(pthread_create(&t, NULL, reader_main, &r), 0);
    size_t before = memory(), most = 0;
    int64_t slowest = 0, last = rp_now();
    for (int i = 0; i < MESSAGES; i++) {
        memset(b, i, sizeof b);
        assert_int_equal(nn_send(pub, b, sizeof b, 0), sizeof b);
        int64_t now = rp_now();
        slowest = now - last > slowest ? now - last : slowest;
        last = now;
        if (i % (MESSAGES / 100) == 0) {
            most = memory() > most ? memory() : most;
            last = rp_now();
            rp_watchdog(60);
        }
    }
    assert_in_range(most, 0, before + 4 * QUEUE + (1 << 20)); /* to both, and the reader's */
    assert_in_range(slowest, 0, rp_time(100));
    assert_true(nn_get_statistic(pub, NN_STAT_MESSAGES_DROPPED_SEND) > 0);
    while (nn_send(pub, "end", 3, 0) == 3) { /* it may be dropped: until one comes through */
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_nsec += 10000000;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        if (pthread_timedjoin_np(t, NULL, &at) == 0)
            break;
    }
    assert_true(r.n > 0);
    assert_int_equal(r.wrong, 0);
    close(fd);
    if (listener >= 0)
        close(listener);
    nn_close(pub);
    nn_close(sub);
}

static void A30_a_subscriber_that_never_reads_costs_a_queue_and_no_time(void **state)
{
    (void)state;
    never_reads(false);
}

static void A30_a_server_that_never_reads_costs_a_queue_and_no_time(void **state)
{
    (void)state;
    never_reads(true);
}

static void A30_replies_that_are_never_read_cost_a_queue(void **state)
{
    (void)state;
    struct rp_field f;
    static uint8_t request[4 + 1024] = {0x80};
    rp_field_open(&f, NN_REP, false);
    int fd = rp_attacker_open(&f);
    size_t before = rp_heap(), most = 0;
    for (int i = 0; i < (rp_sanitized() ? 20000 : 100000); i++) {
        if (!rp_frame(fd, request, sizeof request))
            break;
        if (i % 1000 == 0) {
            rp_assert_served(&f, 100);
            most = rp_heap() > most ? rp_heap() : most;
            rp_watchdog(60);
        }
    }
    assert_in_range(most, 0, before + 2 * QUEUE + (1 << 20));
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

/* ---- A32 ---- */

#define MOST (64u << 20)

/* Sends numbered messages of n bytes until nothing is taken for a while; how many went out whole. */
static int stuff(int fd, size_t n)
{
    int sent = 0;
    uint8_t *frame = calloc(1, 8 + n);
    assert_non_null(frame);
    rp_head(frame, n);
    while ((size_t)sent * n < MOST) {
        memcpy(frame + 8, &sent, sizeof sent);
        if (!rp_send_within(fd, frame, 8 + n, rp_time(300)))
            break;
        sent++;
    }
    free(frame);
    return sent;
}

static void closed_window(bool dials, size_t n)
{
    struct rp_field f;
    int number;
    rp_field_open(&f, NN_SUB, dials);
    int fd = rp_attacker_open(&f);
    size_t before = rp_heap();
    int sent = stuff(fd, n);
    assert_in_range((size_t)sent * n, QUEUE, MOST - 1); /* it stopped us */
    assert_in_range(rp_heap(), 0, before + QUEUE + n + 4 * 65536);
    static uint8_t b[1 << 17];
    for (int i = 0; i < sent; i++) {
        assert_int_equal(nn_recv(f.victim, b, sizeof b, 0), (intmax_t)n);
        memcpy(&number, b, sizeof number);
        assert_int_equal(number, i);
    }
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

static void A32_an_application_that_does_not_receive_closes_the_window_of_small_messages(void **state)
{
    (void)state;
    closed_window(false, 64);
    closed_window(true, 64);
}

static void A32_an_application_that_does_not_receive_closes_the_window_of_large_messages(void **state)
{
    (void)state;
    closed_window(false, 100000);
    closed_window(true, 100000);
}

/* Each message comes alone, and is just too large to be copied out of what it was read into. */
static void A32_messages_that_trickle_in_hold_no_more_than_the_queue(void **state)
{
    (void)state;
    struct rp_field f;
    static uint8_t body[4200];
    rp_field_open(&f, NN_SUB, false);
    int fd = rp_attacker_open(&f);
    size_t before = rp_heap();
    for (int i = 0; i < 40; i++) {
        assert_true(rp_frame(fd, body, sizeof body));
        (void)poll(NULL, 0, 10);
    }
    assert_in_range(rp_heap(), 0, before + 2 * QUEUE + 4 * 65536);
    close(fd);
    rp_field_close(&f);
}

/* A peer may not leave its queue behind again and again: what dead connections hold is bounded too. */
static void A32_peers_that_fill_their_queue_and_leave_are_bounded(void **state)
{
    (void)state;
    struct rp_field f;
    static uint8_t body[1000];
    rp_field_open(&f, NN_SUB, false);
    size_t before = rp_heap();
    for (int i = 0; i < 1000; i++) {
        int fd = rp_attacker_open(&f);
        for (int k = 0; k < 60; k++)
            assert_true(rp_frame(fd, body, sizeof body));
        close(fd);
        rp_watchdog(60);
    }
    assert_in_range(rp_heap(), 0, before + 64 * QUEUE * 3 / 2); /* the sanitizers' allocators round up */
    uint64_t dropped = nn_get_statistic(f.victim, NN_STAT_MESSAGES_DROPPED_RECV), got = 0;
    assert_true(dropped > 0);
    rp_set(f.victim, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(100));
    while (nn_recv(f.victim, body, sizeof body, 0) == (int)sizeof body)
        got++;
    dropped = nn_get_statistic(f.victim, NN_STAT_MESSAGES_DROPPED_RECV);
    assert_int_equal(got + dropped, 60 * 1000); /* none is lost without being counted */
    rp_assert_served(&f, 100);
    rp_field_close(&f);
}

/* ---- A33 ---- */

static void assert_times_out(int s, int ms, bool sending)
{
    rp_set(s, NN_SOL_SOCKET, sending ? NN_SNDTIMEO : NN_RCVTIMEO, ms);
    char b[8] = "";
    int64_t start = rp_now();
    int rc = sending ? nn_send(s, b, sizeof b, 0) : nn_recv(s, b, sizeof b, 0);
    int err = errno;
    assert_int_equal(rc, -1);
    assert_int_equal(err, ETIMEDOUT);
    assert_in_range(rp_now() - start, ms * 8 / 10, ms * 12 / 10 + (rp_sanitized() ? 200 : 0));
}

static void A33_sending_without_peers_times_out_when_it_should(void **state)
{
    (void)state;
    rp_watchdog(30);
    int s = rp_socket(NN_PUSH);
    for (int ms = 50; ms <= 400; ms *= 2)
        assert_times_out(s, ms, true);
    nn_close(s);
}

static void A33_sending_to_a_full_peer_times_out_when_it_should(void **state)
{
    (void)state;
    static char block[65536];
    rp_watchdog(30);
    int s = rp_socket(NN_PUSH);
    int fd = rp_connect(rp_bind(s));
    assert_true(rp_hello(fd, NN_PULL, NN_PUSH, rp_time(1000)));
    rp_set(s, NN_SOL_SOCKET, NN_SNDTIMEO, 100);
    while (nn_send(s, block, sizeof block, 0) > 0)
        ;
    assert_int_equal(errno, ETIMEDOUT);
    for (int ms = 50; ms <= 400; ms *= 2)
        assert_times_out(s, ms, true);
    close(fd);
    nn_close(s);
}

static void A33_receiving_times_out_when_it_should(void **state)
{
    (void)state;
    struct rp_field f;
    rp_field_open(&f, NN_SUB, true);
    for (int ms = 50; ms <= 400; ms *= 2)
        assert_times_out(f.victim, ms, false);
    rp_assert_served(&f, 100);
    rp_field_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A30_a_subscriber_that_never_reads_costs_a_queue_and_no_time),
        cmocka_unit_test(A30_a_server_that_never_reads_costs_a_queue_and_no_time),
        cmocka_unit_test(A30_replies_that_are_never_read_cost_a_queue),
        cmocka_unit_test(A32_an_application_that_does_not_receive_closes_the_window_of_small_messages),
        cmocka_unit_test(A32_an_application_that_does_not_receive_closes_the_window_of_large_messages),
        cmocka_unit_test(A32_messages_that_trickle_in_hold_no_more_than_the_queue),
        cmocka_unit_test(A32_peers_that_fill_their_queue_and_leave_are_bounded),
        cmocka_unit_test(A33_sending_without_peers_times_out_when_it_should),
        cmocka_unit_test(A33_sending_to_a_full_peer_times_out_when_it_should),
        cmocka_unit_test(A33_receiving_times_out_when_it_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
