/* SPDX-License-Identifier: MIT */
/* Requests and answers of the handshake, each rule with what keeps and what breaks it. */
#include "base.h"
#include "transports/ws/http.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE "GET /x HTTP/1.1\r\n"
#define HOST "Host: h\r\n"
#define UP   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VER  "Sec-WebSocket-Version: 13\r\n"
#define SUB  "Sec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n"
#define END  "\r\n"

static struct sp_http h;

/* The status that a request gets; 0: it is good. */
static int status(const char *text)
{
    size_t n = strlen(text);
    h = (struct sp_http){.subprotocol = "rep.sp.nanomsg.org"};
    assert_int_equal(sp_http_scan((const uint8_t *)text, n), (ssize_t)n);
    int rc = sp_http_request(&h, (const uint8_t *)text, n);
    assert_int_equal(rc, h.status ? -EPROTO : 0);
    assert_int_equal(h.words[0] != 0, rc < 0);
    return h.status;
}

static void test_good_request(void **state)
{
    (void)state;
    assert_int_equal(status(LINE HOST UP KEY VER SUB END), 0);
    assert_string_equal(h.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_string_equal(h.subprotocol, "rep.sp.nanomsg.org");
}

static void test_request_lines(void **state)
{
    (void)state;
    assert_int_equal(status("GET / HTTP/1.1\r\n" HOST UP KEY VER SUB END), 0);
    assert_int_equal(status("GET http://h/x?y HTTP/1.1\r\n" HOST UP KEY VER SUB END), 0);
    assert_int_equal(status("GET / HTTP/1.2\r\n" HOST UP KEY VER SUB END), 0);
    assert_int_equal(status("GET / HTTP/1.0\r\n" HOST UP KEY VER SUB END), 505);
    assert_int_equal(status("GET / HTTP/2.0\r\n" HOST UP KEY VER SUB END), 505);
    assert_int_equal(status("POST / HTTP/1.1\r\n" HOST UP KEY VER SUB END), 405);
    assert_int_equal(status("get / HTTP/1.1\r\n" HOST UP KEY VER SUB END), 405);
    assert_int_equal(status("GET /\r\n" HOST UP KEY VER SUB END), 400);
    assert_int_equal(status("GET  / HTTP/1.1\r\n" HOST UP KEY VER SUB END), 400);
    assert_int_equal(status("GET / x HTTP/1.1\r\n" HOST UP KEY VER SUB END), 400);
    assert_int_equal(status("GET / HTTP/1.1 \r\n" HOST UP KEY VER SUB END), 400);
    assert_int_equal(status(" GET / HTTP/1.1\r\n" HOST UP KEY VER SUB END), 400);
    assert_int_equal(status("\r\n\r\n"), 400);
}

static void test_what_is_required(void **state)
{
    (void)state;
    assert_int_equal(status(LINE UP KEY VER SUB END), 400);
    assert_int_equal(status(LINE HOST KEY VER SUB END), 426);
    assert_int_equal(status(LINE HOST "Upgrade: websocket\r\n" KEY VER SUB END), 426);
    assert_int_equal(status(LINE HOST "Connection: upgrade\r\n" KEY VER SUB END), 426);
    assert_int_equal(status(LINE HOST UP VER SUB END), 400);
    assert_int_equal(status(LINE HOST UP KEY SUB END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER END), 400);
}

static void test_what_may_come_once(void **state)
{
    (void)state;
    assert_int_equal(status(LINE HOST HOST UP KEY VER SUB END), 400);
    assert_int_equal(status(LINE HOST UP KEY KEY VER SUB END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER VER SUB END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER SUB SUB END), 0); /* a list may be spread */
}

static void test_lists(void **state)
{
    (void)state;
    assert_int_equal(
        status(LINE HOST
               "Upgrade: h2c, WebSocket\r\nConnection: keep-alive ,uPgrade\r\n" KEY VER SUB END),
        0);
    assert_int_equal(status(LINE HOST "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: a\r\n"
                                      "Connection:upgrade\r\n" KEY VER SUB END),
                     0);
    assert_int_equal(
        status(LINE HOST "Upgrade: websockets\r\nConnection: upgrade\r\n" KEY VER SUB END), 426);
    assert_int_equal(
        status(LINE HOST "Upgrade: websocket\r\nConnection: notupgrade\r\n" KEY VER SUB END), 426);
    assert_int_equal(
        status(LINE HOST UP KEY VER "Sec-WebSocket-Protocol: a, REP.sp.nanomsg.org,,b\r\n" END), 0);
    assert_string_equal(h.subprotocol, "REP.sp.nanomsg.org"); /* as the client spells it */
    assert_int_equal(
        status(LINE HOST UP KEY VER "Sec-WebSocket-Protocol: req.sp.nanomsg.org\r\n" END), 400);
    assert_int_equal(
        status(LINE HOST UP KEY VER "Sec-WebSocket-Protocol: rep.sp.nanomsg.orgy\r\n" END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER "Sec-WebSocket-Protocol: \r\n" END), 400);
}

static void test_versions(void **state)
{
    (void)state;
    assert_int_equal(status(LINE HOST UP KEY "Sec-WebSocket-Version: 8\r\n" SUB END), 426);
    assert_int_equal(status(LINE HOST UP KEY "Sec-WebSocket-Version: 013\r\n" SUB END), 426);
    assert_int_equal(status(LINE HOST UP KEY "Sec-WebSocket-Version: \t13 \r\n" SUB END), 0);
}

static void test_headers(void **state)
{
    (void)state;
    assert_int_equal(status(LINE HOST UP KEY VER SUB "no colon\r\n" END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER SUB ": no name\r\n" END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER SUB "space : x\r\n" END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER SUB "a: b\r\n folded: c\r\n" END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER SUB "\tfolded\r\n" END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER SUB "x:\r\ny: :::\r\nOrigin: null\r\n" END), 0);
}

static void test_no_body(void **state)
{
    (void)state;
    assert_int_equal(status(LINE HOST UP KEY VER SUB "Content-Length: 5\r\n" END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER SUB "Transfer-Encoding: chunked\r\n" END), 400);
    assert_int_equal(status(LINE HOST UP KEY VER SUB "Content-Length: 0\r\n" END), 0);
}

static void test_number_of_headers(void **state)
{
    static char text[4096];
    (void)state;
    for (int more = 55; more <= 60; more++) { /* and six above */
        snprintf(text, sizeof text, LINE HOST UP KEY VER SUB);
        for (int i = 0; i < more; i++)
            strncat(text, "a: b\r\n", 7);
        strncat(text, END, 3);
        assert_int_equal(status(text), more + 6 <= SP_HTTP_HEADERS ? 0 : 431);
    }
}

static ssize_t scan(const char *p, size_t n)
{
    return sp_http_scan((const uint8_t *)p, n);
}
#define SCAN(text) scan(text, sizeof(text) - 1)

static void test_scan(void **state)
{
    (void)state;
    assert_int_equal(SCAN(""), 0);
    assert_int_equal(SCAN("a\r\nb\r\n\r"), 0);
    assert_int_equal(SCAN("a\r\nb\r\n\r\n"), 8);
    assert_int_equal(SCAN("a\r\n\r\nrest\n"), 5);
    assert_int_equal(SCAN("a\n"), -EPROTO);
    assert_int_equal(SCAN("a\rb"), -EPROTO);
    assert_int_equal(SCAN("a\r\r\n"), -EPROTO);
    assert_int_equal(SCAN("a\0b"), -EPROTO);
    assert_int_equal(SCAN("\x16\x03\x01"), -EPROTO); /* TLS */
    assert_int_equal(SCAN("\0SP\0"), -EPROTO);
    assert_int_equal(SCAN("a\x7f"), -EPROTO);
    assert_int_equal(SCAN("\xc3\xa9\tx\r\n\r\n"), 8);
}

static void test_scan_ends(void **state)
{
    static char text[SP_HTTP_MAX + 10];
    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(scan(text, SP_HTTP_MAX - 1), 0);
    assert_int_equal(scan(text, SP_HTTP_MAX), -EMSGSIZE);
    assert_int_equal(scan(text, SP_HTTP_MAX + 1), -EMSGSIZE);
    memcpy(text + SP_HTTP_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(scan(text, SP_HTTP_MAX), SP_HTTP_MAX);
}

/* ---- answers ---- */

#define OK101  "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static int answered(const char *text)
{
    h = (struct sp_http){.subprotocol = "rep.sp.nanomsg.org",
                         .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="};
    return sp_http_answer(&h, (const uint8_t *)text, strlen(text));
}

static void test_good_answer(void **state)
{
    (void)state;
    assert_int_equal(answered(OK101 UP ACCEPT SUB END), 0);
    assert_int_equal(answered("HTTP/1.1 101 \r\n" UP ACCEPT SUB END), 0);
    assert_int_equal(answered("HTTP/1.1 101\r\n" UP ACCEPT SUB END), 0);
}

static void test_answer_in_parts(void **state)
{
    const char *text = OK101 UP ACCEPT SUB END;
    (void)state;
    for (size_t n = 0; n < strlen(text); n++) {
        h = (struct sp_http){.subprotocol = "rep.sp.nanomsg.org",
                             .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="};
        assert_int_equal(sp_http_answer(&h, (const uint8_t *)text, n), -EAGAIN);
    }
}

static void test_wrong_answers(void **state)
{
    (void)state;
    assert_int_equal(answered(OK101 ACCEPT SUB END), -EPROTO);
    assert_int_equal(answered(OK101 UP SUB END), -EPROTO);
    assert_int_equal(answered(OK101 UP ACCEPT END), -EPROTO);
    assert_int_equal(answered(OK101 UP ACCEPT ACCEPT SUB END), -EPROTO);
    assert_int_equal(answered(OK101 UP ACCEPT SUB SUB END), -EPROTO);
    assert_int_equal(
        answered(OK101 UP "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" SUB END),
        -EPROTO);
    assert_int_equal(answered(OK101 UP ACCEPT "Sec-WebSocket-Protocol: pub.sp.nanomsg.org\r\n" END),
                     -EPROTO);
    assert_int_equal(
        answered(OK101 UP ACCEPT SUB "Sec-WebSocket-Extensions: permessage-deflate\r\n" END),
        -EPROTO);
    assert_int_equal(answered("HTTP/2.0 101 x\r\n" UP ACCEPT SUB END), -EPROTO);
    assert_int_equal(answered("HTTP/1.1 1O1 x\r\n" UP ACCEPT SUB END), -EPROTO);
    assert_int_equal(answered("SSH-2.0-OpenSSH\r\n"), -EPROTO);
}

/* libnanomsg says no empty line after its refusals, so one line is enough. */
static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(answered("HTTP/1.1 400 Incompatible Socket Type\r\n"), -ECONNREFUSED);
    assert_int_equal(h.status, 400);
    assert_string_equal(h.words, "the server says 400 Incompatible Socket Type");
    assert_int_equal(answered("HTTP/1.1 503 \x1b[31m\xff red\r\n\r\n"), -ECONNREFUSED);
    assert_string_equal(h.words, "the server says 503 [31m red"); /* printable */
    assert_int_equal(answered("HTTP/1.1 200 OK\r\n"), -ECONNREFUSED);
}

/* ---- what we write is what we read ---- */

static void test_ask_and_accept(void **state)
{
    char out[1024];
    (void)state;
    ssize_t n = sp_http_ask(out, sizeof out, "host:1;x", 6, "/p?q",
                            "dGhlIHNhbXBsZSBub25jZQ==", "rep.sp.nanomsg.org");
    assert_int_equal(n, (ssize_t)strlen(out));
    assert_non_null(strstr(out, "GET /p?q HTTP/1.1\r\nHost: host:1\r\n"));
    assert_int_equal(status(out), 0);
    n = sp_http_accept(out, sizeof out, &h);
    assert_int_equal(n, (ssize_t)strlen(out));
    assert_int_equal(answered(out), 0);
    assert_int_equal(sp_http_accept(out, 20, &h), -EMSGSIZE);
    assert_int_equal(sp_http_ask(out, 20, "h", 1, "/", "k", "s"), -EMSGSIZE);
}

static void test_our_refusals(void **state)
{
    static const int codes[] = {400, 405, 426, 431, 503, 505};
    char out[SP_HTTP_REPLY];
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        h.status = codes[i];
        memset(h.words, 'w', sizeof h.words - 1);
        h.words[sizeof h.words - 1] = 0;
        ssize_t n = sp_http_refuse(out, sizeof out, &h);
        assert_true(n > 0);
        const char *body = strstr(out, "\r\n\r\n");
        assert_non_null(body);
        assert_int_equal(strlen(body + 4), sizeof h.words);
        assert_non_null(strstr(out, "Content-Length: 96\r\n"));
        assert_int_equal(answered(out), -ECONNREFUSED);
        assert_int_equal(h.status, codes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_request),
        cmocka_unit_test(test_request_lines),
        cmocka_unit_test(test_what_is_required),
        cmocka_unit_test(test_what_may_come_once),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_no_body),
        cmocka_unit_test(test_number_of_headers),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_scan_ends),
        cmocka_unit_test(test_good_answer),
        cmocka_unit_test(test_answer_in_parts),
        cmocka_unit_test(test_wrong_answers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_ask_and_accept),
        cmocka_unit_test(test_our_refusals),
    };
    return cmocka_run_group_tests_name("ws_http", tests, NULL, NULL);
}
