/* SPDX-License-Identifier: MIT */
/* What the six programs share. They use nanomsg's functions only, so that the same files, compiled
 * against nanomsg, against NNG's copy of its headers, or against zmq/, measure those; perf/compare
 * does that. */
#ifndef PERF_H
#define PERF_H

#include <stddef.h>

/* A command line: OPTION... and then nanomsg's arguments. */
struct perf {
    const char *address;  /* where to bind or connect */
    size_t size;          /* bytes of a message */
    long count;           /* messages, or round trips */
    int directed;         /* -p: REQ/REP or PUSH/PULL in place of PAIR */
    const char *key_file; /* -k: for tls+psk:// and tls+tcp://, NULL: none */
    unsigned stay_s;      /* -w: seconds between the last message and nn_close */
};

/* Fills p; `address` is NULL when the command line has one, else what it is. Ends the program with
 * status 1 and a line of usage when the command line is wrong. The arguments are borrowed for ever.
 */
void perf_args(struct perf *p, int argc, char **argv, const char *address, const char *usage);

/* Ends the program with status 1 and nanomsg's reason when rc is negative. Returns rc. */
int perf_check(int rc, const char *what);

/* Opens a socket: NN_PAIR, or with -p `protocol`. Bound if `bind`, else connected. */
int perf_open(const struct perf *p, int protocol, int bind);
/* Waits if -w says so, and closes. */
void perf_close(const struct perf *p, int s);

/* Sends back so many messages. */
void perf_answer(const struct perf *p, int s);
/* Makes so many round trips. Returns how long they took, in microseconds. */
double perf_ask(const struct perf *p, int s);
/* Sends an empty message and then so many. */
void perf_send(const struct perf *p, int s);
/* Receives them. Returns the time from the empty one to the last, in microseconds. */
double perf_receive(const struct perf *p, int s);

/* nanomsg's lines for a result. */
void perf_print_latency(const struct perf *p, double us);
void perf_print_throughput(const struct perf *p, double us, const char *name);

#endif
