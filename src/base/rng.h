/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_RNG_H
#define SP_BASE_RNG_H

#include "alloc.h"
#include <stdint.h>

/* Fills buf with n bytes from the system's generator. 0 or a negative errno. */
int sp_random(void *buf, size_t n) SP_MUST_CHECK;
/* A number for jitter and ids that need no secrecy; falls back to the clock when the system gives
 * none. */
uint32_t sp_random_u32(void);

#endif
