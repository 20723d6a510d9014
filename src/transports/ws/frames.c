/* SPDX-License-Identifier: MIT */
/* Frames are taken apart where they lie, and bodies unmasked on their way into the caller's
 * buffers, each message behind its private head. Only fragmented messages are joined first, as
 * their length is known at the end.
 *
 * Failure modes: what the RFC forbids ends the connection with the code for the Close frame that
 * says so. Text that is not UTF-8 ends it before the message is whole. A length over NN_RCVMAXSIZE
 * ends it before memory is taken; the joined fragments may hold as much, grown as they come. Of
 * pings only the last waits for its answer. */
#include "ws.h"
#include <errno.h>
#include <string.h>

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

int sp_ws_no_memory(struct sp_ws *t)
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
        return sp_ws_no_memory(t);
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

ssize_t sp_ws_take(struct sp_ws *t, const uint8_t *p, size_t n, struct sp_iov *out)
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

int sp_ws_took(struct sp_ws *t, struct sp_iov *out, size_t n)
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
