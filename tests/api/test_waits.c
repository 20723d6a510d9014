/* SPDX-License-Identifier: MIT */
/* How waiting calls end: time-outs, NN_DONTWAIT, signals, nn_close. */
#include "lib.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

static char buf[64];

static void dontwait_is_eagain(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_fails(nn_recv(t.c, buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    nn_close(t.c);
    lib_peers(t.s, 0);
    lib_fails(nn_send(t.s, "x", 1, NN_DONTWAIT), EAGAIN);
    nn_close(t.s);
}

static void dontwait_sees_what_has_arrived(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_send(t.s, "x");
    lib_until(nn_recv(t.c, buf, sizeof buf, NN_DONTWAIT) == 1);
    lib_close(t);
}

static void a_receive_times_out(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    lib_set(t.c, NN_RCVTIMEO, 40);
    int64_t start = lib_now_ms();
    lib_fails(nn_recv(t.c, buf, sizeof buf, 0), ETIMEDOUT);
    assert_in_range(lib_now_ms() - start, 39, LIB_PATIENCE_MS);
    lib_close(t);
}

static void a_receive_without_endpoints_times_out(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_set(s, NN_RCVTIMEO, 40);
    int64_t start = lib_now_ms();
    lib_fails(nn_recv(s, buf, sizeof buf, 0), ETIMEDOUT);
    assert_in_range(lib_now_ms() - start, 39, LIB_PATIENCE_MS);
    nn_close(s);
}

static void a_send_times_out(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH);
    lib_set(s, NN_SNDTIMEO, 40);
    int64_t start = lib_now_ms();
    lib_fails(nn_send(s, "x", 1, 0), ETIMEDOUT);
    assert_in_range(lib_now_ms() - start, 39, LIB_PATIENCE_MS);
    nn_close(s);
}

static void a_timeout_of_zero_does_not_wait(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR);
    lib_set(s, NN_SNDTIMEO, 0);
    lib_set(s, NN_RCVTIMEO, 0);
    lib_fails(nn_send(s, "x", 1, 0), ETIMEDOUT);
    lib_fails(nn_recv(s, buf, sizeof buf, 0), ETIMEDOUT);
    nn_close(s);
}

static void waiting_goes_on_after_a_timeout(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    for (int i = 0; i < 3; i++)
        lib_expect_nothing(t.c);
    lib_send(t.s, "x");
    lib_expect(t.c, "x");
    lib_close(t);
}

/* ---- another thread ends the wait ---- */

struct later {
    int s;
    int (*act)(int s);
};

static void *later_main(void *arg)
{
    struct later *l = arg;
    lib_pause(20);
    l->act(l->s);
    return NULL;
}

static pthread_t later(struct later *l)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, later_main, l), 0);
    return t;
}

static int send_x(int s)
{
    return nn_send(s, "x", 1, 0);
}

static void a_message_from_another_thread(void **state)
{
    (void)state;
    struct lib_two two = lib_two(NN_PUSH, NN_PULL);
    struct later l = {two.s, send_x};
    pthread_t t = later(&l);
    lib_expect(two.c, "x");
    pthread_join(t, NULL);
    lib_close(two);
}

static void a_close_ends_a_receive(void **state)
{
    (void)state;
    struct lib_two two = lib_two(NN_PUSH, NN_PULL);
    struct later l = {two.c, nn_close};
    pthread_t t = later(&l);
    lib_fails(nn_recv(two.c, buf, sizeof buf, 0), EBADF);
    pthread_join(t, NULL);
    nn_close(two.s);
}

static void a_close_ends_a_receive_without_endpoints(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    struct later l = {s, nn_close};
    pthread_t t = later(&l);
    lib_fails(nn_recv(s, buf, sizeof buf, 0), EBADF);
    pthread_join(t, NULL);
}

static void a_close_ends_a_send(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH);
    struct later l = {s, nn_close};
    pthread_t t = later(&l);
    lib_fails(nn_send(s, "x", 1, 0), EBADF);
    pthread_join(t, NULL);
}

static atomic_int n_bad;

static void *receive_main(void *arg)
{
    char b[4];
    int rc = nn_recv(*(int *)arg, b, sizeof b, 0);
    n_bad += rc == -1 && nn_errno() == EBADF;
    return NULL;
}

static void a_close_ends_all_receives(void **state)
{
    (void)state;
    pthread_t t[8];
    struct lib_two two = lib_two(NN_PUSH, NN_PULL);
    n_bad = 0;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&t[i], NULL, receive_main, &two.c), 0);
    lib_pause(20);
    lib_ok(nn_close(two.c));
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(n_bad, 8);
    nn_close(two.s);
}

static atomic_int n_got;

static void *count_main(void *arg)
{
    char b[4];
    while (nn_recv(*(int *)arg, b, sizeof b, 0) >= 0)
        n_got++;
    return NULL;
}

static void every_message_goes_to_one_receiver(void **state)
{
    (void)state;
    pthread_t t[6];
    struct lib_two two = lib_two(NN_PUSH, NN_PULL);
    n_got = 0;
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&t[i], NULL, count_main, &two.c), 0);
    for (int i = 0; i < 3000; i++)
        lib_send(two.s, "x");
    lib_until(n_got == 3000);
    nn_close(two.c);
    for (int i = 0; i < 6; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(n_got, 3000);
    nn_close(two.s);
}

/* ---- signals ---- */

static atomic_int n_signals;

static void on_signal(int sig)
{
    (void)sig;
    n_signals++;
}

static void handle(int flags)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = flags};
    sigemptyset(&a.sa_mask);
    assert_int_equal(sigaction(SIGUSR1, &a, NULL), 0);
    n_signals = 0;
}

struct target {
    pthread_t thread;
    atomic_bool done;
};

/* Signals until the call has ended, as one that comes before the call waits is seen by nobody. */
static void *signal_main(void *arg)
{
    struct target *t = arg;
    while (!t->done) {
        lib_pause(10);
        pthread_kill(t->thread, SIGUSR1);
    }
    return NULL;
}

#define INTERRUPTED(call)                                                                          \
    do {                                                                                           \
        pthread_t signaller;                                                                       \
        struct target target = {.thread = pthread_self()};                                         \
        assert_int_equal(pthread_create(&signaller, NULL, signal_main, &target), 0);               \
        errno = 0;                                                                                 \
        int rc = call, err = nn_errno();                                                           \
        target.done = true;                                                                        \
        pthread_join(signaller, NULL);                                                             \
        assert_int_equal(rc, -1);                                                                  \
        assert_int_equal(err, EINTR);                                                              \
        assert_true(n_signals > 0);                                                                \
    } while (0)

static void signals_end(int flags)
{
    handle(flags);
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    int alone = lib_socket(NN_PUSH), deaf = lib_socket(NN_PULL);
    struct nn_pollfd p = {.fd = t.c, .events = NN_POLLIN}, q = {.fd = deaf, .events = NN_POLLIN};
    INTERRUPTED(nn_recv(t.c, buf, sizeof buf, 0));
    INTERRUPTED(nn_recv(deaf, buf, sizeof buf, 0));
    INTERRUPTED(nn_send(alone, "x", 1, 0));
    INTERRUPTED(nn_poll(&p, 1, LIB_PATIENCE_MS));
    INTERRUPTED(nn_poll(&q, 1, -1));
    INTERRUPTED(nn_poll(NULL, 0, LIB_PATIENCE_MS));
    lib_send(t.s, "still well");
    lib_expect(t.c, "still well");
    nn_close(alone);
    nn_close(deaf);
    lib_close(t);
}

static void signals_end_waits(void **state)
{
    (void)state;
    signals_end(0);
}

static void signals_with_restart_end_waits_too(void **state)
{
    (void)state;
    signals_end(SA_RESTART);
}

static void *park_main(void *arg)
{
    return (void *)(intptr_t)nn_recv(*(int *)arg, (char[4]){0}, 4, 0);
}

static void a_signal_ends_the_wait_of_a_caller_that_does_not_lead(void **state)
{
    (void)state;
    pthread_t leader;
    handle(0);
    struct lib_two a = lib_two(NN_PUSH, NN_PULL), b = lib_two(NN_PUSH, NN_PULL);
    assert_int_equal(pthread_create(&leader, NULL, park_main, &a.c), 0);
    lib_pause(10);
    INTERRUPTED(nn_recv(b.c, buf, sizeof buf, 0));
    lib_send(a.s, "x");
    pthread_join(leader, NULL);
    lib_close(a);
    lib_close(b);
}

static void a_signal_before_the_wait_does_not_count(void **state)
{
    (void)state;
    handle(0);
    struct lib_two t = lib_two(NN_PUSH, NN_PULL);
    raise(SIGUSR1);
    lib_send(t.s, "x");
    lib_expect(t.c, "x");
    lib_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dontwait_is_eagain),
        cmocka_unit_test(dontwait_sees_what_has_arrived),
        cmocka_unit_test(a_receive_times_out),
        cmocka_unit_test(a_receive_without_endpoints_times_out),
        cmocka_unit_test(a_send_times_out),
        cmocka_unit_test(a_timeout_of_zero_does_not_wait),
        cmocka_unit_test(waiting_goes_on_after_a_timeout),
        cmocka_unit_test(a_message_from_another_thread),
        cmocka_unit_test(a_close_ends_a_receive),
        cmocka_unit_test(a_close_ends_a_receive_without_endpoints),
        cmocka_unit_test(a_close_ends_a_send),
        cmocka_unit_test(a_close_ends_all_receives),
        cmocka_unit_test(every_message_goes_to_one_receiver),
        cmocka_unit_test(signals_end_waits),
        cmocka_unit_test(signals_with_restart_end_waits_too),
        cmocka_unit_test(a_signal_ends_the_wait_of_a_caller_that_does_not_lead),
        cmocka_unit_test(a_signal_before_the_wait_does_not_count),
    };
    return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
