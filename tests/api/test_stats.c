/* SPDX-License-Identifier: MIT */
/* nn_get_statistic and nn_pipes. */
#include "lib.h"

static void bad_numbers(void **state)
{
    static const int bad[] = {0,   100, 108, 200, 204, 300, 305, 400,      402,
                              500, 511, 520, 523, 600, 609, -1,  INT32_MAX};
    (void)state;
    int s = lib_socket(NN_REQ);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        assert_true(nn_get_statistic(s, bad[i]) == UINT64_MAX);
        assert_int_equal(nn_errno(), EINVAL);
    }
    nn_close(s);
}

static void a_bad_socket(void **state)
{
    (void)state;
    errno = 0;
    assert_true(nn_get_statistic(999, NN_STAT_MESSAGES_SENT) == UINT64_MAX);
    assert_int_equal(nn_errno(), EBADF);
}

static void a_new_socket_has_counted_nothing(void **state)
{
    static const int all[] = {101, 102, 103, 104, 105, 106, 107, 201, 202, 203, 301, 302,
                              303, 304, 401, 501, 502, 503, 504, 505, 506, 507, 508, 509,
                              510, 521, 522, 601, 602, 603, 604, 605, 606, 607, 608};
    (void)state;
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(nn_get_statistic(s, all[i]), 0);
    nn_close(s);
}

static void connections_are_counted(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    assert_int_equal(lib_stat(t.s, NN_STAT_ACCEPTED_CONNECTIONS), 1);
    assert_int_equal(lib_stat(t.s, NN_STAT_ESTABLISHED_CONNECTIONS), 0);
    assert_int_equal(lib_stat(t.c, NN_STAT_ESTABLISHED_CONNECTIONS), 1);
    assert_int_equal(lib_stat(t.c, NN_STAT_ACCEPTED_CONNECTIONS), 0);
    assert_int_equal(lib_stat(t.c, NN_STAT_INPROGRESS_CONNECTIONS), 0);
    lib_ok(nn_close(t.s));
    lib_peers(t.c, 0);
    assert_int_equal(lib_stat(t.c, NN_STAT_BROKEN_CONNECTIONS), 1);
    assert_int_equal(lib_stat(t.c, NN_STAT_ESTABLISHED_CONNECTIONS), 1);
    nn_close(t.c);
}

static void messages_and_bytes_are_counted(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    lib_send(t.c, "four");
    lib_send(t.c, "sixsix");
    lib_expect(t.s, "four");
    lib_expect(t.s, "sixsix");
    assert_int_equal(lib_stat(t.c, NN_STAT_MESSAGES_SENT), 2);
    assert_int_equal(lib_stat(t.c, NN_STAT_BYTES_SENT), 10);
    assert_int_equal(lib_stat(t.s, NN_STAT_MESSAGES_RECEIVED), 2);
    assert_int_equal(lib_stat(t.s, NN_STAT_BYTES_RECEIVED), 10);
    assert_int_equal(lib_stat(t.s, NN_STAT_MESSAGES_SENT), 0);
    lib_close(t);
}

static void failures_are_counted(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    lib_fails(nn_bind(c, address), EADDRINUSE);
    assert_int_equal(lib_stat(c, NN_STAT_BIND_ERRORS), 1);
    nn_close(s);
    lib_ok(nn_connect(c, address));
    lib_until(lib_stat(c, NN_STAT_CONNECT_ERRORS) >= 2);
    assert_int_equal(lib_stat(c, NN_STAT_CURRENT_EP_ERRORS), 1);
    s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, address));
    lib_peers(c, 1);
    assert_int_equal(lib_stat(c, NN_STAT_CURRENT_EP_ERRORS), 0);
    nn_close(c);
    nn_close(s);
}

static void an_endpoint_in_error_that_is_shut_down_is_none(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    nn_close(s);
    int id = lib_ok(nn_connect(c, address));
    lib_until(lib_stat(c, NN_STAT_CURRENT_EP_ERRORS) == 1);
    lib_ok(nn_shutdown(c, id));
    assert_int_equal(lib_stat(c, NN_STAT_CURRENT_EP_ERRORS), 0);
    lib_until(lib_stat(c, NN_STAT_INPROGRESS_CONNECTIONS) == 0);
    nn_close(c);
}

static void a_message_that_failed_is_not_counted(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUSH);
    lib_fails(nn_send(s, "x", 1, NN_DONTWAIT), EAGAIN);
    assert_int_equal(lib_stat(s, NN_STAT_MESSAGES_SENT), 0);
    assert_int_equal(lib_stat(s, NN_STAT_BYTES_SENT), 0);
    nn_close(s);
}

/* ---- nn_pipes ---- */

static void no_peers(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    assert_int_equal(nn_pipes(s, NULL, 0), 0);
    nn_close(s);
    lib_fails(nn_pipes(s, NULL, 0), EBADF);
}

static void bad_arguments(void **state)
{
    (void)state;
    struct nn_pipe_info v = {.size = 3};
    int s = lib_socket(NN_PULL);
    lib_fails(nn_pipes(s, NULL, 1), EFAULT);
    lib_fails(nn_pipes(s, &v, 1), EINVAL);
    lib_fails(nn_pipes(s, NULL, -1), EINVAL);
    nn_close(s);
}

static void a_peer_is_described(void **state)
{
    (void)state;
    struct nn_pipe_info v = {.size = sizeof v}, w = {.size = sizeof w};
    char address[160];
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
    lib_send(t.c, "four");
    lib_expect(t.s, "four");
    assert_int_equal(nn_pipes(t.s, &v, 1), 1);
    assert_int_equal(nn_pipes(t.c, &w, 1), 1);
    assert_int_equal(v.size, sizeof v);
    assert_int_not_equal(v.id, 0);
    assert_int_equal(v.endpoint, 1);
    assert_memory_equal(v.address, "tcp://127.0.0.1:", 16);
    assert_string_equal(w.address, address);
    assert_int_equal(v.messages_received, 1);
    assert_int_equal(v.bytes_received, 4);
    assert_int_equal(w.messages_sent, 1);
    assert_int_equal(w.bytes_sent, 4);
    assert_int_equal(v.identity_len, 0);
    assert_int_equal(v.version, 0);
    assert_int_equal(v.tx_mode, NN_MODE_PLAIN);
    assert_int_equal(v.rx_mode, NN_MODE_PLAIN);
    lib_close(t);
}

static void more_peers_than_room(void **state)
{
    (void)state;
    struct nn_pipe_info v[3];
    int s = lib_socket(NN_PULL), c[3];
    for (int i = 0; i < 3; i++)
        lib_join(s, c[i] = lib_socket(NN_PUSH));
    memset(v, 0xee, sizeof v);
    v[0].size = sizeof *v;
    assert_int_equal(nn_pipes(s, v, 2), 3);
    assert_int_not_equal(v[0].id, v[1].id);
    assert_int_equal(*(unsigned char *)&v[2], 0xee);
    assert_int_equal(nn_pipes(s, NULL, 0), 3);
    for (int i = 0; i < 3; i++)
        nn_close(c[i]);
    nn_close(s);
}

static void a_program_with_an_older_structure(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    struct {
        size_t size;
        uint32_t id;
        int endpoint;
        unsigned char after[64];
    } old = {.size = 16};
    memset(old.after, 0xee, sizeof old.after);
    assert_int_equal(nn_pipes(t.s, (struct nn_pipe_info *)(void *)&old, 1), 1);
    assert_int_equal(old.size, 16);
    assert_int_equal(old.endpoint, 1);
    assert_int_equal(old.after[0], 0xee);
    lib_close(t);
}

static void a_peer_that_left_its_messages_is_no_connection(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    lib_send(t.c, "last words");
    lib_until(lib_poll(t.s, NN_POLLIN, 0));
    lib_ok(nn_close(t.c));
    lib_peers(t.s, 0);
    assert_int_equal(lib_stat(t.s, NN_STAT_BROKEN_CONNECTIONS), 1);
    lib_expect(t.s, "last words");
    lib_ok(nn_close(t.s));
}

static void nn_shutdown_drops_a_connection(void **state)
{
    (void)state;
    char address[160];
    for (int linger = 0; linger < 1001; linger += 1000) {
        int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
        snprintf(address, sizeof address, "%s", lib_listen(s));
        lib_set(c, NN_LINGER, linger);
        int id = lib_ok(nn_connect(c, address));
        lib_peers(s, 1);
        lib_peers(c, 1);
        lib_ok(nn_shutdown(c, id));
        assert_int_equal(lib_stat(c, NN_STAT_DROPPED_CONNECTIONS), 1);
        assert_int_equal(lib_stat(c, NN_STAT_BROKEN_CONNECTIONS), 0);
        lib_until(lib_stat(s, NN_STAT_BROKEN_CONNECTIONS) == 1);
        assert_int_equal(lib_stat(s, NN_STAT_DROPPED_CONNECTIONS), 0);
        lib_close((struct lib_two){s, c});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(a_bad_socket),
        cmocka_unit_test(a_new_socket_has_counted_nothing),
        cmocka_unit_test(connections_are_counted),
        cmocka_unit_test(messages_and_bytes_are_counted),
        cmocka_unit_test(failures_are_counted),
        cmocka_unit_test(an_endpoint_in_error_that_is_shut_down_is_none),
        cmocka_unit_test(a_message_that_failed_is_not_counted),
        cmocka_unit_test(no_peers),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(a_peer_is_described),
        cmocka_unit_test(more_peers_than_room),
        cmocka_unit_test(a_program_with_an_older_structure),
        cmocka_unit_test(a_peer_that_left_its_messages_is_no_connection),
        cmocka_unit_test(nn_shutdown_drops_a_connection),
    };
    return cmocka_run_group_tests_name("statistics and pipes", tests, NULL, NULL);
}
