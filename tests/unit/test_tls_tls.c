/* SPDX-License-Identifier: MIT */
/* The TLS stream, whole: handshake and records between two ends in memory. */
#include "tls_support.h"

static void opened(struct link *l, int *client, int *server)
{
    tls_handles(client, server);
    link_init(l);
    link_open(l, *client, *server);
    assert_int_equal(l->client.rc, 0);
    assert_int_equal(l->server.rc, 0);
}

static void closed(struct link *l, int client, int server)
{
    link_fini(l);
    assert_int_equal(nn_tls_destroy(client), 0);
    assert_int_equal(nn_tls_destroy(server), 0);
}

static void test_handshake_tells_identity_and_suite(void **state)
{
    (void)state;
    struct link l;
    int c, s;
    opened(&l, &c, &s);
    assert_int_equal(l.server.peer.id_len, 5);
    assert_memory_equal(l.server.peer.id, "alice", 5);
    assert_int_equal(l.server.peer.tls_version, NN_TLS_1_3);
    assert_int_equal(l.server.peer.tls_suite, SP_TLS_AES_128_GCM);
    assert_int_equal(l.client.peer.tls_suite, SP_TLS_AES_128_GCM);
    closed(&l, c, s);
}

static void test_data_flows_both_ways(void **state)
{
    (void)state;
    struct link l;
    int c, s;
    opened(&l, &c, &s);
    link_carry(&l.client, &l.server, 5, 100);
    link_carry(&l.server, &l.client, 300000, 65536);
    link_carry(&l.client, &l.server, 300000, 1000);
    link_carry(&l.client, &l.server, 1000, 1);
    closed(&l, c, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_tells_identity_and_suite),
        cmocka_unit_test(test_data_flows_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
