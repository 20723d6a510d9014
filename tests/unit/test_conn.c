/* SPDX-License-Identifier: MIT */
/* The moves of a connection from OPEN on: its ends, key updates, DRAIN. test_conn_open.c has those before. */
#include "memconn.h"
#include "core/stats.h"
#include <nanomsg/nanoseal.h>

/* The connection ended, with this reason in the statistics. */
static void ended(enum sp_reason why)
{
    UNTIL(atomic_load(&mem.n_closed) == 1);
    for (int i = SP_REASON_NONE + 1; i < SP_REASON_COUNT; i++)
        assert_int_equal(stat_of(SP_ST_REASON + i), i == (int)why);
}

static enum conn_state state_now(void)
{
    enum conn_state v;
    LOCKED(v = conn->state);
    return v;
}

/* ---- OPEN and its end ---- */

static void the_end_of_the_stream_ends_it(void **state)
{
    (void)state;
    mem_open(true);
    MEM_SET(in_end, 0);
    event(POLLIN);
    ended(SP_REASON_NONE);
    assert_int_equal(proto.detached, 1);
    assert_int_equal(proto.hangups, 0);
    assert_int_equal(stat_of(SP_ST_BROKEN), 1);
}

static void the_end_inside_a_message_is_told(void **state)
{
    (void)state;
    mem_open(false);
    feed("\0\0\0\0\0\0\0\5ab", 10);
    MEM_SET(in_end, 0);
    event(POLLIN);
    if (!atomic_load(&mem.n_closed))
        event(POLLIN);
    ended(SP_REASON_TRUNCATED);
    assert_int_equal(stat_of(SP_ST_BROKEN), 1);
}

static void unread_messages_outlive_their_connection(void **state)
{
    (void)state;
    mem_open(false);
    feed_text("one");
    feed_text("two");
    event(POLLIN);
    MEM_SET(in_end, 0);
    event(POLLIN);
    ended(SP_REASON_NONE);
    assert_int_equal(proto.hangups, 1);
    assert_int_equal(proto.detached, 0);
    assert_int_equal(send_text("x"), -EAGAIN);
    EXPECT("one");
    assert_int_equal(proto.detached, 0);
    EXPECT("two");
    assert_int_equal(proto.detached, 1);
    assert_int_equal(sock->left, 0);
}

static void what_the_gone_leave_is_bounded(void **state)
{
    (void)state;
    mem_open(false);
    sock->rcv_buf = 1;
    feed_text("one");
    event(POLLIN);
    LOCKED(conn_kill(conn, SP_REASON_NONE, 0, ""));
    ended(SP_REASON_LIMIT);
    assert_int_equal(proto.detached, 1);
    assert_int_equal(stat_of(SP_ST_DROPPED_RECV), 1);
    assert_int_equal(receive(), -EAGAIN);
}

static void the_protocol_may_end_a_pipe_that_it_is_told_of(void **state)
{
    (void)state;
    proto.close_when_readable = true;
    mem_open(false);
    feed_text("bad");
    feed_text("worse");
    event(POLLIN);
    ended(SP_REASON_PROTOCOL);
    assert_int_equal(proto.readable, 1);
    assert_int_equal(proto.detached, 1);
    assert_int_equal(proto.hangups, 0);
    assert_int_equal(stat_of(SP_ST_DROPPED), 1);
}

static void the_protocol_may_end_a_pipe_whose_peer_is_gone(void **state)
{
    (void)state;
    mem_open(false);
    feed_text("one");
    event(POLLIN);
    LOCKED(conn_kill(conn, SP_REASON_NONE, 0, ""));
    UNTIL(atomic_load(&mem.n_closed) == 1);
    LOCKED((sp_pipe_close(proto.pipe, SP_REASON_PROTOCOL, ""), sp_pipe_close(proto.pipe, SP_REASON_PROTOCOL, "")));
    UNTIL_LOCKED(proto.detached == 1);
    assert_int_equal(receive(), -EAGAIN);
}

static void what_was_not_sent_goes_back_in_its_order(void **state)
{
    (void)state;
    mem_open(false);
    MEM_SET(room, 13);
    assert_int_equal(send_text("one"), 0);
    assert_int_equal(send_text("two"), 0);
    LOCKED(assert_true(conn->want_out));
    LOCKED(assert_false(proto.pipe->can_send));
    LOCKED(conn_kill(conn, SP_REASON_NONE, 0, ""));
    ended(SP_REASON_NONE);
    assert_string_equal(proto.unsent, "two;");
    assert_int_equal(proto.detached, 1);
}

static void a_greeting_that_was_not_sent_is_no_message(void **state)
{
    (void)state;
    MEM_SET(room, 0);
    mem_start(false);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    UNTIL_LOCKED(conn->want_out);
    LOCKED(conn_kill(conn, SP_REASON_NONE, 0, ""));
    ended(SP_REASON_NONE);
    assert_string_equal(proto.unsent, "");
    assert_int_equal(stat_of(SP_ST_DROPPED_SEND), 0);
}

static void a_dialler_that_lost_its_peer_dials_again(void **state)
{
    (void)state;
    sock->ivl = 1;
    mem_open(true);
    assert_int_equal(atomic_load(&mem_dials), 1);
    MEM_SET(in_end, 0);
    event(POLLIN);
    UNTIL(atomic_load(&mem_dials) == 2);
    UNTIL(atomic_load(&mem.n_closed) == 1);
    int far = mem.far;
    mem_reset();
    mem.far = far;
    mem_connect(true);
    assert_int_equal(mem.out_len, 8);
}

/* ---- a key update ---- */

static void a_stream_without_keys_has_no_key_update(void **state)
{
    (void)state;
    int rc;
    mem_open(false);
    LOCKED(rc = proto.pipe->ops->rekey(proto.pipe, 0));
    assert_int_equal(rc, -ENOTSUP);
}

static void a_key_update_leaves_without_a_message(void **state)
{
    (void)state;
    int rc;
    mem_rekeys = true;
    MEM_SET(want_clear, POLLOUT);
    mem_open(false);
    LOCKED(rc = proto.pipe->ops->rekey(proto.pipe, 1));
    assert_int_equal(rc, 0);
    assert_int_equal(atomic_load(&mem.n_rekey), 1);
    UNTIL(atomic_load(&mem.n_push) == 1);
    MEM_SET(rekey_rc, -EBUSY);
    LOCKED(rc = proto.pipe->ops->rekey(proto.pipe, 1));
    assert_int_equal(rc, -EBUSY);
}

/* ---- DRAIN ---- */

static void closing_lets_what_was_accepted_leave(void **state)
{
    (void)state;
    sock->linger = -1;
    mem_open(false);
    MEM_SET(room, 3);
    assert_int_equal(send_text("one"), 0);
    sp_sock_close(sock);
    assert_int_equal(state_now(), CONN_DRAIN);
    assert_int_equal(proto.detached, 1);
    assert_int_equal(atomic_load(&mem.n_finish), 0);
    MEM_SET(room, SIZE_MAX);
    event(POLLOUT);
    assert_true(wrote("one;"));
    assert_int_equal(atomic_load(&mem.n_finish), 1);
    assert_int_equal(atomic_load(&mem.n_closed), 0);
    feed_text("too late"); /* read and thrown away, so that the peer gets no reset */
    event(POLLIN);
    assert_int_equal(mem.in_at, mem.in_len);
    MEM_SET(in_end, 0);
    event(POLLIN);
    ended(SP_REASON_NONE);
    assert_int_equal(stat_of(SP_ST_BROKEN), 0);
    assert_int_equal(stat_of(SP_ST_DROPPED), 1);
}

static void a_close_notify_that_does_not_fit_is_tried_again(void **state)
{
    (void)state;
    sock->linger = -1;
    MEM_SET(finish_rc, -EAGAIN);
    mem_open(false);
    sp_sock_close(sock);
    UNTIL_LOCKED(conn->want_out);
    MEM_SET(finish_rc, 0);
    event(POLLOUT);
    assert_int_equal(atomic_load(&mem.n_finish), 2);
    LOCKED(assert_true(conn->fin_sent));
    MEM_SET(in_end, 0);
    event(POLLIN);
    UNTIL(atomic_load(&mem.n_closed) == 1);
}

static void a_finish_that_fails_ends_it(void **state)
{
    (void)state;
    sock->linger = -1;
    MEM_SET(finish_rc, -EPIPE);
    mem_open(false);
    sp_sock_close(sock);
    ended(SP_REASON_NONE);
}

static void lingering_has_an_end(void **state)
{
    (void)state;
    sock->linger = 20;
    mem_open(false);
    uint64_t start = sp_now();
    MEM_SET(room, 0);
    assert_int_equal(send_text("one"), 0);
    sp_sock_close(sock);
    UNTIL(atomic_load(&mem.n_closed) == 1);
    assert_in_range(sp_now() - start, 20 * SP_MS, LONG_NS / 2);
    assert_string_equal(proto.unsent, ""); /* nobody is there to take it back */
    assert_int_equal(stat_of(SP_ST_DROPPED_SEND), 1);
}

static void without_lingering_it_ends_at_once(void **state)
{
    (void)state;
    sock->linger = 0;
    mem_open(false);
    MEM_SET(room, 0);
    assert_int_equal(send_text("one"), 0);
    sp_sock_close(sock);
    UNTIL(atomic_load(&mem.n_closed) == 1);
    assert_int_equal(atomic_load(&mem.n_finish), 0);
}

static void closing_before_OPEN_ends_it_at_once(void **state)
{
    (void)state;
    sock->linger = -1;
    mem_start(false);
    feed("\0SP", 3);
    event(POLLIN);
    sp_sock_close(sock);
    ended(SP_REASON_NONE);
}

static void closing_drops_what_the_gone_left(void **state)
{
    (void)state;
    sock->linger = -1;
    mem_open(false);
    feed_text("one");
    event(POLLIN);
    LOCKED(conn_kill(conn, SP_REASON_NONE, 0, ""));
    UNTIL(atomic_load(&mem.n_closed) == 1);
    mem_end();
    assert_int_equal(proto.detached, 1);
}

static void shutting_an_endpoint_down_drains_its_pipes(void **state)
{
    (void)state;
    sock->linger = -1;
    mem_open(false);
    assert_int_equal(send_text("one"), 0);
    assert_int_equal(sp_sock_shutdown(sock, 99), -EINVAL);
    assert_int_equal(sp_sock_shutdown(sock, 1), 0);
    UNTIL(atomic_load(&mem.n_finish) == 1);
    assert_true(wrote("one;"));
    assert_int_equal(proto.detached, 1);
    sp_sock_close(sock); /* its time goes on */
    assert_int_equal(atomic_load(&mem.n_closed), 0);
    MEM_SET(in_end, 0);
    event(POLLIN);
    UNTIL(atomic_load(&mem.n_closed) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM_TEST(the_end_of_the_stream_ends_it),
        MEM_TEST(the_end_inside_a_message_is_told),
        MEM_TEST(unread_messages_outlive_their_connection),
        MEM_TEST(what_the_gone_leave_is_bounded),
        MEM_TEST(the_protocol_may_end_a_pipe_that_it_is_told_of),
        MEM_TEST(the_protocol_may_end_a_pipe_whose_peer_is_gone),
        MEM_TEST(what_was_not_sent_goes_back_in_its_order),
        MEM_TEST(a_greeting_that_was_not_sent_is_no_message),
        MEM_TEST(a_dialler_that_lost_its_peer_dials_again),
        MEM_TEST(a_stream_without_keys_has_no_key_update),
        MEM_TEST(a_key_update_leaves_without_a_message),
        MEM_TEST(closing_lets_what_was_accepted_leave),
        MEM_TEST(a_close_notify_that_does_not_fit_is_tried_again),
        MEM_TEST(a_finish_that_fails_ends_it),
        MEM_TEST(lingering_has_an_end),
        MEM_TEST(without_lingering_it_ends_at_once),
        MEM_TEST(closing_before_OPEN_ends_it_at_once),
        MEM_TEST(closing_drops_what_the_gone_left),
        MEM_TEST(shutting_an_endpoint_down_drains_its_pipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
