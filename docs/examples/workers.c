/* SPDX-License-Identifier: MIT */

/* A service whose requests are answered by several threads: where NNG has contexts, and ZeroMQ a
 * ROUTER and a DEALER. Clients see one REP at the address; a device hands each request to the next
 * worker that is free, and each answer back to who asked.
 *
 *     workers ADDRESS [THREADS]        ADDRESS may end with the port 0; prints the real one
 *
 *     nncat --req --connect ADDRESS -D hello -A */

#include <nanomsg/nanoseal.h>
#include <nanomsg/reqrep.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS_MAX = 64 };

static int workers_must(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "workers: %s: %s\n", what, nn_strerror(nn_errno()));
        exit(1);
    }
    return rc;
}

/* An ordinary REP socket; that its requests come by way of the device it does not notice. */
static void *workers_run(void *number)
{
    int s = workers_must(nn_socket(AF_SP, NN_REP), "nn_socket");
    workers_must(nn_connect(s, "inproc://workers"), "nn_connect");
    char text[256], *request;
    for (int len; (len = nn_recv(s, &request, NN_MSG, 0)) >= 0;) {
        len = snprintf(text, sizeof text, "worker %d: %.*s", *(int *)number, len < 200 ? len : 200,
                       request);
        nn_freemsg(request);
        workers_must(nn_send(s, text, (size_t)len, 0), "nn_send");
    }
    return NULL;
}

/* A raw socket, which leaves the addresses of requests in place, bound to an address. */
static int workers_side(int protocol, const char *address)
{
    int s = workers_must(nn_socket(AF_SP_RAW, protocol), "nn_socket"), on = 1;
    workers_must(nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &on, sizeof on), "NN_ALLOW_PORT0");
    workers_must(nn_bind(s, address), address);
    return s;
}

int main(int argc, char **argv)
{
    static int numbers[THREADS_MAX];
    char address[NN_SOCKADDR_MAX + 1] = "";
    size_t len = sizeof address - 1;
    int n = argc == 3 ? atoi(argv[2]) : 4;
    if (argc < 2 || argc > 3 || n < 1 || n > THREADS_MAX) {
        fputs("usage: workers ADDRESS [THREADS]\n", stderr);
        return 2;
    }
    int clients = workers_side(NN_REP, argv[1]), pool = workers_side(NN_REQ, "inproc://workers");
    for (int i = 0; i < n; i++) {
        pthread_t thread;
        numbers[i] = i;
        if (pthread_create(&thread, NULL, workers_run, &numbers[i]))
            return 1;
    }
    workers_must(nn_getsockopt(clients, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len),
                 "NN_LAST_ENDPOINT");
    puts(address);
    fflush(stdout);
    workers_must(nn_device(clients, pool), "nn_device"); /* until a signal ends the program */
    return 0;
}
