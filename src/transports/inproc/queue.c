/* SPDX-License-Identifier: MIT */
/* Messages lie one behind the other in segments: {length, header, body}, or {length, reference} for
 * large ones. The sender appends and then publishes how many there are; the receiver reads up to
 * that count, so neither needs a lock. A segment that was read goes back to the sender by way of
 * `spare`, so small messages need no malloc. Who finds nothing to do says so in `idle` or `full`
 * and looks again; the other side writes its count and looks at the flag after that, so that one of
 * them sees the other.
 *
 * Failure modes: only putting needs memory, and changes nothing without it. Empty messages count
 * no bytes but take room, so their number has a limit too. */
#include "queue.h"
#include <errno.h>

#define COPY     4096 /* bodies up to here are copied */
#define OWN_COPY 1024 /* the same when the body has a chunk of its own already */
#define FIRST    3968 /* bytes of a segment when little is under way */
#define MORE     16256
#define MSGS_MAX 1000000 /* messages in the queue */
#define JUMP     UINT64_MAX
#define REFERS   (UINT64_C(1) << 63)

struct inq_seg {
    struct inq_seg *next;   /* good when a jump says so */
    struct sp_chunk *chunk; /* owns this and the entries behind it */
};

struct inq_entry {
    uint64_t len; /* JUMP: in the next segment; with REFERS: a struct inq_ref follows, else bytes */
};

struct inq_ref {
    struct sp_chunk *chunk; /* owned */
    uint8_t *body;          /* in it */
};

static size_t round_up(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static uint8_t *seg_data(struct inq_seg *s)
{
    return (uint8_t *)(s + 1);
}

static uint8_t *seg_end(struct inq_seg *s)
{
    return sp_chunk_data(s->chunk) + s->chunk->cap;
}

void sp_inq_init(struct sp_inq *q, size_t max)
{
    memset(q, 0, sizeof *q);
    q->max = max;
    atomic_init(&q->idle, true);
}

/* ---- the sender ---- */

/* Refreshes what is known of the receiver. */
static void put_look(struct sp_inq *q)
{
    q->gone = atomic_load(&q->shared_taken);
    q->gone_bytes = atomic_load_explicit(&q->shared_taken_bytes, memory_order_relaxed);
}

static bool is_over(uint64_t n, uint64_t bytes, size_t max, unsigned parts)
{
    return n > 1 && (bytes >= max / parts || n >= MSGS_MAX / parts);
}

static bool put_over(const struct sp_inq *q, unsigned parts)
{
    return is_over(q->put - q->gone, q->put_bytes - q->gone_bytes, q->max, parts);
}

/* Whether a part of the whole is in use; if so the receiver tells. */
static bool put_blocked(struct sp_inq *q, unsigned char parts)
{
    if (!put_over(q, parts))
        return false;
    put_look(q);
    if (!put_over(q, parts))
        return false;
    atomic_store(&q->full, parts);
    put_look(q);
    if (put_over(q, parts))
        return true;
    atomic_store(&q->full, 0);
    return false;
}

bool sp_inq_full(struct sp_inq *q)
{
    return put_blocked(q, 1);
}

bool sp_inq_crowded(struct sp_inq *q)
{
    return put_blocked(q, 2);
}

/* A segment with room for n bytes: one that was read before, or a new one, large when the receiver
 * is behind. */
static struct inq_seg *seg_new(struct sp_inq *q, size_t n)
{
    struct inq_seg *s = NULL;
    if (atomic_load_explicit(&q->spare, memory_order_relaxed))
        s = atomic_exchange(&q->spare, NULL);
    if (s && n <= (size_t)(seg_end(s) - seg_data(s)))
        return s;
    bool little = !s && n <= FIRST && q->put == atomic_load(&q->shared_taken);
    if (s)
        sp_chunk_drop(s->chunk);
    struct sp_chunk *c = sp_chunk_new(sizeof *s + (little ? FIRST : MORE));
    if (!c)
        return NULL;
    s = (struct inq_seg *)(void *)sp_chunk_data(c);
    s->chunk = c;
    return s;
}

/* Room for an entry of n bytes, with room for a jump behind it; NULL without memory. Moving to the
 * next segment is not undone, since what was put there is seen only when it is published. */
static uint8_t *put_room(struct sp_inq *q, size_t n)
{
    n += sizeof(struct inq_entry);
    if (q->tail && n <= (size_t)(seg_end(q->tail) - q->end))
        return q->end;
    struct inq_seg *s = seg_new(q, n);
    if (!s)
        return NULL;
    s->next = NULL;
    if (q->tail) {
        q->tail->next = s;
        ((struct inq_entry *)(void *)q->end)->len = JUMP;
    } else {
        q->first = s;
    }
    q->tail = s;
    q->end = seg_data(s);
    return q->end;
}

/* Header and body in one chunk which belongs to m alone, or is shared by those who only read. */
static int put_join(struct sp_msg *m)
{
    if (!m->hdr_len)
        return sp_msg_own(m);
    size_t n = m->hdr_len + m->body_len;
    struct sp_chunk *c = sp_chunk_new(n);
    if (!c)
        return -ENOMEM;
    memcpy(sp_chunk_data(c), sp_msg_hdr(m), m->hdr_len);
    memcpy(sp_chunk_data(c) + m->hdr_len, m->body, m->body_len);
    sp_msg_drop(m);
    m->chunk = c;
    m->body = sp_chunk_data(c);
    m->body_len = n;
    return 0;
}

static int put_reference(struct sp_inq *q, struct sp_msg *m)
{
    uint8_t *p = put_room(q, sizeof(struct inq_entry) + sizeof(struct inq_ref));
    if (!p || put_join(m) < 0)
        return -ENOMEM;
    ((struct inq_entry *)(void *)p)->len = m->body_len | REFERS;
    p += sizeof(struct inq_entry);
    *(struct inq_ref *)(void *)p = (struct inq_ref){m->chunk, m->body};
    q->end = p + sizeof(struct inq_ref);
    sp_msg_init(m);
    return 0;
}

static int put_copy(struct sp_inq *q, struct sp_msg *m)
{
    size_t n = m->hdr_len + m->body_len;
    uint8_t *p = put_room(q, sizeof(struct inq_entry) + round_up(n));
    if (!p)
        return -ENOMEM;
    ((struct inq_entry *)(void *)p)->len = n;
    p += sizeof(struct inq_entry);
    if (m->hdr_len)
        memcpy(p, sp_msg_hdr(m), m->hdr_len);
    if (m->body_len)
        memcpy(p + m->hdr_len, m->body, m->body_len);
    q->end = p + round_up(n);
    if (m->chunk || m->more)
        sp_msg_drop(m);
    return 0;
}

int sp_inq_put(struct sp_inq *q, struct sp_msg *m)
{
    size_t n = m->hdr_len + m->body_len;
    bool refer = m->body_len > (m->chunk && !m->hdr_len ? OWN_COPY : COPY);
    int rc = refer ? put_reference(q, m) : put_copy(q, m);
    if (rc < 0)
        return rc;
    q->put++;
    q->put_bytes += n;
    atomic_store_explicit(&q->shared_put_bytes, q->put_bytes, memory_order_relaxed);
    atomic_store(&q->shared_put, q->put);
    return atomic_load(&q->idle) && atomic_exchange(&q->idle, false);
}

/* ---- the receiver ---- */

bool sp_inq_any(struct sp_inq *q)
{
    if (q->seen == q->taken)
        q->seen = atomic_load_explicit(&q->shared_put, memory_order_acquire);
    if (q->seen != q->taken)
        return true;
    atomic_store(&q->idle, true);
    q->seen = atomic_load(&q->shared_put);
    if (q->seen == q->taken)
        return false;
    atomic_store(&q->idle, false);
    return true;
}

static void seg_done(struct sp_inq *q, struct inq_seg *s)
{
    struct inq_seg *none = NULL;
    if (!atomic_compare_exchange_strong(&q->spare, &none, s))
        sp_chunk_drop(s->chunk);
}

/* The next message's entry; there is one. What was lent before is not needed any more. */
static struct inq_entry *take_entry(struct sp_inq *q)
{
    if (!q->head) {
        q->head = q->first;
        q->at = seg_data(q->head);
    }
    struct inq_entry *e = (struct inq_entry *)(void *)q->at;
    if (e->len != JUMP)
        return e;
    struct inq_seg *old = q->head;
    q->head = old->next;
    q->at = seg_data(q->head);
    seg_done(q, old);
    return (struct inq_entry *)(void *)q->at;
}

/* Borrows the entry into m; gives its chunk or NULL, and the place behind it. */
static struct sp_chunk *take_look(struct inq_entry *e, struct sp_msg *m, uint8_t **behind)
{
    uint8_t *p = (uint8_t *)(e + 1);
    sp_msg_init(m);
    m->body_len = e->len & ~REFERS;
    m->body = p;
    *behind = p + round_up(m->body_len);
    if (!(e->len & REFERS))
        return NULL;
    struct inq_ref *r = (struct inq_ref *)(void *)p;
    m->body = r->body;
    *behind = p + sizeof *r;
    return r->chunk;
}

static bool take_any(struct sp_inq *q)
{
    if (q->seen == q->taken)
        q->seen = atomic_load_explicit(&q->shared_put, memory_order_acquire);
    return q->seen != q->taken;
}

bool sp_inq_peek(struct sp_inq *q, struct sp_msg *m)
{
    uint8_t *behind;
    if (!take_any(q))
        return false;
    (void)take_look(take_entry(q), m, &behind);
    return true;
}

/* A sender that waits for room puts nothing in, so its counts stand. */
static bool take_made_room(struct sp_inq *q, unsigned parts)
{
    uint64_t n = atomic_load(&q->shared_put);
    uint64_t bytes = atomic_load_explicit(&q->shared_put_bytes, memory_order_relaxed);
    return !is_over(n - q->taken, bytes - q->taken_bytes, q->max, parts) &&
           atomic_exchange(&q->full, 0);
}

bool sp_inq_take(struct sp_inq *q, struct sp_msg *m, bool *tell)
{
    *tell = false;
    if (!take_any(q))
        return false;
    m->chunk = NULL;
    struct sp_chunk *chunk = take_look(take_entry(q), m, &q->at);
    m->chunk = chunk;
    q->taken++;
    q->taken_bytes += m->body_len;
    atomic_store_explicit(&q->shared_taken_bytes, q->taken_bytes, memory_order_relaxed);
    atomic_store(&q->shared_taken, q->taken);
    unsigned parts = atomic_load(&q->full);
    *tell = parts && take_made_room(q, parts);
    return true;
}

/* ---- the end ---- */

size_t sp_inq_held(struct sp_inq *q)
{
    size_t n = 0;
    for (struct inq_seg *s = q->head ? q->head : q->first; s; s = s->next)
        n += sizeof *s->chunk + s->chunk->cap;
    return n + (size_t)(q->put_bytes - q->taken_bytes);
}

void sp_inq_fini(struct sp_inq *q)
{
    struct sp_msg m;
    bool tell;
    while (sp_inq_take(q, &m, &tell))
        sp_msg_drop(&m);
    struct inq_seg *s = q->head ? q->head : q->first, *next;
    for (; s; s = next) {
        next = s->next;
        sp_chunk_drop(s->chunk);
    }
    s = atomic_load(&q->spare);
    if (s)
        sp_chunk_drop(s->chunk);
}
