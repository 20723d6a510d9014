/* SPDX-License-Identifier: MIT */
/* Every single allocation of a conversation over ws fails once, then five in a row: the calls give
 * their result or an error that says so, what arrives is right, and nothing crashes, hangs or
 * leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/wsfield.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long asked;            /* allocations since the scenario began */
static atomic_long first, last = -1; /* which of them fail */

static bool hook(void)
{
    long n = atomic_fetch_add(&asked, 1);
    return n >= atomic_load(&first) && n <= atomic_load(&last);
}

static long run(void (*scenario)(void), long from, long to)
{
    rp_watchdog(60);
    atomic_store(&asked, 0);
    atomic_store(&first, from);
    atomic_store(&last, to);
    scenario();
    nn_term();
    atomic_store(&last, -1);
    nn_init();
    return atomic_load(&asked);
}

static void each_fails(void (*scenario)(void))
{
    sp_alloc_hook = hook;
    long n = run(scenario, 0, -1);
    int fds = rp_fds();
    size_t heap = rp_heap();
    assert_true(n > 0);
    for (int in_a_row = 1; in_a_row <= 5; in_a_row += 4)
        for (long i = 0; i < n; i++) {
            run(scenario, i, i + in_a_row - 1);
            assert_int_equal(rp_fds(), fds);
        }
    assert_in_range(rp_heap(), 0, heap + 16384);
    rp_watchdog(0);
}

static int ok(int rc)
{
    int err = errno;
    if (rc < 0 && err != ENOMEM && err != ETIMEDOUT && err != EAGAIN)
        fail_msg("%s", strerror(err));
    return rc;
}

static int opened(void)
{
    int s, tries = 0;
    do
        s = nn_socket(AF_SP, NN_PAIR);
    while (s < 0 && errno == ENOMEM && tries++ < 10);
    assert_true(s >= 0);
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1);
    rp_set(s, NN_SOL_SOCKET, NN_LINGER, 200);
    rp_set(s, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(100));
    rp_set(s, NN_SOL_SOCKET, NN_SNDTIMEO, rp_time(100));
    rp_set(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, 1);
    return s;
}

/* Binds s to a free port; the port. */
static int bound(int s, char address[192])
{
    size_t len = 192;
    int tries = 0;
    while (ok(nn_bind(s, "ws://127.0.0.1:0")) < 0)
        assert_true(tries++ < 10);
    assert_int_equal(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), 0);
    return atoi(strrchr(address, ':') + 1);
}

static char body[100000], got[100000];

static void exchange(int from, int to, size_t n)
{
    memset(body, (int)(n % 251), n);
    if (ok(nn_send(from, body, n, 0)) < 0)
        return;
    int rc = ok(nn_recv(to, got, sizeof got, 0)); /* that one, or one before it that came late */
    for (int i = 0; i < rc; i++)
        assert_int_equal((unsigned char)got[i], rc % 251);
}

static void scenario_conversation(void)
{
    char address[192];
    int s = opened(), c = opened(), tries = 0;
    (void)bound(s, address);
    while (ok(nn_connect(c, address)) < 0)
        assert_true(tries++ < 20);
    exchange(c, s, 5);
    exchange(s, c, 300);
    exchange(c, s, 70000);
    exchange(s, c, 70000);
    assert_int_equal(nn_close(c), 0);
    assert_int_equal(nn_close(s), 0);
}

static void test_conversation(void **state)
{
    (void)state;
    each_fails(scenario_conversation);
}

/* Fragments are joined, a ping is answered, a request is refused. */
static void scenario_raw_peer(void)
{
    static const char request[] =
        WF_LINE WF_HOST WF_UP WF_KEY WF_VER "Sec-WebSocket-Protocol: pair.sp.nanomsg.org\r\n\r\n";
    char address[192];
    int s = opened(), port = bound(s, address), fd = rp_connect(port);
    for (size_t i = 0; i < 2; i++) /* in two pieces, so that one is kept */
        (void)rp_send(fd, request + i * 20, i ? strlen(request) - 20 : 20);
    (void)wf_status(fd, rp_time(100));
    wf_frame(fd, 2, "in ", 3);
    wf_frame(fd, 0x89, "ping", 4);
    wf_frame(fd, 0x80, "pieces", 6);
    int n = ok(nn_recv(s, got, sizeof got, 0));
    assert_true(n < 0 || (n == 9 && !memcmp(got, "in pieces", 9)));
    close(fd);
    fd = rp_connect(port);
    (void)rp_send(fd, "GET / HTTP/1.1\r\n\r\n", 18);
    int status = wf_status(fd, rp_time(100));
    assert_true(status == 400 || status == -1);
    close(fd);
    assert_int_equal(nn_close(s), 0);
}

static void test_raw_peer(void **state)
{
    (void)state;
    each_fails(scenario_raw_peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conversation),
                                       cmocka_unit_test(test_raw_peer)};
    return cmocka_run_group_tests_name("alloc_ws", tests, NULL, NULL);
}
