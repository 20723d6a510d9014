/* SPDX-License-Identifier: MIT */
/* Buffers for ciphertext on its way, shared by all connections, so that an idle one has none. */
#ifndef SP_TLS_SCRATCH_H
#define SP_TLS_SCRATCH_H

#include "base/alloc.h"
#include <stdint.h>

#define SP_SCRATCH_DATA (64 * 1024)              /* data of one batch of records */
#define SP_SCRATCH_LEN  (SP_SCRATCH_DATA + 1024) /* with room for heads, tags and key updates */
#define SP_SCRATCH_KEEP 4                        /* idle buffers kept */

/* Gives a buffer of SP_SCRATCH_LEN bytes, or NULL. Any thread. */
uint8_t *sp_scratch_get(void) SP_MUST_CHECK;
void sp_scratch_put(uint8_t *p);
/* Frees those kept. */
void sp_scratch_fini(void);

#endif
