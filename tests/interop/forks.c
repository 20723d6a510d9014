/* SPDX-License-Identifier: MIT */
/* A server that forks without exec while it serves, as a program for nanomsg would: each child
 * finds the parent's sockets gone, opens its own, asks its parent, and exits in the usual way. */
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 8
#define ASKS     50

static char address[64];
static int timeo = 10000;

static void fail(const char *what)
{
    fprintf(stderr, "forks: %s: %s\n", what, nn_strerror(nn_errno()));
    exit(1);
}

static int open_socket(int protocol)
{
    int s = nn_socket(AF_SP, protocol);
    if (s < 0 || nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &timeo, sizeof timeo))
        fail("nn_socket");
    return s;
}

static void child(int parents, int number)
{
    char ask[32], answer[32];
    alarm(60);
    if (nn_send(parents, "x", 1, 0) != -1 || nn_errno() != EBADF)
        fail("the parent's socket is there");
    int s = open_socket(NN_REQ);
    if (s != 0 || nn_connect(s, address) < 0)
        fail("nn_connect");
    for (int i = 0; i < ASKS; i++) {
        int n = snprintf(ask, sizeof ask, "%d of %d", i, number);
        if (nn_send(s, ask, (size_t)n, 0) != n || nn_recv(s, answer, sizeof answer, 0) != n ||
            memcmp(ask, answer, (size_t)n))
            fail("no answer, or another");
    }
    exit(0); /* with the socket open, and through atexit */
}

/* Answers n questions. */
static void serve(int s, int n)
{
    char buf[32];
    for (int i = 0; i < n; i++) {
        int len = nn_recv(s, buf, sizeof buf, 0);
        if (len < 0 || nn_send(s, buf, (size_t)len, 0) != len)
            fail("serving");
    }
}

static void listen_somewhere(int s)
{
    for (int port = 20000; port < 60000; port += 7) {
        snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
        if (nn_bind(s, address) >= 0)
            return;
    }
    fail("nn_bind");
}

int main(void)
{
    pid_t pids[CHILDREN];
    int s = open_socket(NN_REP), bad = 0;
    alarm(100);
    listen_somewhere(s);
    for (int i = 0; i < CHILDREN; i++) {
        pids[i] = fork(); /* also while earlier ones ask: the library's threads are at work */
        if (pids[i] == 0)
            child(s, i);
        serve(s, ASKS / 2);
    }
    serve(s, CHILDREN * (ASKS - ASKS / 2));
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        if (waitpid(pids[i], &status, 0) != pids[i] || status != 0)
            bad++;
    }
    if (bad)
        fprintf(stderr, "forks: %d children failed\n", bad);
    else
        printf("%d children, %d answers\n", CHILDREN, CHILDREN * ASKS);
    return bad || nn_close(s) ? 1 : 0;
}
