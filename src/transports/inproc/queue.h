/* SPDX-License-Identifier: MIT */
/* A queue of messages from one thread at a time to another: the sender's socket lock is held when
 * something is put in, the receiver's when it is taken out, and neither waits for the other. Once a
 * receiver has left, the sender's side may take its place. */
#ifndef SP_INPROC_QUEUE_H
#define SP_INPROC_QUEUE_H

#include "../../core/msg.h"

struct inq_seg;

/* Each side writes to cache lines of its own. */
struct sp_inq {
    /* the receiver's */
    struct inq_seg *head; /* where the next message lies; NULL before the first */
    uint8_t *at;          /* its place in head */
    uint64_t seen;        /* messages known to have been put in, ever */
    uint64_t taken;       /* messages taken out, ever, and their bytes */
    uint64_t taken_bytes;
    atomic_uint_least64_t shared_taken, shared_taken_bytes; /* the same, for the sender */
    char apart1[64];
    /* the sender's */
    struct inq_seg *tail;  /* where the next message goes; NULL before the first */
    uint8_t *end;          /* its place in tail */
    struct inq_seg *first; /* the receiver begins here */
    uint64_t put;          /* messages put in, ever, and their bytes */
    uint64_t put_bytes;
    uint64_t gone; /* what was known of the receiver's counts */
    uint64_t gone_bytes;
    size_t max; /* bytes from which it is full; set before the first message */
    atomic_uint_least64_t shared_put, shared_put_bytes; /* for the receiver */
    char apart2[64];
    /* both sides', seldom written */
    atomic_bool idle;  /* the receiver found nothing and wants to be told */
    atomic_uchar full; /* the sender wants to be told: 1 when there is room, 2 when half is free */
    _Atomic(struct inq_seg *) spare; /* a segment for the sender to use again */
    char apart3[64];
};

/* An empty queue that is full from `max` bytes on. It takes one message of any size beyond what it
 * holds when it holds at most one. */
void sp_inq_init(struct sp_inq *q, size_t max);
/* Drops what is left, when nobody uses it any more. */
void sp_inq_fini(struct sp_inq *q);

/* The sender: takes m, whether the queue is full or not. 0, or 1 when the receiver wants to be
 * told; -ENOMEM (unchanged). */
int sp_inq_put(struct sp_inq *q, struct sp_msg *m) SP_MUST_CHECK;
/* The sender: whether there is no room; if so the receiver tells when there is. */
bool sp_inq_full(struct sp_inq *q) SP_MUST_CHECK;
/* The sender: whether more than half is in use; if so the receiver tells when it is not. */
bool sp_inq_crowded(struct sp_inq *q) SP_MUST_CHECK;

/* The receiver: whether there is a message; if not the sender tells when there is. */
bool sp_inq_any(struct sp_inq *q) SP_MUST_CHECK;
/* The receiver: borrows the next message into m, header and body as one; good until the next peek
 * or take. False when there is none. */
bool sp_inq_peek(struct sp_inq *q, struct sp_msg *m) SP_MUST_CHECK;
/* The receiver: takes the next message out; m owns its chunk, or borrows until the next peek or
 * take. `tell`: the sender wants to be told of the room. False when there is none. */
bool sp_inq_take(struct sp_inq *q, struct sp_msg *m, bool *tell) SP_MUST_CHECK;
/* The receiver: bytes of memory that the messages hold, once the sender has left. */
size_t sp_inq_held(struct sp_inq *q);

#endif
