/* SPDX-License-Identifier: MIT */
/* A45, A41 and the rest of A40 against a dialler: handshakes that are none, to a listener and to a
 * dialler, and a server that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/wsfield.h"
#include "transports/ws/key.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The listener refuses so, at once, counts it, and serves its honest peer. */
static void refused(const char *request, size_t n, int status)
{
    struct rp_field f;
    wf_open(&f);
    int fd = rp_attacker(&f);
    assert_true(rp_send(fd, request, n));
    assert_int_equal(wf_status(fd, rp_time(1000)), status);
    assert_true(rp_closed(fd, rp_time(1000)));
    assert_true(rp_stat_reaches(f.victim, NN_STAT_PROTOCOL, 1, rp_time(1000)));
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}
#define REFUSED(text, status) refused(text, sizeof(text) - 1, status)

static void A45_bare_line_feeds(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\nHost: h\n\n", 400);
}

static void A45_two_keys(void **state)
{
    (void)state;
    REFUSED(WF_LINE WF_HOST WF_UP WF_KEY WF_KEY WF_VER WF_SUB "\r\n", 400);
}

static void A45_two_hosts(void **state)
{
    (void)state;
    REFUSED(WF_LINE WF_HOST WF_HOST WF_UP WF_KEY WF_VER WF_SUB "\r\n", 400);
}

static void A45_post(void **state)
{
    (void)state; /* libnanomsg aborts on this */
    REFUSED("POST / HTTP/1.1\r\n" WF_HOST WF_UP WF_KEY WF_VER WF_SUB "\r\n", 405);
}

static void A45_http_1_0(void **state)
{
    (void)state; /* and on this */
    REFUSED("GET / HTTP/1.0\r\n" WF_HOST WF_UP WF_KEY WF_VER WF_SUB "\r\n", 505);
}

static void A45_another_protocol(void **state)
{
    (void)state;
    REFUSED(WF_LINE WF_HOST WF_UP WF_KEY WF_VER
            "Sec-WebSocket-Protocol: pub.sp.nanomsg.org\r\n\r\n",
            400);
}

static void A45_sp_of_tcp(void **state)
{
    (void)state;
    REFUSED("\0SP\0\0\x30\0\0", 400);
}

static void A45_tls(void **state)
{
    (void)state;
    REFUSED("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 400);
}

static void A45_ten_thousand_headers(void **state)
{
    char *text = malloc(200000);
    size_t n = strlen(WF_LINE);
    struct rp_field f;
    (void)state;
    assert_non_null(text);
    memcpy(text, WF_LINE, n);
    for (int i = 0; i < 10000; i++, n += 6)
        memcpy(text + n, "a: b\r\n", 6);
    wf_open(&f);
    size_t heap = rp_heap();
    int fd = rp_attacker(&f);
    (void)rp_send(fd, text, n);
    assert_true(rp_closed(fd, rp_time(1000)));
    assert_true(rp_stat_reaches(f.victim, NN_STAT_PROTOCOL, 1, rp_time(1000)));
    rp_assert_served(&f, 100);
    assert_in_range(rp_heap(), 0, heap + 3 * 65536); /* slabs are kept for others */
    close(fd);
    rp_field_close(&f);
    free(text);
}

/* 65 headers, within the 8192 bytes. */
static void A45_one_header_too_many(void **state)
{
    char text[1024] = WF_LINE WF_HOST WF_UP WF_KEY WF_VER WF_SUB;
    size_t n = strlen(text);
    (void)state;
    for (int i = 0; i < 59; i++, n += 6)
        memcpy(text + n, "a: b\r\n", 6);
    memcpy(text + n, "\r\n", 2);
    refused(text, n + 2, 431);
}

static void A45_a_header_of_a_mebibyte(void **state)
{
    size_t n = 1048576;
    char *text = malloc(n);
    struct rp_field f;
    (void)state;
    assert_non_null(text);
    memset(text, 'a', n);
    memcpy(text, WF_LINE, strlen(WF_LINE));
    wf_open(&f);
    size_t heap = rp_heap();
    int fd = rp_attacker(&f);
    (void)rp_send(fd, text, n);
    assert_true(rp_closed(fd, rp_time(1000)));
    rp_assert_served(&f, 100);
    assert_in_range(rp_heap(), 0, heap + 3 * 65536); /* slabs are kept for others */
    close(fd);
    rp_field_close(&f);
    free(text);
}

/* A request that comes too slowly ends with the handshake's deadline. */
static void A45_one_byte_now_and_then(void **state)
{
    (void)state;
    rp_watchdog(60);
    int s = rp_socket(NN_PAIR), port;
    char address[192];
    size_t len = sizeof address;
    rp_set(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, 1);
    rp_set(s, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, 300);
    assert_true(nn_bind(s, "ws://127.0.0.1:0") > 0);
    assert_int_equal(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), 0);
    port = atoi(strrchr(address, ':') + 1);
    int fd = rp_connect(port);
    int64_t start = rp_now();
    for (size_t i = 0; i < strlen(WF_REQUEST); i++)
        if (!rp_send(fd, &WF_REQUEST[i], 1) || rp_closed(fd, 20))
            break;
    assert_in_range(rp_now() - start, 200, rp_time(2000));
    assert_true(rp_stat_reaches(s, NN_STAT_TIMEOUT, 1, rp_time(1000)));
    close(fd);
    nn_close(s);
    rp_watchdog(0);
}

/* ---- a server that misbehaves; the dialler is a PAIR ---- */

struct dialler {
    int s, listener, fd;
    char key[SP_WS_KEY_LEN];
};

/* Takes the dialler's request. */
static void dialler_open(struct dialler *d)
{
    char text[2048] = "", address[64];
    int port;
    size_t n = 0;
    rp_watchdog(60);
    d->s = rp_socket(NN_PAIR);
    d->listener = rp_listen(&port);
    rp_set(d->s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 60000);
    snprintf(address, sizeof address, "ws://127.0.0.1:%d/", port);
    assert_true(nn_connect(d->s, address) > 0);
    d->fd = rp_accept(d->listener, rp_time(5000));
    assert_true(d->fd >= 0);
    while (n < sizeof text - 1 && !strstr(text, "\r\n\r\n"))
        assert_int_equal(rp_recv(d->fd, text + n++, 1, rp_time(5000)), 1);
    const char *key = strstr(text, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    memcpy(d->key, key + 19, sizeof d->key);
}

static void dialler_close(struct dialler *d)
{
    close(d->fd);
    close(d->listener);
    nn_close(d->s);
    rp_watchdog(0);
}

static void dialler_answer(struct dialler *d, const char *accept, const char *more)
{
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                     accept, more);
    assert_true(rp_send(d->fd, text, (size_t)n));
}

#define PAIR "Sec-WebSocket-Protocol: pair.sp.nanomsg.org\r\n"

static void dialler_good(struct dialler *d)
{
    char accept[SP_WS_ACCEPT_LEN + 1];
    dialler_open(d);
    sp_ws_key_accept(d->key, accept);
    dialler_answer(d, accept, PAIR);
    assert_true(rp_stat_reaches(d->s, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
}

static void A45_wrong_accept(void **state)
{
    struct dialler d;
    (void)state;
    dialler_open(&d);
    dialler_answer(&d, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", PAIR);
    assert_true(rp_closed(d.fd, rp_time(1000)));
    assert_true(rp_stat_reaches(d.s, NN_STAT_PROTOCOL, 1, rp_time(1000)));
    assert_non_null(strstr(rp_reason(d.s), "wrong Sec-WebSocket-Accept"));
    assert_int_equal(nn_get_statistic(d.s, NN_STAT_ESTABLISHED_CONNECTIONS), 0);
    dialler_close(&d);
}

static void A45_another_subprotocol_in_the_answer(void **state)
{
    struct dialler d;
    char accept[SP_WS_ACCEPT_LEN + 1];
    (void)state;
    dialler_open(&d);
    sp_ws_key_accept(d.key, accept);
    dialler_answer(&d, accept, "Sec-WebSocket-Protocol: bus.sp.nanomsg.org\r\n");
    assert_true(rp_closed(d.fd, rp_time(1000)));
    assert_true(rp_stat_reaches(d.s, NN_STAT_PROTOCOL, 1, rp_time(1000)));
    dialler_close(&d);
}

static void A45_an_endless_answer(void **state)
{
    static char junk[65536];
    struct dialler d;
    (void)state;
    dialler_open(&d);
    memset(junk, 'j', sizeof junk);
    memcpy(junk, "HTTP/1.1 101 x\r\n", 16);
    (void)rp_send(d.fd, junk, sizeof junk);
    assert_true(rp_closed(d.fd, rp_time(1000)));
    assert_true(rp_stat_reaches(d.s, NN_STAT_PROTOCOL, 1, rp_time(1000)));
    dialler_close(&d);
}

/* The Close frame of a dialler is masked: its code. */
static int masked_code(int fd)
{
    uint8_t b[8];
    if (rp_recv(fd, b, 8, rp_time(1000)) != 8 || b[0] != 0x88 || b[1] != 0x82)
        return -1;
    return (b[6] ^ b[2]) << 8 | (b[7] ^ b[3]);
}

static void server_says(const char *p, size_t n, int code, int stat)
{
    struct dialler d;
    dialler_good(&d);
    assert_true(rp_send(d.fd, p, n));
    assert_int_equal(masked_code(d.fd), code);
    assert_true(rp_closed(d.fd, rp_time(1000)));
    assert_true(rp_stat_reaches(d.s, stat, 1, rp_time(1000)));
    assert_int_equal(nn_get_statistic(d.s, NN_STAT_MESSAGES_RECEIVED), 0);
    dialler_close(&d);
}
#define SERVER_SAYS(text, code, stat) server_says(text, sizeof(text) - 1, code, stat)

static void A41_a_masked_frame_from_a_server(void **state)
{
    (void)state;
    SERVER_SAYS("\x82\x81maskx", 1002, NN_STAT_PROTOCOL);
}

static void A40_lengths_from_a_server(void **state)
{
    (void)state;
    SERVER_SAYS("\x82\x7f\x40\0\0\0\0\0\0\0", 1009, NN_STAT_OVERSIZE);
    SERVER_SAYS("\x82\x7f\x80\0\0\0\0\0\0\0", 1002, NN_STAT_PROTOCOL);
    SERVER_SAYS("\x82\x7e\0\x01x", 1002, NN_STAT_PROTOCOL);
}

static void A42_text_from_a_server(void **state)
{
    (void)state;
    SERVER_SAYS("\x81\x02\xc3\x28", 1007, NN_STAT_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A45_bare_line_feeds),
        cmocka_unit_test(A45_two_keys),
        cmocka_unit_test(A45_two_hosts),
        cmocka_unit_test(A45_post),
        cmocka_unit_test(A45_http_1_0),
        cmocka_unit_test(A45_another_protocol),
        cmocka_unit_test(A45_sp_of_tcp),
        cmocka_unit_test(A45_tls),
        cmocka_unit_test(A45_ten_thousand_headers),
        cmocka_unit_test(A45_one_header_too_many),
        cmocka_unit_test(A45_a_header_of_a_mebibyte),
        cmocka_unit_test(A45_one_byte_now_and_then),
        cmocka_unit_test(A45_wrong_accept),
        cmocka_unit_test(A45_another_subprotocol_in_the_answer),
        cmocka_unit_test(A45_an_endless_answer),
        cmocka_unit_test(A41_a_masked_frame_from_a_server),
        cmocka_unit_test(A40_lengths_from_a_server),
        cmocka_unit_test(A42_text_from_a_server),
    };
    return cmocka_run_group_tests_name("a4x_ws_http", tests, NULL, NULL);
}
