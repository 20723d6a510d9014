/* SPDX-License-Identifier: MIT */
/* Any thread, any socket, any time. */
#include "lib.h"
#include <pthread.h>
#include <stdatomic.h>

#define N_THREADS 100
#define N_ROUNDS  10

static atomic_int n_done, n_failed;
static char server[160];

static pthread_t start(void *(*fn)(void *), void *arg, size_t stack)
{
    pthread_t t;
    pthread_attr_t a;
    pthread_attr_init(&a);
    if (stack)
        assert_int_equal(pthread_attr_setstacksize(&a, stack), 0);
    assert_int_equal(pthread_create(&t, &a, fn, arg), 0);
    pthread_attr_destroy(&a);
    return t;
}

static int quiet_socket(int protocol)
{
    int s = nn_socket(AF_SP, protocol), ms = LIB_PATIENCE_MS, one = 1;
    if (s >= 0) {
        nn_setsockopt(s, NN_SOL_SOCKET, NN_SNDTIMEO, &ms, sizeof ms);
        nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &ms, sizeof ms);
        nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &one, sizeof one);
    }
    return s;
}

static int push_once(void)
{
    int s = quiet_socket(NN_PUSH);
    int rc = s < 0 || nn_connect(s, server) < 0 || nn_send(s, "hello", 5, 0) != 5;
    return rc | (nn_close(s) < 0);
}

static void *push_rounds(void *arg)
{
    (void)arg;
    for (int i = 0; i < N_ROUNDS; i++)
        n_failed += push_once();
    n_done++;
    return NULL;
}

static void a_hundred_threads_open_connect_send_and_close(void **state)
{
    (void)state;
    pthread_t t[N_THREADS];
    int s = lib_socket(NN_PULL);
    snprintf(server, sizeof server, "%s", lib_listen(s));
    n_failed = 0;
    for (int i = 0; i < N_THREADS; i++)
        t[i] = start(push_rounds, NULL, 0);
    for (int i = 0; i < N_THREADS * N_ROUNDS; i++)
        lib_expect(s, "hello");
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(n_failed, 0);
    lib_expect_nothing(s);
    nn_close(s);
}

/* ---- small stacks ---- */

static void *use_all(void *arg)
{
    char address[160], buf[64];
    size_t len = sizeof address;
    (void)arg;
    int s = quiet_socket(NN_REP), c = quiet_socket(NN_REQ), bad = 0;
    struct nn_pollfd p = {.fd = s, .events = NN_POLLIN};
    struct nn_pipe_info info = {.size = sizeof info};
    bad |= nn_bind(s, "tcp://127.0.0.1:0") < 0;
    bad |= nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len) < 0;
    bad |= nn_connect(c, "tcp://localhost:1") < 0;
    bad |= nn_connect(c, address) < 0;
    bad |= nn_send(c, "q", 1, 0) != 1;
    bad |= nn_poll(&p, 1, LIB_PATIENCE_MS) != 1;
    bad |= nn_recv(s, buf, sizeof buf, 0) != 1;
    bad |= nn_send(s, "a", 1, 0) != 1;
    bad |= nn_recv(c, buf, sizeof buf, 0) != 1;
    bad |= nn_pipes(s, &info, 1) != 1;
    bad |= nn_close(c) < 0;
    bad |= nn_close(s) < 0;
    n_failed += bad;
    return NULL;
}

static void a_stack_of_128_kib_is_enough(void **state)
{
    (void)state;
    if (LIB_SLOW)
        skip(); /* sanitizers need more themselves */
    n_failed = 0;
    for (int i = 0; i < 5; i++)
        pthread_join(start(use_all, NULL, 128 * 1024), NULL);
    assert_int_equal(n_failed, 0);
}

/* ---- one socket, many threads ---- */

static int shared;

static void *send_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++)
        n_failed += nn_send(shared, "from one of them", 16, 0) != 16;
    return NULL;
}

static void many_threads_send_by_one_socket(void **state)
{
    (void)state;
    pthread_t t[8];
    struct lib_two two = lib_two(NN_PULL, NN_PUSH);
    shared = two.c;
    n_failed = 0;
    for (int i = 0; i < 8; i++)
        t[i] = start(send_many, NULL, 0);
    for (int i = 0; i < 8 * 500; i++)
        lib_expect(two.s, "from one of them");
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(n_failed, 0);
    lib_close(two);
}

static atomic_int stop;

static void *set_options(void *arg)
{
    (void)arg;
    for (int v = 1; !stop; v = v % 16 + 1) {
        size_t len = sizeof v;
        char text[320];
        size_t text_len = sizeof text;
        n_failed += nn_setsockopt(shared, NN_SOL_SOCKET, NN_SNDPRIO, &v, sizeof v) < 0;
        n_failed += nn_getsockopt(shared, NN_SOL_SOCKET, NN_SNDPRIO, &v, &len) < 0;
        n_failed += nn_getsockopt(shared, NN_SOL_SOCKET, NN_LAST_REASON, text, &text_len) < 0;
        n_failed += nn_get_statistic(shared, NN_STAT_MESSAGES_SENT) == UINT64_MAX;
        n_failed += nn_pipes(shared, NULL, 0) < 0;
    }
    return NULL;
}

static void *come_and_go(void *arg)
{
    (void)arg;
    while (!stop) {
        int id = nn_connect(shared, server);
        n_failed += id < 0 || nn_shutdown(shared, id) < 0;
    }
    return NULL;
}

static void options_and_endpoints_change_while_messages_flow(void **state)
{
    (void)state;
    struct lib_two two = lib_two(NN_PULL, NN_PUSH);
    lib_text(two.s, NN_LAST_ENDPOINT, server, sizeof server);
    shared = two.c;
    n_failed = stop = 0;
    pthread_t t[] = {start(send_many, NULL, 0), start(set_options, NULL, 0),
                     start(come_and_go, NULL, 0)};
    for (int i = 0; i < 500; i++)
        lib_expect(two.s, "from one of them");
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(n_failed, 0);
    lib_close(two);
}

/* ---- closing under use ---- */

static void *use_until_closed(void *arg)
{
    int kind = (int)(intptr_t)arg;
    char buf[64];
    struct nn_pollfd p = {.fd = shared, .events = NN_POLLIN};
    for (int rc = 0, err = 0; err != EBADF; err = rc < 0 ? nn_errno() : 0)
        rc = kind == 0   ? nn_send(shared, "x", 1, 0)
             : kind == 1 ? nn_recv(shared, buf, sizeof buf, 0)
             : kind == 2 ? nn_poll(&p, 1, LIB_PATIENCE_MS)
                         : nn_pipes(shared, NULL, 0);
    n_done++;
    return NULL;
}

static void a_close_under_heavy_use(void **state)
{
    (void)state;
    for (int round = 0; round < 30; round++) {
        pthread_t t[8];
        struct lib_two two = lib_two(NN_PAIR, NN_PAIR);
        shared = two.c;
        n_done = 0;
        for (int i = 0; i < 8; i++)
            t[i] = start(use_until_closed, (void *)(intptr_t)(i % 4), 0);
        for (int i = 0; i < 50; i++)
            (void)!nn_send(two.s, "y", 1, NN_DONTWAIT);
        lib_ok(nn_close(two.c));
        for (int i = 0; i < 8; i++)
            pthread_join(t[i], NULL);
        assert_int_equal(n_done, 8);
        lib_ok(nn_close(two.s));
    }
}

/* Each listener gets the number of a descriptor that the one before has just given up. */
static void listeners_follow_each_other(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
        lib_set(c, NN_RECONNECT_IVL, LIB_PATIENCE_MS); /* the first attempt has to do */
        lib_ok(nn_connect(c, lib_listen(s)));
        lib_send(c, "hello");
        lib_expect(s, "hello");
        nn_close(s);
        nn_close(c);
    }
}

static void *close_it(void *arg)
{
    (void)arg;
    n_done += nn_close(shared) == 0;
    return NULL;
}

static void only_one_close_succeeds(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        pthread_t t[4];
        shared = lib_socket(NN_PAIR);
        n_done = 0;
        for (int i = 0; i < 4; i++)
            t[i] = start(close_it, NULL, 0);
        for (int i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
        assert_int_equal(n_done, 1);
    }
}

/* ---- two threads that ask each other ---- */

static void *answer(void *arg)
{
    char buf[64];
    int n, s = *(int *)arg;
    while ((n = nn_recv(s, buf, sizeof buf, 0)) >= 0)
        if (nn_send(s, buf, (size_t)n, 0) < 0)
            break;
    return NULL;
}

static void requests_from_eight_threads(void **state)
{
    (void)state;
    int s = lib_socket(NN_REP), c[8];
    pthread_t t = start(answer, &s, 0);
    snprintf(server, sizeof server, "%s", lib_listen(s));
    for (int i = 0; i < 8; i++) {
        c[i] = lib_socket(NN_REQ);
        lib_ok(nn_connect(c[i], server));
    }
    for (int k = 0; k < 300; k++) {
        for (int i = 0; i < 8; i++)
            lib_send(c[i], "each its own");
        for (int i = 0; i < 8; i++)
            lib_expect(c[i], "each its own");
    }
    for (int i = 0; i < 8; i++)
        nn_close(c[i]);
    nn_close(s);
    pthread_join(t, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_threads_open_connect_send_and_close),
        cmocka_unit_test(a_stack_of_128_kib_is_enough),
        cmocka_unit_test(many_threads_send_by_one_socket),
        cmocka_unit_test(options_and_endpoints_change_while_messages_flow),
        cmocka_unit_test(a_close_under_heavy_use),
        cmocka_unit_test(listeners_follow_each_other),
        cmocka_unit_test(only_one_close_succeeds),
        cmocka_unit_test(requests_from_eight_threads),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
