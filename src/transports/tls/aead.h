/* SPDX-License-Identifier: MIT */
/* The AEAD seam: one small table for each library that can do the arithmetic. A context is one
 * direction of one connection and is used by one thread at a time. */
#ifndef SP_TLS_AEAD_H
#define SP_TLS_AEAD_H

#include "base/alloc.h"
#include <stdint.h>
#include <sys/uio.h>

#define SP_AEAD_NONCE   12
#define SP_AEAD_TAG     16
#define SP_AEAD_KEY_MAX 32

/* TLS 1.3 cipher suites, by their IANA numbers. */
#define SP_TLS_AES_128_GCM       0x1301
#define SP_TLS_AES_256_GCM       0x1302
#define SP_TLS_CHACHA20_POLY1305 0x1303

struct sp_aead_ops;

struct sp_aead {
    const struct sp_aead_ops *ops; /* who made it */
};

struct sp_aead_ops {
    const char *name; /* "libcrypto", "psa" */
    /* Gives a context for `suite` keyed with `key` (borrowed, sp_tls_key_len bytes), for sealing or
     * for opening. -ENOTSUP when the library lacks the cipher, -ENOMEM. */
    int (*make)(struct sp_aead **out, int suite, bool seal, const uint8_t *key);
    /* Replaces the key. On failure the context must only be dropped. */
    int (*rekey)(struct sp_aead *a, const uint8_t *key);
    /* Seals the pieces in[0..n) and the byte `tail` behind them; out gets their sum + 1 +
     * SP_AEAD_TAG bytes. The pieces must not overlap out. 0 or a negative errno. */
    int (*seal)(struct sp_aead *a, const uint8_t *nonce, const uint8_t aad[5],
                const struct iovec *in, int n, uint8_t tail, uint8_t *out);
    /* Opens len bytes at ct, their tag behind them, into the pieces out[0..n) that hold exactly
     * len. One piece may be ct itself; ct may be overwritten. -EBADMSG: not authentic, what is in
     * the pieces then means nothing. */
    int (*open)(struct sp_aead *a, const uint8_t *nonce, const uint8_t aad[5], uint8_t *ct,
                size_t len, const struct iovec *out, int n);
    /* Wipes and frees. */
    void (*drop)(struct sp_aead *a);
};

extern const struct sp_aead_ops sp_aead_psa;
extern const struct sp_aead_ops sp_aead_ossl;

/* Opens libcrypto where there is one; once per process. 0, or -ENOENT: use the other. */
int sp_aead_ossl_load(void) SP_MUST_CHECK;

/* Chooses the provider: libcrypto, else PSA (psa_crypto_init has been called). The first call
 * counts. NANOSEAL_AEAD=psa in the environment, where trusted, chooses PSA. */
void sp_aead_choose(void);
/* The one in use, never NULL; PSA before sp_aead_choose. */
const struct sp_aead_ops *sp_aead_provider(void);
/* For tests: uses `ops` from now on; what exists stays with its maker. */
void sp_aead_force(const struct sp_aead_ops *ops);

/* As ops->make with the provider, or with PSA for a cipher that the provider lacks. */
int sp_aead_make(struct sp_aead **out, int suite, bool seal, const uint8_t *key) SP_MUST_CHECK;
/* a may be NULL. */
void sp_aead_drop(struct sp_aead *a);
/* Bytes of a suite's key (16, 32) or of its hash (32, 48); 0 for a suite that is not ours. */
size_t sp_tls_key_len(int suite);
size_t sp_tls_hash_len(int suite);

#endif
