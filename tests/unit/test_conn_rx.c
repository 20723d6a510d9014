/* SPDX-License-Identifier: MIT */
#include "memconn.h"
#include "core/stats.h"
#include <nanomsg/nanoseal.h>

static uint8_t big[300000];

static void big_fill(void)
{
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 7 + i / 251);
}

struct all {
    uint8_t *to;
    size_t len;
    bool owned;
};

static int take_all(struct sp_sock *s, struct sp_msg *m, void *arg)
{
    struct all *a = arg;
    (void)s;
    a->len = m->body_len;
    a->owned = m->chunk && m->body == sp_chunk_data(m->chunk);
    memcpy(a->to, m->body, m->body_len);
    return 0;
}

static void expect_big(size_t n, bool owned)
{
    static uint8_t buf[sizeof big];
    struct all a = {.to = buf};
    assert_int_equal(sp_sock_recv(sock, NN_DONTWAIT, take_all, &a), 0);
    assert_int_equal(a.len, n);
    assert_memory_equal(buf, big, n);
    assert_true(a.owned == owned);
}

static void ended(enum sp_reason why)
{
    UNTIL(atomic_load(&mem.n_closed) == 1);
    assert_int_equal(stat_of(SP_ST_REASON + (int)why), 1);
}

/* ---- what a read brings ---- */

static void many_messages_come_with_one_read(void **state)
{
    (void)state;
    char text[16];
    mem_open(false);
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "%d", i);
        feed_text(i % 10 ? text : "");
    }
    event(POLLIN);
    assert_int_equal(atomic_load(&mem.n_readv), 1);
    assert_int_equal(proto.readable, 1);
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "%d", i);
        EXPECT(i % 10 ? text : "");
    }
    assert_int_equal(receive(), -EAGAIN);
}

static void messages_may_be_cut_at_any_byte(void **state)
{
    (void)state;
    const char wire[] = "\0\0\0\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\4defg";
    const size_t n = sizeof wire - 1;
    mem_open(false);
    for (size_t cut = 1; cut < n; cut++) {
        feed(wire, cut);
        event(POLLIN);
        feed(wire + cut, n - cut);
        event(POLLIN);
        EXPECT("abc");
        EXPECT("");
        EXPECT("defg");
        assert_int_equal(receive(), -EAGAIN);
    }
    assert_null(conn->part);
}

static void messages_may_come_a_byte_at_a_time(void **state)
{
    (void)state;
    mem_open(false);
    for (int i = 0; i < 3; i++)
        feed_text("slowly");
    MEM_SET(read_max, 1);
    for (int i = 0; i < 42; i++) {
        event(POLLIN);
        assert_int_equal(sock->stats[SP_ST_RECEIVED], 0);
    }
    for (int i = 0; i < 3; i++)
        EXPECT("slowly");
}

static void readable_is_told_once_for_each_rise(void **state)
{
    (void)state;
    mem_open(false);
    feed_text("one");
    event(POLLIN);
    feed_text("two");
    event(POLLIN);
    assert_int_equal(proto.readable, 1);
    EXPECT("one");
    EXPECT("two");
    feed_text("three");
    event(POLLIN);
    assert_int_equal(proto.readable, 2);
}

static void a_peek_takes_nothing(void **state)
{
    (void)state;
    mem_open(false);
    feed_text("one");
    feed_text("two");
    event(POLLIN);
    for (int i = 0; i < 2; i++) {
        struct sp_msg m;
        LOCKED(assert_int_equal(sp_pipe_peek(proto.pipe, &m), 0));
        assert_int_equal(m.body_len, 3);
        assert_memory_equal(m.body, "one", 3);
        assert_null(m.chunk);
        assert_ptr_equal(m.pipe, &conn->pipe);
    }
    EXPECT("one");
    EXPECT("two");
    struct sp_msg m;
    int rc;
    LOCKED(rc = sp_pipe_peek(conn ? &conn->pipe : NULL, &m));
    assert_int_equal(rc, -EAGAIN);
}

static void what_is_received_is_counted(void **state)
{
    (void)state;
    mem_open(false);
    feed_text("one");
    feed_text("three");
    event(POLLIN);
    EXPECT("one");
    EXPECT("three");
    LOCKED((assert_int_equal(conn->pipe.n_received, 2), assert_int_equal(conn->pipe.b_received, 8)));
}

/* ---- large bodies ---- */

/* The helper may read, too, when a large body took several rounds. */
static bool unread(void)
{
    pthread_mutex_lock(&mem.lock);
    bool more = mem.in_at < mem.in_len;
    if (!more)
        mem.in_at = mem.in_len = 0;
    pthread_mutex_unlock(&mem.lock);
    return more;
}

static void a_large_body_lies_in_a_chunk_of_its_own(void **state)
{
    (void)state;
    const size_t sizes[] = {16384, 16385, 65536, 65537, 100000, sizeof big};
    big_fill();
    sock->rcv_buf = 1 << 22;
    mem_open(false);
    for (size_t i = 0; i < 6; i++) {
        feed_text("before");
        feed_message(big, sizes[i]);
        feed_text("behind");
        for (int k = 0; k < 100 && unread(); k++)
            event(POLLIN);
        EXPECT("before");
        bool fits = 14 + 8 + sizes[i] <= SP_SLAB_SIZE - sizeof(struct rx_seg);
        expect_big(sizes[i], !fits);
        EXPECT("behind");
    }
}

static void a_large_body_may_come_in_pieces_of_any_size(void **state)
{
    (void)state;
    const size_t pieces[] = {1, 7, 1000, 4096, 16384, 40000, 65536};
    big_fill();
    sock->rcv_buf = 1 << 22;
    mem_open(false);
    for (size_t i = 0; i < 7; i++) {
        size_t n = pieces[i] < 1000 ? 20000 : 200000;
        feed_message(big, n);
        feed_text("behind");
        MEM_SET(read_max, pieces[i]);
        while (unread())
            event(POLLIN);
        expect_big(n, n > SP_SLAB_SIZE || pieces[i] < n);
        EXPECT("behind");
    }
}

/* A length that is promised costs nothing: memory grows with what came. */
static void memory_grows_with_bytes_received(void **state)
{
    (void)state;
    uint8_t head[SP_FRAME_HEAD_MAX];
    sock->rcv_max = -1;
    mem_open(false);
    feed(head, sp_frame_sp.head(head, 1000000000, 0));
    feed(big, 20000);
    event(POLLIN);
    LOCKED(assert_in_range(conn->big->cap, 20000, SP_SLAB_SIZE));
    feed(big, 200000);
    while (unread())
        event(POLLIN);
    LOCKED(assert_in_range(conn->big->cap, 220000, 2 * 220000 + SP_SLAB_SIZE));
}

/* ---- limits ---- */

static void a_length_above_the_limit_ends_it(void **state)
{
    (void)state;
    uint8_t head[SP_FRAME_HEAD_MAX];
    sock->rcv_max = 10;
    mem_open(false);
    feed_text("0123456789");
    feed(head, sp_frame_sp.head(head, 11, 0));
    event(POLLIN);
    ended(SP_REASON_OVERSIZE);
    EXPECT("0123456789");
    assert_int_equal(proto.detached, 1);
}

static void no_limit_still_has_one(void **state)
{
    (void)state;
    uint8_t head[SP_FRAME_HEAD_MAX];
    sock->rcv_max = -1;
    mem_open(false);
    feed(head, sp_frame_sp.head(head, UINT64_MAX, 0));
    event(POLLIN);
    ended(SP_REASON_OVERSIZE);
}

static void a_full_buffer_pauses_the_peer_until_half_is_taken(void **state)
{
    (void)state;
    sock->rcv_buf = 110;
    mem_open(false);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(conn->watch.events, POLLIN);
        feed_text("xyz");
        event(POLLIN);
    }
    LOCKED(assert_true(conn->paused));
    assert_int_equal(conn->watch.events, 0);
    feed_text("not yet");
    event(POLLIN);
    assert_true(mem.in_at < mem.in_len);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(conn->watch.events, 0);
        EXPECT("xyz");
    }
    assert_int_equal(conn->watch.events, POLLIN);
    event(POLLIN);
    for (int i = 0; i < 5; i++)
        EXPECT("xyz");
    EXPECT("not yet");
}

/* TLS holds plaintext that the kernel no longer tells of. */
static void bytes_that_the_stream_holds_are_read_without_an_event(void **state)
{
    (void)state;
    sock->rcv_buf = 1;
    mem_open(false);
    feed_text("one");
    event(POLLIN);
    feed_text("two");
    MEM_SET(want, POLLIN);
    EXPECT("one");
    UNTIL_LOCKED(conn->pipe.can_recv);
    EXPECT("two");
}

/* A stream that always has more, a little at a time. */
static void one_pipe_does_not_keep_the_loop_to_itself(void **state)
{
    (void)state;
    struct ear e;
    sock->rcv_buf = 1 << 22;
    mem_open(false);
    for (int i = 0; i < 8; i++)
        feed_message(big, 60000);
    ear_open(&e, loop, NULL);
    pthread_mutex_lock(&mem.lock);
    mem.read_max = 8;
    mem.want = POLLIN;
    pthread_mutex_unlock(&mem.lock);
    event(POLLIN);
    ear_tell(&e);
    UNTIL(atomic_load(&e.n_bytes) == 1);
    pthread_mutex_lock(&mem.lock);
    bool at_it = mem.in_at < mem.in_len;
    mem.read_max = SIZE_MAX;
    pthread_mutex_unlock(&mem.lock);
    assert_true(at_it);
    int n = 0;
    UNTIL((n += receive() == 0) == 8);
    ear_close(&e);
}

/* ---- the end ---- */

static void an_error_of_the_stream_has_its_reason(void **state)
{
    (void)state;
    mem_open(false);
    LOCKED(sp_peer_reason(&conn->pipe.peer, SP_REASON_PROTOCOL, "bad record"));
    feed_text("one");
    MEM_SET(in_end, -EBADMSG);
    event(POLLIN);
    if (!atomic_load(&mem.n_closed))
        event(POLLIN);
    ended(SP_REASON_PROTOCOL);
    EXPECT("one");
}

static void a_reset_inside_a_large_message_is_told(void **state)
{
    (void)state;
    uint8_t head[SP_FRAME_HEAD_MAX];
    mem_open(false);
    feed(head, sp_frame_sp.head(head, 100000, 0));
    feed(big, 30000);
    event(POLLIN);
    MEM_SET(in_end, -ECONNRESET);
    event(POLLIN);
    ended(SP_REASON_TRUNCATED);
    assert_int_equal(receive(), -EAGAIN);
}

/* Each allocation on the way of a small message, a tail, a large body and what is behind. */
static void lack_of_memory_ends_it_and_keeps_what_was_whole(void **state)
{
    (void)state;
    big_fill();
    for (int nth = 1;; nth++) {
        uint8_t head[SP_FRAME_HEAD_MAX];
        sp_slab_flush();
        sock->rcv_buf = 1 << 22;
        mem_open(false);
        failing_set(nth);
        feed_text("one");
        feed("\0\0\0\0\0\0\0\3tw", 10);
        event(POLLIN);
        if (!atomic_load(&mem.n_closed)) {
            feed("o", 1);
            feed(head, sp_frame_sp.head(head, 200000, 0));
            feed(big, 60000);
            event(POLLIN);
        }
        if (!atomic_load(&mem.n_closed)) {
            feed(big + 60000, 140000);
            feed_text("four");
            while (!atomic_load(&mem.n_closed) && unread())
                event(POLLIN);
        }
        bool failed = failing_clear() >= nth;
        if (!failed)
            break;
        UNTIL(atomic_load(&mem.n_closed) == 1);
        assert_int_equal(stat_of(SP_ST_REASON + (int)SP_REASON_LIMIT), 1);
        int n = 0;
        while (receive() == 0)
            n++;
        assert_in_range(n, 0, 3);
        mem_teardown(NULL);
        mem_setup(NULL);
    }
    EXPECT("one");
    EXPECT("two");
    expect_big(200000, true);
    EXPECT("four");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM_TEST(many_messages_come_with_one_read),
        MEM_TEST(messages_may_be_cut_at_any_byte),
        MEM_TEST(messages_may_come_a_byte_at_a_time),
        MEM_TEST(readable_is_told_once_for_each_rise),
        MEM_TEST(a_peek_takes_nothing),
        MEM_TEST(what_is_received_is_counted),
        MEM_TEST(a_large_body_lies_in_a_chunk_of_its_own),
        MEM_TEST(a_large_body_may_come_in_pieces_of_any_size),
        MEM_TEST(memory_grows_with_bytes_received),
        MEM_TEST(a_length_above_the_limit_ends_it),
        MEM_TEST(no_limit_still_has_one),
        MEM_TEST(a_full_buffer_pauses_the_peer_until_half_is_taken),
        MEM_TEST(bytes_that_the_stream_holds_are_read_without_an_event),
        MEM_TEST(one_pipe_does_not_keep_the_loop_to_itself),
        MEM_TEST(an_error_of_the_stream_has_its_reason),
        MEM_TEST(a_reset_inside_a_large_message_is_told),
        MEM_TEST(lack_of_memory_ends_it_and_keeps_what_was_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
