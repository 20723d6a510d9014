/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

extern const struct sp_protocol sp_rep, sp_rep_raw;

#define END 0x80000000u
static struct sp_sock *s;

static int open_rep(void **state)
{
    (void)state;
    s = fake_open(&sp_rep);
    return 0;
}

static int open_raw(void **state)
{
    (void)state;
    s = fake_open(&sp_rep_raw);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void ask(struct fake_pipe *f, uint32_t id, const char *text) { fake_deliver_ids(f, &id, 1, text); }

static void a_reply_goes_back_with_its_id(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    ask(a, END | 7, "question");
    fake_expect(s, "question");
    assert_int_equal(fake_send_text(s, "answer"), 0);
    assert_int_equal(fake_sent_id(a), END | 7);
    fake_take(a, 4, "answer");
}

static void the_whole_stack_goes_back(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    const uint32_t ids[] = {1, 2, 3, 4, 5, 6, 7, END | 8};
    fake_deliver_ids(a, ids, 8, "q");
    fake_expect(s, "q");
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent_id(a), 1);
    fake_take(a, 32, "a");
}

static void a_reply_goes_to_the_pipe_that_asked(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    ask(b, END | 1, "b");
    fake_expect(s, "b");
    ask(a, END | 1, "a");
    assert_int_equal(fake_send_text(s, "for b"), 0);
    assert_int_equal(fake_sent(a), 0);
    fake_take(b, 4, "for b");
}

static void sending_without_a_request_is_refused(void **state)
{
    (void)state;
    fake_join(s);
    assert_int_equal(fake_send_text(s, "a"), -EFSM);
}

static void a_request_is_answered_once(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    ask(a, END | 1, "q");
    fake_expect(s, "q");
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_send_text(s, "a"), -EFSM);
    assert_int_equal(fake_sent(a), 1);
}

static void receiving_discards_the_request_in_hand(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    ask(a, END | 1, "q1");
    ask(a, END | 2, "q2");
    fake_expect(s, "q1");
    fake_expect(s, "q2");
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent_id(a), END | 2);
    ask(a, END | 3, "q3");
    fake_expect(s, "q3");
    assert_int_equal(fake_recv(s), -EAGAIN);
    assert_int_equal(fake_send_text(s, "a"), -EFSM);
}

static void it_is_writable_only_with_a_request_in_hand(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(s->proto->ready(s), 0);
    ask(a, END | 1, "q");
    assert_int_equal(s->proto->ready(s), SP_CAN_RECV);
    fake_expect(s, "q");
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(s->proto->ready(s), 0);
}

static void a_reply_to_a_peer_that_left_is_dropped_and_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    ask(a, END | 1, "q");
    fake_expect(s, "q");
    fake_leave(a);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(s->dropped_send, 1);
    assert_int_equal(fake_send_text(s, "a"), -EFSM);
}

/* Receives a request of a, which has no room, and replies. */
static void reply_without_room(struct fake_pipe *a, const char *text)
{
    ask(a, END | 1, "q");
    fake_expect(s, "q");
    fake_make_room(a, 0);
    assert_int_equal(fake_send_text(s, text), 0);
    assert_int_equal(fake_sent(a), 0);
}

static void a_reply_waits_for_room(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    reply_without_room(a, "a");
    fake_make_room(a, 1);
    assert_int_equal(fake_sent_id(a), END | 1);
    fake_take(a, 4, "a");
    assert_int_equal(s->dropped_send, 0);
}

static void a_second_reply_without_room_is_dropped_and_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    reply_without_room(a, "1");
    reply_without_room(a, "2");
    assert_int_equal(s->dropped_send, 1);
    assert_int_equal(a->pipe.n_drops, 1);
    fake_make_room(a, 9);
    assert_int_equal(fake_sent(a), 1);
    fake_take(a, 4, "1");
}

static void a_full_peer_does_not_stop_others(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    reply_without_room(a, "a");
    ask(b, END | 2, "q");
    fake_expect(s, "q");
    assert_int_equal(fake_send_text(s, "b"), 0);
    fake_take(b, 4, "b");
}

static void a_reply_that_waits_goes_with_its_peer(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    reply_without_room(a, "a");
    reply_without_room(b, "b");
    fake_hangup(a);
    assert_int_equal(s->dropped_send, 1);
    fake_leave(a);
    fake_leave(b);
    assert_int_equal(s->dropped_send, 2);
}

static void want_of_memory_for_a_reply_that_waits_is_told(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    ask(a, END | 1, "q");
    fake_expect(s, "q");
    fake_make_room(a, 0);
    failing_set(1);
    assert_int_equal(fake_send_text(s, "a"), -ENOMEM);
    failing_clear();
    assert_int_equal(fake_send_text(s, "a"), 0);
    a->send_error = -ENOMEM;
    fake_make_room(a, 1);
    assert_int_equal(s->dropped_send, 1);
}

static void an_unsent_reply_is_counted(void **state)
{
    (void)state;
    fake_unsent(fake_join(s), "a");
    assert_int_equal(s->dropped_send, 1);
}

static void requests_that_were_left_behind_are_still_received(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    ask(a, END | 1, "q");
    fake_hangup(a);
    fake_expect(s, "q");
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(s->dropped_send, 1);
}

static void a21_a_short_request_closes_its_pipe(void **state)
{
    (void)state;
    for (size_t n = 0; n < 4; n++) {
        struct fake_pipe *a = fake_join(s);
        fake_deliver(a, "\x80\0\0\0", n);
        assert_int_equal(a->n_closed, 1);
        assert_int_equal(a->reason, SP_REASON_PROTOCOL);
    }
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 4);
}

static void a21_a_stack_without_end_closes_its_pipe(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_ids(a, (uint32_t[]){1, 2}, 2, "q");
    assert_int_equal(a->n_closed, 1);
    fake_expect_none(s);
}

static void a21_too_many_hops_are_dropped_and_the_pipe_stays(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    static const uint32_t ids[2000] = {[8] = END | 1};
    fake_deliver_ids(a, ids, 9, "q");
    fake_deliver_ids(a, ids, 2000, "q");
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 2);
    assert_int_equal(a->n_closed, 0);
    fake_deliver_ids(a, ids + 1, 8, "fine");
    fake_expect(s, "fine");
}

static void the_ttl_is_read_live(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    static const uint32_t ids[255] = {[254] = END | 1};
    s->ttl = 255;
    fake_deliver_ids(a, ids, 255, "far");
    fake_expect(s, "far");
    assert_int_equal(fake_send_text(s, "a"), 0);
    fake_take(a, 1020, "a");
    fake_deliver_ids(a, ids, 255, "far");
    s->ttl = 1;
    assert_int_equal(fake_recv(s), -EAGAIN);
    assert_int_equal(s->dropped_recv, 1);
}

static void want_of_memory_leaves_the_request_to_be_answered(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    static const uint32_t ids[20] = {[19] = END | 1};
    s->ttl = 20;
    fake_deliver_ids(a, ids, 20, "q");
    fake_expect(s, "q");
    failing_set(1);
    assert_int_equal(fake_send_text(s, "a"), -ENOMEM);
    failing_clear();
    a->send_error = -ENOMEM;
    assert_int_equal(fake_send_text(s, "a"), -ENOMEM);
    assert_int_equal(fake_send_text(s, "a"), 0);
    fake_take(a, 80, "a");
}

static void an_ordinary_reply_needs_no_memory(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    failing_set(0);
    ask(a, END | 1, "q");
    fake_expect(s, "q");
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(failing_clear(), 0);
}

static void raw_the_stack_is_in_the_header(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint8_t hdr[64], want[] = {0, 0, 0, (uint8_t)a->pipe.id, 0, 0, 0, 5, 0x80, 0, 0, 6};
    size_t hdr_len;
    fake_deliver_ids(a, (uint32_t[]){5, END | 6}, 2, "q");
    assert_int_equal(fake_recv_hdr(s, fake_text, sizeof fake_text, hdr, &hdr_len), 1);
    assert_int_equal(hdr_len, sizeof want);
    assert_memory_equal(hdr, want, sizeof want);
    assert_string_equal(fake_text, "q");
}

static void raw_the_header_routes_the_reply(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){b->pipe.id, 5, END | 6}, 3, "a"), 0);
    assert_int_equal(fake_sent(a), 0);
    assert_int_equal(fake_sent_id(b), 5);
    fake_take(b, 8, "a");
}

static void raw_many_requests_may_be_in_hand(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    ask(a, END | 1, "qa");
    ask(b, END | 2, "qb");
    fake_expect(s, "qa");
    fake_expect(s, "qb");
    assert_int_equal(fake_send_ids(s, (uint32_t[]){b->pipe.id, END | 2}, 2, "ab"), 0);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){a->pipe.id, END | 1}, 2, "aa"), 0);
    fake_take(a, 4, "aa");
    fake_take(b, 4, "ab");
}

static void raw_without_a_good_header_it_is_dropped(void **state)
{
    (void)state;
    fake_join(s);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){0x7777, END | 1}, 2, "a"), 0);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){0, END | 1}, 2, "a"), 0);
    assert_int_equal(s->dropped_send, 3);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
}

static void raw_want_of_memory_for_a_long_stack_is_told_and_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_ids(a, (uint32_t[]){1, 2, 3, 4, 5, 6, 7, END | 8}, 8, "q");
    failing_set(1);
    assert_int_equal(fake_recv(s), -ENOMEM);
    failing_clear();
    assert_int_equal(s->dropped_recv, 1);
    fake_expect_none(s);
}

static void raw_a21_malformed_requests_close_their_pipe(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "q");
    assert_int_equal(a->n_closed, 1);
}

#define REP_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_rep, close_sock)
#define RAW_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_raw, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REP_TEST(a_reply_goes_back_with_its_id),
        REP_TEST(the_whole_stack_goes_back),
        REP_TEST(a_reply_goes_to_the_pipe_that_asked),
        REP_TEST(sending_without_a_request_is_refused),
        REP_TEST(a_request_is_answered_once),
        REP_TEST(receiving_discards_the_request_in_hand),
        REP_TEST(it_is_writable_only_with_a_request_in_hand),
        REP_TEST(a_reply_to_a_peer_that_left_is_dropped_and_counted),
        REP_TEST(a_reply_waits_for_room),
        REP_TEST(a_second_reply_without_room_is_dropped_and_counted),
        REP_TEST(a_full_peer_does_not_stop_others),
        REP_TEST(a_reply_that_waits_goes_with_its_peer),
        REP_TEST(want_of_memory_for_a_reply_that_waits_is_told),
        REP_TEST(an_unsent_reply_is_counted),
        REP_TEST(requests_that_were_left_behind_are_still_received),
        REP_TEST(a21_a_short_request_closes_its_pipe),
        REP_TEST(a21_a_stack_without_end_closes_its_pipe),
        REP_TEST(a21_too_many_hops_are_dropped_and_the_pipe_stays),
        REP_TEST(the_ttl_is_read_live),
        REP_TEST(want_of_memory_leaves_the_request_to_be_answered),
        REP_TEST(an_ordinary_reply_needs_no_memory),
        RAW_TEST(raw_the_stack_is_in_the_header),
        RAW_TEST(raw_the_header_routes_the_reply),
        RAW_TEST(raw_many_requests_may_be_in_hand),
        RAW_TEST(raw_without_a_good_header_it_is_dropped),
        RAW_TEST(raw_want_of_memory_for_a_long_stack_is_told_and_counted),
        RAW_TEST(raw_a21_malformed_requests_close_their_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
