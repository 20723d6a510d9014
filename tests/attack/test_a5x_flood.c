/* SPDX-License-Identifier: MIT */
/* A56: floods of records that bring nothing, before and after the handshake, and renegotiation. The peer of the second
 * kind has a right key: it is an insider, whom the other peers must not feel either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tlspeer.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>

#define FLOOD 10000
#define DEADLINE_MS rp_time(1000)

/* ---- before the handshake ---- */

/* The same record 10^4 times; closed at the latest at the deadline, and the others are served meanwhile. */
static void knock(struct rp_tls_field *t, const void *record, size_t n)
{
    int64_t start = rp_now();
    int64_t cpu = rp_cpu();
    int fd = rp_attacker(&t->f), i = 0;
    while (i < FLOOD && rp_send_within(fd, record, n, DEADLINE_MS))
        if (++i % 1000 == 0)
            rp_assert_served(&t->f, 100);
    assert_true(rp_closed(fd, 2 * DEADLINE_MS));
    assert_in_range(rp_now() - start, 0, DEADLINE_MS * 13 / 10);
    assert_in_range(rp_cpu() - cpu, 0, DEADLINE_MS);
    rp_assert_served(&t->f, 100);
    close(fd);
}

static void knock_all(bool dials)
{
    static const struct {
        const char *b;
        size_t n;
    } records[] = {
        {"\x16\x03\x01\x00\x00", 5},                 /* handshake, empty */
        {"\x17\x03\x03\x00\x00", 5},                 /* data, empty */
        {"\x14\x03\x03\x00\x01\x01", 6},             /* change_cipher_spec */
        {"\x15\x03\x03\x00\x02\x01\x5a", 7},         /* user_canceled */
        {"\x15\x03\x03\x00\x00", 5},                 /* alert, empty */
        {"\x15\x03\x03\x00\x02\x01\x64", 7},         /* no_renegotiation */
        {"\x16\x03\x01\x00\x04\x00\x00\x00\x00", 9}, /* HelloRequest */
        {"\x16\x03\x01\x00\x01\x01", 6},             /* ClientHello, one byte each */
    };
    struct rp_tls_field t;
    rp_tls_field_sockets(&t, dials ? NN_SUB : NN_REP, dials);
    rp_set(t.f.victim, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, DEADLINE_MS);
    rp_field_start(&t.f);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        knock(&t, records[i].b, records[i].n);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_CURRENT_CONNECTIONS), 1);
    rp_tls_field_close(&t);
}

static void A56_callers_that_flood_before_the_handshake_are_closed(void **state)
{
    (void)state;
    knock_all(false);
}

static void A56_servers_that_flood_before_the_handshake_are_left(void **state)
{
    (void)state;
    knock_all(true);
}

/* ---- behind the handshake ---- */

/* One kind of record; `next`: it changes the key. */
struct flood {
    int type;
    const char *b;
    size_t n;
    bool next;
    unsigned most; /* of them that may be taken */
};

static const struct flood empty_data = {SP_TLS_DATA, "", 0, false, 40};
static const struct flood empty_handshake = {SP_TLS_HANDSHAKE, "", 0, false, 2};
static const struct flood empty_alert = {SP_TLS_ALERT, "", 0, false, 2};
static const struct flood canceled = {SP_TLS_ALERT, "\x01\x5a", 2, false, 40};
static const struct flood key_updates = {SP_TLS_HANDSHAKE, "\x18\0\0\x01\0", 5, true, 12};
static const struct flood key_requests = {SP_TLS_HANDSHAKE, "\x18\0\0\x01\x01", 5, true, 12};
static const struct flood fragments = {SP_TLS_HANDSHAKE, "\x18", 1, false, 8};
static const struct flood hello = {SP_TLS_HANDSHAKE, "\x01\0\0\x02\x03\x03", 6, false, 2};
static const struct flood tickets = {SP_TLS_HANDSHAKE, "\x04\0\0\x01x", 5, false, 40};
static const struct flood ccs = {SP_TLS_CCS, "\x01", 1, false, 2};

/* An insider floods; its connection ends after few of them, with a reason. */
static void insider(bool dials, const struct flood *f)
{
    struct rp_tls_field t;
    struct tlspeer p;
    rp_tls_field_open(&t, dials ? NN_SUB : NN_REP, dials);
    int config = rp_tls_config(dials ? "victim" : "mallory", dials ? NN_TLS_ACCEPT : NN_TLS_DIAL);
    tlspeer_make(&p, rp_attacker(&t.f), config, !dials);
    assert_true(tlspeer_open(&p, t.f.attacker, t.f.protocol));
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(1000)));
    uint64_t before = nn_get_statistic(t.f.victim, NN_STAT_RECORDS_RECEIVED);
    for (int i = 0; i < FLOOD && tlspeer_record(&p, f->type, f->b, f->n); i++)
        if (f->next)
            assert_int_equal(sp_record_next(&((struct sp_tls *)p.s)->tx.rec), 0);
    assert_true(rp_closed(p.fd, rp_time(1000)));
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_PROTOCOL, 1, rp_time(1000)));
    uint64_t taken = nn_get_statistic(t.f.victim, NN_STAT_RECORDS_RECEIVED) - before;
    if (taken > f->most)
        fail_msg("%u records were taken", (unsigned)taken);
    rp_assert_served(&t.f, 100);
    tlspeer_close(&p);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

static void A56_an_insider_s_empty_records_are_bounded(void **state)
{
    (void)state;
    insider(false, &empty_data);
    insider(false, &empty_handshake);
    insider(false, &empty_alert);
    insider(true, &empty_data);
}

static void A56_an_insider_s_alerts_are_bounded(void **state)
{
    (void)state;
    insider(false, &canceled);
    insider(true, &canceled);
}

static void A56_an_insider_s_key_updates_are_bounded(void **state)
{
    (void)state;
    insider(false, &key_updates);
    insider(false, &key_requests);
    insider(true, &key_requests);
}

/* A key for each byte of a long message is no error, since short-lived keys are the sender's right. It costs the
 * insider more than the victim, and the others are served. */
static void A56_a_key_for_each_byte_hurts_nobody(void **state)
{
    (void)state;
    struct rp_tls_field t;
    struct tlspeer p;
    uint8_t head[8], byte = 0x80;
    rp_tls_field_open(&t, NN_REP, false);
    int config = rp_tls_config("mallory", NN_TLS_DIAL);
    tlspeer_make(&p, rp_attacker(&t.f), config, true);
    assert_true(tlspeer_open(&p, NN_REQ, NN_REP));
    rp_head(head, FLOOD / 5);
    assert_true(tlspeer_record(&p, SP_TLS_DATA, head, 8));
    for (int i = 0; i < FLOOD / 5; i++) {
        assert_true(tlspeer_record(&p, SP_TLS_HANDSHAKE, key_updates.b, key_updates.n));
        assert_int_equal(sp_record_next(&((struct sp_tls *)p.s)->tx.rec), 0);
        assert_true(tlspeer_record(&p, SP_TLS_DATA, &byte, 1));
        if (i % 100 == 0)
            rp_assert_served(&t.f, 100);
    }
    assert_int_equal(tlspeer_read(&p, head, 8, rp_time(5000)), 8); /* the answer */
    rp_assert_served(&t.f, 100);
    tlspeer_close(&p);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

static void A56_an_insider_s_fragments_are_bounded(void **state)
{
    (void)state;
    insider(false, &fragments);
    insider(true, &fragments);
}

static void A56_there_is_no_renegotiation(void **state)
{
    (void)state;
    insider(false, &hello);
    insider(true, &hello);
    insider(false, &ccs);
}

static void A56_tickets_are_bounded_and_only_a_server_s(void **state)
{
    (void)state;
    struct flood one = tickets;
    one.most = 2;
    insider(true, &tickets);
    insider(false, &one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A56_callers_that_flood_before_the_handshake_are_closed),
        cmocka_unit_test(A56_servers_that_flood_before_the_handshake_are_left),
        cmocka_unit_test(A56_an_insider_s_empty_records_are_bounded),
        cmocka_unit_test(A56_an_insider_s_alerts_are_bounded),
        cmocka_unit_test(A56_an_insider_s_key_updates_are_bounded),
        cmocka_unit_test(A56_a_key_for_each_byte_hurts_nobody),
        cmocka_unit_test(A56_an_insider_s_fragments_are_bounded),
        cmocka_unit_test(A56_there_is_no_renegotiation),
        cmocka_unit_test(A56_tickets_are_bounded_and_only_a_server_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
