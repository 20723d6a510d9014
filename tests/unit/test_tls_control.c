/* SPDX-License-Identifier: MIT */
/* Records that are not data: key updates in every order, alerts, tickets, floods (A56). First the
 * state machine by itself, then between two live ends. */
#include "base/clock.h"
#include "tls_support.h"

static struct sp_control ctl;

static int fresh(void **state)
{
    (void)state;
    memset(&ctl, 0, sizeof ctl);
    return 0;
}

static int give(int type, const char *bytes, size_t n)
{
    return sp_control_record(&ctl, type, (const uint8_t *)bytes, n, 1);
}

static void test_key_update_without_request(void **state)
{
    (void)state;
    assert_int_equal(give(22, "\x18\0\0\1\0", 5), SP_CONTROL_KEY_UPDATE);
    assert_int_equal(sp_control_take(&ctl), -1);
}

static void test_key_update_with_request_is_answered_without(void **state)
{
    (void)state;
    assert_int_equal(give(22, "\x18\0\0\1\1", 5), SP_CONTROL_KEY_UPDATE);
    assert_int_equal(sp_control_take(&ctl), 0);
    assert_int_equal(sp_control_take(&ctl), -1);
}

static void test_two_requests_get_one_answer(void **state)
{
    (void)state;
    assert_int_equal(give(22, "\x18\0\0\1\1", 5), SP_CONTROL_KEY_UPDATE);
    assert_int_equal(give(22, "\x18\0\0\1\1", 5), SP_CONTROL_KEY_UPDATE);
    assert_int_equal(sp_control_take(&ctl), 0);
    assert_int_equal(sp_control_take(&ctl), -1);
}

static void test_only_one_request_is_outstanding(void **state)
{
    (void)state;
    sp_control_rekey(&ctl, true);
    assert_int_equal(sp_control_take(&ctl), 1);
    sp_control_rekey(&ctl, true);
    assert_int_equal(sp_control_take(&ctl), 0);
    assert_int_equal(give(22, "\x18\0\0\1\0", 5), SP_CONTROL_KEY_UPDATE);
    sp_control_rekey(&ctl, true);
    assert_int_equal(sp_control_take(&ctl), 1);
}

static void test_key_update_may_be_split(void **state)
{
    (void)state;
    assert_int_equal(give(22, "\x18", 1), SP_CONTROL_NONE);
    assert_int_equal(give(22, "\0\0\1", 3), SP_CONTROL_NONE);
    assert_int_equal(give(22, "\1", 1), SP_CONTROL_KEY_UPDATE);
}

static void test_key_update_must_end_its_record(void **state)
{
    (void)state;
    assert_int_equal(give(22, "\x18\0\0\1\0\x18", 6), -EPROTO);
    assert_int_equal(ctl.alert, SP_ALERT_UNEXPECTED_MESSAGE + 1);
}

static void test_malformed_key_updates(void **state)
{
    assert_int_equal(give(22, "\x18\0\0\1\2", 5), -EPROTO);
    assert_int_equal(ctl.alert, SP_ALERT_ILLEGAL_PARAMETER + 1);
    fresh(state);
    assert_int_equal(give(22, "\x18\0\0\2\0\0", 6), -EPROTO);
    fresh(state);
    assert_int_equal(give(22, "\x18\0\0\0", 4), -EPROTO);
}

static void test_eight_key_updates_a_second(void **state)
{
    (void)state;
    const uint8_t ku[5] = {24, 0, 0, 1, 0};
    uint64_t now = 5 * 1000 * SP_MS;
    for (int i = 0; i < 8; i++)
        assert_int_equal(sp_control_record(&ctl, 22, ku, 5, now), SP_CONTROL_KEY_UPDATE);
    assert_int_equal(sp_control_record(&ctl, 22, ku, 5, now + 900 * SP_MS), -EPROTO);
    fresh(state);
    for (int i = 0; i < 100; i++, now += 126 * SP_MS)
        assert_int_equal(sp_control_record(&ctl, 22, ku, 5, now), SP_CONTROL_KEY_UPDATE);
}

static void test_a_client_drops_tickets(void **state)
{
    (void)state;
    static char ticket[3 * 200 + 5];
    ctl.client = true;
    for (int i = 0; i < 3; i++)
        memcpy(ticket + i * 200, "\4\0\0\xc4", 4);
    memcpy(ticket + 600, "\x18\0\0\1\0", 5);
    assert_int_equal(give(22, ticket, 250), SP_CONTROL_NONE);
    assert_int_equal(give(22, ticket + 250, 355), SP_CONTROL_KEY_UPDATE);
}

static void test_a_server_gets_no_tickets(void **state)
{
    (void)state;
    assert_int_equal(give(22, "\4\0\0\1\0", 5), -EPROTO);
}

static void test_other_handshake_messages_are_refused(void **state)
{
    for (int type = 0; type < 256; type++) {
        char msg[5] = {(char)type, 0, 0, 1, 0};
        fresh(state);
        ctl.client = true;
        if (type != 4 && type != 24)
            assert_int_equal(give(22, msg, 5), -EPROTO);
    }
}

static void test_a_ticket_has_a_limit(void **state)
{
    (void)state;
    ctl.client = true;
    assert_int_equal(give(22, "\4\x02\0\1", 4), -EPROTO);
}

static void test_nothing_comes_inside_a_split_message(void **state)
{
    assert_int_equal(give(22, "\x18", 1), SP_CONTROL_NONE);
    assert_int_equal(sp_control_data(&ctl, 5), -EPROTO);
    fresh(state);
    assert_int_equal(give(22, "\x18", 1), SP_CONTROL_NONE);
    assert_int_equal(give(21, "\1\0", 2), -EPROTO);
}

static void test_alerts(void **state)
{
    assert_int_equal(give(21, "\1\0", 2), SP_CONTROL_CLOSED);
    fresh(state);
    assert_int_equal(give(21, "\2\x30", 2), -ECONNRESET);
    assert_int_equal(ctl.reason, SP_REASON_CERTIFICATE);
    assert_int_equal(ctl.alert, 0);
    fresh(state);
    assert_int_equal(give(21, "\2\xff", 2), -ECONNRESET);
    assert_int_equal(ctl.reason, SP_REASON_PROTOCOL);
}

static void test_malformed_alerts(void **state)
{
    assert_int_equal(give(21, "\2", 1), -EPROTO);
    fresh(state);
    assert_int_equal(give(21, "", 0), -EPROTO);
    fresh(state);
    assert_int_equal(give(21, "\1\0\1\0", 4), -EPROTO);
}

static void test_other_types_are_refused(void **state)
{
    for (int type = 0; type < 256; type++) {
        fresh(state);
        if (type < 21 || type > 23)
            assert_int_equal(give(type, "\1\0", 2), -EPROTO);
    }
}

static void test_a56_floods_end(void **state)
{
    for (int i = 0; i < SP_CONTROL_IDLE_MAX; i++)
        assert_int_equal(sp_control_data(&ctl, 0), 0);
    assert_int_equal(sp_control_data(&ctl, 0), -EPROTO);
    fresh(state);
    for (int i = 0; i < SP_CONTROL_IDLE_MAX; i++)
        assert_int_equal(give(21, "\1\x5a", 2), SP_CONTROL_NONE);
    assert_int_equal(give(21, "\1\x5a", 2), -EPROTO);
    fresh(state);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sp_control_data(&ctl, (size_t)i % 2), 0);
}

/* ---- Between two live ends ---- */

static struct link l;
static int client, server;

static int opened(void **state)
{
    (void)state;
    tls_handles(&client, &server);
    link_init(&l);
    link_open(&l, client, server);
    return l.client.rc || l.server.rc;
}

static int closed(void **state)
{
    (void)state;
    link_fini(&l);
    return nn_tls_destroy(client) || nn_tls_destroy(server);
}

static void both_ways(void)
{
    link_carry(&l.client, &l.server, 20000, 65536);
    link_carry(&l.server, &l.client, 20000, 65536);
}

static int rekey(struct side *side, int request)
{
    return side->s->ops->rekey(side->s, request);
}

static void test_rekey_of_ours_only(void **state)
{
    (void)state;
    assert_int_equal(rekey(&l.client, 0), 0);
    assert_int_equal(l.client.s->ops->want(l.client.s), POLLOUT);
    assert_int_equal(rekey(&l.client, 0), -EAGAIN);
    both_ways();
    assert_int_equal(l.client.peer.rekeys_sent, 1);
    assert_int_equal(l.server.peer.rekeys_received, 1);
    assert_int_equal(l.server.peer.rekeys_sent, 0);
}

static void test_rekey_of_both_sides(void **state)
{
    (void)state;
    uint8_t buf[10];
    assert_int_equal(rekey(&l.server, 1), 0);
    assert_int_equal(side_write(&l.server, NULL, 0), 0);
    assert_int_equal(side_read(&l.client, buf, 10), -EAGAIN);
    assert_int_equal(l.client.s->ops->want(l.client.s), POLLOUT);
    both_ways();
    assert_int_equal(l.server.peer.rekeys_sent, 1);
    assert_int_equal(l.server.peer.rekeys_received, 1);
    assert_int_equal(l.client.peer.rekeys_sent, 1);
}

static void test_crossing_rekeys(void **state)
{
    (void)state;
    assert_int_equal(rekey(&l.server, 1), 0);
    assert_int_equal(rekey(&l.client, 1), 0);
    assert_int_equal(side_write(&l.server, NULL, 0), 0);
    assert_int_equal(side_write(&l.client, NULL, 0), 0);
    both_ways();
    both_ways();
    assert_int_equal(l.server.peer.rekeys_received, 2);
    assert_int_equal(l.client.peer.rekeys_received, 2);
}

static void test_rekey_between_the_parts_of_a_message(void **state)
{
    (void)state;
    static uint8_t data[40000], got[40000];
    assert_int_equal(side_write(&l.client, data, 20000), 20000);
    assert_int_equal(rekey(&l.client, 0), 0);
    assert_int_equal(side_write(&l.client, data, 20000), 20000);
    assert_int_equal(side_read(&l.server, got, 40000), 40000);
    assert_memory_equal(data, got, 40000);
}

static void test_a_bit_flipped_in_a_key_update_is_caught(void **state)
{
    (void)state;
    uint8_t buf[10];
    assert_int_equal(rekey(&l.client, 0), 0);
    size_t at = l.up.len;
    assert_int_equal(side_write(&l.client, NULL, 0), 0);
    l.up.b[at + 9] ^= 1;
    assert_int_equal(side_read(&l.server, buf, 10), -EPROTO);
}

static void test_a_flood_of_key_updates_ends_the_connection(void **state)
{
    (void)state;
    uint8_t buf[10];
    for (int i = 0; i < 9; i++) {
        assert_int_equal(rekey(&l.client, 0), 0);
        assert_int_equal(side_write(&l.client, NULL, 0), 0);
    }
    assert_int_equal(side_read(&l.server, buf, 10), -EPROTO);
    assert_string_equal(l.server.peer.detail, "too many key updates");
}

static void test_limits_rekey_by_themselves(void **state)
{
    (void)state;
    static const struct {
        uint64_t records, bytes;
        size_t n;
        unsigned rekeys;
    } row[] = {{2, 0, 5 * 16384, 2}, {0, 16384, 4 * 16384, 3}, {0, 0, 10 * 16384, 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        assert_int_equal(nn_tls_limits(client, row[i].records, row[i].bytes, 0), 0);
        link_again(&l, client, server);
        link_carry(&l.client, &l.server, row[i].n, 65536);
        assert_int_equal(l.client.peer.rekeys_sent, row[i].rekeys);
        assert_int_equal(l.server.peer.rekeys_received, row[i].rekeys);
    }
}

static void test_the_built_in_limit_rekeys(void **state)
{
    (void)state;
    ((struct sp_tls *)l.client.s)->tx.rec.seq = SP_TLS_SOFT_RECORDS - 1;
    ((struct sp_tls *)l.server.s)->rx.rec.seq = SP_TLS_SOFT_RECORDS - 1;
    link_carry(&l.client, &l.server, 40000, 65536);
    assert_int_equal(l.client.peer.rekeys_sent, 1);
}

static void test_a_peer_that_never_rekeys_is_asked_then_left(void **state)
{
    (void)state;
    uint8_t buf[10];
    struct sp_tls *c = (struct sp_tls *)l.client.s, *s = (struct sp_tls *)l.server.s;
    c->tx.max_records = UINT64_MAX;
    c->tx.rec.seq = s->rx.rec.seq = SP_TLS_SOFT_RECORDS - 1;
    link_carry(&l.client, &l.server, 10, 10);
    assert_int_equal(s->base.ops->want(&s->base), POLLOUT);
    c->tx.rec.seq = s->rx.rec.seq = SP_TLS_HARD_RECORDS - 1;
    assert_int_equal(side_write(&l.client, "x", 1), 1);
    assert_int_equal(side_read(&l.server, buf, 10), -EPROTO);
}

static void test_a56_empty_records_end_the_connection(void **state)
{
    (void)state;
    struct sp_tls *c = (struct sp_tls *)l.client.s;
    uint8_t rec[SP_RECORD_OVERHEAD], buf[10];
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(sp_record_seal(&c->tx.rec, SP_TLS_DATA, NULL, 0, rec), sizeof rec);
        wire_put(&l.up, rec, sizeof rec);
    }
    assert_int_equal(side_read(&l.server, buf, 10), -EPROTO);
    assert_true(l.server.peer.records_received <= SP_CONTROL_IDLE_MAX + 1);
}

#define CTL(test)  cmocka_unit_test_setup(test, fresh)
#define LIVE(test) cmocka_unit_test_setup_teardown(test, opened, closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL(test_key_update_without_request),
        CTL(test_key_update_with_request_is_answered_without),
        CTL(test_two_requests_get_one_answer),
        CTL(test_only_one_request_is_outstanding),
        CTL(test_key_update_may_be_split),
        CTL(test_key_update_must_end_its_record),
        CTL(test_malformed_key_updates),
        CTL(test_eight_key_updates_a_second),
        CTL(test_a_client_drops_tickets),
        CTL(test_a_server_gets_no_tickets),
        CTL(test_other_handshake_messages_are_refused),
        CTL(test_a_ticket_has_a_limit),
        CTL(test_nothing_comes_inside_a_split_message),
        CTL(test_alerts),
        CTL(test_malformed_alerts),
        CTL(test_other_types_are_refused),
        CTL(test_a56_floods_end),
        LIVE(test_rekey_of_ours_only),
        LIVE(test_rekey_of_both_sides),
        LIVE(test_crossing_rekeys),
        LIVE(test_rekey_between_the_parts_of_a_message),
        LIVE(test_a_bit_flipped_in_a_key_update_is_caught),
        LIVE(test_a_flood_of_key_updates_ends_the_connection),
        LIVE(test_limits_rekey_by_themselves),
        LIVE(test_the_built_in_limit_rekeys),
        LIVE(test_a_peer_that_never_rekeys_is_asked_then_left),
        LIVE(test_a56_empty_records_end_the_connection),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sp_scratch_fini();
    return rc;
}
