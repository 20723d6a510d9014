/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"

extern const struct sp_protocol sp_bus, sp_bus_raw;

static struct sp_sock *s;

static int open_bus(void **state)
{
    (void)state;
    s = fake_open(&sp_bus);
    return 0;
}

static int open_raw(void **state)
{
    (void)state;
    s = fake_open(&sp_bus_raw);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void a_message_goes_to_all_peers(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s), *c = fake_join(s);
    assert_int_equal(fake_send_text(s, "all"), 0);
    fake_take(a, 0, "all");
    fake_take(b, 0, "all");
    fake_take(c, 0, "all");
}

static void what_a_peer_sends_goes_no_further(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_deliver_text(a, "m");
    fake_expect(s, "m");
    assert_int_equal(fake_sent(a), 0);
    assert_int_equal(fake_sent(b), 0);
}

static void peers_take_turns(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_deliver_text(a, "a1");
    fake_deliver_text(a, "a2");
    fake_deliver_text(b, "b1");
    fake_expect(s, "a1");
    fake_expect(s, "b1");
    fake_expect(s, "a2");
    fake_expect_none(s);
}

static void sending_never_waits(void **state)
{
    (void)state;
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(fake_send_text(s, "nobody"), 0);
    assert_int_equal(s->dropped_send, 0);
    fake_make_room(fake_join(s), 0);
    assert_int_equal(s->proto->ready(s), SP_CAN_SEND);
    assert_int_equal(fake_send_text(s, "full"), 0);
}

static void a_full_peer_misses_a_message_and_that_is_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_make_room(a, 0);
    assert_int_equal(fake_send_text(s, "1"), 0);
    assert_int_equal(s->dropped_send, 1);
    assert_int_equal(a->pipe.n_drops, 1);
    fake_make_room(a, 1);
    assert_int_equal(fake_send_text(s, "2"), 0);
    fake_take(a, 0, "2");
    fake_take(b, 0, "1");
    fake_take(b, 0, "2");
}

static void what_was_left_behind_is_received(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "left");
    fake_hangup(a);
    assert_int_equal(fake_send_text(s, "not for a"), 0);
    assert_int_equal(fake_sent(a), 0);
    assert_int_equal(s->dropped_send, 0);
    fake_expect(s, "left");
}

static void a_header_is_not_for_the_cooked_socket(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){a->pipe.id}, 1, "m"), -EINVAL);
    assert_int_equal(fake_sent(a), 0);
}

static void raw_the_header_says_where_it_came_from(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    uint8_t hdr[SP_HDR_INLINE];
    size_t hdr_len;
    (void)a;
    fake_deliver_text(b, "m");
    assert_int_equal(fake_recv_hdr(s, fake_text, sizeof fake_text, hdr, &hdr_len), 1);
    assert_int_equal(hdr_len, 4);
    assert_memory_equal(hdr, ((uint8_t[]){0, 0, 0, (uint8_t)b->pipe.id}), 4);
}

static void raw_it_does_not_go_back_there(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s), *c = fake_join(s);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){b->pipe.id}, 1, "m"), 0);
    fake_take(a, 0, "m");
    fake_take(c, 0, "m");
    assert_int_equal(fake_sent(b), 0);
    assert_int_equal(s->dropped_send, 0);
}

static void raw_without_a_header_or_with_one_of_elsewhere_it_goes_to_all(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    assert_int_equal(fake_send_text(s, "1"), 0);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){0x7654321}, 1, "2"), 0);
    assert_int_equal(fake_send_ids(s, (uint32_t[]){0}, 1, "3"), 0);
    for (int i = 0; i < 3; i++) {
        fake_take(a, 0, ((const char *[]){"1", "2", "3"})[i]);
        fake_take(b, 0, ((const char *[]){"1", "2", "3"})[i]);
    }
}

static void raw_other_headers_are_refused(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    struct sp_msg m;
    for (size_t n = 1; n <= 9; n++) {
        sp_msg_init(&m);
        assert_int_equal(sp_msg_hdr_set(&m, "\0\0\0\1\0\0\0\1\0", n), 0);
        assert_int_equal(s->proto->send(s, &m), n == 4 ? 0 : -EINVAL);
    }
    assert_int_equal(fake_sent(a), 1);
}

#define BUS_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_bus, close_sock)
#define RAW_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_raw, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(a_message_goes_to_all_peers),
        BUS_TEST(what_a_peer_sends_goes_no_further),
        BUS_TEST(peers_take_turns),
        BUS_TEST(sending_never_waits),
        BUS_TEST(a_full_peer_misses_a_message_and_that_is_counted),
        BUS_TEST(what_was_left_behind_is_received),
        BUS_TEST(a_header_is_not_for_the_cooked_socket),
        RAW_TEST(a_message_goes_to_all_peers),
        RAW_TEST(peers_take_turns),
        RAW_TEST(sending_never_waits),
        RAW_TEST(a_full_peer_misses_a_message_and_that_is_counted),
        RAW_TEST(what_was_left_behind_is_received),
        RAW_TEST(raw_the_header_says_where_it_came_from),
        RAW_TEST(raw_it_does_not_go_back_there),
        RAW_TEST(raw_without_a_header_or_with_one_of_elsewhere_it_goes_to_all),
        RAW_TEST(raw_other_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
