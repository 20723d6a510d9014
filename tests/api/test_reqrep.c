/* SPDX-License-Identifier: MIT */
/* REQ and REP: cancelling, resending, discarding, states. */
#include "lib.h"
#include <arpa/inet.h>

static char buf[64];

static void resend_every(int s, int ms)
{
    lib_ok(nn_setsockopt(s, NN_REQ, NN_REQ_RESEND_IVL, &ms, sizeof ms));
}

static void a_request_is_answered(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    for (int i = 0; i < 500; i++) {
        snprintf(buf, sizeof buf, "question %d", i);
        lib_send(t.c, buf);
        lib_expect(t.s, buf);
        snprintf(buf, sizeof buf, "answer %d", i);
        lib_send(t.s, buf);
        lib_expect(t.c, buf);
    }
    lib_close(t);
}

static void the_one_who_asks_may_listen(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REQ, NN_REP);
    lib_send(t.s, "q");
    lib_expect(t.c, "q");
    lib_send(t.c, "a");
    lib_expect(t.s, "a");
    lib_close(t);
}

static void receiving_without_a_request_is_efsm(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    lib_fails(nn_recv(t.c, buf, sizeof buf, 0), EFSM);
    lib_fails(nn_recv(t.c, buf, sizeof buf, NN_DONTWAIT), EFSM);
    lib_send(t.c, "q");
    lib_expect(t.s, "q");
    lib_send(t.s, "a");
    lib_expect(t.c, "a");
    lib_fails(nn_recv(t.c, buf, sizeof buf, 0), EFSM);
    lib_close(t);
}

static void answering_without_a_request_is_efsm(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    lib_fails(nn_send(t.s, "a", 1, 0), EFSM);
    lib_fails(nn_send(t.s, "a", 1, NN_DONTWAIT), EFSM);
    lib_send(t.c, "q");
    lib_expect(t.s, "q");
    lib_send(t.s, "a");
    lib_fails(nn_send(t.s, "b", 1, 0), EFSM);
    lib_close(t);
}

static void a_request_waits_for_a_peer(void **state)
{
    (void)state;
    int s = lib_socket(NN_REP), c = lib_socket(NN_REQ);
    lib_send(c, "early");
    lib_join(s, c);
    lib_expect(s, "early");
    lib_send(s, "late");
    lib_expect(c, "late");
    nn_close(c);
    nn_close(s);
}

static void a_second_request_cancels_the_first(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    lib_send(t.c, "first");
    lib_expect(t.s, "first");
    lib_send(t.c, "second");
    lib_send(t.s, "answer to the first");
    lib_expect(t.s, "second");
    lib_send(t.s, "answer to the second");
    lib_expect(t.c, "answer to the second");
    lib_close(t);
}

static void a_request_that_was_not_sent_is_replaced(void **state)
{
    (void)state;
    int s = lib_socket(NN_REP), c = lib_socket(NN_REQ);
    lib_send(c, "first");
    lib_send(c, "second");
    lib_join(s, c);
    lib_expect(s, "second");
    lib_expect_nothing(s);
    nn_close(c);
    nn_close(s);
}

static void a_second_receive_discards_the_request_in_hand(void **state)
{
    (void)state;
    int s = lib_socket(NN_REP), a = lib_socket(NN_REQ), b = lib_socket(NN_REQ);
    lib_join(s, a);
    lib_join(s, b);
    lib_send(a, "from a");
    lib_expect(s, "from a");
    lib_send(b, "from b");
    lib_expect(s, "from b");
    lib_send(s, "to b");
    lib_expect(b, "to b");
    lib_fails(nn_send(s, "to a?", 5, 0), EFSM);
    lib_expect_nothing(a);
    nn_close(a);
    nn_close(b);
    nn_close(s);
}

static void a_receive_that_fails_discards_it_too(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    lib_send(t.c, "q");
    lib_expect(t.s, "q");
    lib_fails(nn_recv(t.s, buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    lib_fails(nn_send(t.s, "a", 1, 0), EFSM);
    lib_close(t);
}

static void a_request_is_resent_after_the_interval(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    resend_every(t.c, 30);
    lib_send(t.c, "again");
    lib_expect(t.s, "again");
    lib_expect(t.s, "again"); /* discards the first */
    lib_send(t.s, "at last");
    lib_expect(t.c, "at last");
    lib_close(t);
}

static void resending_stops_with_the_answer(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    resend_every(t.c, 30);
    lib_send(t.c, "q");
    lib_expect(t.s, "q");
    lib_send(t.s, "a");
    lib_expect(t.c, "a");
    lib_expect_nothing(t.s);
    lib_close(t);
}

static void an_answer_to_an_earlier_sending_counts(void **state)
{
    (void)state;
    int s = lib_socket_in(AF_SP_RAW, NN_REP), c = lib_socket(NN_REQ);
    unsigned char first[128], again[128];
    struct nn_iovec v = {buf, sizeof buf};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = first, .msg_controllen = sizeof first};
    lib_join(s, c);
    resend_every(c, 30);
    lib_send(c, "q");
    lib_ok(nn_recvmsg(s, &h, 0));
    h.msg_control = again;
    lib_ok(nn_recvmsg(s, &h, 0));
    assert_memory_equal(first, again, NN_CMSG_SPACE(sizeof(size_t) + 8));
    h.msg_control = first;
    v.iov_len = 1;
    lib_ok(nn_sendmsg(s, &h, 0));
    lib_expect(c, "q");
    nn_close(c);
    nn_close(s);
}

static void a_request_moves_at_once_when_its_peer_dies(void **state)
{
    (void)state;
    int a = lib_socket(NN_REP), b = lib_socket(NN_REP), c = lib_socket(NN_REQ);
    lib_join(a, c);
    lib_send(c, "moving");
    lib_expect(a, "moving");
    lib_join(b, c);
    lib_ok(nn_close(a)); /* without the answer; the resend interval is a minute */
    lib_expect(b, "moving");
    lib_send(b, "moved");
    lib_expect(c, "moved");
    nn_close(b);
    nn_close(c);
}

static void an_answer_that_came_survives_its_peer(void **state)
{
    (void)state;
    int a = lib_socket(NN_REP), c = lib_socket(NN_REQ);
    lib_join(a, c);
    lib_send(c, "q");
    lib_expect(a, "q");
    lib_send(a, "last words");
    lib_ok(nn_close(a));
    lib_until(lib_stat(c, NN_STAT_BROKEN_CONNECTIONS) == 1);
    lib_expect(c, "last words");
    nn_close(c);
}

static void an_answer_to_a_vanished_peer_is_dropped(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_REP, NN_REQ);
    lib_send(t.c, "q");
    lib_expect(t.s, "q");
    lib_ok(nn_close(t.c));
    lib_peers(t.s, 0);
    lib_send(t.s, "to nobody");
    assert_int_equal(lib_stat(t.s, NN_STAT_MESSAGES_DROPPED_SEND), 1);
    lib_fails(nn_send(t.s, "again", 5, 0), EFSM);
    nn_close(t.s);
}

static void requests_go_round_the_servers(void **state)
{
    (void)state;
    int a = lib_socket(NN_REP), b = lib_socket(NN_REP), c = lib_socket(NN_REQ);
    lib_join(a, c);
    lib_join(b, c);
    for (int i = 0; i < 10; i++) {
        int s = i % 2 ? b : a;
        lib_send(c, "turn");
        lib_expect(s, "turn");
        lib_send(s, "done");
        lib_expect(c, "done");
    }
    nn_close(a);
    nn_close(b);
    nn_close(c);
}

/* ---- NN_MAXTTL ---- */

/* Passes one request or answer from one raw socket to the other. */
static void forward(int from, int to)
{
    unsigned char control[256];
    struct nn_iovec v = {buf, sizeof buf};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    v.iov_len = (size_t)lib_ok(nn_recvmsg(from, &h, 0));
    lib_ok(nn_sendmsg(to, &h, 0));
}

static void ttl(int max_ttl, int arrives)
{
    int front = lib_socket_in(AF_SP_RAW, NN_REP), back = lib_socket_in(AF_SP_RAW, NN_REQ);
    int client = lib_socket(NN_REQ), server = lib_socket(NN_REP);
    lib_set(server, NN_MAXTTL, max_ttl);
    lib_join(front, client);
    lib_join(server, back);
    lib_send(client, "far");
    forward(front, back);
    if (arrives) {
        lib_expect(server, "far");
    } else {
        lib_until(lib_stat(server, NN_STAT_MESSAGES_DROPPED_RECV) == 1);
        lib_expect_nothing(server);
    }
    nn_close(client);
    nn_close(server);
    nn_close(front);
    nn_close(back);
}

static void a_hop_within_the_limit_arrives(void **state)
{
    (void)state;
    ttl(2, 1);
}

static void a_hop_beyond_the_limit_is_dropped(void **state)
{
    (void)state;
    ttl(1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered),
        cmocka_unit_test(the_one_who_asks_may_listen),
        cmocka_unit_test(receiving_without_a_request_is_efsm),
        cmocka_unit_test(answering_without_a_request_is_efsm),
        cmocka_unit_test(a_request_waits_for_a_peer),
        cmocka_unit_test(a_second_request_cancels_the_first),
        cmocka_unit_test(a_request_that_was_not_sent_is_replaced),
        cmocka_unit_test(a_second_receive_discards_the_request_in_hand),
        cmocka_unit_test(a_receive_that_fails_discards_it_too),
        cmocka_unit_test(a_request_is_resent_after_the_interval),
        cmocka_unit_test(resending_stops_with_the_answer),
        cmocka_unit_test(an_answer_to_an_earlier_sending_counts),
        cmocka_unit_test(a_request_moves_at_once_when_its_peer_dies),
        cmocka_unit_test(an_answer_that_came_survives_its_peer),
        cmocka_unit_test(an_answer_to_a_vanished_peer_is_dropped),
        cmocka_unit_test(requests_go_round_the_servers),
        cmocka_unit_test(a_hop_within_the_limit_arrives),
        cmocka_unit_test(a_hop_beyond_the_limit_is_dropped),
    };
    return cmocka_run_group_tests_name("req and rep", tests, NULL, NULL);
}
