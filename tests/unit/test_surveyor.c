/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"
#include <nanomsg/nn.h>
#include <nanomsg/survey.h>

extern const struct sp_protocol sp_surveyor, sp_surveyor_raw;

#define END 0x80000000u
static struct sp_sock *s;

static void set_deadline(int ms)
{
    assert_int_equal(sp_opts_set(s->proto->opts, s->proto->n_opts, NN_SURVEYOR_DEADLINE, s, s->data,
                                 &ms, sizeof ms),
                     0);
}

static int open_surveyor(void **state)
{
    (void)state;
    s = fake_open(&sp_surveyor);
    set_deadline(-1);
    return 0;
}

static int open_raw(void **state)
{
    (void)state;
    s = fake_open(&sp_surveyor_raw);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

/* Sends a survey, which a gets; its id. */
static uint32_t survey(struct fake_pipe *a, const char *text)
{
    assert_int_equal(fake_send_text(s, text), 0);
    uint32_t id = fake_sent_id(a);
    fake_take(a, 4, text);
    return id;
}

static void answer(struct fake_pipe *f, uint32_t id, const char *text)
{
    fake_deliver_ids(f, &id, 1, text);
}

static void a_survey_goes_to_all_with_one_id(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    uint32_t id = survey(a, "q");
    assert_true(id & END);
    assert_int_equal(fake_sent_id(b), id);
    fake_take(b, 4, "q");
}

static void all_answers_are_received(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s), *c = fake_join(s);
    uint32_t id = survey(a, "q");
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    answer(b, id, "from b");
    answer(a, id, "from a");
    answer(a, id, "again");
    answer(c, id, "");
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND | SP_CAN_RECV);
    fake_expect(s, "from b");
    fake_expect(s, "from a");
    fake_expect(s, "");
    fake_expect(s, "again");
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 0);
}

static void without_a_survey_there_is_nothing_to_receive(void **state)
{
    (void)state;
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND | SP_CAN_RECV);
    assert_int_equal(fake_recv(s), -EFSM);
}

static void a_survey_without_respondents_is_sent(void **state)
{
    (void)state;
    assert_int_equal(fake_send_text(s, "q"), 0);
    fake_expect_none(s);
    assert_int_equal(s->dropped_send, 0);
}

static void after_the_deadline_one_etimedout_then_efsm(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    set_deadline(0);
    (void)survey(a, "q");
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND | SP_CAN_RECV);
    assert_int_equal(fake_recv(s), -ETIMEDOUT);
    assert_int_equal(fake_recv(s), -EFSM);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND | SP_CAN_RECV);
}

static void the_timer_ends_a_survey(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint64_t before = sp_now();
    set_deadline(20);
    (void)survey(a, "q");
    assert_in_range(s->due, before + 20 * SP_MS, sp_now() + 20 * SP_MS);
    s->proto->tick(s); /* too early: nothing happens */
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    while (sp_now() < s->due)
        ;
    s->proto->tick(s);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND | SP_CAN_RECV);
    assert_int_equal(fake_recv(s), -ETIMEDOUT);
}

static void a_new_deadline_is_for_the_next_survey(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    (void)survey(a, "q");
    set_deadline(0);
    fake_expect_none(s);
    (void)survey(a, "q");
    assert_int_equal(fake_recv(s), -ETIMEDOUT);
}

static void the_default_deadline_is_a_second(void **state)
{
    (void)state;
    struct sp_sock *other = fake_open(&sp_surveyor);
    int ms = 0;
    size_t len = sizeof ms;
    assert_int_equal(sp_opts_get(other->proto->opts, other->proto->n_opts, NN_SURVEYOR_DEADLINE,
                                 other, other->data, &ms, &len),
                     0);
    assert_int_equal(ms, 1000);
    fake_close(other);
}

static void a23_answers_after_the_deadline_are_dropped_and_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    set_deadline(0);
    uint32_t id = survey(a, "q");
    answer(a, id, "late");
    assert_int_equal(fake_recv(s), -ETIMEDOUT);
    answer(a, id, "later");
    assert_int_equal(fake_recv(s), -EFSM);
    (void)s->proto->ready(s);
    assert_int_equal(s->dropped_recv, 2);
}

static void a23_an_answer_that_was_not_received_in_time_is_dropped(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    set_deadline(15);
    uint32_t id = survey(a, "q");
    answer(a, id, "in time");
    while (sp_now() < s->due)
        ;
    assert_int_equal(fake_recv(s), -ETIMEDOUT);
    (void)s->proto->ready(s);
    assert_int_equal(s->dropped_recv, 1);
    set_deadline(-1);
    id = survey(a, "next");
    answer(a, id, "fresh");
    fake_expect(s, "fresh");
}

static void a_new_survey_cancels_the_one_before(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint32_t first = survey(a, "1");
    answer(a, first, "to 1");
    uint32_t second = survey(a, "2");
    assert_int_not_equal(first, second);
    answer(a, first, "to 1 again");
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 2);
    answer(a, second, "to 2");
    fake_expect(s, "to 2");
}

static void a_new_survey_forgets_the_timeout_of_the_one_before(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    set_deadline(0);
    (void)survey(a, "1");
    (void)s->proto->ready(s);
    set_deadline(-1);
    (void)survey(a, "2");
    fake_expect_none(s);
}

static void a22_answers_nobody_asked_for_are_dropped(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    answer(a, END | 1, "early");
    uint32_t id = survey(a, "q");
    answer(a, id + 1, "forged");
    answer(a, id - 1, "old");
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 3);
    assert_int_equal(a->n_closed, 0);
    answer(a, id, "good");
    fake_expect(s, "good");
}

static void an_answer_without_an_id_closes_its_pipe(void **state)
{
    (void)state;
    for (size_t n = 0; n < 4; n++) {
        struct fake_pipe *a = fake_join(s);
        fake_deliver(a, "\x80\0\0\0", n);
        assert_int_equal(a->n_closed, 1);
        assert_int_equal(a->reason, SP_REASON_PROTOCOL);
    }
    struct fake_pipe *a = fake_join(s);
    answer(a, 7, "no end");
    assert_int_equal(a->n_closed, 1);
    assert_int_equal(s->dropped_recv, 5);
}

static void a_full_respondent_misses_the_survey_and_that_is_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_make_room(a, 0);
    (void)survey(b, "q");
    assert_int_equal(s->dropped_send, 1);
    assert_int_equal(a->pipe.n_drops, 1);
}

static void answers_that_were_left_behind_are_received(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    answer(a, survey(a, "q"), "last words");
    fake_hangup(a);
    fake_expect(s, "last words");
    fake_leave(a);
    fake_expect_none(s);
}

static void a_header_of_the_application_is_replaced(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){1, 2, 3}, 3, "q"), 0);
    assert_true(fake_sent_id(a) & END);
    fake_take(a, 4, "q");
}

static void it_needs_no_memory(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    failing_set(0);
    uint32_t id = survey(a, "q");
    answer(a, id, "a");
    fake_expect(s, "a");
    assert_int_equal(failing_clear(), 0);
}

static void raw_a_survey_goes_out_with_its_header(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){3, END | 9}, 2, "q"), 0);
    assert_int_equal(fake_sent_id(a), 3);
    fake_take(a, 8, "q");
    fake_take(b, 8, "q");
}

static void raw_answers_have_their_first_id_in_the_header(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint8_t hdr[SP_HDR_INLINE];
    size_t hdr_len;
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    fake_deliver_ids(a, (uint32_t[]){0x1020304, END | 9}, 2, "a");
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND | SP_CAN_RECV);
    assert_int_equal(fake_recv_hdr(s, fake_text, sizeof fake_text, hdr, &hdr_len), 5);
    assert_int_equal(hdr_len, 4);
    assert_memory_equal(hdr, "\1\2\3\4", 4);
    assert_memory_equal(fake_text,
                        "\x80\0\0\x09"
                        "a",
                        5);
}

static void raw_short_answers_close_their_pipe(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "abc");
    assert_int_equal(a->n_closed, 1);
    fake_expect_none(s);
}

static void raw_it_never_waits_to_send(void **state)
{
    (void)state;
    assert_int_equal(fake_send_text(s, "nobody"), 0);
    fake_make_room(fake_join(s), 0);
    assert_int_equal(fake_send_text(s, "full"), 0);
    assert_int_equal(s->dropped_send, 1);
}

#define SURVEYOR_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_surveyor, close_sock)
#define RAW_TEST(fn)      cmocka_unit_test_setup_teardown(fn, open_raw, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SURVEYOR_TEST(a_survey_goes_to_all_with_one_id),
        SURVEYOR_TEST(all_answers_are_received),
        SURVEYOR_TEST(without_a_survey_there_is_nothing_to_receive),
        SURVEYOR_TEST(a_survey_without_respondents_is_sent),
        SURVEYOR_TEST(after_the_deadline_one_etimedout_then_efsm),
        SURVEYOR_TEST(the_timer_ends_a_survey),
        SURVEYOR_TEST(a_new_deadline_is_for_the_next_survey),
        SURVEYOR_TEST(the_default_deadline_is_a_second),
        SURVEYOR_TEST(a23_answers_after_the_deadline_are_dropped_and_counted),
        SURVEYOR_TEST(a23_an_answer_that_was_not_received_in_time_is_dropped),
        SURVEYOR_TEST(a_new_survey_cancels_the_one_before),
        SURVEYOR_TEST(a_new_survey_forgets_the_timeout_of_the_one_before),
        SURVEYOR_TEST(a22_answers_nobody_asked_for_are_dropped),
        SURVEYOR_TEST(an_answer_without_an_id_closes_its_pipe),
        SURVEYOR_TEST(a_full_respondent_misses_the_survey_and_that_is_counted),
        SURVEYOR_TEST(answers_that_were_left_behind_are_received),
        SURVEYOR_TEST(a_header_of_the_application_is_replaced),
        SURVEYOR_TEST(it_needs_no_memory),
        RAW_TEST(raw_a_survey_goes_out_with_its_header),
        RAW_TEST(raw_answers_have_their_first_id_in_the_header),
        RAW_TEST(raw_short_answers_close_their_pipe),
        RAW_TEST(raw_it_never_waits_to_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
