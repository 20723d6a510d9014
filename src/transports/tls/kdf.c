/* SPDX-License-Identifier: MIT */
#include "transports/tls/kdf.h"
#include "base/bytes.h"
#include "base/secret.h"
#include <errno.h>
#include <psa/crypto.h>

#define KDF_LABEL_MAX 64 /* struct HkdfLabel with the longest label used */

static int kdf_errno(psa_status_t st)
{
    if (st == PSA_SUCCESS)
        return 0;
    return st == PSA_ERROR_INSUFFICIENT_MEMORY ? -ENOMEM : -EIO;
}

static psa_algorithm_t kdf_hash(size_t hash_len)
{
    return hash_len == 48 ? PSA_ALG_SHA_384 : PSA_ALG_SHA_256;
}

static int kdf_expand(size_t hash_len, const uint8_t *secret, const uint8_t *info, size_t info_len,
                      uint8_t *out, size_t n)
{
    psa_key_derivation_operation_t op = PSA_KEY_DERIVATION_OPERATION_INIT;
    psa_status_t st = psa_key_derivation_setup(&op, PSA_ALG_HKDF_EXPAND(kdf_hash(hash_len)));
    if (st == PSA_SUCCESS)
        st = psa_key_derivation_input_bytes(&op, PSA_KEY_DERIVATION_INPUT_SECRET, secret, hash_len);
    if (st == PSA_SUCCESS)
        st = psa_key_derivation_input_bytes(&op, PSA_KEY_DERIVATION_INPUT_INFO, info, info_len);
    if (st == PSA_SUCCESS)
        st = psa_key_derivation_output_bytes(&op, out, n);
    psa_key_derivation_abort(&op);
    return kdf_errno(st);
}

int sp_kdf_expand_label(size_t hash_len, const uint8_t *secret, const char *label, uint8_t *out,
                        size_t n)
{
    uint8_t info[KDF_LABEL_MAX];
    struct sp_writer w = sp_writer(info, sizeof info);
    sp_put_u16(&w, (uint16_t)n);
    sp_put_u8(&w, (uint8_t)(6 + strlen(label)));
    sp_put_bytes(&w, "tls13 ", 6);
    sp_put_bytes(&w, label, strlen(label));
    sp_put_u8(&w, 0);
    return w.bad ? -EINVAL : kdf_expand(hash_len, secret, info, w.len, out, n);
}

int sp_kdf_next(size_t hash_len, uint8_t *secret)
{
    uint8_t next[SP_TLS_SECRET_MAX];
    int rc = sp_kdf_expand_label(hash_len, secret, "traffic upd", next, hash_len);
    if (rc == 0)
        memcpy(secret, next, hash_len);
    sp_wipe(next, sizeof next);
    return rc;
}

/* An import and five HMACs of this kind cost what mbedTLS's check of a binder does, within 5 %:
 * test_tls_handshake --timing shows both. */
void sp_kdf_waste_binder(void)
{
    static const uint8_t key[32] = {1};
    uint8_t secret[32];
    psa_key_attributes_t attr = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_usage_flags(&attr, PSA_KEY_USAGE_DERIVE | PSA_KEY_USAGE_EXPORT);
    psa_set_key_algorithm(&attr, PSA_ALG_HKDF_EXTRACT(PSA_ALG_ANY_HASH));
    psa_set_key_type(&attr, PSA_KEY_TYPE_DERIVE);
    psa_key_id_t id = 0;
    psa_status_t st = psa_import_key(&attr, key, sizeof key, &id);
    int rc = sp_kdf_expand_label(32, key, "derived", secret, sizeof secret);
    for (int i = 0; rc == 0 && i < 4; i++)
        rc = sp_kdf_expand_label(32, secret, "ext binder", secret, sizeof secret);
    if (st == PSA_SUCCESS)
        psa_destroy_key(id);
}
