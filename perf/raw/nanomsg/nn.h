/* SPDX-License-Identifier: MIT */
/* As much of nanomsg's interface as the programs of perf/ use, over bare sockets: what a library
 * can at best be as fast as in round trips. One peer a socket, tcp with an IPv4 address or ipc; a
 * message is its length and its bytes, written by one call, read into a buffer. */
#ifndef PERF_RAW_NN_H
#define PERF_RAW_NN_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { AF_SP = 1, NN_SOL_SOCKET = 0, NN_TCP = -3, NN_RCVMAXSIZE = 16, NN_TCP_NODELAY = 1 };
enum { NN_PAIR = 16, NN_REQ = 48, NN_REP = 49, NN_PUSH = 80, NN_PULL = 81 };

static struct {
    int ear;        /* listening socket, or -1 */
    int fd;         /* connection, or -1 */
    size_t at, end; /* unread bytes of buf */
    unsigned char buf[65536];
} nn_raw = {.ear = -1, .fd = -1};

static inline int nn_errno(void)
{
    return errno;
}

static inline const char *nn_strerror(int err)
{
    return strerror(err);
}

static inline int nn_socket(int domain, int protocol)
{
    (void)domain, (void)protocol;
    return 0;
}

static inline int nn_setsockopt(int s, int level, int option, const void *v, size_t len)
{
    (void)s, (void)level, (void)option, (void)v, (void)len;
    return 0;
}

/* A socket, and in *to where it shall be. */
static inline int nn_raw_socket(const char *address, struct sockaddr_storage *to, socklen_t *len)
{
    struct sockaddr_in *in = (struct sockaddr_in *)to;
    struct sockaddr_un *un = (struct sockaddr_un *)to;
    char host[64];
    unsigned short port;
    int on = 1, fd = -1;
    memset(to, 0, sizeof *to);
    if (strncmp(address, "ipc://", 6) == 0) {
        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof un->sun_path, "%s", address + 6);
        *len = sizeof *un;
        return socket(AF_UNIX, SOCK_STREAM, 0);
    }
    if (sscanf(address, "tcp://%63[0-9.]:%hu", host, &port) == 2 &&
        inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        *len = sizeof *in;
        fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return fd;
    }
    errno = EPROTONOSUPPORT;
    return -1;
}

static inline int nn_bind(int s, const char *address)
{
    struct sockaddr_storage to;
    socklen_t len = 0;
    nn_raw.ear = nn_raw_socket(address, &to, &len);
    return nn_raw.ear < 0 || bind(nn_raw.ear, (struct sockaddr *)&to, len) < 0 ||
                   listen(nn_raw.ear, 1) < 0
               ? -1
               : s;
}

static inline int nn_connect(int s, const char *address)
{
    struct sockaddr_storage to;
    socklen_t len = 0;
    nn_raw.fd = nn_raw_socket(address, &to, &len);
    return nn_raw.fd < 0 || connect(nn_raw.fd, (struct sockaddr *)&to, len) < 0 ? -1 : s;
}

static inline int nn_raw_fd(void)
{
    int on = 1;
    if (nn_raw.fd < 0) {
        nn_raw.fd = accept(nn_raw.ear, NULL, NULL);
        setsockopt(nn_raw.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return nn_raw.fd;
}

static inline int nn_send(int s, const void *buf, size_t len, int flags)
{
    uint64_t head = len;
    struct iovec iov[2] = {{&head, sizeof head}, {(void *)(uintptr_t)buf, len}};
    (void)s, (void)flags;
    /* A blocking socket takes all of it, unless a signal comes; none does here. */
    return writev(nn_raw_fd(), iov, 2) == (ssize_t)(sizeof head + len) ? (int)len : -1;
}

/* Takes exactly len bytes, by way of the buffer when they are few. */
static inline int nn_raw_take(unsigned char *to, size_t len)
{
    while (len > 0) {
        size_t n = nn_raw.end - nn_raw.at;
        if (n == 0) {
            ssize_t got = read(nn_raw_fd(), nn_raw.buf, sizeof nn_raw.buf);
            if (got <= 0)
                return -1;
            nn_raw.at = 0;
            nn_raw.end = (size_t)got;
            continue;
        }
        n = n < len ? n : len;
        memcpy(to, nn_raw.buf + nn_raw.at, n);
        nn_raw.at += n;
        to += n;
        len -= n;
    }
    return 0;
}

static inline int nn_recv(int s, void *buf, size_t len, int flags)
{
    uint64_t head;
    (void)s, (void)flags;
    if (nn_raw_take((unsigned char *)&head, sizeof head) || head > len ||
        nn_raw_take(buf, (size_t)head))
        return -1;
    return (int)head;
}

static inline int nn_close(int s)
{
    (void)s;
    return nn_raw.fd < 0 ? 0 : close(nn_raw.fd);
}

#endif
