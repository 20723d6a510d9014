/* SPDX-License-Identifier: MIT */
/* Chunks carry bodies; references move between the application, the protocols and the pipes without
 * copies. Slabs are chunks of one size that are read into; a few are kept because a stream needs a
 * new one every thousand messages.
 *
 * Failure modes: every function that allocates can fail with -ENOMEM or NULL and then has changed
 * nothing. A pointer that is not a chunk is told by its magic, as far as that is possible at all.
 */
#include "msg.h"
#include "../base/lock.h"
#include <errno.h>

#define CHUNK_LIVE 0x6e6e6d73u
#define CHUNK_DEAD 0xdeadc0deu
#define SLABS_KEPT 4

static _Atomic(struct sp_chunk *) slabs[SLABS_KEPT];

static void chunk_free(struct sp_chunk *c)
{
    c->magic = CHUNK_DEAD;
    sp_free(c);
}

static void chunk_set(struct sp_chunk *c, size_t n, void (*free_fn)(struct sp_chunk *))
{
    c->magic = CHUNK_LIVE;
    atomic_init(&c->refs, 1);
    c->cap = c->len = n;
    c->free = free_fn;
}

struct sp_chunk *sp_chunk_new(size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    struct sp_chunk *c = sp_alloc(sizeof *c + n);
    if (c)
        chunk_set(c, n, chunk_free);
    return c;
}

struct sp_chunk *sp_chunk_grow(struct sp_chunk *c, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    struct sp_chunk *d = sp_realloc(c, sizeof *c + n);
    if (d) {
        d->cap = d->len = n;
        d->free = chunk_free; /* a slab is none any more */
    }
    return d;
}

void sp_chunk_hold(struct sp_chunk *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void sp_chunk_drop(struct sp_chunk *c)
{
    if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        c->free(c);
}

struct sp_chunk *sp_chunk_of(void *body)
{
    if (!body || (uintptr_t)body % 16)
        return NULL;
    struct sp_chunk *c = (struct sp_chunk *)body - 1;
    return c->magic == CHUNK_LIVE ? c : NULL;
}

static void slab_free(struct sp_chunk *c)
{
    c->magic = CHUNK_DEAD;
    for (int i = 0; i < SLABS_KEPT; i++) {
        struct sp_chunk *none = NULL;
        if (atomic_compare_exchange_strong(&slabs[i], &none, c))
            return;
    }
    chunk_free(c);
}

struct sp_chunk *sp_slab_new(void)
{
    struct sp_chunk *c = NULL;
    for (int i = 0; i < SLABS_KEPT && !c; i++)
        if (atomic_load_explicit(&slabs[i], memory_order_relaxed))
            c = atomic_exchange(&slabs[i], NULL);
    if (!c)
        c = sp_alloc(sizeof *c + SP_SLAB_SIZE);
    if (c)
        chunk_set(c, SP_SLAB_SIZE, slab_free);
    return c;
}

void sp_slab_flush(void)
{
    for (int i = 0; i < SLABS_KEPT; i++) {
        struct sp_chunk *c = atomic_exchange(&slabs[i], NULL);
        if (c)
            chunk_free(c);
    }
}

void sp_msg_drop(struct sp_msg *m)
{
    sp_chunk_drop(m->chunk);
    sp_chunk_drop(m->more);
    sp_msg_init(m);
}

int sp_msg_own(struct sp_msg *m)
{
    if (m->chunk)
        return 0;
    struct sp_chunk *c = sp_chunk_new(m->body_len);
    if (!c)
        return -ENOMEM;
    if (m->body_len)
        memcpy(sp_chunk_data(c), m->body, m->body_len);
    m->chunk = c;
    m->body = sp_chunk_data(c);
    return 0;
}

int sp_msg_share(struct sp_msg *dst, const struct sp_msg *src)
{
    struct sp_msg m;
    sp_msg_init(&m);
    int rc = sp_msg_hdr_set(&m, src->more ? sp_chunk_data(src->more) : src->hdr, src->hdr_len);
    if (rc < 0)
        return rc;
    m.body = src->body;
    m.body_len = src->body_len;
    m.chunk = src->chunk;
    m.pipe = src->pipe;
    m.type = src->type;
    sp_chunk_hold(m.chunk);
    sp_msg_move(dst, &m);
    return 0;
}

/* Replaces the header by a ++ b; both may lie in the old one. */
static int hdr_join(struct sp_msg *m, const uint8_t *a, size_t a_len, const uint8_t *b,
                    size_t b_len)
{
    size_t n = a_len + b_len;
    if (n > SP_HDR_MAX)
        return -EMSGSIZE;
    struct sp_chunk *more = NULL;
    if (n > SP_HDR_INLINE) {
        more = sp_chunk_new(n);
        if (!more)
            return -ENOMEM;
    }
    uint8_t *to = more ? sp_chunk_data(more) : m->hdr;
    if (b_len)
        memmove(to + a_len, b, b_len);
    if (a_len)
        memmove(to, a, a_len);
    sp_chunk_drop(m->more);
    m->more = more;
    m->hdr_len = (uint16_t)n;
    return 0;
}

int sp_msg_hdr_set(struct sp_msg *m, const void *hdr, size_t n)
{
    return hdr_join(m, hdr, n, NULL, 0);
}

int sp_msg_hdr_push(struct sp_msg *m, uint32_t v)
{
    uint8_t be[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    return hdr_join(m, be, sizeof be, sp_msg_hdr(m), m->hdr_len);
}

void sp_msg_hdr_pull(struct sp_msg *m, size_t n)
{
    uint8_t *h = sp_msg_hdr(m);
    memmove(h, h + n, (size_t)m->hdr_len - n);
    m->hdr_len = (uint16_t)(m->hdr_len - n);
}
