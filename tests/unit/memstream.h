/* SPDX-License-Identifier: MIT */
/* A stream in memory whose every answer the test decides. */
#ifndef TESTS_UNIT_MEMSTREAM_H
#define TESTS_UNIT_MEMSTREAM_H

#include "loop_support.h"
#include "transports/stream/impl.h"

#define MEM_BYTES (1 << 20)

/* The fields are the test's while nothing is under way, and behind `lock` else. */

struct mem_stream {
    struct sp_stream st;
    pthread_mutex_t lock;
    uint8_t in[MEM_BYTES];   /* to be read */
    size_t in_len, in_at;
    int in_end;              /* what follows: -EAGAIN, 0 (the end), an errno */
    size_t read_max;         /* bytes that one readv gives at most */
    uint8_t out[MEM_BYTES];  /* written */
    size_t out_len;
    size_t room;             /* bytes that writev still takes */
    int write_error;         /* of the next writev, once room is 0; else -EAGAIN */
    int start_rc[8];         /* of the calls of start in turn */
    int want;                /* of want() */
    int want_clear;          /* bits that a writev without bytes clears */
    int finish_rc, rekey_rc;
    enum sp_reason reason;   /* told by start when it fails */
    atomic_int n_start, n_readv, n_writev, n_push, n_finish, n_rekey, n_closed;
    const void *body;        /* last iovec of the last writev */
    void (*in_writev)(void); /* called once from the next writev */
    sem_t *hold_start;       /* start waits for it */
    int far;                 /* other end of its descriptor's pair */
};

static struct mem_stream mem;
static bool mem_handshake; /* the stack has a start */
static bool mem_rekeys;    /* the stack has a rekey */

static inline int mem_op_start(struct sp_stream *s)
{
    if (mem.hold_start)
        sem_wait(mem.hold_start);
    int rc = mem.start_rc[atomic_fetch_add(&mem.n_start, 1) % 8];
    if (rc < 0 && rc != -EAGAIN && mem.reason)
        sp_peer_reason(s->peer, mem.reason, "said the stream");
    return rc;
}

static inline ssize_t mem_op_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    (void)s;
    size_t got = 0;
    pthread_mutex_lock(&mem.lock);
    size_t left = mem.read_max;
    atomic_fetch_add(&mem.n_readv, 1);
    for (int i = 0; i < n; i++) {
        size_t k = mem.in_len - mem.in_at;
        k = k < iov[i].iov_len ? k : iov[i].iov_len;
        k = k < left ? k : left;
        if (k)
            memcpy(iov[i].iov_base, mem.in + mem.in_at, k);
        mem.in_at += k;
        left -= k;
        got += k;
    }
    if (mem.in_at == mem.in_len)
        mem.want &= ~POLLIN;
    ssize_t rc = got ? (ssize_t)got : mem.in_end;
    pthread_mutex_unlock(&mem.lock);
    return rc;
}

static inline ssize_t mem_op_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    (void)s;
    pthread_mutex_lock(&mem.lock);
    void (*hook)(void) = mem.in_writev;
    mem.in_writev = NULL;
    pthread_mutex_unlock(&mem.lock);
    if (hook)
        hook();
    pthread_mutex_lock(&mem.lock);
    size_t took = 0, asked = 0;
    atomic_fetch_add(n ? &mem.n_writev : &mem.n_push, 1);
    for (int i = 0; i < n; i++) {
        size_t k = iov[i].iov_len < mem.room ? iov[i].iov_len : mem.room;
        if (k)
            memcpy(mem.out + mem.out_len, iov[i].iov_base, k);
        mem.out_len += k;
        mem.room -= k;
        took += k;
        asked += iov[i].iov_len;
        mem.body = iov[i].iov_base;
    }
    ssize_t rc = (ssize_t)took;
    if (n == 0)
        mem.want &= ~mem.want_clear;
    if (asked && !took) {
        rc = mem.write_error ? mem.write_error : -EAGAIN;
        mem.write_error = 0;
    }
    pthread_mutex_unlock(&mem.lock);
    return rc;
}

static inline int mem_op_want(struct sp_stream *s)
{
    (void)s;
    pthread_mutex_lock(&mem.lock);
    int want = mem.want;
    pthread_mutex_unlock(&mem.lock);
    return want;
}

static inline int mem_op_finish(struct sp_stream *s)
{
    (void)s;
    atomic_fetch_add(&mem.n_finish, 1);
    return mem.finish_rc;
}

static inline int mem_op_rekey(struct sp_stream *s, int request_peer)
{
    (void)s, (void)request_peer;
    atomic_fetch_add(&mem.n_rekey, 1);
    pthread_mutex_lock(&mem.lock);
    mem.want |= POLLOUT;
    pthread_mutex_unlock(&mem.lock);
    return mem.rekey_rc;
}

static inline void mem_op_close(struct sp_stream *s)
{
    sp_fd_close(s->fd);
    atomic_fetch_add(&mem.n_closed, 1);
}

static struct sp_stream_ops mem_ops;

static inline int mem_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer, struct sp_stream **out)
{
    (void)ep, (void)dialled;
    void *token = sp_alloc(1); /* so that a stack can fail, too */
    if (!token) {
        sp_fd_close(fd);
        return -ENOMEM;
    }
    sp_free(token);
    mem_ops = (struct sp_stream_ops){.readv = mem_op_readv, .writev = mem_op_writev, .want = mem_op_want,
                                     .finish = mem_op_finish, .close = mem_op_close};
    mem_ops.start = mem_handshake ? mem_op_start : NULL;
    mem_ops.rekey = mem_rekeys ? mem_op_rekey : NULL;
    mem.st = (struct sp_stream){.ops = &mem_ops, .peer = peer, .fd = fd};
    *out = &mem.st;
    return 0;
}

static inline void mem_reset(void)
{
    memset(&mem, 0, sizeof mem);
    pthread_mutex_init(&mem.lock, NULL);
    mem.in_end = -EAGAIN;
    mem.read_max = mem.room = SIZE_MAX;
    mem.far = -1;
}

/* Changes a field of the stream while others may use it. */
#define MEM_SET(field, value)              \
    do {                                   \
        pthread_mutex_lock(&mem.lock);     \
        mem.field = (value);               \
        pthread_mutex_unlock(&mem.lock);   \
    } while (0)

#endif
