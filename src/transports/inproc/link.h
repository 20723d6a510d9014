/* SPDX-License-Identifier: MIT */
/* A connection of inproc: two pipes that put messages into each other's queue. For the files of
 * this folder only. */
#ifndef SP_INPROC_LINK_H
#define SP_INPROC_LINK_H

#include "../../core/sock.h"
#include "queue.h"

enum {
    NEWS_MESSAGE = 1, /* the queue is not empty any more */
    NEWS_ROOM = 2,    /* the peer's queue is not full any more */
    NEWS_LEFT = 4,    /* the peer has left */
    NEWS_OFF = 8      /* nobody is here to hear any */
};

struct inproc_link;

/* One side; its socket's lock guards it but for the queue's other half and `news`. */
struct inproc_end {
    struct sp_pipe pipe;      /* what the protocol sees; first */
    struct inproc_link *link; /* owner */
    struct inproc_end *peer;  /* the other side */
    struct sp_inq in;         /* to be received here */
    atomic_uint news;         /* NEWS_* not yet told */
    struct sp_out news_out;   /* in the peer's outbox: tells them */
    struct sp_out later_out;  /* in our own outbox: what cannot be done inside the protocol */
    struct sp_tick tick;      /* wakes patient senders */
    bool ticking;             /* tick is under way */
    int held;                 /* later_out is under way */
    bool dialled;
    bool opened;         /* was attached */
    bool left;           /* no end any more for the peer */
    bool orphan;         /* the peer has left */
    bool emptying;       /* orphan, but the application has messages to take */
    bool kicked;         /* our protocol closes it */
    size_t left_bytes;   /* what it holds meanwhile */
    enum sp_reason why;  /* left for this reason, NONE when in order; the peer reads it */
    char why_detail[96]; /* in words */
};

struct inproc_link {
    atomic_uint refs; /* both ends, and who joins them */
    struct inproc_end end[2];
};

/* join.c: connects a dialler, whose attempt is under way, to a listener; both are held by the
 * caller, no lock is. 0: the attempt was answered. -EAGAIN: it was not, the listener is about to
 * go. */
int sp_inproc_join(struct sp_ep *dialler, struct sp_ep *listener) SP_MUST_CHECK;

/* link.c: fills in what an end at `ep` does; `k` is zeroed. */
void sp_inproc_end_init(struct inproc_link *k, int i, struct sp_ep *ep, void *proto);
/* No message goes in or out at this end any more, and the peer hears of it. The lock is held. */
void sp_inproc_leave(struct inproc_end *e, enum sp_reason why, const char *detail);
/* Gives the endpoint back once nothing is left of the end but memory. The lock is held. */
void sp_inproc_retire(struct inproc_end *e);
/* Drops one of the link's references. */
void sp_inproc_drop(struct inproc_link *k);

#endif
