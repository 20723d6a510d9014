/* SPDX-License-Identifier: MIT */
/* The byte stream: six operations, none of which waits. Streams stack: TLS is a stream over a
 * stream. */
#ifndef SP_STREAM_STREAM_H
#define SP_STREAM_STREAM_H

#include "../../base/alloc.h"
#include "../../core/peer.h"
#include <poll.h>
#include <sys/types.h>
#include <sys/uio.h>

struct sp_stream;

/* Who may call what: start, by one thread at a time, alone; then readv by one thread (the owner of
 * the pipe's `reading` bit), and writev, finish by one thread (the owner of `flushing`), both at
 * the same time as each other; want and rekey by anyone at any time; close last and alone. */
struct sp_stream_ops {
    /* Moves the handshake on. 0: done. -EAGAIN: call again when what want() says comes true. Else
     * failed: peer->reason and peer->detail say why. The only operation that may be slow (it runs
     * on a worker). */
    int (*start)(struct sp_stream *s);
    /* Bytes read; 0 at the end of the stream; -EAGAIN; other negative errno (reason in peer). Call
     * until -EAGAIN or a short count, and again on resume without waiting for POLLIN: a layer may
     * hold plaintext. */
    ssize_t (*readv)(struct sp_stream *s, const struct iovec *iov, int n);
    /* Bytes *accepted* (a layer may have staged them; want() then has POLLOUT); -EAGAIN when none;
     * other negative errno. n == 0: push out what is staged or due (0 done, -EAGAIN not all). */
    ssize_t (*writev)(struct sp_stream *s, const struct iovec *iov, int n);
    /* Before start is done: POLLIN or POLLOUT, what it waits for. After: POLLOUT set means
     * something is staged or due that writev(n == 0) would push; POLLIN set means readv has bytes
     * at hand without POLLIN from the kernel. */
    int (*want)(struct sp_stream *s);
    /* Ends the sending side in order: pushes out, says close_notify, shuts down for writing. 0 or
     * -EAGAIN. */
    int (*finish)(struct sp_stream *s);
    /* Closes the descriptor, wipes and frees the stream and those below. */
    void (*close)(struct sp_stream *s);
    /* Asks for a key update; the next writev does it. NULL: none here. Thread-safe. */
    int (*rekey)(struct sp_stream *s, int request_peer);
};

struct sp_stream {
    const struct sp_stream_ops *ops; /* this layer */
    struct sp_stream *next;          /* the layer below, owned; NULL at the bottom */
    struct sp_peer *peer;            /* borrowed: what this layer learns goes here */
    int fd;                          /* descriptor to watch; owned by the bottom layer */
};

/* Bytes that may wait in the kernel unsent, so that a silent peer does not swallow megabytes. */
#define SP_FD_LOW 65536

/* The bottom: a connected, non-blocking socket noted with sp_fd_keep. Takes fd on success. NULL: no
 * memory. */
struct sp_stream *sp_fdstream_new(int fd, struct sp_peer *peer) SP_MUST_CHECK;

/* Sets the reason (only the first one stays) and its words. */
void sp_peer_reason(struct sp_peer *p, enum sp_reason why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
