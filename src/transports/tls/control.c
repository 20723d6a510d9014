/* SPDX-License-Identifier: MIT */
/* Handshake messages are read as a stream across records: four bytes of head, then a KeyUpdate's
 * byte or a ticket's body, which is skipped. A KeyUpdate must end its record, since what follows is
 * under another key.
 *
 * Everything else is refused with a fatal alert: messages nobody asked for, other records inside a
 * split message, empty control records, more than 8 unused keys a second, a row of records without
 * data. */
#include "transports/tls/control.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "transports/tls/record.h"
#include <errno.h>

int sp_control_fail(struct sp_control *c, int alert, const char *words)
{
    c->reason = SP_REASON_PROTOCOL;
    c->words = words;
    atomic_store(&c->alert, alert + 1);
    return -EPROTO;
}

static int control_idle(struct sp_control *c)
{
    if (++c->idle <= SP_CONTROL_IDLE_MAX)
        return 0;
    return sp_control_fail(c, SP_ALERT_UNEXPECTED_MESSAGE, "a flood of records without data");
}

int sp_control_data(struct sp_control *c, size_t n)
{
    if (c->head_len || c->skip)
        return sp_control_fail(c, SP_ALERT_UNEXPECTED_MESSAGE, "data inside a handshake message");
    if (n == 0)
        return control_idle(c);
    c->idle = 0;
    c->updates = 0; /* a key was used, however short its owner wants its life */
    return 0;
}

static int control_alert(struct sp_control *c, const uint8_t *p, size_t n)
{
    if (n != 2)
        return sp_control_fail(c, SP_ALERT_DECODE_ERROR, "a malformed alert");
    if (p[1] == SP_ALERT_CLOSE_NOTIFY)
        return SP_CONTROL_CLOSED;
    if (p[1] == SP_ALERT_USER_CANCELED)
        return control_idle(c);
    c->reason = sp_alert_reason(p[1]);
    c->words = sp_alert_words(p[1]);
    return -ECONNRESET;
}

static int control_update(struct sp_control *c, uint8_t request, size_t left, uint64_t now)
{
    if (request > 1)
        return sp_control_fail(c, SP_ALERT_ILLEGAL_PARAMETER, "a malformed KeyUpdate");
    if (left)
        return sp_control_fail(c, SP_ALERT_UNEXPECTED_MESSAGE,
                               "a KeyUpdate that does not end its record");
    if (now - c->window > 1000 * SP_MS) {
        c->window = now;
        c->updates = 0;
    }
    if (++c->updates > SP_CONTROL_UPDATES_MAX)
        return sp_control_fail(c, SP_ALERT_UNEXPECTED_MESSAGE, "too many key updates");
    atomic_store(&c->asked, false);
    if (request)
        atomic_fetch_or(&c->due, SP_DUE_REPLY);
    c->head_len = 0;
    return SP_CONTROL_KEY_UPDATE;
}

/* The head of a message is complete. */
static int control_message(struct sp_control *c)
{
    uint32_t len = sp_be32(c->head) & 0xffffff;
    if (c->head[0] == SP_HS_KEY_UPDATE && len == 1)
        return 0;
    if (c->head[0] != SP_HS_NEW_SESSION_TICKET || !c->client)
        return sp_control_fail(c, SP_ALERT_UNEXPECTED_MESSAGE, "a handshake message out of place");
    if (len > SP_CONTROL_MESSAGE_MAX)
        return sp_control_fail(c, SP_ALERT_DECODE_ERROR, "a session ticket too long");
    c->head_len = 0;
    c->skip = len;
    return 0;
}

static int control_handshake(struct sp_control *c, const uint8_t *p, size_t n, uint64_t now)
{
    while (n) {
        if (c->skip) {
            uint32_t len = n < c->skip ? (uint32_t)n : c->skip;
            c->skip -= len, p += len, n -= len;
            continue;
        }
        c->head[c->head_len++] = *p++, n--;
        if (c->head_len == 5)
            return control_update(c, c->head[4], n, now);
        int rc = c->head_len == 4 ? control_message(c) : 0;
        if (rc < 0)
            return rc;
    }
    return control_idle(c);
}

int sp_control_record(struct sp_control *c, int type, const uint8_t *p, size_t n, uint64_t now)
{
    if (type == SP_TLS_HANDSHAKE && n)
        return control_handshake(c, p, n, now);
    if (c->head_len || c->skip)
        return sp_control_fail(c, SP_ALERT_UNEXPECTED_MESSAGE,
                               "a record inside a handshake message");
    if (type == SP_TLS_ALERT && n)
        return control_alert(c, p, n);
    return sp_control_fail(c, SP_ALERT_UNEXPECTED_MESSAGE, "a record of an unexpected type");
}

void sp_control_rekey(struct sp_control *c, bool ask)
{
    atomic_fetch_or(&c->due, ask ? SP_DUE_REKEY | SP_DUE_ASK : SP_DUE_REKEY);
}

int sp_control_take(struct sp_control *c)
{
    if (!atomic_load_explicit(&c->due, memory_order_relaxed))
        return -1;
    int due = atomic_exchange(&c->due, 0);
    return due & SP_DUE_ASK && !atomic_exchange(&c->asked, true);
}
