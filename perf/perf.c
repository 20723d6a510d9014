/* SPDX-License-Identifier: MIT */

/* The happy path: a command line becomes a socket, and messages go round or one way.
 *
 * What can fail: any call that does ends the program with a line on stderr; there is nothing to
 * clean up. */

#include "perf.h"

#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<nanomsg/tls.h>)
#include <nanomsg/tls.h>
#endif

int perf_check(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", what, nn_strerror(nn_errno()));
        exit(1);
    }
    return rc;
}

static _Noreturn void perf_usage(const char *usage)
{
    printf("usage: %s\n", usage);
    exit(1);
}

/* A whole number, from `least`. */
static long perf_number(const char *arg, long least, const char *usage)
{
    char *end;
    long v = strtol(arg, &end, 10);
    if (end == arg || *end || v < least || v > 1000000000)
        perf_usage(usage);
    return v;
}

void perf_args(struct perf *p, int argc, char **argv, const char *address, const char *usage)
{
    *p = (struct perf){.address = address};
    for (int c; (c = getopt(argc, argv, "+pk:w:")) != -1;) {
        if (c == 'p')
            p->directed = 1;
        else if (c == 'k')
            p->key_file = optarg;
        else if (c == 'w')
            p->stay_s = (unsigned)perf_number(optarg, 0, usage);
        else
            perf_usage(usage);
    }
    argv += optind;
    if (argc - optind != (address ? 2 : 3))
        perf_usage(usage);
    if (!address)
        p->address = *argv++;
    p->size = (size_t)perf_number(argv[0], 0, usage);
    p->count = perf_number(argv[1], 1, usage);
}

static double perf_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void perf_keys(const struct perf *p, int s)
{
    if (!p->key_file)
        return;
#ifdef NN_TLS_CONFIG
    int h = perf_check(nn_tls_create(), "nn_tls_create");
    perf_check(nn_tls_psk_file(h, p->key_file), p->key_file);
    perf_check(nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &h, sizeof h), "NN_TLS_CONFIG");
#else
    (void)s;
    fputs("-k: this library has no nn_tls_psk_file\n", stderr);
    exit(1);
#endif
}

int perf_open(const struct perf *p, int protocol, int bind)
{
    int s = perf_check(nn_socket(AF_SP, p->directed ? protocol : NN_PAIR), "nn_socket");
    int on = 1, any = -1;
    perf_check(nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVMAXSIZE, &any, sizeof any), "NN_RCVMAXSIZE");
    perf_check(nn_setsockopt(s, NN_TCP, NN_TCP_NODELAY, &on, sizeof on), "NN_TCP_NODELAY");
    perf_keys(p, s);
    perf_check(bind ? nn_bind(s, p->address) : nn_connect(s, p->address), p->address);
    return s;
}

void perf_close(const struct perf *p, int s)
{
    if (p->stay_s)
        sleep(p->stay_s);
    perf_check(nn_close(s), "nn_close");
}

static char *perf_buffer(const struct perf *p)
{
    char *buf = malloc(p->size + 1);
    if (!buf) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return memset(buf, 111, p->size + 1);
}

/* One call, which must move all bytes. */
static void perf_move(int n, size_t size, const char *what)
{
    if (perf_check(n, what) == (int)size)
        return;
    fprintf(stderr, "%s: %d bytes, not %zu\n", what, n, size);
    exit(1);
}

void perf_answer(const struct perf *p, int s)
{
    char *buf = perf_buffer(p);
    for (long i = 0; i < p->count; i++) {
        perf_move(nn_recv(s, buf, p->size, 0), p->size, "nn_recv");
        perf_move(nn_send(s, buf, p->size, 0), p->size, "nn_send");
    }
    free(buf);
}

double perf_ask(const struct perf *p, int s)
{
    char *buf = perf_buffer(p);
    double start = perf_now();
    for (long i = 0; i < p->count; i++) {
        perf_move(nn_send(s, buf, p->size, 0), p->size, "nn_send");
        perf_move(nn_recv(s, buf, p->size, 0), p->size, "nn_recv");
    }
    free(buf);
    return perf_now() - start;
}

void perf_send(const struct perf *p, int s)
{
    char *buf = perf_buffer(p);
    perf_move(nn_send(s, buf, 0, 0), 0, "nn_send");
    for (long i = 0; i < p->count; i++)
        perf_move(nn_send(s, buf, p->size, 0), p->size, "nn_send");
    free(buf);
}

double perf_receive(const struct perf *p, int s)
{
    char *buf = perf_buffer(p);
    perf_move(nn_recv(s, buf, p->size, 0), 0, "nn_recv");
    double start = perf_now();
    for (long i = 0; i < p->count; i++)
        perf_move(nn_recv(s, buf, p->size, 0), p->size, "nn_recv");
    free(buf);
    return perf_now() - start;
}

void perf_print_latency(const struct perf *p, double us)
{
    printf("message size: %zu [B]\n", p->size);
    printf("roundtrip count: %ld\n", p->count);
    printf("average latency: %.3f [us]\n", us / (2.0 * (double)p->count));
    fflush(stdout);
}

void perf_print_throughput(const struct perf *p, double us, const char *name)
{
    double each_second = (double)p->count / (us < 1 ? 1 : us) * 1e6;
    printf("message size: %zu [B]\n", p->size);
    printf("message count: %ld\n", p->count);
    printf("%s: %.0f [msg/s]\n", name, each_second);
    printf("%s: %.3f [Mb/s]\n", name, each_second * (double)p->size * 8 / 1e6);
    fflush(stdout);
}
