/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "transports/stream/frame.h"
#include <errno.h>
#include <string.h>

static void the_greeting_is_the_header_of_the_RFC(void **state)
{
    (void)state;
    uint8_t out[SP_FRAME_GREET_MAX];
    assert_int_equal(sp_frame_sp.greet(out, 0x1234), 8);
    assert_memory_equal(out, "\0SP\0\x12\x34\0\0", 8);
    assert_int_equal(sp_frame_sp.greet_len, 8);
}

static void a_greeting_is_read_back(void **state)
{
    (void)state;
    uint8_t out[SP_FRAME_GREET_MAX];
    const int ids[] = {0, 16, 0x30, 0xffff};
    for (size_t i = 0; i < 4; i++) {
        sp_frame_sp.greet(out, ids[i]);
        assert_int_equal(sp_frame_sp.greeted(out), ids[i]);
    }
}

/* Each of its fixed bits. */
static void a_greeting_with_a_wrong_bit_is_none(void **state)
{
    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        uint8_t in[8] = {0, 'S', 'P', 0, 0, 48, 0, 0};
        in[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int id = sp_frame_sp.greeted(in);
        if (bit / 8 == 4 || bit / 8 == 5)
            assert_true(id >= 0 && id != 48);
        else
            assert_int_equal(id, -EPROTO);
    }
}

static void a_head_is_eight_bytes_with_the_highest_first(void **state)
{
    (void)state;
    uint8_t out[SP_FRAME_HEAD_MAX];
    assert_int_equal(sp_frame_sp.head(out, 0x0102030405060708, 0), 8);
    assert_memory_equal(out, "\1\2\3\4\5\6\7\10", 8);
}

static void a_head_is_parsed_once_it_is_whole(void **state)
{
    (void)state;
    const uint64_t lens[] = {0, 1, 255, 65536, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < 6; i++) {
        uint8_t in[SP_FRAME_HEAD_MAX];
        uint64_t len = 7;
        uint8_t type;
        sp_frame_sp.head(in, lens[i], 0);
        for (size_t n = 0; n < 8; n++)
            assert_int_equal(sp_frame_sp.parse(in, n, &len, &type), 0);
        assert_int_equal(sp_frame_sp.parse(in, 8, &len, &type), 8);
        assert_true(len == lens[i]);
    }
}

/* ---- ipc ---- */

static void the_greeting_of_ipc_is_the_same(void **state)
{
    (void)state;
    assert_ptr_equal(sp_frame_ipc.greet, sp_frame_sp.greet);
    assert_ptr_equal(sp_frame_ipc.greeted, sp_frame_sp.greeted);
    assert_int_equal(sp_frame_ipc.greet_len, 8);
}

static void a_head_of_ipc_has_a_type_in_front(void **state)
{
    (void)state;
    uint8_t out[SP_FRAME_HEAD_MAX];
    assert_int_equal(sp_frame_ipc.head(out, 0x0102030405060708, 0), 9);
    assert_memory_equal(out, "\1\1\2\3\4\5\6\7\10", 9);
}

static void a_head_of_ipc_is_parsed_once_it_is_whole(void **state)
{
    (void)state;
    const uint64_t lens[] = {0, 1, 255, 65536, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < 6; i++) {
        uint8_t in[SP_FRAME_HEAD_MAX], type = 7;
        uint64_t len = 7;
        sp_frame_ipc.head(in, lens[i], 0);
        for (size_t n = 0; n < 9; n++)
            assert_int_equal(sp_frame_ipc.parse(in, n, &len, &type), 0);
        assert_int_equal(sp_frame_ipc.parse(in, 9, &len, &type), 9);
        assert_true(len == lens[i]);
        assert_int_equal(type, 0);
    }
}

static void another_type_is_refused_before_the_length_is_there(void **state)
{
    (void)state;
    uint8_t in[9] = {0}, type;
    uint64_t len;
    for (int t = 0; t < 256; t++)
        for (size_t n = 1; n <= 9; n++) {
            in[0] = (uint8_t)t;
            assert_int_equal(sp_frame_ipc.parse(in, n, &len, &type), t != 1 ? -EPROTO : n == 9 ? 9 : 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_greeting_of_ipc_is_the_same),
        TEST(a_head_of_ipc_has_a_type_in_front),
        TEST(a_head_of_ipc_is_parsed_once_it_is_whole),
        TEST(another_type_is_refused_before_the_length_is_there),
        TEST(the_greeting_is_the_header_of_the_RFC),
        TEST(a_greeting_is_read_back),
        TEST(a_greeting_with_a_wrong_bit_is_none),
        TEST(a_head_is_eight_bytes_with_the_highest_first),
        TEST(a_head_is_parsed_once_it_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
