/* SPDX-License-Identifier: MIT */
/* What the library costs in memory and threads: `footprint [CONNECTIONS]` prints the resident size
 * of a process that bound and closed a socket without TLS, and what an idle connection costs its
 * server over tcp and over TLS-PSK. */
#include <nanomsg/nanoseal.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long status(const char *field)
{
    char line[256];
    long v = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, field, strlen(field)))
            v = strtol(line + strlen(field), NULL, 10);
    if (f)
        fclose(f);
    return v;
}

static void check(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, nn_strerror(nn_errno()));
    exit(1);
}

static void hello(void)
{
    int s = nn_socket(AF_SP, NN_PUB), on = 1;
    check(s, "nn_socket");
    check(nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &on, sizeof on), "NN_ALLOW_PORT0");
    check(nn_bind(s, "tcp://127.0.0.1:0"), "nn_bind");
    check(nn_close(s), "nn_close");
    printf("a socket bound and closed: %ld KiB resident, %ld threads\n", status("VmRSS:"),
           status("Threads:"));
}

static int open_socket(int protocol, int tls)
{
    static const char key[] = "0123456789abcdef0123456789abcdef";
    int s = nn_socket(AF_SP, protocol), on = 1;
    check(s, "nn_socket");
    check(nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &on, sizeof on), "NN_ALLOW_PORT0");
    if (tls) {
        int h = nn_tls_create();
        check(h, "nn_tls_create");
        check(nn_tls_psk_add(h, "perf", 4, key, 32, NN_TLS_DIAL | NN_TLS_ACCEPT | NN_TLS_SHARED),
              "nn_tls_psk_add");
        check(nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &h, sizeof h), "NN_TLS_CONFIG");
    }
    return s;
}

/* The server: tells its address, waits for n peers, and reports. */
static void server(int tls, int n, int out)
{
    char address[160];
    size_t len = sizeof address;
    int s = open_socket(NN_PUB, tls);
    check(nn_bind(s, tls ? "tls+psk://127.0.0.1:0" : "tcp://127.0.0.1:0"), "nn_bind");
    check(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), "NN_LAST_ENDPOINT");
    long before = status("VmRSS:");
    if (write(out, address, sizeof address) < 0)
        exit(1);
    while (nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS) < (uint64_t)n)
        usleep(1000);
    sleep(1); /* idle means idle: the handshakes are over and their memory is given back */
    printf("an idle %s connection, of %d: %.2f KiB at the server\n", tls ? "TLS-PSK" : "tcp", n,
           (double)(status("VmRSS:") - before) / n);
    fflush(stdout);
    _exit(0);
}

static void idle(int tls, int n)
{
    int link[2];
    char address[160];
    check(pipe(link), "pipe");
    pid_t pid = fork();
    if (pid == 0)
        server(tls, n, link[1]);
    if (read(link[0], address, sizeof address) != sizeof address)
        exit(1);
    int s = open_socket(NN_SUB, tls);
    for (int i = 0; i < n; i++)
        check(nn_connect(s, address), "nn_connect");
    waitpid(pid, NULL, 0);
    close(link[0]);
    close(link[1]);
    _exit(0);
}

static void apart(void (*fn)(int, int), int tls, int n)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        fn(tls, n);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1000;
    apart(idle, 0, n);
    apart(idle, 1, n);
    hello();
    return 0;
}
