/* SPDX-License-Identifier: MIT */
/* ws:// through the public calls: addresses, types of messages, sizes, refusals. */
#include "lib.h"
#include "support/rawpeer.h"
#include <nanomsg/ws.h>
#include <pthread.h>

static int setup(void **state)
{
    (void)state;
    alarm(LIB_SLOW ? 240 : 120);
    return 0;
}

/* Binds to a free port; the address. */
static const char *ws_listen(int s)
{
    static char address[160];
    snprintf(address, sizeof address, "ws://%s:0", lib_host());
    lib_ok(nn_bind(s, address));
    lib_text(s, NN_LAST_ENDPOINT, address, sizeof address);
    return address;
}

/* Connects c to s by a path of its own, and waits. */
static void ws_join(int s, int c)
{
    char address[176];
    snprintf(address, sizeof address, "%s/any/path?and=query", ws_listen(s));
    lib_ok(nn_connect(c, address));
    lib_peers(s, 1);
    lib_peers(c, 1);
}

static struct lib_two ws_two(int server, int client)
{
    struct lib_two t = {lib_socket(server), lib_socket(client)};
    ws_join(t.s, t.c);
    return t;
}

/* ---- addresses ---- */

static void bind_fails(const char *address, int err)
{
    int s = lib_ok(nn_socket(AF_SP, NN_PAIR));
    lib_fails(nn_bind(s, address), err);
    lib_ok(nn_close(s));
}

static void test_addresses_to_bind(void **state)
{
    (void)state;
    bind_fails("ws://*:5555/", EINVAL);
    bind_fails("ws://*:5555/path", EINVAL);
    bind_fails("ws://*:5555?query", EINVAL);
    bind_fails("ws://*", EINVAL);
    bind_fails("ws://127.0.0.1", EINVAL);
    bind_fails("ws://127.0.0.1:0", EINVAL);
    bind_fails("ws://127.0.0.1:65536", EINVAL);
    bind_fails("ws://127.0.0.1:", EINVAL);
    bind_fails("ws://", EINVAL);
    bind_fails("ws:///path", EINVAL);
    bind_fails("ws://localhost:5555", ENODEV);
    bind_fails("ws://[::1]:5555", ENODEV);
    bind_fails("ws://198.51.100.1:5555", EADDRNOTAVAIL);
}

static void connect_is(const char *address, int err)
{
    int s = lib_ok(nn_socket(AF_SP, NN_PAIR));
    if (err)
        lib_fails(nn_connect(s, address), err);
    else
        lib_ok(nn_connect(s, address));
    lib_ok(nn_close(s));
}

static void test_addresses_to_connect(void **state)
{
    (void)state;
    connect_is("ws://127.0.0.1", 0); /* port 80 */
    connect_is("ws://127.0.0.1/path", 0);
    connect_is("ws://127.0.0.1:5555/path?query;x=/y", 0);
    connect_is("ws://127.0.0.1;127.0.0.1:5555/path", 0);
    connect_is("ws://127.0.0.1;127.0.0.1", 0);
    connect_is("ws://no-such-host.invalid/path", 0);
    connect_is("ws://*:5555", EINVAL);
    connect_is("ws://", EINVAL);
    connect_is("ws:///path", EINVAL);
    connect_is("ws://127.0.0.1:0", EINVAL);
    connect_is("ws://127.0.0.1:", EINVAL);
    connect_is("ws://127.0.0.1:65536/", EINVAL);
    connect_is("ws://127.0.0.1?query", EINVAL);
    connect_is("ws://127.0.0.1:5555?query", EINVAL);
    connect_is("ws://127.0.0.1:5555#part", EINVAL);
    connect_is("ws://127.0.0.1/a b", EINVAL); /* it would end the request's line */
    connect_is("ws://127.0.0.1/a\r\nHost: b", EINVAL);
    connect_is("ws://127.0.0.1/a#part", EINVAL);
    connect_is("ws://user@127.0.0.1/", EINVAL);
    connect_is("ws://[::1]:5555/", EINVAL);
    connect_is("ws://nothere;127.0.0.1/", ENODEV);
}

static void test_ipv6(void **state)
{
    char address[160];
    struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)};
    (void)state;
    lib_set(t.s, NN_IPV4ONLY, 0);
    lib_set(t.c, NN_IPV4ONLY, 0);
    if (nn_bind(t.s, "ws://[::1]:0") < 0) {
        lib_close(t);
        skip(); /* no IPv6 here */
    }
    lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
    assert_memory_equal(address, "ws://[::1]:", 11);
    strncat(address, "/path", 6);
    lib_ok(nn_connect(t.c, address));
    lib_send(t.c, "six");
    lib_expect(t.s, "six");
    lib_close(t);
}

/* The request as it is on the wire. */
static void test_request(void **state)
{
    char address[80], text[1024] = "", want[160];
    int port, listener = rp_listen(&port), c = lib_socket(NN_REQ);
    (void)state;
    snprintf(address, sizeof address, "ws://127.0.0.1;localhost:%d/a/b?c=d", port);
    lib_ok(nn_connect(c, address));
    int fd = rp_accept(listener, LIB_PATIENCE_MS);
    assert_true(fd >= 0);
    for (size_t n = 0; n < sizeof text - 1 && !strstr(text, "\r\n\r\n"); n++)
        assert_int_equal(rp_recv(fd, text + n, 1, LIB_PATIENCE_MS), 1);
    snprintf(want, sizeof want, "GET /a/b?c=d HTTP/1.1\r\nHost: localhost:%d\r\n", port);
    assert_memory_equal(text, want, strlen(want));
    assert_non_null(strstr(text, "\r\nSec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n"));
    close(fd);
    close(listener);
    lib_ok(nn_close(c));
}

/* ---- messages ---- */

struct echo {
    int s;
    int n; /* requests to answer */
};

static void *echo_main(void *arg)
{
    const struct echo *e = arg;
    for (int i = 0; i < e->n; i++) {
        void *body;
        int n = nn_recv(e->s, &body, NN_MSG, 0);
        if (n < 0 || nn_send(e->s, &body, NN_MSG, 0) != n)
            return NULL;
    }
    return arg;
}

/* Bodies of all small sizes, and around each boundary of the framing, there and back. */
static void test_sizes(void **state)
{
    static unsigned char body[1000000], got[1000000];
    static const int more[] = {117,   121,   122,   125,   126,    127,    4091,   4092,
                               4096,  4097,  16376, 16380, 16384,  32764,  57340,  65531,
                               65532, 65535, 65536, 65537, 131072, 262144, 1000000};
    struct lib_two t = ws_two(NN_REP, NN_REQ);
    int n_more = (int)(sizeof more / sizeof *more);
    struct echo e = {t.s, 71 + n_more};
    pthread_t thread;
    void *all = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)(i * 11 + i / 255);
    assert_int_equal(pthread_create(&thread, NULL, echo_main, &e), 0);
    for (int i = 0; i < e.n; i++) {
        int n = i <= 70 ? i : more[i - 71];
        assert_int_equal(lib_ok(nn_send(t.c, body, (size_t)n, 0)), n);
        assert_int_equal(lib_ok(nn_recv(t.c, got, sizeof got, 0)), n);
        assert_memory_equal(got, body, (size_t)n);
    }
    pthread_join(thread, &all);
    assert_ptr_equal(all, &e);
    lib_close(t);
}

/* A burst in one direction, of mixed sizes, in order. */
static void test_bursts(void **state)
{
    static char body[50000], got[50000];
    struct lib_two t = ws_two(NN_PULL, NN_PUSH);
    int n = LIB_SLOW ? 2000 : 20000, sent = 0;
    (void)state;
    for (int i = 0; i < n;) {
        size_t len = (size_t)sent % 100 == 99 ? sizeof body : sizeof sent + (size_t)sent % 300;
        memcpy(body, &sent, sizeof sent);
        /* Where nothing is on its way, room is a matter of a moment. */
        if (sent < n && nn_send(t.c, body, len, sent == i ? 0 : NN_DONTWAIT) >= 0) {
            sent++;
            continue;
        }
        int k = lib_ok(nn_recv(t.s, got, sizeof got, 0)), serial;
        memcpy(&serial, got, sizeof serial);
        assert_int_equal(serial, i);
        assert_int_equal(k, i % 100 == 99 ? (int)sizeof body : (int)sizeof sent + i % 300);
        i++;
    }
    lib_close(t);
}

static void test_oversize(void **state)
{
    struct lib_two t = ws_two(NN_PAIR, NN_PAIR);
    (void)state;
    lib_set(t.s, NN_RCVMAXSIZE, 10); /* counts from now on */
    lib_send(t.c, "0123456789");
    lib_expect(t.s, "0123456789");
    lib_send(t.c, "0123456789x");
    lib_until(lib_stat(t.s, NN_STAT_OVERSIZE) == 1);
    lib_until(lib_stat(t.c, NN_STAT_BROKEN_CONNECTIONS) +
                  lib_stat(t.c, NN_STAT_DROPPED_CONNECTIONS) ==
              1);
    lib_close(t);
}

/* What was accepted leaves before the Close frame. */
static void test_close_after_a_burst(void **state)
{
    static char body[100000];
    int n = 0;
    (void)state;
    struct lib_two t = ws_two(NN_PULL, NN_PUSH);
    lib_set(t.c, NN_LINGER, LIB_PATIENCE_MS);
    while (n < 100 && nn_send(t.c, body, sizeof body, NN_DONTWAIT) > 0)
        n++;
    assert_true(n > 1);
    lib_ok(nn_close(t.c));
    for (int i = 0; i < n; i++)
        assert_int_equal(lib_ok(nn_recv(t.s, body, sizeof body, 0)), sizeof body);
    lib_peers(t.s, 0);
    assert_int_equal(lib_stat(t.s, NN_STAT_TRUNCATED), 0);
    lib_ok(nn_close(t.s));
}

/* ---- types ---- */

/* Sends with a control message that says the type; the call's result. */
static int send_as(int s, const char *text, unsigned char type, size_t len)
{
    unsigned char control[NN_CMSG_SPACE(4)];
    memset(control, 0, sizeof control);
    struct nn_cmsghdr *c = (void *)control;
    c->cmsg_len = NN_CMSG_LEN(len);
    c->cmsg_level = NN_WS;
    c->cmsg_type = NN_WS_MSG_TYPE;
    *NN_CMSG_DATA(c) = type;
    struct nn_iovec v = {(void *)(uintptr_t)text, strlen(text)};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    return nn_sendmsg(s, &h, 0);
}

/* Receives the text, and gives the type that is said to have; 0: none. */
static int type_of(int s, const char *text)
{
    unsigned char control[256];
    char body[4096];
    int type = 0;
    struct nn_iovec v = {body, sizeof body};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int n = lib_ok(nn_recvmsg(s, &h, 0));
    assert_int_equal(n, strlen(text));
    assert_memory_equal(body, text, (size_t)n);
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(&h); c; c = NN_CMSG_NXTHDR(&h, c))
        if (c->cmsg_level == NN_WS && c->cmsg_type == NN_WS_MSG_TYPE) {
            assert_int_equal(c->cmsg_len, NN_CMSG_SPACE(1)); /* as libnanomsg says it */
            type = *NN_CMSG_DATA(c);
        }
    return type;
}

static void set_type(int s, int type)
{
    lib_ok(nn_setsockopt(s, NN_WS, NN_WS_MSG_TYPE, &type, sizeof type));
}

static void test_option(void **state)
{
    int s = lib_socket(NN_PAIR), v = -1;
    size_t len = sizeof v;
    (void)state;
    lib_ok(nn_getsockopt(s, NN_WS, NN_WS_MSG_TYPE, &v, &len));
    assert_int_equal(v, NN_WS_MSG_TYPE_BINARY);
    set_type(s, NN_WS_MSG_TYPE_TEXT);
    lib_ok(nn_getsockopt(s, NN_WS, NN_WS_MSG_TYPE, &v, &len));
    assert_int_equal(v, NN_WS_MSG_TYPE_TEXT);
    static const int bad[] = {-1, 0, 3, 8, 9, 10, 0x81};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_fails(nn_setsockopt(s, NN_WS, NN_WS_MSG_TYPE, &bad[i], sizeof bad[i]), EINVAL);
    lib_fails(nn_setsockopt(s, NN_WS, NN_WS_MSG_TYPE, &v, 1), EINVAL);
    lib_fails(nn_setsockopt(s, NN_WS, 2, &v, sizeof v), ENOPROTOOPT);
    lib_ok(nn_close(s));
}

static void test_types_by_option(void **state)
{
    struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)};
    (void)state;
    set_type(t.s, NN_WS_MSG_TYPE_TEXT);
    ws_join(t.s, t.c);
    lib_send(t.s, "text");
    assert_int_equal(type_of(t.c, "text"), NN_WS_MSG_TYPE_TEXT);
    lib_send(t.c, "binary");
    assert_int_equal(type_of(t.s, "binary"), NN_WS_MSG_TYPE_BINARY);
    lib_close(t);
}

/* Set between nn_bind and the connection it counts, as there. */
static void test_option_counts_when_a_connection_comes(void **state)
{
    char address[160];
    struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)};
    (void)state;
    snprintf(address, sizeof address, "%s", ws_listen(t.s));
    set_type(t.s, NN_WS_MSG_TYPE_TEXT);
    lib_ok(nn_connect(t.c, address));
    lib_peers(t.s, 1);
    set_type(t.s, NN_WS_MSG_TYPE_BINARY);
    lib_send(t.s, "text");
    assert_int_equal(type_of(t.c, "text"), NN_WS_MSG_TYPE_TEXT);
    lib_close(t);
}

static void test_types_by_message(void **state)
{
    struct lib_two t = ws_two(NN_PAIR, NN_PAIR);
    char large[3000];
    (void)state;
    for (int i = 0; i < 50; i++) { /* alone, then gathered */
        assert_int_equal(lib_ok(send_as(t.c, "t", NN_WS_MSG_TYPE_TEXT, 1)), 1);
        assert_int_equal(lib_ok(send_as(t.c, "b", NN_WS_MSG_TYPE_BINARY, 4)), 1);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(type_of(t.s, "t"), NN_WS_MSG_TYPE_TEXT);
        assert_int_equal(type_of(t.s, "b"), NN_WS_MSG_TYPE_BINARY);
    }
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = 0;
    lib_ok(send_as(t.s, large, NN_WS_MSG_TYPE_TEXT, 1));
    assert_int_equal(type_of(t.c, large), NN_WS_MSG_TYPE_TEXT);
    lib_fails(send_as(t.c, "x", 0, 1), EINVAL);
    lib_fails(send_as(t.c, "x", 9, 1), EINVAL);
    lib_fails(send_as(t.c, "x", NN_WS_MSG_TYPE_TEXT, 0), EINVAL);
    lib_close(t);
}

/* Everybody hears a publication as what it is; over tcp it has no type. */
static void test_types_of_publications(void **state)
{
    char address[160];
    int pub = lib_socket(NN_PUB), ws = lib_socket(NN_SUB), tcp = lib_socket(NN_SUB);
    (void)state;
    ws_join(pub, ws);
    snprintf(address, sizeof address, "%s", lib_listen(pub));
    lib_ok(nn_connect(tcp, address));
    lib_peers(pub, 2);
    lib_ok(send_as(pub, "news", NN_WS_MSG_TYPE_TEXT, 1));
    assert_int_equal(type_of(ws, "news"), NN_WS_MSG_TYPE_TEXT);
    assert_int_equal(type_of(tcp, "news"), 0);
    lib_ok(nn_close(pub));
    lib_ok(nn_close(ws));
    lib_ok(nn_close(tcp));
}

static void *device_main(void *arg)
{
    const struct lib_two *d = arg;
    (void)nn_device(d->s, d->c); /* until they are closed */
    return NULL;
}

/* A forwarder passes the type on. */
static void test_types_through_a_device(void **state)
{
    struct lib_two d = {lib_socket_in(AF_SP_RAW, NN_PAIR), lib_socket_in(AF_SP_RAW, NN_PAIR)};
    int a = lib_socket(NN_PAIR), b = lib_socket(NN_PAIR);
    pthread_t thread;
    (void)state;
    ws_join(d.s, a);
    ws_join(d.c, b);
    assert_int_equal(pthread_create(&thread, NULL, device_main, &d), 0);
    for (int i = 0; i < 3; i++) {
        lib_ok(send_as(a, "t", NN_WS_MSG_TYPE_TEXT, 1));
        lib_ok(send_as(a, "b", NN_WS_MSG_TYPE_BINARY, 1));
        assert_int_equal(type_of(b, "t"), NN_WS_MSG_TYPE_TEXT);
        assert_int_equal(type_of(b, "b"), NN_WS_MSG_TYPE_BINARY);
    }
    lib_close(d);
    pthread_join(thread, NULL);
    lib_ok(nn_close(a));
    lib_ok(nn_close(b));
}

/* A text that is not UTF-8 is the sender's mistake; the receiver drops the connection. */
static void test_text_that_is_none(void **state)
{
    struct lib_two t = ws_two(NN_PAIR, NN_PAIR);
    (void)state;
    lib_ok(send_as(t.c, "\xff", NN_WS_MSG_TYPE_TEXT, 1));
    lib_until(lib_stat(t.s, NN_STAT_PROTOCOL) == 1);
    lib_peers(t.s, 1); /* it comes again */
    lib_ok(send_as(t.c, "gr\xc3\xbc\xc3\x9f", NN_WS_MSG_TYPE_TEXT, 1));
    assert_int_equal(type_of(t.s, "gr\xc3\xbc\xc3\x9f"), NN_WS_MSG_TYPE_TEXT);
    lib_close(t);
}

/* ---- refusals ---- */

static void last_reason(int s, const char *part)
{
    char text[512] = "";
    lib_until((lib_text(s, NN_LAST_REASON, text, sizeof text), strstr(text, part)));
}

static void test_the_wrong_protocol(void **state)
{
    char address[160];
    struct lib_two t = {lib_socket(NN_REP), lib_socket(NN_PUSH)};
    (void)state;
    snprintf(address, sizeof address, "%s", ws_listen(t.s));
    lib_ok(nn_connect(t.c, address));
    last_reason(t.c, "the server says 400 Bad Request");
    last_reason(t.s, "the peer does not offer rep.sp.nanomsg.org");
    assert_int_equal(lib_stat(t.s, NN_STAT_ACCEPTED_CONNECTIONS), 0);
    lib_close(t);
}

/* A PAIR has one peer; the second hears that, and gets its turn. */
static void test_busy(void **state)
{
    char address[160];
    int s = lib_socket(NN_PAIR), a = lib_socket(NN_PAIR), b = lib_socket(NN_PAIR);
    (void)state;
    snprintf(address, sizeof address, "%s", ws_listen(s));
    lib_ok(nn_connect(a, address));
    lib_peers(s, 1);
    lib_ok(nn_connect(b, address));
    last_reason(b, "the server says 503");
    lib_ok(nn_close(a));
    lib_send(b, "my turn");
    lib_expect(s, "my turn");
    lib_ok(nn_close(b));
    lib_ok(nn_close(s));
}

/* Callers that meet another transport fail soon, in both directions. */
static void test_other_transports(void **state)
{
    char address[160];
    struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)};
    (void)state;
    snprintf(address, sizeof address, "ws://%s", strstr(lib_listen(t.s), "://") + 3);
    lib_ok(nn_connect(t.c, address));
    lib_until(lib_stat(t.s, NN_STAT_PROTOCOL) > 0);
    snprintf(address, sizeof address, "tcp://%s", strstr(ws_listen(t.c), "://") + 3);
    lib_ok(nn_connect(t.s, address));
    last_reason(t.c, "not HTTP");
    lib_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_to_bind),
        cmocka_unit_test(test_addresses_to_connect),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_oversize),
        cmocka_unit_test(test_close_after_a_burst),
        cmocka_unit_test(test_option),
        cmocka_unit_test(test_types_by_option),
        cmocka_unit_test(test_option_counts_when_a_connection_comes),
        cmocka_unit_test(test_types_by_message),
        cmocka_unit_test(test_types_of_publications),
        cmocka_unit_test(test_types_through_a_device),
        cmocka_unit_test(test_text_that_is_none),
        cmocka_unit_test(test_the_wrong_protocol),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_other_transports),
    };
    return cmocka_run_group_tests_name("ws", tests, setup, NULL);
}
