/* SPDX-License-Identifier: MIT */
/* Monotonic time in nanoseconds. */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <stdint.h>
#include <uv.h>

#define SP_NEVER UINT64_MAX
#define SP_MS    UINT64_C(1000000)

static inline uint64_t sp_now(void)
{
    return uv_hrtime();
}

/* Time-out in ms, negative is for ever, as a deadline. */
static inline uint64_t sp_deadline(int ms)
{
    return ms < 0 ? SP_NEVER : sp_now() + (uint64_t)ms * SP_MS;
}

#endif
