/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

extern const struct sp_protocol sp_req;

#define END 0x80000000u
static struct sp_sock *s;

static int open_req(void **state)
{
    (void)state;
    s = fake_open(&sp_req);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

/* The id of the request that f has, which is taken. */
static uint32_t asked(struct fake_pipe *f, const char *text)
{
    uint32_t id = fake_sent_id(f);
    fake_take(f, 4, text);
    return id;
}

/* Sends a request, which f gets; gives its id. */
static uint32_t ask(struct fake_pipe *f, const char *text)
{
    assert_int_equal(fake_send_text(s, text), 0);
    return asked(f, text);
}

static void answer(struct fake_pipe *f, uint32_t id, const char *text) { fake_deliver_ids(f, &id, 1, text); }

static void tick(void)
{
    s->due = SP_NEVER;
    s->proto->tick(s);
}

static void set_resend(int ms)
{
    assert_int_equal(sp_opts_set(s->proto->opts, s->proto->n_opts, NN_REQ_RESEND_IVL, s, s->data, &ms, sizeof ms), 0);
}

static void an_answer_is_received(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint32_t id = ask(a, "q");
    assert_true(id & END);
    fake_expect_none(s);
    answer(a, id, "a");
    assert_int_equal(s->proto->ready(s), SP_CAN_RECV | SP_CAN_SEND);
    fake_expect(s, "a");
}

static void receiving_without_a_request_is_refused(void **state)
{
    (void)state;
    fake_join(s);
    assert_int_equal(fake_recv(s), -EFSM);
}

static void an_answer_is_received_once(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    answer(a, ask(a, "q"), "a");
    fake_expect(s, "a");
    assert_int_equal(fake_recv(s), -EFSM);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
}

static void ids_begin_anywhere(void **state)
{
    (void)state;
    struct sp_sock *t = fake_open(&sp_req);
    struct fake_pipe *a = fake_join(s), *b = fake_join(t);
    assert_int_equal(fake_send_text(s, "q"), 0);
    assert_int_equal(fake_send_text(t, "q"), 0);
    assert_int_not_equal(asked(a, "q"), asked(b, "q"));
    fake_close(t);
}

static void requests_take_turns(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fake_send_text(s, "q"), 0);
    assert_int_equal(fake_sent(a), 2);
    assert_int_equal(fake_sent(b), 2);
}

static void sending_again_cancels(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint32_t id1 = ask(a, "q1"), id2 = ask(a, "q2");
    assert_true(id1 != id2 && id1 & id2 & END);
    answer(a, id1, "a1");
    fake_expect_none(s);
    answer(a, id2, "a2");
    fake_expect(s, "a2");
    assert_int_equal(s->dropped_recv, 1);
}

static void sending_again_cancels_an_answer_that_waits(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    answer(a, ask(a, "q1"), "a1");
    assert_int_equal(fake_send_text(s, "q2"), 0);
    fake_expect_none(s);
    answer(a, asked(a, "q2"), "a2");
    fake_expect(s, "a2");
}

static void without_a_pipe_the_request_waits_for_one(void **state)
{
    (void)state;
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(fake_send_text(s, "q"), 0);
    assert_int_equal(fake_recv(s), -EAGAIN);
    struct fake_pipe *a = fake_join(s);
    answer(a, asked(a, "q"), "a");
    fake_expect(s, "a");
}

static void only_the_last_waiting_request_goes_out(void **state)
{
    (void)state;
    assert_int_equal(fake_send_text(s, "q1"), 0);
    assert_int_equal(fake_send_text(s, "q2"), 0);
    struct fake_pipe *a = fake_join(s);
    asked(a, "q2");
    assert_int_equal(fake_sent(a), 0);
}

static void without_room_the_request_waits_for_it(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_make_room(a, 0);
    assert_int_equal(fake_send_text(s, "q"), 0);
    assert_int_equal(fake_sent(a), 0);
    fake_make_room(a, 1);
    answer(a, asked(a, "q"), "a");
    fake_expect(s, "a");
}

static void it_is_sent_again_after_the_interval(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    set_resend(100);
    uint64_t before = sp_now();
    assert_int_equal(fake_send_text(s, "q"), 0);
    assert_true(s->due >= before + 100 * SP_MS && s->due <= sp_now() + 100 * SP_MS);
    uint32_t id = asked(a, "q");
    tick();
    assert_int_equal(asked(a, "q"), id);
    assert_true(s->due != SP_NEVER);
    tick();
    assert_int_equal(asked(a, "q"), id);
    answer(a, id, "a");
    fake_expect(s, "a");
    assert_int_equal(s->due, SP_NEVER);
}

static void the_interval_is_a_minute_at_first(void **state)
{
    (void)state;
    int ms = 0;
    size_t len = sizeof ms;
    assert_int_equal(sp_opts_get(s->proto->opts, s->proto->n_opts, NN_REQ_RESEND_IVL, s, s->data, &ms, &len), 0);
    assert_int_equal(ms, 60000);
}

static void without_an_interval_time_does_not_matter(void **state)
{
    (void)state;
    fake_join(s);
    for (int ms = -1; ms <= 0; ms++) {
        set_resend(ms);
        assert_int_equal(fake_send_text(s, "q"), 0);
        assert_int_equal(s->due, SP_NEVER);
    }
}

static void an_answer_that_waits_stops_the_resending(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    answer(a, ask(a, "q"), "a");
    tick();
    assert_int_equal(fake_sent(a), 0);
    fake_expect(s, "a");
}

static void time_without_a_request_does_nothing(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    tick();
    assert_int_equal(fake_sent(a), 0);
    assert_int_equal(fake_recv(s), -EFSM);
}

static void it_goes_elsewhere_at_once_when_its_pipe_dies(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    uint32_t id = ask(a, "q");
    fake_hangup(a);
    assert_int_equal(asked(b, "q"), id);
    fake_leave(a);
    assert_int_equal(fake_sent(b), 0);
    answer(b, id, "a");
    fake_expect(s, "a");
}

static void it_waits_for_the_next_pipe_when_its_own_dies(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint32_t id = ask(a, "q");
    fake_leave(a);
    struct fake_pipe *b = fake_join(s);
    assert_int_equal(asked(b, "q"), id);
    answer(b, id, "a");
    fake_expect(s, "a");
}

static void another_pipe_dying_does_not_matter(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s), *c = fake_join(s);
    assert_int_equal(fake_send_text(s, "q"), 0);
    fake_leave(b);
    assert_int_equal(fake_sent(a), 1);
    assert_int_equal(fake_sent(c), 0);
}

static void an_answer_left_behind_is_still_received(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    answer(a, ask(a, "q"), "a");
    fake_hangup(a);
    assert_int_equal(fake_sent(b), 0);
    fake_expect(s, "a");
}

static void an_answer_that_goes_with_its_pipe_is_asked_for_again(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    answer(a, ask(a, "q"), "a");
    fake_hangup(a);
    tick();
    fake_leave(a);
    answer(b, asked(b, "q"), "b");
    fake_expect(s, "b");
}

static void an_earlier_pipe_may_answer_too(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    uint32_t id = ask(a, "q");
    tick();
    assert_int_equal(asked(b, "q"), id);
    answer(a, id, "a");
    answer(b, id, "b");
    fake_expect(s, "a");
    assert_int_equal(fake_recv(s), -EFSM);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(s->dropped_recv, 1);
}

static void the_last_that_was_asked_dies_after_an_earlier_one_answered(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s), *c = fake_join(s);
    uint32_t id = ask(a, "q");
    tick();
    asked(b, "q");
    answer(a, id, "a");
    fake_leave(b);
    assert_int_equal(fake_sent(c), 0);
    fake_leave(a); /* with the answer */
    assert_int_equal(asked(c, "q"), id);
}

static void a22_an_unknown_id_is_dropped(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    answer(a, END | 1, "before");
    uint32_t id = ask(a, "q");
    answer(a, (id + 1) | END, "forged");
    answer(a, (id - 1) | END, "old");
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 3);
    assert_int_equal(a->n_closed, 0);
    answer(a, id, "a");
    fake_expect(s, "a");
}

static void a22_only_who_was_asked_may_answer(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    uint32_t id = ask(a, "q");
    answer(b, id, "forged");
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 1);
    answer(a, id, "a");
    fake_expect(s, "a");
}

static void a22_an_answer_to_the_request_before_is_dropped(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    uint32_t id1 = ask(a, "q1");
    ask(b, "q2");
    answer(a, id1, "late");
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 1);
}

static void a22_a_second_answer_is_dropped(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint32_t id = ask(a, "q");
    answer(a, id, "a");
    answer(a, id, "again");
    fake_expect(s, "a");
    assert_int_equal(fake_send_text(s, "q2"), 0);
    fake_expect_none(s);
    answer(a, asked(a, "q2"), "a2");
    fake_expect(s, "a2");
    assert_int_equal(s->dropped_recv, 1);
}

static void a22_an_answer_without_an_id_closes_its_pipe(void **state)
{
    (void)state;
    for (size_t n = 0; n < 4; n++) {
        struct fake_pipe *a = fake_join(s);
        fake_deliver(a, "\x80\0\0\0", n);
        assert_int_equal(a->n_closed, 1);
        assert_int_equal(a->reason, SP_REASON_PROTOCOL);
    }
    struct fake_pipe *a = fake_join(s);
    answer(a, 1, "no end bit");
    assert_int_equal(a->n_closed, 1);
}

static void a_closed_pipe_has_its_request_sent_again(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    assert_int_equal(fake_send_text(s, "q"), 0);
    fake_deliver_text(a, "bad");
    assert_int_equal(fake_settle(s), 1);
    answer(b, asked(b, "q"), "a");
    fake_expect(s, "a");
}

static void what_a_dead_pipe_did_not_send_is_not_counted_twice(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(fake_send_text(s, "q"), 0);
    fake_unsent(a, "q");
    assert_int_equal(s->dropped_send, 0);
}

static void a_request_takes_one_allocation(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    failing_set(0);
    answer(a, ask(a, "q"), "a");
    fake_expect(s, "a");
    assert_int_equal(failing_clear(), 1);
}

static void an_adopted_body_is_not_copied(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    struct sp_msg m;
    sp_msg_init(&m);
    m.chunk = sp_chunk_new(1);
    m.body = memcpy(sp_chunk_data(m.chunk), "q", 1);
    m.body_len = 1;
    const void *body = m.body;
    assert_int_equal(s->proto->send(s, &m), 0);
    assert_null(m.chunk);
    assert_ptr_equal(a->out_body, body);
    asked(a, "q");
}

static void a_failed_send_leaves_an_adopted_body_with_the_caller(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    struct sp_msg m;
    sp_msg_init(&m);
    m.chunk = sp_chunk_new(1);
    m.body = memcpy(sp_chunk_data(m.chunk), "q", 1);
    m.body_len = 1;
    a->send_error = -ENOMEM;
    assert_int_equal(s->proto->send(s, &m), -ENOMEM);
    assert_non_null(m.chunk);
    sp_msg_drop(&m); /* the sanitizer sees a second owner */
}

static void a_failed_send_leaves_the_request_before(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint32_t id = ask(a, "q");
    failing_set(1);
    assert_int_equal(fake_send_text(s, "q2"), -ENOMEM);
    failing_clear();
    a->send_error = -ENOMEM;
    assert_int_equal(fake_send_text(s, "q2"), -ENOMEM);
    answer(a, id, "a");
    fake_expect(s, "a");
}

static void a_failed_resend_is_tried_again_soon(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    set_resend(-1);
    assert_int_equal(fake_send_text(s, "q"), 0);
    b->send_error = -ENOMEM;
    fake_leave(a);
    assert_int_equal(fake_sent(b), 0);
    assert_true(s->due <= sp_now() + 1000 * SP_MS);
    tick();
    asked(b, "q");
}

#define REQ_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_req, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REQ_TEST(an_answer_is_received),
        REQ_TEST(receiving_without_a_request_is_refused),
        REQ_TEST(an_answer_is_received_once),
        REQ_TEST(ids_begin_anywhere),
        REQ_TEST(requests_take_turns),
        REQ_TEST(sending_again_cancels),
        REQ_TEST(sending_again_cancels_an_answer_that_waits),
        REQ_TEST(without_a_pipe_the_request_waits_for_one),
        REQ_TEST(only_the_last_waiting_request_goes_out),
        REQ_TEST(without_room_the_request_waits_for_it),
        REQ_TEST(it_is_sent_again_after_the_interval),
        REQ_TEST(the_interval_is_a_minute_at_first),
        REQ_TEST(without_an_interval_time_does_not_matter),
        REQ_TEST(an_answer_that_waits_stops_the_resending),
        REQ_TEST(time_without_a_request_does_nothing),
        REQ_TEST(it_goes_elsewhere_at_once_when_its_pipe_dies),
        REQ_TEST(it_waits_for_the_next_pipe_when_its_own_dies),
        REQ_TEST(another_pipe_dying_does_not_matter),
        REQ_TEST(an_answer_left_behind_is_still_received),
        REQ_TEST(an_answer_that_goes_with_its_pipe_is_asked_for_again),
        REQ_TEST(an_earlier_pipe_may_answer_too),
        REQ_TEST(the_last_that_was_asked_dies_after_an_earlier_one_answered),
        REQ_TEST(a22_an_unknown_id_is_dropped),
        REQ_TEST(a22_only_who_was_asked_may_answer),
        REQ_TEST(a22_an_answer_to_the_request_before_is_dropped),
        REQ_TEST(a22_a_second_answer_is_dropped),
        REQ_TEST(a22_an_answer_without_an_id_closes_its_pipe),
        REQ_TEST(a_closed_pipe_has_its_request_sent_again),
        REQ_TEST(what_a_dead_pipe_did_not_send_is_not_counted_twice),
        REQ_TEST(a_request_takes_one_allocation),
        REQ_TEST(an_adopted_body_is_not_copied),
        REQ_TEST(a_failed_send_leaves_an_adopted_body_with_the_caller),
        REQ_TEST(a_failed_send_leaves_the_request_before),
        REQ_TEST(a_failed_resend_is_tried_again_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
