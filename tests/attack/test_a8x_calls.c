/* SPDX-License-Identifier: MIT */
/* A80: an application that calls wrongly, from any thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_fails(int rc, int err)
{
    int got = errno;
    assert_int_equal(rc, -1);
    assert_int_equal(got, err);
}

/* ---- A80 ---- */

static const int no_sockets[] = {-1, -2, 7, 65535, 65536, 1 << 30, INT32_MAX, INT32_MIN};

static void A80_a_number_that_is_no_socket_is_EBADF(void **state)
{
    (void)state;
    int v = 1;
    size_t len = sizeof v;
    char b[8] = "";
    struct nn_iovec iov = {b, sizeof b};
    struct nn_msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    for (size_t i = 0; i < sizeof no_sockets / sizeof *no_sockets; i++) {
        int s = no_sockets[i];
        struct nn_pollfd p = {.fd = s, .events = NN_POLLIN};
        assert_fails(nn_close(s), EBADF);
        assert_fails(nn_setsockopt(s, NN_SOL_SOCKET, NN_LINGER, &v, sizeof v), EBADF);
        assert_fails(nn_getsockopt(s, NN_SOL_SOCKET, NN_LINGER, &v, &len), EBADF);
        assert_fails(nn_bind(s, "tcp://127.0.0.1:0"), EBADF);
        assert_fails(nn_connect(s, "tcp://127.0.0.1:1"), EBADF);
        assert_fails(nn_shutdown(s, 1), EBADF);
        assert_fails(nn_send(s, b, 1, 0), EBADF);
        assert_fails(nn_recv(s, b, 1, 0), EBADF);
        assert_fails(nn_sendmsg(s, &h, 0), EBADF);
        assert_fails(nn_recvmsg(s, &h, 0), EBADF);
        assert_fails(nn_poll(&p, 1, 0), EBADF);
        assert_true(nn_get_statistic(s, NN_STAT_MESSAGES_SENT) == UINT64_MAX && errno == EBADF);
        assert_fails(nn_pipes(s, NULL, 0), EBADF);
    }
}

static void A80_NULL_is_an_error_everywhere(void **state)
{
    (void)state;
    int s = rp_socket(NN_REP);
    size_t len = 4;
    char b[8];
    struct nn_iovec none = {NULL, 4}, msg = {NULL, NN_MSG};
    struct nn_msghdr h = {.msg_iov = NULL, .msg_iovlen = 1};
    assert_fails(nn_setsockopt(s, NN_SOL_SOCKET, NN_LINGER, NULL, 4), EFAULT);
    assert_fails(nn_getsockopt(s, NN_SOL_SOCKET, NN_LINGER, NULL, &len), EFAULT);
    assert_fails(nn_getsockopt(s, NN_SOL_SOCKET, NN_LINGER, b, NULL), EFAULT);
    assert_fails(nn_bind(s, NULL), EFAULT);
    assert_fails(nn_connect(s, NULL), EFAULT);
    assert_fails(nn_send(s, NULL, 4, NN_DONTWAIT), EFAULT);
    assert_fails(nn_send(s, NULL, NN_MSG, NN_DONTWAIT), EFAULT);
    assert_fails(nn_recv(s, NULL, 4, NN_DONTWAIT), EFAULT);
    assert_fails(nn_recv(s, NULL, NN_MSG, NN_DONTWAIT), EFAULT);
    assert_fails(nn_sendmsg(s, NULL, NN_DONTWAIT), EINVAL);
    assert_fails(nn_recvmsg(s, NULL, NN_DONTWAIT), EINVAL);
    assert_fails(nn_sendmsg(s, &h, NN_DONTWAIT), EFAULT);
    assert_fails(nn_recvmsg(s, &h, NN_DONTWAIT), EFAULT);
    h.msg_iov = &none;
    assert_fails(nn_sendmsg(s, &h, NN_DONTWAIT), EFAULT);
    assert_fails(nn_recvmsg(s, &h, NN_DONTWAIT), EFAULT);
    h.msg_iov = &msg;
    assert_fails(nn_sendmsg(s, &h, NN_DONTWAIT), EFAULT);
    assert_fails(nn_recvmsg(s, &h, NN_DONTWAIT), EFAULT);
    h.msg_iovlen = -1;
    assert_fails(nn_sendmsg(s, &h, NN_DONTWAIT), EMSGSIZE);
    assert_fails(nn_recvmsg(s, &h, NN_DONTWAIT), EMSGSIZE);
    assert_fails(nn_poll(NULL, 1, 0), EFAULT);
    assert_fails(nn_poll(NULL, -1, 0), EINVAL);
    assert_fails(nn_pipes(s, NULL, 1), EFAULT);
    assert_fails(nn_freemsg(NULL), EFAULT);
    assert_null(nn_reallocmsg(NULL, 1));
    assert_non_null(nn_strerror(-1));
    nn_close(s);
}

static void A80_wrong_sizes_are_errors(void **state)
{
    (void)state;
    int s = rp_socket(NN_REP);
    int64_t v = 1;
    void *none = NULL;
    for (size_t n = 0; n < 8; n++)
        if (n != sizeof(int))
            assert_fails(nn_setsockopt(s, NN_SOL_SOCKET, NN_LINGER, &v, n), EINVAL);
    assert_fails(nn_send(s, &v, (size_t)INT32_MAX + 1, NN_DONTWAIT), EMSGSIZE);
    assert_fails(nn_send(s, &v, SIZE_MAX - 1, NN_DONTWAIT), EMSGSIZE);
    assert_fails(nn_send(s, &none, NN_MSG, NN_DONTWAIT), EFAULT);
    assert_null(nn_allocmsg(SIZE_MAX, 0));
    assert_null(nn_allocmsg(SIZE_MAX / 2 - 8, 0));
    assert_null(nn_allocmsg(8, 333));
    void *msg = nn_allocmsg(0, 0);
    assert_non_null(msg);
    assert_null(nn_reallocmsg(msg, SIZE_MAX));
    assert_int_equal(nn_freemsg(msg), 0);
    nn_close(s);
}

#define THREADS 32

static atomic_bool over;

/* A socket that anybody can reach, with short time-outs. */
static void open_some(unsigned *seed)
{
    static const int protocols[] = {NN_REQ, NN_REP, NN_PUB, NN_SUB};
    int s = nn_socket(rand_r(seed) % 8 ? AF_SP : AF_SP_RAW, protocols[rand_r(seed) % 4]), v = 20;
    if (s < 0)
        return;
    (void)nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &v, sizeof v);
    (void)nn_setsockopt(s, NN_SOL_SOCKET, NN_SNDTIMEO, &v, sizeof v);
    (void)nn_setsockopt(s, NN_SOL_SOCKET, NN_LINGER, &v, sizeof v);
    (void)nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
    v = 1;
    (void)nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &v, sizeof v);
    (void)nn_bind(s, "tcp://127.0.0.1:0");
}

/* Any call on any number, with arguments that are often right. */
static void any_call(unsigned *seed)
{
    int s = (int)((unsigned)rand_r(seed) % 12), v = 1;
    size_t len = sizeof v;
    char b[256] = "";
    void *msg = NULL;
    struct nn_iovec iov = {b, sizeof b};
    struct nn_msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    struct nn_pollfd p[2] = {{.fd = s, .events = NN_POLLIN}, {.fd = s + 1, .events = NN_POLLOUT}};
    struct nn_pipe_info info[2] = {{.size = sizeof info[0]}};
    switch (rand_r(seed) % 18) {
    case 0:
    case 1:
        open_some(seed);
        break;
    case 2:
        if (rand_r(seed) % 4 == 0)
            (void)nn_close(s);
        break;
    case 3: {
        char to[256];
        size_t n = sizeof to;
        if (nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, to, &n) == 0 && n > 1)
            (void)nn_connect((int)((unsigned)rand_r(seed) % 12), to);
        break;
    }
    case 4:
        (void)nn_shutdown(s, rand_r(seed) % 4);
        break;
    case 5:
    case 6:
        (void)nn_send(s, b, sizeof b, rand_r(seed) % 2);
        break;
    case 7:
        msg = nn_allocmsg(5000, 0);
        if (msg && nn_send(s, &msg, NN_MSG, NN_DONTWAIT) < 0)
            nn_freemsg(msg);
        break;
    case 8:
    case 9:
        (void)nn_recv(s, b, sizeof b, rand_r(seed) % 2);
        break;
    case 10:
        if (nn_recv(s, &msg, NN_MSG, NN_DONTWAIT) >= 0)
            nn_freemsg(msg);
        break;
    case 11:
        (void)nn_sendmsg(s, &h, NN_DONTWAIT);
        break;
    case 12:
        (void)nn_recvmsg(s, &h, NN_DONTWAIT);
        break;
    case 13:
        (void)nn_poll(p, 2, rand_r(seed) % 5);
        break;
    case 14:
        (void)nn_getsockopt(s, NN_SOL_SOCKET, rand_r(seed) % 72, b, &len);
        break;
    case 15:
        (void)nn_get_statistic(s, 101 + rand_r(seed) % 8);
        break;
    case 16:
        (void)nn_pipes(s, info, 2);
        break;
    case 17:
        (void)nn_getsockopt(s, NN_SOL_SOCKET, NN_RCVFD, &v, &len);
        break;
    }
}

static void *caller_main(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    while (!atomic_load(&over))
        any_call(&seed);
    return NULL;
}

static void from_all_threads(void (*meanwhile)(int), int rounds)
{
    pthread_t t[THREADS];
    rp_watchdog(60);
    atomic_store(&over, false);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, caller_main, (void *)(i + 1)), 0);
    for (int i = 0; i < rounds; i++) {
        meanwhile(i);
        rp_watchdog(60);
    }
    atomic_store(&over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    nn_term();
    nn_init();
    rp_watchdog(0);
}

static void close_some(int i)
{
    (void)nn_close(i % 12);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void term_and_init(int i)
{
    (void)i;
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    nn_term();
    nn_init();
}

static void A80_any_call_from_32_threads_while_sockets_are_closed(void **state)
{
    (void)state;
    from_all_threads(close_some, rp_sanitized() ? 300 : 1000);
}

static void A80_any_call_from_32_threads_while_the_library_is_ended(void **state)
{
    (void)state;
    from_all_threads(term_and_init, rp_sanitized() ? 20 : 100);
}

static void *poller_main(void *arg)
{
    struct nn_pollfd p = {.fd = *(int *)arg, .events = NN_POLLIN};
    int rc = nn_poll(&p, 1, -1);
    return (void *)(intptr_t)(rc < 0 && errno == EBADF);
}

static void *receiver_main(void *arg)
{
    char b[8];
    int rc = nn_recv(*(int *)arg, b, sizeof b, 0);
    return (void *)(intptr_t)(rc < 0 && errno == EBADF);
}

static void A80_who_waits_in_a_socket_that_is_closed_gets_EBADF(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        pthread_t t[4];
        rp_watchdog(20);
        int s = rp_socket(NN_REP);
        (void)rp_bind(s);
        for (int k = 0; k < 4; k++)
            assert_int_equal(pthread_create(&t[k], NULL, k % 2 ? poller_main : receiver_main, &s), 0);
        if (i % 2)
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* so that they wait, and do not come too late */
        if (i % 4 < 2) {
            nn_close(s);
        } else {
            nn_term();
            nn_init();
        }
        for (int k = 0; k < 4; k++) {
            void *good;
            pthread_join(t[k], &good);
            assert_non_null(good);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A80_a_number_that_is_no_socket_is_EBADF),
        cmocka_unit_test(A80_NULL_is_an_error_everywhere),
        cmocka_unit_test(A80_wrong_sizes_are_errors),
        cmocka_unit_test(A80_any_call_from_32_threads_while_sockets_are_closed),
        cmocka_unit_test(A80_any_call_from_32_threads_while_the_library_is_ended),
        cmocka_unit_test(A80_who_waits_in_a_socket_that_is_closed_gets_EBADF),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
