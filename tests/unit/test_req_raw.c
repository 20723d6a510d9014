/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"

extern const struct sp_protocol sp_req_raw;

#define END 0x80000000u
static struct sp_sock *s;

static int open_raw(void **state)
{
    (void)state;
    s = fake_open(&sp_req_raw);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void messages_go_out_as_they_are(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){5, END | 6}, 2, "q"), 0);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){END | 7}, 1, "q"), 0);
    assert_int_equal(fake_sent_id(a), 5);
    fake_take(a, 8, "q");
    assert_int_equal(fake_sent_id(b), END | 7);
    fake_take(b, 4, "q");
}

static void without_room_it_is_not_taken(void **state)
{
    (void)state;
    assert_int_equal(s->proto->ready(s), 0);
    assert_int_equal(fake_send_text(s, "q"), -EAGAIN);
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    fake_make_room(a, 0);
    assert_int_equal(fake_send_text(s, "q"), -EAGAIN);
    fake_make_room(a, 1);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(fake_send_text(s, "q"), 0);
}

static void the_first_id_becomes_the_header(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    uint8_t hdr[64];
    size_t hdr_len;
    fake_deliver_ids(a, (uint32_t[]){5, END | 6}, 2, "a");
    assert_int_equal(s->proto->ready(s), SP_CAN_RECV | SP_CAN_SEND);
    assert_int_equal(fake_recv_hdr(s, fake_text, sizeof fake_text, hdr, &hdr_len), 5);
    assert_int_equal(hdr_len, 4);
    assert_memory_equal(hdr, "\0\0\0\5", 4);
    assert_memory_equal(fake_text, "\x80\0\0\6a", 5);
}

static void a_short_message_closes_its_pipe(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver(a, "abc", 3);
    assert_int_equal(a->n_closed, 1);
    assert_int_equal(fake_settle(s), 1);
    assert_int_equal(s->proto->ready(s), 0);
}

static void what_was_left_behind_is_received(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "1234left");
    fake_hangup(a);
    assert_int_equal(s->proto->ready(s), SP_CAN_RECV);
    fake_expect(s, "left");
}

static void what_a_dead_pipe_had_not_sent_goes_to_another_first(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_make_room(b, 0);
    fake_unsent(a, "1");
    assert_int_equal(s->proto->ready(s), 0);
    assert_int_equal(fake_send_text(s, "2"), -EAGAIN);
    fake_make_room(b, 9);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(fake_send_text(s, "2"), 0);
    fake_take(b, 0, "1");
    fake_take(b, 0, "2");
    assert_int_equal(s->dropped_send, 0);
}

static void what_a_device_could_not_send_goes_to_the_next_peer(void **state)
{
    (void)state;
    fake_returned(s, "1");
    fake_returned(s, "2");
    struct fake_pipe *a = fake_join(s);
    fake_take(a, 0, "1");
    fake_take(a, 0, "2");
}

static void what_is_left_at_the_end_is_counted(void **state)
{
    (void)state;
    fake_returned(s, "1");
    s->proto->fini(s);
    assert_int_equal(s->dropped_send, 1);
}

#define RAW_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_raw, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RAW_TEST(messages_go_out_as_they_are),
        RAW_TEST(without_room_it_is_not_taken),
        RAW_TEST(the_first_id_becomes_the_header),
        RAW_TEST(a_short_message_closes_its_pipe),
        RAW_TEST(what_was_left_behind_is_received),
        RAW_TEST(what_a_dead_pipe_had_not_sent_goes_to_another_first),
        RAW_TEST(what_a_device_could_not_send_goes_to_the_next_peer),
        RAW_TEST(what_is_left_at_the_end_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
