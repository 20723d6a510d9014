/* SPDX-License-Identifier: MIT */
/* Memory for keys: locked where the limit permits, out of core dumps, zeroed in a forked child,
 * wiped on release. */
#ifndef SP_BASE_SECRET_H
#define SP_BASE_SECRET_H

#include "alloc.h"
#include <stdbool.h>

/* Gives n zeroed bytes of key memory, or NULL. Small ones share pages. */
void *sp_secret_alloc(size_t n) SP_MUST_CHECK;
/* Wipes and releases; p may be NULL. */
void sp_secret_free(void *p);
/* In a forked child: forgets all blocks (the kernel has zeroed them) and starts afresh, without a
 * lock. Freeing one of the parent's blocks there does nothing. */
void sp_secret_child(void);
/* Blocks that are allocated now (for tests: no other tool sees them leak). */
size_t sp_secret_count(void);
/* Zeroes n bytes in a way that the compiler keeps. */
void sp_wipe(void *p, size_t n);
/* Compares n bytes in constant time. */
bool sp_secret_equal(const void *a, const void *b, size_t n) SP_MUST_CHECK;

#endif
