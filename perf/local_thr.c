/* SPDX-License-Identifier: MIT */
/* Measures how fast messages of remote_thr arrive. */
#include "perf.h"

#include <nanomsg/pipeline.h>

int main(int argc, char **argv)
{
    struct perf p;
    perf_args(&p, argc, argv, NULL,
              "local_thr [-p] [-k KEYFILE] [-w SECONDS] <bind-to> <msg-size> <msg-count>");
    int s = perf_open(&p, NN_PULL, 1);
    perf_print_throughput(&p, perf_receive(&p, s), "throughput");
    perf_close(&p, s);
    return 0;
}
