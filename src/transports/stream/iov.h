/* SPDX-License-Identifier: MIT */
/* A place in an array of buffers. */
#ifndef SP_STREAM_IOV_H
#define SP_STREAM_IOV_H

#include <stddef.h>
#include <sys/uio.h>

struct sp_iov {
    const struct iovec *v; /* borrowed: the buffer that the place is in, and those behind */
    int n;                 /* how many */
    size_t off;            /* of the place in v[0] */
    size_t left;           /* bytes from the place to the end */
};

struct sp_iov sp_iov(const struct iovec *v, int n);
/* The next bytes, at most len and at most `max` pieces, as pieces. Gives how many; *got their
 * bytes. */
int sp_iov_cut(const struct sp_iov *c, size_t len, struct iovec *piece, int max, size_t *got);
/* Moves on by len <= left bytes. */
void sp_iov_skip(struct sp_iov *c, size_t len);
/* Copies len <= left bytes to the place and moves on; from the place, without moving. */
void sp_iov_put(struct sp_iov *c, const void *src, size_t len);
void sp_iov_peek(const struct sp_iov *c, void *dst, size_t len);

#endif
