/* SPDX-License-Identifier: MIT */
/* Many threads and many sockets, over each transport. Nothing that was accepted may be lost: each
 * message arrives, or a counter says that it was dropped. */
#include "lib.h"
#include "support/stress.h"
#include "support/transports.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define MAX_THREADS 1000
#define MAX_ROUNDS  1000
#define CALL_MS     5000
#define TEST_MS     30000

static const struct tr_row *row;
static char server[TR_ADDRESS];
static int slot; /* of the watchdog */
static int n_threads, n_rounds;
static atomic_int n_failed, n_ready;
static atomic_bool over;
static atomic_int n_sent;
static pthread_t threads[MAX_THREADS];

/* For the threads, which must not fail a test themselves. */
static void wrong(const char *what, int line)
{
    if (n_failed++ < 5)
        fprintf(stderr, "line %d: %s: %s\n", line, what, nn_strerror(nn_errno()));
}
#define good(call) (st_within(CALL_MS, call) >= 0 ? true : (wrong(#call, __LINE__), false))

static int open_socket(int protocol)
{
    int s = nn_socket(AF_SP, protocol), ms = LIB_PATIENCE_MS;
    if (s < 0 || tr_prepare(row, s) < 0)
        wrong("nn_socket", __LINE__);
    nn_setsockopt(s, NN_SOL_SOCKET, NN_SNDTIMEO, &ms, sizeof ms);
    nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &ms, sizeof ms);
    nn_setsockopt(s, NN_SOL_SOCKET, NN_LINGER, &ms, sizeof ms);
    return s;
}

static int begin(void **state, const char *name, int protocol)
{
    row = tr_row_of(state);
    n_failed = n_ready = 0;
    n_sent = 0;
    over = false;
    slot = st_begin(name, row->scheme, st_test_time(TEST_MS));
    int s = open_socket(protocol);
    lib_ok(tr_listen(row, s, server));
    lib_set(s, NN_MAX_HANDSHAKES, MAX_THREADS);
    return s;
}

static void end(int s)
{
    assert_int_equal(n_failed, 0);
    lib_ok(nn_close(s));
    st_end(slot);
}

static void start(void *(*fn)(void *), int n)
{
    n_threads = n;
    for (intptr_t i = 0; i < n; i++) {
        pthread_attr_t a;
        pthread_attr_init(&a);
        pthread_attr_setstacksize(&a, 512 * 1024);
        assert_int_equal(pthread_create(&threads[i], &a, fn, (void *)i), 0);
        pthread_attr_destroy(&a);
    }
}

static void join_all(void)
{
    for (int i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
}

/* ---- connect, send, close ---- */

static void *come_and_go(void *arg)
{
    int id = (int)(intptr_t)arg;
    for (int round = 0; round < n_rounds; round++) {
        int s = open_socket(NN_PUSH), body[2] = {id, round};
        if (good(nn_connect(s, server)) &&
            st_within(LIB_PATIENCE_MS + CALL_MS, nn_send(s, body, sizeof body, 0)) > 0)
            n_sent++;
        else
            wrong("nn_send", __LINE__);
        good(nn_close(s));
    }
    return NULL;
}

static void each_message_of_those_that_come_and_go_arrives(void **state)
{
    static unsigned char seen[100][MAX_ROUNDS];
    int s = begin(state, __func__, NN_PULL), body[2];
    memset(seen, 0, sizeof seen);
    n_rounds = st_scaled(row->keyed ? 5 : 10); /* a handshake takes its time */
    start(come_and_go, 100);
    for (int i = 0; i < 100 * n_rounds; i++) {
        assert_int_equal(lib_ok(nn_recv(s, body, sizeof body, 0)), sizeof body);
        assert_in_range(body[0], 0, 99);
        assert_in_range(body[1], 0, n_rounds - 1);
        assert_int_equal(seen[body[0]][body[1]]++, 0);
    }
    join_all();
    assert_int_equal(n_sent, 100 * n_rounds);
    lib_expect_nothing(s);
    end(s);
}

/* ---- one publisher, subscribers that leave ---- */

static void *subscribe_and_leave(void *arg)
{
    char buf[64];
    int s = open_socket(NN_SUB);
    good(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0));
    good(nn_connect(s, server));
    if ((intptr_t)arg % 4) /* every fourth leaves at once */
        if (st_within(LIB_PATIENCE_MS + CALL_MS, nn_recv(s, buf, sizeof buf, 0)) != 4)
            wrong("nn_recv", __LINE__);
    good(nn_close(s));
    n_ready++;
    return NULL;
}

static void a_publisher_bears_subscribers_that_leave(void **state)
{
    int s = begin(state, __func__, NN_PUB),
        n = st_scaled(row->keyed ? MAX_THREADS / 2 : MAX_THREADS);
    if (n > MAX_THREADS)
        n = MAX_THREADS;
    start(subscribe_and_leave, n);
    while (n_ready < n) {
        assert_true(good(nn_send(s, "news", 4, 0)));
        if (n_ready % 8 == 0)
            lib_pause(1);
    }
    join_all();
    lib_peers(s, 0);
    lib_send(s, "nobody hears this");
    end(s);
}

/* ---- order ---- */

static void *send_in_order(void *arg)
{
    int id = (int)(intptr_t)arg, s = open_socket(NN_PUSH);
    uint64_t sequence = (uint64_t)id;
    int body[600] = {id};
    good(nn_connect(s, server));
    for (int i = 0; i < n_rounds; i++) {
        size_t n = 2 + (size_t)st_below(&sequence, i % 50 ? 20 : 590);
        body[1] = i;
        body[n - 1] = i;
        if (st_within(LIB_PATIENCE_MS + CALL_MS, nn_send(s, body, n * sizeof *body, 0)) < 0)
            wrong("nn_send", __LINE__);
    }
    good(nn_close(s));
    return NULL;
}

static void each_sender_is_heard_in_order(void **state)
{
    int next[50] = {0}, body[600];
    int s = begin(state, __func__, NN_PULL);
    n_rounds = st_scaled(1000);
    start(send_in_order, 50);
    for (int i = 0; i < 50 * n_rounds; i++) {
        int n = lib_ok(nn_recv(s, body, sizeof body, 0));
        assert_in_range(body[0], 0, 49);
        assert_int_equal(body[1], next[body[0]]++);
        assert_int_equal(body[(size_t)n / sizeof *body - 1], body[1]);
    }
    join_all();
    lib_expect_nothing(s);
    end(s);
}

int main(void)
{
    static const struct tr_test tests[] = {
        tr_unit_test(each_message_of_those_that_come_and_go_arrives),
        tr_unit_test(a_publisher_bears_subscribers_that_leave),
        tr_unit_test(each_sender_is_heard_in_order),
    };
    return tr_run("stress_many", tests, sizeof tests / sizeof *tests);
}
