/* SPDX-License-Identifier: MIT */
/* Every move of a connection: START, HELLO, OPEN, DRAIN, gone. */
#include "memstream.h"
#include "core/stats.h"
#include <nanomsg/nanoseal.h>

static const char hello[] = "\0SP\0\0\x70\0\0"; /* ours */

static bool greeted_us(void)
{
    pthread_mutex_lock(&mem.lock);
    bool yes = mem.out_len == 8 && !memcmp(mem.out, hello, 8);
    pthread_mutex_unlock(&mem.lock);
    return yes;
}

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

/* ---- HELLO ---- */

static void a_dialler_greets_first(void **state)
{
    (void)state;
    mem_start(true);
    assert_true(greeted_us());
    assert_int_equal(state_now(), CONN_HELLO);
    assert_int_equal(proto.attached, 0);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    assert_int_equal(state_now(), CONN_OPEN);
    assert_int_equal(proto.attached, 1);
    assert_true(greeted_us());
    assert_int_equal(stat_of(SP_ST_ESTABLISHED), 1);
}

static void an_acceptor_greets_when_the_protocol_said_yes(void **state)
{
    (void)state;
    mem_start(false);
    assert_int_equal(mem.out_len, 0);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    assert_int_equal(state_now(), CONN_OPEN);
    UNTIL(greeted_us());
    assert_int_equal(stat_of(SP_ST_ACCEPTED), 1);
    assert_int_equal(sp_stream_ep(mem_ep)->n_half, 0);
}

static void an_acceptor_that_refuses_says_nothing(void **state)
{
    (void)state;
    proto.attach_rc = -EBUSY;
    mem_start(false);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    ended(SP_REASON_REFUSED);
    assert_int_equal(mem.out_len, 0);
    assert_int_equal(proto.detached, 0);
    assert_int_equal(stat_of(SP_ST_ACCEPT_ERRORS), 1);
    assert_int_equal(stat_of(SP_ST_ACCEPTED), 0);
}

static void a_dialler_that_refuses_counts_a_failed_attempt(void **state)
{
    (void)state;
    proto.attach_rc = -EBUSY;
    mem_start(true);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    ended(SP_REASON_REFUSED);
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 1);
    assert_int_equal(stat_of(SP_ST_INPROGRESS), 0);
}

static void a_greeting_may_come_a_byte_at_a_time(void **state)
{
    (void)state;
    uint8_t b[SP_FRAME_GREET_MAX];
    mem_start(false);
    sp_frame_sp.greet(b, MEM_PEER);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(state_now(), CONN_HELLO);
        feed(b + i, 1);
        event(POLLIN);
    }
    assert_int_equal(state_now(), CONN_OPEN);
}

static void what_follows_the_greeting_is_the_first_message(void **state)
{
    (void)state;
    mem_start(false);
    feed_greeting(MEM_PEER);
    feed_text("early");
    event(POLLIN);
    event(POLLIN);
    EXPECT("early");
}

static void a_wrong_greeting_ends_it(void **state)
{
    (void)state;
    const int ids[] = {MEM_ID, 0, 0xffff};
    for (int i = 0; i < 4; i++) {
        if (i) {
            mem_teardown(NULL);
            mem_setup(NULL);
        }
        mem_start(i % 2);
        if (i < 3)
            feed_greeting(ids[i]);
        else
            feed("GET / HT", 8);
        event(POLLIN);
        ended(SP_REASON_PROTOCOL);
        assert_int_equal(proto.attached, 0);
    }
}

static void a_peer_that_leaves_before_it_greeted_has_refused(void **state)
{
    (void)state;
    mem_start(true);
    feed("\0SP", 3);
    event(POLLIN);
    mem.in_end = 0;
    event(POLLIN);
    ended(SP_REASON_REFUSED);
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 1);
}

static void an_error_before_the_greeting_ends_it(void **state)
{
    (void)state;
    mem_start(false);
    mem.in_end = -ECONNRESET;
    event(POLLIN | POLLERR);
    ended(SP_REASON_NONE);
    assert_int_equal(stat_of(SP_ST_ACCEPT_ERRORS), 1);
}

static void a_dialler_that_cannot_greet_fails(void **state)
{
    (void)state;
    mem.room = 3;
    mem_start(true);
    ended(SP_REASON_NONE);
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 1);
}

static void the_deadline_holds_until_OPEN(void **state)
{
    (void)state;
    sock->handshake_ms = 20;
    mem_start(false);
    feed("\0SP", 3);
    event(POLLIN);
    ended(SP_REASON_TIMEOUT);
    assert_int_equal(sp_stream_ep(mem_ep)->n_half, 0);
}

static void the_deadline_is_over_when_it_is_OPEN(void **state)
{
    (void)state;
    sock->handshake_ms = 20;
    mem_open(true);
    pass(50);
    assert_int_equal(state_now(), CONN_OPEN);
    assert_int_equal(atomic_load(&mem.n_closed), 0);
}

/* ---- START ---- */

static void a_handshake_moves_on_when_its_stream_can(void **state)
{
    (void)state;
    mem_handshake = true;
    mem.start_rc[0] = mem.start_rc[1] = -EAGAIN;
    mem.want = POLLIN;
    mem_start(true);
    for (int i = 1; i <= 2; i++) {
        UNTIL(atomic_load(&mem.n_start) == i);
        UNTIL_LOCKED(!conn->reading);
        assert_int_equal(state_now(), CONN_START);
        assert_int_equal(conn->watch.events, POLLIN);
        if (i == 2)
            mem.want = 0;
        event(POLLIN);
    }
    UNTIL_LOCKED(conn->state == CONN_HELLO && !conn->reading);
    assert_true(greeted_us());
    assert_int_equal(stat_of(SP_ST_HANDSHAKES), 1);
}

static void an_acceptor_waits_for_the_dialler_before_it_costs_a_worker(void **state)
{
    (void)state;
    mem_handshake = true;
    mem_start(false);
    assert_int_equal(atomic_load(&mem.n_start), 0);
    assert_int_equal(conn->watch.events, POLLIN);
    event(POLLIN);
    UNTIL_LOCKED(conn->state == CONN_HELLO);
}

static void a_failed_handshake_has_the_reason_of_its_stream(void **state)
{
    (void)state;
    mem_handshake = true;
    mem.start_rc[0] = -EACCES;
    mem.reason = SP_REASON_WRONG_KEY;
    mem_start(true);
    ended(SP_REASON_WRONG_KEY);
    LOCKED(assert_non_null(strstr(sock->last_reason, "said the stream")));
}

static void a_handshake_that_never_ends_is_ended(void **state)
{
    (void)state;
    mem_handshake = true;
    mem.start_rc[0] = -EAGAIN;
    mem.want = POLLIN;
    sock->handshake_ms = 20;
    mem_start(true);
    ended(SP_REASON_TIMEOUT);
}

/* nn_close does not wait for the worker, and the worker does not touch what is gone. */
static void closing_while_a_worker_is_inside_waits_for_nobody(void **state)
{
    (void)state;
    sem_t hold;
    sem_init(&hold, 0, 0);
    mem_handshake = true;
    mem.hold_start = &hold;
    mem_start(true);
    sp_sock_close(sock);
    assert_int_equal(atomic_load(&mem.n_closed), 0);
    sem_post(&hold);
    UNTIL(atomic_load(&mem.n_closed) == 1);
    assert_int_equal(mem.out_len, 0);
    mem_end();
    sem_destroy(&hold);
}

/* ---- limits ---- */

static void a_half_open_one_can_be_made_to_give_way(void **state)
{
    (void)state;
    mem_start(false);
    assert_int_equal(sp_stream_ep(mem_ep)->n_half, 1);
    LOCKED(conn_evict(conn));
    ended(SP_REASON_LIMIT);
    assert_int_equal(sp_stream_ep(mem_ep)->n_half, 0);
}

static void the_limit_of_peers_holds(void **state)
{
    (void)state;
    sock->max_peers = 0;
    mem_start(false);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    ended(SP_REASON_LIMIT);
    assert_int_equal(proto.attached, 0);
}

static void starting_without_memory_fails_cleanly(void **state)
{
    (void)state;
    mem_endpoint(false);
    int fds = sp_fd_count(), nth = 1;
    for (;; nth++) {
        failing_set(nth);
        mem_connect(false);
        if (failing_clear() < nth)
            break;
        assert_int_equal(stat_of(SP_ST_REASON + SP_REASON_LIMIT), nth);
        UNTIL(sp_fd_count() == fds);
    }
    assert_true(nth > 2);
    assert_int_equal(state_now(), CONN_HELLO);
}

static void opening_without_memory_fails_cleanly(void **state)
{
    (void)state;
    for (int nth = 1;; nth++) {
        mem_start(false);
        feed_greeting(MEM_PEER);
        failing_set(nth);
        event(POLLIN);
        bool failed = failing_clear() >= nth;
        if (!failed)
            break;
        ended(SP_REASON_LIMIT);
        assert_int_equal(mem.out_len, 0);
        mem_teardown(NULL);
        mem_setup(NULL);
    }
    assert_int_equal(state_now(), CONN_OPEN);
}

/* ---- OPEN and its end ---- */

static void the_end_of_the_stream_ends_it(void **state)
{
    (void)state;
    mem_open(true);
    mem.in_end = 0;
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
    mem.in_end = 0;
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
    mem.in_end = 0;
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
    mem.room = 13;
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
    mem.room = 0;
    mem_start(false);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    UNTIL_LOCKED(conn->want_out);
    LOCKED(conn_kill(conn, SP_REASON_NONE, 0, ""));
    ended(SP_REASON_NONE);
    assert_string_equal(proto.unsent, "");
}

static void a_dialler_that_lost_its_peer_dials_again(void **state)
{
    (void)state;
    sock->ivl = 1;
    mem_open(true);
    assert_int_equal(atomic_load(&mem_dials), 1);
    mem.in_end = 0;
    event(POLLIN);
    UNTIL(atomic_load(&mem_dials) == 2);
    UNTIL(atomic_load(&mem.n_closed) == 1);
    int far = mem.far;
    mem_reset();
    mem.far = far;
    mem_connect(true);
    assert_true(greeted_us());
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
    mem.want_clear = POLLOUT;
    mem_open(false);
    LOCKED(rc = proto.pipe->ops->rekey(proto.pipe, 1));
    assert_int_equal(rc, 0);
    assert_int_equal(atomic_load(&mem.n_rekey), 1);
    UNTIL(atomic_load(&mem.n_push) == 1);
    mem.rekey_rc = -EBUSY;
    LOCKED(rc = proto.pipe->ops->rekey(proto.pipe, 1));
    assert_int_equal(rc, -EBUSY);
}

/* ---- DRAIN ---- */

static void closing_lets_what_was_accepted_leave(void **state)
{
    (void)state;
    sock->linger = -1;
    mem_open(false);
    mem.room = 3;
    assert_int_equal(send_text("one"), 0);
    sp_sock_close(sock);
    assert_int_equal(state_now(), CONN_DRAIN);
    assert_int_equal(proto.detached, 1);
    assert_int_equal(atomic_load(&mem.n_finish), 0);
    mem.room = SIZE_MAX;
    event(POLLOUT);
    assert_true(wrote("one;"));
    assert_int_equal(atomic_load(&mem.n_finish), 1);
    assert_int_equal(atomic_load(&mem.n_closed), 0);
    feed_text("too late"); /* read and thrown away, so that the peer gets no reset */
    event(POLLIN);
    assert_int_equal(mem.in_at, mem.in_len);
    mem.in_end = 0;
    event(POLLIN);
    ended(SP_REASON_NONE);
    assert_int_equal(stat_of(SP_ST_BROKEN) + stat_of(SP_ST_DROPPED), 0);
}

static void a_close_notify_that_does_not_fit_is_tried_again(void **state)
{
    (void)state;
    sock->linger = -1;
    mem.finish_rc = -EAGAIN;
    mem_open(false);
    sp_sock_close(sock);
    UNTIL_LOCKED(conn->want_out);
    mem.finish_rc = 0;
    event(POLLOUT);
    assert_int_equal(atomic_load(&mem.n_finish), 2);
    LOCKED(assert_true(conn->fin_sent));
    mem.in_end = 0;
    event(POLLIN);
    UNTIL(atomic_load(&mem.n_closed) == 1);
}

static void a_finish_that_fails_ends_it(void **state)
{
    (void)state;
    sock->linger = -1;
    mem.finish_rc = -EPIPE;
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
    mem.room = 0;
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
    mem.room = 0;
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
    mem.in_end = 0;
    event(POLLIN);
    UNTIL(atomic_load(&mem.n_closed) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM_TEST(a_dialler_greets_first),
        MEM_TEST(an_acceptor_greets_when_the_protocol_said_yes),
        MEM_TEST(an_acceptor_that_refuses_says_nothing),
        MEM_TEST(a_dialler_that_refuses_counts_a_failed_attempt),
        MEM_TEST(a_greeting_may_come_a_byte_at_a_time),
        MEM_TEST(what_follows_the_greeting_is_the_first_message),
        MEM_TEST(a_wrong_greeting_ends_it),
        MEM_TEST(a_peer_that_leaves_before_it_greeted_has_refused),
        MEM_TEST(an_error_before_the_greeting_ends_it),
        MEM_TEST(a_dialler_that_cannot_greet_fails),
        MEM_TEST(the_deadline_holds_until_OPEN),
        MEM_TEST(the_deadline_is_over_when_it_is_OPEN),
        MEM_TEST(a_handshake_moves_on_when_its_stream_can),
        MEM_TEST(an_acceptor_waits_for_the_dialler_before_it_costs_a_worker),
        MEM_TEST(a_failed_handshake_has_the_reason_of_its_stream),
        MEM_TEST(a_handshake_that_never_ends_is_ended),
        MEM_TEST(closing_while_a_worker_is_inside_waits_for_nobody),
        MEM_TEST(a_half_open_one_can_be_made_to_give_way),
        MEM_TEST(the_limit_of_peers_holds),
        MEM_TEST(starting_without_memory_fails_cleanly),
        MEM_TEST(opening_without_memory_fails_cleanly),
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
