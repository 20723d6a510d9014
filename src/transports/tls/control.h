/* SPDX-License-Identifier: MIT */
/* What records mean once the handshake is over: key updates, alerts, tickets, floods. No I/O and no
 * keys, so that it serves records sealed by us and by the kernel alike, and can be fuzzed.
 *
 * The reader calls sp_control_record and _data, the writer sp_control_take; `due`, `asked` and
 * `alert` are how they speak to each other. */
#ifndef SP_TLS_CONTROL_H
#define SP_TLS_CONTROL_H

#include "base/alloc.h"
#include "core/reason.h"
#include <stdatomic.h>
#include <stdint.h>

#define SP_CONTROL_IDLE_MAX    32 /* records in a row that bring no data, key updates not counted */
#define SP_CONTROL_UPDATES_MAX 8  /* key updates a second without data between them */
#define SP_CONTROL_MESSAGE_MAX (1 << 17) /* bytes of one handshake message (tickets) */

enum { SP_DUE_REPLY = 1, SP_DUE_REKEY = 2, SP_DUE_ASK = 4 };
enum { SP_CONTROL_NONE, SP_CONTROL_KEY_UPDATE, SP_CONTROL_CLOSED };

struct sp_control {
    /* The reader's. */
    uint8_t head[5];       /* of the handshake message being received, and KeyUpdate's only byte */
    uint8_t head_len;      /* bytes of it */
    uint32_t skip;         /* bytes of a ticket still to come */
    uint32_t idle;         /* records in a row without data */
    uint32_t updates;      /* key updates since `window`, or since data */
    uint64_t window;       /* sp_now() */
    bool client;           /* we dialled: tickets are legal */
    enum sp_reason reason; /* after an error: why */
    const char *words;     /* and in words */
    /* Shared. */
    atomic_int due;    /* SP_DUE_*: what the writer should send */
    atomic_bool asked; /* we asked the peer to update its key, and it has not yet */
    atomic_int alert;  /* fatal alert that ends the connection, + 1; 0: none */
};

/* Handles the content of one record that is not data. SP_CONTROL_KEY_UPDATE: the reader goes to the
 * next key now; SP_CONTROL_CLOSED: close_notify; -EPROTO, -ECONNRESET (a fatal alert came): see
 * reason and words. */
int sp_control_record(struct sp_control *c, int type, const uint8_t *p, size_t n,
                      uint64_t now) SP_MUST_CHECK;
/* Handles n bytes of data having come. 0 or -EPROTO. */
int sp_control_data(struct sp_control *c, size_t n) SP_MUST_CHECK;
/* Ends with a fatal alert: gives -EPROTO. */
int sp_control_fail(struct sp_control *c, int alert, const char *words);
/* Asks the writer for a key update, of ours only or of both sides. Any thread. */
void sp_control_rekey(struct sp_control *c, bool ask);
/* For the writer: takes what is due. -1: nothing; else the value of a KeyUpdate to send now (1:
 * asks the peer for its own). */
int sp_control_take(struct sp_control *c);

/* Alerts of a peer, for a person. */
const char *sp_alert_words(int alert);
enum sp_reason sp_alert_reason(int alert);

#endif
