/* SPDX-License-Identifier: MIT */
/* SURVEYOR and RESPONDENT: answers of many, the deadline, surveys that replace each other, states.
 */
#include "lib.h"
#include "support/stress.h"
#include <nanomsg/survey.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#define MANY 3

static char buf[64];

struct survey {
    int s, r[MANY], n; /* the surveyor, n respondents */
};

static void set_deadline(int s, int ms)
{
    lib_ok(nn_setsockopt(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &ms, sizeof ms));
}

/* A surveyor with n respondents, and surveys that last for ever. */
static struct survey open_survey(int n)
{
    struct survey t = {.s = lib_socket(NN_SURVEYOR), .n = n};
    set_deadline(t.s, -1);
    for (int i = 0; i < n; i++) {
        t.r[i] = lib_socket(NN_RESPONDENT);
        lib_join(t.s, t.r[i]);
    }
    return t;
}

static void close_survey(struct survey *t)
{
    for (int i = 0; i < t->n; i++)
        lib_ok(nn_close(t->r[i]));
    lib_ok(nn_close(t->s));
}

/* Waits for the survey's ETIMEDOUT; nothing else may come. The ms since `start`. */
static int64_t expect_the_end(int s, int64_t start)
{
    lib_fails(st_within(LIB_PATIENCE_MS, nn_recv(s, buf, sizeof buf, 0)), ETIMEDOUT);
    return lib_now_ms() - start;
}

static void one_answers(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    for (int i = 0; i < 300; i++) {
        snprintf(buf, sizeof buf, "question %d", i);
        lib_send(t.s, buf);
        lib_expect(t.r[0], buf);
        snprintf(buf, sizeof buf, "answer %d", i);
        lib_send(t.r[0], buf);
        lib_expect(t.s, buf);
    }
    close_survey(&t);
}

static void three_answer(void **state)
{
    (void)state;
    struct survey t = open_survey(MANY);
    lib_send(t.s, "who?");
    for (int i = 0; i < MANY; i++) {
        lib_expect(t.r[i], "who?");
        snprintf(buf, sizeof buf, "%d", i);
        lib_send(t.r[i], buf);
    }
    int seen = 0;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(lib_ok(nn_recv(t.s, buf, sizeof buf, 0)), 1);
        seen |= 1 << (buf[0] - '0');
    }
    assert_int_equal(seen, (1 << MANY) - 1);
    lib_fails(nn_recv(t.s, buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    close_survey(&t);
}

static void some_keep_silent(void **state)
{
    (void)state;
    struct survey t = open_survey(MANY);
    set_deadline(t.s, st_time(500));
    lib_send(t.s, "who?");
    for (int i = 0; i < MANY; i++)
        lib_expect(t.r[i], "who?");
    lib_send(t.r[1], "me");
    lib_expect(t.s, "me");
    (void)expect_the_end(t.s, 0);
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), EFSM);
    close_survey(&t);
}

static void with_nobody_there_is_only_the_deadline(void **state)
{
    (void)state;
    struct survey t = open_survey(0);
    set_deadline(t.s, 50);
    int64_t start = lib_now_ms();
    lib_send(t.s, "anybody?");
    assert_in_range(expect_the_end(t.s, start), 50, 50 + LIB_PATIENCE_MS / 2);
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), EFSM);
    lib_fails(nn_recv(t.s, buf, sizeof buf, NN_DONTWAIT), EFSM);
    close_survey(&t);
}

static void the_deadline_is_exact(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    set_deadline(t.s, 200);
    int64_t best = LIB_PATIENCE_MS;
    for (int i = 0; i < 3; i++) { /* a loaded machine may be late now and then, never early */
        int64_t start = lib_now_ms();
        lib_send(t.s, "q");
        int64_t took = expect_the_end(t.s, start);
        assert_in_range(took, 199, LIB_PATIENCE_MS);
        best = took < best ? took : best;
    }
    assert_in_range(best, 199, st_time(240));
    close_survey(&t);
}

/* Without a call of this socket, whoever leads the loop or nobody. */
static void the_end_is_told_whenever_it_is_asked_for(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    set_deadline(t.s, 20);
    lib_send(t.s, "q");
    assert_int_equal(lib_poll(t.s, NN_POLLIN | NN_POLLOUT, 0), NN_POLLOUT);
    lib_pause(30);
    lib_fails(nn_recv(t.s, buf, sizeof buf, NN_DONTWAIT), ETIMEDOUT);
    lib_fails(nn_recv(t.s, buf, sizeof buf, NN_DONTWAIT), EFSM);
    close_survey(&t);
}

static void without_a_survey_receiving_is_efsm(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), EFSM);
    lib_fails(nn_recv(t.s, buf, sizeof buf, NN_DONTWAIT), EFSM);
    close_survey(&t);
}

static void a_shorter_receive_timeout_leaves_the_survey_open(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    lib_send(t.s, "q");
    lib_expect(t.r[0], "q");
    lib_set(t.s, NN_RCVTIMEO, 20);
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), ETIMEDOUT);
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), ETIMEDOUT);
    lib_fails(nn_recv(t.s, buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    lib_set(t.s, NN_RCVTIMEO, LIB_PATIENCE_MS);
    lib_send(t.r[0], "a");
    lib_expect(t.s, "a");
    close_survey(&t);
}

static void a_new_survey_ends_the_one_before(void **state)
{
    (void)state;
    struct survey t = open_survey(2);
    lib_send(t.s, "1");
    lib_expect(t.r[0], "1");
    lib_expect(t.r[1], "1");
    lib_send(t.r[0], "to 1");
    lib_until(lib_poll(t.s, NN_POLLIN, 0) == NN_POLLIN); /* it is here, and not received */
    lib_send(t.s, "2");
    lib_send(t.r[1], "late to 1");
    lib_until(lib_poll(t.s, NN_POLLOUT, 0) && lib_stat(t.s, NN_STAT_MESSAGES_DROPPED_RECV) == 2);
    lib_expect(t.r[0], "2");
    lib_send(t.r[0], "to 2");
    lib_expect(t.s, "to 2");
    lib_fails(nn_recv(t.s, buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    close_survey(&t);
}

static void an_answer_after_the_deadline_is_dropped_and_counted(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    set_deadline(t.s, 20);
    lib_send(t.s, "q");
    lib_expect(t.r[0], "q");
    (void)expect_the_end(t.s, 0);
    lib_send(t.r[0], "late");
    lib_until(lib_poll(t.s, NN_POLLOUT, 0) && lib_stat(t.s, NN_STAT_MESSAGES_DROPPED_RECV) == 1);
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), EFSM);
    set_deadline(t.s, -1);
    lib_send(t.s, "next");
    lib_expect(t.r[0], "next");
    lib_send(t.r[0], "in time");
    lib_expect(t.s, "in time");
    close_survey(&t);
}

static void a_new_deadline_is_for_later_surveys(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    lib_send(t.s, "q");
    set_deadline(t.s, 0);
    lib_expect(t.r[0], "q");
    lib_send(t.r[0], "a");
    lib_expect(t.s, "a");
    lib_send(t.s, "q");
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), ETIMEDOUT);
    close_survey(&t);
}

static void a_respondent_answers_what_it_has_received(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    lib_fails(nn_send(t.r[0], "a", 1, 0), EFSM);
    lib_send(t.s, "q");
    assert_int_equal(lib_poll(t.r[0], NN_POLLIN | NN_POLLOUT, LIB_PATIENCE_MS), NN_POLLIN);
    lib_fails(nn_send(t.r[0], "a", 1, 0), EFSM);
    lib_expect(t.r[0], "q");
    assert_int_equal(lib_poll(t.r[0], NN_POLLIN | NN_POLLOUT, 0), NN_POLLOUT);
    lib_send(t.r[0], "a");
    lib_fails(nn_send(t.r[0], "a", 1, 0), EFSM);
    lib_expect(t.s, "a");
    lib_fails(nn_recv(t.r[0], buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    close_survey(&t);
}

static void receiving_again_gives_the_survey_in_hand_up(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    lib_send(t.s, "q");
    lib_expect(t.r[0], "q");
    lib_fails(nn_recv(t.r[0], buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    lib_fails(nn_send(t.r[0], "a", 1, 0), EFSM);
    close_survey(&t);
}

static void an_answer_to_a_vanished_surveyor_is_dropped_and_counted(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    lib_send(t.s, "q");
    lib_expect(t.r[0], "q");
    lib_ok(nn_close(t.s));
    lib_peers(t.r[0], 0);
    lib_send(t.r[0], "a");
    assert_int_equal(lib_stat(t.r[0], NN_STAT_MESSAGES_DROPPED_SEND), 1);
    lib_ok(nn_close(t.r[0]));
}

static void an_answer_that_came_survives_its_respondent(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    lib_send(t.s, "q");
    lib_expect(t.r[0], "q");
    lib_send(t.r[0], "last words");
    lib_ok(nn_close(t.r[0]));
    lib_until(lib_poll(t.s, NN_POLLIN, 0) == NN_POLLIN);
    lib_expect(t.s, "last words");
    lib_ok(nn_close(t.s));
}

static void poll_tells_when_receiving_does_not_wait(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    const int both = NN_POLLIN | NN_POLLOUT;
    assert_int_equal(lib_poll(t.s, both, 0), both); /* EFSM does not wait either */
    lib_send(t.s, "q");
    assert_int_equal(lib_poll(t.s, both, 0), NN_POLLOUT);
    lib_expect(t.r[0], "q");
    lib_send(t.r[0], "a");
    assert_int_equal(lib_poll(t.s, NN_POLLIN, LIB_PATIENCE_MS), NN_POLLIN);
    lib_expect(t.s, "a");
    assert_int_equal(lib_poll(t.s, both, 0), NN_POLLOUT);
    set_deadline(t.s, 30);
    lib_send(t.s, "q");
    assert_int_equal(lib_poll(t.s, NN_POLLIN, LIB_PATIENCE_MS), NN_POLLIN); /* ETIMEDOUT */
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), ETIMEDOUT);
    assert_int_equal(lib_poll(t.s, both, 0), both);
    close_survey(&t);
}

/* Whether an event descriptor polls readable within ms. */
static bool shows(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

static void the_event_descriptor_tells_of_the_deadline(void **state)
{
    (void)state;
    struct survey t = open_survey(1);
    int fd = lib_get(t.s, NN_RCVFD);
    assert_true(shows(fd, 0));
    set_deadline(t.s, 50);
    lib_send(t.s, "q");
    assert_false(shows(fd, 0));
    assert_true(shows(fd, LIB_PATIENCE_MS));
    lib_fails(nn_recv(t.s, buf, sizeof buf, 0), ETIMEDOUT);
    close_survey(&t);
}

static void *receive(void *arg)
{
    static __thread char got[16];
    errno = 0;
    int n = nn_recv(*(int *)arg, got, sizeof got, 0);
    return (void *)(intptr_t)(n < 0 ? -nn_errno() : n);
}

static void of_two_who_wait_one_hears_of_the_deadline(void **state)
{
    (void)state;
    struct survey t = open_survey(0);
    pthread_t a, b;
    void *got[2];
    set_deadline(t.s, 50);
    lib_send(t.s, "q");
    assert_int_equal(pthread_create(&a, NULL, receive, &t.s), 0);
    assert_int_equal(pthread_create(&b, NULL, receive, &t.s), 0);
    int slot = st_begin("join", __func__, st_time(LIB_PATIENCE_MS));
    pthread_join(a, &got[0]);
    pthread_join(b, &got[1]);
    st_end(slot);
    int first = -(int)(intptr_t)got[0], second = -(int)(intptr_t)got[1];
    assert_true((first == ETIMEDOUT && second == EFSM) || (first == EFSM && second == ETIMEDOUT));
    close_survey(&t);
}

static void the_deadline_is_the_cooked_surveyors_option(void **state)
{
    (void)state;
    int s = lib_socket(NN_SURVEYOR), raw = lib_socket_in(AF_SP_RAW, NN_SURVEYOR), v = -7;
    int r = lib_socket(NN_RESPONDENT);
    size_t len = sizeof v;
    lib_ok(nn_getsockopt(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &v, &len));
    assert_int_equal(v, 1000);
    lib_fails(nn_setsockopt(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &v, 1), EINVAL);
    lib_fails(nn_setsockopt(s, NN_SURVEYOR, 2, &v, sizeof v), ENOPROTOOPT);
    lib_fails(nn_setsockopt(raw, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &v, sizeof v), ENOPROTOOPT);
    lib_fails(nn_setsockopt(r, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &v, sizeof v), ENOPROTOOPT);
    nn_close(s);
    nn_close(raw);
    nn_close(r);
}

static void a_full_respondent_misses_surveys_and_others_do_not(void **state)
{
    (void)state;
    struct survey t = open_survey(2);
    static char big[60000];
    int64_t end = lib_now_ms() + LIB_PATIENCE_MS;
    int served = 0;
    while (lib_stat(t.s, NN_STAT_MESSAGES_DROPPED_SEND) == 0) { /* r[0] never reads */
        assert_true(lib_now_ms() < end);
        assert_int_equal(lib_ok(nn_send(t.s, big, sizeof big, 0)), (int)sizeof big);
        assert_int_equal(lib_ok(nn_recv(t.r[1], buf, sizeof buf, 0)), (int)sizeof big);
        lib_send(t.r[1], "a");
        lib_expect(t.s, "a");
        served++;
    }
    assert_true(served > 1);
    close_survey(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_answers),
        cmocka_unit_test(three_answer),
        cmocka_unit_test(some_keep_silent),
        cmocka_unit_test(with_nobody_there_is_only_the_deadline),
        cmocka_unit_test(the_deadline_is_exact),
        cmocka_unit_test(the_end_is_told_whenever_it_is_asked_for),
        cmocka_unit_test(without_a_survey_receiving_is_efsm),
        cmocka_unit_test(a_shorter_receive_timeout_leaves_the_survey_open),
        cmocka_unit_test(a_new_survey_ends_the_one_before),
        cmocka_unit_test(an_answer_after_the_deadline_is_dropped_and_counted),
        cmocka_unit_test(a_new_deadline_is_for_later_surveys),
        cmocka_unit_test(a_respondent_answers_what_it_has_received),
        cmocka_unit_test(receiving_again_gives_the_survey_in_hand_up),
        cmocka_unit_test(an_answer_to_a_vanished_surveyor_is_dropped_and_counted),
        cmocka_unit_test(an_answer_that_came_survives_its_respondent),
        cmocka_unit_test(poll_tells_when_receiving_does_not_wait),
        cmocka_unit_test(the_event_descriptor_tells_of_the_deadline),
        cmocka_unit_test(of_two_who_wait_one_hears_of_the_deadline),
        cmocka_unit_test(the_deadline_is_the_cooked_surveyors_option),
        cmocka_unit_test(a_full_respondent_misses_surveys_and_others_do_not),
    };
    return cmocka_run_group_tests_name("surveyor and respondent", tests, NULL, NULL);
}
