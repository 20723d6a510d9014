/* SPDX-License-Identifier: MIT */
/* Receiving: one read fills a slab with many messages, or goes straight into the body of a large
 * one. The buffer is the queue: whole messages are published as bytes and parsed when they reach
 * the head. A length is checked against NN_RCVMAXSIZE before memory is taken, and memory grows with
 * bytes received, not with bytes promised.
 *
 * Failure modes: a length over the limit, a break inside a message, lack of memory and errors of
 * the stream end the connection with a reason; what was complete stays readable. A full buffer
 * pauses reading, so that the peer's TCP window closes: at most NN_RCVBUF and one slab are held. */
#include "impl.h"
#include <errno.h>

#define EXACT                                                                                      \
    (SP_SLAB_SIZE / 2) /* up to here bytes are copied out of the slab: a queue holds at most twice \
                          what it counts */
#define LARGE  16384   /* bodies above are read into a chunk of their own */
#define GROW   8       /* room for a large body: at most so many times what has come of it */
#define SNIFF  4096    /* how far to read beyond a large body */
#define ROUNDS 4       /* reads in one event */
#define FRONT  ((sizeof(struct rx_seg) + 15) & ~(size_t)15)

struct scan {
    size_t whole;       /* bytes of complete messages at the front */
    enum sp_reason bad; /* the tail is no good */
    uint64_t tail_len;  /* length of the incomplete message, when its head is complete */
    size_t tail_head;   /* bytes of that head; 0: the head is incomplete too */
    uint8_t tail_type;  /* its type */
};

static void scan_frames(struct sp_conn *c, const uint8_t *p, size_t n, struct scan *r)
{
    int max = __atomic_load_n(&c->pipe.sock->rcv_max, __ATOMIC_RELAXED);
    uint64_t limit = max < 0 ? INT64_MAX / 4 : (uint64_t)max;
    *r = (struct scan){0};
    while (r->whole < n) {
        uint64_t len;
        uint8_t type;
        ssize_t h = c->framer->parse(p + r->whole, n - r->whole, &len, &type);
        if (h < 0 || (h > 0 && len > limit))
            r->bad = h < 0 ? SP_REASON_PROTOCOL : SP_REASON_OVERSIZE;
        if (h <= 0 || len > limit)
            return;
        if (len > n - r->whole - (size_t)h) {
            r->tail_head = (size_t)h;
            r->tail_len = len;
            r->tail_type = type;
            return;
        }
        r->whole += (size_t)h + (size_t)len;
    }
}

/* ---- what is published; the lock is held ---- */

static void rx_push(struct sp_conn *c, struct rx_seg *seg)
{
    seg->next = NULL;
    if (c->rx)
        c->rx_last->next = seg;
    else
        c->rx = seg;
    c->rx_last = seg;
    c->rx_bytes += (size_t)(seg->end - seg->p);
}

/* Unlinks the head segment; its chunk is now the caller's. */
static struct sp_chunk *rx_shift(struct sp_conn *c)
{
    struct rx_seg *seg = c->rx;
    struct sp_chunk *chunk = seg->chunk;
    c->rx = seg->next;
    if (seg->large)
        sp_free(seg);
    return chunk;
}

static void rx_resume(struct sp_conn *c)
{
    if (!c->paused || c->rx_bytes > (size_t)c->pipe.sock->rcv_buf / 2 || c->dead)
        return;
    c->paused = false;
    conn_watch(c);
    if (c->st->ops->want(c->st) & POLLIN)
        sp_loop_post(c->loop, &c->attend);
}

static void rx_head(struct sp_conn *c, struct sp_msg *m, size_t *raw)
{
    struct rx_seg *seg = c->rx;
    uint64_t len = (uint64_t)(seg->end - seg->p);
    ssize_t h = 0;
    sp_msg_init(m);
    m->type = seg->type;
    if (!seg->large)
        h = c->framer->parse(seg->p, (size_t)len, &len, &m->type);
    m->body = seg->p + h;
    m->body_len = (size_t)len;
    m->pipe = &c->pipe;
    *raw = (size_t)h + (size_t)len;
}

int conn_rx_peek(struct sp_pipe *p, struct sp_msg *m)
{
    struct sp_conn *c = (struct sp_conn *)p;
    size_t raw;
    if (!c->rx)
        return -EAGAIN;
    rx_head(c, m, &raw);
    return 0;
}

int conn_rx_recv(struct sp_pipe *p, struct sp_msg *m)
{
    struct sp_conn *c = (struct sp_conn *)p;
    size_t raw;
    if (!c->rx)
        return -EAGAIN;
    rx_head(c, m, &raw);
    c->rx->p += raw;
    c->rx_bytes -= raw;
    if (c->rx->p == c->rx->end)
        m->chunk = rx_shift(c);
    p->n_received++;
    p->b_received += m->body_len;
    p->can_recv = c->rx != NULL;
    if (!c->rx && c->rx_only) {
        c->held++;
        sp_sock_out(p->sock, &c->drained_out);
    }
    rx_resume(c);
    return 0;
}

void conn_rx_free(struct sp_conn *c)
{
    while (c->rx)
        sp_chunk_drop(rx_shift(c));
    c->rx_bytes = 0;
    c->pipe.can_recv = false;
}

void conn_rx_fini(struct sp_conn *c)
{
    conn_rx_free(c);
    sp_free(c->part);
    sp_chunk_drop(c->big);
}

/* ---- the reader; `reading` is held, the lock is not ---- */

static int big_grow(struct sp_conn *c)
{
    if (c->big_have < c->big->cap)
        return 0;
    size_t cap = c->big_len / GROW < c->big->cap ? c->big_len : GROW * c->big->cap;
    struct sp_chunk *more = sp_chunk_grow(c->big, cap);
    if (!more)
        return -ENOMEM;
    c->big = more;
    return 0;
}

/* Up to 64 KiB at once, if much of that as a slab, which the system need not clear again for each
 * message; of more, half of that, and the rest only as it arrives: a peer that announces much costs
 * less than 64 KiB with all that belongs to its connection. */
static int big_start(struct sp_conn *c, const uint8_t *body, size_t have, const struct scan *r)
{
    uint64_t len = r->tail_len;
    size_t cap = len <= SP_SLAB_SIZE ? (size_t)len : SP_SLAB_SIZE / 2;
    cap = cap < have ? have : cap;
    bool slab = len <= SP_SLAB_SIZE && cap > SP_SLAB_SIZE / 2;
    c->big = slab ? sp_slab_new() : sp_chunk_new(cap);
    if (!c->big)
        return -ENOMEM;
    c->big->cap = cap;
    memcpy(sp_chunk_data(c->big), body, have);
    c->big_have = have;
    c->big_len = (size_t)len;
    c->big_type = r->tail_type;
    return big_grow(c); /* what came with the head may fill it, and a read needs room */
}

static int keep_tail(struct sp_conn *c, const uint8_t *p, size_t n, const struct scan *r)
{
    if (n == 0)
        return 0;
    if (r->tail_head && r->tail_len > LARGE)
        return big_start(c, p + r->tail_head, n - r->tail_head, r);
    c->part = sp_memdup(p, n);
    c->part_len = n;
    return c->part ? 0 : -ENOMEM;
}

/* The complete messages at the slab's front as a segment: copied when few bytes, else with the slab
 * itself. */
static struct rx_seg *seg_of_slab(struct sp_chunk **slab, size_t n)
{
    struct sp_chunk *chunk = *slab;
    if (n <= EXACT) {
        chunk = sp_chunk_new(FRONT + n);
        if (!chunk)
            return NULL;
        memcpy(sp_chunk_data(chunk) + FRONT, sp_chunk_data(*slab) + FRONT, n);
    } else {
        *slab = NULL;
    }
    struct rx_seg *seg = (struct rx_seg *)(void *)sp_chunk_data(chunk);
    uint8_t *p = sp_chunk_data(chunk) + FRONT;
    *seg = (struct rx_seg){.chunk = chunk, .p = p, .end = p + n};
    return seg;
}

static struct rx_seg *seg_of_big(struct sp_conn *c)
{
    struct rx_seg *seg = sp_alloc(sizeof *seg);
    if (!seg)
        return NULL;
    uint8_t *p = sp_chunk_data(c->big);
    *seg = (struct rx_seg){.chunk = c->big, .p = p, .end = p + c->big_len, .large = true, .type = c->big_type};
    c->big->len = c->big_len;
    c->big = NULL;
    return seg;
}

struct rx_result {
    struct rx_seg *seg[2]; /* complete: the large one, then the slab's */
    enum sp_reason why;    /* the connection ends */
    int err;
    const char *detail;
    bool more; /* the buffer was filled: read again */
};

/* Publishes, and gives `reading` back unless there is more. */
static void rx_publish(struct sp_conn *c, struct rx_result *r)
{
    struct sp_sock *s = c->pipe.sock;
    sp_sock_lock(s);
    bool empty = !c->rx, drain = c->state == CONN_DRAIN;
    for (int i = 0; i < 2; i++)
        if (r->seg[i])
            rx_push(c, r->seg[i]);
    c->burst = 0;
    if (drain || s->closed)
        conn_rx_free(c);
    if (c->rx && empty) {
        c->pipe.can_recv = true;
        sp_pipe_readable(&c->pipe);
    }
    if (!c->paused && c->rx_bytes >= (size_t)s->rcv_buf) {
        c->paused = true;
        conn_watch(c);
    }
    if (r->err)
        conn_kill(c, r->why, r->err < 0 ? r->err : 0, r->detail);
    r->more = r->more && !c->dead && !c->paused;
    if (!r->more)
        c->reading = false;
    if (!c->dead && c->st->ops->want(c->st) & POLLOUT)
        conn_tx_flush(c);
    conn_settle(c);
    (void)sp_sock_unlock(s);
}

/* Sets what ends the connection; `err` 1 is an orderly end. */
static void rx_end(struct rx_result *r, enum sp_reason why, int err, const char *detail)
{
    if (!r->err)
        *r = (struct rx_result){{r->seg[0], r->seg[1]}, why, err, detail, false};
}

static void rx_status(struct sp_conn *c, ssize_t n, struct rx_result *r)
{
    bool inside = c->big || c->part_len;
    if (n == 0 && inside)
        rx_end(r, SP_REASON_TRUNCATED, -ECONNRESET, "the peer closed inside a message");
    else if (n == 0)
        rx_end(r, SP_REASON_NONE, 1, NULL);
    else if (n == -EAGAIN)
        r->more = c->st->ops->want(c->st) & POLLIN; /* it only stopped to let others have their turn */
    else
        rx_end(r,
               c->pipe.peer.reason ? c->pipe.peer.reason
               : inside            ? SP_REASON_TRUNCATED
                                   : SP_REASON_NONE,
               (int)n, c->pipe.peer.detail);
}

static void rx_slab(struct sp_conn *c, struct sp_chunk **slab, size_t have, struct rx_result *r)
{
    uint8_t *p = sp_chunk_data(*slab) + FRONT;
    struct scan sc;
    scan_frames(c, p, have, &sc);
    sp_free(c->part);
    c->part = NULL;
    c->part_len = 0;
    if (!sc.bad && keep_tail(c, p + sc.whole, have - sc.whole, &sc) < 0)
        rx_end(r, SP_REASON_LIMIT, -ENOMEM, "no memory to receive");
    if (sc.whole && !(r->seg[1] = seg_of_slab(slab, sc.whole)))
        rx_end(r, SP_REASON_LIMIT, -ENOMEM, "no memory to receive");
    if (sc.bad)
        rx_end(r, sc.bad, -EMSGSIZE,
               sc.bad == SP_REASON_OVERSIZE ? "above NN_RCVMAXSIZE" : "malformed frame");
}

static void rx_big(struct sp_conn *c, size_t got, struct rx_result *r)
{
    c->big_have += got;
    c->after_big = true;
    if (c->big_have < c->big_len) {
        if (big_grow(c) < 0)
            rx_end(r, SP_REASON_LIMIT, -ENOMEM, "no memory for a large message");
    } else if (!(r->seg[0] = seg_of_big(c))) {
        rx_end(r, SP_REASON_LIMIT, -ENOMEM, "no memory to receive");
    }
}

/* One read. */
static void rx_read(struct sp_conn *c, struct sp_chunk **slab, struct rx_result *r)
{
    uint8_t *buf = sp_chunk_data(*slab) + FRONT;
    size_t keep = c->big ? 0 : c->part_len;
    size_t room = (c->big || (c->after_big && keep < SNIFF) ? SNIFF : SP_SLAB_SIZE - FRONT) - keep;
    struct iovec v[2] = {{buf + keep, room}};
    size_t body = 0;
    int n_iov = 1;
    if (keep)
        memcpy(buf, c->part, keep);
    if (c->big) {
        body = c->big->cap - c->big_have;
        v[0] = (struct iovec){sp_chunk_data(c->big) + c->big_have, body};
        v[1] = (struct iovec){buf, c->big->cap == c->big_len ? room : 0};
        n_iov = c->big->cap == c->big_len ? 2 : 1;
    }
    size_t asked = v[0].iov_len + (n_iov == 2 ? v[1].iov_len : 0);
    ssize_t n = c->st->ops->readv(c->st, v, n_iov);
    if (n <= 0) {
        rx_status(c, n, r);
        return;
    }
    size_t got = (size_t)n;
    r->more = got == asked || c->st->ops->want(c->st) & POLLIN;
    if (c->big) {
        size_t in_body = got < body ? got : body;
        rx_big(c, in_body, r);
        got -= in_body;
    } else {
        c->after_big = false;
    }
    if (got && !r->err) /* what follows a message that was lost is lost too */
        rx_slab(c, slab, keep + got, r);
}

/* nn_close came: whatever arrives is read and thrown away, until the peer has closed too. */
static bool rx_discard(struct sp_conn *c, struct sp_chunk **slab, struct rx_result *r)
{
    if (!atomic_load_explicit(&c->draining, memory_order_relaxed))
        return false;
    struct iovec v = {sp_chunk_data(*slab), SP_SLAB_SIZE};
    ssize_t n = c->st->ops->readv(c->st, &v, 1);
    if (n > 0)
        r->more = true;
    else if (n != -EAGAIN)
        rx_end(r, SP_REASON_NONE, 1, NULL);
    return true;
}

void conn_rx(struct sp_conn *c)
{
    struct sp_chunk **slab = sp_loop_slab(c->loop);
    struct rx_result r = {.more = true};
    for (int i = 0; r.more; i++) {
        r = (struct rx_result){.more = false};
        if (!*slab)
            *slab = sp_slab_new();
        if (!*slab)
            rx_end(&r, SP_REASON_LIMIT, -ENOMEM, "no memory to receive");
        else if (!rx_discard(c, slab, &r))
            rx_read(c, slab, &r);
        if (r.more && (i + 1 == ROUNDS || r.seg[0])) { /* let others have their turn */
            r.more = false;
            if (c->st->ops->want(c->st) & POLLIN) /* else the descriptor says so again */
                sp_loop_post(c->loop, &c->attend);
        }
        rx_publish(c, &r);
    }
}
