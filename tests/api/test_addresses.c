/* SPDX-License-Identifier: MIT */
/* Every form of a tcp address, and what is wrong with the others. */
#include "lib.h"

static int open_rep(void)
{
    return lib_socket(NN_REP);
}

/* The port of the address that was bound last. */
static int port_of(int s)
{
    char address[160];
    lib_text(s, NN_LAST_ENDPOINT, address, sizeof address);
    return atoi(strrchr(address, ':') + 1);
}

/* A request to `form`, with the listener's port put in, is answered by s. */
static void talks(int s, const char *form, int ipv4only)
{
    char address[160];
    int c = lib_socket(NN_REQ);
    lib_set(c, NN_IPV4ONLY, ipv4only);
    snprintf(address, sizeof address, "%s:%d", form, port_of(s));
    lib_ok(nn_connect(c, address));
    lib_send(c, "ping");
    lib_expect(s, "ping");
    lib_send(s, "pong");
    lib_expect(c, "pong");
    lib_ok(nn_close(c));
}

static void bind_and_connect_to_an_ip(void **state)
{
    (void)state;
    int s = open_rep();
    lib_ok(nn_bind(s, "tcp://127.0.0.1:0"));
    talks(s, "tcp://127.0.0.1", 1);
    nn_close(s);
}

static void bind_to_all_interfaces(void **state)
{
    (void)state;
    int s = open_rep();
    lib_ok(nn_bind(s, "tcp://*:0"));
    talks(s, "tcp://127.0.0.1", 1);
    talks(s, "tcp://127.0.0.2", 1);
    nn_close(s);
}

static void bind_to_an_interface(void **state)
{
    (void)state;
    int s = open_rep();
    lib_ok(nn_bind(s, "tcp://lo:0"));
    talks(s, "tcp://127.0.0.1", 1);
    nn_close(s);
}

static void connect_to_a_name(void **state)
{
    (void)state;
    int s = open_rep();
    lib_ok(nn_bind(s, "tcp://127.0.0.1:0"));
    talks(s, "tcp://localhost", 1);
    nn_close(s);
}

static void a_name_with_ipv6_tries_every_address(void **state)
{
    (void)state;
    int s = open_rep();
    lib_ok(nn_bind(s, "tcp://127.0.0.1:0"));
    talks(s, "tcp://localhost", 0);
    nn_close(s);
}

static void connect_from_a_local_address(void **state)
{
    (void)state;
    struct nn_pipe_info info = {.size = sizeof info};
    char address[160];
    int s = open_rep(), c = lib_socket(NN_REQ);
    lib_ok(nn_bind(s, "tcp://127.0.0.1:0"));
    snprintf(address, sizeof address, "tcp://127.0.0.3;127.0.0.1:%d", port_of(s));
    lib_ok(nn_connect(c, address));
    lib_peers(s, 1);
    assert_int_equal(nn_pipes(s, &info, 1), 1);
    assert_non_null(strstr(info.address, "127.0.0.3:"));
    nn_close(c);
    nn_close(s);
}

static void connect_from_an_interface(void **state)
{
    (void)state;
    int s = open_rep();
    lib_ok(nn_bind(s, "tcp://127.0.0.1:0"));
    talks(s, "tcp://lo;127.0.0.1", 1);
    talks(s, "tcp://*;127.0.0.1", 1);
    nn_close(s);
}

static void ipv6_literals(void **state)
{
    (void)state;
    int s = open_rep();
    lib_set(s, NN_IPV4ONLY, 0);
    if (nn_bind(s, "tcp://[::1]:0") < 0 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
        skip(); /* no IPv6 here */
    talks(s, "tcp://[::1]", 0);
    talks(s, "tcp://::1", 0);
    nn_close(s);
}

static void both_families_on_all_interfaces(void **state)
{
    (void)state;
    int s = open_rep();
    lib_set(s, NN_IPV4ONLY, 0);
    if (nn_bind(s, "tcp://*:0") < 0 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
        skip(); /* no IPv6 here */
    talks(s, "tcp://127.0.0.1", 1);
    nn_close(s);
}

static void the_name_says_the_port_that_was_bound(void **state)
{
    (void)state;
    char address[160];
    int s = open_rep();
    lib_ok(nn_bind(s, "tcp://*:0"));
    lib_text(s, NN_LAST_ENDPOINT, address, sizeof address);
    assert_memory_equal(address, "tcp://*:", 8);
    assert_in_range(port_of(s), 1, 65535);
    nn_close(s);
}

struct bad {
    const char *address;
    int bind_error, connect_error; /* 0: not tried */
};

static void refused(const struct bad *rows, size_t n, int ipv4only)
{
    for (size_t i = 0; i < n; i++) {
        int s = lib_ok(nn_socket(AF_SP, NN_PUB));
        lib_set(s, NN_IPV4ONLY, ipv4only);
        int rc = nn_bind(s, rows[i].address), err = nn_errno();
        if (rows[i].bind_error && (rc != -1 || err != rows[i].bind_error))
            fail_msg("bind %s: %d %s, expected %s", rows[i].address, rc, nn_strerror(err),
                     nn_strerror(rows[i].bind_error));
        rc = nn_connect(s, rows[i].address), err = nn_errno();
        if (rows[i].connect_error && (rc != -1 || err != rows[i].connect_error))
            fail_msg("connect %s: %d %s, expected %s", rows[i].address, rc, nn_strerror(err),
                     nn_strerror(rows[i].connect_error));
        nn_close(s);
    }
}
#define REFUSED(rows, v4) refused(rows, sizeof rows / sizeof *rows, v4)

static void no_scheme(void **state)
{
    static const struct bad rows[] = {{"", EINVAL, EINVAL},
                                      {"tcp", EINVAL, EINVAL},
                                      {"tcp:", EINVAL, EINVAL},
                                      {"tcp:/127.0.0.1:5555", EINVAL, EINVAL},
                                      {"127.0.0.1:5555", EINVAL, EINVAL}};
    (void)state;
    REFUSED(rows, 1);
}

static void unknown_scheme(void **state)
{
    static const struct bad rows[] = {{"foo://127.0.0.1:5555", EPROTONOSUPPORT, EPROTONOSUPPORT},
                                      {"://127.0.0.1:5555", EPROTONOSUPPORT, EPROTONOSUPPORT},
                                      {"TCP://127.0.0.1:5555", EPROTONOSUPPORT, EPROTONOSUPPORT}};
    (void)state;
    REFUSED(rows, 1);
}

static void bad_ports(void **state)
{
    static const struct bad rows[] = {
        {"tcp://127.0.0.1:0", EINVAL, EINVAL},
        {"tcp://127.0.0.1:65536", EINVAL, EINVAL},
        {"tcp://127.0.0.1:", EINVAL, EINVAL},
        {"tcp://127.0.0.1", EINVAL, EINVAL},
        {"tcp://127.0.0.1:abc", EINVAL, EINVAL},
        {"tcp://127.0.0.1:55x", EINVAL, EINVAL},
        {"tcp://127.0.0.1:-1", EINVAL, EINVAL},
        {"tcp://127.0.0.1:99999999999", EINVAL, EINVAL},
        {"tcp://*:0", EINVAL, EINVAL},
        {"tcp://", EINVAL, EINVAL},
        {"tcp://:", EINVAL, EINVAL},
    };
    (void)state;
    REFUSED(rows, 1);
}

static void bad_hosts(void **state)
{
    static const struct bad rows[] = {
        {"tcp://localhost:5555", ENODEV, 0},
        {"tcp://no-such-interface0:5555", ENODEV, 0},
        {"tcp://127.0.0.1.1:5555", ENODEV, 0},
        {"tcp://[::1:5555", ENODEV, EINVAL},
        {"tcp://lo;127.0.0.1:5555", ENODEV, 0},
        {"tcp://:5555", ENODEV, EINVAL},
        {"tcp://*:5555", 0, EINVAL},
        {"tcp://a b:5555", 0, EINVAL},
        {"tcp://nosuchif0;127.0.0.1:5555", 0, ENODEV},
        {"tcp://127.0.0.1.9;127.0.0.1:5555", 0, ENODEV},
    };
    (void)state;
    REFUSED(rows, 1);
}

static void ipv6_without_permission(void **state)
{
    static const struct bad rows[] = {{"tcp://[::1]:5555", ENODEV, EINVAL}};
    (void)state;
    REFUSED(rows, 1);
}

static void an_address_of_another_machine(void **state)
{
    static const struct bad rows[] = {{"tcp://192.0.2.77:5555", EADDRNOTAVAIL, 0}};
    (void)state;
    REFUSED(rows, 1);
}

static void too_long(void **state)
{
    (void)state;
    char address[NN_SOCKADDR_MAX + 64];
    int s = lib_ok(nn_socket(AF_SP, NN_PUB));
    memset(address, 'a', sizeof address);
    memcpy(address, "tcp://", 6);
    address[NN_SOCKADDR_MAX] = 0;
    lib_fails(nn_bind(s, address), ENAMETOOLONG);
    lib_fails(nn_connect(s, address), ENAMETOOLONG);
    nn_close(s);
}

static void a_null_address(void **state)
{
    (void)state;
    int s = lib_ok(nn_socket(AF_SP, NN_PUB));
    lib_fails(nn_bind(s, NULL), EFAULT);
    lib_fails(nn_connect(s, NULL), EFAULT);
    nn_close(s);
}

static void a_bound_address_is_in_use(void **state)
{
    (void)state;
    int a = lib_socket(NN_PUB), b = lib_socket(NN_PUB);
    const char *address = lib_listen(a);
    lib_fails(nn_bind(b, address), EADDRINUSE);
    lib_fails(nn_bind(a, address), EADDRINUSE);
    nn_close(a);
    nn_close(b);
}

static void endpoint_ids_start_at_one(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUB), t = lib_socket(NN_SUB);
    assert_int_equal(nn_bind(s, "tcp://127.0.0.1:0"), 1);
    lib_fails(nn_bind(s, "tcp://127.0.0.1"), EINVAL); /* uses up none */
    lib_fails(nn_bind(s, "tcp://192.0.2.77:0"), EADDRNOTAVAIL);
    assert_int_equal(nn_bind(s, "tcp://127.0.0.1:0"), 2);
    assert_int_equal(nn_bind(t, "tcp://127.0.0.1:0"), 1);
    nn_close(s);
    nn_close(t);
}

static void connecting_to_nobody_succeeds(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PUB), t = lib_socket(NN_SUB);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    nn_close(s);
    assert_int_equal(nn_connect(t, address), 1);
    nn_close(t);
}

static void connecting_to_an_unknown_name_succeeds(void **state)
{
    (void)state;
    int t = lib_socket(NN_SUB);
    assert_int_equal(nn_connect(t, "tcp://no.such.name.invalid:5555"), 1);
    lib_ok(nn_close(t));
}

static void a_closed_socket_has_no_endpoints(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUB);
    lib_ok(nn_close(s));
    lib_fails(nn_bind(s, "tcp://127.0.0.1:0"), EBADF);
    lib_fails(nn_connect(s, "tcp://127.0.0.1:5555"), EBADF);
    lib_fails(nn_shutdown(s, 1), EBADF);
}

static void shutdown_of_an_unknown_endpoint(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUB);
    lib_fails(nn_shutdown(s, 0), EINVAL);
    lib_fails(nn_shutdown(s, 1), EINVAL);
    lib_fails(nn_shutdown(s, -1), EINVAL);
    nn_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bind_and_connect_to_an_ip),
        cmocka_unit_test(bind_to_all_interfaces),
        cmocka_unit_test(bind_to_an_interface),
        cmocka_unit_test(connect_to_a_name),
        cmocka_unit_test(a_name_with_ipv6_tries_every_address),
        cmocka_unit_test(connect_from_a_local_address),
        cmocka_unit_test(connect_from_an_interface),
        cmocka_unit_test(ipv6_literals),
        cmocka_unit_test(both_families_on_all_interfaces),
        cmocka_unit_test(the_name_says_the_port_that_was_bound),
        cmocka_unit_test(no_scheme),
        cmocka_unit_test(unknown_scheme),
        cmocka_unit_test(bad_ports),
        cmocka_unit_test(bad_hosts),
        cmocka_unit_test(ipv6_without_permission),
        cmocka_unit_test(an_address_of_another_machine),
        cmocka_unit_test(too_long),
        cmocka_unit_test(a_null_address),
        cmocka_unit_test(a_bound_address_is_in_use),
        cmocka_unit_test(endpoint_ids_start_at_one),
        cmocka_unit_test(connecting_to_nobody_succeeds),
        cmocka_unit_test(connecting_to_an_unknown_name_succeeds),
        cmocka_unit_test(a_closed_socket_has_no_endpoints),
        cmocka_unit_test(shutdown_of_an_unknown_endpoint),
    };
    return cmocka_run_group_tests_name("addresses", tests, NULL, NULL);
}
