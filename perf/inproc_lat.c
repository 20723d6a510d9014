/* SPDX-License-Identifier: MIT */
/* Measures latency between two threads: half of a round trip, on the average. */
#include "perf.h"

#include <nanomsg/reqrep.h>
#include <pthread.h>

struct lat_side {
    struct perf p; /* what was asked for */
    int s;         /* socket of the thread */
};

static void *lat_worker(void *arg)
{
    struct lat_side *side = arg;
    perf_answer(&side->p, side->s);
    return NULL;
}

int main(int argc, char **argv)
{
    struct lat_side side;
    pthread_t thread;
    perf_args(&side.p, argc, argv, "inproc://inproc_lat",
              "inproc_lat [-p] <message-size> <roundtrip-count>");
    int s = perf_open(&side.p, NN_REQ, 1);
    side.s = perf_open(&side.p, NN_REP, 0);
    if (pthread_create(&thread, NULL, lat_worker, &side))
        return 1;
    double us = perf_ask(&side.p, s);
    pthread_join(thread, NULL);
    perf_print_latency(&side.p, us);
    perf_close(&side.p, side.s);
    perf_close(&side.p, s);
    return 0;
}
