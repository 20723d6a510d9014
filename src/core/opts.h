/* SPDX-License-Identifier: MIT */
/* Options are rows of tables: number, kind, range, where the value is. */
#ifndef SP_CORE_OPTS_H
#define SP_CORE_OPTS_H

#include "../base/alloc.h"
#include <stdint.h>

enum sp_opt_kind {
    SP_OPT_INT,    /* int in lo..hi, stored atomically */
    SP_OPT_MS,     /* int, milliseconds: all that is negative means for ever, and is stored as -1 */
    SP_OPT_STRING, /* array of char; got with its NUL if there is room, which does not count */
    SP_OPT_CALL,   /* set and get below do all */
};

struct sp_opt {
    int id;                /* public number */
    enum sp_opt_kind kind; /* how it is stored */
    int lo, hi;            /* range of SP_OPT_INT; hi: most bytes of SP_OPT_STRING, 0: get only */
    size_t off;            /* offset of the value in the object; unused by SP_OPT_CALL */
    void (*changed)(void *ctx); /* NULL, or called when a value was stored; not by SP_OPT_CALL */
    /* `ctx` is the sp_sock. NULL: -ENOPROTOOPT. get writes at most *len bytes, then sets *len to
     * the option's size. Called with the socket's lock held. */
    int (*set)(void *ctx, void *obj, const void *v, size_t len);
    int (*get)(void *ctx, void *obj, void *v, size_t *len);
};

/* Finds `id` in n rows and applies it to obj. -ENOPROTOOPT, -EINVAL, or what the row says. */
int sp_opts_set(const struct sp_opt *rows, size_t n, int id, void *ctx, void *obj, const void *v,
                size_t len) SP_MUST_CHECK;
int sp_opts_get(const struct sp_opt *rows, size_t n, int id, void *ctx, void *obj, void *v,
                size_t *len) SP_MUST_CHECK;
/* Helpers for rows: copy a value out with silent truncation; read an int exactly. */
int sp_opt_out(void *v, size_t *len, const void *src, size_t n);
int sp_opt_int(const void *v, size_t len, int *out) SP_MUST_CHECK;

#endif
