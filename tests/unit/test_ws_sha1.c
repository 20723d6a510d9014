/* SPDX-License-Identifier: MIT */
/* SHA-1: the vectors of RFC 3174, and every length around a block. */
#include "base.h"
#include "transports/ws/sha1.h"
#include <stdio.h>
#include <string.h>

static const char *hex(const void *p, size_t n)
{
    static char text[2 * SP_SHA1_LEN + 1];
    uint8_t out[SP_SHA1_LEN];
    sp_sha1(p, n, out);
    for (int i = 0; i < SP_SHA1_LEN; i++)
        snprintf(text + 2 * i, 3, "%02x", out[i]);
    return text;
}

static void test_vectors(void **state)
{
    (void)state;
    assert_string_equal(hex("", 0), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_string_equal(hex("abc", 3), "a9993e364706816aba3e25717850c26c9cd0d89d");
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_string_equal(hex(two, 56), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    char ten[640];
    for (size_t i = 0; i < sizeof ten; i++)
        ten[i] = (char)('0' + i % 8);
    assert_string_equal(hex(ten, sizeof ten), "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

static void test_a_million(void **state)
{
    (void)state;
    static char a[1000000];
    memset(a, 'a', sizeof a);
    assert_string_equal(hex(a, sizeof a), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

/* Of texts that end before, at and after the place of the padding and of the length. */
static void test_ends_of_blocks(void **state)
{
    static const struct {
        size_t n;
        const char *hash;
    } rows[] = {
        {55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
        {63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"},
        {64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {65, "11655326c708d70319be2610e8a57d9a5b959d3b"},
        {128, "ad5b3fdbcb526778c2839d2f151ea753995e26a0"},
    };
    char a[128];
    (void)state;
    memset(a, 'a', sizeof a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(hex(a, rows[i].n), rows[i].hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_a_million),
                                       cmocka_unit_test(test_ends_of_blocks)};
    return cmocka_run_group_tests_name("ws_sha1", tests, NULL, NULL);
}
