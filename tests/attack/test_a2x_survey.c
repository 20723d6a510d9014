/* SPDX-License-Identifier: MIT */
/* A21, A23, A31 and A10 for SURVEYOR and RESPONDENT: stacks, ids and times that a peer makes up,
 * and peers that do not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/survey.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE 131072 /* NN_SNDBUF, NN_RCVBUF as they are by default */

/* ---- A21 ---- */

/* n ids without end bit, then the end if wanted. */
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

/* A survey that is none: nothing is delivered, and the connection ends (`closed`) or goes on. */
static void missurvey(bool dials, const uint8_t *body, size_t n, bool closed)
{
    struct rp_field f;
    uint8_t back[64];
    rp_field_open(&f, NN_RESPONDENT, dials);
    int fd = rp_attacker_open(&f);
    uint64_t received = nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED);
    assert_true(rp_frame(fd, body, n));
    if (closed) {
        assert_true(rp_closed(fd, rp_time(1000)));
        assert_int_equal(nn_get_statistic(f.victim, NN_STAT_PROTOCOL), 1);
    } else {
        assert_true(rp_stat_becomes(f.victim, NN_STAT_MESSAGES_DROPPED_RECV, 1, rp_time(1000)));
        assert_true(rp_frame(fd, "\x80\0\0\2x", 5));
        assert_int_equal(rp_unframe(fd, back, sizeof back, rp_time(1000)), 5);
        assert_memory_equal(back, "\x80\0\0\2x", 5);
        received++;
    }
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED), received);
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

static void A21_a_survey_of_0_to_3_bytes_ends_its_connection(void **state)
{
    (void)state;
    for (size_t n = 0; n < 4; n++)
        missurvey(n % 2, (const uint8_t *)"\x80\0\0", n, true);
}

static void A21_a_survey_without_end_bit_ends_its_connection(void **state)
{
    (void)state;
    uint8_t body[64];
    for (int n = 1; n < 8; n += 2)
        missurvey(n % 4 == 1, body, hops(body, n, false), true);
    size_t len = hops(body, 3, false);
    memcpy(body + len, "\x80\0", 2); /* half an id with the end bit */
    missurvey(false, body, len + 2, true);
}

static void A21_surveys_with_too_many_hops_are_dropped(void **state)
{
    (void)state;
    static uint8_t body[8004];
    missurvey(false, body, hops(body, 8, true), false); /* NN_MAXTTL is 8, and the end is one too */
    missurvey(true, body, hops(body, 2000, true), false);
}

static void A21_a_flood_of_bad_surveys_does_not_starve_others(void **state)
{
    (void)state;
    struct rp_field f;
    static uint8_t body[8004];
    size_t n = hops(body, 2000, true);
    rp_field_open(&f, NN_RESPONDENT, false);
    int fd = rp_attacker_open(&f);
    for (int i = 0; i < 1000; i++) {
        assert_true(rp_frame(fd, body, n));
        if (i % 100 == 0)
            rp_assert_served(&f, 100);
    }
    assert_true(rp_stat_becomes(f.victim, NN_STAT_MESSAGES_DROPPED_RECV, 1000, rp_time(2000)));
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

static void A31_answers_that_are_never_read_cost_a_queue(void **state)
{
    (void)state;
    struct rp_field f;
    static uint8_t survey[4 + 1024] = {0x80};
    rp_field_open(&f, NN_RESPONDENT, false);
    int fd = rp_attacker_open(&f);
    size_t before = rp_heap(), most = 0;
    for (int i = 0; i < (rp_sanitized() ? 10000 : 50000); i++) {
        if (!rp_frame(fd, survey, sizeof survey))
            break;
        if (i % 1000 == 0) {
            rp_assert_served(&f, 100);
            most = rp_heap() > most ? rp_heap() : most;
            rp_watchdog(60);
        }
    }
    assert_in_range(most, 0, before + 2 * QUEUE + (1 << 20));
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

/* ---- A23: a SURVEYOR, an honest RESPONDENT, and one made by hand ---- */

struct poll_of {
    int s, honest, fd, listener;
};

static void poll_open(struct poll_of *p, bool dials, int deadline_ms)
{
    int port;
    rp_watchdog(60);
    *p = (struct poll_of){rp_socket(NN_SURVEYOR), rp_socket(NN_RESPONDENT), -1, -1};
    rp_set(p->s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, deadline_ms);
    rp_dial(p->honest, rp_bind(p->s));
    if (dials) {
        p->listener = rp_listen(&port);
        rp_dial(p->s, port);
        p->fd = rp_accept(p->listener, rp_time(2000));
    } else {
        p->fd = rp_connect(rp_bind(p->s));
    }
    assert_true(p->fd >= 0 && rp_hello(p->fd, NN_RESPONDENT, NN_SURVEYOR, rp_time(2000)));
    assert_true(rp_stat_becomes(p->s, NN_STAT_CURRENT_CONNECTIONS, 2, rp_time(2000)));
}

static void poll_close(struct poll_of *p)
{
    nn_close(p->s);
    nn_close(p->honest);
    close(p->fd);
    if (p->listener >= 0)
        close(p->listener);
    rp_watchdog(0);
}

/* Sends a survey; its id as it came over the wire. */
static uint32_t survey(struct poll_of *p, const char *q)
{
    uint8_t b[64];
    assert_int_equal(nn_send(p->s, q, strlen(q), 0), strlen(q));
    assert_int_equal(rp_unframe(p->fd, b, sizeof b, rp_time(2000)), 4 + strlen(q));
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

static void expect(int s, const char *text)
{
    char got[64] = "";
    int n = nn_recv(s, got, sizeof got - 1, 0);
    if (n < 0)
        fail_msg("nn_recv: %s", nn_strerror(errno));
    assert_string_equal(got, text);
}

static void expect_error(int s, int err)
{
    char got[64];
    assert_int_equal(nn_recv(s, got, sizeof got, 0), -1);
    assert_int_equal(errno, err);
}

static void honest_answers(struct poll_of *p, const char *q, const char *a)
{
    expect(p->honest, q);
    assert_int_equal(nn_send(p->honest, a, strlen(a), 0), strlen(a));
}

static void late(bool dials)
{
    struct poll_of p;
    poll_open(&p, dials, 30);
    uint32_t id = survey(&p, "one");
    expect_error(p.s, ETIMEDOUT);
    answer(p.fd, id, "late");
    assert_true(rp_stat_becomes(p.s, NN_STAT_MESSAGES_DROPPED_RECV, 1, rp_time(1000)));
    expect_error(p.s, EFSM);
    rp_set(p.s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, -1);
    uint32_t next = survey(&p, "two");
    answer(p.fd, id, "later");
    expect(p.honest, "one");
    honest_answers(&p, "two", "good");
    expect(p.s, "good");
    answer(p.fd, next, "good, too"); /* the connection lives */
    expect(p.s, "good, too");
    assert_int_equal(nn_get_statistic(p.s, NN_STAT_MESSAGES_DROPPED_RECV), 2);
    poll_close(&p);
}

static void A23_an_answer_after_the_deadline_is_dropped(void **state)
{
    (void)state;
    late(false);
    late(true);
}

static void A23_only_the_right_id_is_an_answer(void **state)
{
    (void)state;
    struct poll_of p;
    poll_open(&p, false, -1);
    uint32_t old = survey(&p, "one");
    honest_answers(&p, "one", "1");
    expect(p.s, "1");
    uint32_t id = survey(&p, "two");
    answer(p.fd, old, "old");
    answer(p.fd, id + 1, "unknown");
    for (uint32_t bit = 0; bit < 31; bit++)
        answer(p.fd, id ^ (UINT32_C(1) << bit), "forged");
    answer(p.fd, id, "right");
    expect(p.s, "right");
    honest_answers(&p, "two", "2");
    expect(p.s, "2");
    poll_close(&p);
}

static void A23_an_answer_without_an_id_ends_its_connection(void **state)
{
    (void)state;
    for (size_t n = 0; n < 6; n++) {
        struct poll_of p;
        poll_open(&p, n % 2, -1);
        (void)survey(&p, "q");
        assert_true(rp_frame(p.fd, "\0\0\0\1x", n));
        assert_true(rp_closed(p.fd, rp_time(1000)));
        honest_answers(&p, "q", "a");
        expect(p.s, "a");
        poll_close(&p);
    }
}

/* Without a survey and while nobody calls nn_recv they cost no memory. */
static void A23_a_flood_of_late_answers_is_thrown_away(void **state)
{
    (void)state;
    struct poll_of p;
    poll_open(&p, false, 20);
    uint32_t id = survey(&p, "one");
    expect(p.honest, "one");
    expect_error(p.s, ETIMEDOUT);
    int n = rp_sanitized() ? 20000 : 200000;
    size_t before = rp_heap(), most = 0;
    for (int i = 0; i < n; i++) {
        answer(p.fd, id, "late and rather long, so that there is something to keep");
        if (i % 1000 == 0)
            most = rp_heap() > most ? rp_heap() : most;
    }
    assert_true(rp_stat_becomes(p.s, NN_STAT_MESSAGES_DROPPED_RECV, (uint64_t)n, rp_time(5000)));
    assert_in_range(most, 0, before + QUEUE + (1 << 20));
    rp_set(p.s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, -1);
    (void)survey(&p, "two");
    honest_answers(&p, "two", "2");
    expect(p.s, "2");
    poll_close(&p);
}

/* As many answers as it likes: the honest one still gets its turn, and memory is bounded. */
static void A31_a_flood_of_answers_leaves_the_others_their_turn(void **state)
{
    (void)state;
    struct poll_of p;
    poll_open(&p, false, -1);
    uint32_t id = survey(&p, "q");
    size_t before = rp_heap();
    static uint8_t many[64 * 1024];
    for (int i = 0; i < 200; i++) { /* until it is not read any more */
        uint8_t head[8];
        for (size_t at = 0; at + 72 <= sizeof many; at += 72) {
            rp_head(head, 64);
            memcpy(many + at, head, 8);
            many[at + 8] = (uint8_t)(id >> 24);
            many[at + 9] = (uint8_t)(id >> 16);
            many[at + 10] = (uint8_t)(id >> 8);
            many[at + 11] = (uint8_t)id;
        }
        if (!rp_send_within(p.fd, many, sizeof many / 72 * 72, rp_time(100)))
            break;
    }
    assert_in_range(rp_heap(), 0, before + 2 * QUEUE + (1 << 20));
    honest_answers(&p, "q", "honest");
    char got[64];
    bool heard = false;
    assert_true(rp_stat_reaches(p.honest, NN_STAT_MESSAGES_SENT, 1, rp_time(1000)));
    for (int i = 0; i < 20000 && !heard; i++) {
        int n = nn_recv(p.s, got, sizeof got, 0);
        assert_true(n > 0);
        heard = n == 6 && !memcmp(got, "honest", 6);
    }
    assert_true(heard);
    poll_close(&p);
}

static void A31_a_respondent_that_never_reads_costs_a_queue_and_no_time(void **state)
{
    (void)state;
    struct poll_of p;
    static char q[1024];
    poll_open(&p, false, -1);
    size_t before = rp_heap(), most = 0;
    int64_t slowest = 0;
    for (int i = 0; i < (rp_sanitized() ? 5000 : 50000); i++) {
        int64_t start = rp_now();
        assert_int_equal(nn_send(p.s, q, sizeof q, 0), sizeof q);
        slowest = rp_now() - start > slowest ? rp_now() - start : slowest;
        if (i % 1000 == 0)
            most = rp_heap() > most ? rp_heap() : most;
    }
    assert_in_range(most, 0, before + 4 * QUEUE + (1 << 20));
    assert_in_range(slowest, 0, rp_time(100));
    assert_true(nn_get_statistic(p.s, NN_STAT_MESSAGES_DROPPED_SEND) > 0);
    poll_close(&p);
}

static void A10_nothing_is_sent_before_the_greeting(void **state)
{
    (void)state;
    struct poll_of p;
    poll_open(&p, false, -1);
    int silent = rp_connect(rp_bind(p.s));
    (void)survey(&p, "secret");
    assert_true(rp_silent(silent, 100));
    close(silent);
    poll_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A21_a_survey_of_0_to_3_bytes_ends_its_connection),
        cmocka_unit_test(A21_a_survey_without_end_bit_ends_its_connection),
        cmocka_unit_test(A21_surveys_with_too_many_hops_are_dropped),
        cmocka_unit_test(A21_a_flood_of_bad_surveys_does_not_starve_others),
        cmocka_unit_test(A31_answers_that_are_never_read_cost_a_queue),
        cmocka_unit_test(A23_an_answer_after_the_deadline_is_dropped),
        cmocka_unit_test(A23_only_the_right_id_is_an_answer),
        cmocka_unit_test(A23_an_answer_without_an_id_ends_its_connection),
        cmocka_unit_test(A23_a_flood_of_late_answers_is_thrown_away),
        cmocka_unit_test(A31_a_flood_of_answers_leaves_the_others_their_turn),
        cmocka_unit_test(A31_a_respondent_that_never_reads_costs_a_queue_and_no_time),
        cmocka_unit_test(A10_nothing_is_sent_before_the_greeting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
