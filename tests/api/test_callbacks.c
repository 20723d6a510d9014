/* SPDX-License-Identifier: MIT */
/* What a callback of TLS may do with the socket that it is asked for. */
#include "lib.h"
#include <nanomsg/tls.h>

static const char key[] = "0123456789abcdef0123456789abcdef";
static int server, closed_with, asked;

static int tries_to_close(void *arg, const struct nn_tls_peer *peer)
{
    (void)arg;
    assert_true(peer->idlen == 3 && !memcmp(peer->id, "dev", 3));
    closed_with = nn_close(server) < 0 ? nn_errno() : 0;
    nn_term(); /* would wait for the handshake that waits for us */
    __atomic_store_n(&asked, 1, __ATOMIC_RELEASE);
    return 1; /* yes */
}

static int with_keys(int s, int flags, nn_tls_authorize_fn fn)
{
    int h = nn_tls_create();
    assert_true(h > 0);
    assert_int_equal(nn_tls_psk_add(h, "dev", 3, key, 32, flags), 0);
    if (fn)
        assert_int_equal(nn_tls_authorize(h, fn, NULL), 0);
    assert_int_equal(nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &h, sizeof h), 0);
    assert_int_equal(nn_tls_destroy(h), 0);
    return s;
}

static void closing_the_socket_that_asks_is_edeadlk(void **state)
{
    char address[160], text[8];
    size_t len = sizeof address;
    (void)state;
    server = with_keys(nn_socket(AF_SP, NN_REP), NN_TLS_ACCEPT, tries_to_close);
    int client = with_keys(nn_socket(AF_SP, NN_REQ), NN_TLS_DIAL, NULL);
    assert_true(nn_bind(server, "tls+psk://127.0.0.1:0") > 0);
    assert_int_equal(nn_getsockopt(server, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), 0);
    assert_true(nn_connect(client, address) > 0);
    lib_until(__atomic_load_n(&asked, __ATOMIC_ACQUIRE));
    assert_int_equal(closed_with, EDEADLK);
    assert_int_equal(nn_send(client, "ask", 3, 0), 3);
    assert_int_equal(nn_recv(server, text, sizeof text, 0), 3);
    assert_int_equal(nn_close(client), 0);
    assert_int_equal(nn_close(server), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_the_socket_that_asks_is_edeadlk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
