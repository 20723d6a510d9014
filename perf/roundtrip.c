/* SPDX-License-Identifier: MIT */
/* Round trips of REQ/REP between two processes: `roundtrip tcp|tls+psk [BYTES [SECONDS]]`. Run it
 * under `taskset 1`: where waking another CPU is dear, the free scheduler flips between two
 * figures. */
#include <nanomsg/nanoseal.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 4000000

static void check(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, nn_strerror(nn_errno()));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int open_socket(int protocol)
{
    int s = nn_socket(AF_SP, protocol), on = 1, any = -1, h = nn_tls_create();
    check(s, "nn_socket");
    check(h, "nn_tls_create");
    check(nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &on, sizeof on), "NN_ALLOW_PORT0");
    check(nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVMAXSIZE, &any, sizeof any), "NN_RCVMAXSIZE");
    check(nn_tls_psk_add(h, "perf", 4, "0123456789abcdef0123456789abcdef", 32,
                         NN_TLS_DIAL | NN_TLS_ACCEPT | NN_TLS_SHARED),
          "nn_tls_psk_add");
    check(nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &h, sizeof h), "NN_TLS_CONFIG");
    return s;
}

static void answer(const char *scheme, int out)
{
    char address[160];
    size_t len = sizeof address;
    int s = open_socket(NN_REP);
    snprintf(address, sizeof address, "%s://127.0.0.1:0", scheme);
    check(nn_bind(s, address), address);
    check(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), "NN_LAST_ENDPOINT");
    if (write(out, address, sizeof address) < 0)
        exit(1);
    for (;;) {
        void *m;
        int n = nn_recv(s, &m, NN_MSG, 0);
        check(n, "nn_recv");
        check(nn_send(s, &m, NN_MSG, 0), "nn_send");
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    const char *scheme = argc > 1 ? argv[1] : "tcp";
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;
    double seconds = argc > 3 ? atof(argv[3]) : 1;
    char address[160], *buf = calloc(1, size + 1);
    double *v = malloc(MOST * sizeof *v);
    int link[2];
    if (!buf || !v || pipe(link) < 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0)
        answer(scheme, link[1]);
    if (read(link[0], address, sizeof address) != sizeof address)
        return 1;
    int s = open_socket(NN_REQ);
    check(nn_connect(s, address), address);
    size_t n = 0;
    for (double end = now() + seconds * 1e6, t = now(); n < MOST && t < end; n++) {
        check(nn_send(s, buf, size, 0), "nn_send");
        check(nn_recv(s, buf, size, 0), "nn_recv");
        double after = now();
        v[n] = after - t;
        t = after;
    }
    kill(pid, SIGKILL);
    qsort(v, n, sizeof *v, by_value);
    printf("%s, %zu bytes: %zu round trips, %.2f us median, %.2f us p99\n", scheme, size, n,
           v[n / 2], v[n * 99 / 100]);
    return 0;
}
