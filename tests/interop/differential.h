/* SPDX-License-Identifier: MIT */
/* What differential.c prints with, and sockets that are connected. */
#ifndef TESTS_DIFFERENTIAL_H
#define TESTS_DIFFERENTIAL_H

#include <arpa/inet.h>
#include <errno.h>
#include <nanomsg/bus.h>
#include <nanomsg/inproc.h>
#include <nanomsg/ipc.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <nanomsg/tcp.h>
#include <nanomsg/ws.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *group;

static const char *name_of(int err)
{
    static const struct {
        int err;
        const char *name;
    } names[] = {
        {EBADF, "EBADF"},
        {EINVAL, "EINVAL"},
        {EAGAIN, "EAGAIN"},
        {ETIMEDOUT, "ETIMEDOUT"},
        {EINTR, "EINTR"},
        {EFAULT, "EFAULT"},
        {ENOPROTOOPT, "ENOPROTOOPT"},
        {ENOTSUP, "ENOTSUP"},
        {EFSM, "EFSM"},
        {ETERM, "ETERM"},
        {ENODEV, "ENODEV"},
        {EADDRINUSE, "EADDRINUSE"},
        {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
        {EPROTONOSUPPORT, "EPROTONOSUPPORT"},
        {ENAMETOOLONG, "ENAMETOOLONG"},
        {EAFNOSUPPORT, "EAFNOSUPPORT"},
        {EMSGSIZE, "EMSGSIZE"},
        {ENOMEM, "ENOMEM"},
        {EMFILE, "EMFILE"},
    };
    static char other[16];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].err == err)
            return names[i].name;
    snprintf(other, sizeof other, "%d", err);
    return other;
}

static int show(const char *what, int rc)
{
    int err = nn_errno();
    printf("%s: %s = %d%s%s\n", group, what, rc, rc < 0 ? " " : "", rc < 0 ? name_of(err) : "");
    fflush(stdout);
    return rc;
}
#define SHOW(call)          show(#call, (int)(call))
#define SHOW_AS(what, call) show(what, (int)(call))

static void quietly(int s, int option, int v)
{
    (void)nn_setsockopt(s, NN_SOL_SOCKET, option, &v, sizeof v);
}

static int open_socket(int domain, int protocol)
{
    int s = nn_socket(domain, protocol);
    quietly(s, NN_RCVTIMEO, 300);
    quietly(s, NN_SNDTIMEO, 300);
    if (protocol == NN_SUB)
        (void)nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
    return s;
}

static void pause_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        continue;
}

/* A port that was free a moment ago. */
static const char *free_address(void)
{
    static char text[64];
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&a, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        exit(1);
    close(fd);
    snprintf(text, sizeof text, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    return text;
}

static void join_in(int domain, int server, int client, int *s, int *c)
{
    const char *address = free_address();
    *s = open_socket(domain, server);
    *c = open_socket(domain, client);
    if (nn_bind(*s, address) < 0 || nn_connect(*c, address) < 0)
        exit(1);
    for (int i = 0; i < 300 && nn_get_statistic(*c, NN_STAT_CURRENT_CONNECTIONS) < 1; i++)
        pause_ms(10);
    pause_ms(50);
}
#define JOIN(server, client)                                                                       \
    int s, c;                                                                                      \
    join_in(AF_SP, server, client, &s, &c)

/* A part of a group, in a child that has so many milliseconds. */
static void run_within(int ms, const char *name, void (*fn)(void))
{
    int status = 0;
    group = name;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct itimerval t = {.it_value = {ms / 1000, ms % 1000 * 1000}};
        setitimer(ITIMER_REAL, &t, NULL);
        fn();
        fflush(stdout);
        _exit(0);
    }
    (void)waitpid(pid, &status, 0);
    if (!WIFEXITED(status))
        printf("%s: ended by signal %d\n", name, WTERMSIG(status));
}

static void run(const char *name, void (*fn)(void))
{
    run_within(60000, name, fn);
}

#endif
