/* SPDX-License-Identifier: MIT */
/* Devices that end: when one of their sockets is closed, or the library ends, with messages on
 * their way or idle; and that they lose nothing while they run. */
#include "lib.h"
#include "support/stress.h"
#include "support/transports.h"
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define TEST_MS 30000
#define CALL_MS 1000

/* The sockets of a device, -1 for none, and who stands at each side. */
static const struct way {
    const char *name;
    int s1, s2, peer1, peer2;
} ways[] = {
    {"pair", NN_PAIR, NN_PAIR, NN_PAIR, NN_PAIR},
    {"pipeline", NN_PULL, NN_PUSH, NN_PUSH, NN_PULL},
    {"pubsub", NN_SUB, NN_PUB, NN_PUB, NN_SUB},
    {"reqrep", NN_REP, NN_REQ, NN_REQ, NN_REP},
    {"survey", NN_RESPONDENT, NN_SURVEYOR, NN_SURVEYOR, NN_RESPONDENT},
    {"bus", NN_BUS, NN_BUS, NN_BUS, NN_BUS},
    {"bus loop", NN_BUS, -1, NN_BUS, NN_BUS},
};
#define N_WAYS (sizeof ways / sizeof *ways)

struct device {
    const struct way *way;
    int s1, s2;       /* its sockets */
    int peer1, peer2; /* theirs */
    int rc, err;      /* how it ended */
    int64_t ended;    /* when */
    pthread_t thread; /* that runs it */
};

static void *run_device(void *arg)
{
    struct device *d = arg;
    int slot = st_begin(d->way->name, "nn_device", st_test_time(TEST_MS));
    d->rc = nn_device(d->s1, d->s2);
    d->err = nn_errno();
    d->ended = lib_now_ms();
    st_end(slot);
    return NULL;
}

static int bound(const struct tr_row *row, int domain, int protocol, char address[TR_ADDRESS])
{
    int s = lib_socket_in(domain, protocol), forever = -1;
    if (protocol == NN_SUB)
        lib_ok(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0)); /* raw ones choose, too */
    if (domain == AF_SP_RAW) {
        lib_set(s, NN_RCVTIMEO, forever);
        lib_set(s, NN_SNDTIMEO, forever);
    }
    assert_int_equal(tr_prepare(row, s), 0);
    if (address[0])
        lib_ok(nn_connect(s, address));
    else
        lib_ok(tr_listen(row, s, address));
    return s;
}

static void open_device(struct device *d, const struct tr_row *row, const struct way *w)
{
    char a1[TR_ADDRESS] = "", a2[TR_ADDRESS] = "";
    d->way = w;
    d->s1 = bound(row, AF_SP_RAW, w->s1, a1);
    d->s2 = w->s2 < 0 ? -1 : bound(row, AF_SP_RAW, w->s2, a2);
    d->peer1 = bound(row, AF_SP, w->peer1, a1);
    d->peer2 = bound(row, AF_SP, w->peer2, w->s2 < 0 ? a1 : a2);
    assert_int_equal(pthread_create(&d->thread, NULL, run_device, d), 0);
    lib_peers(d->peer1, 1);
    lib_peers(d->peer2, 1);
    lib_peers(d->s1, w->s2 < 0 ? 2 : 1);
    if (w->s2 >= 0)
        lib_peers(d->s2, 1);
}

/* A message goes through; where there are answers, one comes back. */
static void pass_one(struct device *d, const char *text)
{
    lib_send(d->peer1, text);
    lib_expect(d->peer2, text);
    if (d->way->peer1 != NN_REQ && d->way->peer1 != NN_SURVEYOR)
        return;
    lib_send(d->peer2, "answer");
    lib_expect(d->peer1, "answer");
}

static void expect_end(struct device *d, int64_t start)
{
    pthread_join(d->thread, NULL);
    if (d->rc != -1 || d->err != EBADF || d->ended - start > st_time(CALL_MS))
        fail_msg("device %s: %d, %s, after %d ms", d->way->name, d->rc, nn_strerror(d->err),
                 (int)(d->ended - start));
}

enum end { CLOSE_FIRST, CLOSE_SECOND, TERM };

static void one_device(const struct tr_row *row, const struct way *w, enum end end, bool moves)
{
    struct device d = {0};
    open_device(&d, row, w);
    if (moves)
        for (int i = 0; i < 20; i++)
            pass_one(&d, "through");
    if (moves) /* one may be on its way through */
        lib_send(d.peer1, "last");
    int64_t start = lib_now_ms();
    if (end == TERM) {
        st_within(5000, (nn_term(), 0));
        expect_end(&d, start);
        nn_init();
        return;
    }
    int victim = end == CLOSE_FIRST || d.s2 < 0 ? d.s1 : d.s2;
    lib_ok(st_within(5000, nn_close(victim)));
    expect_end(&d, start);
    if (d.s2 >= 0)
        lib_ok(nn_close(victim == d.s1 ? d.s2 : d.s1));
    lib_ok(nn_close(d.peer1));
    lib_ok(nn_close(d.peer2));
}

static void all_devices(void **state, const char *name, enum end end)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(name, row->scheme, st_test_time(TEST_MS));
    for (int round = 0; round < 2 * st_scaled(4); round++)
        for (size_t w = 0; w < N_WAYS; w++)
            one_device(row, &ways[w], end, round % 2);
    st_end(slot);
}

static void it_ends_when_its_first_socket_is_closed(void **state)
{
    all_devices(state, __func__, CLOSE_FIRST);
}

static void it_ends_when_its_second_socket_is_closed(void **state)
{
    all_devices(state, __func__, CLOSE_SECOND);
}

static void it_ends_with_the_library(void **state)
{
    all_devices(state, __func__, TERM);
}

/* ---- a chain ---- */

static void *push_many(void *arg)
{
    struct device *d = arg;
    int n = st_scaled(3000);
    for (int i = 0; i < n; i++)
        if (nn_send(d->peer1, &i, sizeof i, 0) < 0)
            abort();
    return NULL;
}

/* Nothing is lost or turned round in two devices, one behind the other. */
static void two_in_a_row_keep_all_in_order(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(__func__, row->scheme, st_test_time(TEST_MS)), got, n = st_scaled(3000);
    struct device a = {.way = &ways[1]}, b = {.way = &ways[1]};
    char first[TR_ADDRESS] = "", middle[TR_ADDRESS] = "", last[TR_ADDRESS] = "";
    pthread_t t;
    a.s1 = bound(row, AF_SP_RAW, NN_PULL, first);
    a.s2 = bound(row, AF_SP_RAW, NN_PUSH, middle);
    b.s1 = bound(row, AF_SP_RAW, NN_PULL, middle);
    b.s2 = bound(row, AF_SP_RAW, NN_PUSH, last);
    a.peer1 = bound(row, AF_SP, NN_PUSH, first);
    b.peer2 = bound(row, AF_SP, NN_PULL, last);
    assert_int_equal(pthread_create(&a.thread, NULL, run_device, &a), 0);
    assert_int_equal(pthread_create(&b.thread, NULL, run_device, &b), 0);
    assert_int_equal(pthread_create(&t, NULL, push_many, &a), 0);
    for (int i = 0; i < n; i++) {
        assert_int_equal(lib_ok(nn_recv(b.peer2, &got, sizeof got, 0)), sizeof got);
        assert_int_equal(got, i);
    }
    pthread_join(t, NULL);
    int64_t start = lib_now_ms();
    nn_term();
    expect_end(&a, start);
    expect_end(&b, start);
    nn_init();
    st_end(slot);
}

int main(void)
{
    static const struct tr_test tests[] = {
        tr_unit_test(it_ends_when_its_first_socket_is_closed),
        tr_unit_test(it_ends_when_its_second_socket_is_closed),
        tr_unit_test(it_ends_with_the_library),
        tr_unit_test(two_in_a_row_keep_all_in_order),
    };
    return tr_run("stress_device", tests, sizeof tests / sizeof *tests);
}
