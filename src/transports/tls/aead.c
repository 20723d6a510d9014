/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "transports/tls/aead.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic(const struct sp_aead_ops *) aead_ops; /* NULL: not chosen yet */

void sp_aead_choose(void)
{
    if (atomic_load(&aead_ops))
        return;
    const char *want = secure_getenv("NANOSEAL_AEAD");
    bool psa = want && strcmp(want, sp_aead_psa.name) == 0;
    const struct sp_aead_ops *ops = psa || sp_aead_ossl_load() < 0 ? &sp_aead_psa : &sp_aead_ossl;
    const struct sp_aead_ops *none = NULL;
    atomic_compare_exchange_strong(&aead_ops, &none, ops);
}

const struct sp_aead_ops *sp_aead_provider(void)
{
    const struct sp_aead_ops *ops = atomic_load_explicit(&aead_ops, memory_order_relaxed);
    return ops ? ops : &sp_aead_psa;
}

void sp_aead_force(const struct sp_aead_ops *ops)
{
    atomic_store(&aead_ops, ops);
}

int sp_aead_make(struct sp_aead **out, int suite, bool seal, const uint8_t *key)
{
    const struct sp_aead_ops *ops = sp_aead_provider();
    int rc = ops->make(out, suite, seal, key);
    if (rc == -ENOTSUP && ops != &sp_aead_psa)
        rc = sp_aead_psa.make(out, suite, seal, key);
    return rc;
}

void sp_aead_drop(struct sp_aead *a)
{
    if (a)
        a->ops->drop(a);
}

size_t sp_tls_key_len(int suite)
{
    switch (suite) {
    case SP_TLS_AES_128_GCM:
        return 16;
    case SP_TLS_AES_256_GCM:
    case SP_TLS_CHACHA20_POLY1305:
        return 32;
    default:
        return 0;
    }
}

size_t sp_tls_hash_len(int suite)
{
    if (!sp_tls_key_len(suite))
        return 0;
    return suite == SP_TLS_AES_256_GCM ? 48 : 32;
}
