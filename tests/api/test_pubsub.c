/* SPDX-License-Identifier: MIT */
/* PUB and SUB. */
#include "lib.h"

static int sub(int s, int option, const char *topic)
{
    return nn_setsockopt(s, NN_SUB, option, topic, strlen(topic));
}

/* A publisher and a subscriber without subscriptions. */
static struct lib_two pub_sub(void)
{
    struct lib_two t = {lib_socket(NN_PUB), lib_ok(nn_socket(AF_SP, NN_SUB))};
    lib_set(t.c, NN_RCVTIMEO, LIB_PATIENCE_MS);
    lib_join(t.s, t.c);
    return t;
}

/* Publishes all, with a mark at the end; what arrives before the mark, joined. */
static const char *what_arrives(struct lib_two t, const char *const *texts, size_t n)
{
    static char all[256];
    char buf[64];
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "#end"));
    for (size_t i = 0; i < n; i++)
        lib_send(t.s, texts[i]);
    lib_send(t.s, "#end");
    for (all[0] = 0;; strcat(strcat(all, buf), " ")) {
        int len = lib_ok(nn_recv(t.c, buf, sizeof buf - 1, 0));
        buf[len] = 0;
        if (!strcmp(buf, "#end"))
            break;
    }
    lib_ok(sub(t.c, NN_SUB_UNSUBSCRIBE, "#end"));
    return all;
}

static const char *const letters[] = {"a", "ab", "abc", "b", "ba"};
#define ARRIVES(t, texts)                                                                          \
    assert_string_equal(what_arrives(t, letters, sizeof letters / sizeof *letters), texts)

static void without_subscriptions_nothing_arrives(void **state)
{
    (void)state;
    struct lib_two t = pub_sub();
    ARRIVES(t, "");
    lib_close(t);
}

static void the_empty_topic_is_all(void **state)
{
    (void)state;
    struct lib_two t = pub_sub();
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, ""));
    ARRIVES(t, "a ab abc b ba ");
    lib_close(t);
}

static void a_topic_is_a_prefix(void **state)
{
    (void)state;
    struct lib_two t = pub_sub();
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "ab"));
    ARRIVES(t, "ab abc ");
    lib_close(t);
}

static void topics_add_up(void **state)
{
    (void)state;
    struct lib_two t = pub_sub();
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "abc"));
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "b"));
    ARRIVES(t, "abc b ba ");
    lib_close(t);
}

static void a_topic_has_to_be_left_as_often_as_joined(void **state)
{
    (void)state;
    struct lib_two t = pub_sub();
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "b"));
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "b"));
    lib_ok(sub(t.c, NN_SUB_UNSUBSCRIBE, "b"));
    ARRIVES(t, "b ba ");
    lib_ok(sub(t.c, NN_SUB_UNSUBSCRIBE, "b"));
    ARRIVES(t, "");
    lib_close(t);
}

static void leaving_a_topic_keeps_the_longer(void **state)
{
    (void)state;
    struct lib_two t = pub_sub();
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "a"));
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "abc"));
    lib_ok(sub(t.c, NN_SUB_UNSUBSCRIBE, "a"));
    ARRIVES(t, "abc ");
    lib_close(t);
}

static void leaving_an_unknown_topic_succeeds(void **state)
{
    (void)state;
    struct lib_two t = pub_sub();
    lib_ok(sub(t.c, NN_SUB_UNSUBSCRIBE, "never"));
    lib_ok(sub(t.c, NN_SUB_UNSUBSCRIBE, ""));
    lib_ok(sub(t.c, NN_SUB_SUBSCRIBE, "ab"));
    lib_ok(sub(t.c, NN_SUB_UNSUBSCRIBE, "abc"));
    lib_ok(sub(t.c, NN_SUB_UNSUBSCRIBE, "a"));
    ARRIVES(t, "ab abc ");
    lib_close(t);
}

static void a_topic_may_hold_any_bytes(void **state)
{
    (void)state;
    struct lib_two t = pub_sub();
    char buf[8];
    lib_ok(nn_setsockopt(t.c, NN_SUB, NN_SUB_SUBSCRIBE, "\0\xff", 2));
    lib_ok(nn_send(t.s, "\0\xfe", 2, 0));
    lib_ok(nn_send(t.s, "\0\xff!", 3, 0));
    assert_int_equal(nn_recv(t.c, buf, sizeof buf, 0), 3);
    lib_close(t);
}

static void every_subscriber_gets_every_message(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUB), c[12];
    char text[32];
    for (int i = 0; i < 12; i++)
        lib_join(s, c[i] = lib_socket(NN_SUB));
    for (int k = 0; k < 50; k++) {
        snprintf(text, sizeof text, "news %d", k);
        lib_send(s, text);
    }
    for (int i = 0; i < 12; i++) {
        for (int k = 0; k < 50; k++) {
            snprintf(text, sizeof text, "news %d", k);
            lib_expect(c[i], text);
        }
        nn_close(c[i]);
    }
    nn_close(s);
}

static void a_subscriber_hears_several_publishers(void **state)
{
    (void)state;
    int c = lib_socket(NN_SUB), a = lib_socket(NN_PUB), b = lib_socket(NN_PUB);
    lib_join(a, c);
    lib_join(b, c);
    lib_send(a, "from a");
    lib_expect(c, "from a");
    lib_send(b, "from b");
    lib_expect(c, "from b");
    nn_close(a);
    nn_close(b);
    nn_close(c);
}

static void publishing_to_nobody_succeeds(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUB);
    lib_send(s, "to nobody");
    nn_close(s);
}

static void a_slow_subscriber_loses_messages_and_nobody_waits(void **state)
{
    (void)state;
    static char big[60000];
    struct lib_two t = lib_two(NN_PUB, NN_SUB);
    lib_until((lib_ok(nn_send(t.s, big, sizeof big, 0)),
               lib_stat(t.s, NN_STAT_MESSAGES_DROPPED_SEND) > 3));
    struct nn_pipe_info info = {.size = sizeof info};
    assert_int_equal(nn_pipes(t.s, &info, 1), 1);
    assert_true(info.drops > 3);
    assert_int_equal(nn_recv(t.c, big, sizeof big, 0), sizeof big);
    lib_close(t);
}

static void a_slow_subscriber_does_not_hold_up_others(void **state)
{
    (void)state;
    static char big[60000];
    int s = lib_socket(NN_PUB), slow = lib_socket(NN_SUB), quick = lib_socket(NN_SUB);
    lib_join(s, slow);
    lib_join(s, quick);
    for (int i = 0; i < 300; i++) {
        lib_ok(nn_send(s, big, sizeof big, 0));
        assert_int_equal(lib_ok(nn_recv(quick, big, sizeof big, 0)), sizeof big);
    }
    nn_close(s);
    nn_close(slow);
    nn_close(quick);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_subscriptions_nothing_arrives),
        cmocka_unit_test(the_empty_topic_is_all),
        cmocka_unit_test(a_topic_is_a_prefix),
        cmocka_unit_test(topics_add_up),
        cmocka_unit_test(a_topic_has_to_be_left_as_often_as_joined),
        cmocka_unit_test(leaving_a_topic_keeps_the_longer),
        cmocka_unit_test(leaving_an_unknown_topic_succeeds),
        cmocka_unit_test(a_topic_may_hold_any_bytes),
        cmocka_unit_test(every_subscriber_gets_every_message),
        cmocka_unit_test(a_subscriber_hears_several_publishers),
        cmocka_unit_test(publishing_to_nobody_succeeds),
        cmocka_unit_test(a_slow_subscriber_loses_messages_and_nobody_waits),
        cmocka_unit_test(a_slow_subscriber_does_not_hold_up_others),
    };
    return cmocka_run_group_tests_name("pub and sub", tests, NULL, NULL);
}
