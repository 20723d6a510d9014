/* SPDX-License-Identifier: MIT */
/* ipc:// by the public calls: protocols, sizes, options, abstract names. The file is
 * in test_ipc_file.c. */
#include "ipclib.h"

#define AT "ipc://x.sock"

/* ---- messages ---- */

static void requests_are_answered(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_REP, NN_REQ, AT);
    for (int i = 0; i < 100; i++) {
        lib_send(t.c, "question");
        lib_expect(t.s, "question");
        lib_send(t.s, "answer");
        lib_expect(t.c, "answer");
    }
    lib_close(t);
}

static void publications_arrive(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_PUB, NN_SUB, AT);
    lib_send(t.s, "news");
    lib_expect(t.c, "news");
    lib_close(t);
}

static void a_pipeline_keeps_the_order(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_PULL, NN_PUSH, AT);
    char text[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%d", i);
        lib_send(t.c, text);
        if (i % 100 == 99)
            for (int k = i - 99; k <= i; k++) {
                snprintf(text, sizeof text, "%d", k);
                lib_expect(t.s, text);
            }
    }
    lib_close(t);
}

static void a_pair_talks_both_ways(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_PAIR, NN_PAIR, AT);
    lib_send(t.s, "a");
    lib_send(t.c, "b");
    lib_expect(t.c, "a");
    lib_expect(t.s, "b");
    lib_close(t);
}

static void many_peers_are_served(void **state)
{
    (void)state;
    int s = lib_socket(NN_PUB), c[20];
    lib_ok(nn_bind(s, AT));
    for (int i = 0; i < 20; i++) {
        c[i] = lib_socket(NN_SUB);
        lib_ok(nn_connect(c[i], AT));
    }
    lib_peers(s, 20);
    lib_send(s, "news");
    for (int i = 0; i < 20; i++) {
        lib_expect(c[i], "news");
        lib_ok(nn_close(c[i]));
    }
    lib_ok(nn_close(s));
}

static void fill(unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(i * 31 + i / 251 + n);
}

static void echoes(struct lib_two t, size_t n)
{
    static unsigned char out[(1 << 20) + 64], in[(1 << 20) + 64];
    fill(out, n);
    assert_int_equal(lib_ok(nn_send(t.c, out, n, 0)), n);
    assert_int_equal(lib_ok(nn_recv(t.s, in, sizeof in, 0)), n);
    assert_int_equal(lib_ok(nn_send(t.s, in, n, 0)), n);
    memset(in, 0, n);
    assert_int_equal(lib_ok(nn_recv(t.c, in, sizeof in, 0)), n);
    assert_memory_equal(in, out, n);
}

/* Alone, and right behind each other, when they are gathered. */
static void bodies_of_every_size_arrive(void **state)
{
    (void)state;
    static const size_t around[] = {4096, 16384, 32768, 65536, 131072, 1 << 20};
    static unsigned char out[1 << 17], in[1 << 17];
    struct lib_two t = ipc_two(NN_PAIR, NN_PAIR, AT);
    lib_set(t.s, NN_RCVMAXSIZE, -1);
    lib_set(t.c, NN_RCVMAXSIZE, -1);
    for (size_t n = 0; n <= 70; n++)
        echoes(t, n);
    for (size_t i = 0; i < 6; i++)
        for (size_t n = around[i] - 12; n <= around[i] + 12; n++)
            if (n <= 1 << 16 || n % 4 == 0)
                echoes(t, n);
    for (size_t n = 0; n < 400; n++) {
        fill(out, n * 300);
        lib_set(t.c, NN_SNDBUF, 1 << 30);
        assert_int_equal(lib_ok(nn_send(t.c, out, n * 300, 0)), n * 300);
        if (n % 2)
            for (size_t k = n - 1; k <= n; k++) {
                fill(out, k * 300);
                assert_int_equal(lib_ok(nn_recv(t.s, in, sizeof in, 0)), k * 300);
                assert_memory_equal(in, out, k * 300);
            }
    }
    lib_close(t);
}

static void a_message_above_NN_RCVMAXSIZE_ends_its_connection(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_PULL, NN_PUSH, AT);
    static char big[100001];
    lib_set(t.s, NN_RCVMAXSIZE, 100000);
    lib_ok(nn_send(t.c, big, 100000, 0));
    assert_int_equal(lib_ok(nn_recv(t.s, big, sizeof big, 0)), 100000);
    lib_ok(nn_send(t.c, big, 100001, 0));
    lib_until(lib_stat(t.s, NN_STAT_OVERSIZE) == 1);
    lib_peers(t.s, 1); /* it comes back */
    lib_close(t);
}

static void what_was_sent_before_nn_close_arrives(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_PULL, NN_PUSH, AT);
    static char big[500000];
    lib_ok(nn_send(t.c, big, sizeof big, 0));
    lib_send(t.c, "last");
    lib_ok(nn_close(t.c));
    assert_int_equal(lib_ok(nn_recv(t.s, big, sizeof big, 0)), sizeof big);
    lib_expect(t.s, "last");
    lib_ok(nn_close(t.s));
}

/* A silent peer costs the kernel's buffer and NN_SNDBUF, no more. */
static void a_peer_that_does_not_read_blocks_the_sender(void **state)
{
    (void)state;
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    static char kib[1024];
    int sent = 0;
    lib_set(t.s, NN_RCVBUF, 4096);
    lib_set(t.c, NN_SNDBUF, 4096);
    ipc_join(t.s, t.c, AT);
    lib_set(t.c, NN_SNDTIMEO, 200);
    while (nn_send(t.c, kib, sizeof kib, 0) >= 0)
        sent++;
    assert_int_equal(nn_errno(), ETIMEDOUT);
    assert_in_range(sent, 4, 300);
    for (int i = 0; i < sent; i++)
        assert_int_equal(lib_ok(nn_recv(t.s, kib, sizeof kib, 0)), sizeof kib);
    lib_send(t.c, "room again");
    lib_expect(t.s, "room again");
    lib_close(t);
}

/* ---- addresses ---- */

static void addresses_that_cannot_be_are_refused(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR);
    char text[200] = "ipc://";
    lib_fails(nn_bind(s, "ipc://"), EINVAL);
    lib_fails(nn_connect(s, "ipc://"), EINVAL);
    memset(text + 6, 'x', 121);
    for (size_t n = sizeof((struct sockaddr_un *)0)->sun_path; n <= 121; n++) {
        text[6 + n] = 0;
        lib_fails(nn_bind(s, text), ENAMETOOLONG);
        lib_fails(nn_connect(s, text), ENAMETOOLONG);
        text[6 + n] = 'x';
    }
    memset(text + 6, 'x', 150);
    lib_fails(nn_bind(s, text), ENAMETOOLONG);
    lib_fails(nn_connect(s, text), ENAMETOOLONG);
    lib_ok(nn_close(s));
}

static void the_longest_path_is_good(void **state)
{
    (void)state;
    size_t n = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    char text[200] = "ipc://";
    memset(text + 6, 'x', n);
    struct lib_two t = ipc_two(NN_PAIR, NN_PAIR, text);
    assert_true(ipc_there(text + 6));
    lib_send(t.c, "x");
    lib_expect(t.s, "x");
    lib_close(t);
}

static void absolute_and_relative_paths_are_one_place(void **state)
{
    (void)state;
    char text[160];
    int s = lib_socket(NN_PAIR), c = lib_socket(NN_PAIR);
    snprintf(text, sizeof text, "ipc://%s/x.sock", ipc_folder);
    lib_ok(nn_bind(s, text));
    lib_ok(nn_connect(c, "ipc://./x.sock"));
    lib_peers(s, 1);
    lib_ok(nn_close(c));
    lib_ok(nn_close(s));
}

static void an_at_sign_is_a_file_as_in_nanomsg(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_PAIR, NN_PAIR, "ipc://@x");
    assert_true(S_ISSOCK(ipc_stat("@x").st_mode));
    lib_close(t);
}

static void nn_pipes_says_the_address(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_PAIR, NN_PAIR, AT);
    for (int i = 0; i < 2; i++) {
        struct nn_pipe_info info = {.size = sizeof info};
        assert_int_equal(nn_pipes(i ? t.c : t.s, &info, 1), 1);
        assert_string_equal(info.address, AT);
    }
    char text[160];
    lib_text(t.s, NN_LAST_ENDPOINT, text, sizeof text);
    assert_string_equal(text, AT);
    lib_close(t);
}

/* ---- abstract names ---- */

static const char *abstract(void)
{
    static char text[64];
    snprintf(text, sizeof text, "abstract://nanoseal-test-%d", (int)getpid());
    return text;
}

static void an_abstract_name_needs_no_file(void **state)
{
    (void)state;
#ifdef __linux__
    struct lib_two t = ipc_two(NN_REP, NN_REQ, abstract());
    lib_send(t.c, "question");
    lib_expect(t.s, "question");
    struct nn_pipe_info info = {.size = sizeof info};
    assert_int_equal(nn_pipes(t.s, &info, 1), 1);
    assert_string_equal(info.address, abstract());
    lib_close(t);
#else
    int s = lib_socket(NN_REP);
    lib_fails(nn_bind(s, abstract()), EPROTONOSUPPORT);
    lib_ok(nn_close(s));
    skip();
#endif
}

static void an_abstract_name_is_one_listeners_and_free_after_it(void **state)
{
    (void)state;
#ifdef __linux__
    int a = lib_socket(NN_PULL), b = lib_socket(NN_PULL);
    for (int i = 0; i < 3; i++) {
        int id = lib_ok(nn_bind(a, abstract()));
        lib_fails(nn_bind(b, abstract()), EADDRINUSE);
        lib_ok(nn_shutdown(a, id));
    }
    lib_ok(nn_bind(b, abstract()));
    lib_ok(nn_close(b));
    lib_ok(nn_bind(a, abstract()));
    lib_ok(nn_close(a));
#else
    skip();
#endif
}

static void abstract_names_that_cannot_be_are_refused(void **state)
{
    (void)state;
#ifdef __linux__
    char text[128] = "abstract://";
    int s = lib_socket(NN_PULL);
    lib_fails(nn_bind(s, "abstract://"), EINVAL);
    lib_fails(nn_bind(s, "abstract://a%20b"), EINVAL);
    lib_fails(nn_connect(s, "abstract://a%20b"), EINVAL);
    memset(text + 11, 'x', 108);
    lib_fails(nn_bind(s, text), ENAMETOOLONG);
    text[11 + 107] = 0;
    lib_ok(nn_bind(s, text));
    lib_ok(nn_close(s));
#else
    skip();
#endif
}

/* A file's protection that could not hold is not promised. */
static void an_abstract_name_has_no_mode(void **state)
{
    (void)state;
#ifdef __linux__
    static const int options[] = {NN_IPC_MODE, NN_IPC_OWNER, NN_IPC_GROUP};
    for (int i = 0; i < 3; i++) {
        int s = lib_socket(NN_PULL);
        ipc_set(s, options[i], 0);
        lib_fails(nn_bind(s, abstract()), EINVAL);
        lib_ok(nn_connect(s, abstract()));
        lib_ok(nn_close(s));
    }
#else
    skip();
#endif
}

/* ---- options ---- */

static int get(int s, int option)
{
    int v = -12345;
    size_t len = sizeof v;
    lib_ok(nn_getsockopt(s, NN_IPC, option, &v, &len));
    assert_int_equal(len, sizeof v);
    return v;
}

static void options_have_their_defaults_and_ranges(void **state)
{
    (void)state;
    static const struct {
        int option, first, lo, hi;
    } x[] = {{NN_IPC_OUTBUFSZ, 4096, INT32_MIN, INT32_MAX},
             {NN_IPC_INBUFSZ, 4096, INT32_MIN, INT32_MAX},
             {NN_IPC_MODE, -1, -1, 0777},
             {NN_IPC_OWNER, -1, -1, INT32_MAX},
             {NN_IPC_GROUP, -1, -1, INT32_MAX}};
    int s = lib_socket(NN_PAIR);
    for (size_t i = 0; i < 5; i++) {
        int v[2] = {0, 0};
        assert_int_equal(get(s, x[i].option), x[i].first);
        ipc_set(s, x[i].option, x[i].lo);
        assert_int_equal(get(s, x[i].option), x[i].lo);
        ipc_set(s, x[i].option, x[i].hi);
        assert_int_equal(get(s, x[i].option), x[i].hi);
        v[0] = x[i].lo == INT32_MIN ? 0 : x[i].lo - 1;
        if (x[i].lo > INT32_MIN)
            lib_fails(nn_setsockopt(s, NN_IPC, x[i].option, v, sizeof *v), EINVAL);
        v[0] = x[i].hi == INT32_MAX ? 0 : x[i].hi + 1;
        if (x[i].hi < INT32_MAX)
            lib_fails(nn_setsockopt(s, NN_IPC, x[i].option, v, sizeof *v), EINVAL);
        lib_fails(nn_setsockopt(s, NN_IPC, x[i].option, v, sizeof v), EINVAL);
        lib_fails(nn_setsockopt(s, NN_IPC, x[i].option, v, 3), EINVAL);
    }
    lib_fails(nn_setsockopt(s, NN_IPC, 4, &s, sizeof s), ENOPROTOOPT);
    lib_fails(nn_setsockopt(s, NN_IPC, NN_IPC_PEER_CRED + 3, &s, sizeof s), ENOPROTOOPT);
    lib_ok(nn_close(s));
}

static void security_attributes_are_a_pointer_that_is_kept(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR), x = 0;
    void *p = &s;
    size_t len = sizeof p;
    lib_ok(nn_getsockopt(s, NN_IPC, NN_IPC_SEC_ATTR, &p, &len));
    assert_null(p);
    assert_int_equal(len, sizeof p);
    lib_ok(nn_setsockopt(s, NN_IPC, NN_IPC_SEC_ATTR, &x, sizeof x));
    lib_ok(nn_getsockopt(s, NN_IPC, NN_IPC_SEC_ATTR, &p, &len));
    assert_ptr_equal(p, &x);
    lib_ok(nn_close(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IPC_TEST(requests_are_answered),
        IPC_TEST(publications_arrive),
        IPC_TEST(a_pipeline_keeps_the_order),
        IPC_TEST(a_pair_talks_both_ways),
        IPC_TEST(many_peers_are_served),
        IPC_TEST(bodies_of_every_size_arrive),
        IPC_TEST(a_message_above_NN_RCVMAXSIZE_ends_its_connection),
        IPC_TEST(what_was_sent_before_nn_close_arrives),
        IPC_TEST(a_peer_that_does_not_read_blocks_the_sender),
        IPC_TEST(addresses_that_cannot_be_are_refused),
        IPC_TEST(the_longest_path_is_good),
        IPC_TEST(absolute_and_relative_paths_are_one_place),
        IPC_TEST(an_at_sign_is_a_file_as_in_nanomsg),
        IPC_TEST(nn_pipes_says_the_address),
        IPC_TEST(an_abstract_name_needs_no_file),
        IPC_TEST(an_abstract_name_is_one_listeners_and_free_after_it),
        IPC_TEST(abstract_names_that_cannot_be_are_refused),
        IPC_TEST(an_abstract_name_has_no_mode),
        IPC_TEST(options_have_their_defaults_and_ranges),
        IPC_TEST(security_attributes_are_a_pointer_that_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
