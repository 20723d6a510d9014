/* SPDX-License-Identifier: MIT */
/* nn_connect tries again and again: how soon, and when it starts anew. A plain listener watches the
 * attempts. */
#include "lib.h"
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

/* A listener of the system's; the address for nn_connect. */
static int plain_listener(char *address, size_t size)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(fd, errno);
    assert_return_code(bind(fd, (struct sockaddr *)&a, sizeof a), errno);
    assert_return_code(listen(fd, 16), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&a, &len), errno);
    snprintf(address, size, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

/* The next attempt; when it came. */
static int attempt(int listener, int64_t *at)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&p, 1, LIB_PATIENCE_MS), 1);
    int fd = accept(listener, NULL, NULL);
    assert_return_code(fd, errno);
    if (at)
        *at = lib_now_ms();
    return fd;
}

/* Milliseconds between n attempts that are all closed at once. */
static void gaps(int ivl, int ivl_max, int64_t *gap, int n)
{
    char address[64];
    int l = plain_listener(address, sizeof address), c = lib_socket(NN_PUSH);
    int64_t before, now;
    lib_set(c, NN_RECONNECT_IVL, ivl);
    lib_set(c, NN_RECONNECT_IVL_MAX, ivl_max);
    lib_ok(nn_connect(c, address));
    close(attempt(l, &before));
    for (int i = 0; i < n; i++, before = now) {
        close(attempt(l, &now));
        gap[i] = now - before;
    }
    nn_close(c);
    close(l);
}

/* A busy machine makes gaps longer, hardly all of them. */
static int64_t least(const int64_t *gap, int n)
{
    int64_t v = gap[0];
    for (int i = 1; i < n; i++)
        v = gap[i] < v ? gap[i] : v;
    return v;
}

static void a_failed_connect_is_tried_again(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    nn_close(s);
    lib_ok(nn_connect(c, address));
    lib_until(lib_stat(c, NN_STAT_CONNECT_ERRORS) >= 2);
    s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, address));
    lib_send(c, "at last");
    lib_expect(s, "at last");
    nn_close(c);
    nn_close(s);
}

static void a_lost_connection_is_made_again(void **state)
{
    (void)state;
    char address[160];
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
    for (int i = 0; i < 5; i++) {
        lib_ok(nn_close(t.s));
        t.s = lib_socket(NN_PULL);
        lib_ok(nn_bind(t.s, address));
        lib_peers(t.s, 1);
        lib_peers(t.c, 1);
        lib_send(t.c, "again");
        lib_expect(t.s, "again");
    }
    lib_close(t);
}

static void the_interval_stays_without_a_maximum(void **state)
{
    (void)state;
    int64_t gap[6];
    gaps(40, 0, gap, 6);
    for (int i = 0; i < 6; i++)
        assert_in_range(gap[i], 29, LIB_PATIENCE_MS); /* jitter takes at most a quarter */
    assert_in_range(least(gap + 3, 3), 29, 200);      /* doubled, these would be 240 at least */
}

static void the_interval_doubles_up_to_the_maximum(void **state)
{
    (void)state;
    int64_t gap[6];
    gaps(20, 160, gap, 6);
    static const int want[] = {20, 40, 80, 160, 160, 160};
    for (int i = 0; i < 6; i++)
        assert_in_range(gap[i], want[i] * 3 / 4 - 1, LIB_PATIENCE_MS);
    assert_in_range(least(gap + 4, 2), 119,
                    239); /* without the maximum these would be 240 at least */
}

static void the_intervals_of_a_fleet_differ(void **state)
{
    (void)state;
    int64_t gap[8];
    int differ = 0;
    gaps(100, 0, gap, 8);
    for (int i = 1; i < 8; i++)
        differ += gap[i] != gap[0];
    assert_true(differ > 0);
}

static void a_connection_that_lasted_resets_the_interval(void **state)
{
    (void)state;
    static const char greeting[8] = {0, 'S', 'P', 0, 0, NN_PULL, 0, 0};
    char address[64];
    int64_t lost, now;
    int l = plain_listener(address, sizeof address), c = lib_socket(NN_PUSH);
    lib_set(c, NN_RECONNECT_IVL, 20);
    lib_set(c, NN_RECONNECT_IVL_MAX, 5000);
    lib_ok(nn_connect(c, address));
    for (int i = 0; i < 6; i++) /* the interval is 1280 ms then */
        close(attempt(l, NULL));
    int fd = attempt(l, NULL);
    assert_int_equal(send(fd, greeting, sizeof greeting, 0), sizeof greeting);
    lib_peers(c, 1);
    lib_pause(60);
    close(fd);
    lost = lib_now_ms();
    close(attempt(l, &now));
    assert_in_range(now - lost, 0, 900);
    nn_close(c);
    close(l);
}

static void a_connect_that_hangs_gives_up_in_time(void **state)
{
    (void)state;
    char address[64], reason[320];
    int l = plain_listener(address, sizeof address), c = lib_socket(NN_PUSH);
    lib_set(c, NN_HANDSHAKE_TIMEO, 60);
    lib_ok(nn_connect(c, address));
    int fd = attempt(l, NULL); /* accepted, never greeted */
    lib_until(lib_stat(c, NN_STAT_TIMEOUT) >= 1);
    lib_text(c, NN_LAST_REASON, reason, sizeof reason);
    assert_non_null(strstr(reason, "timed out"));
    close(attempt(l, NULL)); /* and it tries again */
    close(fd);
    nn_close(c);
    close(l);
}

static void a_closed_socket_does_not_try_again(void **state)
{
    (void)state;
    char address[64];
    int l = plain_listener(address, sizeof address), c = lib_socket(NN_PUSH);
    lib_ok(nn_connect(c, address));
    close(attempt(l, NULL));
    nn_close(c);
    struct pollfd p = {.fd = l, .events = POLLIN};
    if (poll(&p, 1, LIB_QUIET_MS)) /* one may have been under way */
        close(attempt(l, NULL));
    assert_int_equal(poll(&p, 1, LIB_QUIET_MS), 0);
    close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_connect_is_tried_again),
        cmocka_unit_test(a_lost_connection_is_made_again),
        cmocka_unit_test(the_interval_stays_without_a_maximum),
        cmocka_unit_test(the_interval_doubles_up_to_the_maximum),
        cmocka_unit_test(the_intervals_of_a_fleet_differ),
        cmocka_unit_test(a_connection_that_lasted_resets_the_interval),
        cmocka_unit_test(a_connect_that_hangs_gives_up_in_time),
        cmocka_unit_test(a_closed_socket_does_not_try_again),
    };
    return cmocka_run_group_tests_name("reconnect", tests, NULL, NULL);
}
