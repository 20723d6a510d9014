/* SPDX-License-Identifier: MIT */
/* nn_device on a thread of its own, and the pairs of protocols that it joins. */
#ifndef TESTS_SUPPORT_DEVICE_H
#define TESTS_SUPPORT_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct dv {
    int s1, s2;       /* raw sockets, or one of them -1 */
    pthread_t thread; /* runs nn_device */
    int rc, err;      /* what it returned */
    atomic_bool done; /* it has */
};

/* A pair of protocols: `from` sends, `to` receives, and answers if it may. */
struct dv_pair {
    const char *name;
    int from, to;
    bool answers;  /* both ways */
    bool reliable; /* nn_send waits for a peer and for room */
};
extern const struct dv_pair dv_pairs[];
extern const int dv_n_pairs;

/* A raw socket that gives up after a while and, as SUB, lets everything through. -1: none. */
int dv_raw(int protocol);
/* Starts nn_device(s1, s2). 0 or -1. */
int dv_start(struct dv *d, int s1, int s2);
/* Waits for its end, which must come by itself, within a minute: its errno. */
int dv_join(struct dv *d);
/* Closes both sockets and waits: its errno. */
int dv_stop(struct dv *d);

#endif
