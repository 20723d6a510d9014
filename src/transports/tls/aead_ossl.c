/* SPDX-License-Identifier: MIT */
/* libcrypto's AEAD, opened at run time: a program that uses no TLS must not pay for it, and a
 * system without it must work. One keyed EVP context a direction; a record costs a new nonce, the
 * pieces and the tag. Small records are gathered first, since a call costs more than copying 1 KiB.
 *
 * Only the functions below are used, the same in 1.1 and 3. A missing library, function or cipher
 * (a FIPS provider has no ChaCha20) is -ENOENT or -ENOTSUP, and PSA does it. Errors that libcrypto
 * notes in the thread's queue are taken back: the application may be a user of it too. */
#include "transports/tls/aead.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#define OSSL_GET_TAG      0x10 /* EVP_CTRL_AEAD_GET_TAG */
#define OSSL_SET_TAG      0x11 /* EVP_CTRL_AEAD_SET_TAG */
#define OSSL_NO_ATEXIT    0x00080000u
#define OSSL_GATHER_BELOW 1024

struct ossl_aead {
    struct sp_aead base;
    void *ctx; /* EVP_CIPHER_CTX */
};

static struct {
    int (*init_crypto)(uint64_t, const void *);
    void *(*ctx_new)(void);
    void (*ctx_free)(void *);
    const void *(*aes_128_gcm)(void);
    const void *(*aes_256_gcm)(void);
    const void *(*chacha20_poly1305)(void);
    int (*init)(void *, const void *, void *, const uint8_t *, const uint8_t *, int);
    int (*update)(void *, uint8_t *, int *, const uint8_t *, int);
    int (*final)(void *, uint8_t *, int *);
    int (*ctrl)(void *, int, int, void *);
    int (*set_mark)(void);
    int (*pop_to_mark)(void);
} ossl;

static const struct {
    const char *name; /* in the library */
    void *slot;       /* pointer to the function pointer */
} ossl_names[] = {
    {"OPENSSL_init_crypto", &ossl.init_crypto}, {"EVP_CIPHER_CTX_new", &ossl.ctx_new},
    {"EVP_CIPHER_CTX_free", &ossl.ctx_free},    {"EVP_aes_128_gcm", &ossl.aes_128_gcm},
    {"EVP_aes_256_gcm", &ossl.aes_256_gcm},     {"EVP_chacha20_poly1305", &ossl.chacha20_poly1305},
    {"EVP_CipherInit_ex", &ossl.init},          {"EVP_CipherUpdate", &ossl.update},
    {"EVP_CipherFinal_ex", &ossl.final},        {"EVP_CIPHER_CTX_ctrl", &ossl.ctrl},
    {"ERR_set_mark", &ossl.set_mark},           {"ERR_pop_to_mark", &ossl.pop_to_mark},
};

static pthread_once_t ossl_once = PTHREAD_ONCE_INIT;
static int ossl_loaded; /* 0 or a negative errno */

static int ossl_open_library(void)
{
    static const char *const names[] = {"libcrypto.so.3", "libcrypto.so.1.1"};
    void *lib = NULL;
    for (size_t i = 0; !lib && i < sizeof names / sizeof *names; i++)
        lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        return -ENOENT;
    for (size_t i = 0; i < sizeof ossl_names / sizeof *ossl_names; i++) {
        void *fn = dlsym(lib, ossl_names[i].name);
        if (!fn) {
            dlclose(lib);
            return -ENOENT;
        }
        memcpy(ossl_names[i].slot, &fn, sizeof fn);
    }
    return 0;
}

/* Without its exit handler: a thread of ours may be sealing while the process exits. */
static void ossl_load(void)
{
    ossl_loaded = ossl_open_library();
    if (ossl_loaded == 0 && !ossl.init_crypto(OSSL_NO_ATEXIT, NULL))
        ossl_loaded = -ENOENT;
}

int sp_aead_ossl_load(void)
{
    pthread_once(&ossl_once, ossl_load);
    return ossl_loaded;
}

static const void *ossl_cipher(int suite)
{
    switch (suite) {
    case SP_TLS_AES_128_GCM:
        return ossl.aes_128_gcm();
    case SP_TLS_AES_256_GCM:
        return ossl.aes_256_gcm();
    default:
        return ossl.chacha20_poly1305();
    }
}

static int ossl_rekey(struct sp_aead *base, const uint8_t *key)
{
    struct ossl_aead *a = (struct ossl_aead *)base;
    ossl.set_mark();
    bool ok = ossl.init(a->ctx, NULL, NULL, key, NULL, -1) == 1;
    ossl.pop_to_mark();
    return ok ? 0 : -ENOMEM;
}

static void ossl_drop(struct sp_aead *base)
{
    struct ossl_aead *a = (struct ossl_aead *)base;
    ossl.ctx_free(a->ctx);
    sp_free(a);
}

static int ossl_key(struct ossl_aead *a, int suite, bool seal, const uint8_t *key)
{
    ossl.set_mark();
    a->ctx = sp_alloc_refused() ? NULL : ossl.ctx_new();
    bool ok = a->ctx && ossl.init(a->ctx, ossl_cipher(suite), NULL, key, NULL, seal) == 1;
    ossl.pop_to_mark();
    if (ok)
        return 0;
    return a->ctx ? -ENOTSUP : -ENOMEM;
}

static int ossl_make(struct sp_aead **out, int suite, bool seal, const uint8_t *key)
{
    if (!sp_tls_key_len(suite) || sp_aead_ossl_load() < 0)
        return -ENOTSUP;
    struct ossl_aead *a = sp_calloc(1, sizeof *a);
    if (!a)
        return -ENOMEM;
    a->base.ops = &sp_aead_ossl;
    int rc = ossl_key(a, suite, seal, key);
    if (rc < 0)
        ossl_drop(&a->base);
    else
        *out = &a->base;
    return rc;
}

static bool ossl_begin(struct ossl_aead *a, const uint8_t *nonce, const uint8_t aad[5])
{
    int n;
    return ossl.init(a->ctx, NULL, NULL, NULL, nonce, -1) == 1 &&
           ossl.update(a->ctx, NULL, &n, aad, 5) == 1;
}

static bool ossl_piece(struct ossl_aead *a, uint8_t *out, const void *in, size_t len)
{
    int n;
    return len == 0 || (len <= INT_MAX && ossl.update(a->ctx, out, &n, in, (int)len) == 1);
}

static size_t ossl_sum(const struct iovec *v, int n)
{
    size_t len = 0;
    for (int i = 0; i < n; i++)
        len += v[i].iov_len;
    return len;
}

/* Puts the pieces and the tail at out, sealed; gives where the tag goes, or NULL. */
static uint8_t *ossl_seal_pieces(struct ossl_aead *a, const struct iovec *in, int n, uint8_t tail,
                                 uint8_t *out)
{
    bool gather = ossl_sum(in, n) < OSSL_GATHER_BELOW, ok = true;
    uint8_t *at = out;
    for (int i = 0; i < n; at += in[i++].iov_len) {
        if (!gather)
            ok = ok && ossl_piece(a, at, in[i].iov_base, in[i].iov_len);
        else if (in[i].iov_len)
            memcpy(at, in[i].iov_base, in[i].iov_len);
    }
    *at++ = tail;
    uint8_t *from = gather ? out : at - 1;
    return ok && ossl_piece(a, from, from, (size_t)(at - from)) ? at : NULL;
}

static int ossl_seal(struct sp_aead *base, const uint8_t *nonce, const uint8_t aad[5],
                     const struct iovec *in, int n, uint8_t tail, uint8_t *out)
{
    struct ossl_aead *a = (struct ossl_aead *)base;
    if (!ossl_begin(a, nonce, aad))
        return -EIO;
    uint8_t *tag = ossl_seal_pieces(a, in, n, tail, out);
    int left;
    bool ok = tag && ossl.final(a->ctx, tag, &left) == 1 &&
              ossl.ctrl(a->ctx, OSSL_GET_TAG, SP_AEAD_TAG, tag) == 1;
    return ok ? 0 : -EIO;
}

static bool ossl_verify(struct ossl_aead *a)
{
    uint8_t none[SP_AEAD_TAG];
    int left;
    ossl.set_mark();
    bool ok = ossl.final(a->ctx, none, &left) == 1;
    ossl.pop_to_mark();
    return ok;
}

static int ossl_open(struct sp_aead *base, const uint8_t *nonce, const uint8_t aad[5], uint8_t *ct,
                     size_t len, const struct iovec *out, int n)
{
    struct ossl_aead *a = (struct ossl_aead *)base;
    bool ok =
        ossl_begin(a, nonce, aad) && ossl.ctrl(a->ctx, OSSL_SET_TAG, SP_AEAD_TAG, ct + len) == 1;
    bool gather = n > 1 && len < OSSL_GATHER_BELOW;
    if (gather)
        ok = ok && ossl_piece(a, ct, ct, len);
    for (int i = 0; i < n; ct += out[i++].iov_len) {
        if (!gather)
            ok = ok && ossl_piece(a, out[i].iov_base, ct, out[i].iov_len);
        else if (out[i].iov_len && out[i].iov_base != ct)
            memcpy(out[i].iov_base, ct, out[i].iov_len);
    }
    if (!ok)
        return -EIO;
    return ossl_verify(a) ? 0 : -EBADMSG;
}

const struct sp_aead_ops sp_aead_ossl = {"libcrypto", ossl_make, ossl_rekey,
                                         ossl_seal,   ossl_open, ossl_drop};
