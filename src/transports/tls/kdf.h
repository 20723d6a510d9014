/* SPDX-License-Identifier: MIT */
/* The key schedule of TLS 1.3 behind the handshake (RFC 9846, 7.1 to 7.3), done with PSA. */
#ifndef SP_TLS_KDF_H
#define SP_TLS_KDF_H

#include "base/alloc.h"
#include <stdint.h>

#define SP_TLS_SECRET_MAX 48

/* HKDF-Expand-Label with an empty context: n bytes into out, from a secret of hash_len bytes (32:
 * SHA-256, 48: SHA-384), which may be out itself. 0, -ENOMEM, -EIO. */
int sp_kdf_expand_label(size_t hash_len, const uint8_t *secret, const char *label, uint8_t *out,
                        size_t n) SP_MUST_CHECK;
/* The traffic secret after a KeyUpdate, in its place. */
int sp_kdf_next(size_t hash_len, uint8_t *secret) SP_MUST_CHECK;
/* What checking the binder of a 32-byte key costs, without a result: an unknown identity shall take
 * as long to refuse as a known one. */
void sp_kdf_waste_binder(void);

#endif
