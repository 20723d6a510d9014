/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tlsfield.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT (4 * 66 * 1024) /* buffers for ciphertext that the library keeps */

void rp_tls_key(const char *id, uint8_t key[32])
{
    uint32_t x = 2166136261u;
    for (const char *c = id; *c; c++)
        x = (x ^ (uint8_t)*c) * 16777619u;
    for (int i = 0; i < 32; i++) {
        x = x * 1664525u + 1013904223u;
        key[i] = (uint8_t)(x >> 24);
    }
}

void rp_tls_wrong_key(const char *id, uint8_t key[32])
{
    rp_tls_key(id, key);
    key[31] ^= 1;
}

void rp_tls_add(int h, const char *id, int flags)
{
    uint8_t key[32];
    rp_tls_key(id, key);
    assert_int_equal(nn_tls_psk_add(h, id, strlen(id), key, sizeof key, flags), 0);
}

int rp_tls_config(const char *id, int flags)
{
    int h = nn_tls_create();
    assert_true(h > 0);
    rp_tls_add(h, id, flags);
    return h;
}

int rp_tls_wrong_config(const char *id, int flags)
{
    uint8_t key[32];
    int h = nn_tls_create();
    assert_true(h > 0);
    rp_tls_wrong_key(id, key);
    assert_int_equal(nn_tls_psk_add(h, id, strlen(id), key, sizeof key, flags), 0);
    return h;
}

void rp_tls_use(int s, int h) { rp_set(s, NN_TLS, NN_TLS_CONFIG, h); }

int rp_tls_bind(int s)
{
    char address[192];
    size_t len = sizeof address;
    assert_true(nn_bind(s, "tls+psk://127.0.0.1:0") >= 0);
    assert_int_equal(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), 0);
    return atoi(strrchr(address, ':') + 1);
}

int rp_tls_dial(int s, int port)
{
    char address[64];
    snprintf(address, sizeof address, "tls+psk://127.0.0.1:%d", port);
    int id = nn_connect(s, address);
    assert_true(id >= 0);
    return id;
}

int rp_tls_socket(int protocol, const char *id)
{
    int s = rp_socket(protocol), h = rp_tls_config(id, NN_TLS_DIAL);
    rp_tls_use(s, h);
    assert_int_equal(nn_tls_destroy(h), 0);
    return s;
}

/* What TLS allocates once per process must not count as a leak. */
static void warm_up(void)
{
    static bool warm;
    struct rp_tls_field t;
    if (warm)
        return;
    warm = true;
    rp_tls_field_sockets(&t, NN_REP, false);
    rp_field_start(&t.f);
    nn_close(t.f.victim);
    nn_close(t.f.honest);
    pthread_join(t.f.thread, NULL);
    nn_tls_destroy(t.config);
    nn_tls_destroy(t.other);
    nn_term();
    nn_init();
}

void rp_tls_field_sockets(struct rp_tls_field *t, int protocol, bool dials)
{
    warm_up();
    t->config = rp_tls_config(dials ? "victim" : "honest", dials ? NN_TLS_DIAL : NN_TLS_ACCEPT);
    t->other = rp_tls_config(dials ? "victim" : "honest", dials ? NN_TLS_ACCEPT : NN_TLS_DIAL);
    if (!dials)
        rp_tls_add(t->config, "mallory", NN_TLS_ACCEPT);
    rp_field_sockets(&t->f, protocol, dials);
    t->f.heap += KEPT;
    t->f.bind = rp_tls_bind;
    t->f.dial = rp_tls_dial;
    rp_tls_use(t->f.victim, t->config);
    rp_tls_use(t->f.honest, t->other);
}

void rp_tls_field_open(struct rp_tls_field *t, int protocol, bool dials)
{
    rp_tls_field_sockets(t, protocol, dials);
    rp_field_start(&t->f);
}

void rp_tls_field_close(struct rp_tls_field *t)
{
    rp_field_close(&t->f);
    assert_int_equal(nn_tls_destroy(t->config), 0);
    assert_int_equal(nn_tls_destroy(t->other), 0);
}

int rp_tls_drain(struct rp_tls_field *t, int ms)
{
    char got[64];
    int n = 0;
    int64_t until = rp_now() + ms;
    bool left = true;
    rp_set(t->f.victim, NN_SOL_SOCKET, NN_RCVTIMEO, 10);
    while (left) {
        left = nn_get_statistic(t->f.victim, NN_STAT_CURRENT_CONNECTIONS) > 1;
        while (nn_recv(t->f.victim, got, sizeof got, 0) >= 0)
            n++;
        if (rp_now() > until)
            return -1;
    }
    return n;
}
