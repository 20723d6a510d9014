/* SPDX-License-Identifier: MIT */
/* Sending: up to 64 KiB of the caller's bytes are sealed into a scratch buffer as full records,
 * with the key updates that are due between them, and leave by one write. What the layer below does
 * not take stays in the buffer, which is then ours until it is empty: sealed bytes count as
 * accepted.
 *
 * A failure of the arithmetic or of the layer below is final. Running out of memory comes before
 * anything was sealed. No reason is noted here: the reader owns the peer's words. */
#include "base/clock.h"
#include "transports/tls/scratch.h"
#include "transports/tls/tls.h"
#include <errno.h>
#include <string.h>

#define TX_CONTROL_MAX 64 /* room for a KeyUpdate or an alert with its overhead */
#define TX_GONE_MAX    8  /* writes to a closed connection that look like a full one */

static ssize_t tx_seal(struct sp_tls *t, int type, const struct iovec *v, int n, uint8_t *out)
{
    ssize_t len = sp_record_seal(&t->tx.rec, type, v, n, out);
    if (len > 0)
        atomic_fetch_add_explicit(&t->base.peer->records_sent, 1, memory_order_relaxed);
    return len;
}

static ssize_t tx_update(struct sp_tls *t, int request, uint8_t *out)
{
    uint8_t msg[5] = {SP_HS_KEY_UPDATE, 0, 0, 1, (uint8_t)request};
    struct iovec v = {msg, sizeof msg};
    ssize_t len = tx_seal(t, SP_TLS_HANDSHAKE, &v, 1, out);
    int rc = len < 0 ? (int)len : sp_record_next(&t->tx.rec);
    if (rc < 0)
        return rc;
    atomic_fetch_add_explicit(&t->base.peer->rekeys_sent, 1, memory_order_relaxed);
    t->tx.rec.since = t->tx.max_ns ? sp_now() : 0;
    return len;
}

static ssize_t tx_alert(struct sp_tls *t, int alert, uint8_t *out)
{
    uint8_t msg[2] = {alert == SP_ALERT_CLOSE_NOTIFY ? 1 : 2, (uint8_t)alert};
    struct iovec v = {msg, sizeof msg};
    return tx_seal(t, SP_TLS_ALERT, &v, 1, out);
}

static bool tx_worn(const struct sp_tls_tx *tx)
{
    return tx->rec.seq >= tx->max_records || tx->rec.bytes >= tx->max_bytes;
}

/* The next record of data, at most `room` bytes of it. */
static ssize_t tx_data(struct sp_tls *t, struct sp_iov *in, size_t room, uint8_t *out)
{
    struct iovec piece[SP_RECORD_PIECES];
    size_t len;
    int n = sp_iov_cut(in, room, piece, SP_RECORD_PIECES, &len);
    ssize_t sealed = tx_seal(t, SP_TLS_DATA, piece, n, out);
    if (sealed > 0)
        sp_iov_skip(in, len);
    return sealed;
}

/* Seals what is due and a batch of data into buf. Gives the bytes there, or an error. */
static ssize_t tx_batch(struct sp_tls *t, struct sp_iov *in, uint8_t *buf)
{
    struct sp_tls_tx *tx = &t->tx;
    size_t len = 0;
    bool late = tx->max_ns && sp_now() - tx->rec.since >= tx->max_ns;
    do {
        int update = sp_control_take(&t->ctl);
        if (update < 0 && in->left && (late || tx_worn(tx)))
            update = 0;
        late = false;
        ssize_t n = update >= 0 ? tx_update(t, update, buf + len) : 0;
        if (n < 0)
            return n;
        len += (size_t)n;
        size_t room = SP_SCRATCH_LEN - len - SP_RECORD_OVERHEAD;
        n = in->left
                ? tx_data(t, in, room < SP_RECORD_DATA_MAX ? room : SP_RECORD_DATA_MAX, buf + len)
                : 0;
        if (n < 0)
            return n;
        len += (size_t)n;
    } while (in->left && len < SP_SCRATCH_DATA);
    return (ssize_t)len;
}

static void tx_unstage(struct sp_tls_tx *tx)
{
    sp_scratch_put(tx->stage);
    tx->stage = NULL;
    atomic_store_explicit(&tx->staged, false, memory_order_release);
}

/* Writes what is staged. 0 when nothing is left of it. */
static int tx_push(struct sp_tls *t)
{
    struct sp_tls_tx *tx = &t->tx;
    while (tx->stage) {
        struct iovec v = {tx->stage + tx->stage_off, tx->stage_len - tx->stage_off};
        ssize_t n = t->base.next->ops->writev(t->base.next, &v, 1);
        /* A peer that has closed may have said why: the reader gets some chances to find that
         * first. */
        if ((n == -EPIPE || n == -ECONNRESET) && tx->gone++ < TX_GONE_MAX)
            return -EAGAIN;
        if (n < 0 && n != -EAGAIN)
            return tx->err = (int)n;
        if (n < 0) {
            atomic_store_explicit(&tx->staged, true, memory_order_release);
            return -EAGAIN;
        }
        tx->stage_off += (size_t)n;
        if (tx->stage_off == tx->stage_len)
            tx_unstage(tx);
    }
    return 0;
}

/* Takes buf with len sealed bytes, and pushes. */
static int tx_stage(struct sp_tls *t, uint8_t *buf, size_t len)
{
    t->tx.stage = buf;
    t->tx.stage_len = len;
    t->tx.stage_off = 0;
    return tx_push(t);
}

/* Seals and sends one batch. */
static int tx_send(struct sp_tls *t, struct sp_iov *in)
{
    uint8_t *buf = sp_scratch_get();
    if (!buf)
        return -ENOMEM;
    ssize_t len = tx_batch(t, in, buf);
    if (len > 0)
        return tx_stage(t, buf, (size_t)len);
    sp_scratch_put(buf);
    if (len < 0)
        t->tx.err = (int)len;
    return (int)len;
}

ssize_t sp_tls_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct sp_tls *t = (struct sp_tls *)s;
    struct sp_iov in = sp_iov(iov, n);
    size_t all = in.left;
    bool closing = t->start || atomic_load_explicit(&t->tx.closing, memory_order_relaxed);
    if (closing && all)
        return -EPIPE;
    int rc = t->tx.err ? t->tx.err : tx_push(t);
    bool due = !closing && atomic_load_explicit(&t->ctl.due, memory_order_relaxed) != 0;
    while (rc == 0 && (in.left || due)) {
        rc = tx_send(t, &in);
        due = false;
    }
    if (t->tx.err)
        return t->tx.err;
    if (in.left < all)
        return (ssize_t)(all - in.left);
    return rc;
}

/* Without memory for close_notify the peer sees the end only. */
int sp_tls_finish(struct sp_stream *s)
{
    struct sp_tls *t = (struct sp_tls *)s;
    int rc = t->tx.err ? t->tx.err : tx_push(t);
    if (rc < 0)
        return rc;
    bool closing = atomic_exchange(&t->tx.closing, true);
    uint8_t *buf = t->tx.rec.aead && !closing ? sp_scratch_get() : NULL;
    ssize_t len = buf ? tx_alert(t, SP_ALERT_CLOSE_NOTIFY, buf) : 0;
    if (len > 0)
        rc = tx_stage(t, buf, (size_t)len);
    else
        sp_scratch_put(buf);
    return rc < 0 ? rc : s->next->ops->finish(s->next);
}

void sp_tls_tx_alert(struct sp_tls *t)
{
    uint8_t buf[TX_CONTROL_MAX];
    int alert = atomic_load(&t->ctl.alert) - 1;
    if (alert < 0 || !t->tx.rec.aead || t->tx.err || t->tx.stage || atomic_load(&t->tx.closing))
        return;
    ssize_t len = tx_alert(t, alert, buf);
    struct iovec v = {buf, len > 0 ? (size_t)len : 0};
    if (len > 0 && t->base.next->ops->writev(t->base.next, &v, 1) < 0)
        t->tx.err = -EPIPE;
}

void sp_tls_tx_fini(struct sp_tls_tx *tx)
{
    sp_record_fini(&tx->rec);
    if (tx->stage)
        tx_unstage(tx);
}
