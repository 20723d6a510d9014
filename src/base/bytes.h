/* SPDX-License-Identifier: MIT */
/* The cursor through which every byte from or for the wire goes. Errors stick: after a read or
 * write past the end `bad` stays true, reads give zero and writes go nowhere, so one check at the
 * end is enough. */
#ifndef SP_BASE_BYTES_H
#define SP_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sp_reader {
    const uint8_t *p; /* next byte */
    size_t left;      /* bytes from p to the end */
    bool bad;         /* something was asked for that is not there */
};

struct sp_writer {
    uint8_t *start; /* first byte of the buffer */
    size_t len;     /* bytes written */
    size_t cap;     /* bytes that fit */
    bool bad;       /* something did not fit */
};

static inline struct sp_reader sp_reader(const void *p, size_t n)
{
    return (struct sp_reader){p, n, false};
}

static inline struct sp_writer sp_writer(void *p, size_t cap)
{
    return (struct sp_writer){p, 0, cap, false};
}

/* Borrows n bytes, or gives NULL and sets bad. n == 0 gives a non-NULL pointer unless bad. */
static inline const uint8_t *sp_get_bytes(struct sp_reader *r, size_t n)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    r->left -= n;
    return p;
}

/* A big-endian unsigned number of n (1..8) bytes. */
static inline uint64_t sp_get_be(struct sp_reader *r, size_t n)
{
    const uint8_t *p = sp_get_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static inline uint8_t sp_get_u8(struct sp_reader *r)
{
    return (uint8_t)sp_get_be(r, 1);
}
static inline uint16_t sp_get_u16(struct sp_reader *r)
{
    return (uint16_t)sp_get_be(r, 2);
}
static inline uint32_t sp_get_u32(struct sp_reader *r)
{
    return (uint32_t)sp_get_be(r, 4);
}
static inline uint64_t sp_get_u64(struct sp_reader *r)
{
    return sp_get_be(r, 8);
}

/* Reserves n bytes in the output, or gives NULL and sets bad. */
static inline uint8_t *sp_put_room(struct sp_writer *w, size_t n)
{
    if (w->bad || n > w->cap - w->len) {
        w->bad = true;
        return NULL;
    }
    w->len += n;
    return w->start + w->len - n;
}

static inline void sp_put_be(struct sp_writer *w, uint64_t v, size_t n)
{
    uint8_t *p = sp_put_room(w, n);
    for (size_t i = 0; p && i < n; i++)
        p[i] = (uint8_t)(v >> 8 * (n - 1 - i));
}

static inline void sp_put_u8(struct sp_writer *w, uint8_t v)
{
    sp_put_be(w, v, 1);
}
static inline void sp_put_u16(struct sp_writer *w, uint16_t v)
{
    sp_put_be(w, v, 2);
}
static inline void sp_put_u32(struct sp_writer *w, uint32_t v)
{
    sp_put_be(w, v, 4);
}
static inline void sp_put_u64(struct sp_writer *w, uint64_t v)
{
    sp_put_be(w, v, 8);
}

static inline void sp_put_bytes(struct sp_writer *w, const void *src, size_t n)
{
    uint8_t *p = sp_put_room(w, n);
    if (p && n)
        memcpy(p, src, n);
}

/* The same numbers at a place that is known to have room. */
static inline uint32_t sp_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t sp_be64(const uint8_t *p)
{
    return (uint64_t)sp_be32(p) << 32 | sp_be32(p + 4);
}

static inline void sp_set_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8),
    p[3] = (uint8_t)v;
}

static inline void sp_set_be64(uint8_t *p, uint64_t v)
{
    sp_set_be32(p, (uint32_t)(v >> 32));
    sp_set_be32(p + 4, (uint32_t)v);
}

#endif
