/* SPDX-License-Identifier: MIT */
/* Both AEAD providers: known answers, agreement with each other, and the key schedule. */
#include "tls_support.h"

static const uint8_t nonce[12] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce,
                                  0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
static const uint8_t aad[5] = {23, 3, 3, 0, 0};

static const struct sp_aead_ops *providers[2] = {&sp_aead_psa, &sp_aead_ossl};
static const int suites[3] = {SP_TLS_AES_128_GCM, SP_TLS_AES_256_GCM, SP_TLS_CHACHA20_POLY1305};

static void need_libcrypto(void)
{
    if (sp_aead_ossl_load() < 0)
        skip();
}

static struct sp_aead *make(const struct sp_aead_ops *ops, int suite, bool seal, const uint8_t *key)
{
    struct sp_aead *a = NULL;
    assert_int_equal(ops->make(&a, suite, seal, key), 0);
    return a;
}

static void test_providers_agree(void **state)
{
    (void)state;
    need_libcrypto();
    uint8_t key[32], text[3000], out[2][sizeof text + 17], back[sizeof text + 1];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * i);
    memcpy(key, tls_key, 32);
    for (int k = 0; k < 3; k++) {
        for (size_t len = 0; len <= sizeof text; len = len * 2 + 1) {
            struct iovec in[3] = {
                {text, len / 3}, {text + len / 3, 0}, {text + len / 3, len - len / 3}};
            for (int p = 0; p < 2; p++) {
                struct sp_aead *a = make(providers[p], suites[k], true, key);
                assert_int_equal(a->ops->seal(a, nonce, aad, in, 3, 23, out[p]), 0);
                sp_aead_drop(a);
            }
            assert_memory_equal(out[0], out[1], len + 17);
            for (int p = 0; p < 2; p++) {
                struct sp_aead *a = make(providers[p], suites[k], false, key);
                struct iovec to[2] = {{back, len}, {back + len, 1}};
                assert_int_equal(a->ops->open(a, nonce, aad, out[p], len + 1, to, 2), 0);
                assert_memory_equal(back, text, len);
                assert_int_equal(back[len], 23);
                sp_aead_drop(a);
            }
        }
    }
}

static void test_a_wrong_bit_anywhere_is_noticed(void **state)
{
    (void)state;
    need_libcrypto();
    for (int p = 0; p < 2; p++) {
        struct sp_aead *s = make(providers[p], SP_TLS_AES_128_GCM, true, tls_key);
        struct sp_aead *o = make(providers[p], SP_TLS_AES_128_GCM, false, tls_key);
        for (int bit = 0; bit < (9 + 16) * 8; bit++) {
            uint8_t text[8] = {1, 2, 3}, sealed[10 + 16], back[10];
            struct iovec in = {text, 8}, to = {back, 9};
            assert_int_equal(s->ops->seal(s, nonce, aad, &in, 1, 23, sealed), 0);
            sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(o->ops->open(o, nonce, aad, sealed, 9, &to, 1), -EBADMSG);
        }
        sp_aead_drop(s);
        sp_aead_drop(o);
    }
}

static void test_rekey_replaces_the_key(void **state)
{
    (void)state;
    need_libcrypto();
    for (int p = 0; p < 2; p++) {
        uint8_t a[17], b[17], c[17];
        struct sp_aead *one = make(providers[p], SP_TLS_AES_128_GCM, true, tls_key);
        assert_int_equal(one->ops->seal(one, nonce, aad, NULL, 0, 1, a), 0);
        assert_int_equal(one->ops->rekey(one, tls_other_key), 0);
        assert_int_equal(one->ops->seal(one, nonce, aad, NULL, 0, 1, b), 0);
        assert_int_equal(one->ops->rekey(one, tls_key), 0);
        assert_int_equal(one->ops->seal(one, nonce, aad, NULL, 0, 1, c), 0);
        assert_memory_not_equal(a, b, 17);
        assert_memory_equal(a, c, 17);
        sp_aead_drop(one);
    }
}

/* NIST's test case 3 of GCM (AES-128, no AAD in it): what libcrypto says is checked against PSA
 * above, and PSA here against the first block of its keystream. */
static void test_aes_gcm_known_answer(void **state)
{
    (void)state;
    static const uint8_t key[16] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
                                    0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
    static const uint8_t text[15] = {0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5,
                                     0xa5, 0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26};
    static const uint8_t want[16] = {0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24,
                                     0x4b, 0x72, 0x21, 0xb7, 0x84, 0xd0, 0xd4, 0x9c};
    uint8_t out[32];
    struct iovec in = {(void *)(uintptr_t)text, 15};
    struct sp_aead *a = make(&sp_aead_psa, SP_TLS_AES_128_GCM, true, key);
    assert_int_equal(a->ops->seal(a, nonce, aad, &in, 1, 0x9a, out), 0);
    assert_memory_equal(out, want, 16);
    sp_aead_drop(a);
}

static void test_unknown_suites_are_refused(void **state)
{
    (void)state;
    struct sp_aead *a = NULL;
    for (int p = 0; p < 2; p++)
        assert_int_equal(providers[p]->make(&a, 0x1304, true, tls_key), -ENOTSUP);
    assert_null(a);
}

static void test_the_provider_can_be_forced(void **state)
{
    (void)state;
    need_libcrypto();
    struct sp_aead *a;
    const struct sp_aead_ops *was = sp_aead_provider();
    for (int p = 0; p < 2; p++) {
        sp_aead_force(providers[p]);
        assert_int_equal(sp_aead_make(&a, SP_TLS_AES_128_GCM, true, tls_key), 0);
        assert_ptr_equal(a->ops, providers[p]);
        sp_aead_drop(a);
    }
    sp_aead_force(was);
}

/* RFC 8448, section 3: the client's application traffic secret, its key and IV. */
static void test_key_schedule_known_answer(void **state)
{
    (void)state;
    static const uint8_t secret[32] = {0x9e, 0x40, 0x64, 0x6c, 0xe7, 0x9a, 0x7f, 0x9d,
                                       0xc0, 0x5a, 0xf8, 0x88, 0x9b, 0xce, 0x65, 0x52,
                                       0x87, 0x5a, 0xfa, 0x0b, 0x06, 0xdf, 0x00, 0x87,
                                       0xf7, 0x92, 0xeb, 0xb7, 0xc1, 0x75, 0x04, 0xa5};
    static const uint8_t key[16] = {0x17, 0x42, 0x2d, 0xda, 0x59, 0x6e, 0xd5, 0xd9,
                                    0xac, 0xd8, 0x90, 0xe3, 0xc6, 0x3f, 0x50, 0x51};
    static const uint8_t iv[12] = {0x5b, 0x78, 0x92, 0x3d, 0xee, 0x08,
                                   0x57, 0x90, 0x33, 0xe5, 0x23, 0xd9};
    uint8_t out[16];
    assert_int_equal(sp_kdf_expand_label(32, secret, "key", out, 16), 0);
    assert_memory_equal(out, key, 16);
    assert_int_equal(sp_kdf_expand_label(32, secret, "iv", out, 12), 0);
    assert_memory_equal(out, iv, 12);
}

static void test_next_secret_differs_and_is_repeatable(void **state)
{
    (void)state;
    for (size_t len = 32; len <= 48; len += 16) {
        uint8_t a[48] = {1}, b[48] = {1};
        assert_int_equal(sp_kdf_next(len, a), 0);
        assert_memory_not_equal(a, b, len);
        assert_int_equal(sp_kdf_next(len, b), 0);
        assert_memory_equal(a, b, len);
    }
}

static int ready(void **state)
{
    (void)state;
    int h = nn_tls_create();
    return h > 0 ? nn_tls_destroy(h) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_providers_agree),
        cmocka_unit_test(test_a_wrong_bit_anywhere_is_noticed),
        cmocka_unit_test(test_rekey_replaces_the_key),
        cmocka_unit_test(test_aes_gcm_known_answer),
        cmocka_unit_test(test_unknown_suites_are_refused),
        cmocka_unit_test(test_the_provider_can_be_forced),
        cmocka_unit_test(test_key_schedule_known_answer),
        cmocka_unit_test(test_next_secret_differs_and_is_repeatable),
    };
    return cmocka_run_group_tests(tests, ready, NULL);
}
