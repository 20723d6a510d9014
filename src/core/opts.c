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

static int opts_set_int(const struct sp_opt *o, void *at, const void *v, size_t len)
{
    int value;
    int rc = sp_opt_int(v, len, &value);
    if (rc < 0)
        return rc;
    if (o->kind == SP_OPT_MS)
        value = value < 0 ? -1 : value;
    else if (value < o->lo || value > o->hi)
        return -EINVAL;
    __atomic_store_n((int *)at, value, __ATOMIC_RELAXED);
    return 0;
}

/* What lies behind the string is cleared, too. */
static int opts_set_string(const struct sp_opt *o, char *at, const void *v, size_t len)
{
    size_t room = (size_t)o->hi;
    if (room == 0)
        return -ENOPROTOOPT;
    if (len > room)
        return -EINVAL;
    if (len)
        memcpy(at, v, len);
    memset(at + len, 0, room + 1 - len);
    return 0;
}

static int opts_get_string(const char *at, void *v, size_t *len)
{
    size_t n = strlen(at);
    int rc = sp_opt_out(v, len, at, n + 1);
    *len = n;
    return rc;
}

int sp_opts_set(const struct sp_opt *rows, size_t n, int id, void *ctx, void *obj, const void *v,
                size_t len)
{
    const struct sp_opt *o = opts_find(rows, n, id);
    if (!o)
        return -ENOPROTOOPT;
    if (o->kind == SP_OPT_CALL)
        return o->set ? o->set(ctx, obj, v, len) : -ENOPROTOOPT;
    int rc = o->kind == SP_OPT_STRING ? opts_set_string(o, (char *)obj + o->off, v, len)
                                      : opts_set_int(o, (char *)obj + o->off, v, len);
    if (rc == 0 && o->changed)
        o->changed(ctx);
    return rc;
}

int sp_opts_get(const struct sp_opt *rows, size_t n, int id, void *ctx, void *obj, void *v,
                size_t *len)
{
    const struct sp_opt *o = opts_find(rows, n, id);
    if (!o)
        return -ENOPROTOOPT;
    if (o->kind == SP_OPT_CALL)
        return o->get ? o->get(ctx, obj, v, len) : -ENOPROTOOPT;
    if (o->kind == SP_OPT_STRING)
        return opts_get_string((char *)obj + o->off, v, len);
    return sp_opt_out(v, len, (char *)obj + o->off, sizeof(int));
}
