/* SPDX-License-Identifier: MIT */
/* Receiving: what comes in frames goes up as private heads and bodies, whatever passes at once. */
#include "ws_support.h"

static uint8_t bytes[300000], out[400000], want[400000];

static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 7 + i / 251);
}

/* Reads until nothing comes, `room` bytes at a time. Gives what came; *end: how it ended. */
static size_t drain(struct side *s, size_t room, ssize_t *end)
{
    size_t have = 0;
    for (;;) {
        size_t n = room < sizeof out - have ? room : sizeof out - have;
        assert_true(n > 0);
        ssize_t got = get(s, out + have, n);
        if (got == -EAGAIN && server.st->ops->want(server.st) & POLLIN)
            continue; /* it lets others have their turn */
        if (got <= 0) {
            *end = got;
            assert_int_equal(server.st->ops->want(server.st) & POLLIN,
                             got == -EAGAIN ? 0 : POLLIN); /* nothing is left behind */
            return have;
        }
        have += (size_t)got;
    }
}

/* The private form of a message behind want[at..]; gives the new end. */
static size_t expect(size_t at, uint8_t type, const void *p, size_t n)
{
    at += sp_frame_ws.head(want + at, n, type);
    if (n)
        memcpy(want + at, p, n);
    return at + n;
}

static void came(size_t n, ssize_t end)
{
    ssize_t how = 0;
    assert_int_equal(drain(&server, sizeof out, &how), n);
    assert_memory_equal(out, want, n);
    assert_int_equal(how, end);
}

static void test_lengths(void **state)
{
    static const size_t lens[] = {0,    1,    7,     125,   126,   127,    4095,  4096,
                                  4097, 8192, 65535, 65536, 65537, 100000, 262144};
    (void)state;
    fill(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        wire_frame(&to_server, SP_WS_BINARY, true, bytes, lens[i]);
        came(expect(0, SP_WS_BINARY, bytes, lens[i]), -EAGAIN);
    }
}

/* One mixed conversation through every pair of small limits below and above. */
static void test_any_pieces(void **state)
{
    static const size_t cuts[] = {1, 2, 3, 5, 7, 8, 13, 64, 1000, 4096, 5000, 65536, 300000};
    size_t n = 0, k = sizeof cuts / sizeof *cuts;
    (void)state;
    fill(bytes, sizeof bytes);
    wire_frame(&to_server, SP_WS_BINARY, true, bytes, 0);
    wire_frame(&to_server, SP_WS_TEXT, true, "text", 4);
    wire_frame(&to_server, SP_WS_PING, true, "ping", 4);
    wire_frame(&to_server, SP_WS_BINARY, false, bytes, 300);
    wire_frame(&to_server, SP_WS_PONG, true, NULL, 0);
    wire_frame(&to_server, SP_WS_CONTINUATION, false, NULL, 0);
    wire_frame(&to_server, SP_WS_CONTINUATION, true, bytes + 300, 9000);
    wire_frame(&to_server, SP_WS_BINARY, true, bytes, 20000);
    wire_frame(&to_server, SP_WS_TEXT, true, NULL, 0);
    wire_frame(&to_server, SP_WS_CLOSE, true, NULL, 0);
    n = expect(n, SP_WS_BINARY, bytes, 0);
    n = expect(n, SP_WS_TEXT, "text", 4);
    n = expect(n, SP_WS_BINARY, bytes, 9300);
    n = expect(n, SP_WS_BINARY, bytes, 20000);
    n = expect(n, SP_WS_TEXT, NULL, 0);
    size_t all = to_server.len;
    for (size_t i = 0; i < k * k; i++) {
        void *none = NULL;
        ssize_t end;
        uint8_t *copy = sp_memdup(to_server.p, all);
        ws_teardown(&none);
        ws_open(&none);
        wire_put(&to_server, copy, all);
        sp_free(copy);
        to_server.chop = cuts[i / k];
        assert_int_equal(drain(&server, cuts[i % k], &end), n);
        assert_memory_equal(out, want, n);
        assert_int_equal(end, 0);
    }
}

static void test_the_client_unmasks_nothing(void **state)
{
    ssize_t end;
    (void)state;
    wire_frame(&to_client, SP_WS_BINARY, true, "plain", 5);
    size_t n = expect(0, SP_WS_BINARY, "plain", 5);
    assert_int_equal(get(&client, out, sizeof out), n);
    assert_memory_equal(out, want, n);
    to_client.end = true;
    end = get(&client, out, sizeof out);
    assert_int_equal(end, 0);
}

/* A large body lies where the caller wants it after one read. */
static void test_large_bodies_are_read_in_place(void **state)
{
    (void)state;
    fill(bytes, sizeof bytes);
    wire_frame(&to_server, SP_WS_BINARY, true, bytes, 250000);
    wire_frame(&to_server, SP_WS_BINARY, true, "next", 4);
    assert_int_equal(get(&server, out, 8), 8);
    assert_true(to_server.at < 70000);
    struct iovec v[2] = {{out, 250000}, {out + 250000, 4096}};
    size_t have = 0;
    while (have < 250012) {
        ssize_t n = server.st->ops->readv(server.st, v, 2);
        assert_true(n > 0);
        have += (size_t)n;
        for (size_t k = (size_t)n, i = 0; i < 2; i++) {
            size_t cut = k < v[i].iov_len ? k : v[i].iov_len;
            v[i].iov_base = (uint8_t *)v[i].iov_base + cut;
            v[i].iov_len -= cut;
            k -= cut;
        }
    }
    assert_memory_equal(out, bytes, 250000);
    assert_memory_equal(out + 250008, "next", 4);
}

/* ---- what ends it ---- */

/* The connection ends so, is told why, and the messages before it are handed up. */
static void ends(int code, enum sp_reason why)
{
    ssize_t end;
    size_t n = drain(&server, sizeof out, &end);
    assert_true(n == 0 || n == 8 || n == 9); /* a head, or "x" before it */
    assert_true(end == -EPROTO || end == -EMSGSIZE || end == -ECONNRESET);
    assert_int_equal(server.peer.reason, why);
    assert_int_equal(get(&server, out, 8), end);
    side_close(&server);
    assert_int_equal(closed_with(&to_client), code);
}

static void test_wrong_masks(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_BINARY, true, "x", 1);
    wire_text(&to_server, "\x82\x01x");
    ends(1002, SP_REASON_PROTOCOL);
}

static void test_a_masked_frame_from_a_server(void **state)
{
    (void)state;
    wire_put(&to_client, "\x82\x81\0\0\0\0x", 7);
    assert_int_equal(get(&client, out, 100), -EPROTO);
    side_close(&client);
    assert_int_equal(to_server.len, 8); /* a Close frame, masked */
    assert_memory_equal(to_server.p, "\x88\x82", 2);
    uint8_t code[2];
    sp_ws_mask(code, to_server.p + 6, 2, to_server.p + 2);
    assert_int_equal(code[0] << 8 | code[1], 1002);
}

static void test_a_continuation_of_nothing(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_BINARY, true, "x", 1);
    wire_frame(&to_server, SP_WS_CONTINUATION, true, "y", 1);
    ends(1002, SP_REASON_PROTOCOL);
}

static void test_a_message_inside_another(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_BINARY, false, "x", 1);
    wire_frame(&to_server, SP_WS_BINARY, true, "y", 1);
    ends(1002, SP_REASON_PROTOCOL);
}

static void test_too_many_empty_fragments(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_BINARY, false, "x", 1);
    for (int i = 0; i <= SP_WS_EMPTY_MAX; i++)
        wire_frame(&to_server, SP_WS_CONTINUATION, false, NULL, 0);
    ends(1002, SP_REASON_PROTOCOL);
}

static void test_empty_messages_are_none_of_these(void **state)
{
    ssize_t end;
    (void)state;
    for (int i = 0; i < 1000; i++)
        wire_frame(&to_server, SP_WS_BINARY, true, NULL, 0);
    assert_int_equal(drain(&server, sizeof out, &end), 8000);
    assert_int_equal(end, -EAGAIN);
}

static void test_too_long(void **state)
{
    (void)state;
    rcvmax = 100;
    wire_frame(&to_server, SP_WS_BINARY, true, bytes, 100);
    came(expect(0, SP_WS_BINARY, bytes, 100), -EAGAIN);
    wire_put(&to_server, "\x82\xe5\0\0\0\0", 6); /* 101 */
    ends(1009, SP_REASON_OVERSIZE);
}

static void test_too_long_in_fragments(void **state)
{
    (void)state;
    rcvmax = 100;
    wire_frame(&to_server, SP_WS_BINARY, false, bytes, 60);
    wire_frame(&to_server, SP_WS_CONTINUATION, true, bytes + 60, 40);
    came(expect(0, SP_WS_BINARY, bytes, 100), -EAGAIN);
    wire_frame(&to_server, SP_WS_BINARY, false, bytes, 60);
    wire_put(&to_server, "\x00\xa9\0\0\0\0", 6); /* 41 */
    ends(1009, SP_REASON_OVERSIZE);
}

static void test_the_limit_is_live_and_may_be_none(void **state)
{
    (void)state;
    rcvmax = -1;
    wire_frame(&to_server, SP_WS_BINARY, true, bytes, 200);
    came(expect(0, SP_WS_BINARY, bytes, 200), -EAGAIN);
    wire_put(&to_server, "\x82\xff\x40\0\0\0\0\0\0\0\0\0\0\0", 14); /* 2^62 */
    ends(1009, SP_REASON_OVERSIZE);
}

static void test_text_that_is_none(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_TEXT, true, "good\xff", 5);
    ends(1007, SP_REASON_PROTOCOL);
}

static void test_text_cut_off(void **state)
{
    ssize_t end;
    (void)state;
    wire_frame(&to_server, SP_WS_TEXT, true, "\xe2\x82", 2);
    size_t n = drain(&server, sizeof out, &end);
    assert_int_equal(n, 8); /* the head, but never the whole body */
    assert_int_equal(end, -EPROTO);
    side_close(&server);
    assert_int_equal(closed_with(&to_client), 1007);
}

/* libnanomsg refuses this; the RFC does not. */
static void test_a_character_over_two_fragments(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_TEXT, false, "\xe2", 1);
    wire_frame(&to_server, SP_WS_CONTINUATION, true, "\x82\xac", 2);
    came(expect(0, SP_WS_TEXT, "\xe2\x82\xac", 3), -EAGAIN);
}

static void test_text_cut_off_in_fragments(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_TEXT, false, "\xe2", 1);
    wire_frame(&to_server, SP_WS_CONTINUATION, true, NULL, 0);
    ends(1007, SP_REASON_PROTOCOL);
}

/* Told while the rest is still on its way. */
static void test_a_large_text_that_is_none(void **state)
{
    ssize_t end;
    (void)state;
    memset(bytes, 'a', sizeof bytes);
    bytes[150000] = 0xfe;
    wire_frame(&to_server, SP_WS_TEXT, true, bytes, 200000);
    size_t n = drain(&server, sizeof out, &end);
    assert_true(n < 8 + 150000);
    assert_int_equal(end, -EPROTO);
}

static void test_binary_may_be_anything(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_BINARY, true, "\xff\xfe", 2);
    came(expect(0, SP_WS_BINARY, "\xff\xfe", 2), -EAGAIN);
}

/* ---- Close ---- */

static void closes(const char *body, size_t n, int code, ssize_t how)
{
    ssize_t end;
    wire_frame(&to_server, SP_WS_CLOSE, true, body, n);
    wire_frame(&to_server, SP_WS_BINARY, true, "after", 5);
    assert_int_equal(drain(&server, sizeof out, &end), 0);
    assert_int_equal(end, how);
    assert_int_equal(get(&server, out, 8), how);
    side_close(&server);
    assert_int_equal(closed_with(&to_client), code);
}

static void test_close(void **state)
{
    (void)state;
    closes("\x03\xe9going away", 12, 1001, 0);
}

static void test_close_without_a_code(void **state)
{
    (void)state;
    closes(NULL, 0, 1000, 0);
}

static void test_close_with_half_a_code(void **state)
{
    (void)state;
    closes("x", 1, 1002, -EPROTO);
}

static void test_close_with_a_forbidden_code(void **state)
{
    (void)state;
    closes("\x03\xed", 2, 1002, -EPROTO);
}

static void test_close_with_words_that_are_none(void **state)
{
    (void)state;
    closes("\x03\xe8\xff", 3, 1007, -EPROTO);
}

static void test_close_between_fragments(void **state)
{
    (void)state;
    wire_frame(&to_server, SP_WS_BINARY, false, "x", 1);
    wire_frame(&to_server, SP_WS_CLOSE, true, NULL, 0);
    ends(1000, SP_REASON_TRUNCATED);
}

/* The end without a Close frame: good between messages, a break inside. */
static void test_ends_of_the_stream(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        ssize_t end;
    } rows[] = {{"", 0, 0},
                {"\x82", 1, -ECONNRESET},
                {"\x82\x82\0\0\0\0x", 7, -ECONNRESET},
                {"\x02\x81\0\0\0\0x", 7, -ECONNRESET},
                {"\x89\x81\0\0\0\0", 6, -ECONNRESET}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *none = NULL;
        ssize_t end;
        ws_teardown(&none);
        ws_open(&none);
        wire_put(&to_server, rows[i].bytes, rows[i].n);
        to_server.end = true;
        (void)drain(&server, sizeof out, &end);
        assert_int_equal(end, rows[i].end);
        assert_int_equal(server.peer.reason, end ? SP_REASON_TRUNCATED : SP_REASON_NONE);
    }
}

/* A flood of frames that bring nothing does not keep the thread. */
static void test_others_have_their_turn(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++)
        wire_frame(&to_server, SP_WS_PONG, true, NULL, 0);
    to_server.chop = 6000;
    assert_int_equal(get(&server, out, sizeof out), -EAGAIN);
    assert_true(to_server.at < 100000);
    assert_true(server.st->ops->want(server.st) & POLLIN);
}

/* Each allocation fails in turn: the connection ends, or all comes. */
static void test_no_memory(void **state)
{
    (void)state;
    fill(bytes, sizeof bytes);
    for (int nth = 1;; nth++) {
        void *none = NULL;
        ssize_t end;
        ws_teardown(&none);
        ws_open(&none);
        wire_frame(&to_server, SP_WS_BINARY, false, bytes, 3000);
        wire_frame(&to_server, SP_WS_CONTINUATION, true, bytes + 3000, 3000);
        wire_put(&to_server, "\x82", 1);
        failing_set(nth);
        size_t n = drain(&server, 100, &end);
        if (failing_clear() < nth) {
            assert_int_equal(n, 6008);
            assert_int_equal(end, -EAGAIN);
            break;
        }
        assert_int_equal(end, -ENOMEM);
        assert_int_equal(server.peer.reason, SP_REASON_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPEN_TEST(test_lengths),
        OPEN_TEST(test_any_pieces),
        OPEN_TEST(test_the_client_unmasks_nothing),
        OPEN_TEST(test_large_bodies_are_read_in_place),
        OPEN_TEST(test_wrong_masks),
        OPEN_TEST(test_a_masked_frame_from_a_server),
        OPEN_TEST(test_a_continuation_of_nothing),
        OPEN_TEST(test_a_message_inside_another),
        OPEN_TEST(test_too_many_empty_fragments),
        OPEN_TEST(test_empty_messages_are_none_of_these),
        OPEN_TEST(test_too_long),
        OPEN_TEST(test_too_long_in_fragments),
        OPEN_TEST(test_the_limit_is_live_and_may_be_none),
        OPEN_TEST(test_text_that_is_none),
        OPEN_TEST(test_text_cut_off),
        OPEN_TEST(test_a_character_over_two_fragments),
        OPEN_TEST(test_text_cut_off_in_fragments),
        OPEN_TEST(test_a_large_text_that_is_none),
        OPEN_TEST(test_binary_may_be_anything),
        OPEN_TEST(test_close),
        OPEN_TEST(test_close_without_a_code),
        OPEN_TEST(test_close_with_half_a_code),
        OPEN_TEST(test_close_with_a_forbidden_code),
        OPEN_TEST(test_close_with_words_that_are_none),
        OPEN_TEST(test_close_between_fragments),
        OPEN_TEST(test_ends_of_the_stream),
        OPEN_TEST(test_others_have_their_turn),
        OPEN_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("ws_rx", tests, NULL, NULL);
}
