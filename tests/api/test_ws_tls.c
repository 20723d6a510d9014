/* SPDX-License-Identifier: MIT */
/* wss://: WebSocket inside TLS. What TLS itself does is tested elsewhere; here is what the two make
 * of each other. */
#include "lib.h"
#include <nanomsg/tls.h>
#include <nanomsg/ws.h>

static const unsigned char key[32] = "a key for the tests of wss alone";
static const unsigned char other_key[32] = "another key: nobody accepts that";

static int config(const void *k)
{
    int h = nn_tls_create();
    if (h < 0 && nn_errno() == ENOTSUP)
        return -1;
    lib_ok(h);
    lib_ok(nn_tls_psk_add(h, "wss", 3, k, sizeof key, NN_TLS_DIAL | NN_TLS_ACCEPT | NN_TLS_SHARED));
    return h;
}

static int setup(void **state)
{
    static int h[2];
    alarm(LIB_SLOW ? 240 : 120);
    h[0] = config(key);
    h[1] = h[0] < 0 ? -1 : config(other_key);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    int *h = *state;
    for (int i = 0; i < 2; i++)
        if (h[i] >= 0)
            nn_tls_destroy(h[i]);
    return 0;
}

static int sealed(int protocol, int h)
{
    int s = lib_socket(protocol);
    lib_ok(nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &h, sizeof h));
    return s;
}

/* Skips in a build without TLS. */
static int *need_tls(void **state)
{
    int *h = *state;
    if (h[0] < 0)
        skip();
    return h;
}

static void listen_at(int s, char address[160])
{
    snprintf(address, 160, "wss://%s:0", lib_host());
    lib_ok(nn_bind(s, address));
    lib_text(s, NN_LAST_ENDPOINT, address, 160);
}

static void test_without_keys(void **state)
{
    (void)need_tls(state);
    int s = lib_socket(NN_PAIR);
    lib_fails(nn_bind(s, "wss://127.0.0.1:0"), EACCES);
    lib_fails(nn_connect(s, "wss://127.0.0.1/path"), EACCES);
    lib_fails(nn_bind(s, "wss://127.0.0.1:0/path"), EINVAL);
    lib_ok(nn_close(s));
}

static void test_addresses(void **state)
{
    int *h = need_tls(state), s = sealed(NN_PAIR, h[0]);
    lib_ok(nn_connect(s, "wss://127.0.0.1/path?query")); /* port 443 */
    lib_fails(nn_connect(s, "wss://127.0.0.1/a b"), EINVAL);
    lib_fails(nn_bind(s, "wss://*"), EINVAL);
    lib_ok(nn_close(s));
}

/* Messages of all sizes, the type, and who it is. */
static void test_conversation(void **state)
{
    static unsigned char body[300000], got[300000];
    int *h = need_tls(state);
    struct lib_two t = {sealed(NN_PAIR, h[0]), sealed(NN_PAIR, h[0])};
    char address[176];
    listen_at(t.s, address);
    strncat(address, "/path", 6);
    lib_ok(nn_connect(t.c, address));
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)(i * 3 + i / 254);
    for (size_t n = 0; n < sizeof body; n = n < 130 ? n + 1 : n * 2 + 1) {
        assert_int_equal(lib_ok(nn_send(t.c, body, n, 0)), n);
        assert_int_equal(lib_ok(nn_recv(t.s, got, sizeof got, 0)), n);
        assert_memory_equal(got, body, n);
        assert_int_equal(lib_ok(nn_send(t.s, body, n, 0)), n);
        assert_int_equal(lib_ok(nn_recv(t.c, got, sizeof got, 0)), n);
        assert_memory_equal(got, body, n);
    }
    lib_close(t);
}

/* Identity and type travel with the message. */
static void test_control_messages(void **state)
{
    int *h = need_tls(state), seen = 0;
    struct lib_two t = {sealed(NN_PAIR, h[0]), sealed(NN_PAIR, h[0])};
    unsigned char control[256];
    char address[160], body[16];
    listen_at(t.s, address);
    lib_ok(nn_connect(t.c, address));
    lib_send(t.c, "who");
    struct nn_iovec v = {body, sizeof body};
    struct nn_msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    assert_int_equal(lib_ok(nn_recvmsg(t.s, &m, 0)), 3);
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(&m); c; c = NN_CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == NN_WS && c->cmsg_type == NN_WS_MSG_TYPE)
            seen += *NN_CMSG_DATA(c) == NN_WS_MSG_TYPE_BINARY;
        if (c->cmsg_level == NN_TLS && c->cmsg_type == NN_TLS_PEER_ID)
            seen += !memcmp(NN_CMSG_DATA(c), "wss", 3) ? 10 : 0;
    }
    assert_int_equal(seen, 11);
    lib_close(t);
}

static void test_the_wrong_key(void **state)
{
    int *h = need_tls(state);
    struct lib_two t = {sealed(NN_PAIR, h[0]), sealed(NN_PAIR, h[1])};
    char address[160];
    listen_at(t.s, address);
    lib_ok(nn_connect(t.c, address));
    lib_until(lib_stat(t.s, NN_STAT_WRONG_KEY) > 0);
    assert_int_equal(lib_stat(t.s, NN_STAT_ACCEPTED_CONNECTIONS), 0);
    assert_int_equal(lib_stat(t.c, NN_STAT_ESTABLISHED_CONNECTIONS), 0);
    lib_close(t);
}

/* ws and wss never fall back to each other, nor does tls+psk. */
static void test_never_in_the_clear(void **state)
{
    int *h = need_tls(state);
    static const char *const schemes[] = {"ws", "tls+psk", "tcp"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        int s = sealed(NN_PAIR, h[0]), c = sealed(NN_PAIR, h[0]);
        char address[160], other[176];
        listen_at(s, address);
        snprintf(other, sizeof other, "%s%s", schemes[i], strstr(address, "://"));
        lib_set(c, NN_HANDSHAKE_TIMEO, 300);
        lib_ok(nn_connect(c, other));
        lib_until(lib_stat(c, NN_STAT_CONNECT_ERRORS) > 0);
        assert_int_equal(lib_stat(s, NN_STAT_ACCEPTED_CONNECTIONS), 0);
        assert_int_equal(lib_stat(c, NN_STAT_ESTABLISHED_CONNECTIONS), 0);
        lib_ok(nn_close(s));
        lib_ok(nn_close(c));
    }
}

/* New keys in the middle of a stream of messages. */
static void test_rekey(void **state)
{
    int *h = need_tls(state);
    struct lib_two t = {sealed(NN_PAIR, h[0]), sealed(NN_PAIR, h[0])};
    char address[160];
    listen_at(t.s, address);
    lib_ok(nn_connect(t.c, address));
    lib_peers(t.c, 1);
    struct nn_pipe_info info = {.size = sizeof info};
    assert_int_equal(lib_ok(nn_pipes(t.c, &info, 1)), 1);
    assert_memory_equal(info.address, "wss://", 6);
    for (int i = 0; i < 5; i++) {
        lib_send(t.c, "there");
        lib_expect(t.s, "there");
        if (nn_tls_rekey(t.c, info.id, 1) < 0)
            assert_int_equal(nn_errno(), EAGAIN); /* the last one is under way */
        lib_send(t.s, "and back");
        lib_expect(t.c, "and back");
    }
    assert_true(lib_stat(t.c, NN_STAT_REKEYS_SENT) > 0);
    assert_true(lib_stat(t.s, NN_STAT_REKEYS_SENT) > 0);
    lib_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conversation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_wrong_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never_in_the_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rekey, setup, teardown),
    };
    return cmocka_run_group_tests_name("ws_tls", tests, NULL, NULL);
}
