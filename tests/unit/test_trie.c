/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/clock.h"
#include "protocols/trie.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sp_trie t;

static int open_trie(void **state)
{
    (void)state;
    sp_trie_init(&t);
    return 0;
}

static int close_trie(void **state)
{
    sp_trie_fini(&t);
    return failing_teardown(state);
}

static int add(const char *topic) { return sp_trie_add(&t, topic, strlen(topic)); }
static int del(const char *topic) { return sp_trie_del(&t, topic, strlen(topic)); }
static bool match(const char *body) { return sp_trie_match(&t, body, strlen(body)); }

static void an_empty_set_matches_nothing(void **state)
{
    (void)state;
    assert_false(match(""));
    assert_false(match("a"));
}

static void the_empty_topic_matches_all(void **state)
{
    (void)state;
    assert_int_equal(sp_trie_add(&t, NULL, 0), 0);
    assert_true(sp_trie_match(&t, NULL, 0));
    assert_true(match("a"));
}

static void a_topic_matches_what_begins_with_it(void **state)
{
    (void)state;
    assert_int_equal(add("abc"), 0);
    assert_true(match("abc"));
    assert_true(match("abcd"));
    assert_false(match("ab"));
    assert_false(match("abd"));
    assert_false(match(""));
    assert_false(match("xabc"));
}

static void a_topic_may_be_part_of_another(void **state)
{
    (void)state;
    assert_int_equal(add("abcd"), 0);
    assert_int_equal(add("ab"), 0);
    assert_true(match("abx"));
    assert_int_equal(del("ab"), 1);
    assert_false(match("abx"));
    assert_true(match("abcd"));
}

static void topics_may_part_in_the_middle(void **state)
{
    (void)state;
    assert_int_equal(add("abcde"), 0);
    assert_int_equal(add("abxyz"), 0);
    assert_true(match("abcde"));
    assert_true(match("abxyz"));
    assert_false(match("ab"));
    assert_false(match("abcyz"));
    assert_false(match("abxde"));
}

static void zero_bytes_are_bytes(void **state)
{
    (void)state;
    assert_int_equal(sp_trie_add(&t, "a\0b", 3), 0);
    assert_true(sp_trie_match(&t, "a\0bc", 4));
    assert_false(sp_trie_match(&t, "a\0c", 3));
    assert_false(match("a"));
}

static void topics_are_counted(void **state)
{
    (void)state;
    assert_int_equal(add("a"), 0);
    assert_int_equal(add("a"), 0);
    assert_int_equal(del("a"), 0);
    assert_true(match("a"));
    assert_int_equal(del("a"), 1);
    assert_false(match("a"));
}

static void removing_what_is_not_there_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(del("a"), -ENOENT);
    assert_int_equal(del(""), -ENOENT);
    assert_int_equal(add("abc"), 0);
    assert_int_equal(del("ab"), -ENOENT);
    assert_int_equal(del("abcd"), -ENOENT);
    assert_int_equal(del("abd"), -ENOENT);
    assert_int_equal(del(""), -ENOENT);
    assert_true(match("abc"));
}

static void an_emptied_set_keeps_no_memory(void **state)
{
    (void)state;
    const char *topics[] = {"", "a", "ab", "abcdef", "abcxyz", "b", "b2", "b3", "b4", "b5", "b6"};
    const int n = sizeof topics / sizeof *topics;
    for (int i = 0; i < n; i++)
        assert_int_equal(add(topics[i]), 0);
    for (int i = 0; i < n; i++)
        assert_int_equal(del(topics[(i * 7) % n]), 1);
    assert_null(t.root);
    assert_int_equal(t.n_bytes, 0);
}

static void all_256_bytes_may_follow(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++)
        assert_int_equal(sp_trie_add(&t, (uint8_t[]){'x', (uint8_t)i}, 2), 0);
    for (int i = 0; i < 256; i++)
        assert_true(sp_trie_match(&t, (uint8_t[]){'x', (uint8_t)i}, 2));
    for (int i = 0; i < 256; i += 2)
        assert_int_equal(sp_trie_del(&t, (uint8_t[]){'x', (uint8_t)i}, 2), 1);
    for (int i = 0; i < 256; i++)
        assert_int_equal(sp_trie_match(&t, (uint8_t[]){'x', (uint8_t)i}, 2), i & 1);
}

static void a_branch_that_is_gone_gives_its_memory_back(void **state)
{
    (void)state;
    assert_int_equal(add("abcde"), 0);
    size_t before = t.n_bytes;
    assert_int_equal(add("abxyz"), 0);
    assert_int_equal(del("abxyz"), 1);
    assert_int_equal(t.n_bytes, before);
    assert_true(match("abcde"));
}

/* Against the plainest set, with topics of few letters so that they meet often. */
static void agrees_with_a_list(void **state)
{
    (void)state;
    enum { N = 40, LEN = 6, STEPS = 40000 };
    static char topics[N][LEN + 1];
    int counts[N] = {0};
    uint32_t dice = 1;
#define DICE(n) ((dice = dice * 1664525 + 1013904223) >> 8) % (n)
    for (int i = 0; i < N; i++)
        for (uint32_t k = 0, len = DICE(LEN + 1); k < len; k++)
            topics[i][k] = (char)('a' + DICE(3));
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = DICE(N);
        if (DICE(2)) {
            assert_int_equal(add(topics[i]), 0);
            counts[i]++;
        } else {
            bool have = false;
            int left = 0;
            for (int k = 0; k < N; k++)
                if (counts[k] && !strcmp(topics[k], topics[i])) {
                    have = true;
                    left += counts[k];
                }
            assert_int_equal(del(topics[i]), have ? left == 1 : -ENOENT);
            for (int k = 0; have && k < N; k++)
                if (counts[k] && !strcmp(topics[k], topics[i])) {
                    counts[k]--;
                    have = false;
                }
        }
        char body[LEN + 3] = {0};
        for (uint32_t k = 0, len = DICE(LEN + 2); k < len; k++)
            body[k] = (char)('a' + DICE(3));
        bool want = false;
        for (int k = 0; k < N; k++)
            want = want || (counts[k] && !strncmp(topics[k], body, strlen(topics[k])));
        assert_int_equal(match(body), want);
    }
#undef DICE
}

/* A set with both kinds of additions and removals; every allocation of it fails once. */
static int scenario(void)
{
    const char *topics[] = {"", "abcdef", "abcxyz", "ab", "abcde1", "q1", "q2", "q3", "q4", "q5", "q6"};
    const int n = sizeof topics / sizeof *topics;
    bool have[sizeof topics / sizeof *topics];
    int failures = 0;
    sp_trie_init(&t);
    for (int i = 1; i < n; i++) {
        size_t before = t.n_bytes;
        int rc = add(topics[i]);
        assert_true(rc == 0 || rc == -ENOMEM);
        have[i] = rc == 0;
        failures += rc < 0;
        assert_true(rc == 0 || !before || t.n_bytes == before);
    }
    for (int i = 1; i < n; i++)
        assert_int_equal(match(topics[i]), have[i] || (i != 3 && i < 5 && have[3]));
    for (int i = 1; i < n; i++)
        assert_int_equal(del(topics[i]), have[i] ? 1 : -ENOENT);
    for (int i = 1; i < n; i++)
        assert_false(match(topics[i]));
    sp_trie_fini(&t);
    assert_int_equal(t.n_bytes, 0);
    return failures;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    failing_set(0);
    assert_int_equal(scenario(), 0);
    int total = failing_clear(), failures = 0;
    for (int i = 1; i <= total; i++) {
        failing_set(i);
        failures += scenario();
        failing_clear();
    }
    assert_true(failures >= 10); /* each topic has at least one that it needs */
    assert_true(total > failures);
}

static void a20_topics_above_the_limit_are_refused(void **state)
{
    (void)state;
    char *topic = calloc(1, SP_TOPIC_MAX + 1);
    assert_int_equal(sp_trie_add(&t, topic, SP_TOPIC_MAX + 1), -EMSGSIZE);
    assert_int_equal(sp_trie_del(&t, topic, SP_TOPIC_MAX + 1), -ENOENT);
    assert_int_equal(sp_trie_add(&t, topic, SP_TOPIC_MAX), 0);
    assert_true(sp_trie_match(&t, topic, SP_TOPIC_MAX + 1));
    assert_false(sp_trie_match(&t, topic, SP_TOPIC_MAX - 1));
    free(topic);
}

/* Topics up to 1 MiB that part at many depths: a comb of 4096 nodes below each other. */
static void *comb(void *arg)
{
    char *topic = malloc(SP_TOPIC_MAX);
    memset(topic, 'x', SP_TOPIC_MAX);
    for (size_t n = SP_TOPIC_MAX; n > 0; n -= 4096)
        if (sp_trie_add(&t, topic, n) < 0)
            return NULL;
    topic[SP_TOPIC_MAX - 1] = 'y';
    if (!sp_trie_match(&t, topic, SP_TOPIC_MAX) || sp_trie_add(&t, topic, SP_TOPIC_MAX) < 0 ||
        sp_trie_del(&t, topic, SP_TOPIC_MAX) != 1)
        return NULL;
    for (size_t n = 4096; n < SP_TOPIC_MAX; n += 8192)
        if (sp_trie_del(&t, topic, n) != 1)
            return NULL;
    sp_trie_fini(&t);
    free(topic);
    return arg;
}

static void a20_a_topic_of_1_mib_needs_no_stack(void **state)
{
    (void)state;
    pthread_attr_t attr;
    pthread_t thread;
    void *done = NULL;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 128 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attr, comb, &t), 0);
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_ptr_equal(done, &t);
    pthread_attr_destroy(&attr);
}

static void a26_memory_is_bounded(void **state)
{
    (void)state;
    char topic[32];
    int n = 0, rc;
    t.max_bytes = 100000;
    do {
        snprintf(topic, sizeof topic, "%d-topic", n);
        rc = add(topic);
        assert_true(t.n_bytes <= 100000);
    } while (rc == 0 && ++n < 100000);
    assert_int_equal(rc, -ENOSPC);
    assert_true(n > 1000);
    assert_false(match(topic));
    for (int i = 0; i < 10; i++) {
        snprintf(topic, sizeof topic, "%d-topic", i);
        assert_int_equal(del(topic), 1);
    }
    assert_int_equal(add("0-topic"), 0);
}

static void a26_100000_topics_are_quick_and_small(void **state)
{
    (void)state;
    enum { N = 100000 };
    char topic[16];
    uint64_t start = sp_now();
    for (unsigned i = 0; i < N; i++) {
        int n = snprintf(topic, sizeof topic, "%08u/", i * 7919 % N);
        assert_int_equal(sp_trie_add(&t, topic, (size_t)n), 0);
    }
    uint64_t took = sp_now() - start;
    print_message("100000 topics: %u ms, %zu bytes\n", (unsigned)(took / SP_MS), t.n_bytes);
    assert_true(took < 2500 * SP_MS); /* 0.5 s is the aim; sanitizers are slower */
    assert_true(t.n_bytes < 5000000);
    for (unsigned i = 0; i < N; i++) {
        snprintf(topic, sizeof topic, "%08u/", i);
        assert_true(match(topic));
        assert_int_equal(del(topic), 1);
    }
    assert_null(t.root);
}

#define TRIE_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_trie, close_trie)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIE_TEST(an_empty_set_matches_nothing),
        TRIE_TEST(the_empty_topic_matches_all),
        TRIE_TEST(a_topic_matches_what_begins_with_it),
        TRIE_TEST(a_topic_may_be_part_of_another),
        TRIE_TEST(topics_may_part_in_the_middle),
        TRIE_TEST(zero_bytes_are_bytes),
        TRIE_TEST(topics_are_counted),
        TRIE_TEST(removing_what_is_not_there_changes_nothing),
        TRIE_TEST(an_emptied_set_keeps_no_memory),
        TRIE_TEST(all_256_bytes_may_follow),
        TRIE_TEST(a_branch_that_is_gone_gives_its_memory_back),
        TRIE_TEST(agrees_with_a_list),
        TRIE_TEST(every_allocation_may_fail),
        TRIE_TEST(a20_topics_above_the_limit_are_refused),
        TRIE_TEST(a20_a_topic_of_1_mib_needs_no_stack),
        TRIE_TEST(a26_memory_is_bounded),
        TRIE_TEST(a26_100000_topics_are_quick_and_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
