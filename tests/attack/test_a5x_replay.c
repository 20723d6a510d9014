/* SPDX-License-Identifier: MIT */
/* A58: a man in the middle who plays a recorded session again, or changes the order of records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/proxy.h"
#include "support/tlsfield.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* What passed in each direction. */
struct tape {
    uint8_t b[2][65536];
    size_t len[2];
};

static bool tape_all(struct rp_proxy *p, enum rp_way way, int n, uint8_t *record, size_t len)
{
    struct tape *t = p->arg;
    (void)n;
    if (t->len[way] + len > sizeof t->b[way])
        return false;
    memcpy(t->b[way] + t->len[way], record, len);
    t->len[way] += len;
    rp_proxy_put(p, way, record, len);
    return true;
}

static void A58_a_client_s_recorded_session_gets_nobody_in(void **state)
{
    (void)state;
    static struct tape tape;
    struct rp_tls_field t;
    char got[16];
    rp_tls_field_open(&t, NN_REP, false);
    struct rp_proxy p = {.target = t.f.port, .fn = tape_all, .arg = &tape};
    rp_proxy_start(&p);
    int s = rp_tls_socket(NN_REQ, "mallory");
    rp_tls_dial(s, p.port);
    assert_int_equal(nn_send(s, "pay 100", 7, 0), 7);
    assert_int_equal(nn_recv(s, got, sizeof got, 0), 7);
    nn_close(s);
    rp_proxy_stop(&p);
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(1000)));
    uint64_t before = nn_get_statistic(t.f.victim, NN_STAT_MESSAGES_RECEIVED);
    uint64_t handshakes = nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES);
    for (int i = 0; i < 20; i++) {
        int fd = rp_connect(t.f.port);
        (void)rp_send(fd, tape.b[RP_UP], tape.len[RP_UP]);
        assert_true(rp_closed(fd, rp_time(1000)));
        close(fd);
    }
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_MESSAGES_RECEIVED), before);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES), handshakes);
    rp_assert_served(&t.f, 100);
    rp_tls_field_close(&t);
}

/* The victim dials a port where first a proxy, then a replaying attacker answers. */
static void A58_a_server_s_recorded_session_fools_no_client(void **state)
{
    (void)state;
    static struct tape tape;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_SUB, true);
    int pub = rp_socket(NN_PUB), config = rp_tls_config("victim", NN_TLS_ACCEPT);
    rp_tls_use(pub, config);
    struct rp_proxy p = {.target = rp_tls_bind(pub), .fn = tape_all, .arg = &tape, .most = 1};
    rp_proxy_start(&p);
    rp_tls_dial(t.f.victim, p.port);
    assert_true(rp_stat_reaches(pub, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(5000)));
    char got[16];
    assert_int_equal(nn_send(pub, "sell", 4, 0), 4);
    assert_int_equal(nn_recv(t.f.victim, got, sizeof got, 0), 4);
    nn_close(pub);
    rp_proxy_stop(&p);
    rp_assert_served(&t.f, 100);
    uint64_t before = nn_get_statistic(t.f.victim, NN_STAT_MESSAGES_RECEIVED);
    uint64_t handshakes = nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES);
    for (int i = 0; i < 5; i++) {
        int fd = rp_attacker(&t.f);
        (void)rp_send(fd, tape.b[RP_DOWN], tape.len[RP_DOWN]);
        assert_true(rp_closed(fd, rp_time(1000)));
        close(fd);
    }
    rp_assert_served(&t.f, 100);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_MESSAGES_RECEIVED), before + 1);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_HANDSHAKES), handshakes);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

/* ---- order ---- */

enum trick { SWAP, TWICE, LOSE };

/* The first message's record is held back, repeated or lost. */
struct juggler {
    enum trick trick;
    int data; /* protected records so far: Finished, greeting, messages */
    uint8_t held[256];
    size_t held_len;
    atomic_bool seen; /* the first message's record came */
};

static bool juggle(struct rp_proxy *p, enum rp_way way, int n, uint8_t *record, size_t len)
{
    struct juggler *j = p->arg;
    (void)n;
    int at = way == RP_UP && record[0] == 23 ? j->data++ : -1;
    if (at == 2) {
        assert_true(len <= sizeof j->held);
        memcpy(j->held, record, len);
        j->held_len = len;
        if (j->trick == TWICE) {
            rp_proxy_put(p, way, record, len);
            rp_proxy_put(p, way, record, len);
        }
        atomic_store(&j->seen, true);
        return true;
    }
    rp_proxy_put(p, way, record, len);
    if (at == 3 && j->trick == SWAP)
        rp_proxy_put(p, way, j->held, j->held_len);
    return true;
}

/* Publishes two messages; gives how many the victim got. */
static int juggled(enum trick trick)
{
    struct rp_tls_field t;
    struct juggler j = {.trick = trick};
    rp_tls_field_open(&t, NN_SUB, false);
    struct rp_proxy p = {.target = t.f.port, .fn = juggle, .arg = &j, .most = 1};
    rp_proxy_start(&p);
    int s = rp_tls_socket(NN_PUB, "mallory");
    rp_tls_dial(s, p.port);
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(5000)));
    assert_true(rp_stat_reaches(s, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_int_equal(nn_send(s, "one", 3, 0), 3);
    while (!atomic_load(&j.seen))
        (void)poll(NULL, 0, 1);
    (void)nn_send(s, "two", 3, 0);
    int got = rp_tls_drain(&t, rp_time(5000));
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_PROTOCOL), 1);
    rp_assert_served(&t.f, 100);
    nn_close(s);
    rp_proxy_stop(&p);
    rp_tls_field_close(&t);
    return got;
}

static void A58_records_in_the_wrong_order_end_the_connection(void **state)
{
    (void)state;
    assert_int_equal(juggled(SWAP), 0);
}

static void A58_a_repeated_record_is_delivered_once_and_ends_the_connection(void **state)
{
    (void)state;
    assert_int_equal(juggled(TWICE), 1);
}

static void A58_a_lost_record_ends_the_connection(void **state)
{
    (void)state;
    assert_int_equal(juggled(LOSE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A58_a_client_s_recorded_session_gets_nobody_in),
        cmocka_unit_test(A58_a_server_s_recorded_session_fools_no_client),
        cmocka_unit_test(A58_records_in_the_wrong_order_end_the_connection),
        cmocka_unit_test(A58_a_repeated_record_is_delivered_once_and_ends_the_connection),
        cmocka_unit_test(A58_a_lost_record_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
