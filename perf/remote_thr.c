/* SPDX-License-Identifier: MIT */
/* The sending side of a measurement of throughput; local_thr receives and prints. */
#include "perf.h"

#include <nanomsg/pipeline.h>

int main(int argc, char **argv)
{
    struct perf p;
    perf_args(&p, argc, argv, NULL,
              "remote_thr [-p] [-k KEYFILE] [-w SECONDS] <connect-to> <msg-size> <msg-count>");
    int s = perf_open(&p, NN_PUSH, 0);
    perf_send(&p, s);
    perf_close(&p, s);
    return 0;
}
