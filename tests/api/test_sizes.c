/* SPDX-License-Identifier: MIT */
/* Bodies of every size from 0 to 70 bytes and around each boundary inside, on each pair of
 * protocols and each transport: straight, through a device, and through two. */
#include "lib.h"
#include "support/device.h"
#include "support/transports.h"
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <stdbool.h>

#define SMALL 70
#define MOST  (1 << 20)

/* Where copying ends (4 KiB), a read goes into the body (16 KiB), gathering leaves (32 KiB), a slab
 * ends (64 KiB), RCVMAXSIZE is by default (1 MiB); ws lengths change their form (125, 64 KiB). */
static const int around[] = {125, 4096, 16384, 32768, 65536, MOST};
#define N_AROUND ((int)(sizeof around / sizeof *around))
#define BESIDE   16 /* heads and headers shift a boundary by as much */

static uint8_t pattern[MOST + BESIDE + 256];

static void fill_pattern(void)
{
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i * 31 + i / 251 + i / 65521);
}

/* Each message has other bytes than the one before. */
static const uint8_t *body_of(int serial)
{
    return pattern + serial % 256;
}

static int open_end(const struct tr_row *row, int s)
{
    lib_set(s, NN_RCVMAXSIZE, -1);
    /* Room for several of the largest: what was received may be counted as waiting for a moment yet, and a PUB that
     * is full drops. */
    lib_set(s, NN_SNDBUF, 8 << 20);
    assert_int_equal(tr_prepare(row, s), 0);
    return s;
}

static void join(const struct tr_row *row, int s, int c)
{
    char address[TR_ADDRESS];
    lib_ok(tr_listen(row, open_end(row, s), address));
    lib_ok(nn_connect(open_end(row, c), address));
    lib_peers(s, 1);
    lib_peers(c, 1);
}

static void one_message(int from, int to, int size, int serial)
{
    const uint8_t *body = body_of(serial);
    uint8_t *got;
    assert_int_equal(lib_ok(nn_send(from, body, (size_t)size, 0)), size);
    assert_int_equal(lib_ok(nn_recv(to, &got, NN_MSG, 0)), size);
    if (size && memcmp(got, body, (size_t)size) != 0)
        fail_msg("%d bytes: another content", size);
    lib_ok(nn_freemsg(got));
}

static void one_size(const struct dv_pair *pair, int from, int to, int size)
{
    static int serial;
    one_message(from, to, size, ++serial);
    if (pair->answers)
        one_message(to, from, size, ++serial);
}

static void all_sizes(const struct dv_pair *pair, int from, int to)
{
    for (int size = 0; size <= SMALL; size++)
        one_size(pair, from, to, size);
    for (int i = 0; i < N_AROUND; i++) {
        int step = LIB_SLOW && around[i] == MOST ? 8 : 1;
        for (int off = -BESIDE; off <= BESIDE; off += off < -1 || off > 0 ? step : 1)
            one_size(pair, from, to, around[i] + off);
    }
}

/* The first hop is over `row`, the others over `rest`. */
static void through(const struct tr_row *row, const struct tr_row *rest, int n_devices)
{
    for (int i = 0; i < dv_n_pairs; i++) {
        const struct dv_pair *pair = &dv_pairs[i];
        struct dv d[2];
        int from = lib_socket(pair->from), to = lib_socket(pair->to), near = from, ms = -1;
        if (pair->from == NN_SURVEYOR)
            lib_ok(nn_setsockopt(from, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &ms, sizeof ms));
        for (int k = 0; k < n_devices; k++) {
            int s1 = dv_raw(pair->to), s2 = dv_raw(pair->from);
            join(k ? rest : row, s1, near);
            assert_int_equal(dv_start(&d[k], s1, s2), 0);
            near = s2;
        }
        join(n_devices ? rest : row, to, near);
        all_sizes(pair, from, to);
        lib_ok(nn_close(from));
        lib_ok(nn_close(to));
        for (int k = 0; k < n_devices; k++)
            assert_int_equal(dv_stop(&d[k]), EBADF);
    }
}

static void straight(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    through(row, row, 0);
}

static void through_a_device(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    through(row, row, 1);
}

static void through_two_devices(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    through(row, row, 2);
}

static void mixed_with_tcp_behind_a_device(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    through(row, tr_find("tcp://"), 1);
}

int main(void)
{
    static const struct tr_test tests[] = {
        tr_unit_test(straight),
        tr_unit_test(through_a_device),
        tr_unit_test(through_two_devices),
        tr_unit_test(mixed_with_tcp_behind_a_device),
    };
    fill_pattern();
    return tr_run("sizes", tests, sizeof tests / sizeof *tests);
}
