/* SPDX-License-Identifier: MIT */
/* Sending adapts. A quiet pipe is written in place by the caller, after unlocking, without a copy.
 * Sends that follow each other within 20 us are gathered in the pipe's buffer and leave many to a
 * system call: when the buffer is full, when the helper's tick (100 us) finds the burst over, or
 * before the caller sleeps. One thread at a time flushes; others append and go. Once a burst is old
 * no clock is read.
 *
 * Failure modes: EAGAIN from the kernel makes the pipe not writable until POLLOUT. Lack of memory
 * fails the send and changes nothing, except when part of the message is on the wire already: then
 * the connection ends. What a dead pipe did not hand over goes back to the protocol. */
#include "impl.h"
#include <errno.h>

#define YOUNG      8     /* sends of a burst that are written in place */
#define OLD        512   /* from here the tick leaves a growing burst alone */
#define QUICK_NS   20000 /* sends closer than this are a burst */
#define COPY       4096  /* bodies up to here are gathered by copy */
#define FAN_DIRECT 8     /* peers that a fan-out writes to itself */
#define IOVS       48
#define FRONT      ((sizeof(struct tx_seg) + 15) & ~(size_t)15)

/* ---- segments ---- */

static void tx_push(struct tx_list *l, struct tx_seg *t)
{
    t->next = NULL;
    if (l->first)
        l->last->next = t;
    else
        l->first = t;
    l->last = t;
}

static void tx_unshift(struct tx_list *l, struct tx_seg *t)
{
    t->next = l->first;
    l->first = t;
    if (!t->next)
        l->last = t;
}

static void seg_free(struct tx_seg *t)
{
    if (t->bytes) {
        sp_chunk_drop(t->bytes);
        return;
    }
    sp_msg_drop(&t->msg);
    sp_free(t);
}

static uint8_t *seg_data(struct tx_seg *t)
{
    return (uint8_t *)t + FRONT;
}

static struct tx_seg *seg_bytes(size_t room, bool slab)
{
    struct sp_chunk *c = slab ? sp_slab_new() : sp_chunk_new(FRONT + room);
    if (!c)
        return NULL;
    struct tx_seg *t = (struct tx_seg *)(void *)sp_chunk_data(c);
    memset(t, 0, sizeof *t);
    t->bytes = c;
    t->cap = c->cap - FRONT;
    return t;
}

static struct tx_seg *seg_msg(struct sp_conn *c, struct sp_msg *m)
{
    struct tx_seg *t = sp_calloc(1, sizeof *t);
    if (!t || sp_msg_own(m) < 0) {
        sp_free(t);
        return NULL;
    }
    t->head_len = (uint8_t)c->framer->head(t->head, m->hdr_len + (uint64_t)m->body_len, m->type);
    t->len = t->head_len + m->hdr_len + m->body_len;
    sp_msg_move(&t->msg, m);
    return t;
}

static void seg_copy(struct sp_conn *c, struct tx_seg *t, struct sp_msg *m)
{
    uint8_t *p = seg_data(t) + t->len;
    size_t h = c->framer->head(p, m->hdr_len + (uint64_t)m->body_len, m->type);
    if (m->hdr_len)
        memcpy(p + h, sp_msg_hdr(m), m->hdr_len);
    if (m->body_len)
        memcpy(p + h + m->hdr_len, m->body, m->body_len);
    t->len += h + m->hdr_len + m->body_len;
    sp_msg_drop(m);
}

/* Takes m on 0. */
static int tx_append(struct sp_conn *c, struct sp_msg *m)
{
    size_t need = SP_FRAME_HEAD_MAX + m->hdr_len + m->body_len;
    struct tx_seg *t = c->fill.last;
    if (m->body_len > COPY) {
        t = seg_msg(c, m);
    } else if (!t || !t->bytes || t->cap - t->len < need) {
        bool slab = t || c->burst >= YOUNG;
        t = seg_bytes(need > COPY - FRONT ? need : COPY - FRONT, slab);
    }
    if (!t)
        return -ENOMEM;
    size_t before = t == c->fill.last ? t->len : 0;
    if (t->bytes)
        seg_copy(c, t, m);
    c->tx_bytes += t->len - before;
    if (t != c->fill.last)
        tx_push(&c->fill, t);
    return 0;
}

int conn_tx_greet(struct sp_conn *c)
{
    struct tx_seg *t = seg_bytes(SP_FRAME_GREET_MAX, false);
    if (!t)
        return -ENOMEM;
    t->len = c->framer->greet(seg_data(t), c->pipe.sock->proto->id);
    t->greeting = true;
    c->tx_bytes += t->len;
    tx_push(&c->fill, t);
    return 0;
}

/* ---- the protocol's side; the lock is held ---- */

static bool tx_writable(const struct sp_conn *c)
{
    const struct sp_sock *s = c->pipe.sock;
    return c->state == CONN_OPEN && !c->dead && (!c->want_out || s->proto->fan_out) &&
           c->tx_bytes < (size_t)s->snd_buf;
}

void conn_tx_room(struct sp_conn *c)
{
    bool was = c->pipe.can_send;
    c->pipe.can_send = tx_writable(c);
    if (c->pipe.can_send && !was)
        sp_pipe_writable(&c->pipe);
}

void conn_tx_flush(struct sp_conn *c)
{
    if (c->flushing || c->want_out || c->dead)
        return;
    c->flushing = true;
    sp_sock_out(c->pipe.sock, &c->flush_out);
}

void conn_tx_gathered(struct sp_pipe *p)
{
    sp_list_unlink(&p->in_gathered);
    conn_tx_flush((struct sp_conn *)p);
}

static void tx_burst(struct sp_conn *c)
{
    if (c->burst >= YOUNG) {
        c->burst++;
        return;
    }
    uint64_t now = sp_now();
    c->burst = now - c->last < QUICK_NS ? c->burst + 1 : 0;
    c->last = now;
}

/* What would leave at once anyhow is not copied first. */
static bool tx_direct(const struct sp_conn *c, size_t len)
{
    const struct sp_sock *s = c->pipe.sock;
    return !c->flushing && !c->want_out && !c->tx_bytes &&
           (c->burst < YOUNG || len >= (size_t)s->gather) &&
           !(s->proto->fan_out && s->n_pipes > FAN_DIRECT);
}

/* Appended bytes leave by the tick at the latest, unless somebody is writing already. */
static void tx_later(struct sp_conn *c)
{
    if (c->flushing || c->want_out)
        return;
    if (c->tx_bytes >= (size_t)c->pipe.sock->gather) {
        conn_tx_flush(c);
        return;
    }
    if (sp_list_empty(&c->pipe.in_gathered))
        sp_list_push(&c->pipe.sock->gathered, &c->pipe.in_gathered);
    if (!c->dirty) {
        c->dirty = true;
        c->burst_seen = c->burst;
        c->gen_seen = c->gen;
        sp_loop_tick(c->loop, &c->tick);
    }
}

int conn_tx_send(struct sp_pipe *p, struct sp_msg *m)
{
    struct sp_conn *c = (struct sp_conn *)p;
    if (!p->can_send)
        return -EAGAIN;
    size_t len = m->body_len;
    tx_burst(c);
    if (tx_direct(c, len)) {
        c->now_len = c->tx_bytes = len + m->hdr_len + SP_FRAME_HEAD_MAX;
        sp_msg_move(&c->now, m);
        c->in_place = true;
        conn_tx_flush(c);
    } else {
        int rc = tx_append(c, m);
        if (rc < 0)
            return rc;
        tx_later(c);
    }
    p->n_sent++;
    p->b_sent += len;
    p->can_send = tx_writable(c);
    return 0;
}

/* ---- the flusher; `flushing` is held, the lock is not ---- */

static int seg_iov(struct tx_seg *t, struct iovec *v)
{
    if (t->bytes) {
        v[0] = (struct iovec){seg_data(t) + t->off, t->len - t->off};
        return 1;
    }
    struct iovec part[3] = {{t->head, t->head_len},
                            {sp_msg_hdr(&t->msg), t->msg.hdr_len},
                            {t->msg.body, t->msg.body_len}};
    size_t off = t->off;
    int n = 0;
    for (int i = 0; i < 3; i++) {
        size_t skip = off < part[i].iov_len ? off : part[i].iov_len;
        off -= skip;
        if (part[i].iov_len > skip)
            v[n++] = (struct iovec){(char *)part[i].iov_base + skip, part[i].iov_len - skip};
    }
    return n;
}

/* Moves past n written bytes; whole segments are freed. */
static void tx_advance(struct sp_conn *c, size_t n)
{
    while (c->drain.first && n >= c->drain.first->len - c->drain.first->off) {
        struct tx_seg *t = c->drain.first;
        n -= t->len - t->off;
        c->drain.first = t->next;
        seg_free(t);
    }
    if (n)
        c->drain.first->off += n;
}

static void tx_blocked(struct sp_conn *c)
{
    if (c->want_out || c->dead)
        return;
    c->want_out = true;
    conn_eager(c, 1);
    conn_watch(c);
}

static void tx_broken(struct sp_conn *c, ssize_t err)
{
    conn_kill(c, c->pipe.peer.reason, (int)err, c->pipe.peer.detail);
}

/* Writes the message in place; what the kernel does not take is queued. 0, or a negative errno
 * which nn_send returns. */
static int tx_now(struct sp_conn *c)
{
    struct sp_msg *m = &c->now;
    uint8_t head[SP_FRAME_HEAD_MAX];
    struct iovec v[3] = {{head, c->framer->head(head, m->hdr_len + (uint64_t)m->body_len, m->type)}};
    size_t total = v[0].iov_len + m->hdr_len + m->body_len;
    int n = 1;
    if (m->hdr_len)
        v[n++] = (struct iovec){sp_msg_hdr(m), m->hdr_len};
    if (m->body_len)
        v[n++] = (struct iovec){m->body, m->body_len};
    ssize_t wrote = c->st->ops->writev(c->st, v, n);
    bool whole = wrote >= 0 && (size_t)wrote == total;
    struct tx_seg *t = whole ? NULL : seg_msg(c, m);
    bool lost = !whole && !t, fan_out = c->pipe.sock->proto->fan_out;
    sp_msg_drop(m);
    sp_sock_lock(c->pipe.sock);
    c->in_place = false;
    c->tx_bytes -= c->now_len;
    if (t) {
        t->off = wrote > 0 ? (size_t)wrote : 0;
        c->tx_bytes += t->len - t->off;
        tx_unshift(&c->drain, t);
    }
    if (lost && wrote > 0)
        conn_kill(c, SP_REASON_LIMIT, -ENOMEM, "no memory for the rest of a message");
    else if (wrote < 0 && wrote != -EAGAIN)
        tx_broken(c, wrote);
    else if (t)
        tx_blocked(c);
    if (lost && fan_out)
        sp_sock_dropped_send(c->pipe.sock, &c->pipe); /* others may have it */
    return lost && !fan_out ? -ENOMEM : 0;
}

/* One write of what lies in drain, or a push of what the stream staged; the lock is held before and
 * after. */
static ssize_t tx_write(struct sp_conn *c)
{
    struct iovec v[IOVS + 3];
    int n = 0;
    if (!c->drain.first) {
        c->drain = c->fill;
        c->fill = (struct tx_list){NULL, NULL};
        sp_list_unlink(&c->pipe.in_gathered);
    }
    (void)sp_sock_unlock(c->pipe.sock);
    size_t want = 0;
    for (struct tx_seg *t = c->drain.first; t && n < IOVS; t = t->next) {
        n += seg_iov(t, v + n);
        want += t->len - t->off;
    }
    ssize_t rc = c->st->ops->writev(c->st, v, n);
    if (rc > 0)
        tx_advance(c, (size_t)rc);
    sp_sock_lock(c->pipe.sock);
    if (rc > 0)
        c->tx_bytes -= (size_t)rc;
    return rc >= 0 && (size_t)rc < want ? -EAGAIN : rc;
}

static void tx_finish(struct sp_conn *c)
{
    if (c->state != CONN_DRAIN || c->fin_sent || c->dead ||
        c->want_out) /* want_out: something is left */
        return;
    (void)sp_sock_unlock(c->pipe.sock);
    int rc = c->st->ops->finish(c->st);
    sp_sock_lock(c->pipe.sock);
    if (rc == -EAGAIN)
        tx_blocked(c);
    else if (rc < 0)
        tx_broken(c, rc);
    else
        c->fin_sent = true;
}

/* The lock is held before and after; the outbox is left for the end. */
static void tx_all(struct sp_conn *c)
{
    while (!c->dead && !c->want_out) {
        bool due = c->drain.first || c->fill.first || c->st->ops->want(c->st) & POLLOUT;
        if (!due)
            break;
        ssize_t n = tx_write(c);
        if (n == -EAGAIN)
            tx_blocked(c);
        else if (n < 0)
            tx_broken(c, n);
    }
    tx_finish(c);
}

/* Our end is sent, or does not get through: now what arrives is read and thrown away. */
static void tx_discard(struct sp_conn *c)
{
    if (c->state != CONN_DRAIN || !c->paused || c->dead)
        return;
    c->paused = false;
    conn_watch(c);
    if (c->st->ops->want(c->st) & POLLIN)
        sp_loop_post(c->loop, &c->attend);
}

int conn_tx_run(struct sp_out *o)
{
    struct sp_conn *c = SP_CONTAINER(o, struct sp_conn, flush_out);
    struct sp_sock *s = c->pipe.sock;
    int rc = 0;
    if (c->in_place)
        rc = tx_now(c);
    else
        sp_sock_lock(s);
    tx_all(c);
    c->gen++;
    c->flushing = false;
    if (!c->dead)
        conn_tx_room(c);
    tx_discard(c);
    conn_settle(c);
    int err = sp_sock_unlock(s);
    return rc < 0 ? rc : err;
}

bool conn_tx_tick(struct sp_tick *t)
{
    struct sp_conn *c = SP_CONTAINER(t, struct sp_conn, tick);
    struct sp_sock *s = c->pipe.sock;
    sp_sock_lock(s);
    bool keep = !c->dead && !c->want_out;
    if (keep && c->fill.first) {
        if (c->burst < OLD || c->burst == c->burst_seen || c->gen == c->gen_seen)
            conn_tx_flush(c);
    } else if (c->burst == c->burst_seen) {
        c->burst = 0;
        keep = false;
    }
    c->burst_seen = c->burst;
    c->gen_seen = c->gen;
    if (!keep) {
        c->dirty = false;
        conn_settle(c);
    }
    (void)sp_sock_unlock(s);
    return keep;
}

/* ---- what is left when the pipe is dead ---- */

/* Gathered bytes become messages again, from the first one that was not handed over whole. */
static void unsent_bytes(struct sp_conn *c, struct tx_seg *t)
{
    uint8_t *p = seg_data(t);
    size_t at = 0;
    while (at < t->len) {
        uint64_t len;
        struct sp_msg m;
        sp_msg_init(&m);
        size_t h = (size_t)c->framer->parse(p + at, t->len - at, &len, &m.type);
        m.body = p + at + h;
        m.body_len = (size_t)len;
        at += h + (size_t)len;
        if (at <= t->off)
            continue;
        if (c->pipe.sock->proto->unsent && sp_msg_own(&m) < 0)
            sp_sock_dropped_send(c->pipe.sock, &c->pipe);
        else
            sp_pipe_unsent(&c->pipe, &m);
    }
}

void conn_tx_unsent(struct sp_conn *c)
{
    struct tx_list *lists[] = {&c->drain, &c->fill};
    for (int i = 0; i < 2; i++) {
        struct tx_seg *t;
        while ((t = lists[i]->first)) {
            lists[i]->first = t->next;
            if (t->bytes && !t->greeting)
                unsent_bytes(c, t);
            else if (!t->bytes)
                sp_pipe_unsent(&c->pipe, &t->msg);
            seg_free(t);
        }
        lists[i]->last = NULL;
    }
    c->tx_bytes = 0;
    sp_list_unlink(&c->pipe.in_gathered);
}
