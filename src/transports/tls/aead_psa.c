/* SPDX-License-Identifier: MIT */
/* mbedTLS's AEAD through PSA: always there, and slow. The calls take one piece in and one out, so
 * pieces are gathered into the output and sealed in place, or opened in place and scattered.
 *
 * Memory can run out at any call: PSA copies what it is given. Everything else than a wrong tag is
 * an error of the library, -EIO. */
#include "transports/tls/aead.h"
#include <errno.h>
#include <psa/crypto.h>
#include <string.h>

struct psa_aead {
    struct sp_aead base;
    psa_key_id_t key;    /* a volatile key, or 0 */
    psa_algorithm_t alg; /* GCM or ChaCha20-Poly1305 */
    psa_key_type_t type; /* AES or ChaCha20 */
    psa_key_usage_t use; /* seal or open */
    uint8_t key_len;     /* bytes */
};

static int psa_errno(psa_status_t st)
{
    if (st == PSA_SUCCESS)
        return 0;
    if (st == PSA_ERROR_INSUFFICIENT_MEMORY)
        return -ENOMEM;
    if (st == PSA_ERROR_INVALID_SIGNATURE)
        return -EBADMSG;
    return st == PSA_ERROR_NOT_SUPPORTED ? -ENOTSUP : -EIO;
}

static int psa_rekey(struct sp_aead *base, const uint8_t *key)
{
    struct psa_aead *a = (struct psa_aead *)base;
    psa_key_attributes_t attr = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_usage_flags(&attr, a->use);
    psa_set_key_algorithm(&attr, a->alg);
    psa_set_key_type(&attr, a->type);
    psa_destroy_key(a->key);
    a->key = 0;
    return psa_errno(psa_import_key(&attr, key, a->key_len, &a->key));
}

static void psa_drop(struct sp_aead *base)
{
    struct psa_aead *a = (struct psa_aead *)base;
    psa_destroy_key(a->key);
    sp_free(a);
}

static int psa_make(struct sp_aead **out, int suite, bool seal, const uint8_t *key)
{
    if (!sp_tls_key_len(suite))
        return -ENOTSUP;
    struct psa_aead *a = sp_calloc(1, sizeof *a);
    if (!a)
        return -ENOMEM;
    bool chacha = suite == SP_TLS_CHACHA20_POLY1305;
    a->base.ops = &sp_aead_psa;
    a->alg = chacha ? PSA_ALG_CHACHA20_POLY1305 : PSA_ALG_GCM;
    a->type = chacha ? PSA_KEY_TYPE_CHACHA20 : PSA_KEY_TYPE_AES;
    a->use = seal ? PSA_KEY_USAGE_ENCRYPT : PSA_KEY_USAGE_DECRYPT;
    a->key_len = (uint8_t)sp_tls_key_len(suite);
    int rc = psa_rekey(&a->base, key);
    if (rc < 0)
        psa_drop(&a->base);
    else
        *out = &a->base;
    return rc;
}

static int psa_seal(struct sp_aead *base, const uint8_t *nonce, const uint8_t aad[5],
                    const struct iovec *in, int n, uint8_t tail, uint8_t *out)
{
    struct psa_aead *a = (struct psa_aead *)base;
    size_t len = 0, got;
    for (int i = 0; i < n; len += in[i++].iov_len)
        if (in[i].iov_len)
            memcpy(out + len, in[i].iov_base, in[i].iov_len);
    out[len++] = tail;
    return psa_errno(psa_aead_encrypt(a->key, a->alg, nonce, SP_AEAD_NONCE, aad, 5, out, len, out,
                                      len + SP_AEAD_TAG, &got));
}

static int psa_open(struct sp_aead *base, const uint8_t *nonce, const uint8_t aad[5], uint8_t *ct,
                    size_t len, const struct iovec *out, int n)
{
    struct psa_aead *a = (struct psa_aead *)base;
    size_t got;
    int rc = psa_errno(psa_aead_decrypt(a->key, a->alg, nonce, SP_AEAD_NONCE, aad, 5, ct,
                                        len + SP_AEAD_TAG, ct, len, &got));
    if (rc < 0)
        return rc;
    for (int i = 0; i < n; ct += out[i++].iov_len)
        if (out[i].iov_base != ct && out[i].iov_len)
            memmove(out[i].iov_base, ct, out[i].iov_len);
    return 0;
}

const struct sp_aead_ops sp_aead_psa = {"psa", psa_make, psa_rekey, psa_seal, psa_open, psa_drop};
