/* SPDX-License-Identifier: MIT */
/* As much of nanomsg's interface as the programs of perf/ use, over ZeroMQ. */
#ifndef PERF_ZMQ_NN_H
#define PERF_ZMQ_NN_H

#include <errno.h>
#include <string.h>
#include <zmq.h>

enum { AF_SP = 1, NN_SOL_SOCKET = 0, NN_TCP = -3, NN_RCVMAXSIZE = 16, NN_TCP_NODELAY = 1 };
enum {
    NN_PAIR = ZMQ_PAIR,
    NN_REQ = ZMQ_REQ,
    NN_REP = ZMQ_REP,
    NN_PUSH = ZMQ_PUSH,
    NN_PULL = ZMQ_PULL
};
enum { NN_ZMQ_MAX = 4 }; /* sockets of a process */

static void *nn_zmq_context;
static void *nn_zmq_sockets[NN_ZMQ_MAX];

static inline int nn_errno(void)
{
    return errno;
}

static inline const char *nn_strerror(int err)
{
    return zmq_strerror(err);
}

static inline int nn_socket(int domain, int protocol)
{
    (void)domain;
    if (!nn_zmq_context)
        nn_zmq_context = zmq_ctx_new();
    for (int s = 0; s < NN_ZMQ_MAX; s++) {
        if (!nn_zmq_sockets[s]) {
            nn_zmq_sockets[s] = zmq_socket(nn_zmq_context, protocol);
            return nn_zmq_sockets[s] ? s : -1;
        }
    }
    errno = EMFILE;
    return -1;
}

/* Neither option is needed: any size is received, and Nagle's algorithm is off. */
static inline int nn_setsockopt(int s, int level, int option, const void *v, size_t len)
{
    (void)s, (void)level, (void)option, (void)v, (void)len;
    return 0;
}

static inline int nn_bind(int s, const char *address)
{
    return zmq_bind(nn_zmq_sockets[s], address);
}

static inline int nn_connect(int s, const char *address)
{
    return zmq_connect(nn_zmq_sockets[s], address);
}

static inline int nn_send(int s, const void *buf, size_t len, int flags)
{
    return zmq_send(nn_zmq_sockets[s], buf, len, flags);
}

static inline int nn_recv(int s, void *buf, size_t len, int flags)
{
    return zmq_recv(nn_zmq_sockets[s], buf, len, flags);
}

/* The last one waits until all is sent. */
static inline int nn_close(int s)
{
    int rc = zmq_close(nn_zmq_sockets[s]);
    nn_zmq_sockets[s] = NULL;
    for (int i = 0; i < NN_ZMQ_MAX; i++) {
        if (nn_zmq_sockets[i])
            return rc;
    }
    return zmq_ctx_term(nn_zmq_context);
}

#endif
