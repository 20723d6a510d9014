/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "base/clock.h"

/* Without a callback uv_random works here and now, in this thread. */
int sp_random(void *buf, size_t n)
{
    return uv_random(NULL, NULL, buf, n, 0, NULL);
}

uint32_t sp_random_u32(void)
{
    uint32_t v;
    if (!sp_random(&v, sizeof v))
        return v;
    return (uint32_t)(sp_now() * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}
