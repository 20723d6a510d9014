/* SPDX-License-Identifier: MIT */
/* What is known of the other side of a pipe: data, filled by the stream layers while they start. */
#ifndef SP_CORE_PEER_H
#define SP_CORE_PEER_H

#include "reason.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct sp_peer {
    char address[128];    /* "tcp://127.0.0.1:5555" style, for people */
    uint8_t *id;          /* authenticated identity (sp_alloc'd, owned here), or NULL */
    size_t id_len;        /* its bytes */
    uint8_t *cert;        /* DER of the peer's certificate (owned here), or NULL */
    size_t cert_len;      /* its bytes */
    int tls_version;      /* 0x0304, 0 without TLS */
    int tls_suite;        /* IANA number, 0 without TLS */
    int tx_mode, rx_mode; /* NN_MODE_*: who seals */
    atomic_uint_least64_t records_sent, records_received; /* TLS records */
    atomic_uint_least64_t rekeys_sent, rekeys_received;   /* KeyUpdates */
    int local;             /* pid, uid and gid are known */
    int pid, uid, gid;     /* of the process behind a local socket; pid -1: the system does not say */
    enum sp_reason reason; /* why start, readv or writev failed, set by the layer that failed */
    char detail[160];      /* the same in words, without secrets; empty when errno says it all */
};

#endif
