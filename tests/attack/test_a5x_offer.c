/* SPDX-License-Identifier: MIT */
/* A55: offers of something weaker than TLS 1.3 with psk_dhe_ke and an AEAD. Some come from a real client (mbedTLS) that
 * has the right key, so that nothing but the weakness is wrong with them; those it cannot make are written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/tlsfield.h"
#include <errno.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <poll.h>
#include <psa/crypto.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a real client ---- */

struct offer {
    mbedtls_ssl_protocol_version min, max;
    int modes;         /* of TLS 1.3 */
    const int *suites; /* NULL: all */
    const char *id;    /* NULL: no key at all */
};

static int client_send(void *arg, const unsigned char *b, size_t n)
{
    ssize_t k = send(*(int *)arg, b, n, MSG_NOSIGNAL);
    return k >= 0 ? (int)k : errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_CONN_EOF;
}

static int client_recv(void *arg, unsigned char *b, size_t n)
{
    ssize_t k = recv(*(int *)arg, b, n, 0);
    return k >= 0 ? (int)k : errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
}

static void client_conf(mbedtls_ssl_config *conf, const struct offer *o)
{
    uint8_t key[32];
    assert_int_equal(mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT), 0);
#if MBEDTLS_VERSION_MAJOR < 4
    mbedtls_ssl_conf_rng(conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
#endif
    mbedtls_ssl_conf_min_tls_version(conf, o->min);
    mbedtls_ssl_conf_max_tls_version(conf, o->max);
    mbedtls_ssl_conf_tls13_key_exchange_modes(conf, o->modes);
    mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_NONE);
    if (o->suites)
        mbedtls_ssl_conf_ciphersuites(conf, o->suites);
    if (!o->id)
        return;
    rp_tls_key(o->id, key);
    assert_int_equal(mbedtls_ssl_conf_psk(conf, key, sizeof key, (const unsigned char *)o->id, strlen(o->id)), 0);
}

/* A handshake with the victim; 0 or mbedTLS's error. */
static int client_shake(int port, const struct offer *o)
{
    mbedtls_ssl_config conf;
    mbedtls_ssl_context ssl;
    int fd = rp_connect(port), rc;
    int64_t until = rp_now() + rp_time(5000);
    assert_int_equal(psa_crypto_init(), PSA_SUCCESS);
    mbedtls_ssl_config_init(&conf);
    mbedtls_ssl_init(&ssl);
    client_conf(&conf, o);
    assert_int_equal(mbedtls_ssl_setup(&ssl, &conf), 0);
    assert_int_equal(mbedtls_ssl_set_hostname(&ssl, NULL), 0);
    mbedtls_ssl_set_bio(&ssl, &fd, client_send, client_recv, NULL);
    while ((rc = mbedtls_ssl_handshake(&ssl)) == MBEDTLS_ERR_SSL_WANT_READ && rp_now() < until) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)poll(&p, 1, 100);
    }
    if (rc)
        assert_true(rp_closed(fd, rp_time(1000)));
    mbedtls_ssl_free(&ssl);
    mbedtls_ssl_config_free(&conf);
    close(fd);
    return rc;
}

/* The offer fails, and is counted as NO_SUITE; a good one from the same client does not fail. */
static void refused(const struct offer *o)
{
    struct rp_tls_field t;
    const struct offer good = {MBEDTLS_SSL_VERSION_TLS1_3, MBEDTLS_SSL_VERSION_TLS1_3,
                               MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL, NULL, "mallory"};
    rp_tls_field_open(&t, NN_REP, false);
    uint64_t handshakes = nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES);
    int rc = client_shake(t.f.port, o);
    assert_int_not_equal(rc, 0);
    assert_int_not_equal(rc, MBEDTLS_ERR_SSL_WANT_READ);
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_NO_SUITE, 1, rp_time(1000)));
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES), handshakes);
    rp_assert_served(&t.f, 100);
    assert_int_equal(client_shake(t.f.port, &good), 0);
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_HANDSHAKES, handshakes + 1, rp_time(1000)));
    rp_tls_field_close(&t);
}

static void A55_a_key_without_Diffie_Hellman_is_refused(void **state)
{
    (void)state;
    const struct offer o = {MBEDTLS_SSL_VERSION_TLS1_3, MBEDTLS_SSL_VERSION_TLS1_3,
                            MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK, NULL, "mallory"};
    refused(&o);
}

static void A55_Diffie_Hellman_without_a_key_is_refused(void **state)
{
    (void)state;
    const struct offer o = {MBEDTLS_SSL_VERSION_TLS1_3, MBEDTLS_SSL_VERSION_TLS1_3,
                            MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL, NULL, NULL};
    refused(&o);
}

static void A55_TLS_1_2_with_the_right_key_is_refused(void **state)
{
    (void)state;
    const int aead[] = {MBEDTLS_TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256, 0};
    const int cbc[] = {MBEDTLS_TLS_PSK_WITH_AES_128_CBC_SHA, 0};
    struct offer o = {MBEDTLS_SSL_VERSION_TLS1_2, MBEDTLS_SSL_VERSION_TLS1_2, 0, aead, "mallory"};
    refused(&o);
    o.suites = cbc;
    refused(&o);
}

/* ---- by hand ---- */

struct hello {
    uint8_t b[1024];
    size_t len;
};

static void put(struct hello *h, uint64_t v, int n)
{
    while (n--)
        h->b[h->len++] = (uint8_t)(v >> 8 * n);
}

/* Writes the length of what follows `at` into the n bytes before. */
static void sized(struct hello *h, size_t at, int n)
{
    size_t len = h->len - at;
    for (int i = 1; i <= n; i++, len >>= 8)
        h->b[at - (size_t)i] = (uint8_t)len;
}

enum { VERSIONS = 1, SHARE = 2, MODES = 4, PSK = 8 };

static void extensions(struct hello *h, unsigned have, uint16_t version, size_t id_len)
{
    put(h, 0, 2);
    size_t at = h->len;
    if (have & VERSIONS)
        put(h, 0x002b000302, 5), put(h, version, 2);
    put(h, 0x000a00040002001d, 8); /* supported_groups: x25519 */
    if (have & SHARE) {
        put(h, 0x003300260024001d, 8), put(h, 0x0020, 2);
        for (unsigned i = 0; i < 32; i++)
            put(h, i + 9, 1);
    }
    if (have & MODES)
        put(h, 0x002d00020101, 6);
    if (have & PSK) {
        put(h, 0x0029, 2), put(h, id_len + 43, 2), put(h, id_len + 6, 2), put(h, id_len, 2);
        for (size_t i = 0; i < id_len; i++)
            put(h, (uint64_t)"mallory"[i % 7], 1);
        put(h, 0, 4), put(h, 33, 2), put(h, 32, 1); /* age, binders */
        for (unsigned i = 0; i < 32; i++)
            put(h, i, 1);
    }
    sized(h, at, 2);
}

/* A ClientHello of this record version, legacy version, suites and extensions. */
static struct hello client_hello(uint16_t version, const char *suites, size_t n, unsigned have, uint16_t offered,
                                 size_t id_len)
{
    struct hello h = {.len = 0};
    put(&h, 0x160301, 3), put(&h, 0, 2);
    put(&h, 1, 1), put(&h, 0, 3);
    put(&h, version, 2);
    for (unsigned i = 0; i < 32; i++)
        put(&h, i * 7, 1);
    put(&h, 0, 1), put(&h, n, 2);
    for (size_t i = 0; i < n; i++)
        put(&h, (uint8_t)suites[i], 1);
    put(&h, 0x0100, 2);
    if (version > 0x0300)
        extensions(&h, have, offered, id_len);
    sized(&h, 9, 3);
    sized(&h, 5, 2);
    return h;
}

/* Sends it: an alert and the end come, no ServerHello. */
static void hello_refused(struct rp_tls_field *t, const struct hello *h)
{
    uint8_t in[64];
    int fd = rp_connect(t->f.port);
    assert_true(rp_send(fd, h->b, h->len));
    size_t n = rp_recv(fd, in, sizeof in, rp_time(1000));
    assert_int_equal(n, 7);
    assert_int_equal(in[0], 21); /* an alert, */
    assert_int_equal(in[5], 2);  /* fatal */
    assert_true(rp_closed(fd, 0));
    close(fd);
}

static void A55_old_versions_and_weak_suites_are_refused(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    uint64_t handshakes = nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES);
    static const char weak[] = "\x00\x2c" /* PSK NULL SHA */ "\x00\x8a" /* PSK RC4 */ "\x00\x8c" /* PSK AES-CBC */
                               "\x00\x01" /* RSA NULL MD5 */ "\x00\x05" /* RSA RC4 */ "\x00\x34" /* anonymous DH */;
    static const char good[] = "\x13\x01\x13\x03";
    for (uint16_t v = 0x0300; v <= 0x0303; v++) {
        struct hello h = client_hello(v, weak, sizeof weak - 1, 0, 0, 0);
        hello_refused(&t, &h);
        h = client_hello(v, good, 4, SHARE | MODES | PSK, 0, 7); /* no supported_versions: not 1.3 */
        hello_refused(&t, &h);
        h = client_hello(0x0303, good, 4, VERSIONS | SHARE | MODES | PSK, v, 7);
        hello_refused(&t, &h);
    }
    struct hello h = client_hello(0x0303, weak, sizeof weak - 1, VERSIONS | SHARE | MODES | PSK, 0x0304, 7);
    hello_refused(&t, &h);
    h = client_hello(0x0303, "\x13\x04\x13\x05", 4, VERSIONS | SHARE | MODES | PSK, 0x0304, 7); /* CCM */
    hello_refused(&t, &h);
    h = client_hello(0x0303, good, 4, VERSIONS | SHARE, 0x0304, 0); /* certificates only */
    hello_refused(&t, &h);
    h = client_hello(0x0303, good, 4, VERSIONS | SHARE | PSK, 0x0304, 7); /* no key exchange modes */
    hello_refused(&t, &h);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES), handshakes);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_CURRENT_CONNECTIONS), 1);
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

/* A51 from the wire: an identity of no bytes, or of more than 128, is looked up nowhere. */
static void A51_offered_identities_of_a_wrong_length_are_refused(void **state)
{
    (void)state;
    struct rp_tls_field t;
    static const size_t len[] = {0, 1, NN_TLS_ID_MAX, NN_TLS_ID_MAX + 1, 600};
    rp_tls_field_open(&t, NN_REP, false);
    for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
        struct hello h = client_hello(0x0303, "\x13\x01", 2, VERSIONS | SHARE | MODES | PSK, 0x0304, len[i]);
        hello_refused(&t, &h);
    }
    struct hello h = client_hello(0x0303, "\x13\x01", 2, VERSIONS | SHARE | MODES | PSK, 0x0304, 7);
    hello_refused(&t, &h); /* a known one, whose binder is wrong */
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_WRONG_KEY, 1, rp_time(1000)));
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A55_a_key_without_Diffie_Hellman_is_refused),
        cmocka_unit_test(A55_Diffie_Hellman_without_a_key_is_refused),
        cmocka_unit_test(A55_TLS_1_2_with_the_right_key_is_refused),
        cmocka_unit_test(A55_old_versions_and_weak_suites_are_refused),
        cmocka_unit_test(A51_offered_identities_of_a_wrong_length_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
