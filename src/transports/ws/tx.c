/* SPDX-License-Identifier: MIT */
/* Sending: private heads become frame heads, gathered with short bodies in a slab. A client's
 * bodies are masked on their way into it, with a fresh mask for each frame; a server's long ones
 * leave from where they are, behind the slab's bytes in one write. What the layer below does not
 * take of the slab stays staged: those bytes count as accepted. An answer to a ping goes between
 * two messages.
 *
 * Failure modes: errors of the layer below are final, and so is having no random bytes. Lack of
 * memory comes before anything was accepted. No reason is noted here: the reader owns the peer's
 * words. */
#include "../../base/bytes.h"
#include "../../base/rng.h"
#include "ws.h"
#include <errno.h>

#define IN_PLACE 4096 /* shorter pieces of bodies are copied */
#define PIECES   8    /* of the caller's buffers, at most, in one write */
#define FRAME    (SP_WS_HEAD_MAX + SP_WS_CONTROL_MAX) /* longest control frame */

/* A fresh mask; the random bytes are drawn for many at once. */
static int tx_mask(struct sp_ws_tx *tx, uint8_t mask[4])
{
    if (!tx->n_masks) {
        int rc = sp_random(tx->masks, sizeof tx->masks);
        if (rc < 0)
            return rc;
        tx->n_masks = sizeof tx->masks / 4;
    }
    memcpy(mask, tx->masks + 4 * --tx->n_masks, 4);
    return 0;
}

/* The head of a frame. Gives its length or an error. */
static ssize_t tx_head(struct sp_ws *t, uint8_t *out, uint8_t opcode, uint64_t len)
{
    struct sp_ws_head h = {.opcode = opcode, .fin = true, .masked = t->args.dialled, .len = len};
    int rc = h.masked ? tx_mask(&t->tx, h.mask) : 0;
    memcpy(t->tx.mask, h.mask, sizeof h.mask);
    return rc < 0 ? rc : (ssize_t)sp_ws_head_put(out, &h);
}

/* A control frame into out (FRAME bytes). Gives its length or an error. */
static ssize_t tx_control(struct sp_ws *t, uint8_t *out, uint8_t opcode, const uint8_t *body,
                          size_t len)
{
    ssize_t n = tx_head(t, out, opcode, len);
    if (n < 0)
        return n;
    if (len)
        memcpy(out + n, body, len);
    if (t->args.dialled)
        sp_ws_mask(out + n, out + n, len, t->tx.mask);
    return n + (ssize_t)len;
}

static ssize_t tx_pong(struct sp_ws *t, uint8_t *out)
{
    sp_mutex_lock(&t->pong_lock);
    ssize_t n = tx_control(t, out, SP_WS_PONG, t->pong, t->pong_len);
    atomic_store_explicit(&t->pong_due, false, memory_order_release);
    sp_mutex_unlock(&t->pong_lock);
    return n;
}

static ssize_t tx_close(struct sp_ws *t, uint8_t *out, int code)
{
    uint8_t body[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    return tx_control(t, out, SP_WS_CLOSE, body, sizeof body);
}

static bool tx_between(const struct sp_ws_tx *tx)
{
    return tx->open && !tx->left && !tx->head_len;
}

static bool tx_pong_due(struct sp_ws *t)
{
    return tx_between(&t->tx) && atomic_load_explicit(&t->pong_due, memory_order_acquire) &&
           !atomic_load_explicit(&t->tx.closing, memory_order_relaxed);
}

/* The greeting or private head is complete. Gives the bytes written to out, or an error. */
static ssize_t tx_begin(struct sp_ws *t, uint8_t *out)
{
    struct sp_ws_tx *tx = &t->tx;
    uint8_t type;
    tx->head_len = 0;
    if (!tx->open) {
        tx->open = true;
        return sp_ws_hello_put(t, (char *)out);
    }
    (void)sp_frame_ws.parse(tx->head, sizeof tx->head, &tx->left, &type);
    return tx_head(t, out, type ? type : t->args.type, tx->left);
}

/* Moves on in the greeting or private head. */
static ssize_t tx_take_head(struct sp_ws *t, struct sp_iov *in, uint8_t *out)
{
    struct sp_ws_tx *tx = &t->tx;
    size_t n = sizeof tx->head - tx->head_len;
    n = n < in->left ? n : in->left;
    sp_iov_peek(in, tx->head + tx->head_len, n);
    sp_iov_skip(in, n);
    tx->head_len += n;
    return tx->head_len == sizeof tx->head ? tx_begin(t, out) : 0;
}

/* Copies of the body what fits. */
static size_t tx_take_body(struct sp_ws *t, struct sp_iov *in, uint8_t *out, size_t room)
{
    struct iovec v;
    size_t n = t->tx.left < room ? (size_t)t->tx.left : room;
    if (!sp_iov_cut(in, n, &v, 1, &n))
        return 0;
    if (t->args.dialled)
        sp_ws_mask(out, v.iov_base, n, t->tx.mask);
    else
        memcpy(out, v.iov_base, n);
    sp_iov_skip(in, n);
    t->tx.left -= n;
    return n;
}

/* Whether the bytes at hand leave from where they are. */
static bool tx_in_place(const struct sp_ws *t, const struct sp_iov *in)
{
    struct iovec v;
    size_t n = 0;
    if (t->args.dialled || t->tx.left < IN_PLACE)
        return false;
    (void)sp_iov_cut(in, in->left, &v, 1, &n);
    return n >= IN_PLACE;
}

/* Fills out with what is due and with `in`, until that is empty, the room used up, or a long body
 * comes. Gives the bytes there, or an error. */
static ssize_t tx_fill(struct sp_ws *t, struct sp_iov *in, uint8_t *out)
{
    size_t len = 0;
    ssize_t n = tx_pong_due(t) ? tx_pong(t, out) : 0;
    while (n >= 0) {
        len += (size_t)n;
        size_t room = SP_SLAB_SIZE - len, need = t->tx.open ? SP_WS_HEAD_MAX : SP_HTTP_MAX;
        if (!in->left || room < need || tx_in_place(t, in))
            return (ssize_t)len;
        n = t->tx.left ? (ssize_t)tx_take_body(t, in, out + len, room)
                       : tx_take_head(t, in, out + len);
    }
    return n;
}

static void tx_unstage(struct sp_ws_tx *tx)
{
    sp_chunk_drop(tx->stage);
    tx->stage = NULL;
    atomic_store_explicit(&tx->staged, false, memory_order_release);
}

/* Writes what is staged, and k pieces behind it. Gives the bytes of the pieces that were taken;
 * -EAGAIN: something stays staged, or nothing was taken. */
static ssize_t tx_write(struct sp_ws *t, struct iovec *v, int k)
{
    struct sp_ws_tx *tx = &t->tx;
    struct sp_stream *next = t->base.next;
    size_t mine = tx->stage ? tx->stage_len - tx->stage_off : 0;
    v[0] = (struct iovec){tx->stage ? sp_chunk_data(tx->stage) + tx->stage_off : NULL, mine};
    ssize_t n = next->ops->writev(next, mine ? v : v + 1, mine ? k + 1 : k);
    if (n < 0 && n != -EAGAIN)
        return tx->err = (int)n;
    size_t took = n < 0 ? 0 : (size_t)n;
    if (took < mine) {
        tx->stage_off += took;
        atomic_store_explicit(&tx->staged, true, memory_order_release);
        return -EAGAIN;
    }
    if (tx->stage)
        tx_unstage(tx);
    return n < 0 ? n : (ssize_t)(took - mine);
}

/* Until nothing is staged. */
static int tx_push(struct sp_ws *t)
{
    struct iovec v[1];
    ssize_t n = 0;
    while (t->tx.stage && n >= 0)
        n = tx_write(t, v, 0);
    return n < 0 ? (int)n : 0;
}

/* One slab and a long body behind it. 0, -EAGAIN when the layer below is full, or an error. */
static int tx_send(struct sp_ws *t, struct sp_iov *in)
{
    struct sp_ws_tx *tx = &t->tx;
    struct iovec v[1 + PIECES];
    struct sp_chunk *slab = sp_slab_new();
    if (!slab)
        return -ENOMEM;
    ssize_t len = tx_fill(t, in, sp_chunk_data(slab));
    if (len <= 0)
        sp_chunk_drop(slab);
    if (len < 0)
        return tx->err = (int)len;
    if (len > 0)
        tx->stage = slab, tx->stage_len = (size_t)len, tx->stage_off = 0;
    size_t most = tx->left < in->left ? (size_t)tx->left : in->left, body = 0;
    int k = tx_in_place(t, in) ? sp_iov_cut(in, most, v + 1, PIECES, &body) : 0;
    if (!k)
        return tx_push(t);
    ssize_t n = tx_write(t, v, k);
    if (n < 0)
        return (int)n;
    sp_iov_skip(in, (size_t)n);
    tx->left -= (uint64_t)n;
    return (size_t)n < body ? -EAGAIN : 0;
}

ssize_t sp_ws_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct sp_ws *t = (struct sp_ws *)s;
    struct sp_iov in = sp_iov(iov, n);
    size_t all = in.left;
    if (all && atomic_load_explicit(&t->tx.closing, memory_order_relaxed))
        return -EPIPE;
    int rc = t->tx.err ? t->tx.err : tx_push(t);
    while (rc == 0 && (in.left || tx_pong_due(t)))
        rc = tx_send(t, &in);
    if (t->tx.err)
        return t->tx.err;
    if (in.left < all)
        return (ssize_t)(all - in.left);
    return rc == 0 && !all ? s->next->ops->writev(s->next, NULL, 0) : rc;
}

/* Without memory for the Close frame the peer sees the end only. */
int sp_ws_finish(struct sp_stream *s)
{
    struct sp_ws *t = (struct sp_ws *)s;
    struct sp_ws_tx *tx = &t->tx;
    int rc = tx->err ? tx->err : tx_push(t);
    if (rc < 0)
        return rc;
    bool closing = atomic_exchange(&tx->closing, true);
    struct sp_chunk *slab = !closing && tx_between(tx) ? sp_slab_new() : NULL;
    if (slab) {
        ssize_t n = tx_close(t, sp_chunk_data(slab), SP_WS_NORMAL);
        tx->stage = slab;
        tx->stage_len = n < 0 ? 0 : (size_t)n;
        tx->stage_off = 0;
        rc = tx_push(t);
    }
    return rc < 0 ? rc : s->next->ops->finish(s->next);
}

/* What is to be said at the end, into out. Its length; 0: nothing. */
static ssize_t tx_last(struct sp_ws *t, uint8_t *out)
{
    bool asked = !t->args.dialled && !t->tx.open;
    if (asked && t->rx.open && !t->http.status) {
        t->http.status = SP_HTTP_BUSY;
        memcpy(t->http.words, "busy", sizeof "busy");
    }
    if (asked)
        return t->http.status ? sp_http_refuse((char *)out, SP_HTTP_REPLY, &t->http) : 0;
    bool closing = atomic_load(&t->tx.closing);
    return t->close_code && tx_between(&t->tx) && !closing ? tx_close(t, out, t->close_code) : 0;
}

void sp_ws_tx_last(struct sp_ws *t)
{
    uint8_t buf[SP_HTTP_REPLY];
    struct sp_stream *next = t->base.next;
    ssize_t n = t->tx.err || t->tx.stage ? 0 : tx_last(t, buf);
    struct iovec v = {buf, n > 0 ? (size_t)n : 0};
    if (n > 0 && next->ops->writev(next, &v, 1) > 0)
        (void)next->ops->finish(next);
}

void sp_ws_tx_fini(struct sp_ws_tx *tx)
{
    if (tx->stage)
        tx_unstage(tx);
}
