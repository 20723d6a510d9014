/* SPDX-License-Identifier: MIT */
/* What ends nanomsg: a message to a PUB, a length without a limit, an unsubscription from nothing,
 * a body of 29 bytes. Here nothing of it does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rawpeer.h"
#include <nanomsg/bus.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <string.h>
#include <unistd.h>

/* A protocol and the one that its peers have. */
static const int pairs[][2] = {
    {NN_PAIR, NN_PAIR},
    {NN_REQ, NN_REP},
    {NN_REP, NN_REQ},
    {NN_PUB, NN_SUB},
    {NN_SUB, NN_PUB},
    {NN_PUSH, NN_PULL},
    {NN_PULL, NN_PUSH},
    {NN_BUS, NN_BUS},
    {NN_SURVEYOR, NN_RESPONDENT},
    {NN_RESPONDENT, NN_SURVEYOR},
};
#define N_PAIRS ((int)(sizeof pairs / sizeof *pairs))

static bool speak_to_pub(int fd, int round)
{
    static const size_t sizes[] = {0, 1, 4, 29, 1000, 100000};
    static uint8_t body[100000];
    memset(body, round, sizeof body);
    return rp_frame(fd, body, sizes[(size_t)round % (sizeof sizes / sizeof *sizes)]);
}

/* A SUB only listens; one that speaks is cut off or ignored, and the others hear on. */
static void a_sub_that_speaks_does_no_harm_to_a_pub(void **state)
{
    (void)state;
    char buf[8];
    int pub = rp_socket(NN_PUB), sub = rp_socket(NN_SUB), port = rp_bind(pub);
    assert_int_equal(nn_setsockopt(sub, NN_SUB, NN_SUB_SUBSCRIBE, "", 0), 0);
    rp_dial(sub, port);
    assert_true(rp_stat_becomes(pub, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    for (int round = 0; round < 30; round++) {
        int fd = rp_connect(port);
        assert_true(rp_hello(fd, NN_SUB, NN_PUB, rp_time(5000)));
        for (int k = 0; k < 5 && speak_to_pub(fd, round + k); k++)
            continue;
        assert_int_equal(nn_send(pub, "news", 4, 0), 4);
        assert_int_equal(nn_recv(sub, buf, sizeof buf, 0), 4);
        close(fd);
    }
    nn_close(sub);
    nn_close(pub);
}

/* Lengths that no memory has, to each protocol, as the one that listens. */
static void a_huge_length_without_a_limit_closes_the_connection(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {UINT64_MAX,        UINT64_MAX - 7,
                                       UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1,
                                       UINT64_MAX - 64,   UINT64_C(1) << 62};
    for (int i = 0; i < N_PAIRS; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            uint8_t head[8];
            int s = rp_socket(pairs[i][0]);
            rp_set(s, NN_SOL_SOCKET, NN_RCVMAXSIZE, -1);
            int fd = rp_connect(rp_bind(s));
            assert_true(rp_hello(fd, pairs[i][1], pairs[i][0], rp_time(5000)));
            rp_head(head, lengths[k]);
            assert_true(rp_send(fd, head, sizeof head));
            assert_true(rp_closed(fd, rp_time(5000)));
            assert_true(rp_stat_reaches(s, NN_STAT_OVERSIZE, 1, rp_time(1000)));
            close(fd);
            nn_close(s);
        }
}

static void unsubscribing_from_nothing_is_nothing(void **state)
{
    (void)state;
    static char topic[4096];
    static const size_t sizes[] = {0, 1, 2, 9, 10, 11, 255, sizeof topic};
    for (int domain = AF_SP; domain <= AF_SP_RAW; domain++) {
        int s = nn_socket(domain, NN_SUB);
        assert_in_range(s, 0, 100);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            assert_int_equal(nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, topic, sizes[i]), 0);
            assert_int_equal(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, topic, sizes[i]), 0);
            assert_int_equal(nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, topic, sizes[i]), 0);
            assert_int_equal(nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, topic, sizes[i]), 0);
        }
        nn_close(s);
    }
}

/* nanomsg 1.2.1 aborts from 29 bytes on. */
static void requests_and_replies_of_all_small_sizes(void **state)
{
    (void)state;
    uint8_t out[160], in[160];
    int rep = rp_socket(NN_REP), req = rp_socket(NN_REQ);
    rp_dial(req, rp_bind(rep));
    for (int n = 0; n <= (int)sizeof out; n++) {
        memset(out, n + 1, sizeof out);
        assert_int_equal(nn_send(req, out, (size_t)n, 0), n);
        assert_int_equal(nn_recv(rep, in, sizeof in, 0), n);
        assert_memory_equal(in, out, (size_t)n);
        assert_int_equal(nn_send(rep, in, (size_t)n, 0), n);
        memset(in, 0, sizeof in);
        assert_int_equal(nn_recv(req, in, sizeof in, 0), n);
        assert_memory_equal(in, out, (size_t)n);
    }
    nn_close(req);
    nn_close(rep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sub_that_speaks_does_no_harm_to_a_pub),
        cmocka_unit_test(a_huge_length_without_a_limit_closes_the_connection),
        cmocka_unit_test(unsubscribing_from_nothing_is_nothing),
        cmocka_unit_test(requests_and_replies_of_all_small_sizes),
    };
    rp_watchdog(120);
    return cmocka_run_group_tests_name("known crashes", tests, NULL, NULL);
}
