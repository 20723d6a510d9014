/* SPDX-License-Identifier: MIT */
#include "iov.h"
#include <string.h>

struct sp_iov sp_iov(const struct iovec *v, int n)
{
    struct sp_iov c = {v, n, 0, 0};
    for (int i = 0; i < n; i++)
        c.left += v[i].iov_len;
    return c;
}

int sp_iov_cut(const struct sp_iov *c, size_t len, struct iovec *piece, int max, size_t *got)
{
    int k = 0;
    size_t off = c->off;
    *got = 0;
    for (int i = 0; i < c->n && k < max && *got < len; i++, off = 0) {
        size_t here = c->v[i].iov_len - off;
        if (here > len - *got)
            here = len - *got;
        if (here)
            piece[k++] = (struct iovec){(char *)c->v[i].iov_base + off, here};
        *got += here;
    }
    return k;
}

void sp_iov_skip(struct sp_iov *c, size_t len)
{
    c->left -= len;
    c->off += len;
    while (c->n && c->off >= c->v->iov_len) {
        c->off -= c->v->iov_len;
        c->v++, c->n--;
    }
}

void sp_iov_put(struct sp_iov *c, const void *src, size_t len)
{
    const char *from = src;
    while (len) {
        struct iovec piece;
        size_t got;
        sp_iov_cut(c, len, &piece, 1, &got);
        memcpy(piece.iov_base, from, got);
        sp_iov_skip(c, got);
        from += got, len -= got;
    }
}

void sp_iov_peek(const struct sp_iov *c, void *dst, size_t len)
{
    struct sp_iov at = *c;
    char *to = dst;
    while (len) {
        struct iovec piece;
        size_t got;
        sp_iov_cut(&at, len, &piece, 1, &got);
        memcpy(to, piece.iov_base, got);
        sp_iov_skip(&at, got);
        to += got, len -= got;
    }
}
