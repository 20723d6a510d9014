/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"
#include "protocols/trie.h"
#include <nanomsg/pubsub.h>
#include <stdio.h>

extern const struct sp_protocol sp_sub, sp_sub_raw;

static struct sp_sock *s;

static int open_sub(void **state)
{
    (void)state;
    s = fake_open(&sp_sub);
    return 0;
}

static int open_raw(void **state)
{
    (void)state;
    s = fake_open(&sp_sub_raw);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static int subscribe(const char *topic) { return fake_subscribe(s, NN_SUB_SUBSCRIBE, topic, strlen(topic)); }
static int unsubscribe(const char *topic) { return fake_subscribe(s, NN_SUB_UNSUBSCRIBE, topic, strlen(topic)); }

static void without_subscription_nothing_comes(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "news");
    fake_expect_none(s);
    assert_int_equal(a->in_tail - a->in_head, 0);
    assert_int_equal(s->dropped_recv, 0);
}

static void what_begins_with_a_topic_comes(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(subscribe("new"), 0);
    fake_deliver_text(a, "old");
    fake_deliver_text(a, "news");
    fake_deliver_text(a, "ne");
    fake_deliver_text(a, "new");
    fake_expect(s, "news");
    fake_expect(s, "new");
    fake_expect_none(s);
}

static void the_empty_topic_is_all(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(fake_subscribe(s, NN_SUB_SUBSCRIBE, NULL, 0), 0);
    fake_deliver_text(a, "");
    fake_deliver_text(a, "x");
    fake_expect(s, "");
    fake_expect(s, "x");
}

static void subscriptions_are_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(subscribe("a"), 0);
    assert_int_equal(subscribe("a"), 0);
    assert_int_equal(unsubscribe("a"), 0);
    fake_deliver_text(a, "a1");
    fake_expect(s, "a1");
    assert_int_equal(unsubscribe("a"), 0);
    fake_deliver_text(a, "a2");
    fake_expect_none(s);
}

static void removing_an_unknown_one_succeeds(void **state)
{
    (void)state;
    assert_int_equal(unsubscribe("a"), 0);
    assert_int_equal(unsubscribe(""), 0);
    assert_int_equal(subscribe("abc"), 0);
    assert_int_equal(unsubscribe("ab"), 0);
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "abcd");
    fake_expect(s, "abcd");
}

static void what_waits_goes_with_its_subscription(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    assert_int_equal(subscribe("a"), 0);
    assert_int_equal(subscribe("b"), 0);
    fake_deliver_text(a, "a1");
    fake_deliver_text(a, "b1");
    fake_deliver_text(b, "a2");
    assert_int_equal(s->proto->ready(s), SP_CAN_RECV);
    assert_int_equal(unsubscribe("a"), 0);
    fake_expect(s, "b1");
    fake_expect_none(s);
}

static void publishers_take_turns(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    assert_int_equal(subscribe(""), 0);
    for (int i = 0; i < 2; i++) {
        fake_deliver_text(a, "a");
        fake_deliver_text(b, "b");
    }
    fake_expect(s, "a");
    fake_expect(s, "b");
    fake_expect(s, "a");
    fake_expect(s, "b");
}

static void it_does_not_send(void **state)
{
    (void)state;
    assert_int_equal(s->proto->caps, SP_CAN_RECV);
}

static void topics_cannot_be_read_back(void **state)
{
    (void)state;
    char buf[8];
    size_t len = sizeof buf;
    assert_int_equal(subscribe("a"), 0);
    assert_int_equal(sp_opts_get(s->proto->opts, s->proto->n_opts, NN_SUB_SUBSCRIBE, s, s->data, buf, &len),
                     -ENOPROTOOPT);
}

static void without_memory_a_subscription_fails_and_changes_nothing(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(subscribe("abc"), 0);
    failing_set(1);
    assert_int_equal(subscribe("abx"), -ENOMEM);
    failing_clear();
    fake_deliver_text(a, "abx");
    fake_expect_none(s);
    fake_deliver_text(a, "abc");
    fake_expect(s, "abc");
}

static void without_memory_a_subscription_still_ends(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(subscribe("abc"), 0);
    assert_int_equal(subscribe("abx"), 0);
    failing_set(1);
    assert_int_equal(unsubscribe("abx"), 0);
    failing_clear();
    fake_deliver_text(a, "abx");
    fake_expect_none(s);
    fake_deliver_text(a, "abc");
    fake_expect(s, "abc");
}

static void a20_a_topic_above_the_limit_is_refused(void **state)
{
    (void)state;
    char *topic = calloc(1, SP_TOPIC_MAX + 1);
    assert_int_equal(fake_subscribe(s, NN_SUB_SUBSCRIBE, topic, SP_TOPIC_MAX + 1), -EMSGSIZE);
    assert_int_equal(fake_subscribe(s, NN_SUB_UNSUBSCRIBE, topic, SP_TOPIC_MAX + 1), 0);
    assert_int_equal(fake_subscribe(s, NN_SUB_SUBSCRIBE, topic, SP_TOPIC_MAX), 0);
    free(topic);
}

static void a26_many_subscriptions_lose_nothing(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    char topic[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(topic, sizeof topic, "t%d;", i);
        assert_int_equal(subscribe(topic), 0);
    }
    for (int i = 0; i < 100000; i += 997) {
        snprintf(topic, sizeof topic, "t%d;", i);
        fake_deliver_text(a, topic);
        fake_expect(s, topic);
    }
    fake_deliver_text(a, "t100000;");
    fake_expect_none(s);
}

#define SUB_TEST(fn)                                                                      \
    cmocka_unit_test_setup_teardown(fn, open_sub, close_sock), cmocka_unit_test_setup_teardown(fn, open_raw, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUB_TEST(without_subscription_nothing_comes),
        SUB_TEST(what_begins_with_a_topic_comes),
        SUB_TEST(the_empty_topic_is_all),
        SUB_TEST(subscriptions_are_counted),
        SUB_TEST(removing_an_unknown_one_succeeds),
        SUB_TEST(what_waits_goes_with_its_subscription),
        SUB_TEST(publishers_take_turns),
        SUB_TEST(it_does_not_send),
        SUB_TEST(topics_cannot_be_read_back),
        SUB_TEST(without_memory_a_subscription_fails_and_changes_nothing),
        SUB_TEST(without_memory_a_subscription_still_ends),
        SUB_TEST(a20_a_topic_above_the_limit_is_refused),
        SUB_TEST(a26_many_subscriptions_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
