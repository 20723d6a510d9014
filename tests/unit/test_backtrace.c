/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/bytes.h"
#include "protocols/backtrace.h"
#include <errno.h>
#include <stdlib.h>

/* A heap block of its exact size with n ids and `rest` more bytes; the last id ends the stack when `ended`. */
static int parse(size_t n, bool ended, size_t rest, int ttl)
{
    size_t len = 4 * n + rest;
    uint8_t *b = malloc(len ? len : 1);
    memset(b, 0, len);
    for (size_t i = 0; i < n; i++)
        sp_set_be32(b + 4 * i, (uint32_t)i + (ended && i == n - 1 ? SP_BT_END : 0));
    int rc = sp_backtrace_parse(b, len, ttl);
    free(b);
    return rc;
}

static void a_direct_request_has_one_id(void **state)
{
    (void)state;
    assert_int_equal(parse(1, true, 5, 8), 4);
}

static void each_hop_adds_one(void **state)
{
    (void)state;
    assert_int_equal(parse(3, true, 0, 8), 12);
}

static void a_body_without_payload_is_fine(void **state)
{
    (void)state;
    assert_int_equal(parse(1, true, 0, 1), 4);
}

static void ids_in_the_payload_are_not_read(void **state)
{
    (void)state;
    const uint8_t b[] = {0x80, 0, 0, 1, 0x80, 0, 0, 2};
    assert_int_equal(sp_backtrace_parse(b, sizeof b, 8), 4);
}

static void a21_bodies_of_0_to_3_bytes_are_malformed(void **state)
{
    (void)state;
    for (size_t n = 0; n < 4; n++)
        assert_int_equal(parse(0, false, n, 8), -EPROTO);
}

static void a21_a_stack_without_end_is_malformed(void **state)
{
    (void)state;
    for (size_t rest = 0; rest < 4; rest++)
        assert_int_equal(parse(3, false, rest, 8), -EPROTO);
}

static void a21_an_end_bit_in_a_partial_id_does_not_count(void **state)
{
    (void)state;
    const uint8_t b[] = {0, 0, 0, 1, 0xff, 0xff, 0xff};
    assert_int_equal(sp_backtrace_parse(b, sizeof b, 8), -EPROTO);
}

static void a21_as_many_hops_as_the_ttl_pass(void **state)
{
    (void)state;
    assert_int_equal(parse(8, true, 1, 8), 32);
    assert_int_equal(parse(255, true, 1, 255), 1020);
}

static void a21_one_more_hop_is_too_many(void **state)
{
    (void)state;
    assert_int_equal(parse(9, true, 1, 8), -EMSGSIZE);
    assert_int_equal(parse(256, true, 1, 255), -EMSGSIZE);
}

static void a21_2000_hops_are_too_many(void **state)
{
    (void)state;
    assert_int_equal(parse(2000, true, 0, 255), -EMSGSIZE);
    assert_int_equal(parse(2000, false, 0, 255), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_direct_request_has_one_id),
        TEST(each_hop_adds_one),
        TEST(a_body_without_payload_is_fine),
        TEST(ids_in_the_payload_are_not_read),
        TEST(a21_bodies_of_0_to_3_bytes_are_malformed),
        TEST(a21_a_stack_without_end_is_malformed),
        TEST(a21_an_end_bit_in_a_partial_id_does_not_count),
        TEST(a21_as_many_hops_as_the_ttl_pass),
        TEST(a21_one_more_hop_is_too_many),
        TEST(a21_2000_hops_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
