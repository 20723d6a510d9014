/* SPDX-License-Identifier: MIT */
/* Sending: private heads and bodies become frames, whatever passes at once; pongs, the end. */
#include "ws_support.h"

static uint8_t said[400000];

/* The private form of a message in said; gives its bytes. */
static size_t say(uint8_t type, const void *p, size_t n)
{
    size_t at = sp_frame_ws.head(said, n, type);
    if (n)
        memcpy(said + at, p, n);
    return at + n;
}

/* Checks that a frame lies at w->at, and moves on. */
static void frame_came(struct wire *w, int opcode, const void *p, size_t n)
{
    struct sp_ws_head h;
    ssize_t k = sp_ws_head_parse(w->p + w->at, w->len - w->at, &h);
    assert_true(k > 0);
    assert_int_equal(h.opcode, opcode);
    assert_true(h.fin);
    assert_int_equal(h.masked, w == &to_server);
    assert_int_equal(h.len, n);
    uint8_t *body = w->p + w->at + k;
    assert_true(n <= w->len - w->at - (size_t)k);
    sp_ws_mask(body, body, n, h.mask);
    if (n)
        assert_memory_equal(body, p, n);
    w->at += (size_t)k + n;
}

static void nothing_more(const struct wire *w)
{
    assert_int_equal(w->at, w->len);
}

static void test_types(void **state)
{
    (void)state;
    ws_of(&server)->args.type = SP_WS_TEXT;
    assert_int_equal(put(&server, said, say(0, "default", 7)), 15);
    assert_int_equal(put(&server, said, say(SP_WS_BINARY, "binary", 6)), 14);
    assert_int_equal(put(&client, said, say(SP_WS_TEXT, "text", 4)), 12);
    frame_came(&to_client, SP_WS_TEXT, "default", 7);
    frame_came(&to_client, SP_WS_BINARY, "binary", 6);
    frame_came(&to_server, SP_WS_TEXT, "text", 4);
    nothing_more(&to_client);
}

static void lengths(struct side *s, struct wire *w)
{
    static const size_t lens[] = {0,    1,    125,   126,   127,   4095,  4096,  4097,
                                  8192, 9000, 57344, 65535, 65536, 70000, 300000};
    static uint8_t body[300000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 3 + i / 256);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        size_t n = say(0, body, lens[i]);
        assert_int_equal(put(s, said, n), n);
        frame_came(w, SP_WS_BINARY, body, lens[i]);
        nothing_more(w);
    }
}

static void test_lengths_of_the_server(void **state)
{
    (void)state;
    lengths(&server, &to_client);
}

static void test_lengths_of_the_client(void **state)
{
    (void)state;
    lengths(&client, &to_server);
}

/* Masks differ from frame to frame, and a long message has one only. */
static void test_masks_are_fresh(void **state)
{
    uint8_t masks[40][4];
    (void)state;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(put(&client, said, say(0, "abc", 3)), 11);
        memcpy(masks[i], to_server.p + to_server.at + 2, 4);
        frame_came(&to_server, SP_WS_BINARY, "abc", 3);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(masks[i], masks[k], 4);
    }
}

/* A server's long bodies leave in the write that takes their head, and are not copied. */
static void test_long_bodies_leave_at_once(void **state)
{
    static uint8_t body[200000];
    uint8_t head[8];
    (void)state;
    (void)sp_frame_ws.head(head, sizeof body, 0);
    struct iovec v[2] = {{head, 8}, {body, sizeof body}};
    assert_int_equal(server.st->ops->writev(server.st, v, 2), 8 + sizeof body);
    assert_int_equal(to_client.writes, 1);
    frame_came(&to_client, SP_WS_BINARY, body, sizeof body);
}

static void test_short_messages_leave_together(void **state)
{
    struct iovec v[20];
    uint8_t m[10];
    (void)state;
    (void)sp_frame_ws.head(m, 2, 0);
    memcpy(m + 8, "hi", 2);
    for (int i = 0; i < 20; i++)
        v[i] = (struct iovec){m, sizeof m};
    assert_int_equal(client.st->ops->writev(client.st, v, 20), 200);
    assert_int_equal(to_server.writes, 1);
    for (int i = 0; i < 20; i++)
        frame_came(&to_server, SP_WS_BINARY, "hi", 2);
    nothing_more(&to_server);
}

/* Sends said[0..n) in writes of `cut` bytes while the wire takes `room` at a time. */
static void send_slowly(struct side *s, struct wire *w, size_t n, size_t cut, size_t room)
{
    size_t at = 0;
    w->room = 0;
    while (at < n || s->st->ops->want(s->st) & POLLOUT) {
        size_t k = n - at < cut ? n - at : cut;
        ssize_t rc = k ? put(s, said + at, k) : s->st->ops->writev(s->st, NULL, 0);
        assert_true(rc >= 0 || rc == -EAGAIN);
        if (rc > 0)
            at += (size_t)rc;
        else
            w->room = room;
    }
}

static void any_pieces(struct side *s, struct wire *w)
{
    static const size_t cuts[] = {1, 3, 8, 100, 5000, 70000};
    static uint8_t body[20000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 5 + i / 253);
    for (size_t i = 0; i < 36; i++) {
        wire_reset(w);
        send_slowly(s, w, say(0, body, sizeof body), cuts[i / 6], cuts[i % 6]);
        send_slowly(s, w, say(SP_WS_TEXT, "tail", 4), cuts[i / 6], cuts[i % 6]);
        frame_came(w, SP_WS_BINARY, body, sizeof body);
        frame_came(w, SP_WS_TEXT, "tail", 4);
        nothing_more(w);
    }
}

static void test_any_pieces_of_the_server(void **state)
{
    (void)state;
    any_pieces(&server, &to_client);
}

static void test_any_pieces_of_the_client(void **state)
{
    (void)state;
    any_pieces(&client, &to_server);
}

/* ---- pongs ---- */

static void ping(const char *text)
{
    uint8_t none[8];
    wire_frame(&to_server, SP_WS_PING, true, text, strlen(text));
    assert_int_equal(get(&server, none, 8), -EAGAIN);
}

static void test_pong(void **state)
{
    (void)state;
    ping("here?");
    assert_int_equal(to_client.len, 0);
    assert_int_equal(server.st->ops->want(server.st), POLLOUT);
    assert_int_equal(server.st->ops->writev(server.st, NULL, 0), 0);
    assert_int_equal(server.st->ops->want(server.st), 0);
    frame_came(&to_client, SP_WS_PONG, "here?", 5);
    nothing_more(&to_client);
}

static void test_one_pong_for_many_pings(void **state)
{
    (void)state;
    to_client.room = 0;
    for (int i = 0; i < 1000; i++)
        ping("old");
    ping("new");
    to_client.room = WIRE_BYTES;
    assert_int_equal(server.st->ops->writev(server.st, NULL, 0), 0);
    frame_came(&to_client, SP_WS_PONG, "new", 3);
    nothing_more(&to_client);
}

/* Never inside a frame. */
static void test_pong_waits_for_the_end_of_a_message(void **state)
{
    (void)state;
    size_t n = say(0, "0123456789", 10);
    assert_int_equal(put(&server, said, n - 5), n - 5);
    ping("p");
    assert_int_equal(server.st->ops->writev(server.st, NULL, 0), 0);
    assert_int_equal(put(&server, said + n - 5, 5), 5);
    assert_int_equal(server.st->ops->writev(server.st, NULL, 0), 0);
    frame_came(&to_client, SP_WS_BINARY, "0123456789", 10);
    frame_came(&to_client, SP_WS_PONG, "p", 1);
    nothing_more(&to_client);
}

/* ---- the end ---- */

static void test_finish(void **state)
{
    (void)state;
    assert_int_equal(server.st->ops->finish(server.st), 0);
    frame_came(&to_client, SP_WS_CLOSE, "\x03\xe8", 2);
    nothing_more(&to_client);
    assert_int_equal(to_client.finished, 1);
    assert_int_equal(put(&server, said, say(0, "late", 4)), -EPIPE);
    side_close(&server);
    nothing_more(&to_client); /* said once */
}

static void test_finish_of_the_client_is_masked(void **state)
{
    (void)state;
    assert_int_equal(client.st->ops->finish(client.st), 0);
    frame_came(&to_server, SP_WS_CLOSE, "\x03\xe8", 2);
}

/* What was staged goes first, and the end waits for it. */
static void test_finish_waits(void **state)
{
    (void)state;
    to_client.room = 3;
    assert_int_equal(put(&server, said, say(0, "staged", 6)), 14);
    assert_int_equal(server.st->ops->want(server.st), POLLOUT);
    assert_int_equal(server.st->ops->finish(server.st), -EAGAIN);
    assert_int_equal(to_client.finished, 0);
    to_client.room = 6;
    assert_int_equal(server.st->ops->finish(server.st), -EAGAIN);
    assert_int_equal(to_client.finished, 0);
    to_client.room = WIRE_BYTES;
    assert_int_equal(server.st->ops->finish(server.st), 0);
    assert_int_equal(to_client.finished, 1);
    frame_came(&to_client, SP_WS_BINARY, "staged", 6);
    frame_came(&to_client, SP_WS_CLOSE, "\x03\xe8", 2);
    nothing_more(&to_client);
}

/* A Close frame would lie inside another frame. */
static void test_no_last_words_inside_a_frame(void **state)
{
    uint8_t none[8];
    (void)state;
    size_t n = say(0, "0123456789", 10);
    assert_int_equal(put(&server, said, n - 5), n - 5);
    size_t len = to_client.len;
    wire_text(&to_server, "\xff");
    assert_int_equal(get(&server, none, 8), -EPROTO);
    side_close(&server);
    assert_int_equal(to_client.len, len);
}

static void test_no_memory(void **state)
{
    (void)state;
    failing_set(1);
    sp_slab_flush();
    assert_int_equal(put(&server, said, say(0, "x", 1)), -ENOMEM);
    assert_int_equal(failing_clear(), 1);
    assert_int_equal(put(&server, said, say(0, "y", 1)), 9); /* nothing had happened */
    frame_came(&to_client, SP_WS_BINARY, "y", 1);
    nothing_more(&to_client);
}

static void test_finish_without_memory(void **state)
{
    (void)state;
    failing_set(1);
    sp_slab_flush();
    assert_int_equal(server.st->ops->finish(server.st), 0);
    assert_int_equal(failing_clear(), 1);
    assert_int_equal(to_client.finished, 1);
    nothing_more(&to_client);
}

static ssize_t broken(struct sp_stream *s, const struct iovec *iov, int n)
{
    (void)s, (void)iov;
    return n ? -EPIPE : 0;
}

static void test_errors_below_stay(void **state)
{
    struct sp_stream_ops ops = below_plain;
    (void)state;
    ops.writev = broken;
    server.below.st.ops = &ops;
    assert_int_equal(put(&server, said, say(0, "x", 1)), -EPIPE);
    server.below.st.ops = &below_plain;
    assert_int_equal(put(&server, said, say(0, "x", 1)), -EPIPE);
    assert_int_equal(server.st->ops->finish(server.st), -EPIPE);
    nothing_more(&to_client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPEN_TEST(test_types),
        OPEN_TEST(test_lengths_of_the_server),
        OPEN_TEST(test_lengths_of_the_client),
        OPEN_TEST(test_masks_are_fresh),
        OPEN_TEST(test_long_bodies_leave_at_once),
        OPEN_TEST(test_short_messages_leave_together),
        OPEN_TEST(test_any_pieces_of_the_server),
        OPEN_TEST(test_any_pieces_of_the_client),
        OPEN_TEST(test_pong),
        OPEN_TEST(test_one_pong_for_many_pings),
        OPEN_TEST(test_pong_waits_for_the_end_of_a_message),
        OPEN_TEST(test_finish),
        OPEN_TEST(test_finish_of_the_client_is_masked),
        OPEN_TEST(test_finish_waits),
        OPEN_TEST(test_no_last_words_inside_a_frame),
        OPEN_TEST(test_no_memory),
        OPEN_TEST(test_finish_without_memory),
        OPEN_TEST(test_errors_below_stay),
    };
    return cmocka_run_group_tests_name("ws_tx", tests, NULL, NULL);
}
