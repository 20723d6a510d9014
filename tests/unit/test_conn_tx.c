/* SPDX-License-Identifier: MIT */
/* Sending adapts: in place, gathered, or as far as there is room. */
#include "memconn.h"
#include "core/stats.h"
#include <nanomsg/nanoseal.h>

#define OLD_BURST 8 /* sends of a burst from here on are gathered */

static int writes(void) { return atomic_load(&mem.n_writev); }

/* As if many sends had followed each other quickly. */
static void in_a_burst(void) { LOCKED(conn->burst = OLD_BURST); }

static void quiet(void) { LOCKED((conn->burst = 0, conn->last = 0)); }

static bool can_send(void)
{
    bool v;
    LOCKED(v = conn->pipe.can_send);
    return v;
}

/* ---- in place ---- */

static void a_quiet_pipe_is_written_in_place(void **state)
{
    (void)state;
    const char *text = "hello";
    mem_open(false);
    quiet();
    for (int i = 1; i <= 8; i++) { /* and so are the first of a burst */
        assert_int_equal(send_text(text), 0);
        assert_int_equal(writes(), i);
        assert_ptr_equal(mem.body, text);
        LOCKED(assert_int_equal(conn->tx_bytes, 0));
    }
    in_a_burst();
    sock->gather = 5; /* and what would leave at once in any case */
    mem.body = NULL;
    assert_int_equal(send_text(text), 0);
    assert_ptr_equal(mem.body, text);
    assert_true(wrote("hello;hello;hello;hello;hello;hello;hello;hello;hello;"));
}

static void an_empty_message_is_a_head(void **state)
{
    (void)state;
    mem_open(false);
    quiet();
    assert_int_equal(send_bytes(NULL, 0), 0);
    in_a_burst();
    assert_int_equal(send_bytes(NULL, 0), 0);
    UNTIL(wrote(";;"));
}

static void what_is_sent_is_counted(void **state)
{
    (void)state;
    mem_open(false);
    assert_int_equal(send_text("abc"), 0);
    in_a_burst();
    assert_int_equal(send_text("de"), 0);
    LOCKED((assert_int_equal(conn->pipe.n_sent, 2), assert_int_equal(conn->pipe.b_sent, 5)));
}

/* ---- gathered ---- */

static void a_burst_is_gathered_and_the_tick_sends_it(void **state)
{
    (void)state;
    mem_open(false);
    in_a_burst();
    for (int i = 0; i < 100; i++)
        assert_int_equal(send_text("x"), 0);
    char all[201] = "";
    for (int i = 0; i < 100; i++)
        strcat(all, "x;");
    UNTIL(wrote(all));
    assert_in_range(writes(), 1, 20);
    UNTIL_LOCKED(!conn->dirty);
    LOCKED((assert_int_equal(conn->burst, 0), assert_int_equal(conn->tx_bytes, 0)));
}

static void a_full_buffer_is_sent_by_the_caller(void **state)
{
    (void)state;
    char text[1001];
    memset(text, 'a', 1000);
    text[1000] = 0;
    sock->gather = 5000;
    mem_open(false);
    in_a_burst();
    LOCKED(conn->dirty = true); /* no ticks */
    for (int i = 1; i <= 10; i++) {
        assert_int_equal(send_text(text), 0);
        assert_int_equal(writes(), i / 5);
    }
    LOCKED((conn->dirty = false, conn_settle(conn)));
}

static void what_was_gathered_leaves_before_the_caller_waits(void **state)
{
    (void)state;
    mem_open(false);
    in_a_burst();
    LOCKED(conn->dirty = true);
    assert_int_equal(send_text("one"), 0);
    assert_int_equal(send_text("two"), 0);
    assert_int_equal(writes(), 0);
    assert_int_equal(receive(), -EAGAIN);
    assert_true(wrote("one;two;"));
    assert_int_equal(writes(), 1);
    in_a_burst();
    assert_int_equal(send_text("three"), 0);
    assert_int_equal(writes(), 1);
    sock->rcv_timeo = 1;
    assert_int_equal(sp_sock_recv(sock, 0, take_text, NULL), -ETIMEDOUT);
    assert_true(wrote("one;two;three;"));
    LOCKED((conn->dirty = false, conn_settle(conn)));
}

static void a_gathered_body_is_a_copy_and_a_large_one_too_when_it_was_borrowed(void **state)
{
    (void)state;
    static char large[10000], want[10002];
    memset(large, 'b', sizeof large);
    memset(want, 'b', sizeof large);
    want[10000] = ';';
    char small[] = "small";
    mem_open(false);
    in_a_burst();
    LOCKED(conn->dirty = true);
    assert_int_equal(send_text(small), 0);
    assert_int_equal(send_bytes(large, sizeof large), 0);
    memset(small, '?', 5);
    memset(large, '?', sizeof large);
    assert_int_equal(receive(), -EAGAIN);
    static char all[10020];
    snprintf(all, sizeof all, "small;%s", want);
    assert_true(wrote(all));
    LOCKED((conn->dirty = false, conn_settle(conn)));
}

static void a_receive_ends_a_burst(void **state)
{
    (void)state;
    mem_open(false);
    in_a_burst();
    feed_text("answer");
    event(POLLIN);
    LOCKED(assert_int_equal(conn->burst, 0));
    assert_int_equal(send_text("x"), 0);
    assert_int_equal(writes(), 1);
}

static void send_from_within(void)
{
    struct sp_msg m;
    sp_msg_init(&m);
    m.body = (uint8_t *)(uintptr_t) "inside";
    m.body_len = 6;
    sp_sock_lock(sock);
    assert_int_equal(sp_pipe_send(proto.pipe, &m), 0);
    (void)sp_sock_unlock(sock);
}

/* One thread flushes: others append, and it takes theirs along. */
static void who_flushes_takes_along_what_others_append(void **state)
{
    (void)state;
    mem_open(false);
    quiet();
    mem.in_writev = send_from_within;
    assert_int_equal(send_text("outside"), 0);
    assert_true(wrote("outside;inside;"));
    assert_int_equal(writes(), 2);
}

/* ---- no room ---- */

static void without_room_it_waits_for_POLLOUT(void **state)
{
    (void)state;
    mem_open(false);
    quiet();
    MEM_SET(room, 0);
    assert_int_equal(send_text("one"), 0);
    assert_false(can_send());
    assert_int_equal(send_text("two"), -EAGAIN);
    assert_int_equal(conn->watch.events, POLLIN | POLLOUT);
    event(POLLOUT);
    assert_false(can_send());
    MEM_SET(room, SIZE_MAX);
    int writable = proto.writable;
    event(POLLOUT);
    assert_true(can_send());
    assert_int_equal(proto.writable, writable + 1);
    assert_int_equal(conn->watch.events, POLLIN);
    assert_true(wrote("one;"));
}

static void send_with_header(const char *text)
{
    struct sp_msg m;
    sp_msg_init(&m);
    m.body = (uint8_t *)(uintptr_t)text;
    m.body_len = strlen(text);
    assert_int_equal(sp_msg_hdr_push(&m, 0x61626364), 0);
    sp_sock_lock(sock);
    assert_int_equal(sp_pipe_send(proto.pipe, &m), 0);
    (void)sp_sock_unlock(sock);
    sp_msg_drop(&m);
}

/* {head 8, header 4, body 5}, cut at each byte, and the rest a byte at a time. */
static void a_message_may_leave_in_any_pieces(void **state)
{
    (void)state;
    mem_open(false);
    for (int way = 0; way < 2; way++)
        for (size_t cut = 0; cut < 17; cut++) {
            MEM_SET(out_len, 0);
            MEM_SET(room, cut);
            quiet();
            if (way)
                in_a_burst();
            send_with_header("fghij");
            if (way)
                LOCKED(conn_tx_flush(conn));
            UNTIL_LOCKED(conn->want_out);
            assert_int_equal(mem.out_len, cut);
            for (size_t i = cut; i < 17; i++) {
                MEM_SET(room, 1);
                event(POLLOUT);
            }
            assert_true(wrote("abcdfghij;"));
            UNTIL_LOCKED(!conn->want_out && !conn->dirty);
        }
}

static void a_large_message_may_leave_in_any_pieces(void **state)
{
    (void)state;
    static char text[20002];
    memset(text, 'c', 20000);
    mem_open(false);
    for (int way = 0; way < 2; way++) {
        MEM_SET(out_len, 0);
        MEM_SET(room, 5);
        quiet();
        if (way)
            in_a_burst();
        assert_int_equal(send_bytes(text, 20000), 0);
        if (way)
            LOCKED(conn_tx_flush(conn));
        UNTIL_LOCKED(conn->want_out);
        while (mem.out_len < 20008) {
            MEM_SET(room, 777);
            event(POLLOUT);
        }
        text[20000] = ';';
        assert_true(wrote(text));
        text[20000] = 0;
        UNTIL_LOCKED(!conn->want_out && !conn->dirty);
    }
}

static void more_pieces_than_one_write_takes_all_leave(void **state)
{
    (void)state;
    static char body[5000];
    memset(body, 'd', sizeof body);
    sock->snd_buf = 1 << 20;
    mem_open(false);
    MEM_SET(room, 0);
    LOCKED(conn->want_out = true);
    for (int i = 0; i < 120; i++) {
        LOCKED(conn->pipe.can_send = true);
        assert_int_equal(send_bytes(body, sizeof body), 0);
    }
    LOCKED(conn_eager(conn, 1));
    MEM_SET(room, SIZE_MAX);
    event(POLLOUT);
    assert_int_equal(mem.out_len, 120 * 5008);
    assert_in_range(writes(), 2, 20);
}

static void NN_SNDBUF_bounds_what_waits_but_takes_one_message_of_any_size(void **state)
{
    (void)state;
    static char large[50000];
    sock->snd_buf = 100;
    sock->gather = 1 << 20;
    mem_open(false);
    quiet();
    MEM_SET(room, 0);
    assert_int_equal(send_bytes(large, sizeof large), 0);
    assert_int_equal(send_text("x"), -EAGAIN);
    MEM_SET(room, SIZE_MAX);
    event(POLLOUT);
    in_a_burst();
    LOCKED(conn->dirty = true);
    int n = 0;
    while (can_send()) {
        struct sp_msg m;
        sp_msg_init(&m);
        m.body = (uint8_t *)large;
        m.body_len = 12;
        LOCKED(assert_int_equal(sp_pipe_send(proto.pipe, &m), 0));
        n++;
    }
    assert_int_equal(n, 5); /* 20 bytes each */
    LOCKED((conn->dirty = false, conn_settle(conn)));
}

static void a_fan_out_goes_on_filling_up_to_NN_SNDBUF(void **state)
{
    (void)state;
    sock->snd_buf = 100;
    mem_open(false);
    quiet();
    MEM_SET(room, 0);
    int n = 0;
    while (send_bytes("0123456789ab", 12) == 0)
        n++;
    assert_in_range(n, 4, 6);
    LOCKED(assert_true(conn->want_out));
    MEM_SET(room, SIZE_MAX);
    event(POLLOUT);
    assert_int_equal(mem.out_len, 20 * (size_t)n);
    assert_true(can_send());
}

/* With many peers the caller only appends: the tick sends. */
static void a_wide_fan_out_is_gathered(void **state)
{
    (void)state;
    mem_open(false);
    quiet();
    LOCKED(sock->n_pipes += 8);
    assert_int_equal(send_text("one"), 0);
    LOCKED(sock->n_pipes -= 8);
    UNTIL(wrote("one;"));
}

/* ---- failures ---- */

static void an_error_of_the_stream_ends_it_and_gives_the_message_back(void **state)
{
    (void)state;
    mem_open(false);
    quiet();
    MEM_SET(room, 0);
    MEM_SET(write_error, -EPIPE);
    assert_int_equal(send_text("one"), 0);
    UNTIL(atomic_load(&mem.n_closed) == 1);
    assert_string_equal(proto.unsent, "one;");
    assert_int_equal(proto.detached, 1);
    assert_int_equal(stat_of(SP_ST_BROKEN), 1);
}

static void gathered_messages_come_back_from_the_first_that_was_not_whole(void **state)
{
    (void)state;
    mem_open(false);
    in_a_burst();
    LOCKED(conn->dirty = true);
    assert_int_equal(send_text("one"), 0);
    assert_int_equal(send_text(""), 0);
    assert_int_equal(send_text("three"), 0);
    assert_int_equal(send_text("four"), 0);
    MEM_SET(room, 8 + 3 + 8 + 8 + 2);
    LOCKED(conn_tx_flush(conn));
    LOCKED((conn->dirty = false, conn_kill(conn, SP_REASON_NONE, 0, "")));
    UNTIL(atomic_load(&mem.n_closed) == 1);
    assert_string_equal(proto.unsent, "three;four;");
}

static void a_message_handed_over_whole_does_not_come_back(void **state)
{
    (void)state;
    mem_open(false);
    in_a_burst();
    LOCKED(conn->dirty = true);
    assert_int_equal(send_text("one"), 0);
    assert_int_equal(send_text("two"), 0);
    MEM_SET(room, 11);
    LOCKED(conn_tx_flush(conn));
    LOCKED((conn->dirty = false, conn_kill(conn, SP_REASON_NONE, 0, "")));
    UNTIL(atomic_load(&mem.n_closed) == 1);
    assert_string_equal(proto.unsent, "two;");
}

static void gathering_without_memory_fails_the_send_and_nothing_else(void **state)
{
    (void)state;
    static char large[10000];
    mem_open(false);
    for (int i = 0; i < 3; i++) {
        in_a_burst();
        failing_set(i == 2 ? 2 : 1);
        assert_int_equal(send_bytes(large, i ? sizeof large : 10), -ENOMEM);
        failing_clear();
        LOCKED((assert_int_equal(conn->tx_bytes, 0), assert_false(conn->dead)));
    }
    assert_true(can_send());
    quiet();
    assert_int_equal(send_text("one"), 0);
    assert_true(wrote("one;"));
}

/* Of a message that no memory is left for, nothing may be on the wire, or the connection is no good any more. */
static void no_memory_for_the_rest_of_a_message_ends_the_connection(void **state)
{
    (void)state;
    for (int empty = 0; empty < 2; empty++) {
        mem_open(false);
        quiet();
        MEM_SET(room, 3);
        failing_set(1);
        assert_int_equal(empty ? send_bytes(NULL, 0) : send_text("one"), -ENOMEM);
        failing_clear();
        UNTIL(atomic_load(&mem.n_closed) == 1);
        assert_int_equal(stat_of(SP_ST_REASON + (int)SP_REASON_LIMIT), 1);
        assert_string_equal(proto.unsent, "");
        mem_teardown(NULL);
        mem_setup(NULL);
    }
}

static void no_memory_for_a_message_that_found_no_room_fails_the_send(void **state)
{
    (void)state;
    for (int empty = 0; empty < 2; empty++) {
        mem_open(false);
        quiet();
        MEM_SET(room, 0);
        failing_set(1);
        assert_int_equal(empty ? send_bytes(NULL, 0) : send_text("one"), -ENOMEM);
        failing_clear();
        MEM_SET(room, SIZE_MAX);
        LOCKED(assert_false(conn->dead));
        quiet();
        assert_int_equal(send_text("two"), 0);
        assert_true(wrote("two;"));
        mem_teardown(NULL);
        mem_setup(NULL);
    }
}

static void no_memory_to_give_back_is_counted_as_dropped(void **state)
{
    (void)state;
    mem_open(false);
    in_a_burst();
    LOCKED(conn->dirty = true);
    assert_int_equal(send_text("one"), 0);
    assert_int_equal(send_text("two"), 0);
    sp_sock_lock(sock);
    conn->dirty = false;
    failing_set(1);
    conn_kill(conn, SP_REASON_NONE, 0, "");
    failing_clear();
    (void)sp_sock_unlock(sock);
    UNTIL(atomic_load(&mem.n_closed) == 1);
    assert_string_equal(proto.unsent, "two;");
    assert_int_equal(stat_of(SP_ST_DROPPED_SEND), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM_TEST(a_quiet_pipe_is_written_in_place),
        MEM_TEST(an_empty_message_is_a_head),
        MEM_TEST(what_is_sent_is_counted),
        MEM_TEST(a_burst_is_gathered_and_the_tick_sends_it),
        MEM_TEST(a_full_buffer_is_sent_by_the_caller),
        MEM_TEST(what_was_gathered_leaves_before_the_caller_waits),
        MEM_TEST(a_gathered_body_is_a_copy_and_a_large_one_too_when_it_was_borrowed),
        MEM_TEST(a_receive_ends_a_burst),
        MEM_TEST(who_flushes_takes_along_what_others_append),
        MEM_TEST(without_room_it_waits_for_POLLOUT),
        MEM_TEST(a_message_may_leave_in_any_pieces),
        MEM_TEST(a_large_message_may_leave_in_any_pieces),
        MEM_TEST(more_pieces_than_one_write_takes_all_leave),
        MEM_TEST(NN_SNDBUF_bounds_what_waits_but_takes_one_message_of_any_size),
        FAN_OUT_TEST(a_fan_out_goes_on_filling_up_to_NN_SNDBUF),
        FAN_OUT_TEST(a_wide_fan_out_is_gathered),
        MEM_TEST(an_error_of_the_stream_ends_it_and_gives_the_message_back),
        MEM_TEST(gathered_messages_come_back_from_the_first_that_was_not_whole),
        MEM_TEST(a_message_handed_over_whole_does_not_come_back),
        MEM_TEST(gathering_without_memory_fails_the_send_and_nothing_else),
        MEM_TEST(no_memory_for_the_rest_of_a_message_ends_the_connection),
        MEM_TEST(no_memory_for_a_message_that_found_no_room_fails_the_send),
        MEM_TEST(no_memory_to_give_back_is_counted_as_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
