/* SPDX-License-Identifier: MIT */
#define MEM_TCP
#include "memconn.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

/* An endpoint that was not started: only its address is looked at. */
static struct {
    struct sp_ep ep;
    struct sp_stream_ep se;
} x;

static int address(const char *text, bool dial, bool ipv4only)
{
    memset(&x, 0, sizeof x);
    x.ep.t = &sp_tcp;
    x.ep.data = &x.se;
    x.se.ep = &x.ep;
    x.ep.dialler = dial;
    x.ep.ipv4only = ipv4only;
    snprintf(x.ep.url.rest, sizeof x.ep.url.rest, "%s", text);
    return sp_inet_address(&x.ep);
}

static const char *text_of(const struct sp_addr *a)
{
    static char t[160];
    sp_addr_text(&x.ep, a, t, sizeof t);
    return t;
}

static void literals_are_taken_as_they_are(void **state)
{
    (void)state;
    assert_int_equal(address("127.0.0.1:5555", true, true), 0);
    assert_false(x.se.named);
    assert_int_equal(x.se.n_cand, 1);
    assert_string_equal(text_of(&x.se.cand[0]), "tcp://127.0.0.1:5555");
    assert_int_equal(address("[::1]:5555", true, false), 0);
    assert_string_equal(text_of(&x.se.cand[0]), "tcp://[::1]:5555");
    assert_int_equal(address("127.0.0.1:5555", false, true), 0);
    assert_string_equal(text_of(&x.se.local), "tcp://127.0.0.1:5555");
}

static void IPv6_needs_to_be_allowed(void **state)
{
    (void)state;
    assert_int_equal(address("[::1]:5555", true, true), -EINVAL);
    assert_int_equal(address("[::1]:5555", false, true), -ENODEV);
    assert_int_equal(address("[::1]:5555", false, false), 0);
}

static void a_star_is_every_address_of_the_machine(void **state)
{
    (void)state;
    assert_int_equal(address("*:5555", false, true), 0);
    assert_string_equal(text_of(&x.se.local), "tcp://0.0.0.0:5555");
    assert_int_equal(address("*:5555", false, false), 0);
    assert_string_equal(text_of(&x.se.local), "tcp://[::]:5555");
}

static void an_interface_stands_for_its_address(void **state)
{
    (void)state;
    if (!if_nametoindex("lo"))
        skip();
    assert_int_equal(address("lo:5555", false, true), 0);
    assert_string_equal(text_of(&x.se.local), "tcp://127.0.0.1:5555");
    assert_int_equal(address("nosuchif0:5555", false, true), -ENODEV);
}

static void names_are_left_for_later(void **state)
{
    (void)state;
    assert_int_equal(address("host.example:5555", true, true), 0);
    assert_true(x.se.named);
    assert_int_equal(x.se.n_cand, 0);
    const char *const wrong[] = {"under score!:1", "-x.example:1", "a..b:1", " host:1"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(address(wrong[i], true, true), -EINVAL);
}

static void a_dialler_may_choose_its_own_side(void **state)
{
    (void)state;
    assert_int_equal(address("127.0.0.2;127.0.0.1:5555", true, true), 0);
    assert_string_equal(text_of(&x.se.local), "tcp://127.0.0.2:0");
    assert_string_equal(text_of(&x.se.cand[0]), "tcp://127.0.0.1:5555");
    assert_int_equal(address("*;127.0.0.1:5555", true, true), 0);
    assert_int_equal(address("nosuchif0;127.0.0.1:5555", true, true), -ENODEV);
    assert_int_equal(address("127.0.0.2;127.0.0.1:5555", false, true), -ENODEV);
}

static void port_0_is_for_listeners_that_may(void **state)
{
    (void)state;
    assert_int_equal(address("127.0.0.1:0", true, true), -EINVAL);
    assert_int_equal(address("127.0.0.1:0", false, true), -EINVAL);
    x.ep.port0 = true;
    assert_int_equal(sp_inet_address(&x.ep), 0);
    x.ep.dialler = true;
    assert_int_equal(sp_inet_address(&x.ep), -EINVAL);
}

static void malformed_addresses_are_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {"", ":", ":5555", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "[::1:5"};
    for (size_t i = 0; i < 8; i++) {
        assert_true(address(wrong[i], true, false) < 0);
        assert_true(address(wrong[i], false, false) < 0);
    }
}

static void a_socket_does_not_block_is_not_inherited_and_sends_at_once(void **state)
{
    (void)state;
    int one = 0;
    socklen_t len = sizeof one;
    assert_int_equal(address("127.0.0.1:5555", true, true), 0);
    int before = sp_fd_count(), fd = sp_addr_socket(&x.ep, &x.se.cand[0]);
    assert_true(fd >= 0);
    assert_int_equal(sp_fd_count(), before + 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
    assert_true(one);
    sp_fd_close(fd);
}

static int kernel_buffer(int option)
{
    int v = 0;
    socklen_t len = sizeof v;
    int fd = sp_addr_socket(&x.ep, &x.se.cand[0]);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, option, &v, &len), 0);
    sp_fd_close(fd);
    return v;
}

static void the_kernels_buffers_follow_only_what_the_user_set(void **state)
{
    (void)state;
    assert_int_equal(address("127.0.0.1:5555", true, true), 0);
    int snd = kernel_buffer(SO_SNDBUF), rcv = kernel_buffer(SO_RCVBUF);
    x.ep.snd_buf = 20000;
    x.ep.rcv_buf = 30000;
    assert_in_range(kernel_buffer(SO_SNDBUF), 20000, 80000);
    assert_in_range(kernel_buffer(SO_RCVBUF), 30000, 120000);
    x.ep.snd_buf = x.ep.rcv_buf = 0;
    assert_int_equal(kernel_buffer(SO_SNDBUF), snd);
    assert_int_equal(kernel_buffer(SO_RCVBUF), rcv);
}

static void without_descriptors_there_is_no_socket(void **state)
{
    (void)state;
    struct rlimit old, none;
    assert_int_equal(address("127.0.0.1:5555", true, true), 0);
    int before = sp_fd_count();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int fd = sp_addr_socket(&x.ep, &x.se.cand[0]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(fd, -EMFILE);
    assert_int_equal(sp_fd_count(), before);
}

/* The system's resolver, in place of which this program has its own below. */
static int resolver_rc;
static struct sockaddr_in found[12];
static struct addrinfo list[12];

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
    assert_string_equal(node, "host.example");
    assert_null(service);
    assert_int_equal(hints->ai_family, AF_INET);
    *res = list;
    return resolver_rc;
}

void freeaddrinfo(struct addrinfo *res) { assert_ptr_equal(res, list); }

static void a_name_gives_its_addresses_with_the_port(void **state)
{
    (void)state;
    struct sp_hostport hp = {.host = "host.example", .port = 77};
    struct sp_addr out[8];
    for (int i = 0; i < 12; i++) {
        found[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001u + (uint32_t)i)};
        list[i] = (struct addrinfo){.ai_addr = (struct sockaddr *)&found[i], .ai_addrlen = sizeof found[i],
                                    .ai_next = i < 11 ? &list[i + 1] : NULL};
    }
    assert_int_equal(sp_inet_resolve(&hp, true, out, 8), 8);
    x.ep.t = &sp_tcp;
    assert_string_equal(text_of(&out[7]), "tcp://10.0.0.8:77");
    resolver_rc = EAI_NONAME;
    assert_int_equal(sp_inet_resolve(&hp, true, out, 8), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(literals_are_taken_as_they_are),
        TEST(IPv6_needs_to_be_allowed),
        TEST(a_star_is_every_address_of_the_machine),
        TEST(an_interface_stands_for_its_address),
        TEST(names_are_left_for_later),
        TEST(a_dialler_may_choose_its_own_side),
        TEST(port_0_is_for_listeners_that_may),
        TEST(malformed_addresses_are_refused),
        TEST(a_socket_does_not_block_is_not_inherited_and_sends_at_once),
        TEST(the_kernels_buffers_follow_only_what_the_user_set),
        TEST(without_descriptors_there_is_no_socket),
        TEST(a_name_gives_its_addresses_with_the_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
