/* SPDX-License-Identifier: MIT */

/* A socket in an event loop that is not ours: where NNG has nng_aio, and ZeroMQ ZMQ_FD. The loop is
 * poll(2), and what it waits for are lines of standard input and messages of a BUS: a small chat.
 *
 *     events bind|connect ADDRESS      `bind` with a port of 0 prints the real address */

#include <nanomsg/bus.h>
#include <nanomsg/nanoseal.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int events_must(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "events: %s: %s\n", what, nn_strerror(nn_errno()));
        exit(1);
    }
    return rc;
}

static int events_open(int bind, const char *address)
{
    char real[NN_SOCKADDR_MAX + 1] = "";
    size_t len = sizeof real - 1;
    int s = events_must(nn_socket(AF_SP, NN_BUS), "nn_socket"), on = 1;
    events_must(nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &on, sizeof on), "NN_ALLOW_PORT0");
    events_must(bind ? nn_bind(s, address) : nn_connect(s, address), address);
    if (bind && nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, real, &len) == 0)
        fprintf(stderr, "%s\n", real);
    return s;
}

/* The descriptor is readable as long as there is a message, so one for each turn is enough. (That
 * of ZeroMQ is readable once, and then everything must be taken.) It is for polling, not for
 * read(2). */
static void events_message(int s)
{
    char text[256];
    int n = nn_recv(s, text, sizeof text, NN_DONTWAIT);
    if (n < 0)
        return; /* somebody else was faster, or a signal came */
    printf("%.*s\n", n < (int)sizeof text ? n : (int)sizeof text, text);
    fflush(stdout);
}

static int events_line(int s)
{
    char text[256];
    ssize_t n = read(STDIN_FILENO, text, sizeof text);
    if (n > 0)
        events_must(nn_send(s, text, (size_t)n - (text[n - 1] == '\n'), 0), "nn_send");
    return n > 0;
}

int main(int argc, char **argv)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};
    size_t len = sizeof fds[1].fd;
    if (argc != 3 || (strcmp(argv[1], "bind") && strcmp(argv[1], "connect"))) {
        fputs("usage: events bind|connect ADDRESS\n", stderr);
        return 2;
    }
    int s = events_open(argv[1][0] == 'b', argv[2]);
    events_must(nn_getsockopt(s, NN_SOL_SOCKET, NN_RCVFD, &fds[1].fd, &len), "NN_RCVFD");
    for (int more = 1; more && poll(fds, 2, -1) >= 0;) {
        if (fds[1].revents)
            events_message(s);
        if (fds[0].revents)
            more = events_line(s);
    }
    nn_close(s); /* what was sent goes on leaving in the background */
    return 0;
}
