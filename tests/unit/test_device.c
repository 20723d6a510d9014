/* SPDX-License-Identifier: MIT */
/* The device from inside: batches that are full, and want of memory in its thread alone. What it
 * does for an application is in tests/api/test_device.c. */
#include "base.h"
#include "core/device.h"
#include "core/msg.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/reqrep.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Thread_local bool hungry; /* this thread gets no memory... */
static atomic_bool famine;        /* ...while this is so */

static bool starve(void)
{
    return hungry && atomic_load(&famine);
}

static int teardown(void **state)
{
    atomic_store(&famine, false);
    nn_term();
    nn_init();
    return failing_teardown(state);
}

static int open_socket(int domain, int protocol)
{
    int s = nn_socket(domain, protocol), ms = 20000, big = 4 << 20;
    assert_true(s >= 0);
    nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &ms, sizeof ms);
    nn_setsockopt(s, NN_SOL_SOCKET, NN_SNDTIMEO, &ms, sizeof ms);
    assert_int_equal(nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVBUF, &big, sizeof big), 0);
    return s;
}

/* from -> s1 -> s2 -> to, the device not started. */
struct line {
    int from, s1, s2, to, rc;
    pthread_t thread;
};

static void open_line(struct line *l, int asks, int does)
{
    static int serial;
    char a[64], b[64];
    snprintf(a, sizeof a, "inproc://device.%d.a", ++serial);
    snprintf(b, sizeof b, "inproc://device.%d.b", serial);
    *l = (struct line){.from = open_socket(AF_SP, asks),
                       .s1 = open_socket(AF_SP_RAW, does),
                       .s2 = open_socket(AF_SP_RAW, asks),
                       .to = open_socket(AF_SP, does)};
    assert_true(nn_bind(l->s1, a) >= 0 && nn_connect(l->from, a) >= 0);
    assert_true(nn_bind(l->to, b) >= 0 && nn_connect(l->s2, b) >= 0);
    while (nn_get_statistic(l->s2, NN_STAT_CURRENT_CONNECTIONS) != 1 ||
           nn_get_statistic(l->from, NN_STAT_CURRENT_CONNECTIONS) != 1)
        usleep(1000);
}

static void *line_main(void *arg)
{
    struct line *l = arg;
    hungry = true;
    sp_alloc_hook = starve;
    l->rc = sp_device(l->s1, l->s2);
    return NULL;
}

static void start_line(struct line *l)
{
    assert_int_equal(pthread_create(&l->thread, NULL, line_main, l), 0);
}

static int close_line(struct line *l)
{
    nn_close(l->s1);
    nn_close(l->s2);
    assert_int_equal(pthread_join(l->thread, NULL), 0);
    nn_close(l->from);
    nn_close(l->to);
    return l->rc;
}

static void send_text(int s, const char *text)
{
    assert_int_equal(nn_send(s, text, strlen(text), 0), strlen(text));
}

static void expect_text(int s, const char *text)
{
    char buf[64] = "";
    assert_int_equal(nn_recv(s, buf, sizeof buf - 1, 0), strlen(text));
    assert_string_equal(buf, text);
}

static void batches_are_full_to_the_last_byte(void **state)
{
    (void)state;
    static const int sizes[] = {4096, 4095, 4097, 0, 1, 2048};
    static uint8_t body[5000], got[5000];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct line l;
        open_line(&l, NN_PUSH, NN_PULL);
        for (int k = 0; k < 600; k++) { /* they wait for the device */
            memset(body, k, sizeof body);
            assert_int_equal(nn_send(l.from, body, (size_t)sizes[i], 0), sizes[i]);
        }
        start_line(&l);
        for (int k = 0; k < 600; k++) {
            memset(body, k, sizeof body);
            assert_int_equal(nn_recv(l.to, got, sizeof got, 0), sizes[i]);
            assert_memory_equal(got, body, (size_t)sizes[i]);
        }
        assert_int_equal(close_line(&l), -EBADF);
    }
}

static void without_memory_it_does_not_start(void **state)
{
    (void)state;
    int s = open_socket(AF_SP_RAW, NN_PAIR);
    for (int nth = 1; nth <= 2; nth++) {
        sp_slab_flush(); /* or no memory is asked for */
        failing_set(nth);
        assert_int_equal(sp_device(s, -1), -ENOMEM);
        failing_clear();
    }
    nn_close(s);
}

static void small_messages_need_no_memory(void **state)
{
    (void)state;
    struct line l;
    open_line(&l, NN_PAIR, NN_PAIR);
    start_line(&l);
    send_text(l.from, "first");
    expect_text(l.to, "first");
    atomic_store(&famine, true);
    for (int i = 0; i < 100; i++) {
        /* a chunk of the sender's own travels on as it is */
        void *msg = nn_allocmsg(5000, 0);
        assert_non_null(msg);
        assert_int_equal(nn_send(l.from, &msg, NN_MSG, 0), 5000);
        assert_int_equal(nn_recv(l.to, &msg, NN_MSG, 0), 5000);
        nn_freemsg(msg);
    }
    assert_int_equal(nn_get_statistic(l.s1, NN_STAT_MESSAGES_DROPPED_RECV), 0);
    atomic_store(&famine, false);
    assert_int_equal(close_line(&l), -EBADF);
}

/* 5000 bytes in a piece of memory of 40000, which is not passed on. */
static void *loose(void)
{
    void *msg = nn_allocmsg(40000, 0);
    assert_non_null(msg);
    memset(msg, 7, 40000);
    return nn_reallocmsg(msg, 5000);
}

static void much_memory_does_not_travel_for_little(void **state)
{
    (void)state;
    struct line l;
    open_line(&l, NN_PAIR, NN_PAIR);
    start_line(&l);
    void *msg = loose(), *got;
    assert_int_equal(nn_send(l.from, &msg, NN_MSG, 0), 5000);
    assert_int_equal(nn_recv(l.to, &got, NN_MSG, 0), 5000);
    assert_true(sp_chunk_of(got)->cap < 10000);
    nn_freemsg(got);
    assert_int_equal(close_line(&l), -EBADF);
}

static void what_it_has_no_memory_for_is_dropped_and_counted(void **state)
{
    (void)state;
    struct line l;
    open_line(&l, NN_PAIR, NN_PAIR);
    start_line(&l);
    send_text(l.from, "first");
    expect_text(l.to, "first");
    atomic_store(&famine, true);
    for (int i = 0; i < 3; i++) {
        void *msg = loose();
        assert_int_equal(nn_send(l.from, &msg, NN_MSG, 0), 5000);
    }
    while (nn_get_statistic(l.s1, NN_STAT_MESSAGES_DROPPED_RECV) < 3)
        usleep(1000);
    atomic_store(&famine, false);
    send_text(l.from, "after");
    expect_text(l.to, "after");
    assert_int_equal(close_line(&l), -EBADF);
}

static void want_of_memory_in_a_protocol_ends_it_and_it_may_go_on(void **state)
{
    (void)state;
    struct line l;
    int ttl = 20;
    open_line(&l, NN_REQ, NN_REP);
    int deep = open_socket(AF_SP_RAW, NN_REQ);
    assert_true(nn_connect(deep, "inproc://device.deep") >= 0);
    assert_true(nn_bind(l.s1, "inproc://device.deep") >= 0);
    assert_int_equal(nn_setsockopt(l.s1, NN_SOL_SOCKET, NN_MAXTTL, &ttl, sizeof ttl), 0);
    atomic_store(&famine, false);
    start_line(&l);
    send_text(l.from, "first");
    expect_text(l.to, "first");
    send_text(l.to, "answer");
    expect_text(l.from, "answer");
    atomic_store(&famine, true);
    /* a stack of 12 ids, the longest header that needs memory */
    char body[48 + 1];
    memset(body, 1, sizeof body);
    body[44] = (char)0x80;
    assert_int_equal(nn_send(deep, body, sizeof body, 0), sizeof body);
    assert_int_equal(pthread_join(l.thread, NULL), 0);
    assert_int_equal(l.rc, -ENOMEM);
    assert_int_equal(nn_get_statistic(l.s1, NN_STAT_MESSAGES_DROPPED_RECV), 1);
    atomic_store(&famine, false);
    start_line(&l);
    send_text(l.from, "again");
    expect_text(l.to, "again");
    nn_close(deep);
    assert_int_equal(close_line(&l), -EBADF);
}

static void a_close_of_the_destination_alone_ends_it(void **state)
{
    (void)state;
    struct line l;
    open_line(&l, NN_PUSH, NN_PULL);
    start_line(&l);
    send_text(l.from, "first");
    expect_text(l.to, "first");
    nn_close(l.s2);
    assert_int_equal(pthread_join(l.thread, NULL), 0);
    assert_int_equal(l.rc, -EBADF);
    assert_int_equal(nn_get_statistic(l.s1, NN_STAT_MESSAGES_RECEIVED), 1);
    nn_close(l.s1);
    nn_close(l.from);
    nn_close(l.to);
}

#define DEVICE_TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(batches_are_full_to_the_last_byte),
        DEVICE_TEST(without_memory_it_does_not_start),
        DEVICE_TEST(small_messages_need_no_memory),
        DEVICE_TEST(much_memory_does_not_travel_for_little),
        DEVICE_TEST(what_it_has_no_memory_for_is_dropped_and_counted),
        DEVICE_TEST(want_of_memory_in_a_protocol_ends_it_and_it_may_go_on),
        DEVICE_TEST(a_close_of_the_destination_alone_ends_it),
    };
    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
