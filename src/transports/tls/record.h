/* SPDX-License-Identifier: MIT */
/* One direction of protected TLS 1.3 records, sealed or opened in user space: keys, sequence number
 * and framing, no I/O and no idea of what the records mean (control.h has that). */
#ifndef SP_TLS_RECORD_H
#define SP_TLS_RECORD_H

#include "transports/tls/aead.h"
#include "transports/stream/iov.h"
#include "transports/tls/kdf.h"

#define SP_RECORD_HEAD     5
#define SP_RECORD_OVERHEAD (SP_RECORD_HEAD + 1 + SP_AEAD_TAG) /* record without data */
#define SP_RECORD_DATA_MAX 16384
#define SP_RECORD_BODY_MAX (SP_RECORD_DATA_MAX + 256) /* longest body that a peer may send */
#define SP_RECORD_PIECES   64                         /* most pieces of one record */

/* Content types, alerts and handshake messages of RFC 9846. */
enum { SP_TLS_CCS = 20, SP_TLS_ALERT = 21, SP_TLS_HANDSHAKE = 22, SP_TLS_DATA = 23 };
enum {
    SP_ALERT_CLOSE_NOTIFY = 0,
    SP_ALERT_UNEXPECTED_MESSAGE = 10,
    SP_ALERT_BAD_RECORD_MAC = 20,
    SP_ALERT_RECORD_OVERFLOW = 22,
    SP_ALERT_HANDSHAKE_FAILURE = 40,
    SP_ALERT_BAD_CERTIFICATE = 42,
    SP_ALERT_CERTIFICATE_EXPIRED = 45,
    SP_ALERT_ILLEGAL_PARAMETER = 47,
    SP_ALERT_UNKNOWN_CA = 48,
    SP_ALERT_ACCESS_DENIED = 49,
    SP_ALERT_DECODE_ERROR = 50,
    SP_ALERT_DECRYPT_ERROR = 51,
    SP_ALERT_INTERNAL_ERROR = 80,
    SP_ALERT_USER_CANCELED = 90,
    SP_ALERT_MISSING_EXTENSION = 109,
    SP_ALERT_UNKNOWN_PSK = 115,
    SP_ALERT_CERTIFICATE_REQUIRED = 116
};
enum { SP_HS_NEW_SESSION_TICKET = 4, SP_HS_KEY_UPDATE = 24 };

/* The part of a direction that is secret: lives in base/secret memory. */
struct sp_record_secret {
    uint8_t traffic[SP_TLS_SECRET_MAX]; /* application traffic secret now in use */
    uint8_t iv[SP_AEAD_NONCE];          /* static part of the nonce */
};

struct sp_record {
    struct sp_record_secret *secret; /* borrowed */
    struct sp_aead *aead;            /* owned; NULL before install */
    uint64_t seq;                    /* records under this key */
    uint64_t bytes;                  /* their data */
    uint64_t since;                  /* sp_now() when the key came, if the caller meters time */
    uint16_t suite;                  /* IANA number */
    bool seal;                       /* for sending */
};

/* Keys the direction from secret->traffic, sequence number 0. 0, -ENOMEM, -EIO. */
int sp_record_install(struct sp_record *r, int suite, bool seal,
                      struct sp_record_secret *secret) SP_MUST_CHECK;
/* Goes to the next generation of keys. A failure leaves the direction unusable. */
int sp_record_next(struct sp_record *r) SP_MUST_CHECK;
void sp_record_fini(struct sp_record *r);

/* Seals the pieces (at most SP_RECORD_PIECES, together at most SP_RECORD_DATA_MAX bytes) as one
 * record of `type` at out, which has room for them + SP_RECORD_OVERHEAD. Gives the record's length
 * or a negative errno. */
ssize_t sp_record_seal(struct sp_record *r, int type, const struct iovec *in, int n,
                       uint8_t *out) SP_MUST_CHECK;

/* Looks at the head of a record at p[0..n). Gives the whole record's length, 0 when n is not enough
 * to know it, -EPROTO for what no peer of ours sends now. */
ssize_t sp_record_size(const uint8_t *p, size_t n) SP_MUST_CHECK;

/* Opens one whole record rec[0..len) at the place `out` when all of it has room there: then *placed
 * is true; else in place, at rec + SP_RECORD_HEAD. `out` does not move. Gives the data's length and
 * its *type; -EBADMSG: not authentic; -EPROTO: no type inside; -EMSGSIZE: too long inside. */
ssize_t sp_record_open(struct sp_record *r, uint8_t *rec, size_t len, const struct sp_iov *out,
                       int *type, bool *placed) SP_MUST_CHECK;

#endif
