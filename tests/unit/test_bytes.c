/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/bytes.h"

static const uint8_t row[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void numbers_are_read_big_endian(void **state)
{
    (void)state;
    struct sp_reader r = sp_reader(row, sizeof row);
    assert_int_equal(sp_get_u8(&r), 1);
    assert_int_equal(sp_get_u16(&r), 0x0203);
    assert_int_equal(sp_get_u32(&r), 0x04050607);
    assert_int_equal(sp_get_u64(&r), UINT64_C(0x08090a0b0c0d0e0f));
    assert_int_equal(r.left, 0);
    assert_false(r.bad);
}

static void number_of_odd_width_is_read(void **state)
{
    (void)state;
    struct sp_reader r = sp_reader(row, sizeof row);
    assert_int_equal(sp_get_be(&r, 3), 0x010203);
}

static void bytes_are_borrowed_in_place(void **state)
{
    (void)state;
    struct sp_reader r = sp_reader(row, sizeof row);
    assert_ptr_equal(sp_get_bytes(&r, 4), row);
    assert_ptr_equal(sp_get_bytes(&r, 1), row + 4);
    assert_int_equal(r.left, sizeof row - 5);
}

static void no_bytes_at_the_end_are_not_an_error(void **state)
{
    (void)state;
    struct sp_reader r = sp_reader(row, 1);
    sp_get_u8(&r);
    assert_non_null(sp_get_bytes(&r, 0));
    assert_false(r.bad);
}

static void reading_past_the_end_gives_zero(void **state)
{
    (void)state;
    struct sp_reader r = sp_reader(row, 3);
    assert_int_equal(sp_get_u32(&r), 0);
    assert_true(r.bad);
}

static void reading_more_than_any_buffer_is_bad(void **state)
{
    (void)state;
    struct sp_reader r = sp_reader(row, sizeof row);
    assert_null(sp_get_bytes(&r, SIZE_MAX));
    assert_true(r.bad);
}

static void read_error_sticks(void **state)
{
    (void)state;
    struct sp_reader r = sp_reader(row, 3);
    sp_get_u32(&r);
    assert_int_equal(sp_get_u8(&r), 0);
    assert_null(sp_get_bytes(&r, 0));
    assert_int_equal(r.left, 3);
}

static void numbers_are_written_big_endian(void **state)
{
    (void)state;
    uint8_t out[sizeof row];
    struct sp_writer w = sp_writer(out, sizeof out);
    sp_put_u8(&w, 1);
    sp_put_u16(&w, 0x0203);
    sp_put_u32(&w, 0x04050607);
    sp_put_u64(&w, UINT64_C(0x08090a0b0c0d0e0f));
    assert_false(w.bad);
    assert_int_equal(w.len, sizeof row);
    assert_memory_equal(out, row, sizeof row);
}

static void number_of_odd_width_drops_its_upper_bytes(void **state)
{
    (void)state;
    uint8_t out[3];
    struct sp_writer w = sp_writer(out, sizeof out);
    sp_put_be(&w, 0xff010203, 3);
    assert_memory_equal(out, row, 3);
}

static void bytes_are_written_behind_each_other(void **state)
{
    (void)state;
    uint8_t out[4] = {0};
    struct sp_writer w = sp_writer(out, sizeof out);
    sp_put_bytes(&w, row, 1);
    sp_put_bytes(&w, NULL, 0);
    sp_put_bytes(&w, row + 1, 3);
    assert_false(w.bad);
    assert_memory_equal(out, row, 4);
}

static void writing_past_the_end_changes_nothing(void **state)
{
    (void)state;
    uint8_t out[4] = {9, 9, 9, 9};
    struct sp_writer w = sp_writer(out, 3);
    sp_put_u32(&w, 0x01020304);
    assert_true(w.bad);
    assert_int_equal(w.len, 0);
    assert_int_equal(sp_be32(out), 0x09090909);
}

static void writing_more_than_any_buffer_is_bad(void **state)
{
    (void)state;
    uint8_t out[4];
    struct sp_writer w = sp_writer(out, sizeof out);
    sp_put_u8(&w, 1);
    assert_null(sp_put_room(&w, SIZE_MAX));
    assert_true(w.bad);
}

static void write_error_sticks(void **state)
{
    (void)state;
    uint8_t out[3] = {9, 9, 9};
    struct sp_writer w = sp_writer(out, sizeof out);
    sp_put_u32(&w, 0);
    sp_put_u8(&w, 1);
    sp_put_bytes(&w, row, 1);
    assert_int_equal(w.len, 0);
    assert_int_equal(out[0], 9);
}

static void numbers_in_place_come_back(void **state)
{
    (void)state;
    uint8_t at[9];
    sp_set_be32(at + 1, 0xfffefdfc);
    assert_int_equal(sp_be32(at + 1), 0xfffefdfc);
    assert_int_equal(at[1], 0xff);
    sp_set_be64(at + 1, UINT64_C(0xfffefdfc01020304));
    assert_int_equal(sp_be64(at + 1), UINT64_C(0xfffefdfc01020304));
    assert_int_equal(at[8], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_big_endian),
        cmocka_unit_test(number_of_odd_width_is_read),
        cmocka_unit_test(bytes_are_borrowed_in_place),
        cmocka_unit_test(no_bytes_at_the_end_are_not_an_error),
        cmocka_unit_test(reading_past_the_end_gives_zero),
        cmocka_unit_test(reading_more_than_any_buffer_is_bad),
        cmocka_unit_test(read_error_sticks),
        cmocka_unit_test(numbers_are_written_big_endian),
        cmocka_unit_test(number_of_odd_width_drops_its_upper_bytes),
        cmocka_unit_test(bytes_are_written_behind_each_other),
        cmocka_unit_test(writing_past_the_end_changes_nothing),
        cmocka_unit_test(writing_more_than_any_buffer_is_bad),
        cmocka_unit_test(write_error_sticks),
        cmocka_unit_test(numbers_in_place_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
