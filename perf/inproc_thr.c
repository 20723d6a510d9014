/* SPDX-License-Identifier: MIT */
/* Measures how fast messages of one thread arrive at another. */
#include "perf.h"

#include <nanomsg/pipeline.h>
#include <pthread.h>

struct thr_side {
    struct perf p; /* what was asked for */
    int s;         /* socket of the thread */
};

static void *thr_worker(void *arg)
{
    struct thr_side *side = arg;
    perf_send(&side->p, side->s);
    return NULL;
}

int main(int argc, char **argv)
{
    struct thr_side side;
    pthread_t thread;
    perf_args(&side.p, argc, argv, "inproc://inproc_thr",
              "inproc_thr [-p] <message-size> <message-count>");
    int s = perf_open(&side.p, NN_PULL, 1);
    side.s = perf_open(&side.p, NN_PUSH, 0);
    if (pthread_create(&thread, NULL, thr_worker, &side))
        return 1;
    double us = perf_receive(&side.p, s);
    pthread_join(thread, NULL);
    perf_print_throughput(&side.p, us, "mean throughput");
    perf_close(&side.p, side.s);
    perf_close(&side.p, s);
    return 0;
}
