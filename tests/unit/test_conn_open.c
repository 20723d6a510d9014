/* SPDX-License-Identifier: MIT */
/* The moves of a connection up to OPEN: START, HELLO, and what ends it there. */
#include "memconn.h"
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
    MEM_SET(in_end, 0);
    event(POLLIN);
    ended(SP_REASON_REFUSED);
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 1);
}

static void an_error_before_the_greeting_ends_it(void **state)
{
    (void)state;
    mem_start(false);
    MEM_SET(in_end, -ECONNRESET);
    event(POLLIN | POLLERR);
    ended(SP_REASON_NONE);
    assert_int_equal(stat_of(SP_ST_ACCEPT_ERRORS), 1);
}

static void a_dialler_that_cannot_greet_fails(void **state)
{
    (void)state;
    MEM_SET(room, 3);
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
    MEM_SET(want, POLLIN);
    mem_start(true);
    for (int i = 1; i <= 2; i++) {
        UNTIL(atomic_load(&mem.n_start) == i);
        UNTIL_LOCKED(!conn->reading);
        assert_int_equal(state_now(), CONN_START);
        assert_int_equal(conn->watch.events, POLLIN);
        if (i == 2)
            MEM_SET(want, 0);
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
    MEM_SET(want, POLLIN);
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
        assert_int_equal(stat_of(SP_ST_REASON + (int)SP_REASON_LIMIT), nth);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
