/* SPDX-License-Identifier: MIT */
/* Keys of the handshake and the answers to them. */
#include "base.h"
#include "transports/ws/key.h"
#include <string.h>

static void test_base64(void **state)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"\xff\xff\xfe", "///+"},
                                          {"foobar", "Zm9vYmFy"}};
    char out[16];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sp_base64((const uint8_t *)rows[i][0], strlen(rows[i][0]), out);
        assert_string_equal(out, rows[i][1]);
    }
}

/* The example of RFC 6455. */
static void test_answer(void **state)
{
    char out[SP_WS_ACCEPT_LEN + 1];
    (void)state;
    sp_ws_key_accept("dGhlIHNhbXBsZSBub25jZQ==", out);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static bool ok(const char *text)
{
    return sp_ws_key_ok(text, strlen(text));
}

static void test_good_keys(void **state)
{
    (void)state;
    assert_true(ok("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_true(ok("AAAAAAAAAAAAAAAAAAAAAA=="));
    assert_true(ok("/////////////////////w=="));
}

static void test_bad_keys(void **state)
{
    (void)state;
    assert_false(ok(""));
    assert_false(ok("dGhlIHNhbXBsZSBub25jZQ="));   /* short */
    assert_false(ok("dGhlIHNhbXBsZSBub25jZQ===")); /* long */
    assert_false(ok("dGhlIHNhbXBsZSBub25jZQA="));  /* 17 bytes */
    assert_false(ok("dGhlIHNhbXBsZSBub25jZR=="));  /* bits that say nothing are set */
    assert_false(ok("dGhlIHNhbXBs-SBub25jZQ=="));  /* another alphabet */
    assert_false(ok("dGhlIHNhbXB ZSBub25jZQ=="));
    assert_false(sp_ws_key_ok("dGhlIHNhbXB\0ZSBub25jZQ==", 24));
}

static void test_new_keys_are_good_and_differ(void **state)
{
    char a[SP_WS_KEY_LEN + 1], b[SP_WS_KEY_LEN + 1];
    (void)state;
    assert_int_equal(sp_ws_key_new(a), 0);
    assert_int_equal(sp_ws_key_new(b), 0);
    assert_true(ok(a) && ok(b));
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_base64), cmocka_unit_test(test_answer),
                                       cmocka_unit_test(test_good_keys),
                                       cmocka_unit_test(test_bad_keys),
                                       cmocka_unit_test(test_new_keys_are_good_and_differ)};
    return cmocka_run_group_tests_name("ws_key", tests, NULL, NULL);
}
