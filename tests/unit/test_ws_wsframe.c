/* SPDX-License-Identifier: MIT */
/* Heads and masks of frames; the private heads of the framer. */
#include "base.h"
#include "transports/ws/wsframe.h"
#include <errno.h>
#include <string.h>

/* What is written is read again, and no part of it is a head. */
static void both_ways(struct sp_ws_head h, size_t want)
{
    uint8_t out[SP_WS_HEAD_MAX];
    struct sp_ws_head back;
    assert_int_equal(sp_ws_head_put(out, &h), want);
    for (size_t n = 0; n < want; n++)
        assert_int_equal(sp_ws_head_parse(out, n, &back), 0);
    assert_int_equal(sp_ws_head_parse(out, want, &back), (ssize_t)want);
    assert_int_equal(back.opcode, h.opcode);
    assert_int_equal(back.fin, h.fin);
    assert_int_equal(back.masked, h.masked);
    assert_int_equal(back.len, h.len);
    assert_memory_equal(back.mask, h.mask, 4);
}

static void test_lengths(void **state)
{
    static const struct {
        uint64_t len;
        size_t head;
    } rows[] = {{0, 2},     {1, 2},      {125, 2},         {126, 4},       {127, 4},
                {65535, 4}, {65536, 10}, {UINT32_MAX, 10}, {INT64_MAX, 10}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sp_ws_head h = {.opcode = SP_WS_BINARY, .fin = i % 2, .len = rows[i].len};
        both_ways(h, rows[i].head);
        h.masked = true;
        memcpy(h.mask, "\x11\x22\x33\x44", 4);
        both_ways(h, rows[i].head + 4);
    }
}

static ssize_t parse(const char *bytes, size_t n)
{
    struct sp_ws_head h;
    return sp_ws_head_parse((const uint8_t *)bytes, n, &h);
}
#define PARSE(bytes) parse(bytes, sizeof(bytes) - 1)

static void test_lengths_that_are_not_minimal(void **state)
{
    (void)state;
    assert_int_equal(PARSE("\x82\x7e\x00\x7d"), -EPROTO);
    assert_int_equal(PARSE("\x82\x7e\x00\x7e"), 4);
    assert_int_equal(PARSE("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), -EPROTO);
    assert_int_equal(PARSE("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"), 10);
}

static void test_length_with_the_top_bit(void **state)
{
    (void)state;
    assert_int_equal(PARSE("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), -EPROTO);
    assert_int_equal(PARSE("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), -EPROTO);
    assert_int_equal(PARSE("\x82\x7f\x40\x00\x00\x00\x00\x00\x00\x00"), 10);
}

/* Every first byte, alone: what is forbidden is told at once. */
static void test_first_bytes(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++) {
        char byte = (char)a;
        int op = a & 15;
        bool known = op <= SP_WS_BINARY || (op >= SP_WS_CLOSE && op <= SP_WS_PONG);
        bool good = known && !(a & 0x70) && (op < SP_WS_CLOSE || a & 0x80);
        assert_int_equal(parse(&byte, 1), good ? 0 : -EPROTO);
    }
}

static void test_long_control_frames(void **state)
{
    (void)state;
    assert_int_equal(PARSE("\x89\x7d"), 2);
    assert_int_equal(PARSE("\x89\x7e"), -EPROTO);
    assert_int_equal(PARSE("\x88\x7f"), -EPROTO);
    assert_int_equal(PARSE("\x8a\xfe"), -EPROTO);
}

/* Against the plain definition: all lengths, at all places, in pieces. */
static void test_mask(void **state)
{
    uint8_t in[80], out[80], want[80];
    (void)state;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= 40; n++)
        for (size_t cut = 0; cut <= n; cut++) {
            uint8_t mask[4] = {0x9a, 0x01, 0xff, 0x37}, turned[4] = {0x9a, 0x01, 0xff, 0x37};
            for (size_t i = 0; i < n; i++)
                want[i] = in[i] ^ mask[i % 4];
            memset(out, 0, sizeof out);
            sp_ws_mask(out + 3, in, cut, turned);
            sp_ws_mask(out + 3 + cut, in + cut, n - cut, turned);
            assert_memory_equal(out + 3, want, n);
            assert_int_equal(out[3 + n], 0);
            assert_int_equal(turned[0], mask[n % 4]);
        }
}

static void test_mask_in_place(void **state)
{
    uint8_t mask[4] = {1, 2, 3, 4}, text[] = "in place and back again";
    (void)state;
    sp_ws_mask(text, text, sizeof text - 1, mask);
    assert_string_not_equal((char *)text, "in place and back again");
    memcpy(mask, "\1\2\3\4", 4);
    sp_ws_mask(text, text, sizeof text - 1, mask);
    assert_string_equal((char *)text, "in place and back again");
}

static void test_codes(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        bool good = code == 1000 || code == 1001 || code == 1002 || code == 1003 ||
                    (code >= 1007 && code <= 1014) || (code >= 3000 && code < 5000);
        assert_int_equal(sp_ws_code_ok(code), good);
    }
}

static void test_framer(void **state)
{
    uint8_t out[SP_FRAME_HEAD_MAX], type = 9;
    uint64_t len = 0;
    (void)state;
    assert_int_equal(sp_frame_ws.head(out, 0x010203, 2), 8);
    assert_memory_equal(out, "\2\0\0\0\0\1\2\3", 8);
    for (size_t n = 0; n < 8; n++)
        assert_int_equal(sp_frame_ws.parse(out, n, &len, &type), 0);
    assert_int_equal(sp_frame_ws.parse(out, 8, &len, &type), 8);
    assert_int_equal(len, 0x010203);
    assert_int_equal(type, 2);
    assert_int_equal(sp_frame_ws.greet(out, 48), 8);
    assert_int_equal(sp_frame_ws.greeted(out), 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_lengths_that_are_not_minimal),
        cmocka_unit_test(test_length_with_the_top_bit),
        cmocka_unit_test(test_first_bytes),
        cmocka_unit_test(test_long_control_frames),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_mask_in_place),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_framer),
    };
    return cmocka_run_group_tests_name("ws_wsframe", tests, NULL, NULL);
}
