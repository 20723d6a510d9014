/* SPDX-License-Identifier: MIT */
/* The TLS stream, whole: its life between two ends in memory. */
#include "tls_support.h"

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

static void test_handshake_tells_identity_and_suite(void **state)
{
    (void)state;
    assert_int_equal(l.server.peer.id_len, 5);
    assert_memory_equal(l.server.peer.id, "alice", 5);
    assert_int_equal(l.server.peer.tls_version, NN_TLS_1_3);
    assert_int_equal(l.server.peer.tls_suite, SP_TLS_AES_128_GCM);
    assert_int_equal(l.client.peer.tls_suite, SP_TLS_AES_128_GCM);
}

static void test_mbedtls_is_gone_after_the_handshake(void **state)
{
    (void)state;
    assert_null(((struct sp_tls *)l.client.s)->start);
    assert_null(((struct sp_tls *)l.server.s)->start);
}

static void test_data_flows_both_ways(void **state)
{
    (void)state;
    link_carry(&l.client, &l.server, 5, 100);
    link_carry(&l.server, &l.client, 300000, 65536);
    link_carry(&l.client, &l.server, 300000, 1000);
    link_carry(&l.client, &l.server, 1000, 1);
}

static void test_a_byte_at_a_time(void **state)
{
    (void)state;
    ((struct mem *)l.client.s->next)->chop = ((struct mem *)l.server.s->next)->chop = 1;
    link_carry(&l.client, &l.server, 3000, 65536);
    link_carry(&l.server, &l.client, 3000, 7);
}

static void test_a_full_kernel_is_pushed_later(void **state)
{
    (void)state;
    static uint8_t data[200000];
    l.up.space = 10000;
    ssize_t n = side_write(&l.client, data, sizeof data);
    assert_true(n > 0 && n < (ssize_t)sizeof data);
    assert_true(l.client.s->ops->want(l.client.s) & POLLOUT);
    assert_int_equal(side_write(&l.client, data, 1), -EAGAIN);
    assert_int_equal(side_write(&l.client, NULL, 0), -EAGAIN);
    l.up.space = SIZE_MAX;
    assert_int_equal(side_write(&l.client, NULL, 0), 0);
    assert_int_equal(l.client.s->ops->want(l.client.s), 0);
}

static void test_64_KiB_are_one_write_below(void **state)
{
    (void)state;
    static uint8_t data[65536];
    size_t before = l.up.calls;
    assert_int_equal(side_write(&l.client, data, sizeof data), sizeof data);
    assert_int_equal(l.up.calls - before, 1);
    assert_int_equal(l.server.s->peer->records_received, 0);
    assert_int_equal(side_read(&l.server, data, sizeof data), sizeof data);
    assert_int_equal(l.server.s->peer->records_received, 4);
    assert_int_equal(l.client.s->peer->records_sent, 4);
}

static void test_an_idle_end_has_no_buffers(void **state)
{
    (void)state;
    struct sp_tls *t = (struct sp_tls *)l.server.s;
    link_carry(&l.client, &l.server, 100000, 65536);
    link_carry(&l.server, &l.client, 100000, 65536);
    assert_null(t->rx.part);
    assert_null(t->rx.plain);
    assert_null(t->tx.stage);
    assert_true(sizeof *t + sizeof *t->secret < 1024);
}

static void test_what_found_no_room_is_announced(void **state)
{
    (void)state;
    uint8_t buf[100] = {0};
    assert_int_equal(side_write(&l.client, buf, 100), 100);
    assert_int_equal(side_read(&l.server, buf, 10), 10);
    assert_true(l.server.s->ops->want(l.server.s) & POLLIN);
    assert_int_equal(side_read(&l.server, buf, 90), 90);
    assert_int_equal(l.server.s->ops->want(l.server.s), 0);
    assert_int_equal(side_read(&l.server, buf, 90), -EAGAIN);
}

static void test_scattered_buffers(void **state)
{
    (void)state;
    char a[3], b[1], c[100];
    struct iovec out[3] = {
        {(void *)(uintptr_t) "he", 2}, {NULL, 0}, {(void *)(uintptr_t) "llo", 3}};
    struct iovec in[4] = {{a, 3}, {NULL, 0}, {b, 1}, {c, 100}};
    assert_int_equal(l.client.s->ops->writev(l.client.s, out, 3), 5);
    assert_int_equal(l.server.s->ops->readv(l.server.s, in, 4), 5);
    assert_memory_equal(a, "hel", 3);
    assert_memory_equal(b, "l", 1);
    assert_memory_equal(c, "o", 1);
}

static void test_many_pieces(void **state)
{
    (void)state;
    struct iovec v[500];
    uint8_t byte[500], got[500];
    for (int i = 0; i < 500; i++) {
        byte[i] = (uint8_t)i;
        v[i] = (struct iovec){&byte[i], 1};
    }
    assert_int_equal(l.client.s->ops->writev(l.client.s, v, 500), 500);
    assert_int_equal(side_read(&l.server, got, 500), 500);
    assert_memory_equal(got, byte, 500);
}

static void test_finish_says_close_notify(void **state)
{
    (void)state;
    uint8_t buf[10];
    assert_int_equal(side_write(&l.client, "bye", 3), 3);
    assert_int_equal(l.client.s->ops->finish(l.client.s), 0);
    assert_int_equal(side_read(&l.server, buf, 10), 3);
    assert_int_equal(side_read(&l.server, buf, 10), 0);
    assert_int_equal(side_read(&l.server, buf, 10), 0);
    assert_string_equal(l.server.peer.detail, "");
    assert_int_equal(side_write(&l.client, "x", 1), -EPIPE);
}

static void test_the_other_direction_survives_finish(void **state)
{
    (void)state;
    assert_int_equal(l.client.s->ops->finish(l.client.s), 0);
    link_carry(&l.server, &l.client, 1000, 100);
}

static void test_an_end_without_close_notify_is_noted(void **state)
{
    (void)state;
    uint8_t buf[10];
    l.up.eof = true;
    assert_int_equal(side_read(&l.server, buf, 10), 0);
    assert_string_equal(l.server.peer.detail, "ended without close_notify");
    assert_int_equal(l.server.peer.reason, SP_REASON_NONE);
}

static void test_an_end_inside_a_record_is_an_error(void **state)
{
    (void)state;
    uint8_t buf[10];
    assert_int_equal(side_write(&l.client, "cut", 3), 3);
    l.up.len--;
    l.up.eof = true;
    assert_int_equal(side_read(&l.server, buf, 10), -ECONNRESET);
    assert_int_equal(l.server.peer.reason, SP_REASON_TRUNCATED);
    assert_int_equal(side_read(&l.server, buf, 10), -ECONNRESET);
}

static void test_close_sends_the_alert_that_is_due(void **state)
{
    (void)state;
    uint8_t buf[10];
    assert_int_equal(side_write(&l.client, "bad", 3), 3);
    l.up.b[l.up.len - 1] ^= 1;
    assert_int_equal(side_read(&l.server, buf, 10), -EPROTO);
    assert_int_equal(l.server.peer.reason, SP_REASON_PROTOCOL);
    l.server.s->ops->close(l.server.s);
    l.server.s = NULL;
    assert_int_equal(side_read(&l.client, buf, 10), -ECONNRESET);
    assert_string_equal(l.client.peer.detail, "the peer could not decrypt a record");
}

static void test_a_failed_write_below_stays(void **state)
{
    (void)state;
    ssize_t rc = 0;
    l.up.eof = true;
    for (int i = 0; i < 20 && rc != -EPIPE; i++)
        rc = side_write(&l.client, "x", 1);
    assert_int_equal(rc, -EPIPE);
    assert_int_equal(side_write(&l.client, "x", 1), -EPIPE);
    assert_int_equal(l.client.s->ops->finish(l.client.s), -EPIPE);
}

static void test_data_may_follow_the_handshake_at_once(void **state)
{
    (void)state;
    uint8_t buf[10];
    struct link k;
    link_init(&k);
    link_side(&k, &k.client, client, true);
    link_side(&k, &k.server, server, false);
    while (k.client.rc == -EAGAIN) {
        k.client.rc = k.client.s->ops->start(k.client.s);
        if (k.client.rc == -EAGAIN)
            k.server.rc = k.server.s->ops->start(k.server.s);
    }
    assert_int_equal(side_write(&k.client, "early", 5), 5);
    while (k.server.rc == -EAGAIN)
        k.server.rc = k.server.s->ops->start(k.server.s);
    assert_int_equal(side_read(&k.server, buf, 10), 5);
    link_fini(&k);
}

static void test_a_silent_peer_costs_little_before_its_hello(void **state)
{
    (void)state;
    struct link k;
    link_init(&k);
    link_side(&k, &k.server, server, false);
    assert_null(((struct sp_tls *)k.server.s)->start->hs);
    assert_int_equal(k.server.s->ops->want(k.server.s), POLLIN);
    link_fini(&k);
}

#define LIFE(test) cmocka_unit_test_setup_teardown(test, opened, closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(test_handshake_tells_identity_and_suite),
        LIFE(test_mbedtls_is_gone_after_the_handshake),
        LIFE(test_data_flows_both_ways),
        LIFE(test_a_byte_at_a_time),
        LIFE(test_a_full_kernel_is_pushed_later),
        LIFE(test_64_KiB_are_one_write_below),
        LIFE(test_an_idle_end_has_no_buffers),
        LIFE(test_what_found_no_room_is_announced),
        LIFE(test_scattered_buffers),
        LIFE(test_many_pieces),
        LIFE(test_finish_says_close_notify),
        LIFE(test_the_other_direction_survives_finish),
        LIFE(test_an_end_without_close_notify_is_noted),
        LIFE(test_an_end_inside_a_record_is_an_error),
        LIFE(test_close_sends_the_alert_that_is_due),
        LIFE(test_a_failed_write_below_stays),
        LIFE(test_data_may_follow_the_handshake_at_once),
        LIFE(test_a_silent_peer_costs_little_before_its_hello),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sp_scratch_fini();
    return rc;
}
