/* SPDX-License-Identifier: MIT */
/* As many sockets as there may be, and back, again and again: by number and by descriptors. Nothing
 * is lost on the way: each round gets as far as the first. */
#include "lib.h"
#include "support/stress.h"
#include "support/transports.h"
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>

#define N_FDS   1024
#define TEST_MS 30000

static int sockets[N_FDS + 16];

static rlim_t limit_fds(rlim_t n)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = n;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

/* Descriptors in use. */
static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < N_FDS; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void close_all(int n)
{
    for (int i = 0; i < n; i++)
        lib_ok(st_within(5000, nn_close(sockets[i])));
}

static const int protocols[] = {NN_PAIR, NN_PUB, NN_SUB, NN_REQ, NN_REP, NN_PUSH, NN_PULL};

/* Opens sockets until that fails; each gets the lowest number that is free. */
static int open_all(void)
{
    int n = 0;
    while (n < N_FDS + 16) {
        int s = st_within(5000, nn_socket(AF_SP, protocols[n % 7]));
        if (s < 0)
            break;
        assert_int_equal(s, n);
        sockets[n++] = s;
    }
    assert_int_equal(nn_errno(), EMFILE);
    return n;
}

static void sockets_to_emfile_and_back(void **state)
{
    (void)state;
    int slot = st_begin(__func__, "", st_test_time(TEST_MS));
    nn_term();
    nn_init();
    rlim_t before = limit_fds(N_FDS);
    int first = open_all(), fds = count_fds();
    assert_in_range(first, N_FDS - 24, N_FDS);
    for (int round = 0; round < st_scaled(50); round++) {
        close_all(first);
        assert_int_equal(open_all(), first);
    }
    assert_int_equal(count_fds(), fds);
    /* One less, one more; in the middle, too. */
    for (int i = 0; i < first; i += 7) {
        lib_ok(nn_close(sockets[i]));
        assert_int_equal(lib_ok(nn_socket(AF_SP, NN_PAIR)), sockets[i]);
        lib_fails(nn_socket(AF_SP, NN_PAIR), EMFILE);
    }
    close_all(first);
    limit_fds(before);
    st_end(slot);
}

/* The last one got no endpoint. */
static int open_bound(const struct tr_row *row)
{
    char address[TR_ADDRESS];
    for (int n = 0; n < N_FDS; n++) {
        int s = nn_socket(AF_SP, NN_PULL);
        if (s < 0)
            return n;
        sockets[n] = s;
        assert_int_equal(tr_prepare(row, s), 0);
        if (st_within(5000, tr_listen(row, s, address)) < 0) {
            lib_ok(nn_close(s));
            errno = EMFILE;
            return n;
        }
    }
    return N_FDS;
}

/* Descriptors are given back by the loop, a moment after nn_close. */
static void listeners_to_emfile_and_back(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(__func__, row->scheme, st_test_time(TEST_MS)), fds = count_fds(), first = 0;
    nn_term();
    nn_init();
    rlim_t before = limit_fds(256);
    for (int round = 0; round < st_scaled(20); round++) {
        int n = open_bound(row);
        assert_in_range(n, 100, 256); /* a listener keeps a descriptor to refuse with */
        assert_int_equal(nn_errno(), EMFILE);
        assert_int_equal(n, first ? first : n);
        first = n;
        close_all(n);
        lib_until(count_fds() <= fds + 8);
    }
    limit_fds(before);
    st_end(slot);
}

/* Connections, of which each end needs a descriptor: who finds none tries again and gets through
 * when others have closed. */
static void connections_to_emfile_and_back(void **state)
{
    const struct tr_row *row = tr_row_of(state);
    int slot = st_begin(__func__, row->scheme, st_test_time(TEST_MS));
    char address[TR_ADDRESS], buf[8];
    rlim_t before = limit_fds(128);
    int s = lib_socket(NN_PULL);
    assert_int_equal(tr_prepare(row, s), 0);
    lib_ok(tr_listen(row, s, address));
    for (int round = 0; round < st_scaled(5); round++) {
        int n = 0;
        uint64_t errors = lib_stat(s, NN_STAT_ACCEPT_ERRORS);
        for (; n < 100; n++) {
            sockets[n] = lib_socket(NN_PUSH);
            assert_int_equal(tr_prepare(row, sockets[n]), 0);
            lib_set(sockets[n], NN_RECONNECT_IVL, 5);
            if (nn_connect(sockets[n], address) < 0)
                assert_int_equal(nn_errno(), EMFILE);
        }
        lib_until(lib_stat(s, NN_STAT_ACCEPT_ERRORS) > errors ||
                  lib_stat(s, NN_STAT_CURRENT_CONNECTIONS) == (uint64_t)n);
        close_all(n);
        lib_peers(s, 0);
        int c = lib_socket(NN_PUSH);
        assert_int_equal(tr_prepare(row, c), 0);
        lib_ok(nn_connect(c, address));
        lib_send(c, "back");
        lib_ok(nn_recv(s, buf, sizeof buf, 0));
        lib_ok(nn_close(c));
    }
    lib_ok(nn_close(s));
    limit_fds(before);
    st_end(slot);
}

int main(void)
{
    static const struct tr_test tests[] = {
        tr_unit_test(listeners_to_emfile_and_back),
        tr_unit_test(connections_to_emfile_and_back),
    };
    const struct CMUnitTest once[] = {cmocka_unit_test(sockets_to_emfile_and_back)};
    return cmocka_run_group_tests_name("stress_sockets", once, NULL, NULL) +
           tr_run("stress_sockets", tests, sizeof tests / sizeof *tests);
}
