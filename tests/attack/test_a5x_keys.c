/* SPDX-License-Identifier: MIT */
/* A50 to A54: no key, malformed keys, wrong keys, unknown identities, and peers without TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/proxy.h"
#include "support/tlsfield.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- A50 ---- */

static void refused(int s, const char *scheme, int port)
{
    char address[64];
    snprintf(address, sizeof address, "%s://127.0.0.1:0", scheme);
    errno = 0;
    assert_int_equal(nn_bind(s, address), -1);
    assert_int_equal(errno, EACCES);
    snprintf(address, sizeof address, "%s://127.0.0.1:%d", scheme, port);
    errno = 0;
    assert_int_equal(nn_connect(s, address), -1);
    assert_int_equal(errno, EACCES);
}

static void A50_without_keys_nothing_is_bound_or_dialled(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    int port, listener = rp_listen(&port), empty = nn_tls_create();
    int s = rp_socket(NN_REQ);
    refused(s, "tls+psk", port);
    refused(s, "tls+tcp", port);
    rp_tls_use(s, empty); /* a configuration without a key is none */
    refused(s, "tls+psk", port);
    refused(s, "tls+tcp", port);
    assert_int_equal(nn_send(s, "secret", 6, NN_DONTWAIT), 6); /* a request waits for peers */
    assert_true(rp_silent(listener, rp_time(100)));
    rp_assert_served(&t.f, 100);
    nn_close(s);
    nn_tls_destroy(empty);
    close(listener);
    rp_tls_field_close(&t);
}

static void A50_a_key_for_the_other_role_is_none(void **state)
{
    (void)state;
    int port, listener = rp_listen(&port);
    int s = rp_socket(NN_REQ), dial = rp_tls_config("me", NN_TLS_DIAL);
    int accept = rp_tls_config("them", NN_TLS_ACCEPT);
    char address[64];
    rp_watchdog(60);
    rp_tls_use(s, dial);
    assert_int_equal(nn_bind(s, "tls+psk://127.0.0.1:0"), -1);
    assert_int_equal(errno, EACCES);
    rp_tls_use(s, accept);
    snprintf(address, sizeof address, "tls+psk://127.0.0.1:%d", port);
    assert_int_equal(nn_connect(s, address), -1);
    assert_int_equal(errno, EACCES);
    assert_true(rp_silent(listener, rp_time(100)));
    nn_close(s);
    nn_tls_destroy(dial);
    nn_tls_destroy(accept);
    close(listener);
}

/* ---- A51 ---- */

static void A51_malformed_keys_and_identities_are_refused(void **state)
{
    (void)state;
    uint8_t key[NN_TLS_KEY_MAX + 1], same[32];
    char id[NN_TLS_ID_MAX + 1];
    int h = nn_tls_create();
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i + 1);
    memset(same, 7, sizeof same);
    memset(id, 'i', sizeof id);
    const struct {
        size_t id_len, key_len;
        int flags;
    } bad[] = {
        {0, 32, NN_TLS_DIAL},    {sizeof id, 32, NN_TLS_DIAL},
        {4, 0, NN_TLS_DIAL},     {4, NN_TLS_KEY_MIN - 1, NN_TLS_DIAL},
        {4, sizeof key, NN_TLS_DIAL}, {4, SIZE_MAX, NN_TLS_DIAL},
        {SIZE_MAX, 32, NN_TLS_DIAL},  {4, 32, 0},
        {4, 32, NN_TLS_SHARED},       {4, 32, 1024 | NN_TLS_DIAL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        assert_int_equal(nn_tls_psk_add(h, id, bad[i].id_len, key, bad[i].key_len, bad[i].flags), -1);
        assert_int_equal(errno, EINVAL);
    }
    assert_int_equal(nn_tls_psk_add(h, id, 4, same, sizeof same, NN_TLS_DIAL), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(nn_tls_psk_add(h, NULL, 4, key, 32, NN_TLS_DIAL), -1);
    assert_int_equal(nn_tls_psk_add(h, id, 4, NULL, 32, NN_TLS_DIAL), -1);
    assert_int_equal(nn_tls_psk_add(h, id, NN_TLS_ID_MAX, key, NN_TLS_KEY_MAX, NN_TLS_DIAL), 0);
    assert_int_equal(nn_tls_psk_add(h, id, 1, key, NN_TLS_KEY_MIN, NN_TLS_DIAL), 0);
    nn_tls_destroy(h);
}

/* NUL is a byte like any other: an identity that only begins as a known one is unknown. */
static void A51_an_identity_with_NUL_is_compared_whole(void **state)
{
    (void)state;
    struct rp_tls_field t;
    uint8_t key[32];
    char got[8];
    rp_tls_field_open(&t, NN_REP, false);
    rp_tls_key("mallory", key);
    int s = rp_socket(NN_REQ), h = nn_tls_create();
    assert_int_equal(nn_tls_psk_add(h, "mallory\0x", 9, key, 32, NN_TLS_DIAL), 0);
    rp_tls_use(s, h);
    rp_tls_dial(s, t.f.port);
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_UNKNOWN_IDENTITY, 1, rp_time(5000)));
    assert_int_equal(nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS), 0);
    assert_int_equal(nn_tls_psk_add(t.config, "mallory\0x", 9, key, 32, NN_TLS_ACCEPT), 0);
    assert_int_equal(nn_send(s, "q", 1, 0), 1);
    assert_int_equal(nn_recv(s, got, sizeof got, 0), 1);
    rp_assert_served(&t.f, 100);
    nn_close(s);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

/* ---- A52 ---- */

static void A52_a_wrong_key_makes_no_pipe_and_backs_off(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    int s = rp_socket(NN_REQ), h = rp_tls_wrong_config("mallory", NN_TLS_DIAL);
    rp_tls_use(s, h);
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 10);
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL_MAX, 10000);
    rp_tls_dial(s, t.f.port);
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_WRONG_KEY, 3, rp_time(5000)));
    assert_true(rp_stat_reaches(s, NN_STAT_WRONG_KEY, 3, rp_time(5000)));
    assert_non_null(strstr(rp_reason(s), "wrong key"));
    assert_true(nn_get_statistic(s, NN_STAT_CONNECT_ERRORS) >= 3);
    assert_int_equal(nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS), 0);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_CURRENT_CONNECTIONS), 1);
    (void)poll(NULL, 0, rp_time(500)); /* 10, 20, 40, ... ms: not many more */
    assert_in_range(nn_get_statistic(s, NN_STAT_CONNECT_ERRORS), 3, 10);
    rp_assert_served(&t.f, 100);
    nn_close(s);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

/* A server that does not have the victim's key is no server of its. */
static void A52_a_server_with_a_wrong_key_gets_no_client(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_SUB, true);
    int pub = rp_socket(NN_PUB), h = rp_tls_wrong_config("victim", NN_TLS_ACCEPT);
    rp_tls_use(pub, h);
    rp_tls_dial(t.f.victim, rp_tls_bind(pub));
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_WRONG_KEY, 2, rp_time(5000)));
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_CURRENT_CONNECTIONS), 1);
    assert_int_equal(nn_get_statistic(pub, NN_STAT_CURRENT_CONNECTIONS), 0);
    rp_assert_served(&t.f, 100);
    nn_close(pub);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

/* ---- A53 ---- */

static void A53_a_plain_SP_caller_of_a_TLS_port_gets_no_greeting(void **state)
{
    (void)state;
    struct rp_tls_field t;
    uint8_t hello[8], in[64];
    rp_tls_field_open(&t, NN_REP, false);
    for (unsigned i = 0; i < 20; i++) {
        int fd = rp_connect(t.f.port);
        rp_greeting(hello, NN_REQ);
        (void)rp_send(fd, hello, 8);
        (void)rp_frame(fd, "\x80\0\0\1question", 12);
        size_t n = rp_recv(fd, in, sizeof in, rp_time(1000)); /* an alert at most */
        assert_true(n == 0 || (n == 7 && in[0] == 21));
        assert_true(rp_closed(fd, 0));
        close(fd);
    }
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_PROTOCOL, 20, rp_time(1000)));
    assert_non_null(strstr(rp_reason(t.f.victim), "SP without TLS"));
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

static void A53_a_plain_SP_server_that_was_dialled_with_TLS_is_left(void **state)
{
    (void)state;
    struct rp_tls_field t;
    uint8_t hello[8];
    rp_tls_field_open(&t, NN_SUB, true);
    rp_greeting(hello, NN_PUB);
    for (int i = 0; i < 5; i++) {
        int fd = rp_attacker(&t.f);
        (void)rp_send(fd, hello, 8);
        (void)rp_frame(fd, "news", 4);
        assert_true(rp_closed(fd, rp_time(1000)));
        close(fd);
    }
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_PROTOCOL, 5, rp_time(1000)));
    assert_non_null(strstr(rp_reason(t.f.victim), "SP without TLS"));
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

static void A53_sockets_with_and_without_TLS_never_meet(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    int plain = rp_socket(NN_REQ), rep = rp_socket(NN_REP), s = rp_tls_socket(NN_REQ, "mallory");
    rp_dial(plain, t.f.port);
    rp_tls_dial(s, rp_bind(rep));
    assert_true(rp_stat_reaches(plain, NN_STAT_CONNECT_ERRORS, 3, rp_time(5000)));
    assert_true(rp_stat_reaches(s, NN_STAT_CONNECT_ERRORS, 3, rp_time(5000)));
    assert_true(rp_stat_reaches(rep, NN_STAT_PROTOCOL, 1, rp_time(5000)));
    assert_int_equal(nn_get_statistic(plain, NN_STAT_ESTABLISHED_CONNECTIONS), 0);
    assert_int_equal(nn_get_statistic(s, NN_STAT_ESTABLISHED_CONNECTIONS), 0);
    assert_int_equal(nn_get_statistic(rep, NN_STAT_ACCEPTED_CONNECTIONS), 0);
    rp_assert_served(&t.f, 100);
    nn_close(plain);
    nn_close(rep);
    nn_close(s);
    rp_tls_field_close(&t);
}

/* ---- A54 ---- */

struct answer {
    uint8_t b[256];
    size_t len;
};

static bool keep_answer(struct rp_proxy *p, enum rp_way way, int n, uint8_t *record, size_t len)
{
    struct answer *a = p->arg;
    (void)n;
    if (way == RP_DOWN && a->len + len <= sizeof a->b) {
        memcpy(a->b + a->len, record, len);
        a->len += len;
    }
    rp_proxy_put(p, way, record, len);
    return true;
}

/* What the server says to a client of this configuration, until it closes. */
static struct answer answer_to(struct rp_tls_field *t, int h)
{
    struct answer a = {.len = 0};
    struct rp_proxy p = {.target = t->f.port, .fn = keep_answer, .arg = &a, .most = 1};
    rp_proxy_start(&p);
    int s = rp_socket(NN_REQ);
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1000000);
    rp_tls_use(s, h);
    rp_tls_dial(s, p.port);
    assert_true(rp_stat_reaches(s, NN_STAT_CONNECT_ERRORS, 1, rp_time(5000)));
    nn_close(s);
    rp_proxy_stop(&p);
    nn_tls_destroy(h);
    return a;
}

static void A54_an_unknown_identity_and_a_wrong_key_get_the_same_bytes(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    struct answer wrong = answer_to(&t, rp_tls_wrong_config("mallory", NN_TLS_DIAL));
    struct answer unknown = answer_to(&t, rp_tls_config("nobody!", NN_TLS_DIAL));
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_WRONG_KEY), 1);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_UNKNOWN_IDENTITY), 1);
    assert_int_equal(wrong.len, 7);
    assert_int_equal(unknown.len, 7);
    assert_memory_equal(wrong.b, unknown.b, 7);
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A50_without_keys_nothing_is_bound_or_dialled),
        cmocka_unit_test(A50_a_key_for_the_other_role_is_none),
        cmocka_unit_test(A51_malformed_keys_and_identities_are_refused),
        cmocka_unit_test(A51_an_identity_with_NUL_is_compared_whole),
        cmocka_unit_test(A52_a_wrong_key_makes_no_pipe_and_backs_off),
        cmocka_unit_test(A52_a_server_with_a_wrong_key_gets_no_client),
        cmocka_unit_test(A53_a_plain_SP_caller_of_a_TLS_port_gets_no_greeting),
        cmocka_unit_test(A53_a_plain_SP_server_that_was_dialled_with_TLS_is_left),
        cmocka_unit_test(A53_sockets_with_and_without_TLS_never_meet),
        cmocka_unit_test(A54_an_unknown_identity_and_a_wrong_key_get_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
