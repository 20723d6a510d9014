/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "core/msg.h"
#include <errno.h>

static struct sp_msg borrowed(const char *text)
{
    struct sp_msg m;
    sp_msg_init(&m);
    m.body = (uint8_t *)(uintptr_t)text;
    m.body_len = strlen(text);
    return m;
}

static void a_chunk_has_room_and_is_aligned(void **state)
{
    (void)state;
    struct sp_chunk *c = sp_chunk_new(100);
    assert_int_equal(c->cap, 100);
    assert_int_equal(c->len, 100);
    assert_int_equal((uintptr_t)sp_chunk_data(c) % 16, 0);
    memset(sp_chunk_data(c), 1, 100);
    sp_chunk_drop(c);
}

static void a_chunk_too_large_to_exist_is_refused(void **state)
{
    (void)state;
    assert_null(sp_chunk_new(SIZE_MAX));
    assert_null(sp_chunk_new(SIZE_MAX / 2 + 1));
    struct sp_chunk *c = sp_chunk_new(1);
    assert_null(sp_chunk_grow(c, SIZE_MAX));
    sp_chunk_drop(c);
}

static void a_chunk_is_found_by_its_body(void **state)
{
    (void)state;
    _Alignas(16) char other[64] = {0};
    struct sp_chunk *c = sp_chunk_new(8);
    assert_ptr_equal(sp_chunk_of(sp_chunk_data(c)), c);
    assert_null(sp_chunk_of(sp_chunk_data(c) + 1));
    assert_null(sp_chunk_of(other + 48));
    assert_null(sp_chunk_of(NULL));
    sp_chunk_drop(c);
}

static void a_chunk_lives_until_the_last_reference_goes(void **state)
{
    (void)state;
    struct sp_chunk *c = sp_chunk_new(8);
    sp_chunk_hold(c);
    sp_chunk_drop(c);
    assert_ptr_equal(sp_chunk_of(sp_chunk_data(c)), c);
    sp_chunk_drop(c);
    sp_chunk_drop(NULL);
}

static void a_grown_chunk_keeps_its_bytes(void **state)
{
    (void)state;
    struct sp_chunk *c = sp_chunk_new(3);
    memcpy(sp_chunk_data(c), "abc", 3);
    c = sp_chunk_grow(c, 100000);
    assert_memory_equal(sp_chunk_data(c), "abc", 3);
    assert_int_equal(c->cap, 100000);
    failing_set(1);
    assert_null(sp_chunk_grow(c, 200000));
    failing_clear();
    assert_int_equal(c->cap, 100000);
    sp_chunk_drop(c);
}

static void slabs_are_used_again(void **state)
{
    (void)state;
    sp_slab_flush();
    struct sp_chunk *a = sp_slab_new();
    assert_int_equal(a->cap, SP_SLAB_SIZE);
    sp_chunk_drop(a);
    failing_set(1);
    struct sp_chunk *b = sp_slab_new();
    assert_int_equal(failing_clear(), 0);
    assert_ptr_equal(a, b);
    sp_chunk_drop(b);
    sp_slab_flush();
}

static void only_a_few_slabs_are_kept(void **state)
{
    (void)state;
    struct sp_chunk *all[10];
    for (int i = 0; i < 10; i++)
        assert_non_null(all[i] = sp_slab_new());
    for (int i = 0; i < 10; i++)
        sp_chunk_drop(all[i]);
    failing_set(0);
    for (int i = 0; i < 10; i++)
        assert_non_null(all[i] = sp_slab_new());
    assert_int_equal(failing_clear(), 6);
    for (int i = 0; i < 10; i++)
        sp_chunk_drop(all[i]);
    sp_slab_flush();
}

/* A slab that was kept, or NULL when there is none. */
static struct sp_chunk *failing_slab(void)
{
    failing_set(1);
    struct sp_chunk *c = sp_slab_new();
    (void)failing_clear();
    return c;
}

/* Else what is kept would be as large as the largest message. */
static void a_slab_that_grew_is_none_any_more(void **state)
{
    (void)state;
    sp_slab_flush();
    struct sp_chunk *a = sp_slab_new();
    assert_non_null(a);
    struct sp_chunk *b = sp_chunk_grow(a, 10 * SP_SLAB_SIZE);
    assert_non_null(b);
    sp_chunk_drop(b);
    assert_null(failing_slab());
    sp_slab_flush();
}

static void a_slab_that_was_dropped_is_no_chunk(void **state)
{
    (void)state;
    sp_slab_flush();
    struct sp_chunk *a = sp_slab_new();
    assert_non_null(a);
    void *p = sp_chunk_data(a);
    assert_ptr_equal(sp_chunk_of(p), a);
    sp_chunk_drop(a);
    assert_null(sp_chunk_of(p));
    struct sp_chunk *b = sp_slab_new();
    assert_ptr_equal(b, a);
    assert_ptr_equal(sp_chunk_of(p), b);
    sp_chunk_drop(b);
    sp_slab_flush();
}

static void no_memory_gives_no_slab(void **state)
{
    (void)state;
    sp_slab_flush();
    failing_set(1);
    assert_null(sp_slab_new());
}

static void owning_copies_a_borrowed_body(void **state)
{
    (void)state;
    struct sp_msg m = borrowed("hello");
    const uint8_t *lent = m.body;
    assert_int_equal(sp_msg_own(&m), 0);
    assert_ptr_not_equal(m.body, lent);
    assert_memory_equal(m.body, "hello", 5);
    const uint8_t *mine = m.body;
    assert_int_equal(sp_msg_own(&m), 0);
    assert_ptr_equal(m.body, mine);
    sp_msg_drop(&m);
    assert_null(m.chunk);
    assert_int_equal(m.body_len, 0);
}

static void owning_an_empty_body_needs_no_source(void **state)
{
    (void)state;
    struct sp_msg m;
    sp_msg_init(&m);
    assert_int_equal(sp_msg_own(&m), 0);
    assert_non_null(m.body);
    sp_msg_drop(&m);
}

static void owning_without_memory_changes_nothing(void **state)
{
    (void)state;
    struct sp_msg m = borrowed("hello");
    const uint8_t *lent = m.body;
    failing_set(1);
    assert_int_equal(sp_msg_own(&m), -ENOMEM);
    failing_clear();
    assert_ptr_equal(m.body, lent);
    assert_null(m.chunk);
}

static void header_is(struct sp_msg *m, const char *bytes, size_t n)
{
    assert_int_equal(m->hdr_len, n);
    assert_memory_equal(sp_msg_hdr(m), bytes, n);
}

static void ids_are_pushed_in_front_and_pulled_off(void **state)
{
    (void)state;
    struct sp_msg m;
    sp_msg_init(&m);
    assert_int_equal(sp_msg_hdr_push(&m, 0x80000001), 0);
    assert_int_equal(sp_msg_hdr_push(&m, 0x02030405), 0);
    header_is(&m, "\2\3\4\5\x80\0\0\1", 8);
    sp_msg_hdr_pull(&m, 4);
    header_is(&m, "\x80\0\0\1", 4);
    sp_msg_hdr_pull(&m, 4);
    assert_int_equal(m.hdr_len, 0);
    sp_msg_drop(&m);
}

static void a_long_header_moves_out_of_the_message_and_stays_right(void **state)
{
    (void)state;
    struct sp_msg m;
    sp_msg_init(&m);
    for (uint32_t i = 0; i < SP_HDR_MAX / 4; i++)
        assert_int_equal(sp_msg_hdr_push(&m, i), 0);
    assert_int_equal(sp_msg_hdr_push(&m, 0), -EMSGSIZE);
    assert_int_equal(m.hdr_len, SP_HDR_MAX);
    assert_memory_equal(sp_msg_hdr(&m), "\0\0\1\0", 4);
    sp_msg_hdr_pull(&m, SP_HDR_MAX - 8);
    header_is(&m, "\0\0\0\1\0\0\0\0", 8);
    assert_int_equal(sp_msg_hdr_push(&m, 7), 0);
    header_is(&m, "\0\0\0\7\0\0\0\1\0\0\0\0", 12);
    sp_msg_drop(&m);
}

static void a_header_may_be_set_from_a_part_of_itself(void **state)
{
    (void)state;
    struct sp_msg m;
    sp_msg_init(&m);
    assert_int_equal(sp_msg_hdr_set(&m, "abcdefgh", 8), 0);
    assert_int_equal(sp_msg_hdr_set(&m, sp_msg_hdr(&m) + 4, 4), 0);
    header_is(&m, "efgh", 4);
    sp_msg_drop(&m);
}

static void a_header_without_memory_is_unchanged(void **state)
{
    (void)state;
    char long_one[SP_HDR_INLINE + 1] = {0};
    struct sp_msg m;
    sp_msg_init(&m);
    assert_int_equal(sp_msg_hdr_set(&m, "abcd", 4), 0);
    failing_set(1);
    assert_int_equal(sp_msg_hdr_set(&m, long_one, sizeof long_one), -ENOMEM);
    failing_clear();
    header_is(&m, "abcd", 4);
    assert_int_equal(sp_msg_hdr_set(&m, long_one, SP_HDR_MAX + 1), -EMSGSIZE);
    header_is(&m, "abcd", 4);
}

static void a_share_has_the_body_and_a_header_of_its_own(void **state)
{
    (void)state;
    for (size_t n = 0; n <= SP_HDR_INLINE + 8; n += SP_HDR_INLINE + 8) {
        char bytes[SP_HDR_INLINE + 8] = "header";
        struct sp_msg a = borrowed("body"), b;
        assert_int_equal(sp_msg_own(&a), 0);
        assert_int_equal(sp_msg_hdr_set(&a, bytes, n), 0);
        assert_int_equal(sp_msg_share(&b, &a), 0);
        assert_ptr_equal(a.body, b.body);
        header_is(&b, bytes, n);
        sp_msg_drop(&a);
        assert_memory_equal(b.body, "body", 4);
        header_is(&b, bytes, n);
        sp_msg_drop(&b);
    }
}

static void a_share_without_memory_leaves_the_references(void **state)
{
    (void)state;
    char bytes[SP_HDR_INLINE + 8] = {0};
    struct sp_msg a = borrowed("body"), b;
    assert_int_equal(sp_msg_own(&a), 0);
    assert_int_equal(sp_msg_hdr_set(&a, bytes, sizeof bytes), 0);
    failing_set(1);
    assert_int_equal(sp_msg_share(&b, &a), -ENOMEM);
    failing_clear();
    assert_int_equal(atomic_load(&a.chunk->refs), 1);
    sp_msg_drop(&a);
}

static void a_moved_message_leaves_nothing_behind(void **state)
{
    (void)state;
    char bytes[SP_HDR_INLINE + 8] = {0};
    struct sp_msg a = borrowed("body"), b;
    assert_int_equal(sp_msg_own(&a), 0);
    assert_int_equal(sp_msg_hdr_set(&a, bytes, sizeof bytes), 0);
    sp_msg_move(&b, &a);
    assert_null(a.chunk);
    assert_null(a.more);
    assert_int_equal(a.hdr_len + a.body_len, 0);
    assert_int_equal(b.hdr_len, sizeof bytes);
    sp_msg_drop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chunk_has_room_and_is_aligned),
        TEST(a_chunk_too_large_to_exist_is_refused),
        TEST(a_chunk_is_found_by_its_body),
        TEST(a_chunk_lives_until_the_last_reference_goes),
        TEST(a_grown_chunk_keeps_its_bytes),
        TEST(slabs_are_used_again),
        TEST(only_a_few_slabs_are_kept),
        TEST(a_slab_that_grew_is_none_any_more),
        TEST(a_slab_that_was_dropped_is_no_chunk),
        TEST(no_memory_gives_no_slab),
        TEST(owning_copies_a_borrowed_body),
        TEST(owning_an_empty_body_needs_no_source),
        TEST(owning_without_memory_changes_nothing),
        TEST(ids_are_pushed_in_front_and_pulled_off),
        TEST(a_long_header_moves_out_of_the_message_and_stays_right),
        TEST(a_header_may_be_set_from_a_part_of_itself),
        TEST(a_header_without_memory_is_unchanged),
        TEST(a_share_has_the_body_and_a_header_of_its_own),
        TEST(a_share_without_memory_leaves_the_references),
        TEST(a_moved_message_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
