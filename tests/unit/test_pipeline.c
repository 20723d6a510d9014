/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"

extern const struct sp_protocol sp_push, sp_push_raw, sp_pull, sp_pull_raw;

static struct sp_sock *s;

static int open_with(const struct sp_protocol *proto)
{
    s = fake_open(proto);
    return 0;
}

static int open_push(void **state)
{
    (void)state;
    return open_with(&sp_push);
}

static int open_push_raw(void **state)
{
    (void)state;
    return open_with(&sp_push_raw);
}

static int open_pull(void **state)
{
    (void)state;
    return open_with(&sp_pull);
}

static int open_pull_raw(void **state)
{
    (void)state;
    return open_with(&sp_pull_raw);
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void without_a_pull_it_cannot_send(void **state)
{
    (void)state;
    assert_int_equal(s->proto->ready(s), 0);
    assert_int_equal(fake_send_text(s, "a"), -EAGAIN);
    assert_int_equal(s->proto->caps, SP_CAN_SEND);
}

static void pulls_take_turns(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    const char *texts[] = {"1", "2", "3", "4"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(fake_send_text(s, texts[i]), 0);
    fake_take(a, 0, "1");
    fake_take(b, 0, "2");
    fake_take(a, 0, "3");
    fake_take(b, 0, "4");
}

static void the_lower_number_is_served_until_it_is_full(void **state)
{
    (void)state;
    struct fake_pipe *low = fake_join_prio(s, 9), *high = fake_join_prio(s, 3);
    fake_make_room(high, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent(high), 2);
    assert_int_equal(fake_sent(low), 1);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
}

static void when_all_are_full_it_waits(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_make_room(a, 1);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(s->proto->ready(s), 0);
    assert_int_equal(fake_send_text(s, "b"), -EAGAIN);
    fake_make_room(a, 1);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
}

static void what_a_dead_pipe_did_not_send_goes_to_another(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_unsent(a, "1");
    fake_unsent(a, "2");
    fake_take(b, 0, "1");
    fake_take(b, 0, "2");
    fake_leave(a);
    assert_int_equal(s->dropped_send, 0);
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

/* A peer that takes some of it and dies gives back what is older than the rest. */
static void what_left_first_goes_first_again(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    const char *const text[] = {"1", "2", "3", "4"};
    for (int i = 0; i < 4; i++)
        fake_unsent(a, text[i]);
    fake_leave(a);
    struct fake_pipe *b = fake_pipe_new(s, 8);
    b->room = 2;
    assert_int_equal(fake_attach(b), 0);
    b->room = 0;
    fake_unsent(b, "1");
    fake_unsent(b, "2");
    fake_leave(b);
    struct fake_pipe *c = fake_join(s);
    for (int i = 0; i < 4; i++)
        fake_take(c, 0, text[i]);
}

static void it_goes_before_anything_newer(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_unsent(a, "1");
    fake_unsent(a, "2");
    fake_leave(a);
    assert_int_equal(fake_send_text(s, "3"), -EAGAIN);
    struct fake_pipe *b = fake_pipe_new(s, 8);
    b->room = 1;
    assert_int_equal(fake_attach(b), 0);
    fake_take(b, 0, "1");
    assert_int_equal(s->proto->ready(s), 0);
    assert_int_equal(fake_send_text(s, "3"), -EAGAIN);
    fake_make_room(b, 9);
    assert_int_equal(fake_send_text(s, "3"), 0);
    fake_take(b, 0, "2");
    fake_take(b, 0, "3");
}

static void the_dying_pipe_gets_nothing(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_hangup(a);
    assert_int_equal(fake_send_text(s, "1"), -EAGAIN);
    fake_unsent(a, "1");
    assert_int_equal(fake_sent(a), 0);
}

static void without_memory_what_was_unsent_is_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    for (int i = 1; i <= 2; i++) {
        failing_set(i);
        fake_unsent(a, "1");
        failing_clear();
        assert_int_equal(s->dropped_send, i);
    }
    failing_set(3);
    fake_unsent(a, "1");
    assert_int_equal(failing_clear(), 2);
    assert_int_equal(s->dropped_send, 2);
}

static void without_memory_in_the_pipe_it_is_tried_again(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    b->send_error = -ENOMEM;
    fake_unsent(a, "1");
    fake_leave(a);
    assert_int_equal(fake_sent(b), 0);
    assert_true(s->due <= sp_now() + 1000 * SP_MS);
    s->proto->tick(s);
    fake_take(b, 0, "1");
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
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

static void a_pull_that_sends_is_closed(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_deliver_text(a, "hello");
    assert_int_equal(a->n_closed, 1);
    assert_int_equal(a->reason, SP_REASON_PROTOCOL);
    assert_int_equal(fake_settle(s), 1);
    assert_int_equal(fake_send_text(s, "1"), 0);
    fake_take(b, 0, "1");
}

static void pushes_take_turns(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_deliver_text(a, "1");
    fake_deliver_text(a, "2");
    fake_deliver_text(b, "3");
    fake_expect(s, "1");
    fake_expect(s, "3");
    fake_expect(s, "2");
    fake_expect_none(s);
    assert_int_equal(s->proto->caps, SP_CAN_RECV);
}

static void the_lower_number_is_received_first(void **state)
{
    (void)state;
    struct fake_pipe *low = fake_join_prio(s, 9), *high = fake_join_prio(s, 3);
    fake_deliver_text(low, "low");
    fake_deliver_text(high, "high");
    fake_expect(s, "high");
    fake_expect(s, "low");
}

static void what_a_push_left_behind_is_received(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "1");
    fake_hangup(a);
    assert_int_equal(s->proto->ready(s), SP_CAN_RECV);
    fake_expect(s, "1");
    fake_leave(a);
    fake_expect_none(s);
}

#define BOTH(fn, open)                                               \
    cmocka_unit_test_setup_teardown(fn, open, close_sock),           \
        cmocka_unit_test_setup_teardown(fn, open##_raw, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(without_a_pull_it_cannot_send, open_push),
        BOTH(pulls_take_turns, open_push),
        BOTH(the_lower_number_is_served_until_it_is_full, open_push),
        BOTH(when_all_are_full_it_waits, open_push),
        BOTH(what_a_dead_pipe_did_not_send_goes_to_another, open_push),
        BOTH(what_a_device_could_not_send_goes_first, open_push),
        BOTH(what_left_first_goes_first_again, open_push),
        BOTH(it_goes_before_anything_newer, open_push),
        BOTH(the_dying_pipe_gets_nothing, open_push),
        BOTH(without_memory_what_was_unsent_is_counted, open_push),
        BOTH(without_memory_in_the_pipe_it_is_tried_again, open_push),
        BOTH(what_is_left_at_the_end_is_counted, open_push),
        BOTH(a_pull_that_sends_is_closed, open_push),
        BOTH(pushes_take_turns, open_pull),
        BOTH(the_lower_number_is_received_first, open_pull),
        BOTH(what_a_push_left_behind_is_received, open_pull),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
