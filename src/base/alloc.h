/* SPDX-License-Identifier: MIT */
/* The only place that calls malloc, with a hook through which tests fail any single allocation. */
#ifndef SP_BASE_ALLOC_H
#define SP_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#define SP_MUST_CHECK __attribute__((warn_unused_result))

/* When set, asked before each allocation (also mbedTLS's); true makes that one fail with NULL. Any
 * thread. */
extern bool (*_Atomic sp_alloc_hook)(void);
/* Asks the hook (for what gets memory otherwise than by malloc): true when this allocation shall
 * fail. */
bool sp_alloc_refused(void) SP_MUST_CHECK;

/* Each gives memory that the caller frees with sp_free, or NULL. sp_calloc checks n * size for
 * overflow. */
void *sp_alloc(size_t n) SP_MUST_CHECK;
void *sp_calloc(size_t n, size_t size) SP_MUST_CHECK;
/* As realloc(3): on NULL the old block is unchanged and still the caller's. */
void *sp_realloc(void *p, size_t n) SP_MUST_CHECK;
void sp_free(void *p);
/* Gives free memory back to the system, where it would else be kept after a peak. May take milliseconds. */
void sp_alloc_trim(void);
/* Gives a copy of n bytes with a zero byte behind them. */
void *sp_memdup(const void *p, size_t n) SP_MUST_CHECK;

#endif
