/* SPDX-License-Identifier: MIT */
/* A row of devices between two cooked sockets, for the tests of nn_device. */
#ifndef TESTS_API_DEVLIB_H
#define TESTS_API_DEVLIB_H

#include "lib.h"
#include "support/device.h"
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <stdbool.h>

enum { DEV_REQ, DEV_PUSH, DEV_PAIR, DEV_PUB, DEV_SURVEYOR, DEV_BUS }; /* in dv_pairs */

struct line {
    const struct dv_pair *pair;
    struct dv d[2];
    int n;        /* devices */
    int from, to; /* the ends */
};

/* from -> device -> ... -> to; the raw sockets listen. */
static inline void open_line(struct line *l, const struct dv_pair *pair, int n)
{
    int ms = -1;
    *l = (struct line){.pair = pair, .n = n};
    l->from = lib_socket(pair->from);
    l->to = lib_socket(pair->to);
    if (pair->from == NN_SURVEYOR)
        lib_ok(nn_setsockopt(l->from, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &ms, sizeof ms));
    int near = l->from;
    for (int i = 0; i < n; i++) {
        int s1 = dv_raw(pair->to), s2 = dv_raw(pair->from);
        lib_join(s1, near);
        assert_int_equal(dv_start(&l->d[i], s1, s2), 0);
        near = s2;
    }
    lib_join(near, l->to);
}

static inline void close_line(struct line *l)
{
    lib_ok(nn_close(l->from));
    lib_ok(nn_close(l->to));
    for (int i = 0; i < l->n; i++)
        assert_int_equal(dv_stop(&l->d[i]), EBADF);
}

/* Every message is counted once on its way in and once on its way out. */
static inline void counted(struct line *l, uint64_t there, uint64_t back)
{
    for (int i = 0; i < l->n; i++) {
        int s1 = l->d[i].s1, s2 = l->d[i].s2;
        assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_RECEIVED), there);
        assert_int_equal(lib_stat(s2, NN_STAT_MESSAGES_SENT), there);
        assert_int_equal(lib_stat(s2, NN_STAT_MESSAGES_RECEIVED), back);
        assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_SENT), back);
        assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_DROPPED_SEND), 0);
        assert_int_equal(lib_stat(s1, NN_STAT_MESSAGES_DROPPED_RECV), 0);
        assert_int_equal(lib_stat(s2, NN_STAT_MESSAGES_DROPPED_SEND), 0);
        assert_int_equal(lib_stat(s2, NN_STAT_MESSAGES_DROPPED_RECV), 0);
    }
}

#endif
