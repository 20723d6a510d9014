/* SPDX-License-Identifier: MIT */
#include "base.h"
#include <errno.h>
#include <string.h>

static void alloc_of_nothing_gives_a_block(void **state)
{
    (void)state;
    void *p = sp_alloc(0), *q = sp_calloc(0, 8), *r = sp_calloc(8, 0);
    assert_non_null(p);
    assert_non_null(q);
    assert_non_null(r);
    sp_free(p);
    sp_free(q);
    sp_free(r);
}

static void calloc_gives_zeroes(void **state)
{
    (void)state;
    const char zero[21] = {0};
    char *p = sp_calloc(3, 7);
    assert_memory_equal(p, zero, 21);
    sp_free(p);
}

static void calloc_refuses_a_product_that_wraps(void **state)
{
    (void)state;
    errno = 0;
    assert_null(sp_calloc(SIZE_MAX / 2 + 2, 2));
    assert_int_equal(errno, ENOMEM);
}

static void alloc_refuses_sizes_beyond_any_object(void **state)
{
    (void)state;
    assert_null(sp_alloc((size_t)PTRDIFF_MAX + 1));
    assert_null(sp_memdup("", SIZE_MAX));
    assert_null(sp_memdup("", SIZE_MAX - 1));
}

static void realloc_keeps_the_content(void **state)
{
    (void)state;
    char *p = sp_memdup("abc", 3);
    p = sp_realloc(p, 100000);
    assert_string_equal(p, "abc");
    sp_free(p);
}

static void realloc_to_nothing_still_gives_a_block(void **state)
{
    (void)state;
    char *p = sp_realloc(sp_alloc(10), 0);
    assert_non_null(p);
    sp_free(p);
}

static void realloc_of_null_allocates(void **state)
{
    (void)state;
    char *p = sp_realloc(NULL, 4);
    assert_non_null(p);
    sp_free(p);
}

static void realloc_that_is_refused_leaves_the_block(void **state)
{
    (void)state;
    char *p = sp_memdup("abc", 3);
    assert_null(sp_realloc(p, (size_t)PTRDIFF_MAX + 1));
    failing_set(1);
    assert_null(sp_realloc(p, 5));
    failing_clear();
    assert_string_equal(p, "abc");
    sp_free(p);
}

static void memdup_ends_with_zero(void **state)
{
    (void)state;
    char *p = sp_memdup("abcdef", 3);
    assert_string_equal(p, "abc");
    sp_free(p);
}

static void memdup_of_nothing_is_an_empty_string(void **state)
{
    (void)state;
    char *p = sp_memdup(NULL, 0);
    assert_string_equal(p, "");
    sp_free(p);
}

static void free_ignores_null(void **state)
{
    (void)state;
    sp_free(NULL);
}

static void hook_fails_every_kind(void **state)
{
    (void)state;
    failing_set(1);
    assert_null(sp_alloc(1));
    failing_set(1);
    assert_null(sp_calloc(1, 1));
    failing_set(1);
    assert_null(sp_realloc(NULL, 1));
    failing_set(1);
    assert_null(sp_memdup("a", 1));
    assert_int_equal(failing_clear(), 1);
}

static void hook_is_asked_once_for_each_allocation(void **state)
{
    (void)state;
    failing_set(3);
    void *p = sp_alloc(1), *q = sp_calloc(1, 1), *r = sp_alloc(1), *s = sp_memdup("", 0);
    assert_int_equal(failing_clear(), 4);
    assert_true(p && q && !r && s);
    sp_free(p);
    sp_free(q);
    sp_free(s);
}

static void refusal_by_the_hook_sets_errno(void **state)
{
    (void)state;
    failing_set(1);
    errno = 0;
    assert_true(sp_alloc_refused());
    assert_int_equal(errno, ENOMEM);
    assert_false(sp_alloc_refused());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alloc_of_nothing_gives_a_block),
        TEST(calloc_gives_zeroes),
        TEST(calloc_refuses_a_product_that_wraps),
        TEST(alloc_refuses_sizes_beyond_any_object),
        TEST(realloc_keeps_the_content),
        TEST(realloc_to_nothing_still_gives_a_block),
        TEST(realloc_of_null_allocates),
        TEST(realloc_that_is_refused_leaves_the_block),
        TEST(memdup_ends_with_zero),
        TEST(memdup_of_nothing_is_an_empty_string),
        TEST(free_ignores_null),
        TEST(hook_fails_every_kind),
        TEST(hook_is_asked_once_for_each_allocation),
        TEST(refusal_by_the_hook_sets_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
