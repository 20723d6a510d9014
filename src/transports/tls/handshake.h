/* SPDX-License-Identifier: MIT */
/* One TLS 1.3 handshake, done by mbedTLS over a stream. Memory, some 45 KB, is taken at the first
 * step and gone with sp_handshake_free: a peer that says nothing costs nothing. */
#ifndef SP_TLS_HANDSHAKE_H
#define SP_TLS_HANDSHAKE_H

#include "transports/stream/stream.h"
#include "transports/tls/config.h"
#include "transports/tls/record.h"
#include <mbedtls/ssl.h>

#define SP_HANDSHAKE_OFFERS 8 /* identities of one ClientHello that are looked up */

/* What a handshake is about; all borrowed. */
struct sp_handshake_args {
    struct sp_tls_cfg *cfg;
    struct sp_stream *next;   /* the layer below */
    struct sp_peer *peer;     /* what is learned goes here, reasons too */
    struct sp_tls_turn *turn; /* dialling: which identity is next; may be NULL */
    const char *host;         /* dialling: host of the address, for the certificate's name */
    bool dialled;             /* we are the client */
    bool psk_only;            /* certificates never */
    int wrong_keys, delay_ms; /* see sp_guard_failed */
};

/* What became of the identities that a client offered. */
enum sp_offer {
    SP_OFFER_NONE,
    SP_OFFER_KNOWN,
    SP_OFFER_UNKNOWN,
    SP_OFFER_REFLECTED,
    SP_OFFER_BLOCKED
};

/* The secret part, in base/secret memory. */
struct sp_handshake_secret {
    uint8_t client[SP_TLS_SECRET_MAX]; /* application traffic secrets */
    uint8_t server[SP_TLS_SECRET_MAX];
    struct sp_tls_found found; /* the identity in question and its key */
};

struct sp_handshake {
    struct sp_handshake_args args;
    struct sp_tls_rules rules;          /* references */
    int auth;                           /* NN_TLS_AUTH_* */
    int suites[SP_TLS_SUITES_MAX + 1];  /* offered or accepted, 0 ends */
    struct sp_handshake_secret *secret; /* owned */
    mbedtls_ssl_config conf;
    mbedtls_ssl_context ssl;
    int want;            /* POLLIN or POLLOUT */
    int io_err;          /* negative errno that mbedTLS cannot express, 0: none */
    enum sp_offer offer; /* the last identity looked at */
    int n_offers;        /* identities looked at */
    int n_secrets;       /* bit 0: client's exported, bit 1: server's */
    int alert_out;       /* fatal alert sent in the clear, before it was masked; -1: none */
    int alert_in;        /* fatal alert received in the clear, -1: none */
    bool alert_next;     /* the head of an alert in the clear came last */
    int failed;          /* what mbedTLS returned at last */
    bool part_out;       /* the layer below took a record in part */
    bool late_alert;     /* an alert of ours waits for the record layer */
    size_t n_in;         /* bytes received */
    uint8_t first[5];    /* the first of them */
};

/* Gives a handshake, ready for its first step, or NULL with *err (-ENOMEM, -EACCES). */
struct sp_handshake *sp_handshake_new(const struct sp_handshake_args *args, int *err) SP_MUST_CHECK;
/* 0: done, the secrets and the suite are there, and the peer is who it says; -EAGAIN: see want;
 * other negative errno: peer->reason says why, and the alert has been sent if it could. Slow. */
int sp_handshake_step(struct sp_handshake *h) SP_MUST_CHECK;
/* After a failure: the alert, or -1, that is to be sent as the first record under the server's
 * application key of *suite. */
int sp_handshake_late_alert(const struct sp_handshake *h, int *suite);
/* After success: fills the peer's identity, certificate, version and suite. 0 or -ENOMEM. */
int sp_handshake_learn(struct sp_handshake *h) SP_MUST_CHECK;
/* Wipes and frees; h may be NULL. */
void sp_handshake_free(struct sp_handshake *h);

/* In hsio.c: mbedTLS's callbacks to the layer below, arg is the handshake. */
int sp_handshake_recv(void *arg, unsigned char *buf, size_t len);
int sp_handshake_send(void *arg, const unsigned char *buf, size_t len);
/* In offer.c: mbedTLS's callback for an identity of a ClientHello. */
int sp_handshake_offer(void *arg, mbedtls_ssl_context *ssl, const unsigned char *id, size_t id_len);
/* In verdict.c: says why `rc` of mbedTLS ended the handshake. Gives a negative errno. */
int sp_handshake_verdict(struct sp_handshake *h, int rc);

#endif
