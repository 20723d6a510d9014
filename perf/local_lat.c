/* SPDX-License-Identifier: MIT */
/* The answering side of a measurement of latency; remote_lat asks and prints. */
#include "perf.h"

#include <nanomsg/reqrep.h>

int main(int argc, char **argv)
{
    struct perf p;
    perf_args(&p, argc, argv, NULL,
              "local_lat [-p] [-k KEYFILE] [-w SECONDS] <bind-to> <msg-size> <roundtrips>");
    int s = perf_open(&p, NN_REP, 1);
    perf_answer(&p, s);
    perf_close(&p, s);
    return 0;
}
