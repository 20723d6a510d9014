/* SPDX-License-Identifier: MIT */
/* What the tests of the public calls share. Everything is checked: a helper that fails fails its
 * test. */
#ifndef TESTS_API_LIB_H
#define TESTS_API_LIB_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* needs the ones above */

#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>

#define LIB_PATIENCE_MS 20000 /* after which an event that must come has not come */
#define LIB_QUIET_MS    60    /* for how long nothing must come */

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined __SANITIZE_THREAD__ || __has_feature(thread_sanitizer)
#define LIB_TSAN 1
#else
#define LIB_TSAN 0
#endif
#if LIB_TSAN || defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
#define LIB_SLOW 1
#else
#define LIB_SLOW 0
#endif

static inline int64_t lib_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void lib_pause(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* Waits until cond holds; fails after LIB_PATIENCE_MS. */
#define lib_until(cond)                                                                            \
    do {                                                                                           \
        int64_t lib_end = lib_now_ms() + LIB_PATIENCE_MS;                                          \
        while (!(cond)) {                                                                          \
            if (lib_now_ms() > lib_end)                                                            \
                fail_msg("never came true: %s", #cond);                                            \
            lib_pause(1);                                                                          \
        }                                                                                          \
    } while (0)

/* The call fails with -1 and this errno. */
#define lib_fails(call, err)                                                                       \
    do {                                                                                           \
        errno = 0;                                                                                 \
        int lib_rc = (int)(call);                                                                  \
        int lib_err = nn_errno();                                                                  \
        if (lib_rc != -1 || lib_err != (err))                                                      \
            fail_msg("%s: %d, %s; expected %s", #call, lib_rc, nn_strerror(lib_err),               \
                     nn_strerror(err));                                                            \
    } while (0)

/* The call succeeds; its result. */
static inline int lib_good(int rc, const char *what, int line)
{
    if (rc < 0)
        fail_msg("line %d: %s: %s", line, what, nn_strerror(nn_errno()));
    return rc;
}
#define lib_ok(call) lib_good((int)(call), #call, __LINE__)

static inline void lib_set(int s, int option, int value)
{
    lib_ok(nn_setsockopt(s, NN_SOL_SOCKET, option, &value, sizeof value));
}

static inline int lib_get(int s, int option)
{
    int value = -12345;
    size_t len = sizeof value;
    lib_ok(nn_getsockopt(s, NN_SOL_SOCKET, option, &value, &len));
    assert_int_equal(len, sizeof value);
    return value;
}

static inline void lib_text(int s, int option, char *out, size_t size)
{
    size_t len = size;
    lib_ok(nn_getsockopt(s, NN_SOL_SOCKET, option, out, &len));
    assert_in_range(len, 0, size - 1);
}

/* A socket that gives up rather than hang the test. */
static inline int lib_socket_in(int domain, int protocol)
{
    int s = lib_ok(nn_socket(domain, protocol));
    lib_set(s, NN_RCVTIMEO, LIB_PATIENCE_MS);
    lib_set(s, NN_SNDTIMEO, LIB_PATIENCE_MS);
    lib_set(s, NN_ALLOW_PORT0, 1);
    lib_set(s, NN_RECONNECT_IVL, 20);
    if (domain == AF_SP && protocol == NN_SUB)
        lib_ok(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0));
    return s;
}

static inline int lib_socket(int protocol)
{
    return lib_socket_in(AF_SP, protocol);
}

/* A loopback address of this process alone, where the system has a whole network of them: so nobody
 * else takes a port that a test frees and wants again. */
static inline const char *lib_host(void)
{
    static _Thread_local char host[32] = "127.0.0.1";
#ifdef __linux__
    unsigned pid = (unsigned)getpid();
    snprintf(host, sizeof host, "127.%u.%u.1", 1 + pid / 256 % 250, pid % 256);
#endif
    return host;
}

/* Binds to a free port of the loopback; the address. */
static inline const char *lib_listen(int s)
{
    static _Thread_local char address[160];
    snprintf(address, sizeof address, "tcp://%s:0", lib_host());
    lib_ok(nn_bind(s, address));
    lib_text(s, NN_LAST_ENDPOINT, address, sizeof address);
    return address;
}

static inline uint64_t lib_stat(int s, int stat)
{
    return nn_get_statistic(s, stat);
}

/* Waits until s has n peers. */
static inline void lib_peers(int s, uint64_t n)
{
    lib_until(lib_stat(s, NN_STAT_CURRENT_CONNECTIONS) == n);
}

/* Connects c to s, which listens, and waits until both know each other. */
static inline void lib_join(int s, int c)
{
    char address[160];
    uint64_t n = lib_stat(s, NN_STAT_CURRENT_CONNECTIONS),
             m = lib_stat(c, NN_STAT_CURRENT_CONNECTIONS);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    lib_ok(nn_connect(c, address));
    lib_peers(s, n + 1);
    lib_peers(c, m + 1);
}

struct lib_two {
    int s, c; /* the one that listens, the one that connects */
};

static inline struct lib_two lib_two_in(int domain, int server, int client)
{
    struct lib_two t = {lib_socket_in(domain, server), lib_socket_in(domain, client)};
    lib_join(t.s, t.c);
    return t;
}

static inline struct lib_two lib_two(int server, int client)
{
    return lib_two_in(AF_SP, server, client);
}

static inline void lib_close(struct lib_two t)
{
    lib_ok(nn_close(t.c));
    lib_ok(nn_close(t.s));
}

static inline void lib_send(int s, const char *text)
{
    assert_int_equal(lib_ok(nn_send(s, text, strlen(text), 0)), strlen(text));
}

static inline void lib_expect(int s, const char *text)
{
    char buf[256];
    int n = lib_ok(nn_recv(s, buf, sizeof buf - 1, 0));
    buf[(size_t)n < sizeof buf ? n : 0] = 0;
    assert_string_equal(buf, text);
    assert_int_equal(n, strlen(text));
}

/* Nothing comes for a while. */
static inline void lib_expect_nothing(int s)
{
    char buf[64];
    int timeo = lib_get(s, NN_RCVTIMEO);
    lib_set(s, NN_RCVTIMEO, LIB_QUIET_MS);
    lib_fails(nn_recv(s, buf, sizeof buf, 0), ETIMEDOUT);
    lib_set(s, NN_RCVTIMEO, timeo);
}

/* What nn_poll says about s within ms. */
static inline int lib_poll(int s, int events, int ms)
{
    struct nn_pollfd p = {.fd = s, .events = (short)events};
    return lib_ok(nn_poll(&p, 1, ms)) ? p.revents : 0;
}

#endif
