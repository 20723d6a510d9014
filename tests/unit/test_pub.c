/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"

extern const struct sp_protocol sp_pub, sp_pub_raw;

static struct sp_sock *s;

static int open_pub(void **state)
{
    (void)state;
    s = fake_open(&sp_pub);
    return 0;
}

static int open_raw(void **state)
{
    (void)state;
    s = fake_open(&sp_pub_raw);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void without_subscribers_sending_succeeds(void **state)
{
    (void)state;
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(fake_send_text(s, "news"), 0);
}

static void all_subscribers_get_it(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    assert_int_equal(fake_send_text(s, "news"), 0);
    fake_take(a, 0, "news");
    fake_take(b, 0, "news");
}

static void a_full_subscriber_does_not_stop_the_others(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_make_room(a, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fake_send_text(s, "news"), 0);
    assert_int_equal(fake_sent(a), 1);
    assert_int_equal(fake_sent(b), 3);
    assert_int_equal(a->pipe.n_drops, 2);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
}

static void a_subscriber_with_room_again_goes_on(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_make_room(a, 1);
    assert_int_equal(fake_send_text(s, "1"), 0);
    assert_int_equal(fake_send_text(s, "2"), 0);
    fake_make_room(a, 1);
    assert_int_equal(fake_send_text(s, "3"), 0);
    fake_take(a, 0, "1");
    fake_take(a, 0, "3");
}

static void a_subscriber_that_sends_is_closed(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_deliver_text(a, "I am not a subscriber");
    assert_int_equal(a->n_closed, 1);
    assert_int_equal(a->reason, SP_REASON_PROTOCOL);
    assert_int_equal(s->dropped_recv, 1);
    assert_int_equal(fake_settle(s), 1);
    assert_int_equal(fake_send_text(s, "news"), 0);
    fake_take(b, 0, "news");
    assert_int_equal(b->n_closed, 0);
}

static void one_that_sent_before_it_was_accepted_is_closed_too(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_pipe_new(s, 8);
    fake_deliver_text(a, "too early");
    assert_int_equal(fake_attach(a), 0);
    assert_int_equal(a->n_closed, 1);
}

static void it_does_not_receive(void **state)
{
    (void)state;
    assert_int_equal(s->proto->caps, SP_CAN_SEND);
}

static void a_subscriber_may_leave_while_full(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_make_room(a, 0);
    fake_hangup(a);
    fake_leave(a);
    assert_int_equal(fake_send_text(s, "news"), 0);
    assert_int_equal(fake_sent(b), 1);
    assert_int_equal(s->dropped_send, 0);
}

#define PUB_TEST(fn)                                                                      \
    cmocka_unit_test_setup_teardown(fn, open_pub, close_sock), cmocka_unit_test_setup_teardown(fn, open_raw, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUB_TEST(without_subscribers_sending_succeeds),
        PUB_TEST(all_subscribers_get_it),
        PUB_TEST(a_full_subscriber_does_not_stop_the_others),
        PUB_TEST(a_subscriber_with_room_again_goes_on),
        PUB_TEST(a_subscriber_that_sends_is_closed),
        PUB_TEST(one_that_sent_before_it_was_accepted_is_closed_too),
        PUB_TEST(it_does_not_receive),
        PUB_TEST(a_subscriber_may_leave_while_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
