/* SPDX-License-Identifier: MIT */
#include "transports/tls/scratch.h"
#include <stdatomic.h>

static _Atomic(uint8_t *) scratch_kept[SP_SCRATCH_KEEP];

uint8_t *sp_scratch_get(void)
{
    for (int i = 0; i < SP_SCRATCH_KEEP; i++) {
        if (!atomic_load_explicit(&scratch_kept[i], memory_order_relaxed))
            continue;
        uint8_t *p = atomic_exchange(&scratch_kept[i], NULL);
        if (p)
            return p;
    }
    return sp_alloc(SP_SCRATCH_LEN);
}

void sp_scratch_put(uint8_t *p)
{
    for (int i = 0; p && i < SP_SCRATCH_KEEP; i++) {
        uint8_t *none = NULL;
        if (atomic_compare_exchange_strong(&scratch_kept[i], &none, p))
            return;
    }
    sp_free(p);
}

void sp_scratch_fini(void)
{
    for (int i = 0; i < SP_SCRATCH_KEEP; i++)
        sp_free(atomic_exchange(&scratch_kept[i], NULL));
}
