/* SPDX-License-Identifier: MIT */
/* One direction of records, with either provider. */
#include "tls_support.h"

static struct sp_record tx, rx;
static struct sp_record_secret *secret;

static int begin(const struct sp_aead_ops *ops)
{
    int h = nn_tls_create();
    nn_tls_destroy(h);
    sp_aead_force(ops);
    secret = sp_secret_alloc(2 * sizeof *secret);
    memcpy(secret[0].traffic, tls_key, 32);
    memcpy(secret[1].traffic, tls_key, 32);
    return sp_record_install(&tx, SP_TLS_AES_128_GCM, true, &secret[0]) ||
           sp_record_install(&rx, SP_TLS_AES_128_GCM, false, &secret[1]);
}

static int with_psa(void **state)
{
    (void)state;
    return begin(&sp_aead_psa);
}

static int with_libcrypto(void **state)
{
    (void)state;
    return begin(sp_aead_ossl_load() == 0 ? &sp_aead_ossl : &sp_aead_psa);
}

static int end(void **state)
{
    (void)state;
    sp_record_fini(&tx);
    sp_record_fini(&rx);
    sp_secret_free(secret);
    return 0;
}

static ssize_t seal(int type, size_t len, uint8_t *out)
{
    static uint8_t data[SP_RECORD_DATA_MAX + 1];
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i + len);
    struct iovec v = {data, len};
    return sp_record_seal(&tx, type, &v, 1, out);
}

static ssize_t opened(uint8_t *rec, ssize_t len, uint8_t *out, size_t room, int *type, bool *placed)
{
    struct iovec v = {out, room};
    struct sp_iov at = sp_iov(&v, 1);
    return sp_record_open(&rx, rec, (size_t)len, &at, type, placed);
}

static void test_every_length(void **state)
{
    (void)state;
    static uint8_t rec[SP_RECORD_DATA_MAX + SP_RECORD_OVERHEAD], out[SP_RECORD_DATA_MAX];
    for (size_t len = 0; len <= SP_RECORD_DATA_MAX; len = len < 70 ? len + 1 : len * 2 + 1) {
        int type;
        bool placed;
        ssize_t n = seal(SP_TLS_DATA, len, rec);
        assert_int_equal(n, len + SP_RECORD_OVERHEAD);
        assert_int_equal(sp_record_size(rec, SP_RECORD_HEAD), n);
        assert_int_equal(opened(rec, n, out, sizeof out, &type, &placed), len);
        assert_true(placed);
        assert_int_equal(type, SP_TLS_DATA);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(out[i], (uint8_t)(i + len));
    }
}

static void test_without_room_it_opens_in_place(void **state)
{
    (void)state;
    uint8_t rec[100], out[10];
    int type;
    bool placed;
    ssize_t n = seal(SP_TLS_HANDSHAKE, 20, rec);
    assert_int_equal(opened(rec, n, out, sizeof out, &type, &placed), 20);
    assert_false(placed);
    assert_int_equal(type, SP_TLS_HANDSHAKE);
    assert_int_equal(rec[SP_RECORD_HEAD + 19], 39);
}

static void test_too_long_is_not_sealed(void **state)
{
    (void)state;
    static uint8_t rec[SP_RECORD_DATA_MAX + 100];
    assert_int_equal(seal(SP_TLS_DATA, SP_RECORD_DATA_MAX + 1, rec), -EOVERFLOW);
}

static void test_a57_every_bit_of_a_record_counts(void **state)
{
    (void)state;
    uint8_t rec[64], copy[64], out[64];
    int type;
    bool placed;
    ssize_t n = seal(SP_TLS_DATA, 20, rec);
    for (int bit = 0; bit < n * 8; bit++) {
        memcpy(copy, rec, (size_t)n);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(opened(copy, n, out, sizeof out, &type, &placed), -EBADMSG);
    }
    assert_int_equal(opened(rec, n, out, sizeof out, &type, &placed), 20);
}

static void test_a58_replay_and_reorder_fail(void **state)
{
    (void)state;
    uint8_t one[64], two[64], copy[64], out[64];
    int type;
    bool placed;
    ssize_t n = seal(SP_TLS_DATA, 20, one);
    assert_int_equal(seal(SP_TLS_DATA, 20, two), n);
    memcpy(copy, two, 64);
    assert_int_equal(opened(copy, n, out, 64, &type, &placed), -EBADMSG);
    memcpy(copy, one, 64);
    assert_int_equal(opened(copy, n, out, 64, &type, &placed), 20);
    memcpy(copy, one, 64);
    assert_int_equal(opened(copy, n, out, 64, &type, &placed), -EBADMSG);
    assert_int_equal(opened(two, n, out, 64, &type, &placed), 20);
}

static void test_padding_is_taken_off(void **state)
{
    (void)state;
    uint8_t rec[64], out[64];
    int type;
    bool placed;
    struct iovec v = {(void *)(uintptr_t) "ab\x17\0\0", 5};
    ssize_t n = sp_record_seal(&tx, 0, &v, 1, rec);
    assert_int_equal(opened(rec, n, out, 64, &type, &placed), 2);
    assert_int_equal(type, SP_TLS_DATA);
    assert_memory_equal(out, "ab", 2);
}

static void test_nothing_but_zeros_is_refused(void **state)
{
    (void)state;
    uint8_t rec[64], out[64];
    int type;
    bool placed;
    struct iovec v = {(void *)(uintptr_t) "\0\0\0\0", 4};
    ssize_t n = sp_record_seal(&tx, 0, &v, 1, rec);
    assert_int_equal(opened(rec, n, out, 64, &type, &placed), -EPROTO);
}

static void test_heads_that_are_refused(void **state)
{
    (void)state;
    assert_int_equal(sp_record_size((const uint8_t *)"\x17\3\3\0\x11", 4), 0);
    assert_int_equal(sp_record_size((const uint8_t *)"\x17\3\3\0\x11", 5), 22);
    assert_int_equal(sp_record_size((const uint8_t *)"\x17\3\3\x41\0", 5), 5 + 16640);
    assert_int_equal(sp_record_size((const uint8_t *)"\x17\3\3\x41\1", 5), -EMSGSIZE);
    assert_int_equal(sp_record_size((const uint8_t *)"\x17\3\3\0\x10", 5), -EPROTO);
    assert_int_equal(sp_record_size((const uint8_t *)"\x17\3\1\0\x20", 5), -EPROTO);
    assert_int_equal(sp_record_size((const uint8_t *)"\x14\3\3\0\1", 1), -EPROTO);
    assert_int_equal(sp_record_size((const uint8_t *)"\x15\3\3\0\2", 5), -EPROTO);
}

static void test_next_key_starts_at_zero(void **state)
{
    (void)state;
    uint8_t rec[64], out[64];
    int type;
    bool placed;
    ssize_t n = seal(SP_TLS_DATA, 20, rec);
    assert_int_equal(sp_record_next(&tx), 0);
    assert_int_equal(tx.seq, 0);
    assert_int_equal(opened(rec, n, out, 64, &type, &placed), 20);
    n = seal(SP_TLS_DATA, 20, rec);
    assert_int_equal(sp_record_next(&rx), 0);
    assert_int_equal(opened(rec, n, out, 64, &type, &placed), 20);
}

static void test_sequence_numbers_end(void **state)
{
    (void)state;
    uint8_t rec[64];
    tx.seq = UINT64_MAX;
    assert_int_equal(seal(SP_TLS_DATA, 1, rec), -EOVERFLOW);
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, with_psa, end),                                          \
        cmocka_unit_test_setup_teardown(test, with_libcrypto, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_every_length),
        BOTH(test_without_room_it_opens_in_place),
        BOTH(test_too_long_is_not_sealed),
        BOTH(test_a57_every_bit_of_a_record_counts),
        BOTH(test_a58_replay_and_reorder_fail),
        BOTH(test_padding_is_taken_off),
        BOTH(test_nothing_but_zeros_is_refused),
        BOTH(test_heads_that_are_refused),
        BOTH(test_next_key_starts_at_zero),
        BOTH(test_sequence_numbers_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
