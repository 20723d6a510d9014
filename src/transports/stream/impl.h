/* SPDX-License-Identifier: MIT */
/* Shared by the files of this folder only: the connection and the endpoint's data. */
#ifndef SP_STREAM_IMPL_H
#define SP_STREAM_IMPL_H

#include "../../core/sock.h"
#include "../../core/work.h"
#include "conn.h"

#define SP_CANDIDATES 8

/* An endpoint's data: its addresses, and the listener or the attempt under way. */
struct sp_stream_ep {
    struct sp_ep *ep;                   /* back */
    struct sp_hostport hp;              /* as written */
    struct sp_addr local;               /* bind to this: the listener's own, or before ';' */
    struct sp_addr cand[SP_CANDIDATES]; /* where to dial, in turn */
    int n_cand, cand_at;                /* how many, and the one being tried */
    bool named;                         /* hp.host is a name to be resolved at each attempt */
    int fd;                             /* listener or connecting socket, or -1 */
    struct sp_lookup *lookup;           /* runs on a worker; NULL: none */
    bool claimed;                       /* somebody answers for the attempt; under the lock */
    struct sp_watch watch;              /* of fd */
    struct sp_timer timer;              /* deadline of an attempt; pause after EMFILE */
    struct sp_list half_open; /* accepted connections before OPEN, oldest first; under the lock */
    int n_half;               /* how many */
    bool full;                /* accepting pauses until one of them is done */
    int reserve;              /* a descriptor kept to refuse with when there are no others, or -1 */
};
_Static_assert(sizeof(struct sp_stream_ep) <= SP_STREAM_EP_SIZE, "room for the endpoint's data");

enum conn_state { CONN_START, CONN_HELLO, CONN_OPEN, CONN_DRAIN };

/* Received bytes: whole messages in p..end; or one large message, the whole chunk. */
struct rx_seg {
    struct rx_seg *next;
    struct sp_chunk *chunk; /* owned; for small ones this struct lies at its front */
    uint8_t *p, *end;       /* not yet taken */
    bool large; /* one body without head, in a chunk of its own; the struct is separate */
    uint8_t type; /* large: of the message */
};

/* Bytes to send: gathered messages (bytes), or one large message by reference. */
struct tx_seg {
    struct tx_seg *next;
    size_t len, off; /* bytes in all, and handed to the stream already */
    struct sp_chunk
        *bytes;    /* gathered: owner of this struct and of the data behind it; NULL: a message */
    size_t cap;    /* gathered: room */
    bool greeting; /* not a message */
    uint8_t head[SP_FRAME_HEAD_MAX];
    uint8_t head_len;
    struct sp_msg msg; /* a message */
};

struct tx_list {
    struct tx_seg *first, *last;
};

struct sp_conn {
    struct sp_pipe pipe;  /* what the protocol sees; first */
    struct sp_stream *st; /* the stack; NULL once closed */
    const struct sp_framer *framer;
    struct sp_loop *loop;
    struct sp_watch watch;
    struct sp_timer timer; /* handshake deadline, then linger */
    struct sp_task attend; /* read without an event: the stream holds bytes */
    struct sp_job job;     /* a handshake step */
    struct sp_tick tick;   /* adaptive sending */
    struct sp_retired retired;
    struct sp_out flush_out, close_out, kill_out, drained_out;
    struct sp_list in_half; /* node in the listener's half-open connections */
    enum conn_state state;
    bool dialled;
    /* ownership bits, under the lock; the last one out closes */
    bool reading;         /* RX state of stream and conn: the leader, or a worker during START */
    bool flushing;        /* TX state: one thread */
    bool dirty;           /* in the loop's ticks */
    bool dead;            /* no more reading or writing begins */
    bool closing;         /* close_out is under way or done */
    bool rx_only;         /* dead, but the application has messages to take */
    size_t left;          /* rx_only: what it holds */
    bool spoke;           /* a half-open peer sent a whole first record or greeting */
    bool want_out;        /* the kernel's buffer is full: POLLOUT is watched */
    bool paused;          /* the receive buffer is full: POLLIN is not watched */
    bool fin_sent;        /* DRAIN: our side is shut down */
    bool quiet;           /* the end is ours: nothing to report */
    bool retiring;        /* given to the loop to free */
    atomic_bool draining; /* state is DRAIN, for the reader */
    int held;             /* outbox entries under way that will look at it again */
    int eager;            /* what this adds to the loop's eager count */
    /* receive */
    struct rx_seg *rx, *rx_last; /* whole messages, under the lock */
    size_t rx_bytes;             /* raw bytes in rx */
    uint8_t *part;               /* start of an incomplete small message; the reader's */
    size_t part_len;
    struct sp_chunk *big; /* an incomplete large body; the reader's */
    size_t big_have, big_len;
    uint8_t big_type;
    bool after_big; /* the last message was large: read little beyond the next head */
    uint8_t greeting[SP_FRAME_GREET_MAX];
    size_t greeting_have;
    /* send */
    struct tx_list fill, drain; /* waiting, under the lock; being written, the flusher's */
    size_t tx_bytes;            /* in fill, drain and in place */
    bool in_place;              /* `now` is to be sent before all else; the flusher's */
    struct sp_msg now;
    size_t now_len;             /* what it counts in tx_bytes */
    unsigned burst, burst_seen; /* sends in quick succession; what the last tick saw */
    unsigned gen, gen_seen;     /* flushes; what the last tick saw */
    uint64_t last;              /* when the last young send was; until OPEN: when it was accepted */
    enum sp_reason kill_reason; /* for kill_out */
    char kill_detail[96];
};

static inline struct sp_stream_ep *sp_stream_ep(struct sp_ep *ep)
{
    return ep->data;
}
static inline const struct sp_stream_row *sp_stream_row(struct sp_ep *ep)
{
    return ep->t->row;
}

/* conn.c: makes a connection of a connected fd and starts it; takes fd. A dialled one answers for
 * the attempt. */
void sp_conn_start(struct sp_ep *ep, int fd, bool dialled, const char *address);
/* Ends it, the lock is held. err 0 or negative errno. */
void conn_kill(struct sp_conn *c, enum sp_reason why, int err, const char *detail);
/* After an ownership bit was cleared or dead set: the last one out. The lock is held. */
void conn_settle(struct sp_conn *c);
void conn_eager(struct sp_conn *c, int by);
void conn_watch(struct sp_conn *c); /* asks for the events that the state wants */
void conn_evict(struct sp_conn *c);

void conn_half_done(struct sp_conn *c); /* no longer half-open; the lock is held */
static inline struct sp_sock *conn_sock(struct sp_conn *c)
{
    return c->pipe.sock;
}

/* conn_open.c: the steps to OPEN, `reading` is held and given back. */
void conn_start(struct sp_conn *c);
void conn_greeted(struct sp_conn *c);
void conn_step(struct sp_job *j);
void conn_wait_for(struct sp_conn *c, int events);

/* conn_rx.c: reads what is there; `reading` is held and released. */
void conn_rx(struct sp_conn *c);
int conn_rx_peek(struct sp_pipe *p, struct sp_msg *m);
int conn_rx_recv(struct sp_pipe *p, struct sp_msg *m);
void conn_rx_free(struct sp_conn *c); /* drops the published messages; the lock is held */
void conn_rx_fini(struct sp_conn *c); /* and the reader's partial ones; nobody else is left */

/* conn_tx.c */
int conn_tx_send(struct sp_pipe *p, struct sp_msg *m);
void conn_tx_flush(struct sp_conn *c); /* queues a flush unless one runs; the lock is held */
void conn_tx_gathered(struct sp_pipe *p);
int conn_tx_run(struct sp_out *o);
bool conn_tx_tick(struct sp_tick *t);
int conn_tx_greet(struct sp_conn *c)
    SP_MUST_CHECK; /* queues our greeting before all else; the lock is held */
void conn_tx_unsent(
    struct sp_conn *c); /* gives back what was not handed over; the lock is held, nobody flushes */
void conn_tx_room(struct sp_conn *c); /* tells the protocol when the pipe became writable */

/* listen.c: a half-open connection is done; the lock is held. */
void sp_listen_freed(struct sp_stream_ep *se);

/* addr.c: a socket of a's family that does not block, noted with sp_fd_keep and tuned; or a negative
 * errno. What the row's family says of an address and of a socket. */
int sp_addr_socket(struct sp_ep *ep, const struct sp_addr *a) SP_MUST_CHECK;
void sp_addr_text(const struct sp_ep *ep, const struct sp_addr *a, char *out, size_t n);
void sp_addr_tune(const struct sp_ep *ep, int fd);
const struct sp_family *sp_addr_family(const struct sp_ep *ep);

/* inet.c */
/* Resolves a name, which may take long; how many of `max` addresses were found. */
int sp_inet_resolve(const struct sp_hostport *hp, bool ipv4only, struct sp_addr *out, int max);

#endif
