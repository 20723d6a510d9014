/* SPDX-License-Identifier: MIT */
/* Handshakes that succeed and that fail, with their exact reasons: A51, A52, A54, A60 and what else
 * guards the door. */
#include "tls_support.h"
#include <time.h>

static struct link l;

static int begun(void **state)
{
    (void)state;
    link_init(&l);
    return 0;
}

static int ended(void **state)
{
    (void)state;
    link_fini(&l);
    return 0;
}

/* Opens, then gives both handles up: the streams keep what they need. */
static void open_once(int client, int server)
{
    link_open(&l, client, server);
    assert_int_equal(nn_tls_destroy(client), 0);
    if (server != client)
        assert_int_equal(nn_tls_destroy(server), 0);
}

static void assert_alert(const struct wire *w, int alert)
{
    const uint8_t want[7] = {21, 3, 3, 0, 2, 2, (uint8_t)alert};
    assert_int_equal(w->len, 7);
    assert_memory_equal(w->b, want, 7);
}

static void test_a52_wrong_key_is_refused(void **state)
{
    (void)state;
    open_once(tls_handle("alice", tls_other_key, NN_TLS_DIAL),
              tls_handle("alice", tls_key, NN_TLS_ACCEPT));
    assert_int_equal(l.server.rc, -EACCES);
    assert_int_equal(l.server.peer.reason, SP_REASON_WRONG_KEY);
    assert_int_equal(l.client.rc, -EACCES);
    assert_int_equal(l.client.peer.reason, SP_REASON_WRONG_KEY);
    assert_null(l.server.peer.id);
}

static void test_unknown_identity_is_refused(void **state)
{
    (void)state;
    open_once(tls_handle("mallory", tls_key, NN_TLS_DIAL),
              tls_handle("alice", tls_key, NN_TLS_ACCEPT));
    assert_int_equal(l.server.rc, -EACCES);
    assert_int_equal(l.server.peer.reason, SP_REASON_UNKNOWN_IDENTITY);
    assert_int_equal(l.client.peer.reason, SP_REASON_WRONG_KEY);
    assert_null(l.server.peer.id);
}

static void test_a54_unknown_identity_and_wrong_key_look_the_same(void **state)
{
    (void)state;
    test_a52_wrong_key_is_refused(state);
    assert_alert(&l.down, SP_ALERT_HANDSHAKE_FAILURE);
    link_fini(&l);
    link_init(&l);
    test_unknown_identity_is_refused(state);
    assert_alert(&l.down, SP_ALERT_HANDSHAKE_FAILURE);
}

static void test_an_identity_to_dial_with_only_is_not_accepted(void **state)
{
    (void)state;
    open_once(tls_handle("alice", tls_key, NN_TLS_DIAL), tls_handle("alice", tls_key, NN_TLS_DIAL));
    assert_int_equal(l.server.peer.reason, SP_REASON_REFUSED);
}

static void test_a51_longest_identity_and_key_with_zeros(void **state)
{
    (void)state;
    uint8_t id[NN_TLS_ID_MAX], key[NN_TLS_KEY_MAX];
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(255 - 2 * i);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 7);
    id[3] = id[100] = 0;
    int c = nn_tls_create(), s = nn_tls_create();
    assert_int_equal(nn_tls_psk_add(c, id, sizeof id, key, sizeof key, NN_TLS_DIAL), 0);
    assert_int_equal(nn_tls_psk_add(s, id, sizeof id, key, sizeof key, NN_TLS_ACCEPT), 0);
    open_once(c, s);
    assert_int_equal(l.server.rc, 0);
    assert_int_equal(l.server.peer.id_len, sizeof id);
    assert_memory_equal(l.server.peer.id, id, sizeof id);
}

static void test_identities_that_differ_behind_a_zero_differ(void **state)
{
    (void)state;
    int c = nn_tls_create(), s = nn_tls_create();
    assert_int_equal(nn_tls_psk_add(c, "a\0x", 3, tls_key, 32, NN_TLS_DIAL), 0);
    assert_int_equal(nn_tls_psk_add(s, "a\0y", 3, tls_key, 32, NN_TLS_ACCEPT), 0);
    open_once(c, s);
    assert_int_equal(l.server.peer.reason, SP_REASON_UNKNOWN_IDENTITY);
}

static void test_chacha_when_only_that_is_common(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    assert_int_equal(nn_tls_suites(c, "TLS_CHACHA20_POLY1305_SHA256"), 0);
    open_once(c, s);
    assert_int_equal(l.server.rc, 0);
    assert_int_equal(l.server.peer.tls_suite, SP_TLS_CHACHA20_POLY1305);
    link_carry(&l.client, &l.server, 50000, 20000);
}

static void test_no_common_suite(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    assert_int_equal(nn_tls_suites(c, "TLS_CHACHA20_POLY1305_SHA256"), 0);
    assert_int_equal(nn_tls_suites(s, "TLS_AES_128_GCM_SHA256"), 0);
    open_once(c, s);
    assert_int_equal(l.server.rc, -EPROTO);
    assert_int_equal(l.server.peer.reason, SP_REASON_NO_SUITE);
}

static void test_psk_ke_only_when_both_allow_it(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    assert_int_equal(nn_tls_psk_ke(c, 1), 0);
    assert_int_equal(nn_tls_psk_ke(s, 1), 0);
    open_once(c, s);
    assert_int_equal(l.server.rc, 0);
    link_carry(&l.server, &l.client, 1000, 1000);
}

static void test_own_reflection_is_refused(void **state)
{
    (void)state;
    int h = tls_handle("alice", tls_key, NN_TLS_DIAL | NN_TLS_ACCEPT);
    open_once(h, h);
    assert_int_equal(l.server.rc, -EACCES);
    assert_int_equal(l.server.peer.reason, SP_REASON_REFUSED);
    assert_alert(&l.down, SP_ALERT_HANDSHAKE_FAILURE);
}

static void test_a_shared_identity_may_be_reflected(void **state)
{
    (void)state;
    int h = tls_handle("group", tls_key, NN_TLS_DIAL | NN_TLS_ACCEPT | NN_TLS_SHARED);
    open_once(h, h);
    assert_int_equal(l.server.rc, 0);
}

static void test_a_hub_with_both_roles_accepts_while_it_does_not_dial(void **state)
{
    (void)state;
    open_once(tls_handle("alice", tls_key, NN_TLS_DIAL | NN_TLS_ACCEPT),
              tls_handle("alice", tls_key, NN_TLS_DIAL | NN_TLS_ACCEPT));
    assert_int_equal(l.server.rc, 0);
}

static void test_the_next_identity_after_a_refusal(void **state)
{
    (void)state;
    struct sp_tls_turn turn = {.refs = 1};
    int c = tls_handle("old", tls_key, NN_TLS_DIAL), s = tls_handle("new", tls_key, NN_TLS_ACCEPT);
    assert_int_equal(nn_tls_psk_add(c, "new", 3, tls_key, 32, NN_TLS_DIAL), 0);
    l.client.turn = &turn;
    link_open(&l, c, s);
    assert_int_equal(l.server.peer.reason, SP_REASON_UNKNOWN_IDENTITY);
    link_again(&l, c, s);
    assert_int_equal(l.server.rc, 0);
    assert_memory_equal(l.server.peer.id, "new", 3);
    link_again(&l, c, s);
    assert_int_equal(l.server.rc, 0);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static int ask(void *arg, const void *id, size_t idlen, void *key, size_t *keylen)
{
    ++*(int *)arg;
    if (idlen != 5 || memcmp(id, "alice", 5) != 0 || *keylen < 32)
        return -1;
    memcpy(key, tls_key, 32);
    *keylen = 32;
    return 0;
}

static void test_lookup_callback_finds_keys(void **state)
{
    (void)state;
    int asked = 0, s = nn_tls_create();
    assert_int_equal(nn_tls_psk_lookup(s, ask, &asked), 0);
    open_once(tls_handle("alice", tls_key, NN_TLS_DIAL), s);
    assert_int_equal(l.server.rc, 0);
    assert_int_equal(asked, 1);
    assert_memory_equal(l.server.peer.id, "alice", 5);
}

static void test_lookup_callback_may_know_nobody(void **state)
{
    (void)state;
    int asked = 0, s = nn_tls_create();
    assert_int_equal(nn_tls_psk_lookup(s, ask, &asked), 0);
    open_once(tls_handle("bob", tls_key, NN_TLS_DIAL), s);
    assert_int_equal(l.server.peer.reason, SP_REASON_UNKNOWN_IDENTITY);
    assert_int_equal(asked, 1);
}

static int say(void *arg, const struct nn_tls_peer *peer)
{
    assert_int_equal(peer->size, sizeof *peer);
    assert_int_equal(peer->idlen, 5);
    assert_memory_equal(peer->id, "alice", 5);
    assert_null(peer->cert);
    assert_int_equal(peer->version, NN_TLS_1_3);
    assert_int_equal(strncmp(peer->address, "192.0.2.1:", 10), 0);
    return *(int *)arg;
}

static void test_authorize_may_say_yes(void **state)
{
    (void)state;
    int c, s, word = 1;
    tls_handles(&c, &s);
    assert_int_equal(nn_tls_authorize(s, say, &word), 0);
    open_once(c, s);
    assert_int_equal(l.server.rc, 0);
}

static void test_authorize_may_say_no(void **state)
{
    (void)state;
    int c, s, word = 0;
    uint8_t buf[10];
    tls_handles(&c, &s);
    assert_int_equal(nn_tls_authorize(s, say, &word), 0);
    open_once(c, s);
    assert_int_equal(l.server.rc, -EACCES);
    assert_int_equal(l.server.peer.reason, SP_REASON_REFUSED);
    l.server.s->ops->close(l.server.s);
    l.server.s = NULL;
    assert_int_equal(side_read(&l.client, buf, 10), -ECONNRESET);
    assert_int_equal(l.client.peer.reason, SP_REASON_REFUSED);
}

static void test_a53_plain_sp_is_named(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    link_side(&l, &l.server, s, false);
    wire_put(&l.up, "\0SP\0\0\x10\0\0", 8);
    l.server.rc = l.server.s->ops->start(l.server.s);
    assert_int_equal(l.server.rc, -EPROTO);
    assert_int_equal(l.server.peer.reason, SP_REASON_PROTOCOL);
    assert_string_equal(l.server.peer.detail, "the peer speaks SP without TLS");
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_an_end_during_the_handshake_is_named(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    link_side(&l, &l.client, c, true);
    assert_int_equal(l.client.s->ops->start(l.client.s), -EAGAIN);
    l.down.eof = true;
    assert_int_equal(l.client.s->ops->start(l.client.s), -ECONNRESET);
    assert_int_equal(l.client.peer.reason, SP_REASON_TRUNCATED);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_the_handshake_works_a_byte_at_a_time(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    link_side(&l, &l.client, c, true);
    link_side(&l, &l.server, s, false);
    ((struct mem *)l.client.s->next)->chop = ((struct mem *)l.server.s->next)->chop = 1;
    link_shake(&l);
    assert_int_equal(l.client.rc, 0);
    assert_int_equal(l.server.rc, 0);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_the_handshake_survives_a_full_kernel(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    link_side(&l, &l.client, c, true);
    link_side(&l, &l.server, s, false);
    l.up.space = l.down.space = 16;
    link_shake(&l);
    assert_int_equal(l.client.rc, 0);
    assert_int_equal(l.server.rc, 0);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_a60_wrong_keys_are_braked_and_right_ones_of_others_not(void **state)
{
    (void)state;
    int bad = tls_handle("alice", tls_other_key, NN_TLS_DIAL);
    int good = tls_handle("bob", tls_key, NN_TLS_DIAL);
    int s = tls_handle("alice", tls_key, NN_TLS_ACCEPT);
    assert_int_equal(nn_tls_psk_add(s, "bob", 3, tls_key, 32, NN_TLS_ACCEPT), 0);
    l.wrong_keys = 3;
    l.delay_ms = 1000000;
    link_open(&l, bad, s);
    for (int i = 0; i < 2; i++)
        link_again(&l, bad, s);
    assert_int_equal(l.server.peer.reason, SP_REASON_WRONG_KEY);
    link_again(&l, bad, s);
    assert_int_equal(l.server.peer.reason, SP_REASON_REFUSED);
    assert_alert(&l.down, SP_ALERT_HANDSHAKE_FAILURE);
    link_again(&l, good, s);
    assert_int_equal(l.server.rc, 0);
    nn_tls_destroy(bad);
    nn_tls_destroy(good);
    nn_tls_destroy(s);
}

static void test_a60_no_brake_when_told_so(void **state)
{
    (void)state;
    int bad = tls_handle("alice", tls_other_key, NN_TLS_DIAL);
    int s = tls_handle("alice", tls_key, NN_TLS_ACCEPT);
    l.wrong_keys = 0;
    link_open(&l, bad, s);
    for (int i = 0; i < 12; i++) {
        link_again(&l, bad, s);
        assert_int_equal(l.server.peer.reason, SP_REASON_WRONG_KEY);
    }
    nn_tls_destroy(bad);
    nn_tls_destroy(s);
}

static void test_a61_a_changed_key_counts_for_new_connections_only(void **state)
{
    (void)state;
    int c, s;
    struct link old;
    tls_handles(&c, &s);
    link_init(&old);
    link_open(&old, c, s);
    assert_int_equal(old.server.rc, 0);
    assert_int_equal(nn_tls_psk_add(s, "alice", 5, tls_other_key, 32, NN_TLS_ACCEPT), 0);
    link_open(&l, c, s);
    assert_int_equal(l.server.peer.reason, SP_REASON_WRONG_KEY);
    assert_int_equal(nn_tls_psk_add(c, "alice", 5, tls_other_key, 32, NN_TLS_DIAL), 0);
    link_again(&l, c, s);
    assert_int_equal(l.server.rc, 0);
    link_carry(&old.client, &old.server, 1000, 1000);
    link_fini(&old);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_removal_can_end_live_connections(void **state)
{
    (void)state;
    int c, s;
    uint8_t buf[10];
    tls_handles(&c, &s);
    link_open(&l, c, s);
    assert_int_equal(side_write(&l.client, "late", 4), 4);
    assert_int_equal(nn_tls_psk_remove(s, "alice", 5, NN_TLS_DROP_LIVE), 0);
    assert_int_equal(side_read(&l.server, buf, 10), -ECONNABORTED);
    assert_int_equal(l.server.peer.reason, SP_REASON_REFUSED);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_removal_leaves_live_connections_by_default(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    link_open(&l, c, s);
    assert_int_equal(nn_tls_psk_remove(s, "alice", 5, 0), 0);
    link_carry(&l.client, &l.server, 1000, 1000);
    assert_int_equal(nn_tls_psk_remove(s, "alice", 5, NN_TLS_DROP_LIVE), 0);
    assert_int_equal(nn_tls_psk_remove(s, "alice", 5, NN_TLS_DROP_LIVE), -1);
    assert_int_equal(errno, ENOENT);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_a_key_removed_during_the_handshake_does_not_count(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    link_side(&l, &l.client, c, true);
    link_side(&l, &l.server, s, false);
    l.client.rc = l.client.s->ops->start(l.client.s);
    l.server.rc = l.server.s->ops->start(l.server.s);
    assert_int_equal(l.server.rc, -EAGAIN);
    assert_true(l.down.len > 7);
    assert_int_equal(nn_tls_psk_remove(s, "alice", 5, NN_TLS_DROP_LIVE), 0);
    link_shake(&l);
    assert_int_equal(l.server.rc, -EACCES);
    assert_int_equal(l.server.peer.reason, SP_REASON_REFUSED);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_no_key_left_to_dial_with(void **state)
{
    (void)state;
    int c, s;
    tls_handles(&c, &s);
    link_side(&l, &l.client, c, true);
    assert_int_equal(nn_tls_psk_remove(c, "alice", 5, 0), 0);
    assert_int_equal(l.client.s->ops->start(l.client.s), -EACCES);
    assert_int_equal(l.client.peer.reason, SP_REASON_REFUSED);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

#include "tls_timing.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return timing();
    const struct CMUnitTest tests[] = {
        DOOR(test_a52_wrong_key_is_refused),
        DOOR(test_unknown_identity_is_refused),
        DOOR(test_a54_unknown_identity_and_wrong_key_look_the_same),
        DOOR(test_an_identity_to_dial_with_only_is_not_accepted),
        DOOR(test_a51_longest_identity_and_key_with_zeros),
        DOOR(test_identities_that_differ_behind_a_zero_differ),
        DOOR(test_chacha_when_only_that_is_common),
        DOOR(test_no_common_suite),
        DOOR(test_psk_ke_only_when_both_allow_it),
        DOOR(test_own_reflection_is_refused),
        DOOR(test_a_shared_identity_may_be_reflected),
        DOOR(test_a_hub_with_both_roles_accepts_while_it_does_not_dial),
        DOOR(test_the_next_identity_after_a_refusal),
        DOOR(test_lookup_callback_finds_keys),
        DOOR(test_lookup_callback_may_know_nobody),
        DOOR(test_authorize_may_say_yes),
        DOOR(test_authorize_may_say_no),
        DOOR(test_a53_plain_sp_is_named),
        DOOR(test_an_end_during_the_handshake_is_named),
        DOOR(test_the_handshake_works_a_byte_at_a_time),
        DOOR(test_the_handshake_survives_a_full_kernel),
        DOOR(test_a60_wrong_keys_are_braked_and_right_ones_of_others_not),
        DOOR(test_a60_no_brake_when_told_so),
        DOOR(test_a61_a_changed_key_counts_for_new_connections_only),
        DOOR(test_removal_can_end_live_connections),
        DOOR(test_removal_leaves_live_connections_by_default),
        DOOR(test_a_key_removed_during_the_handshake_does_not_count),
        DOOR(test_no_key_left_to_dial_with),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sp_scratch_fini();
    return rc;
}
