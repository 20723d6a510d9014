/* SPDX-License-Identifier: MIT */
/* A57: a man in the middle who changes one bit, or cuts the connection. Each byte of a handshake and of the first
 * records, in both directions, is the one changed in a connection of its own: nothing may be delivered over it. */
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
#include <stdlib.h>
#include <string.h>

#define STRIDE (rp_sanitized() ? 13u : 1u)

/* The byte to change. */
struct flip {
    enum rp_way way;
    size_t at;      /* offset in all records of the direction */
    size_t seen[2]; /* bytes of records before this one */
    bool done;      /* it went by */
    bool legacy;    /* and is one of those that nobody may look at: see flip_is_legacy */
};

/* TLS 1.3 says to ignore the version of a record, and change_cipher_spec means nothing. */
static bool flip_is_legacy(const uint8_t *record, size_t i)
{
    return i == 1 || i == 2 || record[0] == 20;
}

static bool flip_one(struct rp_proxy *p, enum rp_way way, int n, uint8_t *record, size_t len)
{
    struct flip *f = p->arg;
    (void)n;
    if (way == f->way && f->at >= f->seen[way] && f->at - f->seen[way] < len) {
        size_t i = f->at - f->seen[way];
        f->done = p->armed = true;
        f->legacy = flip_is_legacy(record, i);
        record[i] ^= (uint8_t)(1u << f->at % 8);
    }
    f->seen[way] += len;
    rp_proxy_put(p, way, record, len);
    return true;
}

/* A request over the proxy's only connection. Whether the answer came. */
static bool round_trip(struct rp_proxy *p)
{
    char got[16];
    int n = -1, s = rp_tls_socket(NN_REQ, "mallory");
    rp_set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1000000);
    rp_set(s, NN_SOL_SOCKET, NN_RCVTIMEO, 2);
    rp_tls_dial(s, p->port);
    while (!atomic_load(&p->done) && !nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS))
        (void)poll(NULL, 0, 1);
    if (nn_send(s, "question", 8, NN_DONTWAIT) == 8)
        while (n < 0 && !atomic_load(&p->done))
            n = nn_recv(s, got, sizeof got, 0);
    if (n >= 0) {
        assert_int_equal(n, 8);
        assert_memory_equal(got, "question", 8);
    }
    nn_close(s);
    return n >= 0;
}

/* Changes a byte; what becomes of the connection is in *f, and whether the answer came is given. */
static bool shot(struct rp_tls_field *t, struct flip *f)
{
    struct rp_proxy p = {.target = t->f.port, .fn = flip_one, .arg = f, .quiet_ms = rp_time(25)};
    rp_proxy_start(&p);
    bool came = round_trip(&p);
    rp_proxy_stop(&p);
    return came;
}

static void flip_all(enum rp_way way)
{
    struct rp_tls_field t;
    unsigned tolerated = 0, tried = 0;
    rp_tls_field_sockets(&t, NN_REP, false);
    rp_set(t.f.victim, NN_TLS, NN_TLS_WRONG_KEYS, 0);
    rp_field_start(&t.f);
    struct flip none = {.way = way, .at = SIZE_MAX};
    assert_true(shot(&t, &none));
    assert_true(none.seen[way] > 300);
    for (size_t at = 0; at < none.seen[way]; at += STRIDE, tried++) {
        struct flip f = {.way = way, .at = at};
        uint64_t before = nn_get_statistic(t.f.victim, NN_STAT_MESSAGES_RECEIVED);
        rp_watchdog(60);
        bool came = shot(&t, &f);
        uint64_t got = nn_get_statistic(t.f.victim, NN_STAT_MESSAGES_RECEIVED) - before;
        if (!f.done && !f.legacy)
            fail_msg("byte %zu did not go by", at);
        if (!f.legacy && (came || (way == RP_UP && got)))
            fail_msg("byte %zu was changed, and a message came", at);
        tolerated += came;
        if (at % 64 < STRIDE)
            rp_assert_served(&t.f, 100);
    }
    assert_true(tolerated * 8 < tried);
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

static void A57_no_bit_changed_on_the_way_up_is_survived(void **state)
{
    (void)state;
    flip_all(RP_UP);
}

static void A57_no_bit_changed_on_the_way_down_is_survived(void **state)
{
    (void)state;
    flip_all(RP_DOWN);
}

/* ---- truncation ---- */

#define BODY 40000 /* three records */

struct cut {
    int record;  /* which one with data after the greeting, from 0 */
    size_t keep; /* bytes of it that still pass; SIZE_MAX: all */
    int data;    /* protected records so far: Finished, greeting, message */
};

static bool cut_off(struct rp_proxy *p, enum rp_way way, int n, uint8_t *record, size_t len)
{
    struct cut *c = p->arg;
    (void)n;
    bool here = way == RP_UP && record[0] == 23 && c->data++ == 2 + c->record;
    rp_proxy_put(p, way, record, here && c->keep < len ? c->keep : len);
    return !here;
}

/* Publishes a message of three records over a proxy that cuts. Gives how often the end was a truncation, and whether
 * the message arrived. */
static uint64_t truncated(int record, size_t keep, bool *delivered)
{
    struct rp_tls_field t;
    static char body[BODY];
    struct cut c = {.record = record, .keep = keep};
    rp_tls_field_open(&t, NN_SUB, false);
    struct rp_proxy p = {.target = t.f.port, .fn = cut_off, .arg = &c, .most = 1};
    rp_proxy_start(&p);
    int s = rp_tls_socket(NN_PUB, "mallory");
    rp_tls_dial(s, p.port);
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(5000)));
    assert_true(rp_stat_reaches(s, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_int_equal(nn_send(s, body, sizeof body, 0), sizeof body);
    int got = rp_tls_drain(&t, rp_time(5000));
    assert_in_range(got, 0, 1);
    *delivered = got == 1;
    uint64_t n = nn_get_statistic(t.f.victim, NN_STAT_TRUNCATED);
    rp_assert_served(&t.f, 100);
    nn_close(s);
    rp_proxy_stop(&p);
    rp_tls_field_close(&t);
    return n;
}

static void A57_an_end_inside_a_record_is_a_truncation(void **state)
{
    (void)state;
    const size_t keep[] = {1, 4, 5, 100, 16384 + 5};
    bool delivered;
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++) {
        assert_int_equal(truncated(i % 3 == 2, keep[i], &delivered), 1);
        assert_false(delivered);
    }
}

static void A57_an_end_between_the_records_of_a_message_is_a_truncation(void **state)
{
    (void)state;
    bool delivered;
    for (int record = 0; record < 2; record++) {
        assert_int_equal(truncated(record, SIZE_MAX, &delivered), 1);
        assert_false(delivered);
    }
}

static void A57_an_end_between_messages_is_none(void **state)
{
    (void)state;
    bool delivered;
    assert_int_equal(truncated(2, SIZE_MAX, &delivered), 0);
    assert_true(delivered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A57_no_bit_changed_on_the_way_up_is_survived),
        cmocka_unit_test(A57_no_bit_changed_on_the_way_down_is_survived),
        cmocka_unit_test(A57_an_end_inside_a_record_is_a_truncation),
        cmocka_unit_test(A57_an_end_between_the_records_of_a_message_is_a_truncation),
        cmocka_unit_test(A57_an_end_between_messages_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
