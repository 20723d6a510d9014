/* SPDX-License-Identifier: MIT */
/* A20 to A22: topics, hop stacks and request ids that a peer or an application makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- A20 ---- */

#define TOPIC_MAX 1048576
#define STACK ((rp_sanitized() ? 4 : 1) * 131072) /* sanitizers make frames larger */

/* What runs on the small stack; what went wrong, or NULL. */
struct small {
    struct rp_field *f;
    uint8_t *topic;
    const char *wrong;
};

static const char *topics(struct small *x)
{
    static const size_t sizes[] = {65536, 65537, 262144, 1000003, TOPIC_MAX};
    int s = x->f->victim;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, x->topic, sizes[i]) < 0)
            return "subscribe";
    if (nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, x->topic, TOPIC_MAX + 1) == 0 || errno == 0)
        return "a topic above the limit";
    for (int round = 0; round < 2; round++) { /* branches off at both ends */
        x->topic[round ? TOPIC_MAX - 1 : 0] ^= 1;
        if (nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, x->topic, TOPIC_MAX) < 0)
            return "subscribe to a branch";
        if (nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, x->topic, TOPIC_MAX) < 0)
            return "unsubscribe from a branch";
        x->topic[round ? TOPIC_MAX - 1 : 0] ^= 1;
    }
    for (size_t i = 0; i + 1 < sizeof sizes / sizeof *sizes; i++)
        if (nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, x->topic, sizes[i]) < 0)
            return "unsubscribe";
    if (nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "honest", 6) < 0 ||
        nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, "", 0) < 0)
        return "subscribe to the honest peer only";
    return NULL;
}

/* A message that is the longest topic, and one that differs in its last byte. */
static const char *matches(struct small *x, int fd)
{
    x->topic[TOPIC_MAX - 1] ^= 1;
    if (!rp_frame(fd, x->topic, TOPIC_MAX))
        return "send what does not match";
    x->topic[TOPIC_MAX - 1] ^= 1;
    if (!rp_frame(fd, x->topic, TOPIC_MAX))
        return "send what matches";
    void *body;
    if (nn_recv(x->f->victim, &body, NN_MSG, 0) != TOPIC_MAX)
        return "receive";
    bool same = !memcmp(body, x->topic, TOPIC_MAX);
    nn_freemsg(body);
    return same ? NULL : "content";
}

static void *small_main(void *arg)
{
    struct small *x = arg;
    int fd = rp_attacker_open(x->f);
    x->wrong = topics(x);
    if (!x->wrong)
        x->wrong = matches(x, fd);
    if (nn_setsockopt(x->f->victim, NN_SUB, NN_SUB_UNSUBSCRIBE, x->topic, TOPIC_MAX) < 0)
        x->wrong = "unsubscribe at the end";
    close(fd);
    return NULL;
}

static void A20_topics_of_a_megabyte_need_no_stack(void **state)
{
    (void)state;
    struct rp_field f;
    pthread_attr_t a;
    pthread_t t;
    struct small x = {.f = &f, .topic = malloc(TOPIC_MAX + 1)};
    assert_non_null(x.topic);
    for (size_t i = 0; i <= TOPIC_MAX; i++)
        x.topic[i] = (uint8_t)(i * 7 + i / 251);
    rp_field_open(&f, NN_SUB, false);
    assert_int_equal(pthread_attr_init(&a), 0);
    assert_int_equal(pthread_attr_setstacksize(&a, (size_t)STACK), 0);
    assert_int_equal(pthread_create(&t, &a, small_main, &x), 0);
    pthread_join(t, NULL);
    pthread_attr_destroy(&a);
    if (x.wrong)
        fail_msg("%s", x.wrong);
    rp_assert_served(&f, 100);
    rp_field_close(&f);
    free(x.topic);
}

/* ---- A21 ---- */

/* n words without end bit, then `end`, then a body byte. */
static size_t hops(uint8_t *out, int n, bool end)
{
    size_t len = 0;
    for (int i = 0; i < n; i++, len += 4)
        memcpy(out + len, "\0\0\0\1", 4);
    if (end) {
        memcpy(out + len, "\x80\0\0\1", 4);
        len += 4;
    }
    return len;
}

/* A request that is none. Nothing is delivered, nothing answered, others are served, and either the connection ends
 * (`closed`) or it is dropped, counted, and the connection goes on. */
static void misrequest(bool dials, const uint8_t *body, size_t n, bool closed)
{
    struct rp_field f;
    uint8_t back[64];
    rp_field_open(&f, NN_REP, dials);
    int fd = rp_attacker_open(&f);
    uint64_t received = nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED);
    assert_true(rp_frame(fd, body, n));
    if (closed) {
        assert_int_equal(rp_recv(fd, back, 1, rp_time(100)), 0);
        assert_true(rp_closed(fd, rp_time(100)));
        assert_int_equal(nn_get_statistic(f.victim, NN_STAT_PROTOCOL), 1);
    } else {
        assert_true(rp_stat_becomes(f.victim, NN_STAT_MESSAGES_DROPPED_RECV, 1, rp_time(100)));
        assert_true(rp_frame(fd, "\x80\0\0\2x", 5));
        assert_int_equal(rp_unframe(fd, back, sizeof back, rp_time(100)), 5);
        assert_memory_equal(back, "\x80\0\0\2x", 5);
        received++;
    }
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED), received);
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

static void A21_a_request_of_0_to_3_bytes_ends_its_connection(void **state)
{
    (void)state;
    for (size_t n = 0; n < 4; n++) {
        misrequest(false, (const uint8_t *)"\x80\0\0", n, true);
        misrequest(true, (const uint8_t *)"\x80\0\0", n, true);
    }
}

static void A21_a_request_without_end_bit_ends_its_connection(void **state)
{
    (void)state;
    uint8_t body[64];
    for (int n = 1; n < 8; n++)
        misrequest(n % 2, body, hops(body, n, false), true);
    size_t len = hops(body, 3, false);
    memcpy(body + len, "\x80\0", 2); /* half a word with the end bit */
    misrequest(false, body, len + 2, true);
}

static void A21_a_request_with_one_hop_too_many_is_dropped(void **state)
{
    (void)state;
    uint8_t body[64];
    misrequest(false, body, hops(body, 8, true), false); /* NN_MAXTTL is 8, and the end is one too */
    misrequest(true, body, hops(body, 8, true), false);
}

static void A21_a_request_with_all_the_hops_allowed_is_served(void **state)
{
    (void)state;
    struct rp_field f;
    uint8_t body[64], back[64];
    rp_field_open(&f, NN_REP, false);
    int fd = rp_attacker_open(&f);
    size_t n = hops(body, 7, true);
    assert_true(rp_frame(fd, body, n));
    assert_int_equal(rp_unframe(fd, back, sizeof back, rp_time(100)), (intmax_t)n);
    assert_memory_equal(back, body, n);
    close(fd);
    rp_field_close(&f);
}

static void A21_a_request_with_2000_hops_is_dropped(void **state)
{
    (void)state;
    static uint8_t body[8004];
    misrequest(false, body, hops(body, 2000, true), false);
    misrequest(true, body, hops(body, 2000, true), false);
}

static void A21_a_flood_of_bad_requests_does_not_starve_others(void **state)
{
    (void)state;
    struct rp_field f;
    static uint8_t body[8004];
    size_t n = hops(body, 2000, true);
    rp_field_open(&f, NN_REP, false);
    int fd = rp_attacker_open(&f);
    for (int i = 0; i < 2000; i++) {
        assert_true(rp_frame(fd, body, n));
        if (i % 100 == 0)
            rp_assert_served(&f, 100);
    }
    assert_true(rp_stat_becomes(f.victim, NN_STAT_MESSAGES_DROPPED_RECV, 2000, rp_time(1000)));
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

/* ---- A22: a REQ and the answers of a server made by hand ---- */

struct asker {
    int req, fd, listener;
};

/* A REQ with one raw REP; who dials whom is the REQ's choice. */
static void asker_open(struct asker *a, bool dials)
{
    int port;
    rp_watchdog(30);
    a->req = rp_socket(NN_REQ);
    a->listener = -1;
    if (dials) {
        a->listener = rp_listen(&port);
        rp_dial(a->req, port);
        a->fd = rp_accept(a->listener, rp_time(1000));
    } else {
        a->fd = rp_connect(rp_bind(a->req));
    }
    assert_true(a->fd >= 0 && rp_hello(a->fd, NN_REP, NN_REQ, rp_time(1000)));
    assert_true(rp_stat_becomes(a->req, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(1000)));
}

static void asker_close(struct asker *a)
{
    nn_close(a->req);
    close(a->fd);
    if (a->listener >= 0)
        close(a->listener);
}

/* Sends a request and gives its id as it came over the wire. */
static uint32_t ask(struct asker *a, const char *q)
{
    uint8_t b[64];
    assert_int_equal(nn_send(a->req, q, strlen(q), 0), strlen(q));
    assert_int_equal(rp_unframe(a->fd, b, sizeof b, rp_time(1000)), 4 + strlen(q));
    assert_memory_equal(b + 4, q, strlen(q));
    assert_true(b[0] & 0x80);
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void answer(int fd, uint32_t id, const char *text)
{
    uint8_t b[64] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    memcpy(b + 4, text, strlen(text));
    assert_true(rp_frame(fd, b, 4 + strlen(text)));
}

static void assert_answer(int req, const char *text)
{
    char got[64] = "";
    int n = nn_recv(req, got, sizeof got - 1, 0);
    if (n < 0)
        fail_msg("nn_recv: %s", strerror(errno));
    assert_string_equal(got, text);
}

static void forged(bool dials)
{
    struct asker a;
    asker_open(&a, dials);
    uint32_t old = ask(&a, "one");
    answer(a.fd, old, "1");
    assert_answer(a.req, "1");
    uint32_t id = ask(&a, "two");
    answer(a.fd, old, "old");
    answer(a.fd, id + 1, "unknown");
    answer(a.fd, id - 1, "unknown");
    for (uint32_t bit = 0; bit < 31; bit++)
        answer(a.fd, id ^ (UINT32_C(1) << bit), "forged");
    answer(a.fd, id, "2");
    answer(a.fd, id, "duplicate");
    assert_answer(a.req, "2");
    id = ask(&a, "three");
    answer(a.fd, id, "3");
    assert_answer(a.req, "3");
    asker_close(&a);
}

static void A22_only_the_right_id_is_an_answer_for_a_dialler(void **state)
{
    (void)state;
    forged(true);
}

static void A22_only_the_right_id_is_an_answer_for_a_listener(void **state)
{
    (void)state;
    forged(false);
}

static void A22_an_answer_without_a_question_is_not_received(void **state)
{
    (void)state;
    struct asker a;
    asker_open(&a, true);
    answer(a.fd, 0x80000001, "unasked");
    assert_true(rp_stat_becomes(a.req, NN_STAT_MESSAGES_DROPPED_RECV, 1, rp_time(100)));
    char b[8];
    assert_int_equal(nn_recv(a.req, b, sizeof b, NN_DONTWAIT), -1);
    assert_int_equal(errno, EFSM);
    uint32_t id = ask(&a, "q");
    answer(a.fd, id, "a");
    assert_answer(a.req, "a");
    asker_close(&a);
}

static void A22_an_answer_without_an_id_ends_its_connection(void **state)
{
    (void)state;
    for (size_t n = 0; n < 6; n++) {
        struct asker a;
        asker_open(&a, n % 2);
        (void)ask(&a, "q");
        assert_true(rp_frame(a.fd, "\0\0\0\1x", n));
        assert_true(rp_closed(a.fd, rp_time(100)));
        asker_close(&a);
    }
}

/* Only who was asked may answer; the honest server's answer is what is received. */
static void A22_a_peer_that_was_not_asked_cannot_answer(void **state)
{
    (void)state;
    struct asker a;
    asker_open(&a, false);
    char address[192];
    size_t len = sizeof address;
    assert_int_equal(nn_getsockopt(a.req, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), 0);
    uint32_t id = ask(&a, "one"); /* to the first */
    int other = rp_connect(atoi(strrchr(address, ':') + 1));
    assert_true(rp_hello(other, NN_REP, NN_REQ, rp_time(1000)));
    answer(other, id, "forged");
    assert_true(rp_stat_becomes(a.req, NN_STAT_MESSAGES_DROPPED_RECV, 1, rp_time(1000)));
    answer(a.fd, id, "right");
    assert_answer(a.req, "right");
    close(other);
    asker_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A20_topics_of_a_megabyte_need_no_stack),
        cmocka_unit_test(A21_a_request_of_0_to_3_bytes_ends_its_connection),
        cmocka_unit_test(A21_a_request_without_end_bit_ends_its_connection),
        cmocka_unit_test(A21_a_request_with_one_hop_too_many_is_dropped),
        cmocka_unit_test(A21_a_request_with_all_the_hops_allowed_is_served),
        cmocka_unit_test(A21_a_request_with_2000_hops_is_dropped),
        cmocka_unit_test(A21_a_flood_of_bad_requests_does_not_starve_others),
        cmocka_unit_test(A22_only_the_right_id_is_an_answer_for_a_dialler),
        cmocka_unit_test(A22_only_the_right_id_is_an_answer_for_a_listener),
        cmocka_unit_test(A22_an_answer_without_a_question_is_not_received),
        cmocka_unit_test(A22_an_answer_without_an_id_ends_its_connection),
        cmocka_unit_test(A22_a_peer_that_was_not_asked_cannot_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
