/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/heap.h"
#include <stdlib.h>

#define MANY 200000

static struct sp_heap_node nodes[MANY];

static uint32_t dice_state;

/* The same row of numbers in every run, so that a failure comes back. */
static uint32_t dice(uint32_t n)
{
    dice_state = dice_state * 1664525 + 1013904223;
    return (dice_state >> 8) % n;
}

static void put(struct sp_heap *h, struct sp_heap_node *n, uint64_t key)
{
    n->key = key;
    sp_heap_insert(h, n);
}

static uint64_t pop(struct sp_heap *h)
{
    struct sp_heap_node *n = h->root;
    sp_heap_remove(h, n);
    return n->key;
}

static void smallest_leaves_first(void **state)
{
    (void)state;
    struct sp_heap h = {0};
    struct sp_heap_node n[5] = {0};
    const uint64_t keys[] = {3, UINT64_MAX, 0, 7, 3};
    for (int i = 0; i < 5; i++)
        put(&h, &n[i], keys[i]);
    const uint64_t sorted[] = {0, 3, 3, 7, UINT64_MAX};
    for (int i = 0; i < 5; i++)
        assert_int_equal(pop(&h), sorted[i]);
    assert_null(h.root);
}

static void linked_tells_who_is_inside(void **state)
{
    (void)state;
    struct sp_heap h = {0};
    struct sp_heap_node n = {0};
    put(&h, &n, 1);
    assert_true(n.linked);
    sp_heap_remove(&h, &n);
    assert_false(n.linked);
}

static void removing_a_node_that_is_not_inside_changes_nothing(void **state)
{
    (void)state;
    struct sp_heap h = {0};
    struct sp_heap_node in = {0}, out = {0};
    put(&h, &in, 5);
    sp_heap_remove(&h, &out);
    assert_ptr_equal(h.root, &in);
    sp_heap_remove(&h, &in);
    sp_heap_remove(&h, &in);
    assert_null(h.root);
}

static void node_may_come_back_with_another_key(void **state)
{
    (void)state;
    struct sp_heap h = {0};
    struct sp_heap_node a = {0}, b = {0};
    put(&h, &a, 1);
    put(&h, &b, 2);
    sp_heap_remove(&h, &a);
    put(&h, &a, 3);
    assert_int_equal(pop(&h), 2);
    assert_int_equal(pop(&h), 3);
}

static void any_node_may_leave(void **state)
{
    (void)state;
    for (int leaver = 0; leaver < 16; leaver++) {
        struct sp_heap h = {0};
        struct sp_heap_node n[17] = {0};
        for (int i = 0; i < 17; i++)
            put(&h, &n[i], (uint64_t)(i * 5 % 17));
        pop(&h); /* key 0, so that the rest is a tree and not a row */
        uint64_t gone = n[leaver + 1].key;
        sp_heap_remove(&h, &n[leaver + 1]);
        for (uint64_t key = 1; key < 17; key++)
            if (key != gone)
                assert_int_equal(pop(&h), key);
        assert_null(h.root);
    }
}

static void row_as_long_as_the_heap_is_melded_without_recursion(void **state)
{
    (void)state;
    struct sp_heap h = {0};
    put(&h, &nodes[0], 0);
    for (uint32_t i = 1; i < MANY; i++)
        put(&h, &nodes[i], MANY - i);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(pop(&h), i);
}

static void chain_as_deep_as_the_heap_is_taken_apart(void **state)
{
    (void)state;
    struct sp_heap h = {0};
    for (uint32_t i = 0; i < MANY; i++)
        put(&h, &nodes[i], MANY - i);
    for (uint32_t i = 0; i < MANY; i++)
        sp_heap_remove(&h, &nodes[i]);
    assert_null(h.root);
}

/* Random insertions and removals beside an array that is searched for its smallest. */
static void agrees_with_a_plain_search(void **state)
{
    (void)state;
    struct sp_heap h = {0};
    static struct sp_heap_node n[64];
    dice_state = 1;
    for (int step = 0; step < 50000; step++) {
        struct sp_heap_node *at = &n[dice(64)];
        if (at->linked)
            sp_heap_remove(&h, at);
        else
            put(&h, at, dice(100));
        uint64_t least = UINT64_MAX;
        for (int i = 0; i < 64; i++)
            if (n[i].linked && n[i].key < least)
                least = n[i].key;
        assert_int_equal(h.root ? h.root->key : UINT64_MAX, least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest_leaves_first),
        cmocka_unit_test(linked_tells_who_is_inside),
        cmocka_unit_test(removing_a_node_that_is_not_inside_changes_nothing),
        cmocka_unit_test(node_may_come_back_with_another_key),
        cmocka_unit_test(any_node_may_leave),
        cmocka_unit_test(row_as_long_as_the_heap_is_melded_without_recursion),
        cmocka_unit_test(chain_as_deep_as_the_heap_is_taken_apart),
        cmocka_unit_test(agrees_with_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
