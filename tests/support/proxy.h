/* SPDX-License-Identifier: MIT */
/* A man in the middle of one TLS connection at a time: a thread that takes callers on a port of its own, connects each
 * to the target, and hands every whole TLS record that passes to the test, which decides what becomes of it. */
#ifndef TESTS_SUPPORT_PROXY_H
#define TESTS_SUPPORT_PROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RP_RECORD_MAX (5 + 16384 + 256)

enum rp_way { RP_UP, RP_DOWN }; /* from the dialler; to it */

struct rp_proxy;

/* Called on the proxy's thread with the n-th record (from 0) of a direction; it passes on what it likes by
 * rp_proxy_put. False: both connections are to be closed now. */
typedef bool (*rp_proxy_fn)(struct rp_proxy *p, enum rp_way way, int n, uint8_t *record, size_t len);

struct rp_proxy {
    int port;        /* for the dialler */
    int target;      /* of the real listener */
    rp_proxy_fn fn;  /* NULL: passes all */
    void *arg;       /* fn's */
    int quiet_ms;    /* both connections are closed when nothing passes for so long after `armed`; 0: never */
    bool armed;      /* set by fn */
    int most;        /* connections taken; further ones are closed at once; 0: no limit */
    atomic_int n;    /* connections taken */
    atomic_int done; /* connections over */
    atomic_size_t bytes[2]; /* that came, in each direction, of all connections */
    int listener;
    int fd[2]; /* where bytes of each direction are written to */
    atomic_bool stop;
    pthread_t thread;
};

/* Set target, fn and so on before, the rest to zero. */
void rp_proxy_start(struct rp_proxy *p);
void rp_proxy_stop(struct rp_proxy *p);
/* On the proxy's thread: writes bytes on in a direction. */
void rp_proxy_put(struct rp_proxy *p, enum rp_way way, const void *b, size_t n);

#endif
