/* SPDX-License-Identifier: MIT */
/* Descriptors are non-blocking and every wait is a poll with what is left until the deadline. */
#include "rawpeer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "rawpeer: %s: %s\n", what, strerror(errno));
    abort();
}

static int left(int64_t deadline)
{
    int64_t ms = deadline - rp_now();
    return ms > 0 ? (int)ms : 0;
}

/* Whether fd is ready before the deadline. */
static bool ready(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n;
    do
        n = poll(&p, 1, left(deadline));
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* ---- sockets of the library ---- */

void rp_set(int s, int level, int option, int value)
{
    if (nn_setsockopt(s, level, option, &value, sizeof value) < 0)
        die("nn_setsockopt");
}

int rp_socket(int protocol)
{
    int s = nn_socket(AF_SP, protocol);
    if (s < 0)
        die("nn_socket");
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 10);
    rp_set(s, NN_SOL_SOCKET, NN_LINGER, 0);
    rp_set(s, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(10000));
    rp_set(s, NN_SOL_SOCKET, NN_SNDTIMEO, rp_time(10000));
    rp_set(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, 1);
    return s;
}

int rp_bind(int s)
{
    char address[192];
    size_t len = sizeof address;
    if (nn_bind(s, "tcp://127.0.0.1:0") < 0)
        die("nn_bind");
    if (nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len) < 0)
        die("NN_LAST_ENDPOINT");
    return atoi(strrchr(address, ':') + 1);
}

int rp_dial(int s, int port)
{
    char address[64];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
    int id = nn_connect(s, address);
    if (id < 0)
        die("nn_connect");
    return id;
}

static bool stat_wait(int s, int stat, uint64_t value, int ms, bool exact)
{
    int64_t deadline = rp_now() + ms;
    for (;;) {
        uint64_t v = nn_get_statistic(s, stat);
        if (v == value || (!exact && v > value))
            return true;
        if (rp_now() >= deadline)
            return false;
        (void)poll(NULL, 0, 1);
    }
}

bool rp_stat_reaches(int s, int stat, uint64_t value, int ms) { return stat_wait(s, stat, value, ms, false); }
bool rp_stat_becomes(int s, int stat, uint64_t value, int ms) { return stat_wait(s, stat, value, ms, true); }

const char *rp_reason(int s)
{
    static char text[512];
    size_t len = sizeof text;
    text[0] = 0;
    (void)nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_REASON, text, &len);
    return text;
}

/* ---- the raw peer ---- */

static int peer_socket(void)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static struct sockaddr_in local(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

int rp_listen(int *port)
{
    struct sockaddr_in a = local(0);
    socklen_t len = sizeof a;
    int fd = peer_socket();
    if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        die("listen");
    *port = ntohs(a.sin_port);
    return fd;
}

int rp_accept(int listener, int ms)
{
    int on = 1;
    if (!ready(listener, POLLIN, rp_now() + ms))
        return -1;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        die("accept");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int rp_unconnected(void) { return peer_socket(); }

void rp_connect_fd(int fd, int port)
{
    struct sockaddr_in a = local(port);
    int err = 0;
    socklen_t len = sizeof err;
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return;
    if (errno != EINPROGRESS || !ready(fd, POLLOUT, rp_now() + rp_time(5000)))
        die("connect");
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err) {
        errno = err;
        die("connect");
    }
}

int rp_connect(int port)
{
    int fd = peer_socket();
    rp_connect_fd(fd, port);
    return fd;
}

bool rp_send_within(int fd, const void *p, size_t n, int ms)
{
    const char *at = p;
    int64_t deadline = rp_now() + ms;
    while (n) {
        ssize_t k = send(fd, at, n, MSG_NOSIGNAL);
        if (k > 0) {
            at += k;
            n -= (size_t)k;
        } else if (errno == EAGAIN) {
            if (!ready(fd, POLLOUT, deadline))
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool rp_send(int fd, const void *p, size_t n) { return rp_send_within(fd, p, n, rp_time(10000)); }

size_t rp_recv(int fd, void *p, size_t n, int ms)
{
    size_t have = 0;
    int64_t deadline = rp_now() + ms;
    while (have < n) {
        ssize_t k = recv(fd, (char *)p + have, n - have, 0);
        if (k > 0)
            have += (size_t)k;
        else if (k == 0 || (errno != EAGAIN && errno != EINTR))
            break;
        else if (!ready(fd, POLLIN, deadline))
            break;
    }
    return have;
}

bool rp_closed(int fd, int ms)
{
    char junk[65536];
    int64_t deadline = rp_now() + ms;
    for (;;) {
        ssize_t k = recv(fd, junk, sizeof junk, 0);
        if (k == 0 || (k < 0 && errno != EAGAIN && errno != EINTR))
            return true;
        if (k < 0 && !ready(fd, POLLIN, deadline))
            return false;
    }
}

bool rp_silent(int fd, int ms) { return !ready(fd, POLLIN, rp_now() + ms); }

void rp_reset(int fd)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    close(fd);
}

/* ---- SP by hand ---- */

void rp_greeting(uint8_t out[8], int protocol)
{
    memcpy(out, "\0SP\0\0\0\0\0", 8);
    out[4] = (uint8_t)(protocol >> 8);
    out[5] = (uint8_t)protocol;
}

bool rp_hello(int fd, int mine, int theirs, int ms)
{
    uint8_t out[8], in[8], want[8];
    rp_greeting(out, mine);
    rp_greeting(want, theirs);
    return rp_send(fd, out, 8) && rp_recv(fd, in, 8, ms) == 8 && !memcmp(in, want, 8);
}

void rp_head(uint8_t out[8], uint64_t len)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(len >> (56 - 8 * i));
}

bool rp_frame(int fd, const void *body, size_t n)
{
    uint8_t head[8];
    rp_head(head, n);
    return rp_send(fd, head, 8) && rp_send(fd, body, n);
}

ssize_t rp_unframe(int fd, void *body, size_t room, int ms)
{
    uint8_t head[8];
    uint64_t len = 0;
    if (rp_recv(fd, head, 8, ms) != 8)
        return -1;
    for (int i = 0; i < 8; i++)
        len = len << 8 | head[i];
    size_t n = len < room ? (size_t)len : room;
    if (rp_recv(fd, body, n, ms) != n)
        return -1;
    for (uint64_t rest = len - n; rest; rest--) {
        char c;
        if (rp_recv(fd, &c, 1, ms) != 1)
            return -1;
    }
    return (ssize_t)len;
}
