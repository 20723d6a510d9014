/* SPDX-License-Identifier: MIT */
/* What this library has beyond nanomsg, except TLS (tls.h). */
#ifndef NANOSEAL_H_INCLUDED
#define NANOSEAL_H_INCLUDED

#include "nn.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NANOSEAL_VERSION_MAJOR 0
#define NANOSEAL_VERSION_MINOR 1
#define NANOSEAL_VERSION_PATCH 0
#define NANOSEAL_VERSION                                                                           \
    (NANOSEAL_VERSION_MAJOR * 10000 + NANOSEAL_VERSION_MINOR * 100 + NANOSEAL_VERSION_PATCH)

/* ---- Options at NN_SOL_SOCKET --------------------------------------------------------------------- */

#define NN_HANDSHAKE_TIMEO 64 /* int, ms from accept or connect to the end of the SP header */
#define NN_MAX_PEERS 65       /* int, peers that the socket has at a time */
#define NN_MAX_HANDSHAKES 66  /* int, half-open connections of a listener */
#define NN_ALLOW_PORT0 67     /* int 0 or 1: a port of 0 means any free one */
#define NN_LAST_ENDPOINT 68   /* string, get only: the address really bound last */
#define NN_LAST_REASON 69     /* string, get only: why the last connection failed or ended */
#define NN_BUSY_POLL 70       /* int, microseconds that a receiver spins before it sleeps */
#define NN_GATHER 71          /* int, bytes that one write gathers at most */

/* Control message of nn_recvmsg at level NN_SOL_SOCKET: uint32_t, the pipe that the message came by. */
#define NN_PIPE_ID 64

/* ---- Statistics ------------------------------------------------------------------------------------- */

/* Connections that failed or ended, by reason. */
#define NN_STAT_PROTOCOL 501         /* not SP, the wrong socket type, malformed */
#define NN_STAT_WRONG_KEY 502        /* TLS: the key does not belong to the identity */
#define NN_STAT_UNKNOWN_IDENTITY 503 /* TLS: no such identity */
#define NN_STAT_NO_SUITE 504         /* TLS: no version, suite or key exchange in common */
#define NN_STAT_TIMEOUT 505          /* NN_HANDSHAKE_TIMEO */
#define NN_STAT_OVERSIZE 506         /* a message larger than NN_RCVMAXSIZE */
#define NN_STAT_LIMIT 507            /* peers, half-open connections, memory, descriptors */
#define NN_STAT_REFUSED 508          /* nobody listens, or nn_tls_authorize said no */
#define NN_STAT_CERTIFICATE 509      /* TLS: unknown issuer, wrong name, expired */
#define NN_STAT_TRUNCATED 510        /* ended inside a message */
/* Messages that this socket could not deliver. */
#define NN_STAT_MESSAGES_DROPPED_SEND 521
#define NN_STAT_MESSAGES_DROPPED_RECV 522
/* TLS. */
#define NN_STAT_HANDSHAKES 601
#define NN_STAT_REKEYS_SENT 602
#define NN_STAT_REKEYS_RECEIVED 603
#define NN_STAT_RECORDS_SENT 604
#define NN_STAT_RECORDS_RECEIVED 605
#define NN_STAT_KERNEL_TX 606 /* connections that the kernel seals, now */
#define NN_STAT_KERNEL_RX 607 /* connections that the kernel opens, now */
#define NN_STAT_KERNEL_FALLBACKS 608

/* ---- Pipes --------------------------------------------------------------------------------------------- */

/* Who seals and opens what goes over the wire. */
#define NN_MODE_PLAIN 0  /* nobody: there is no TLS */
#define NN_MODE_USER 1   /* this library */
#define NN_MODE_KERNEL 2 /* the kernel */

/* One live peer. */
struct nn_pipe_info {
    size_t size;                 /* bytes of this structure as the caller was compiled with it */
    uint32_t id;                 /* of the pipe, as in NN_PIPE_ID */
    int endpoint;                /* id of the nn_bind or nn_connect that it belongs to */
    char address[128];           /* of the peer */
    unsigned char identity[128]; /* authenticated PSK identity of the peer, any bytes */
    size_t identity_len;         /* its bytes, 0: none */
    int version;                 /* NN_TLS_1_3 and so on, 0 without TLS */
    int suite;                   /* IANA number of the cipher suite, 0 without TLS */
    int tx_mode, rx_mode;        /* NN_MODE_* of each direction */
    char why_not_kernel[64];     /* why the kernel does not seal, in words; may be empty */
    uint64_t messages_sent, messages_received;
    uint64_t bytes_sent, bytes_received;     /* of message bodies */
    uint64_t records_sent, records_received; /* of TLS */
    uint64_t rekeys_sent, rekeys_received;   /* KeyUpdates of TLS 1.3 */
    uint64_t drops;                          /* messages that were not sent since the peer is slow */
};

/* Lists the live peers of a socket: fills at most n entries of v, and returns how many there are,
 * which may be more than n. When n > 0 the caller sets v[0].size to sizeof v[0] before. v may be
 * NULL when n is 0. Errors: EBADF, EINVAL (n or size), EFAULT. */
NN_EXPORT int nn_pipes(int s, struct nn_pipe_info *v, int n);

/* ---- The library as a whole ----------------------------------------------------------------------------- */

/* Undoes nn_term, so that sockets can be opened again. Returns 0; without nn_term before it does
 * nothing. */
NN_EXPORT int nn_init(void);

/* Has each line of diagnostics (a connection failed, and why) given to fn, which borrows it and must
 * not wait; the line has no newline. NULL: to stderr again, if NN_PRINT_ERRORS is set in the
 * environment. fn is called from any thread, without a lock held; arg is kept and must stay valid. */
NN_EXPORT void nn_log(void (*fn)(void *arg, const char *line), void *arg);

#ifdef __cplusplus
}
#endif

#endif
