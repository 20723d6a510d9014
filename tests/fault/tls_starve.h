/* SPDX-License-Identifier: MIT */
/* A59 over sockets: a connection from nn_socket to nn_close in which one allocation fails, on either side, for each
 * allocation there is (each tenth in a sanitizer's build). An honest peer of the same listener is served throughout. */
#ifndef TESTS_FAULT_TLS_STARVE_H
#define TESTS_FAULT_TLS_STARVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/tlsfield.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/tls.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A leak of mbedTLS 3.6's own: out of memory while it keys a handshake, it frees the transform without its parts.
 * Nothing of ours is excused. */
__attribute__((used, visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:gcm_ctx_alloc\nleak:ccm_ctx_alloc\nleak:chachapoly_ctx_alloc\n";
}

static atomic_long starve_left = -1; /* allocations until the one that fails; negative: none will */

static bool starve_one(void)
{
    return atomic_fetch_sub(&starve_left, 1) == 0;
}

/* A dialling PUB with this configuration, or -1. */
static int starve_dial(const struct rp_tls_field *t, int config)
{
    char address[64];
    int s = nn_socket(AF_SP, NN_PUB), never = 1000000;
    snprintf(address, sizeof address, "tls+psk://127.0.0.1:%d", t->f.port);
    if (s < 0)
        return -1;
    if (nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &config, sizeof config) < 0 ||
        nn_setsockopt(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, &never, sizeof never) < 0 || nn_connect(s, address) < 0) {
        assert_true(errno == ENOMEM || errno == EAGAIN);
        nn_close(s);
        return -1;
    }
    return s;
}

/* Waits for the end of the dialler's only attempt. Whether it is connected. */
static bool starve_connected(int s)
{
    int64_t until = rp_now() + rp_time(20000);
    const struct timespec tick = {.tv_nsec = 50000};
    while (rp_now() < until) {
        if (nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS))
            return true;
        if (nn_get_statistic(s, NN_STAT_CONNECT_ERRORS) + nn_get_statistic(s, NN_STAT_DROPPED_CONNECTIONS) +
            nn_get_statistic(s, NN_STAT_BROKEN_CONNECTIONS))
            return false;
        nanosleep(&tick, NULL);
    }
    fail_msg("neither connected nor failed: %s", rp_reason(s));
    return false;
}

/* One connection with the n-th allocation failing; gives whether it was connected. *reached: there were so many. */
static bool starve_shot(struct rp_tls_field *t, int config, long n, bool *reached)
{
    atomic_store(&starve_left, n);
    int s = starve_dial(t, config);
    bool connected = s >= 0 && starve_connected(s);
    if (connected && nn_send(s, "starved", 7, 0) < 0)
        assert_int_equal(errno, ENOMEM);
    if (s >= 0)
        assert_int_equal(nn_close(s), 0);
    *reached = atomic_exchange(&starve_left, -1) < 0;
    return connected;
}

/* Before there are other threads, which read the hook. */
static int starve_set_up(void **state)
{
    (void)state;
    sp_alloc_hook = starve_one;
    return 0;
}

/* Every allocation of a connection by `config`; gives how many of them ended in a connection. */
static long starve(int config, bool right)
{
    struct rp_tls_field t;
    long n = 0, connected = 0, step = rp_sanitized() ? 10 : 1;
    bool reached = true;
    rp_tls_field_sockets(&t, NN_SUB, false);
    rp_set(t.f.victim, NN_TLS, NN_TLS_WRONG_KEYS, 0);
    rp_field_start(&t.f);
    for (; reached; n += step) {
        bool was = starve_shot(&t, config, n, &reached);
        connected += was;
        if (right && !reached)
            assert_true(was);
        if (n % 100)
            continue;
        rp_watchdog(60);
        rp_assert_served(&t.f, 1000);
    }
    rp_assert_served(&t.f, 1000);
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    if (right) {
        assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_WRONG_KEY), 0);
        assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_UNKNOWN_IDENTITY), 0);
    } else {
        assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES), 1); /* the honest peer's */
        assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_ACCEPTED_CONNECTIONS), 1);
    }
    assert_true(n > 2000);
    rp_tls_field_close(&t);
    return connected;
}

#endif
