/* SPDX-License-Identifier: MIT */
/* The ws stream: a WebSocket (RFC 6455) over any stream, which speaks sp_frame_ws towards the
 * connection above. Its parts share this: ws.c (life), hello.c (handshake), rx.c with frames.c and
 * tx.c (the two directions, each of one thread at a time). */
#ifndef SP_WS_WS_H
#define SP_WS_WS_H

#include "../../base/lock.h"
#include "../../core/msg.h"
#include "../stream/iov.h"
#include "../stream/stream.h"
#include "http.h"
#include "utf8.h"
#include "wsframe.h"

#define SP_WS_EMPTY_MAX 32 /* frames in a row that bring nothing */

struct sp_ws_args {
    struct sp_stream *next; /* the layer below */
    struct sp_peer *peer;   /* borrowed */
    bool dialled;           /* we are the client */
    int protocol;           /* of our socket */
    int peer_protocol;      /* of the other side */
    uint8_t type;           /* of messages that do not say theirs: SP_WS_TEXT, SP_WS_BINARY */
    const int *rcvmax;      /* borrowed: NN_RCVMAXSIZE, which may change */
    const char *host;       /* dialled: borrowed, for the Host header */
    size_t host_len;        /* its bytes */
    const char *path;       /* dialled: borrowed, with the query */
};

/* Receiving: the reader's. */
struct sp_ws_rx {
    bool open;           /* the other side's part of the handshake is done */
    bool closed;         /* a Close frame, or the end of the stream below */
    bool stalled;        /* `part` holds what found no room */
    int err;             /* negative errno that every later call gives */
    uint8_t *part;       /* bytes from below that are not looked at, owned, or NULL */
    size_t part_len;     /* how many */
    size_t part_off;     /* where they begin */
    bool busy;           /* it stopped to let others have their turn */
    uint8_t head[8];     /* private head or greeting on its way up */
    size_t head_left;    /* bytes of it still to hand up */
    uint64_t left;       /* bytes of the frame's body still to come */
    uint8_t mask[4];     /* turned to the next of them */
    bool fragments;      /* inside a fragmented message */
    bool fin;            /* the frame is the message's last */
    uint8_t type;        /* of the message */
    unsigned empty;      /* frames in a row that brought nothing */
    struct sp_utf8 text; /* of a text message under way */
    uint8_t *join;       /* the fragments so far, or NULL; owned */
    size_t join_cap;     /* its room */
    size_t join_len;     /* its bytes */
    size_t join_off;     /* of them handed up */
    bool joined;         /* the message is whole: it is being handed up */
    atomic_bool ready;   /* for want: readv has something without the kernel */
};

/* Sending: the writer's. */
struct sp_ws_tx {
    bool open;              /* our part of the handshake is done */
    int err;                /* negative errno that every later call gives */
    uint8_t head[8];        /* private head or greeting that is not complete */
    size_t head_len;        /* its bytes */
    uint64_t left;          /* bytes of the message's body still to come */
    uint8_t mask[4];        /* turned to the next of them */
    uint8_t masks[64];      /* random bytes for masks to come */
    size_t n_masks;         /* how many are left, at the front */
    struct sp_chunk *stage; /* slab with bytes that the layer below did not take, or NULL */
    size_t stage_len;       /* its bytes */
    size_t stage_off;       /* of them taken */
    atomic_bool staged;     /* for want: stage is there */
    atomic_bool closing;    /* our Close frame is on its way: nothing may follow */
};

struct sp_ws {
    struct sp_stream base;  /* what the connection sees; first */
    struct sp_ws_args args; /* as given */
    bool started;           /* the layer below has no handshake, or it is done */
    struct sp_http http;    /* the handshake; the reader's until it is open, then the writer's */
    int close_code;     /* to say when all ends: 0 nothing, else of a Close frame; the reader's */
    struct sp_ws_rx rx; /* one thread at a time */
    struct sp_ws_tx tx; /* likewise, another perhaps */
    sp_mutex pong_lock; /* a leaf */
    uint8_t pong[SP_WS_CONTROL_MAX]; /* answer to the last ping; under pong_lock */
    uint8_t pong_len;                /* its bytes; under pong_lock */
    atomic_bool pong_due;            /* there is one; set under pong_lock */
};

/* Gives a stream over args->next, or NULL with *err; takes next in any case, borrows what args says
 * is borrowed for its life. */
struct sp_stream *sp_ws_new(const struct sp_ws_args *args, int *err) SP_MUST_CHECK;

/* hello.c: the name of the subprotocol that a server of this protocol speaks, or NULL. */
const char *sp_ws_subprotocol(int protocol);
/* The other side's part at p[0..n): its length, with the greeting of the peer in rx.head; 0: more
 * is needed; a negative errno, with reason and http.status. */
ssize_t sp_ws_hello(struct sp_ws *t, const uint8_t *p, size_t n);
/* Writes our part into out (at least SP_HTTP_MAX bytes). Its length or a negative errno. */
ssize_t sp_ws_hello_put(struct sp_ws *t, char *out);

/* frames.c, for rx.c. Takes p[0..n) apart until there is no room in out, or no whole head. Gives
 * how many bytes are used, or an error; rx.stalled: for want of room. */
ssize_t sp_ws_take(struct sp_ws *t, const uint8_t *p, size_t n, struct sp_iov *out);
/* n bytes of the frame's body were read straight into out: unmasks and judges them. 0 or an error.
 */
int sp_ws_took(struct sp_ws *t, struct sp_iov *out, size_t n);
/* -ENOMEM, noted. */
int sp_ws_no_memory(struct sp_ws *t);

ssize_t sp_ws_readv(struct sp_stream *s, const struct iovec *iov, int n);
void sp_ws_rx_fini(struct sp_ws_rx *rx);

ssize_t sp_ws_writev(struct sp_stream *s, const struct iovec *iov, int n);
int sp_ws_finish(struct sp_stream *s);
/* Tries once to say why it ends: a refusal, or a Close frame. */
void sp_ws_tx_last(struct sp_ws *t);
void sp_ws_tx_fini(struct sp_ws_tx *tx);

#endif
