/* SPDX-License-Identifier: MIT */
/* BUS: everybody hears everybody who is next to him; raw with the pipe in the header. */
#include "lib.h"
#include "support/hdr.h"
#include <nanomsg/bus.h>
#include <stdbool.h>

#define MEMBERS 3

static char buf[64];

/* Everybody is connected to everybody. */
static void open_bus(int b[MEMBERS])
{
    for (int i = 0; i < MEMBERS; i++) {
        b[i] = lib_socket(NN_BUS);
        for (int k = 0; k < i; k++)
            lib_join(b[k], b[i]);
    }
}

static void close_bus(int b[MEMBERS])
{
    for (int i = 0; i < MEMBERS; i++)
        lib_ok(nn_close(b[i]));
}

static void each_message_reaches_all_others(void **state)
{
    (void)state;
    int b[MEMBERS];
    open_bus(b);
    for (int round = 0; round < 50; round++)
        for (int from = 0; from < MEMBERS; from++) {
            snprintf(buf, sizeof buf, "%d from %d", round, from);
            char text[64];
            memcpy(text, buf, sizeof text);
            lib_send(b[from], text);
            for (int to = 0; to < MEMBERS; to++)
                if (to != from)
                    lib_expect(b[to], text);
        }
    for (int i = 0; i < MEMBERS; i++) {
        lib_fails(nn_recv(b[i], buf, sizeof buf, NN_DONTWAIT), EAGAIN);
        assert_int_equal(lib_stat(b[i], NN_STAT_MESSAGES_SENT), 50);
        assert_int_equal(lib_stat(b[i], NN_STAT_MESSAGES_RECEIVED), 100);
    }
    close_bus(b);
}

static void a_member_passes_nothing_on(void **state)
{
    (void)state;
    int left = lib_socket(NN_BUS), middle = lib_socket(NN_BUS), right = lib_socket(NN_BUS);
    lib_join(middle, left);
    lib_join(middle, right);
    lib_send(left, "m");
    lib_expect(middle, "m");
    lib_expect_nothing(right);
    lib_expect_nothing(left);
    nn_close(left);
    nn_close(middle);
    nn_close(right);
}

static void alone_it_sends_to_nobody(void **state)
{
    (void)state;
    int b = lib_socket(NN_BUS);
    assert_int_equal(lib_poll(b, NN_POLLIN | NN_POLLOUT, 0), NN_POLLOUT);
    lib_send(b, "nobody");
    lib_fails(nn_recv(b, buf, sizeof buf, NN_DONTWAIT), EAGAIN);
    nn_close(b);
}

static void a_member_that_does_not_read_misses_messages_and_others_do_not(void **state)
{
    (void)state;
    int b[MEMBERS], sent = 0;
    static char big[60000];
    int64_t end = lib_now_ms() + LIB_PATIENCE_MS;
    open_bus(b);
    while (lib_stat(b[0], NN_STAT_MESSAGES_DROPPED_SEND) < 5) { /* b[1] never reads */
        assert_true(lib_now_ms() < end);
        assert_int_equal(lib_ok(nn_send(b[0], big, sizeof big, 0)), (int)sizeof big);
        assert_int_equal(lib_ok(nn_recv(b[2], buf, sizeof buf, 0)), (int)sizeof big);
        sent++;
    }
    assert_int_equal(lib_stat(b[2], NN_STAT_MESSAGES_RECEIVED), sent);
    struct nn_pipe_info v[MEMBERS];
    v[0].size = sizeof v[0];
    int n = lib_ok(nn_pipes(b[0], v, MEMBERS));
    uint64_t drops = 0;
    for (int i = 0; i < n; i++)
        drops += v[i].drops;
    assert_int_equal(drops, lib_stat(b[0], NN_STAT_MESSAGES_DROPPED_SEND));
    /* once it reads, it is served again */
    int left = sent - (int)drops;
    for (int i = 0; i < left; i++)
        assert_int_equal(lib_ok(nn_recv(b[1], buf, sizeof buf, 0)), (int)sizeof big);
    lib_send(b[0], "again");
    lib_expect(b[1], "again");
    close_bus(b);
}

static void a_header_is_for_raw_sockets(void **state)
{
    (void)state;
    int b[MEMBERS];
    open_bus(b);
    lib_fails(hdr_send(b[0], "m", "\0\0\0\1", 4), EINVAL);
    lib_send(b[0], "m");
    assert_int_equal(hdr_recv(b[1], buf, sizeof buf, NULL), 0);
    assert_string_equal(buf, "m");
    lib_expect(b[2], "m");
    close_bus(b);
}

static void raw_the_header_names_the_pipe_and_keeps_it_out(void **state)
{
    (void)state;
    int raw = lib_socket_in(AF_SP_RAW, NN_BUS), a = lib_socket(NN_BUS), b = lib_socket(NN_BUS);
    unsigned char hdr[HDR_MAX];
    lib_join(raw, a);
    lib_join(raw, b);
    lib_send(a, "from a");
    assert_int_equal(hdr_recv(raw, buf, sizeof buf, hdr), 4);
    assert_string_equal(buf, "from a");
    struct nn_pipe_info v[2] = {{.size = sizeof *v}, {.size = sizeof *v}};
    assert_int_equal(nn_pipes(raw, v, 2), 2);
    uint32_t id = (uint32_t)hdr[0] << 24 | (uint32_t)hdr[1] << 16 | (uint32_t)hdr[2] << 8 | hdr[3];
    assert_true(id == v[0].id || id == v[1].id);
    lib_ok(hdr_send(raw, "not for a", hdr, 4));
    lib_expect(b, "not for a");
    lib_ok(hdr_send(raw, "for all", hdr, 0));
    lib_expect(a, "for all");
    lib_expect(b, "for all");
    lib_fails(hdr_send(raw, "m", hdr, 3), EINVAL);
    lib_fails(hdr_send(raw, "m", hdr, 8), EINVAL);
    nn_close(raw);
    nn_close(a);
    nn_close(b);
}

static void only_members_are_accepted(void **state)
{
    (void)state;
    int b = lib_socket(NN_BUS), p = lib_socket(NN_PAIR);
    lib_ok(nn_connect(p, lib_listen(b)));
    lib_until(lib_stat(b, NN_STAT_PROTOCOL) > 0);
    assert_int_equal(lib_stat(b, NN_STAT_CURRENT_CONNECTIONS), 0);
    assert_int_equal(lib_stat(p, NN_STAT_CURRENT_CONNECTIONS), 0);
    nn_close(b);
    nn_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_reaches_all_others),
        cmocka_unit_test(a_member_passes_nothing_on),
        cmocka_unit_test(alone_it_sends_to_nobody),
        cmocka_unit_test(a_member_that_does_not_read_misses_messages_and_others_do_not),
        cmocka_unit_test(a_header_is_for_raw_sockets),
        cmocka_unit_test(raw_the_header_names_the_pipe_and_keeps_it_out),
        cmocka_unit_test(only_members_are_accepted),
    };
    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
