/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "core/opts.h"
#include <errno.h>
#include <string.h>

struct block {
    int first, ranged;
    int calls;    /* of the rows below */
    int ms;
    char text[6], behind;
};

static int call_set(void *ctx, void *obj, const void *v, size_t len)
{
    struct block *b = obj;
    assert_string_equal(ctx, "ctx");
    b->calls += (int)len;
    return v ? 0 : -EFAULT;
}

static int call_get(void *ctx, void *obj, void *v, size_t *len)
{
    (void)ctx, (void)obj;
    return sp_opt_out(v, len, "text", 5);
}

static int n_changes;
static void count(void *ctx)
{
    assert_string_equal(ctx, "ctx");
    n_changes++;
}

static const struct sp_opt rows[] = {
    {.id = 1, .kind = SP_OPT_INT, .lo = INT32_MIN, .hi = INT32_MAX, .off = offsetof(struct block, first)},
    {.id = 2, .kind = SP_OPT_INT, .lo = -3, .hi = 16, .off = offsetof(struct block, ranged)},
    {.id = 3, .kind = SP_OPT_CALL, .set = call_set, .get = call_get},
    {.id = 4, .kind = SP_OPT_CALL},
    {.id = 5, .kind = SP_OPT_MS, .off = offsetof(struct block, ms)},
    {.id = 6, .kind = SP_OPT_STRING, .hi = 5, .off = offsetof(struct block, text)},
    {.id = 7, .kind = SP_OPT_STRING, .off = offsetof(struct block, text)},
    {.id = 8, .kind = SP_OPT_INT, .lo = 1, .hi = 9, .off = offsetof(struct block, ms), .changed = count},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static int set(struct block *b, int id, const void *v, size_t len)
{
    return sp_opts_set(rows, N_ROWS, id, (void *)(uintptr_t) "ctx", b, v, len);
}

static int get(struct block *b, int id, void *v, size_t *len) { return sp_opts_get(rows, N_ROWS, id, NULL, b, v, len); }

static void an_int_is_stored_where_its_row_says(void **state)
{
    (void)state;
    struct block b = {0};
    int v = 9, out = 0;
    size_t len = sizeof out;
    assert_int_equal(set(&b, 2, &v, sizeof v), 0);
    assert_int_equal(b.ranged, 9);
    assert_int_equal(b.first, 0);
    assert_int_equal(get(&b, 2, &out, &len), 0);
    assert_int_equal(out, 9);
    assert_int_equal(len, sizeof out);
}

static void the_ends_of_a_range_belong_to_it(void **state)
{
    (void)state;
    struct block b = {0};
    const struct {
        int v, rc;
    } cases[] = {{-4, -EINVAL}, {-3, 0}, {16, 0}, {17, -EINVAL}};
    for (size_t i = 0; i < 4; i++) {
        b.ranged = 1;
        assert_int_equal(set(&b, 2, &cases[i].v, sizeof(int)), cases[i].rc);
        assert_int_equal(b.ranged, cases[i].rc ? 1 : cases[i].v);
    }
}

static void an_int_has_exactly_its_size(void **state)
{
    (void)state;
    struct block b = {0};
    char v[8] = {1};
    const size_t wrong[] = {0, 1, 3, 5, 8};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(set(&b, 1, v, wrong[i]), -EINVAL);
    assert_int_equal(b.first, 0);
}

static void a_negative_time_is_for_ever(void **state)
{
    (void)state;
    struct block b = {0};
    const int cases[][2] = {{INT32_MIN, -1}, {-1, -1}, {0, 0}, {INT32_MAX, INT32_MAX}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(set(&b, 5, &cases[i][0], sizeof(int)), 0);
        assert_int_equal(b.ms, cases[i][1]);
    }
    assert_int_equal(set(&b, 5, &b, 3), -EINVAL);
}

static void a_string_is_no_longer_than_its_room(void **state)
{
    (void)state;
    struct block b = {.behind = 'x'};
    assert_int_equal(set(&b, 6, "seven!!", 7), -EINVAL);
    assert_int_equal(set(&b, 6, "fives", 5), 0);
    assert_string_equal(b.text, "fives");
    assert_int_equal(set(&b, 6, "two", 2), 0);
    assert_memory_equal(b.text, "tw\0\0\0\0", 6);
    assert_int_equal(set(&b, 6, NULL, 0), 0);
    assert_string_equal(b.text, "");
    assert_int_equal(b.behind, 'x');
}

static void the_end_of_a_string_is_got_but_not_counted(void **state)
{
    (void)state;
    struct block b = {.text = "word"};
    char got[8] = "........";
    size_t len = sizeof got;
    assert_int_equal(get(&b, 6, got, &len), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(got, "word\0...", 8);
    len = 2;
    memset(got, '.', sizeof got);
    assert_int_equal(get(&b, 6, got, &len), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(got, "wo......", 8);
}

static void a_string_without_room_can_only_be_got(void **state)
{
    (void)state;
    struct block b = {.text = "word"};
    char got[8];
    size_t len = sizeof got;
    assert_int_equal(set(&b, 7, "x", 1), -ENOPROTOOPT);
    assert_int_equal(set(&b, 7, NULL, 0), -ENOPROTOOPT);
    assert_int_equal(get(&b, 7, got, &len), 0);
    assert_string_equal(got, "word");
}

static void a_change_is_told_and_a_refusal_is_not(void **state)
{
    (void)state;
    struct block b = {0};
    int good = 9, bad = 10;
    n_changes = 0;
    assert_int_equal(set(&b, 8, &bad, sizeof bad), -EINVAL);
    assert_int_equal(n_changes, 0);
    assert_int_equal(set(&b, 8, &good, sizeof good), 0);
    assert_int_equal(n_changes, 1);
}

static void what_is_not_in_the_table_does_not_exist(void **state)
{
    (void)state;
    struct block b = {0};
    int v = 0;
    size_t len = sizeof v;
    assert_int_equal(set(&b, 9, &v, sizeof v), -ENOPROTOOPT);
    assert_int_equal(get(&b, 9, &v, &len), -ENOPROTOOPT);
    assert_int_equal(sp_opts_set(NULL, 0, 1, NULL, NULL, &v, sizeof v), -ENOPROTOOPT);
}

static void a_row_without_functions_is_no_option(void **state)
{
    (void)state;
    struct block b = {0};
    int v = 0;
    size_t len = sizeof v;
    assert_int_equal(set(&b, 4, &v, sizeof v), -ENOPROTOOPT);
    assert_int_equal(get(&b, 4, &v, &len), -ENOPROTOOPT);
}

static void a_calls_row_decides_itself(void **state)
{
    (void)state;
    struct block b = {0};
    assert_int_equal(set(&b, 3, "abc", 3), 0);
    assert_int_equal(b.calls, 3);
    assert_int_equal(set(&b, 3, NULL, 0), -EFAULT);
}

static void a_short_buffer_gets_the_front_and_the_whole_length(void **state)
{
    (void)state;
    struct block b = {0};
    char v[8] = "xxxxxxx";
    size_t len = 2;
    assert_int_equal(get(&b, 3, v, &len), 0);
    assert_int_equal(len, 5);
    assert_string_equal(v, "texxxxx");
    len = 0;
    assert_int_equal(get(&b, 3, NULL, &len), 0);
    assert_int_equal(len, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_int_is_stored_where_its_row_says),
        TEST(the_ends_of_a_range_belong_to_it),
        TEST(an_int_has_exactly_its_size),
        TEST(a_negative_time_is_for_ever),
        TEST(a_string_is_no_longer_than_its_room),
        TEST(the_end_of_a_string_is_got_but_not_counted),
        TEST(a_string_without_room_can_only_be_got),
        TEST(a_change_is_told_and_a_refusal_is_not),
        TEST(what_is_not_in_the_table_does_not_exist),
        TEST(a_row_without_functions_is_no_option),
        TEST(a_calls_row_decides_itself),
        TEST(a_short_buffer_gets_the_front_and_the_whole_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
