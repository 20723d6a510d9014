/* SPDX-License-Identifier: MIT */
/* What was sent before nn_close arrives, however short before, on each protocol and transport:
 * whoever of the two listens, and also when many come and go at once. */
#include "lib.h"
#include "support/stress.h"
#include "support/transports.h"
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <stdbool.h>

#define TEST_MS 20000

static const struct {
    int from, to;
    bool answers; /* the message is an answer of `from` */
    bool waits;   /* nn_send waits for a peer */
    const char *name;
} ways[] = {
    {NN_PUSH, NN_PULL, false, true, "push"},
    {NN_PAIR, NN_PAIR, false, true, "pair"},
    {NN_PUB, NN_SUB, false, false, "pub"},
    {NN_BUS, NN_BUS, false, false, "bus"},
    {NN_REQ, NN_REP, false, false, "req"},
    {NN_REP, NN_REQ, true, false, "rep"},
    {NN_SURVEYOR, NN_RESPONDENT, false, false, "surveyor"},
    {NN_RESPONDENT, NN_SURVEYOR, true, false, "respondent"},
};
#define N_WAYS (sizeof ways / sizeof *ways)

static const size_t sizes[] = {1, 5000, 100000};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static unsigned char body[100000], got[100001];

static int open_socket(const struct tr_row *row, int protocol)
{
    int s = nn_socket(AF_SP, protocol);
    if (s < 0)
        return s; /* the library lacks it */
    nn_close(s);
    s = lib_socket(protocol);
    lib_set(s, NN_LINGER, LIB_PATIENCE_MS);
    assert_int_equal(tr_prepare(row, s), 0);
    return s;
}

/* The question that `from` is going to answer. */
static void ask(int from, int to)
{
    lib_send(to, "question");
    lib_expect(from, "question");
}

static void one_way(const struct tr_row *row, size_t w, bool listens, size_t size, int pause_ms)
{
    char address[TR_ADDRESS];
    int from = open_socket(row, ways[w].from), to = open_socket(row, ways[w].to);
    if (from < 0 || to < 0)
        return;
    lib_ok(tr_listen(row, listens ? from : to, address));
    lib_ok(nn_connect(listens ? to : from, address));
    if (!ways[w].waits || pause_ms) {
        lib_peers(from, 1);
        lib_peers(to, 1);
    }
    if (ways[w].answers)
        ask(from, to);
    memset(body, (int)(w + size), size);
    assert_int_equal(lib_ok(nn_send(from, body, size, 0)), size);
    if (pause_ms)
        lib_pause(pause_ms);
    lib_ok(st_within(5000, nn_close(from)));
    int n = nn_recv(to, got, sizeof got, 0);
    if (n != (int)size || memcmp(got, body, size) != 0)
        fail_msg("%s, which %s, %zu bytes, %d ms before nn_close: %d (%s)", ways[w].name,
                 listens ? "listens" : "connects", size, pause_ms, n, nn_strerror(nn_errno()));
    lib_ok(st_within(5000, nn_close(to)));
}

static void all_ways(const struct tr_row *row, int n_rounds, int pause_ms)
{
    for (size_t w = 0; w < N_WAYS; w++)
        for (int i = 0; i < n_rounds; i++)
            one_way(row, w, i % 2, sizes[(size_t)i % N_SIZES], pause_ms);
}

static void sent_100_ms_before_close(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(__func__, row->scheme, st_test_time(TEST_MS));
    all_ways(row, 2, 100);
    st_end(slot);
}

static void sent_right_before_close(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(__func__, row->scheme, st_test_time(TEST_MS));
    all_ways(row, st_scaled(60), 0);
    st_end(slot);
}

/* Several senders at once, each of which closes at once: nobody's message makes another's
 * disappear. */
static void sent_by_many_right_before_close(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(__func__, row->scheme, st_test_time(TEST_MS));
    char address[TR_ADDRESS];
    int s = open_socket(row, NN_PULL), n = st_scaled(100);
    lib_ok(tr_listen(row, s, address));
    for (int i = 0; i < n; i++) {
        int c = open_socket(row, NN_PUSH);
        lib_ok(nn_connect(c, address));
        lib_ok(nn_send(c, &i, sizeof i, 0));
        lib_ok(nn_send(c, &i, sizeof i, 0));
        lib_ok(nn_close(c));
    }
    for (int i = 0; i < 2 * n; i++)
        assert_int_equal(lib_ok(nn_recv(s, got, sizeof got, 0)), sizeof i);
    lib_expect_nothing(s);
    lib_ok(nn_close(s));
    st_end(slot);
}

/* It ends both sides here, so nothing can arrive; what counts is that it ends. */
static void term_right_after_a_send(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(__func__, row->scheme, st_test_time(TEST_MS));
    for (int i = 0; i < st_scaled(20); i++) {
        char address[TR_ADDRESS];
        int s = open_socket(row, NN_PULL), c = open_socket(row, NN_PUSH);
        lib_ok(tr_listen(row, s, address));
        lib_ok(nn_connect(c, address));
        lib_send(c, "last");
        nn_term();
        lib_fails(nn_close(s), EBADF);
        lib_fails(nn_socket(AF_SP, NN_PULL), ETERM);
        nn_init();
    }
    st_end(slot);
}

int main(void)
{
    static const struct tr_test tests[] = {
        tr_unit_test(sent_100_ms_before_close),
        tr_unit_test(sent_right_before_close),
        tr_unit_test(sent_by_many_right_before_close),
        tr_unit_test(term_right_after_a_send),
    };
    return tr_run("stress_close", tests, sizeof tests / sizeof *tests);
}
