/* SPDX-License-Identifier: MIT */
/* Receiving: bytes from below are read into a slab, frames are taken apart there, and bodies
 * unmasked on their way into the caller's buffers, each message behind its private head. The body
 * of a large frame is read straight into them and unmasked in place. Only fragmented messages are
 * joined first, as their length is known at the end. What finds no room stays in `part`.
 *
 * Failure modes: what the RFC forbids ends the connection with the code for the Close frame that
 * says so; what was whole before it is handed up first. Text that is not UTF-8 ends it before the
 * message is whole. A length over NN_RCVMAXSIZE ends it before memory is taken; the joined
 * fragments may hold as much, grown as they come. Of pings only the last waits for its answer. */
#include "ws.h"
#include <errno.h>
#include <string.h>

#define DIRECT                                                                                     \
    4096 /* bodies with more than this to come are read straight into the caller's buffers */
#define PIECES 8    /* of the caller's buffers, at most, in one read */
#define AFTER  4096 /* how far to read beyond such a body */
#define ROUNDS 8    /* reads in one call */

static int rx_fail(struct sp_ws *t, int code, enum sp_reason why, const char *words)
{
    t->close_code = code;
    sp_peer_reason(t->base.peer, why, "%s", words);
    return t->rx.err = why == SP_REASON_OVERSIZE ? -EMSGSIZE : -EPROTO;
}

static int rx_forbidden(struct sp_ws *t, const char *words)
{
    return rx_fail(t, SP_WS_PROTOCOL, SP_REASON_PROTOCOL, words);
}

static int rx_not_text(struct sp_ws *t)
{
    return rx_fail(t, SP_WS_BAD_TEXT, SP_REASON_PROTOCOL, "a text message that is not UTF-8");
}

static int rx_no_memory(struct sp_ws *t)
{
    sp_peer_reason(t->base.peer, SP_REASON_LIMIT, "no memory to receive");
    return t->rx.err = -ENOMEM;
}

/* ---- what goes up ---- */

/* The private head, then joined fragments, as far as there is room. */
static void rx_emit(struct sp_ws_rx *rx, struct sp_iov *out)
{
    size_t n = rx->head_left < out->left ? rx->head_left : out->left;
    sp_iov_put(out, rx->head + sizeof rx->head - rx->head_left, n);
    rx->head_left -= n;
    if (rx->head_left || !rx->joined)
        return;
    n = rx->join_len - rx->join_off;
    n = n < out->left ? n : out->left;
    if (n)
        sp_iov_put(out, rx->join + rx->join_off, n);
    rx->join_off += n;
    if (rx->join_off < rx->join_len)
        return;
    sp_free(rx->join);
    rx->join = NULL;
    rx->join_cap = rx->join_len = rx->join_off = 0;
    rx->joined = false;
}

/* A message of `len` bytes begins to go up. */
static void rx_begin(struct sp_ws_rx *rx, uint64_t len)
{
    (void)sp_frame_ws.head(rx->head, len, rx->type);
    rx->head_left = sizeof rx->head;
}

/* ---- bodies ---- */

static bool rx_text_good(struct sp_ws_rx *rx, const uint8_t *p, size_t n)
{
    if (rx->type != SP_WS_TEXT)
        return true;
    return sp_utf8_feed(&rx->text, p, n) && (rx->left > n || !rx->fin || sp_utf8_whole(&rx->text));
}

/* Room for n more bytes of fragments: the limit was looked at. */
static int rx_join_room(struct sp_ws_rx *rx, size_t n)
{
    size_t need = rx->join_len + n, cap = rx->join_cap ? rx->join_cap : 1024;
    if (need <= rx->join_cap)
        return 0;
    while (cap < need)
        cap *= 2;
    uint8_t *more = sp_realloc(rx->join, cap);
    if (!more)
        return -ENOMEM;
    rx->join = more;
    rx->join_cap = cap;
    return 0;
}

/* The message's last fragment is complete. */
static void rx_whole(struct sp_ws_rx *rx)
{
    rx->fragments = false;
    rx->joined = true;
    rx_begin(rx, rx->join_len);
}

static ssize_t rx_body_join(struct sp_ws *t, const uint8_t *p, size_t n)
{
    struct sp_ws_rx *rx = &t->rx;
    if (rx_join_room(rx, n) < 0)
        return rx_no_memory(t);
    uint8_t *to = rx->join + rx->join_len;
    sp_ws_mask(to, p, n, rx->mask);
    if (!rx_text_good(rx, to, n))
        return rx_not_text(t);
    rx->join_len += n;
    rx->left -= n;
    if (rx->left == 0 && rx->fin)
        rx_whole(rx);
    return (ssize_t)n;
}

/* Bytes p[0..n) of a body go where they belong. Gives how many found room. */
static ssize_t rx_body(struct sp_ws *t, const uint8_t *p, size_t n, struct sp_iov *out)
{
    struct sp_ws_rx *rx = &t->rx;
    struct iovec to;
    if (n > rx->left)
        n = (size_t)rx->left;
    if (rx->fragments)
        return rx_body_join(t, p, n);
    if (sp_iov_cut(out, n, &to, 1, &n) == 0)
        return 0;
    sp_ws_mask(to.iov_base, p, n, rx->mask);
    if (!rx_text_good(rx, to.iov_base, n))
        return rx_not_text(t);
    rx->left -= n;
    sp_iov_skip(out, n);
    return (ssize_t)n;
}

/* ---- frames ---- */

static int rx_ping(struct sp_ws *t, const uint8_t *body, size_t n)
{
    sp_mutex_lock(&t->pong_lock);
    memcpy(t->pong, body, n);
    t->pong_len = (uint8_t)n;
    atomic_store_explicit(&t->pong_due, true, memory_order_release);
    sp_mutex_unlock(&t->pong_lock);
    return 0;
}

static int rx_close(struct sp_ws *t, const uint8_t *body, size_t n)
{
    struct sp_utf8 text = {0};
    unsigned code = n >= 2 ? (unsigned)body[0] << 8 | body[1] : SP_WS_NORMAL;
    if (n == 1 || !sp_ws_code_ok(code))
        return rx_forbidden(t, "a Close frame with a wrong code");
    if (n > 2 && !(sp_utf8_feed(&text, body + 2, n - 2) && sp_utf8_whole(&text)))
        return rx_fail(t, SP_WS_BAD_TEXT, SP_REASON_PROTOCOL, "a Close frame that is not UTF-8");
    t->rx.closed = true;
    t->close_code = (int)code;
    if (t->rx.fragments) {
        sp_peer_reason(t->base.peer, SP_REASON_TRUNCATED, "closed between fragments");
        return t->rx.err = -ECONNRESET;
    }
    return 0;
}

/* A control frame, all of which lies at p[0..n) or not yet. Gives its length, 0, or an error. */
static ssize_t rx_control(struct sp_ws *t, const struct sp_ws_head *h, const uint8_t *p, size_t n,
                          size_t head)
{
    uint8_t body[SP_WS_CONTROL_MAX], mask[4];
    size_t len = (size_t)h->len;
    if (len > n - head)
        return 0;
    memcpy(mask, h->mask, sizeof mask);
    sp_ws_mask(body, p + head, len, mask);
    int rc = h->opcode == SP_WS_PING    ? rx_ping(t, body, len)
             : h->opcode == SP_WS_CLOSE ? rx_close(t, body, len)
                                        : 0;
    return rc < 0 ? rc : (ssize_t)(head + len);
}

static int rx_data_order(struct sp_ws *t, const struct sp_ws_head *h)
{
    struct sp_ws_rx *rx = &t->rx;
    if (h->opcode == SP_WS_CONTINUATION && !rx->fragments)
        return rx_forbidden(t, "a continuation of nothing");
    if (h->opcode != SP_WS_CONTINUATION && rx->fragments)
        return rx_forbidden(t, "a message inside another");
    int max = __atomic_load_n(t->args.rcvmax, __ATOMIC_RELAXED);
    uint64_t limit = max < 0 ? SP_WS_LEN_MAX / 4 : (uint64_t)max;
    if (h->len > limit || rx->join_len > limit - h->len)
        return rx_fail(t, SP_WS_TOO_BIG, SP_REASON_OVERSIZE, "above NN_RCVMAXSIZE");
    rx->empty = h->len || (h->fin && !rx->fragments) ? 0 : rx->empty + 1;
    return rx->empty > SP_WS_EMPTY_MAX ? rx_forbidden(t, "too many empty fragments") : 0;
}

static int rx_data(struct sp_ws *t, const struct sp_ws_head *h)
{
    struct sp_ws_rx *rx = &t->rx;
    int rc = rx_data_order(t, h);
    if (rc < 0)
        return rc;
    if (h->opcode != SP_WS_CONTINUATION) {
        rx->type = h->opcode;
        rx->text = (struct sp_utf8){0};
        rx->fragments = !h->fin;
    }
    rx->fin = h->fin;
    rx->left = h->len;
    memcpy(rx->mask, h->mask, sizeof rx->mask);
    if (!rx->fragments)
        rx_begin(rx, h->len);
    else if (h->len == 0 && h->fin && !rx_text_good(rx, NULL, 0))
        return rx_not_text(t);
    else if (h->len == 0 && h->fin)
        rx_whole(rx);
    return 0;
}

/* The head of a frame, or a control frame, at p[0..n). Gives its length, 0, or an error. */
static ssize_t rx_head(struct sp_ws *t, const uint8_t *p, size_t n)
{
    struct sp_ws_head h;
    ssize_t len = sp_ws_head_parse(p, n, &h);
    if (len == 0)
        return 0;
    if (len < 0)
        return rx_forbidden(t, "a malformed frame");
    if (h.masked == t->args.dialled)
        return rx_forbidden(t, h.masked ? "a masked frame from a server"
                                        : "a frame without mask from a client");
    if (h.opcode & 8)
        return rx_control(t, &h, p, n, (size_t)len);
    int rc = rx_data(t, &h);
    return rc < 0 ? rc : len;
}

/* ---- the bytes from below ---- */

/* Takes bytes apart until there is no room, or no whole head. Gives how many are used, or an error;
 * stalled: for want of room. */
static ssize_t rx_take(struct sp_ws *t, const uint8_t *p, size_t n, struct sp_iov *out)
{
    struct sp_ws_rx *rx = &t->rx;
    size_t at = 0;
    for (;;) {
        rx_emit(rx, out);
        rx->stalled =
            rx->head_left || rx->joined || (at < n && rx->left && !rx->fragments && !out->left);
        if (rx->stalled || rx->closed || at == n)
            break;
        ssize_t used = !rx->open  ? sp_ws_hello(t, p + at, n - at)
                       : rx->left ? rx_body(t, p + at, n - at, out)
                                  : rx_head(t, p + at, n - at);
        if (used < 0)
            return rx->err = (int)used;
        if (used == 0)
            break;
        at += (size_t)used;
    }
    return (ssize_t)at;
}

/* The same with bytes of the slab; the rest is kept for the next call. */
static int rx_use(struct sp_ws *t, const uint8_t *p, size_t n, struct sp_iov *out)
{
    struct sp_ws_rx *rx = &t->rx;
    ssize_t used = rx_take(t, p, n, out);
    if (used < 0)
        return (int)used;
    sp_free(rx->part);
    rx->part = NULL;
    rx->part_off = 0;
    rx->part_len = rx->closed ? 0 : n - (size_t)used;
    if (!rx->part_len)
        return 0;
    rx->part = sp_memdup(p + used, rx->part_len);
    return rx->part ? 0 : rx_no_memory(t);
}

/* There is room again for what was kept. */
static int rx_resume(struct sp_ws *t, struct sp_iov *out)
{
    static const uint8_t nothing[1];
    struct sp_ws_rx *rx = &t->rx;
    ssize_t used = rx_take(t, rx->part ? rx->part + rx->part_off : nothing, rx->part_len, out);
    if (used < 0)
        return (int)used;
    rx->part_off += (size_t)used;
    rx->part_len -= (size_t)used;
    if (rx->part_len)
        return 0;
    sp_free(rx->part);
    rx->part = NULL;
    return 0;
}

static int rx_ended(struct sp_ws *t)
{
    struct sp_ws_rx *rx = &t->rx;
    rx->closed = true;
    if (!rx->open || (!rx->part_len && !rx->left && !rx->fragments))
        return 0;
    sp_peer_reason(t->base.peer, SP_REASON_TRUNCATED, "ended inside a message");
    return rx->err = -ECONNRESET;
}

/* Reads once into the slab, behind what was kept, and takes it apart. */
static int rx_fill(struct sp_ws *t, uint8_t *slab, struct sp_iov *out, bool *full)
{
    struct sp_ws_rx *rx = &t->rx;
    size_t old = rx->part_len, room = out->left > AFTER ? out->left : AFTER;
    if (!rx->open)
        room = SP_HTTP_MAX - old;
    else if (room > SP_SLAB_SIZE - old)
        room = SP_SLAB_SIZE - old;
    struct iovec v = {slab + old, room};
    ssize_t n = t->base.next->ops->readv(t->base.next, &v, 1);
    if (n <= 0)
        return n < 0 ? (int)n : rx_ended(t);
    if (old)
        memcpy(slab, rx->part + rx->part_off, old);
    *full = (size_t)n == room;
    return rx_use(t, slab, old + (size_t)n, out);
}

/* Unmasks and judges what was read straight into the caller's buffers. */
static int rx_direct_done(struct sp_ws *t, struct sp_iov *out, size_t n)
{
    while (n) {
        struct iovec to;
        size_t got;
        (void)sp_iov_cut(out, n, &to, 1, &got);
        sp_ws_mask(to.iov_base, to.iov_base, got, t->rx.mask);
        if (!rx_text_good(&t->rx, to.iov_base, got))
            return rx_not_text(t);
        t->rx.left -= got;
        sp_iov_skip(out, got);
        n -= got;
    }
    return 0;
}

/* The body of a large frame; behind its end a little more, into the slab. */
static int rx_direct(struct sp_ws *t, uint8_t *slab, struct sp_iov *out, bool *full)
{
    struct sp_ws_rx *rx = &t->rx;
    struct iovec v[PIECES + 1];
    size_t want = rx->left < out->left ? (size_t)rx->left : out->left, body;
    int k = sp_iov_cut(out, want, v, PIECES, &body);
    size_t after = body == rx->left ? AFTER : 0;
    v[k] = (struct iovec){slab, after};
    ssize_t n = t->base.next->ops->readv(t->base.next, v, after ? k + 1 : k);
    if (n <= 0)
        return n < 0 ? (int)n : rx_ended(t);
    size_t got = (size_t)n;
    *full = got == body + after;
    int rc = rx_direct_done(t, out, got < body ? got : body);
    return rc < 0 || got <= body ? rc : rx_use(t, slab, got - body, out);
}

static bool rx_is_direct(const struct sp_ws_rx *rx, const struct sp_iov *out)
{
    return rx->left > DIRECT && !rx->fragments && !rx->head_left && !rx->part_len &&
           out->left > DIRECT;
}

/* Until something has gone up and the kernel is empty, or there is no room, or others shall have
 * their turn. */
static int rx_read(struct sp_ws *t, struct sp_iov *out)
{
    struct sp_ws_rx *rx = &t->rx;
    size_t room = out->left;
    struct sp_chunk *slab = sp_slab_new();
    bool full = true;
    int rc = slab ? 0 : rx_no_memory(t);
    for (int i = 0; rc == 0 && (full || out->left == room); i++) {
        if (!out->left || rx->closed || rx->stalled)
            break;
        rx->busy = i == ROUNDS;
        if (rx->busy) {
            rc = -EAGAIN;
            break;
        }
        uint8_t *buf = sp_chunk_data(slab);
        full = false;
        rc = rx_is_direct(rx, out) ? rx_direct(t, buf, out, &full) : rx_fill(t, buf, out, &full);
    }
    sp_chunk_drop(slab);
    return rc;
}

ssize_t sp_ws_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    struct sp_ws *t = (struct sp_ws *)s;
    struct sp_ws_rx *rx = &t->rx;
    struct sp_iov out = sp_iov(iov, n);
    size_t room = out.left;
    int rc = rx->err;
    rx->busy = false;
    if (rc == 0 && rx->stalled)
        rc = rx_resume(t, &out);
    if (rc == 0 && !rx->closed && out.left)
        rc = rx_read(t, &out);
    if (rc < 0 && rc != -EAGAIN)
        rx->err = rc;
    atomic_store_explicit(&rx->ready, rx->stalled || rx->busy || rx->err || rx->closed,
                          memory_order_release);
    if (out.left < room)
        return (ssize_t)(room - out.left);
    return rc < 0 ? rc : 0;
}

void sp_ws_rx_fini(struct sp_ws_rx *rx)
{
    sp_free(rx->part);
    sp_free(rx->join);
    rx->part = rx->join = NULL;
}
