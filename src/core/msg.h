/* SPDX-License-Identifier: MIT */
/* Messages. A sp_msg is a value that is moved: a small header (the hop stack) and a body that lies
 * in a chunk. */
#ifndef SP_CORE_MSG_H
#define SP_CORE_MSG_H

#include "../base/alloc.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reference-counted bytes; the bytes follow the struct, aligned to 16. What nn_allocmsg gives lies
 * behind one. */
struct sp_chunk {
    uint32_t magic;                  /* tells a live chunk from other memory */
    atomic_uint refs;                /* owners */
    size_t cap;                      /* bytes behind the struct */
    size_t len;                      /* bytes that the application asked for */
    void (*free)(struct sp_chunk *); /* called when the last reference goes */
};
_Static_assert(sizeof(struct sp_chunk) % 16 == 0, "bodies are aligned to 16");

/* Gives a chunk of n bytes with one reference, or NULL. */
struct sp_chunk *sp_chunk_new(size_t n) SP_MUST_CHECK;
/* Makes room for n bytes in a chunk with one reference; moves it. NULL: unchanged. */
struct sp_chunk *sp_chunk_grow(struct sp_chunk *c, size_t n) SP_MUST_CHECK;
void sp_chunk_hold(struct sp_chunk *c);
void sp_chunk_drop(struct sp_chunk *c);
static inline uint8_t *sp_chunk_data(struct sp_chunk *c)
{
    return (uint8_t *)(c + 1);
}
/* The chunk behind a pointer of nn_allocmsg or a received NN_MSG; NULL when it is certainly not
 * one. */
struct sp_chunk *sp_chunk_of(void *body);

/* 64 KiB chunks for reading and gathering, kept on a small free list. */
#define SP_SLAB_SIZE 65536
struct sp_chunk *sp_slab_new(void) SP_MUST_CHECK;
void sp_slab_flush(void); /* frees the list (nn_term, a forked child forgets it instead) */

#define SP_HDR_INLINE 32

struct sp_pipe;

struct sp_msg {
    uint8_t *body;          /* first byte */
    size_t body_len;        /* bytes of body */
    struct sp_chunk *chunk; /* owner of the body; NULL: borrowed from the caller or from a pipe's
                               receive buffer */
    struct sp_pipe
        *pipe;        /* where it came from; good while the socket's lock is held, NULL when sent */
    uint16_t hdr_len; /* bytes of SP header */
    uint8_t type; /* of the message on transports that know types (NN_WS_MSG_TYPE); 0: none, or the
                     endpoint's own */
    struct sp_chunk *more; /* holds the header when it is longer than SP_HDR_INLINE */
    uint8_t hdr[SP_HDR_INLINE];
};

static inline void sp_msg_init(struct sp_msg *m)
{
    memset(m, 0, offsetof(struct sp_msg, hdr));
}

/* Borrows the header's bytes. */
static inline uint8_t *sp_msg_hdr(struct sp_msg *m)
{
    return m->more ? sp_chunk_data(m->more) : m->hdr;
}

/* Releases what the message owns and empties it. */
void sp_msg_drop(struct sp_msg *m);
/* dst takes all of src, which becomes empty. */
static inline void sp_msg_move(struct sp_msg *dst, struct sp_msg *src)
{
    memcpy(dst, src,
           src->hdr_len <= SP_HDR_INLINE ? offsetof(struct sp_msg, hdr) + src->hdr_len
                                         : sizeof *src);
    sp_msg_init(src);
}
/* Makes a borrowed body the message's own by a copy. 0 or -ENOMEM (unchanged). */
int sp_msg_own(struct sp_msg *m) SP_MUST_CHECK;
/* dst becomes a second reference to src's body (which must be its own) with a copy of the header. 0
 * or -ENOMEM. */
int sp_msg_share(struct sp_msg *dst, const struct sp_msg *src) SP_MUST_CHECK;
/* Replaces the header by a copy of n (<= SP_HDR_MAX) bytes. 0, -ENOMEM or -EMSGSIZE; unchanged on
 * failure. */
#define SP_HDR_MAX 1028 /* 255 hops, request id, and one to spare */
int sp_msg_hdr_set(struct sp_msg *m, const void *hdr, size_t n) SP_MUST_CHECK;
/* Puts a be32 in front of the header. 0, -ENOMEM or -EMSGSIZE. */
int sp_msg_hdr_push(struct sp_msg *m, uint32_t v) SP_MUST_CHECK;
/* Removes n (<= hdr_len) bytes from the header's front. */
void sp_msg_hdr_pull(struct sp_msg *m, size_t n);

#endif
