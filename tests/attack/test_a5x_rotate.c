/* SPDX-License-Identifier: MIT */
/* A60 and A61: guessing keys gets slower, and keys change while connected. Also: identities tried in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/tlsfield.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <poll.h>
#include <string.h>

/* ---- A60 ---- */

/* A socket that dials again every 10 ms with this configuration. */
static int knocking(struct rp_tls_field *t, int h)
{
    int s = rp_socket(NN_REQ);
    rp_tls_use(s, h);
    rp_tls_dial(s, t->f.port);
    return s;
}

static bool round_trip(int s)
{
    char got[8];
    return nn_send(s, "q", 1, 0) == 1 && nn_recv(s, got, sizeof got, 0) == 1;
}

/* When the n-th guess was really looked at; the others in between are refused unseen. */
static int64_t looked_at(struct rp_tls_field *t, uint64_t n)
{
    assert_true(rp_stat_reaches(t->f.victim, NN_STAT_WRONG_KEY, n, rp_time(5000)));
    return rp_now();
}

static void A60_guesses_are_looked_at_ever_more_seldom(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_sockets(&t, NN_REP, false);
    rp_set(t.f.victim, NN_TLS, NN_TLS_WRONG_KEYS, 3);
    rp_set(t.f.victim, NN_TLS, NN_TLS_WRONG_KEY_DELAY, 400);
    rp_field_start(&t.f);
    int h = rp_tls_wrong_config("mallory", NN_TLS_DIAL);
    int s = knocking(&t, h);
    int64_t at[7];
    for (unsigned i = 0; i < 7; i++) {
        at[i] = looked_at(&t, i + 1);
        rp_assert_served(&t.f, 100);
    }
    /* Behind the third there are 100 ms, then 200, then 400, which is the limit; clocks are read a little late. */
    assert_true(at[3] - at[2] >= 90);
    assert_true(at[4] - at[3] >= 180);
    assert_true(at[5] - at[4] >= 370);
    assert_true(at[6] - at[5] >= 370);
    assert_in_range(at[6] - at[5], 0, rp_time(800));
    assert_true(nn_get_statistic(t.f.victim, NN_STAT_REFUSED) >= 3);
    nn_close(s);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

/* The brake is on one identity at one address: others pass, and so does the right key when the delay is over. */
static void A60_the_brake_is_on_one_identity(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_sockets(&t, NN_REP, false);
    rp_set(t.f.victim, NN_TLS, NN_TLS_WRONG_KEYS, 1);
    rp_set(t.f.victim, NN_TLS, NN_TLS_WRONG_KEY_DELAY, rp_time(300));
    rp_tls_add(t.config, "bystander", NN_TLS_ACCEPT);
    rp_field_start(&t.f);
    int h = rp_tls_wrong_config("mallory", NN_TLS_DIAL);
    int s = knocking(&t, h);
    (void)looked_at(&t, 3);
    nn_close(s);
    s = rp_tls_socket(NN_REQ, "bystander");
    int64_t start = rp_now();
    rp_tls_dial(s, t.f.port);
    assert_true(round_trip(s));
    assert_in_range(rp_now() - start, 0, rp_time(200));
    nn_close(s);
    uint64_t blocked = nn_get_statistic(t.f.victim, NN_STAT_REFUSED);
    s = rp_tls_socket(NN_REQ, "mallory");
    rp_tls_dial(s, t.f.port);
    assert_true(round_trip(s));
    assert_true(nn_get_statistic(t.f.victim, NN_STAT_REFUSED) >= blocked);
    rp_assert_served(&t.f, 100);
    nn_close(s);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

static void A60_zero_wrong_keys_means_no_brake(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_sockets(&t, NN_REP, false);
    rp_set(t.f.victim, NN_TLS, NN_TLS_WRONG_KEYS, 0);
    rp_field_start(&t.f);
    int h = rp_tls_wrong_config("mallory", NN_TLS_DIAL);
    int s = knocking(&t, h);
    (void)looked_at(&t, 30);
    assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_REFUSED), 0);
    rp_assert_served(&t.f, 100);
    nn_close(s);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

/* ---- A61 ---- */

/* Replaces the victim's key of "mallory" by the wrong one. */
static void rotate(struct rp_tls_field *t)
{
    uint8_t key[32];
    rp_tls_wrong_key("mallory", key);
    assert_int_equal(nn_tls_psk_add(t->config, "mallory", 7, key, sizeof key, NN_TLS_ACCEPT), 0);
}

static void A61_a_new_key_is_for_new_connections_and_old_ones_live_on(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    int old = rp_tls_socket(NN_REQ, "mallory");
    rp_tls_dial(old, t.f.port);
    assert_true(round_trip(old));
    rotate(&t);
    assert_true(round_trip(old));
    int late = rp_tls_socket(NN_REQ, "mallory");
    rp_tls_dial(late, t.f.port);
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_WRONG_KEY, 1, rp_time(5000)));
    assert_int_equal(nn_get_statistic(late, NN_STAT_ESTABLISHED_CONNECTIONS), 0);
    int h = rp_tls_wrong_config("mallory", NN_TLS_DIAL); /* which is the right one now */
    int s = knocking(&t, h);
    assert_true(round_trip(s));
    assert_true(round_trip(old));
    assert_int_equal(nn_get_statistic(old, NN_STAT_ESTABLISHED_CONNECTIONS), 1);
    rp_assert_served(&t.f, 100);
    nn_close(old);
    nn_close(late);
    nn_close(s);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

static void removed(int flags, bool lives)
{
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    int s = rp_tls_socket(NN_REQ, "mallory");
    rp_tls_dial(s, t.f.port);
    assert_true(round_trip(s));
    assert_int_equal(nn_tls_psk_remove(t.config, "mallory", 7, flags), 0);
    if (lives) {
        assert_true(round_trip(s));
        assert_int_equal(nn_get_statistic(s, NN_STAT_ESTABLISHED_CONNECTIONS), 1);
        assert_int_equal(nn_get_statistic(t.f.victim, NN_STAT_CURRENT_CONNECTIONS), 2);
    } else {
        assert_true(rp_stat_becomes(t.f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(1000)));
        assert_true(rp_stat_reaches(t.f.victim, NN_STAT_UNKNOWN_IDENTITY, 1, rp_time(5000)));
        assert_int_equal(nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS), 0);
    }
    int served = rp_served(&t.f);
    assert_true(served >= 0);
    nn_close(s);
    rp_tls_field_close(&t);
}

static void A61_removing_a_key_leaves_its_connections(void **state)
{
    (void)state;
    removed(0, true);
}

static void A61_removing_a_key_can_end_its_connections(void **state)
{
    (void)state;
    removed(NN_TLS_DROP_LIVE, false);
}

/* Keys change all the time while messages flow and peers come and go: nothing breaks but what must. */
static void A61_keys_change_under_load(void **state)
{
    (void)state;
    struct rp_tls_field t;
    uint8_t key[32];
    rp_tls_field_open(&t, NN_REP, false);
    rp_tls_key("mallory", key);
    int s = rp_tls_socket(NN_REQ, "mallory");
    rp_tls_dial(s, t.f.port);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(nn_tls_psk_remove(t.config, "mallory", 7, i % 3 ? 0 : NN_TLS_DROP_LIVE), 0);
        assert_int_equal(nn_tls_psk_add(t.config, "mallory", 7, key, 32, NN_TLS_ACCEPT), 0);
        if (!round_trip(s)) /* the request or its answer may have died with the connection; it is sent again */
            fail_msg("no answer after change %d: %s", i, strerror(errno));
        rp_assert_served(&t.f, 100);
    }
    nn_close(s);
    rp_tls_field_close(&t);
}

/* ---- several identities ---- */

static void identities_of_a_dialler_are_tried_in_turn(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    int s = rp_socket(NN_REQ), h = rp_tls_config("first", NN_TLS_DIAL);
    rp_tls_add(h, "second", NN_TLS_DIAL);
    rp_tls_add(h, "mallory", NN_TLS_DIAL);
    rp_tls_use(s, h);
    rp_tls_dial(s, t.f.port);
    assert_true(round_trip(s));
    assert_in_range(nn_get_statistic(t.f.victim, NN_STAT_UNKNOWN_IDENTITY), 0, 2);
    assert_int_equal(nn_get_statistic(s, NN_STAT_ESTABLISHED_CONNECTIONS), 1);
    rp_assert_served(&t.f, 100);
    nn_close(s);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

/* What a device does at a rotation: it holds the new key, which the server does not know yet, and the old one. */
static void an_identity_that_was_refused_is_tried_again_later(void **state)
{
    (void)state;
    struct rp_tls_field t;
    rp_tls_field_open(&t, NN_REP, false);
    int s = rp_socket(NN_REQ), h = rp_tls_config("mallory", NN_TLS_DIAL);
    rp_tls_add(h, "new", NN_TLS_DIAL);
    rp_tls_use(s, h);
    rp_tls_dial(s, t.f.port);
    assert_true(round_trip(s));
    rp_tls_add(t.config, "new", NN_TLS_ACCEPT);
    assert_int_equal(nn_tls_psk_remove(t.config, "mallory", 7, NN_TLS_DROP_LIVE), 0);
    assert_true(round_trip(s));
    rp_assert_served(&t.f, 100);
    nn_close(s);
    nn_tls_destroy(h);
    rp_tls_field_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A60_guesses_are_looked_at_ever_more_seldom),
        cmocka_unit_test(A60_the_brake_is_on_one_identity),
        cmocka_unit_test(A60_zero_wrong_keys_means_no_brake),
        cmocka_unit_test(A61_a_new_key_is_for_new_connections_and_old_ones_live_on),
        cmocka_unit_test(A61_removing_a_key_leaves_its_connections),
        cmocka_unit_test(A61_removing_a_key_can_end_its_connections),
        cmocka_unit_test(A61_keys_change_under_load),
        cmocka_unit_test(identities_of_a_dialler_are_tried_in_turn),
        cmocka_unit_test(an_identity_that_was_refused_is_tried_again_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
