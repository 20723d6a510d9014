/* SPDX-License-Identifier: MIT */
/* Receiving: bytes from below are read into a slab and taken apart there (frames.c). The body of a
 * large frame is read straight into the caller's buffers. What finds no room there, and the start
 * of a head, stays in `part`.
 *
 * Failure modes: an error is given once all that was whole before it has been handed up, and then
 * stays. Frames that bring nothing do not hold the thread for long. The end of the stream inside a
 * message is a break. */
#include "ws.h"
#include <errno.h>
#include <string.h>

#define DIRECT 4096 /* bodies with more to come are read straight into the caller's buffers */
#define PIECES 8    /* of the caller's buffers, at most, in one read */
#define AFTER  4096 /* how far to read beyond such a body */
#define ROUNDS 8    /* reads in one call */

/* The same with bytes of the slab; the rest is kept for the next call. */
static int rx_use(struct sp_ws *t, const uint8_t *p, size_t n, struct sp_iov *out)
{
    struct sp_ws_rx *rx = &t->rx;
    ssize_t used = sp_ws_take(t, p, n, out);
    if (used < 0)
        return (int)used;
    sp_free(rx->part);
    rx->part = NULL;
    rx->part_off = 0;
    rx->part_len = rx->closed ? 0 : n - (size_t)used;
    if (!rx->part_len)
        return 0;
    rx->part = sp_memdup(p + used, rx->part_len);
    return rx->part ? 0 : sp_ws_no_memory(t);
}

/* There is room again for what was kept. */
static int rx_resume(struct sp_ws *t, struct sp_iov *out)
{
    static const uint8_t nothing[1];
    struct sp_ws_rx *rx = &t->rx;
    ssize_t used = sp_ws_take(t, rx->part ? rx->part + rx->part_off : nothing, rx->part_len, out);
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
    int rc = sp_ws_took(t, out, got < body ? got : body);
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
    int rc = slab ? 0 : sp_ws_no_memory(t);
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
