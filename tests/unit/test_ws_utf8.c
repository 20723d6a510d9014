/* SPDX-License-Identifier: MIT */
/* UTF-8 piece by piece: every code point, against a table of what is forbidden. */
#include "base.h"
#include "transports/ws/utf8.h"
#include <string.h>

/* In two pieces, cut at each place. */
static bool good(const char *text, size_t n)
{
    bool all = true;
    for (size_t cut = 0; cut <= n; cut++) {
        struct sp_utf8 u = {0};
        bool here = sp_utf8_feed(&u, (const uint8_t *)text, cut) &&
                    sp_utf8_feed(&u, (const uint8_t *)text + cut, n - cut) && sp_utf8_whole(&u);
        if (cut)
            assert_int_equal(here, all);
        all = here;
    }
    return all;
}
#define GOOD(text) good(text, sizeof(text) - 1)

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80)
        return out[0] = (char)c, 1;
    if (c < 0x800)
        return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)),
               out[2] = (char)(0x80 | (c & 63)), 3;
    return out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63)),
           out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63)), 4;
}

static void test_every_code_point(void **state)
{
    char text[4];
    (void)state;
    for (uint32_t c = 0; c < 0x200000; c++) {
        size_t n = encode(c, text);
        assert_int_equal(good(text, n), c <= 0x10ffff && (c < 0xd800 || c > 0xdfff));
    }
}

/* All pairs of bytes: what is good is ASCII twice, or one character of two bytes. */
static void test_every_pair(void **state)
{
    char text[2];
    (void)state;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            text[0] = (char)a, text[1] = (char)b;
            bool two = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
            assert_int_equal(good(text, 2), (a < 0x80 && b < 0x80) || two);
        }
}

static void test_overlong(void **state)
{
    (void)state;
    assert_false(GOOD("\xc0\x80"));
    assert_false(GOOD("\xc1\xbf"));
    assert_false(GOOD("\xe0\x80\x80"));
    assert_false(GOOD("\xe0\x9f\xbf"));
    assert_false(GOOD("\xf0\x80\x80\x80"));
    assert_false(GOOD("\xf0\x8f\xbf\xbf"));
    assert_false(GOOD("\xf8\x88\x80\x80\x80"));
}

static void test_cut_off(void **state)
{
    (void)state;
    assert_true(GOOD(""));
    assert_false(GOOD("\xe2"));
    assert_false(GOOD("\xe2\x82"));
    assert_true(GOOD("\xe2\x82\xac"));
    assert_false(GOOD("abcdefgh\xf0\x9f\x98"));
    assert_true(GOOD("abcdefgh\xf0\x9f\x98\x80"));
}

/* The fast way over ASCII finds what is not, wherever it lies. */
static void test_far_behind(void **state)
{
    char text[64];
    (void)state;
    for (size_t at = 0; at < sizeof text; at++) {
        memset(text, 'x', sizeof text);
        text[at] = (char)0xff;
        assert_false(good(text, sizeof text));
        text[at] = (char)0xc3;
        if (at + 1 < sizeof text)
            text[at + 1] = (char)0xa9;
        assert_int_equal(good(text, sizeof text), at + 1 < sizeof text);
    }
}

/* Once bad, the beginning of it is told at the byte that makes it so. */
static void test_told_at_once(void **state)
{
    struct sp_utf8 u = {0};
    (void)state;
    assert_true(sp_utf8_feed(&u, (const uint8_t *)"\xed", 1));
    assert_false(sp_utf8_feed(&u, (const uint8_t *)"\xa0", 1)); /* a surrogate */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point), cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_overlong),         cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_far_behind),       cmocka_unit_test(test_told_at_once)};
    return cmocka_run_group_tests_name("ws_utf8", tests, NULL, NULL);
}
