/* SPDX-License-Identifier: MIT */
/* Level NN_TLS: the configuration of later binds and connects, and the brake on wrong keys. */
#include "transports/tls/config.h"
#include <errno.h>
#include <limits.h>

static int options_set_config(void *ctx, void *obj, const void *v, size_t len)
{
    (void)ctx;
    struct sp_tls_block *b = obj;
    int h, rc = sp_opt_int(v, len, &h);
    if (rc < 0)
        return rc;
    struct sp_tls_cfg *cfg = h ? sp_tls_cfg_get(h) : NULL;
    if (h && !cfg)
        return -EBADF;
    sp_tls_cfg_drop(b->cfg);
    b->cfg = cfg;
    b->handle = h;
    return 0;
}

static int options_get_config(void *ctx, void *obj, void *v, size_t *len)
{
    (void)ctx;
    const struct sp_tls_block *b = obj;
    return sp_opt_out(v, len, &b->handle, sizeof b->handle);
}

static const struct sp_opt options_rows[] = {
    {.id = NN_TLS_CONFIG,
     .kind = SP_OPT_CALL,
     .set = options_set_config,
     .get = options_get_config},
    {.id = NN_TLS_WRONG_KEYS,
     .kind = SP_OPT_INT,
     .lo = 0,
     .hi = INT_MAX,
     .off = offsetof(struct sp_tls_block, wrong_keys)},
    {.id = NN_TLS_WRONG_KEY_DELAY,
     .kind = SP_OPT_INT,
     .lo = 0,
     .hi = INT_MAX,
     .off = offsetof(struct sp_tls_block, delay_ms)},
};

static void options_init(void *block)
{
    *(struct sp_tls_block *)block =
        (struct sp_tls_block){.wrong_keys = SP_GUARD_FREE, .delay_ms = SP_GUARD_LONGEST_MS};
}

/* A snapshot starts with its own turn. */
static void options_copy(void *dst, const void *src)
{
    struct sp_tls_block *to = dst;
    *to = *(const struct sp_tls_block *)src;
    to->turn = NULL;
    sp_tls_cfg_hold(to->cfg);
}

static void options_fini(void *block)
{
    struct sp_tls_block *b = block;
    sp_tls_cfg_drop(b->cfg);
    sp_tls_turn_drop(b->turn);
    b->cfg = NULL;
    b->turn = NULL;
}

const struct sp_optlevel sp_tls_opts = {
    .level = NN_TLS,
    .size = sizeof(struct sp_tls_block),
    .opts = options_rows,
    .n_opts = sizeof options_rows / sizeof *options_rows,
    .init = options_init,
    .copy = options_copy,
    .fini = options_fini,
};

struct sp_tls_turn *sp_tls_block_turn(struct sp_tls_block *b)
{
    if (!b->turn) {
        b->turn = sp_calloc(1, sizeof *b->turn);
        if (!b->turn)
            return NULL;
        atomic_init(&b->turn->refs, 1);
    }
    atomic_fetch_add_explicit(&b->turn->refs, 1, memory_order_relaxed);
    return b->turn;
}

void sp_tls_turn_drop(struct sp_tls_turn *t)
{
    if (t && atomic_fetch_sub(&t->refs, 1) == 1)
        sp_free(t);
}
