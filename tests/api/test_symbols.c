/* SPDX-License-Identifier: MIT */
/* nn_symbol and nn_symbol_info: bindings load their constants from them, by name and by position.
 */
#include "lib.h"
#include "symbols_expected.h" /* needs the one above */

#define N_EXPECTED ((int)(sizeof expected / sizeof *expected))
#define FILL       0x55

static int count(void)
{
    int n = 0;
    while (nn_symbol(n, NULL))
        n++;
    return n;
}

static void test_nanomsgs_rows_come_first_and_in_order(void **state)
{
    (void)state;
    assert_int_equal(N_EXPECTED, 121);
    for (int i = 0; i < N_EXPECTED; i++) {
        struct nn_symbol_properties p;
        int value = -12345;
        assert_int_equal(nn_symbol_info(i, &p, (int)sizeof p), sizeof p);
        assert_string_equal(p.name, expected[i].name);
        assert_int_equal(p.value, expected[i].value);
        assert_int_equal(p.ns, expected[i].ns);
        assert_int_equal(p.type, expected[i].type);
        assert_int_equal(p.unit, expected[i].unit);
        assert_string_equal(nn_symbol(i, &value), p.name);
        assert_int_equal(value, p.value);
    }
}

static void test_the_structure_has_nanomsgs_size(void **state)
{
    (void)state;
    if (sizeof(void *) == 8)
        assert_int_equal(sizeof(struct nn_symbol_properties), 32);
    assert_int_equal(offsetof(struct nn_symbol_properties, name), sizeof(void *));
    assert_int_equal(offsetof(struct nn_symbol_properties, ns), 2 * sizeof(void *));
}

static void test_our_rows_follow_and_are_complete(void **state)
{
    (void)state;
    int n = count();
    assert_true(n > N_EXPECTED);
    for (int i = N_EXPECTED; i < n; i++) {
        struct nn_symbol_properties p;
        assert_int_equal(nn_symbol_info(i, &p, (int)sizeof p), sizeof p);
        assert_in_range(p.ns, NN_NS_VERSION, NN_NS_STATISTIC);
        assert_in_range(p.type, NN_TYPE_NONE, NN_TYPE_STR);
        assert_in_range(p.unit, NN_UNIT_NONE, NN_UNIT_COUNTER);
        if (strcmp(p.name, "NN_STAT_KERNEL_FALLBACKS") == 0)
            assert_int_equal(p.value, NN_STAT_KERNEL_FALLBACKS);
    }
}

static void test_no_name_is_there_twice(void **state)
{
    (void)state;
    int n = count();
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(nn_symbol(i, NULL), nn_symbol(k, NULL));
}

static void test_positions_outside_have_no_symbol(void **state)
{
    (void)state;
    const int outside[] = {-1, -100, count(), 100000};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        int value = 12345;
        errno = 0;
        assert_null(nn_symbol(outside[i], &value));
        assert_int_equal(errno, EINVAL);
        assert_int_equal(value, 12345);
        struct nn_symbol_properties p;
        errno = 0;
        assert_int_equal(nn_symbol_info(outside[i], &p, (int)sizeof p), 0);
        assert_int_equal(errno, 0);
    }
}

static void test_info_fills_as_much_as_there_is_room_for(void **state)
{
    (void)state;
    struct nn_symbol_properties whole;
    int size = (int)sizeof whole;
    assert_int_equal(nn_symbol_info(120, &whole, size), size);
    for (int len = 0; len < size + 9; len++) {
        unsigned char buf[sizeof whole + 16];
        int want = len < size ? len : size;
        memset(buf, FILL, sizeof buf);
        assert_int_equal(nn_symbol_info(120, (struct nn_symbol_properties *)(void *)buf, len),
                         want);
        assert_memory_equal(buf, &whole, (size_t)want);
        for (size_t i = (size_t)want; i < sizeof buf; i++)
            assert_int_equal(buf[i], FILL);
    }
}

static void test_info_without_room_is_nothing(void **state)
{
    (void)state;
    struct nn_symbol_properties p;
    assert_int_equal(nn_symbol_info(0, &p, -1), 0);
    assert_int_equal(nn_symbol_info(0, NULL, (int)sizeof p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nanomsgs_rows_come_first_and_in_order),
        cmocka_unit_test(test_the_structure_has_nanomsgs_size),
        cmocka_unit_test(test_our_rows_follow_and_are_complete),
        cmocka_unit_test(test_no_name_is_there_twice),
        cmocka_unit_test(test_positions_outside_have_no_symbol),
        cmocka_unit_test(test_info_fills_as_much_as_there_is_room_for),
        cmocka_unit_test(test_info_without_room_is_nothing),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
