/* SPDX-License-Identifier: MIT */
/* The TLS stream: a handshake, then records, over any stream. Its parts share this: tls.c (life),
 * rx.c and tx.c (the two directions, each of one thread at a time). */
#ifndef SP_TLS_TLS_H
#define SP_TLS_TLS_H

#include "transports/stream/stream.h"
#include "transports/tls/control.h"
#include "transports/tls/handshake.h"
#include "transports/tls/record.h"

#define SP_TLS_SOFT_RECORDS                                                                        \
    (UINT64_C(1) << 23)                        /* of AES-GCM under one key: then it is replaced    \
                                                */
#define SP_TLS_HARD_RECORDS UINT64_C(23700000) /* and here the connection ends */

/* What only the handshake needs; freed after it. */
struct sp_tls_start {
    struct sp_handshake_args args;
    struct sp_handshake *hs;    /* NULL before the first step */
    char host[SP_TLS_NAME_MAX]; /* of the address dialled */
};

struct sp_tls_secret {
    struct sp_record_secret tx, rx;
};

/* Receiving: the reader's. */
struct sp_tls_rx {
    struct sp_record rec;
    uint8_t *part;     /* ciphertext not yet opened, owned: mostly the start of one record */
    size_t part_len;   /* its bytes */
    size_t part_cap;   /* room */
    uint8_t *plain;    /* opened data that the caller had no room for, owned */
    size_t plain_len;  /* its bytes */
    size_t plain_off;  /* of them handed over */
    int err;           /* negative errno that every later call gives */
    bool closed;       /* close_notify, or the end of the stream below */
    atomic_bool ready; /* for want: readv has something without the kernel */
};

/* Sending: the writer's. */
struct sp_tls_tx {
    struct sp_record rec;
    uint64_t max_records; /* of one key */
    uint64_t max_bytes;   /* the same */
    uint64_t max_ns;      /* the same; 0: no limit */
    uint8_t
        *stage; /* scratch buffer with sealed bytes that the layer below did not take, or NULL */
    size_t stage_len;    /* its bytes */
    size_t stage_off;    /* of them taken */
    int err;             /* negative errno that every later call gives */
    int gone;            /* writes that found the connection closed */
    atomic_bool closing; /* close_notify is sealed: nothing may follow; for want too */
    atomic_bool staged;  /* for want: stage is there */
};

struct sp_tls {
    struct sp_stream base;
    struct sp_tls_cfg *cfg;       /* reference */
    struct sp_tls_start *start;   /* NULL once the handshake is over */
    struct sp_tls_secret *secret; /* NULL before */
    struct sp_tls_live live;      /* linked when the peer has an identity */
    struct sp_control ctl;
    struct sp_tls_rx rx;
    struct sp_tls_tx tx;
};

/* Gives a stream over `next`, or NULL with *err; takes next and the reference args->turn in any
 * case, borrows the rest. */
struct sp_stream *sp_tls_new(const struct sp_handshake_args *args, int *err) SP_MUST_CHECK;

ssize_t sp_tls_readv(struct sp_stream *s, const struct iovec *iov, int n);
void sp_tls_rx_fini(struct sp_tls_rx *rx);

ssize_t sp_tls_writev(struct sp_stream *s, const struct iovec *iov, int n);
int sp_tls_finish(struct sp_stream *s);
/* Tries once to send the alert that is due, if nothing is half sent. */
void sp_tls_tx_alert(struct sp_tls *t);
void sp_tls_tx_fini(struct sp_tls_tx *tx);

#endif
