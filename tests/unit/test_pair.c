/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"

extern const struct sp_protocol sp_pair, sp_pair_raw;

static struct sp_sock *s;

static int open_pair(void **state)
{
    (void)state;
    s = fake_open(&sp_pair);
    return 0;
}

static int open_raw(void **state)
{
    (void)state;
    s = fake_open(&sp_pair_raw);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void messages_go_both_ways(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(fake_send_text(s, "out"), 0);
    fake_take(a, 0, "out");
    fake_deliver_text(a, "in");
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND | SP_CAN_RECV);
    fake_expect(s, "in");
}

static void without_a_peer_it_waits(void **state)
{
    (void)state;
    assert_int_equal(s->proto->ready(s), 0);
    assert_int_equal(fake_send_text(s, "a"), -EAGAIN);
    fake_expect_none(s);
}

static void a_full_peer_makes_it_wait(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_make_room(a, 1);
    assert_int_equal(fake_send_text(s, "1"), 0);
    assert_int_equal(s->proto->ready(s), 0);
    assert_int_equal(fake_send_text(s, "2"), -EAGAIN);
    fake_make_room(a, 1);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
}

static void a25_a_second_peer_is_refused(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_pipe_new(s, 8);
    assert_int_equal(fake_attach(b), -EBUSY);
    assert_int_equal(fake_send_text(s, "1"), 0);
    fake_take(a, 0, "1");
    fake_pipe_free(b);
}

static void a25_the_next_peer_is_taken_when_the_first_is_gone(void **state)
{
    (void)state;
    fake_leave(fake_join(s));
    struct fake_pipe *b = fake_join(s);
    assert_int_equal(fake_send_text(s, "1"), 0);
    fake_take(b, 0, "1");
}

static void what_the_old_peer_left_is_received_first(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "1");
    fake_deliver_text(a, "2");
    fake_hangup(a);
    assert_int_equal(s->proto->ready(s), SP_CAN_RECV);
    struct fake_pipe *b = fake_join_prio(s, 1);
    fake_deliver_text(b, "3");
    fake_expect(s, "1");
    fake_expect(s, "2");
    fake_expect(s, "3");
    fake_leave(a);
    assert_int_equal(fake_send_text(s, "4"), 0);
    fake_take(b, 0, "4");
}

static void what_the_old_peer_was_not_sent_goes_to_the_new_one_first(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_unsent(a, "1");
    fake_unsent(a, "2");
    fake_leave(a);
    assert_int_equal(fake_send_text(s, "3"), -EAGAIN);
    struct fake_pipe *b = fake_join(s);
    assert_int_equal(fake_send_text(s, "3"), 0);
    fake_take(b, 0, "1");
    fake_take(b, 0, "2");
    fake_take(b, 0, "3");
    assert_int_equal(s->dropped_send, 0);
}

static void it_is_not_writable_before_that_is_sent(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_unsent(a, "1");
    fake_unsent(a, "2");
    fake_leave(a);
    struct fake_pipe *b = fake_pipe_new(s, 8);
    b->room = 1;
    assert_int_equal(fake_attach(b), 0);
    assert_int_equal(s->proto->ready(s), 0);
    fake_make_room(b, 2);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    fake_take(b, 0, "1");
    fake_take(b, 0, "2");
}

static void without_memory_in_the_pipe_it_is_tried_again(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_unsent(a, "1");
    fake_leave(a);
    struct fake_pipe *b = fake_pipe_new(s, 8);
    b->send_error = -ENOMEM;
    assert_int_equal(fake_attach(b), 0);
    assert_int_equal(fake_sent(b), 0);
    assert_true(s->due <= sp_now() + 1000 * SP_MS);
    s->proto->tick(s);
    fake_take(b, 0, "1");
}

static void what_a_device_could_not_send_goes_first(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_make_room(a, 0);
    fake_returned(s, "1");
    fake_returned(s, "2");
    assert_int_equal(s->proto->ready(s), 0);
    fake_make_room(a, 3);
    assert_int_equal(fake_send_text(s, "3"), 0);
    fake_take(a, 0, "1");
    fake_take(a, 0, "2");
    fake_take(a, 0, "3");
}

static void what_is_left_at_the_end_is_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_unsent(a, "1");
    fake_leave(a);
    s->proto->fini(s);
    assert_int_equal(s->dropped_send, 1);
}

#define PAIR_TEST(fn)                                           \
    cmocka_unit_test_setup_teardown(fn, open_pair, close_sock), \
        cmocka_unit_test_setup_teardown(fn, open_raw, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(messages_go_both_ways),
        PAIR_TEST(without_a_peer_it_waits),
        PAIR_TEST(a_full_peer_makes_it_wait),
        PAIR_TEST(a25_a_second_peer_is_refused),
        PAIR_TEST(a25_the_next_peer_is_taken_when_the_first_is_gone),
        PAIR_TEST(what_the_old_peer_left_is_received_first),
        PAIR_TEST(what_the_old_peer_was_not_sent_goes_to_the_new_one_first),
        PAIR_TEST(it_is_not_writable_before_that_is_sent),
        PAIR_TEST(without_memory_in_the_pipe_it_is_tried_again),
        PAIR_TEST(what_a_device_could_not_send_goes_first),
        PAIR_TEST(what_is_left_at_the_end_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
