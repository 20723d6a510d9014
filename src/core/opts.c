/* SPDX-License-Identifier: MIT */
#include "opts.h"
#include <errno.h>
#include <string.h>

static const struct sp_opt *opts_find(const struct sp_opt *rows, size_t n, int id)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].id == id)
            return &rows[i];
    return NULL;
}

int sp_opt_int(const void *v, size_t len, int *out)
{
    if (len != sizeof *out)
        return -EINVAL;
    memcpy(out, v, sizeof *out);
    return 0;
}

int sp_opt_out(void *v, size_t *len, const void *src, size_t n)
{
    size_t k = n < *len ? n : *len;
    if (k)
        memcpy(v, src, k);
    *len = n;
    return 0;
}

int sp_opts_set(const struct sp_opt *rows, size_t n, int id, void *ctx, void *obj, const void *v,
                size_t len)
{
    const struct sp_opt *o = opts_find(rows, n, id);
    if (!o)
        return -ENOPROTOOPT;
    if (o->kind == SP_OPT_CALL)
        return o->set ? o->set(ctx, obj, v, len) : -ENOPROTOOPT;
    int value;
    int rc = sp_opt_int(v, len, &value);
    if (rc < 0)
        return rc;
    if (value < o->lo || value > o->hi)
        return -EINVAL;
    memcpy((char *)obj + o->off, &value, sizeof value);
    return 0;
}

int sp_opts_get(const struct sp_opt *rows, size_t n, int id, void *ctx, void *obj, void *v,
                size_t *len)
{
    const struct sp_opt *o = opts_find(rows, n, id);
    if (!o)
        return -ENOPROTOOPT;
    if (o->kind == SP_OPT_CALL)
        return o->get ? o->get(ctx, obj, v, len) : -ENOPROTOOPT;
    return sp_opt_out(v, len, (char *)obj + o->off, sizeof(int));
}
