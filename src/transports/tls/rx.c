/* SPDX-License-Identifier: MIT */
/* Receiving: ciphertext is read into a scratch buffer, no more than fits the caller's buffers once
 * opened, and each whole record is opened straight into them. The start of a record stays in a
 * buffer of its size until the rest comes; what a large record has beyond the caller's room stays
 * opened.
 *
 * The first error stays: -EPROTO with an alert due for what breaks the protocol, -ECONNRESET for a
 * fatal alert or an end inside a record, -ECONNABORTED when the peer's key was removed. The end of
 * the stream below without close_notify is 0 like a close, and noted: the framer knows whether a
 * message is cut. */
#include "base/clock.h"
#include "transports/tls/scratch.h"
#include "transports/tls/tls.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int rx_fail(struct sp_tls *t, int rc)
{
    sp_peer_reason(t->base.peer, t->ctl.reason, "%s", t->ctl.words ? t->ctl.words : "");
    return rc;
}

static int rx_broken(struct sp_tls *t, int rc)
{
    if (rc == -EBADMSG)
        rc = sp_control_fail(&t->ctl, SP_ALERT_BAD_RECORD_MAC, "a record that is not authentic");
    else if (rc == -EMSGSIZE)
        rc = sp_control_fail(&t->ctl, SP_ALERT_RECORD_OVERFLOW, "a record too long");
    else if (rc == -EPROTO)
        rc = sp_control_fail(&t->ctl, SP_ALERT_UNEXPECTED_MESSAGE, "not a TLS 1.3 record");
    else
        return rc;
    return rx_fail(t, rc);
}

/* Data that found no room when it was opened. */
static int rx_spill(struct sp_tls *t, struct sp_iov *out, const uint8_t *data, size_t len)
{
    size_t now = len < out->left ? len : out->left;
    sp_iov_put(out, data, now);
    if (now == len)
        return 0;
    t->rx.plain = sp_memdup(data + now, len - now);
    t->rx.plain_len = len - now;
    t->rx.plain_off = 0;
    return t->rx.plain ? 0 : -ENOMEM;
}

static int rx_control(struct sp_tls *t, int type, const uint8_t *data, size_t len)
{
    int rc = sp_control_record(&t->ctl, type, data, len, sp_now());
    if (rc < 0)
        return rx_fail(t, rc);
    if (rc == SP_CONTROL_CLOSED)
        t->rx.closed = true;
    if (rc != SP_CONTROL_KEY_UPDATE)
        return 0;
    atomic_fetch_add_explicit(&t->base.peer->rekeys_received, 1, memory_order_relaxed);
    return sp_record_next(&t->rx.rec);
}

/* A peer that uses one key for too long is asked for another, then left. */
static int rx_meter(struct sp_tls *t)
{
    if (t->rx.rec.suite == SP_TLS_CHACHA20_POLY1305)
        return 0;
    if (t->rx.rec.seq == SP_TLS_SOFT_RECORDS)
        sp_control_rekey(&t->ctl, true);
    if (t->rx.rec.seq < SP_TLS_HARD_RECORDS)
        return 0;
    return rx_fail(
        t, sp_control_fail(&t->ctl, SP_ALERT_UNEXPECTED_MESSAGE, "too many records under one key"));
}

/* One whole record. */
static int rx_record(struct sp_tls *t, uint8_t *rec, size_t len, struct sp_iov *out)
{
    int type;
    bool placed;
    ssize_t n = sp_record_open(&t->rx.rec, rec, len, out, &type, &placed);
    if (n < 0)
        return rx_broken(t, (int)n);
    atomic_fetch_add_explicit(&t->base.peer->records_received, 1, memory_order_relaxed);
    uint8_t *data = rec + SP_RECORD_HEAD;
    int rc = rx_meter(t);
    if (rc < 0)
        return rc;
    if (type != SP_TLS_DATA) {
        if (placed)
            sp_iov_peek(out, data, (size_t)n);
        return rx_control(t, type, data, (size_t)n);
    }
    if (sp_control_data(&t->ctl, (size_t)n) < 0)
        return rx_fail(t, -EPROTO);
    if (!placed)
        return rx_spill(t, out, data, (size_t)n);
    sp_iov_skip(out, (size_t)n);
    return 0;
}

/* Opens whole records of buf[0..have) until one does not fit. Gives the bytes used, or an error. */
static ssize_t rx_records(struct sp_tls *t, uint8_t *buf, size_t have, struct sp_iov *out)
{
    size_t off = 0;
    while (!t->rx.closed && !t->rx.plain) {
        ssize_t len = sp_record_size(buf + off, have - off);
        if (len < 0)
            return rx_broken(t, (int)len);
        if (len == 0 || (size_t)len > have - off)
            break;
        int rc = rx_record(t, buf + off, (size_t)len, out);
        if (rc < 0)
            return rc;
        off += (size_t)len;
    }
    return (ssize_t)off;
}

/* Keeps buf[0..len) for the next call, with room for the whole of a record that has begun. */
static int rx_keep(struct sp_tls_rx *rx, const uint8_t *buf, size_t len)
{
    ssize_t whole = sp_record_size(buf, len);
    size_t cap = whole > 0 && (size_t)whole > len ? (size_t)whole : len;
    if (cap > rx->part_cap || !len) {
        sp_free(rx->part);
        rx->part = len ? sp_alloc(cap) : NULL;
        rx->part_cap = rx->part ? cap : 0;
        rx->part_len = 0;
        if (len && !rx->part)
            return -ENOMEM;
    }
    if (len)
        memcpy(rx->part, buf, len);
    rx->part_len = len;
    return 0;
}

/* Whether the part begins with a whole record; *need: the bytes that make its first one whole. */
static bool rx_whole(const struct sp_tls_rx *rx, size_t *need)
{
    ssize_t len = sp_record_size(rx->part, rx->part_len);
    *need = len > 0 ? (size_t)len : SP_RECORD_HEAD;
    return rx->part_len && (len < 0 || (len > 0 && (size_t)len <= rx->part_len));
}

/* How much ciphertext to hold at most, so that all of it finds room when opened. */
static size_t rx_limit(size_t room, size_t need)
{
    size_t limit = room < SP_SCRATCH_DATA ? room : SP_SCRATCH_DATA;
    limit += SP_RECORD_OVERHEAD * (1 + limit / SP_RECORD_DATA_MAX);
    return limit > need ? limit : need;
}

static int rx_ended(struct sp_tls *t)
{
    struct sp_peer *p = t->base.peer;
    t->rx.closed = true;
    if (t->rx.part_len) {
        sp_peer_reason(p, SP_REASON_TRUNCATED, "ended inside a TLS record");
        return -ECONNRESET;
    }
    if (p->reason == SP_REASON_NONE && !p->detail[0])
        snprintf(p->detail, sizeof p->detail, "ended without close_notify");
    return 0;
}

/* Opens what is whole of buf[0..have) and keeps the rest. */
static int rx_take(struct sp_tls *t, uint8_t *buf, size_t have, struct sp_iov *out)
{
    ssize_t used = rx_records(t, buf, have, out);
    return used < 0 ? (int)used : rx_keep(&t->rx, buf + used, have - (size_t)used);
}

/* Reads once and opens what is whole. The rest of a record that has begun goes straight behind its
 * start, what follows into buf. *full: the kernel may have more. */
static int rx_fill(struct sp_tls *t, uint8_t *buf, struct sp_iov *out, bool *full)
{
    struct sp_tls_rx *rx = &t->rx;
    size_t need, old = rx->part_len;
    bool whole = rx_whole(rx, &need), begun = old >= SP_RECORD_HEAD;
    if (old && (whole || !begun))
        memcpy(buf, rx->part, old);
    *full = whole;
    if (whole)
        return rx_take(t, buf, old, out);
    size_t limit = rx_limit(out->left, need), rest = need - old;
    struct iovec v[2] = {{buf + old, limit - old}, {buf, 0}};
    if (begun) {
        v[0] = (struct iovec){rx->part + old, rest};
        v[1].iov_len = limit - need;
    }
    ssize_t n = t->base.next->ops->readv(t->base.next, v, v[1].iov_len ? 2 : 1);
    if (n <= 0)
        return n ? (int)n : rx_ended(t);
    *full = (size_t)n == v[0].iov_len + v[1].iov_len;
    if (!begun)
        return rx_take(t, buf, old + (size_t)n, out);
    rx->part_len = (size_t)n < rest ? old + (size_t)n : 0;
    if (rx->part_len)
        return 0;
    int rc = rx_record(t, rx->part, need, out);
    return rc < 0 ? rc : rx_take(t, buf, (size_t)n - rest, out);
}

static void rx_take_plain(struct sp_tls_rx *rx, struct sp_iov *out)
{
    size_t len = rx->plain_len - rx->plain_off;
    if (len > out->left)
        len = out->left;
    sp_iov_put(out, rx->plain + rx->plain_off, len);
    rx->plain_off += len;
    if (rx->plain_off < rx->plain_len)
        return;
    sp_free(rx->plain);
    rx->plain = NULL;
}

/* Until the caller's buffers are full or the kernel is empty. */
static int rx_read(struct sp_tls *t, struct sp_iov *out, size_t room)
{
    uint8_t *buf = sp_scratch_get();
    int rc = buf ? 0 : -ENOMEM;
    bool full = true;
    while (rc == 0 && full && out->left && !t->rx.closed) {
        rc = rx_fill(t, buf, out, &full);
        full = full || out->left == room;
    }
    sp_scratch_put(buf);
    return rc;
}

static void rx_publish(struct sp_tls_rx *rx)
{
    size_t need;
    bool ready = rx->plain || rx->err || (rx->part_len && rx_whole(rx, &need));
    atomic_store_explicit(&rx->ready, ready, memory_order_release);
}

ssize_t sp_tls_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct sp_tls *t = (struct sp_tls *)s;
    struct sp_tls_rx *rx = &t->rx;
    struct sp_iov out = sp_iov(iov, n);
    size_t room = out.left;
    if (t->start)
        return -EINVAL;
    if (rx->plain)
        rx_take_plain(rx, &out);
    int rc = rx->err;
    if (rc == 0 && out.left && !rx->closed)
        rc = rx_read(t, &out, room);
    if (atomic_load_explicit(&t->live.dropped, memory_order_relaxed)) {
        sp_peer_reason(s->peer, SP_REASON_REFUSED, "its key was removed");
        return rx->err = -ECONNABORTED;
    }
    if (rc < 0 && rc != -EAGAIN)
        rx->err = rc;
    rx_publish(rx);
    if (out.left < room)
        return (ssize_t)(room - out.left);
    return rc < 0 ? rc : 0;
}

void sp_tls_rx_fini(struct sp_tls_rx *rx)
{
    sp_record_fini(&rx->rec);
    sp_free(rx->part);
    sp_free(rx->plain);
    rx->part = rx->plain = NULL;
}
