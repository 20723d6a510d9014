/* SPDX-License-Identifier: MIT */
/* Measures latency against local_lat: half of a round trip, on the average. */
#include "perf.h"

#include <nanomsg/reqrep.h>

int main(int argc, char **argv)
{
    struct perf p;
    perf_args(&p, argc, argv, NULL,
              "remote_lat [-p] [-k KEYFILE] [-w SECONDS] <connect-to> <msg-size> <roundtrips>");
    int s = perf_open(&p, NN_REQ, 0);
    perf_print_latency(&p, perf_ask(&p, s));
    perf_close(&p, s);
    return 0;
}
