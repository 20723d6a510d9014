/* SPDX-License-Identifier: MIT */
/* nn_setsockopt and nn_getsockopt: defaults, ranges, lengths. */
#include "lib.h"
#include <limits.h>

static int put(int s, int level, int option, int v)
{
    return nn_setsockopt(s, level, option, &v, sizeof v);
}

static void defaults_are_nanomsgs(void **state)
{
    static const struct {
        int option, value;
    } rows[] = {
        {NN_LINGER, 1000},         {NN_SNDBUF, 131072},      {NN_RCVBUF, 131072},
        {NN_SNDTIMEO, -1},         {NN_RCVTIMEO, -1},        {NN_RECONNECT_IVL, 100},
        {NN_RECONNECT_IVL_MAX, 0}, {NN_SNDPRIO, 8},          {NN_RCVPRIO, 8},
        {NN_IPV4ONLY, 1},          {NN_RCVMAXSIZE, 1048576}, {NN_MAXTTL, 8},
        {NN_DOMAIN, AF_SP},        {NN_PROTOCOL, NN_REP},    {NN_HANDSHAKE_TIMEO, 10000},
        {NN_MAX_HANDSHAKES, 256},  {NN_ALLOW_PORT0, 0},      {NN_BUSY_POLL, 0},
    };
    (void)state;
    int s = lib_ok(nn_socket(AF_SP, NN_REP));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (lib_get(s, rows[i].option) != rows[i].value)
            fail_msg("option %d is %d, not %d", rows[i].option, lib_get(s, rows[i].option),
                     rows[i].value);
    nn_close(s);
}

static void protocol_defaults_are_nanomsgs(void **state)
{
    (void)state;
    int v, s = lib_ok(nn_socket(AF_SP, NN_REQ));
    size_t len = sizeof v;
    lib_ok(nn_getsockopt(s, NN_REQ, NN_REQ_RESEND_IVL, &v, &len));
    assert_int_equal(v, 60000);
    lib_ok(nn_getsockopt(s, NN_TCP, NN_TCP_NODELAY, &v, &len));
    assert_int_equal(v, 0);
    nn_close(s);
}

static void values_in_range_are_kept(void **state)
{
    static const struct {
        int option, value;
    } rows[] = {
        {NN_LINGER, 0},           {NN_LINGER, 5000},
        {NN_SNDBUF, 1},           {NN_SNDBUF, INT_MAX},
        {NN_RCVBUF, 1},           {NN_RCVBUF, INT_MAX},
        {NN_SNDTIMEO, 0},         {NN_RCVTIMEO, INT_MAX},
        {NN_RECONNECT_IVL, 1},    {NN_RECONNECT_IVL_MAX, 7},
        {NN_SNDPRIO, 1},          {NN_SNDPRIO, 16},
        {NN_RCVPRIO, 1},          {NN_RCVPRIO, 16},
        {NN_IPV4ONLY, 0},         {NN_IPV4ONLY, 1},
        {NN_RCVMAXSIZE, -1},      {NN_RCVMAXSIZE, 0},
        {NN_RCVMAXSIZE, INT_MAX}, {NN_MAXTTL, 1},
        {NN_MAXTTL, 255},         {NN_MAX_PEERS, 1},
        {NN_MAX_HANDSHAKES, 1},   {NN_HANDSHAKE_TIMEO, 1},
        {NN_ALLOW_PORT0, 1},      {NN_BUSY_POLL, 50},
        {NN_GATHER, 4096},
    };
    (void)state;
    int s = lib_ok(nn_socket(AF_SP, NN_PUB));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lib_set(s, rows[i].option, rows[i].value);
        if (lib_get(s, rows[i].option) != rows[i].value)
            fail_msg("option %d reads %d, not %d", rows[i].option, lib_get(s, rows[i].option),
                     rows[i].value);
    }
    nn_close(s);
}

static void values_out_of_range_are_refused(void **state)
{
    static const struct {
        int option, value;
    } rows[] = {
        {NN_SNDBUF, 0},       {NN_SNDBUF, -1},         {NN_RCVBUF, 0},
        {NN_RCVBUF, INT_MIN}, {NN_SNDPRIO, 0},         {NN_SNDPRIO, 17},
        {NN_RCVPRIO, 0},      {NN_RCVPRIO, 17},        {NN_IPV4ONLY, 2},
        {NN_IPV4ONLY, -1},    {NN_RCVMAXSIZE, -2},     {NN_MAXTTL, 0},
        {NN_MAXTTL, 256},     {NN_RECONNECT_IVL, -1},  {NN_RECONNECT_IVL_MAX, -1},
        {NN_MAX_PEERS, 0},    {NN_MAX_HANDSHAKES, 0},  {NN_ALLOW_PORT0, 2},
        {NN_BUSY_POLL, -1},   {NN_HANDSHAKE_TIMEO, 0},
    };
    (void)state;
    int s = lib_ok(nn_socket(AF_SP, NN_PUB));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int before = lib_get(s, rows[i].option);
        lib_fails(put(s, NN_SOL_SOCKET, rows[i].option, rows[i].value), EINVAL);
        assert_int_equal(lib_get(s, rows[i].option), before);
    }
    nn_close(s);
}

static void nodelay_is_a_boolean(void **state)
{
    (void)state;
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    lib_ok(put(s, NN_TCP, NN_TCP_NODELAY, 1));
    lib_fails(put(s, NN_TCP, NN_TCP_NODELAY, 2), EINVAL);
    lib_fails(put(s, NN_TCP, NN_TCP_NODELAY, -1), EINVAL);
    nn_close(s);
}

static void negative_timeouts_read_as_minus_one(void **state)
{
    (void)state;
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    lib_set(s, NN_RCVTIMEO, -7);
    lib_set(s, NN_SNDTIMEO, INT_MIN);
    assert_int_equal(lib_get(s, NN_RCVTIMEO), -1);
    assert_int_equal(lib_get(s, NN_SNDTIMEO), -1);
    nn_close(s);
}

static void wrong_lengths_are_refused(void **state)
{
    static const int options[] = {NN_LINGER,          NN_SNDBUF,   NN_RCVTIMEO,   NN_RECONNECT_IVL,
                                  NN_SNDPRIO,         NN_IPV4ONLY, NN_RCVMAXSIZE, NN_MAXTTL,
                                  NN_HANDSHAKE_TIMEO, NN_MAX_PEERS};
    (void)state;
    int64_t v = 1;
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        lib_fails(nn_setsockopt(s, NN_SOL_SOCKET, options[i], &v, 3), EINVAL);
        lib_fails(nn_setsockopt(s, NN_SOL_SOCKET, options[i], &v, 8), EINVAL);
        lib_fails(nn_setsockopt(s, NN_SOL_SOCKET, options[i], &v, 0), EINVAL);
    }
    lib_fails(nn_setsockopt(s, NN_REQ, NN_REQ_RESEND_IVL, &v, 8), EINVAL);
    lib_fails(nn_setsockopt(s, NN_TCP, NN_TCP_NODELAY, &v, 1), EINVAL);
    nn_close(s);
}

static void null_values_are_faults(void **state)
{
    (void)state;
    size_t len = sizeof(int);
    int v, s = lib_ok(nn_socket(AF_SP, NN_REQ));
    lib_fails(nn_setsockopt(s, NN_SOL_SOCKET, NN_LINGER, NULL, sizeof(int)), EFAULT);
    lib_fails(nn_getsockopt(s, NN_SOL_SOCKET, NN_LINGER, NULL, &len), EFAULT);
    lib_fails(nn_getsockopt(s, NN_SOL_SOCKET, NN_LINGER, &v, NULL), EFAULT);
    nn_close(s);
}

static void unknown_options_and_levels(void **state)
{
    static const int levels[] = {NN_SOL_SOCKET, NN_REQ, NN_TCP, NN_SUB, -99, 12345};
    (void)state;
    int v = 1, s = lib_ok(nn_socket(AF_SP, NN_REQ));
    size_t len = sizeof v;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        lib_fails(put(s, levels[i], 9999, 1), ENOPROTOOPT);
        lib_fails(nn_getsockopt(s, levels[i], 9999, &v, &len), ENOPROTOOPT);
    }
    nn_close(s);
}

static void read_only_options_cannot_be_set(void **state)
{
    static const int options[] = {NN_DOMAIN, NN_PROTOCOL,      NN_SNDFD,
                                  NN_RCVFD,  NN_LAST_ENDPOINT, NN_LAST_REASON};
    (void)state;
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        lib_fails(put(s, NN_SOL_SOCKET, options[i], 1), ENOPROTOOPT);
    nn_close(s);
}

static void get_truncates_silently(void **state)
{
    (void)state;
    unsigned char v[8];
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    lib_set(s, NN_SNDBUF, 0x01020304);
    int whole = 0x01020304;
    memset(v, 0xee, sizeof v);
    size_t len = 2;
    lib_ok(nn_getsockopt(s, NN_SOL_SOCKET, NN_SNDBUF, v, &len));
    assert_int_equal(len, 4);
    assert_memory_equal(v, &whole, 2);
    assert_int_equal(v[2], 0xee);
    nn_close(s);
}

static void get_with_more_room_than_needed(void **state)
{
    (void)state;
    int v[2] = {-1, -1};
    size_t len = sizeof v;
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    lib_ok(nn_getsockopt(s, NN_SOL_SOCKET, NN_LINGER, v, &len));
    assert_int_equal(len, sizeof(int));
    assert_int_equal(v[0], 1000);
    assert_int_equal(v[1], -1);
    nn_close(s);
}

static void a_name_is_the_number_at_first(void **state)
{
    (void)state;
    char name[64], number[16];
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    snprintf(number, sizeof number, "%d", s);
    size_t len = sizeof name;
    lib_ok(nn_getsockopt(s, NN_SOL_SOCKET, NN_SOCKET_NAME, name, &len));
    assert_string_equal(name, number);
    assert_int_equal(len, strlen(number)); /* as in nanomsg, without the NUL */
    nn_close(s);
}

static void a_name_of_63_bytes_is_kept(void **state)
{
    (void)state;
    char name[64], got[64];
    int s = lib_ok(nn_socket(AF_SP, NN_REQ));
    memset(name, 'n', sizeof name);
    lib_ok(nn_setsockopt(s, NN_SOL_SOCKET, NN_SOCKET_NAME, name, 63));
    lib_text(s, NN_SOCKET_NAME, got, sizeof got);
    assert_int_equal(strlen(got), 63);
    lib_fails(nn_setsockopt(s, NN_SOL_SOCKET, NN_SOCKET_NAME, name, 64), EINVAL);
    nn_close(s);
}

static void resend_interval_is_set(void **state)
{
    (void)state;
    int v = 250, got = 0, s = lib_ok(nn_socket(AF_SP, NN_REQ));
    size_t len = sizeof got;
    lib_ok(nn_setsockopt(s, NN_REQ, NN_REQ_RESEND_IVL, &v, sizeof v));
    lib_ok(nn_getsockopt(s, NN_REQ, NN_REQ_RESEND_IVL, &got, &len));
    assert_int_equal(got, 250);
    nn_close(s);
}

static void a_level_of_another_protocol(void **state)
{
    (void)state;
    int v = 250, s = lib_ok(nn_socket(AF_SP, NN_REP));
    lib_fails(nn_setsockopt(s, NN_REQ, NN_REQ_RESEND_IVL, &v, sizeof v), ENOPROTOOPT);
    lib_fails(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "x", 1), ENOPROTOOPT);
    nn_close(s);
}

static void subscriptions_cannot_be_read(void **state)
{
    (void)state;
    char buf[8];
    size_t len = sizeof buf;
    int s = lib_ok(nn_socket(AF_SP, NN_SUB));
    lib_fails(nn_getsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, buf, &len), ENOPROTOOPT);
    lib_fails(nn_getsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, buf, &len), ENOPROTOOPT);
    nn_close(s);
}

static void a_closed_socket_has_no_options(void **state)
{
    (void)state;
    int v = 1, s = lib_ok(nn_socket(AF_SP, NN_REQ));
    size_t len = sizeof v;
    lib_ok(nn_close(s));
    lib_fails(put(s, NN_SOL_SOCKET, NN_LINGER, 1), EBADF);
    lib_fails(nn_getsockopt(s, NN_SOL_SOCKET, NN_LINGER, &v, &len), EBADF);
    lib_fails(put(-1, NN_SOL_SOCKET, NN_LINGER, 1), EBADF);
    lib_fails(put(INT_MAX, NN_SOL_SOCKET, NN_LINGER, 1), EBADF);
}

static void domains_and_protocols_that_do_not_exist(void **state)
{
    (void)state;
    lib_fails(nn_socket(0, NN_REQ), EAFNOSUPPORT);
    lib_fails(nn_socket(3, NN_REQ), EAFNOSUPPORT);
    lib_fails(nn_socket(AF_SP, 0), EINVAL);
    lib_fails(nn_socket(AF_SP, 12345), EINVAL);
    lib_fails(nn_socket(AF_SP, -1), EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_nanomsgs),
        cmocka_unit_test(protocol_defaults_are_nanomsgs),
        cmocka_unit_test(values_in_range_are_kept),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(nodelay_is_a_boolean),
        cmocka_unit_test(negative_timeouts_read_as_minus_one),
        cmocka_unit_test(wrong_lengths_are_refused),
        cmocka_unit_test(null_values_are_faults),
        cmocka_unit_test(unknown_options_and_levels),
        cmocka_unit_test(read_only_options_cannot_be_set),
        cmocka_unit_test(get_truncates_silently),
        cmocka_unit_test(get_with_more_room_than_needed),
        cmocka_unit_test(a_name_is_the_number_at_first),
        cmocka_unit_test(a_name_of_63_bytes_is_kept),
        cmocka_unit_test(resend_interval_is_set),
        cmocka_unit_test(a_level_of_another_protocol),
        cmocka_unit_test(subscriptions_cannot_be_read),
        cmocka_unit_test(a_closed_socket_has_no_options),
        cmocka_unit_test(domains_and_protocols_that_do_not_exist),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
