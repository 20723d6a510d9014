/* SPDX-License-Identifier: MIT */
/* The handshake: greetings above, HTTP below, in any pieces; refusals. */
#include "ws_support.h"
#include <nanomsg/bus.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/survey.h>

#define REQUEST                                                                                    \
    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                 \
    "Sec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n\r\n"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(sp_ws_subprotocol(NN_PAIR), "pair.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_REQ), "req.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_REP), "rep.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_PUB), "pub.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_SUB), "sub.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_PUSH), "push.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_PULL), "pull.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_SURVEYOR), "surveyor.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_RESPONDENT), "respondent.sp.nanomsg.org");
    assert_string_equal(sp_ws_subprotocol(NN_BUS), "bus.sp.nanomsg.org");
    assert_null(sp_ws_subprotocol(7));
}

/* Nothing is said by the server before it was greeted from above, and nothing read beyond. */
static void test_in_turn(void **state)
{
    (void)state;
    assert_int_equal(get_greeting(&server), -EAGAIN);
    assert_int_equal(put_greeting(&client, NN_REQ), 8);
    to_server.p[to_server.len] = 0;
    assert_non_null(strstr((char *)to_server.p, "GET /path?query HTTP/1.1\r\nHost: host:80\r\n"));
    assert_non_null(strstr((char *)to_server.p, "Sec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n"));
    assert_int_equal(get_greeting(&client), -EAGAIN);
    assert_int_equal(get_greeting(&server), NN_REQ);
    assert_int_equal(to_client.len, 0);
    assert_int_equal(put_greeting(&server, NN_REP), 8);
    assert_memory_equal(to_client.p, "HTTP/1.1 101 ", 13);
    assert_int_equal(get_greeting(&client), NN_REP);
    assert_int_equal(server.st->ops->want(server.st) | client.st->ops->want(client.st), 0);
}

/* Byte by byte below and above. */
static void test_in_pieces(void **state)
{
    uint8_t g[8];
    size_t have = 0;
    (void)state;
    assert_int_equal(put_greeting(&client, NN_REQ), 8);
    size_t all = to_server.len;
    to_server.chop = 1;
    for (to_server.len = 1; to_server.len < all; to_server.len++)
        assert_int_equal(get(&server, g, 8), -EAGAIN);
    while (have < 8) {
        ssize_t n = get(&server, g + have, 1);
        assert_int_equal(n, 1);
        have++;
    }
    assert_int_equal(sp_frame_ws.greeted(g), NN_REQ);
}

/* What follows the handshake at once is not lost. */
static void test_frames_right_behind(void **state)
{
    uint8_t m[16];
    (void)state;
    wire_text(&to_server, REQUEST);
    wire_frame(&to_server, SP_WS_BINARY, true, "early", 5);
    assert_int_equal(get_greeting(&server), NN_REQ);
    assert_true(server.st->ops->want(server.st) & POLLIN);
    assert_int_equal(get(&server, m, sizeof m), 13);
    assert_memory_equal(m, "\2\0\0\0\0\0\0\5early", 13);
    assert_false(server.st->ops->want(server.st) & POLLIN);
}

static void refused_with(const char *text, const char *line)
{
    wire_text(&to_server, text);
    assert_int_equal(get_greeting(&server), -EPROTO);
    assert_int_equal(server.peer.reason, SP_REASON_PROTOCOL);
    assert_int_equal(get_greeting(&server), -EPROTO); /* and stays so */
    assert_int_equal(to_client.len, 0);
    side_close(&server);
    assert_int_equal(server.below.closed, 1);
    to_client.p[to_client.len] = 0;
    assert_memory_equal(to_client.p, line, strlen(line));
    assert_non_null(strstr((char *)to_client.p, server.peer.detail));
    assert_int_equal(to_client.finished, 1);
}

static void test_not_http(void **state)
{
    (void)state;
    refused_with("hello\n", "HTTP/1.1 400 ");
}

static void test_a_wrong_request(void **state)
{
    (void)state;
    refused_with("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
}

static void test_too_long_a_request(void **state)
{
    static char text[SP_HTTP_MAX + 100];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    refused_with(text, "HTTP/1.1 431 ");
    assert_true(to_server.at <= SP_HTTP_MAX);
}

/* The protocol above does not want the peer. */
static void test_busy(void **state)
{
    (void)state;
    wire_text(&to_server, REQUEST);
    assert_int_equal(get_greeting(&server), NN_REQ);
    side_close(&server);
    assert_memory_equal(to_client.p, "HTTP/1.1 503 ", 13);
}

static void test_nothing_to_say_to_the_silent(void **state)
{
    (void)state;
    assert_int_equal(get_greeting(&server), -EAGAIN);
    side_close(&server);
    side_close(&client);
    assert_int_equal(to_client.len + to_server.len, 0);
}

static void test_the_end_before_the_request_is_whole(void **state)
{
    (void)state;
    wire_text(&to_server, "GET / HT");
    to_server.end = true;
    assert_int_equal(get_greeting(&server), 0);
}

static void test_the_server_refuses(void **state)
{
    (void)state;
    assert_int_equal(put_greeting(&client, NN_REQ), 8);
    wire_text(&to_client, "HTTP/1.1 404 Not Found\r\n");
    assert_int_equal(get_greeting(&client), -ECONNREFUSED);
    assert_int_equal(client.peer.reason, SP_REASON_REFUSED);
    assert_string_equal(client.peer.detail, "the server says 404 Not Found");
    size_t said = to_server.len;
    side_close(&client);
    assert_int_equal(to_server.len, said);
}

static void test_a_wrong_answer(void **state)
{
    (void)state;
    assert_int_equal(put_greeting(&client, NN_REQ), 8);
    wire_text(&to_client, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    assert_int_equal(get_greeting(&client), -EPROTO);
    assert_int_equal(client.peer.reason, SP_REASON_PROTOCOL);
}

/* Keys are fresh, and an answer fits one key only. */
static void test_an_answer_to_another(void **state)
{
    struct side first;
    (void)state;
    greet();
    first = client;
    assert_int_equal(side_new(&client, true, &below_plain), 0);
    assert_int_equal(put_greeting(&client, NN_REQ), 8);
    to_client.at = 0;
    assert_int_equal(get_greeting(&client), -EPROTO);
    assert_string_equal(client.peer.detail, "wrong Sec-WebSocket-Accept");
    first.st->next = &first.below.st; /* it was moved */
    side_close(&first);
}

/* The layer below has a handshake of its own, and keys. */
static void test_over_a_layer_with_a_handshake(void **state)
{
    (void)state;
    side_close(&client);
    assert_null(server.st->ops->start);
    assert_null(server.st->ops->rekey);
    assert_int_equal(side_new(&client, true, &below_shy), 0);
    client.below.start_rc = -EAGAIN;
    assert_int_equal(client.st->ops->start(client.st), -EAGAIN);
    client.below.start_rc = -EACCES;
    assert_int_equal(client.st->ops->start(client.st), -EACCES);
    client.below.start_rc = 0;
    assert_int_equal(client.st->ops->start(client.st), 0);
    client.below.start_rc = -EPROTO;
    assert_int_equal(client.st->ops->start(client.st), 0); /* asked no more */
    greet();
    assert_int_equal(client.st->ops->rekey(client.st, 1), 0);
    assert_int_equal(client.below.rekeys, 2);
}

static void test_closed_before_the_handshake_below(void **state)
{
    (void)state;
    side_close(&server);
    assert_int_equal(side_new(&server, false, &below_shy), 0);
    side_close(&server);
    assert_int_equal(server.below.closed, 1);
    assert_int_equal(to_client.len, 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (int nth = 1;; nth++) {
        side_close(&server);
        failing_set(nth);
        int rc = side_new(&server, false, &below_plain);
        if (failing_clear() < nth) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(server.below.closed, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        WS_TEST(test_in_turn),
        WS_TEST(test_in_pieces),
        WS_TEST(test_frames_right_behind),
        WS_TEST(test_not_http),
        WS_TEST(test_a_wrong_request),
        WS_TEST(test_too_long_a_request),
        WS_TEST(test_busy),
        WS_TEST(test_nothing_to_say_to_the_silent),
        WS_TEST(test_the_end_before_the_request_is_whole),
        WS_TEST(test_the_server_refuses),
        WS_TEST(test_a_wrong_answer),
        WS_TEST(test_an_answer_to_another),
        WS_TEST(test_over_a_layer_with_a_handshake),
        WS_TEST(test_closed_before_the_handshake_below),
        WS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("ws_hello", tests, NULL, NULL);
}
