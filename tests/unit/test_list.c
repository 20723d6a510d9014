/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/list.h"

struct item {
    int n;               /* which one */
    struct sp_list link; /* in a list of the test */
};

static int item_n(struct sp_list *l)
{
    return SP_CONTAINER(l, struct item, link)->n;
}

/* Puts items 1..n into l, in that order. */
static void fill(struct sp_list *l, struct item *items, int n)
{
    sp_list_init(l);
    for (int i = 0; i < n; i++) {
        items[i].n = i + 1;
        sp_list_push(l, &items[i].link);
    }
}

/* The items from the front as decimal digits, and the same from behind must be its mirror. */
static int digits(struct sp_list *l)
{
    int v = 0, mirror = 0, scale = 1;
    SP_LIST_EACH (it, l) {
        v = v * 10 + item_n(it);
    }
    for (struct sp_list *it = l->prev; it != l; it = it->prev, scale *= 10)
        mirror += item_n(it) * scale;
    assert_int_equal(v, mirror);
    return v;
}

static void fresh_list_is_empty(void **state)
{
    (void)state;
    struct sp_list l;
    sp_list_init(&l);
    assert_true(sp_list_empty(&l));
    assert_null(sp_list_pop(&l));
}

static void pop_gives_the_oldest(void **state)
{
    (void)state;
    struct sp_list l;
    struct item items[3];
    fill(&l, items, 3);
    assert_int_equal(item_n(sp_list_pop(&l)), 1);
    assert_int_equal(digits(&l), 23);
}

static void popped_node_is_in_no_list(void **state)
{
    (void)state;
    struct sp_list l;
    struct item items[2];
    fill(&l, items, 2);
    struct sp_list *n = sp_list_pop(&l);
    assert_true(sp_list_empty(n));
}

static void insert_before_a_node(void **state)
{
    (void)state;
    struct sp_list l;
    struct item items[3], four = {.n = 4};
    fill(&l, items, 3);
    sp_list_insert_before(&items[1].link, &four.link);
    assert_int_equal(digits(&l), 1423);
}

static void unlink_from_the_middle(void **state)
{
    (void)state;
    struct sp_list l;
    struct item items[3];
    fill(&l, items, 3);
    sp_list_unlink(&items[1].link);
    assert_int_equal(digits(&l), 13);
}

static void unlink_twice_is_harmless(void **state)
{
    (void)state;
    struct sp_list l;
    struct item items[3];
    fill(&l, items, 3);
    sp_list_unlink(&items[2].link);
    sp_list_unlink(&items[2].link);
    assert_int_equal(digits(&l), 12);
}

static void loop_may_unlink_its_node(void **state)
{
    (void)state;
    struct sp_list l;
    struct item items[4];
    fill(&l, items, 4);
    SP_LIST_EACH_SAFE (it, &l) {
        if (item_n(it) % 2)
            sp_list_unlink(it);
    }
    assert_int_equal(digits(&l), 24);
}

static void splice_appends_and_empties_the_source(void **state)
{
    (void)state;
    struct sp_list a, b;
    struct item items_a[2], items_b[3];
    fill(&a, items_a, 2);
    fill(&b, items_b, 3);
    sp_list_splice(&a, &b);
    assert_int_equal(digits(&a), 12123);
    assert_true(sp_list_empty(&b));
}

static void splice_of_an_empty_list_changes_nothing(void **state)
{
    (void)state;
    struct sp_list a, b;
    struct item items[2];
    fill(&a, items, 2);
    sp_list_init(&b);
    sp_list_splice(&a, &b);
    assert_int_equal(digits(&a), 12);
}

static void splice_into_an_empty_list(void **state)
{
    (void)state;
    struct sp_list a, b;
    struct item items[2];
    sp_list_init(&a);
    fill(&b, items, 2);
    sp_list_splice(&a, &b);
    assert_int_equal(digits(&a), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_list_is_empty),
        cmocka_unit_test(pop_gives_the_oldest),
        cmocka_unit_test(popped_node_is_in_no_list),
        cmocka_unit_test(insert_before_a_node),
        cmocka_unit_test(unlink_from_the_middle),
        cmocka_unit_test(unlink_twice_is_harmless),
        cmocka_unit_test(loop_may_unlink_its_node),
        cmocka_unit_test(splice_appends_and_empties_the_source),
        cmocka_unit_test(splice_of_an_empty_list_changes_nothing),
        cmocka_unit_test(splice_into_an_empty_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
