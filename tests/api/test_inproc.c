/* SPDX-License-Identifier: MIT */
/* inproc: every protocol over it, who finds whom by which name, and who is refused. */
#include "lib.h"
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <sys/wait.h>

static char big[300000]; /* received into */
static char out[300000]; /* sent */

/* Connects c to s by a name of its own. */
static void join(int s, int c)
{
    static int n;
    char address[64];
    snprintf(address, sizeof address, "inproc://join-%d", n++);
    lib_ok(nn_bind(s, address));
    lib_ok(nn_connect(c, address));
}

static struct lib_two two(int server, int client)
{
    struct lib_two t = {lib_socket(server), lib_socket(client)};
    join(t.s, t.c);
    return t;
}

/* ---- protocols ---- */

static void pair_speaks_both_ways(void **state)
{
    (void)state;
    struct lib_two t = two(NN_PAIR, NN_PAIR);
    for (int i = 0; i < 300; i++) {
        lib_send(t.c, "there");
        lib_expect(t.s, "there");
        lib_send(t.s, "and back");
        lib_expect(t.c, "and back");
    }
    lib_close(t);
}

static void requests_are_answered(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 4092, 4093, 4096, 4097, 20000, sizeof out};
    struct lib_two t = two(NN_REP, NN_REQ);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(out, (int)i + 1, sizes[i]);
        assert_int_equal(lib_ok(nn_send(t.c, out, sizes[i], 0)), sizes[i]);
        assert_int_equal(lib_ok(nn_recv(t.s, big, sizeof big, 0)), sizes[i]);
        assert_memory_equal(big, out, sizes[i]);
        assert_int_equal(lib_ok(nn_send(t.s, out, sizes[i], 0)), sizes[i]);
        assert_int_equal(lib_ok(nn_recv(t.c, big, sizeof big, 0)), sizes[i]);
        assert_memory_equal(big, out, sizes[i]);
    }
    lib_close(t);
}

static void push_shares_out_in_turn(void **state)
{
    (void)state;
    int push = lib_socket(NN_PUSH), pull[3];
    for (int i = 0; i < 3; i++)
        join(push, pull[i] = lib_socket(NN_PULL));
    for (int i = 0; i < 9; i++)
        lib_send(push, "work");
    for (int i = 0; i < 9; i++)
        lib_expect(pull[i % 3], "work");
    for (int i = 0; i < 3; i++)
        lib_ok(nn_close(pull[i]));
    lib_ok(nn_close(push));
}

static void publishing_reaches_those_who_asked(void **state)
{
    (void)state;
    int pub = lib_socket(NN_PUB), all = lib_socket(NN_SUB), some = lib_ok(nn_socket(AF_SP, NN_SUB));
    lib_ok(nn_setsockopt(some, NN_SUB, NN_SUB_SUBSCRIBE, "b", 1));
    lib_set(some, NN_RCVTIMEO, LIB_PATIENCE_MS);
    join(pub, all);
    join(pub, some);
    lib_send(pub, "apple");
    lib_send(pub, "banana");
    lib_expect(all, "apple");
    lib_expect(all, "banana");
    lib_expect(some, "banana");
    lib_ok(nn_close(pub));
    lib_ok(nn_close(all));
    lib_ok(nn_close(some));
}

static void a_slow_subscriber_misses_and_the_publisher_counts(void **state)
{
    (void)state;
    struct lib_two t = {lib_socket(NN_PUB), lib_socket(NN_SUB)};
    lib_set(t.c, NN_RCVBUF, 100);
    join(t.s, t.c);
    for (int i = 0; i < 50; i++)
        assert_int_equal(lib_ok(nn_send(t.s, out, 10, 0)), 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(lib_ok(nn_recv(t.c, big, sizeof big, 0)), 10);
    lib_expect_nothing(t.c);
    assert_int_equal(lib_stat(t.s, NN_STAT_MESSAGES_DROPPED_SEND), 40);
    lib_close(t);
}

static void surveys_are_answered(void **state)
{
    (void)state;
    struct lib_two t = two(NN_SURVEYOR, NN_RESPONDENT);
    lib_send(t.s, "who");
    lib_expect(t.c, "who");
    lib_send(t.c, "me");
    lib_expect(t.s, "me");
    lib_close(t);
}

static void a_bus_reaches_the_others(void **state)
{
    (void)state;
    struct lib_two t = two(NN_BUS, NN_BUS);
    lib_send(t.s, "bus");
    lib_expect(t.c, "bus");
    lib_close(t);
}

/* ---- names ---- */

static void a_dialler_waits_for_the_bind(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL), c[20];
    for (int i = 0; i < 20; i++) {
        c[i] = lib_socket(NN_PUSH);
        lib_ok(nn_connect(c[i], "inproc://later"));
        assert_int_equal(lib_stat(c[i], NN_STAT_INPROGRESS_CONNECTIONS), 1);
    }
    lib_fails(nn_send(c[0], "x", 1, NN_DONTWAIT), EAGAIN);
    lib_ok(nn_bind(s, "inproc://later")); /* they are connected when it returns */
    assert_int_equal(lib_stat(s, NN_STAT_ACCEPTED_CONNECTIONS), 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(lib_stat(c[i], NN_STAT_INPROGRESS_CONNECTIONS), 0);
        assert_int_equal(lib_stat(c[i], NN_STAT_CONNECT_ERRORS), 0);
        assert_int_equal(lib_ok(nn_send(c[i], "x", 1, NN_DONTWAIT)), 1);
        lib_expect(s, "x");
        lib_ok(nn_close(c[i]));
    }
    lib_ok(nn_close(s));
}

static void a_waiting_dialler_can_go(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR), c = lib_socket(NN_PAIR), d = lib_socket(NN_PAIR);
    lib_ok(nn_connect(c, "inproc://gone"));
    lib_ok(nn_shutdown(d, lib_ok(nn_connect(d, "inproc://gone"))));
    lib_ok(nn_close(c));
    lib_ok(nn_bind(s, "inproc://gone"));
    assert_int_equal(lib_stat(s, NN_STAT_ACCEPTED_CONNECTIONS), 0);
    lib_ok(nn_close(s));
    lib_ok(nn_close(d));
}

static void a_name_belongs_to_one(void **state)
{
    (void)state;
    int a = lib_socket(NN_PAIR), b = lib_socket(NN_PAIR);
    for (int i = 0; i < 200; i++) {
        int e = lib_ok(nn_bind(a, "inproc://mine"));
        lib_fails(nn_bind(b, "inproc://mine"), EADDRINUSE);
        lib_fails(nn_bind(a, "inproc://mine"), EADDRINUSE);
        lib_ok(nn_shutdown(a, e));
        lib_ok(nn_bind(b, "inproc://mine")); /* free at once */
        lib_ok(nn_close(b));
        b = lib_socket(NN_PAIR);
    }
    lib_ok(nn_close(a));
    lib_ok(nn_close(b));
}

static void a_rebind_finds_the_old_diallers(void **state)
{
    (void)state;
    int c[5];
    for (int i = 0; i < 5; i++)
        lib_ok(nn_connect(c[i] = lib_socket(NN_PUSH), "inproc://again"));
    for (int round = 0; round < 20; round++) {
        int s = lib_socket(NN_PULL), e = lib_ok(nn_bind(s, "inproc://again"));
        lib_peers(s, 5);
        for (int i = 0; i < 5; i++) {
            lib_send(c[i], "here");
            lib_expect(s, "here");
        }
        if (round % 2)
            lib_ok(nn_shutdown(s, e));
        lib_ok(nn_close(s));
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(lib_stat(c[i], NN_STAT_ESTABLISHED_CONNECTIONS), 20);
        assert_int_equal(lib_stat(c[i], NN_STAT_BROKEN_CONNECTIONS), 20);
        assert_int_equal(lib_stat(c[i], NN_STAT_CONNECT_ERRORS), 0); /* waiting is no failure */
        lib_ok(nn_close(c[i]));
    }
}

static void names_may_be_empty_or_odd_but_not_long(void **state)
{
    (void)state;
    static char name[100010];
    static const char *odd[] = {"inproc://",    "inproc:///", "inproc://a b",     "inproc://*",
                                "inproc://x:5", "inproc://.", "inproc://\xc3\xa4"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)};
        lib_ok(nn_bind(t.s, odd[i]));
        lib_ok(nn_connect(t.c, odd[i]));
        lib_send(t.c, "odd");
        lib_expect(t.s, "odd");
        lib_close(t);
    }
    int s = lib_socket(NN_PAIR);
    memset(name, 'n', sizeof name - 1);
    memcpy(name, "inproc://", 9);
    lib_fails(nn_bind(s, name), ENAMETOOLONG);
    lib_fails(nn_connect(s, name), ENAMETOOLONG);
    name[NN_SOCKADDR_MAX] = 0;
    lib_fails(nn_bind(s, name), ENAMETOOLONG);
    name[NN_SOCKADDR_MAX - 1] = 0;
    lib_ok(nn_bind(s, name));
    lib_ok(nn_close(s));
}

static void names_that_differ_do_not_meet(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR), c = lib_socket(NN_PAIR);
    lib_ok(nn_bind(s, "inproc://A"));
    lib_ok(nn_connect(c, "inproc://a"));
    lib_ok(nn_connect(c, "inproc://A/"));
    assert_int_equal(lib_stat(s, NN_STAT_ACCEPTED_CONNECTIONS), 0);
    lib_ok(nn_close(s));
    lib_ok(nn_close(c));
}

/* ---- who is refused ---- */

static void a_second_peer_of_a_pair_has_its_turn_later(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR), c = lib_socket(NN_PAIR), d = lib_socket(NN_PAIR);
    lib_ok(nn_bind(s, "inproc://turn"));
    lib_ok(nn_connect(c, "inproc://turn"));
    lib_ok(nn_connect(d, "inproc://turn"));
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_CONNECTIONS), 1);
    assert_true(lib_stat(s, NN_STAT_ACCEPT_ERRORS) >= 1);
    assert_true(lib_stat(d, NN_STAT_CONNECT_ERRORS) >= 1);
    assert_int_equal(lib_stat(d, NN_STAT_CURRENT_EP_ERRORS), 1);
    lib_ok(nn_close(c));
    lib_peers(d, 1);
    assert_int_equal(lib_stat(d, NN_STAT_CURRENT_EP_ERRORS), 0);
    lib_send(d, "mine now");
    lib_expect(s, "mine now");
    lib_ok(nn_close(s));
    lib_ok(nn_close(d));
}

static void other_protocols_are_refused_with_a_reason(void **state)
{
    (void)state;
    char text[400];
    int s = lib_socket(NN_REP), c = lib_socket(NN_PAIR);
    lib_ok(nn_bind(s, "inproc://other"));
    lib_ok(nn_connect(c, "inproc://other"));
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_CONNECTIONS), 0);
    assert_int_equal(lib_stat(c, NN_STAT_CURRENT_CONNECTIONS), 0);
    assert_true(lib_stat(s, NN_STAT_PROTOCOL) >= 1);
    assert_true(lib_stat(c, NN_STAT_PROTOCOL) >= 1);
    lib_text(c, NN_LAST_REASON, text, sizeof text);
    assert_non_null(strstr(text, "inproc://other"));
    assert_non_null(strstr(text, "SP protocol"));
    lib_ok(nn_close(s));
    lib_ok(nn_close(c));
}

static void peers_are_limited(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL), c[3], limit = 2;
    lib_set(s, NN_MAX_PEERS, limit);
    lib_ok(nn_bind(s, "inproc://limit"));
    for (int i = 0; i < 3; i++)
        lib_ok(nn_connect(c[i] = lib_socket(NN_PUSH), "inproc://limit"));
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_CONNECTIONS), 2);
    assert_true(lib_stat(s, NN_STAT_LIMIT) >= 1);
    lib_ok(nn_close(c[0]));
    lib_peers(c[2], 1);
    for (int i = 1; i < 3; i++)
        lib_ok(nn_close(c[i]));
    lib_ok(nn_close(s));
}

static void the_diallers_limit_holds_too(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    lib_set(c, NN_MAX_PEERS, 1);
    lib_ok(nn_bind(s, "inproc://limit-a"));
    lib_ok(nn_bind(s, "inproc://limit-b"));
    lib_ok(nn_connect(c, "inproc://limit-a"));
    lib_ok(nn_connect(c, "inproc://limit-b"));
    assert_int_equal(lib_stat(c, NN_STAT_CURRENT_CONNECTIONS), 1);
    lib_peers(s, 1);
    assert_true(lib_stat(c, NN_STAT_CONNECT_ERRORS) >= 1);
    lib_send(c, "one");
    lib_expect(s, "one");
    lib_ok(nn_close(c));
    lib_ok(nn_close(s));
}

static void a_socket_may_be_its_own_peer(void **state)
{
    (void)state;
    int s = lib_socket(NN_BUS), p = lib_socket(NN_PAIR);
    lib_ok(nn_bind(s, "inproc://self"));
    lib_ok(nn_connect(s, "inproc://self"));
    lib_send(s, "echo");
    lib_expect(s, "echo");
    lib_expect(s, "echo");
    lib_ok(nn_bind(p, "inproc://itself"));
    lib_ok(nn_connect(p, "inproc://itself")); /* a pair is its own second peer, so it is refused */
    lib_peers(p, 0);
    lib_ok(nn_close(s));
    lib_ok(nn_close(p));
}

static void pipes_are_listed(void **state)
{
    (void)state;
    struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)};
    struct nn_pipe_info v = {.size = sizeof v};
    lib_ok(nn_bind(t.s, "inproc://listed"));
    int e = lib_ok(nn_connect(t.c, "inproc://listed"));
    lib_send(t.c, "12345");
    lib_expect(t.s, "12345");
    assert_int_equal(lib_ok(nn_pipes(t.c, &v, 1)), 1);
    assert_string_equal(v.address, "inproc://listed");
    assert_int_equal(v.endpoint, e);
    assert_int_equal(v.messages_sent, 1);
    assert_int_equal(v.bytes_sent, 5);
    v.size = sizeof v;
    assert_int_equal(lib_ok(nn_pipes(t.s, &v, 1)), 1);
    assert_string_equal(v.address, "inproc://listed");
    assert_int_equal(v.messages_received, 1);
    assert_int_equal(v.bytes_received, 5);
    lib_close(t);
}

static void the_largest_size_does_not_apply(void **state)
{
    (void)state;
    struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)};
    lib_set(t.s, NN_RCVMAXSIZE, 100);
    join(t.s, t.c);
    assert_int_equal(lib_ok(nn_send(t.c, out, sizeof out, 0)), sizeof out);
    assert_int_equal(lib_ok(nn_recv(t.s, big, sizeof big, 0)), sizeof out);
    lib_close(t);
}

/* ---- the process ---- */

static void a_forked_child_has_names_of_its_own(void **state)
{
    (void)state;
    char b[8];
    int status;
    if (LIB_TSAN)
        skip(); /* it cannot follow the child of a process with threads */
    struct lib_two t = {lib_socket(NN_PAIR), lib_socket(NN_PAIR)};
    int w = lib_socket(NN_PAIR);
    lib_ok(nn_bind(t.s, "inproc://fork"));
    lib_ok(nn_connect(t.c, "inproc://fork"));
    lib_ok(nn_connect(w, "inproc://waits"));
    lib_send(t.c, "before");
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        alarm(LIB_PATIENCE_MS / 1000);
        int x = nn_socket(AF_SP, NN_PAIR), y = nn_socket(AF_SP, NN_PAIR);
        if (nn_bind(x, "inproc://fork") < 0 || nn_bind(x, "inproc://waits") < 0 ||
            nn_connect(y, "inproc://fork") < 0 || nn_send(y, "child", 5, 0) != 5 ||
            nn_recv(x, b, sizeof b, 0) != 5)
            _exit(1);
        nn_term();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    lib_expect(t.s, "before");
    lib_send(t.s, "after");
    lib_expect(t.c, "after");
    lib_close(t);
    lib_ok(nn_close(w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_speaks_both_ways),
        cmocka_unit_test(requests_are_answered),
        cmocka_unit_test(push_shares_out_in_turn),
        cmocka_unit_test(publishing_reaches_those_who_asked),
        cmocka_unit_test(a_slow_subscriber_misses_and_the_publisher_counts),
        cmocka_unit_test(surveys_are_answered),
        cmocka_unit_test(a_bus_reaches_the_others),
        cmocka_unit_test(a_dialler_waits_for_the_bind),
        cmocka_unit_test(a_waiting_dialler_can_go),
        cmocka_unit_test(a_name_belongs_to_one),
        cmocka_unit_test(a_rebind_finds_the_old_diallers),
        cmocka_unit_test(names_may_be_empty_or_odd_but_not_long),
        cmocka_unit_test(names_that_differ_do_not_meet),
        cmocka_unit_test(a_second_peer_of_a_pair_has_its_turn_later),
        cmocka_unit_test(other_protocols_are_refused_with_a_reason),
        cmocka_unit_test(peers_are_limited),
        cmocka_unit_test(the_diallers_limit_holds_too),
        cmocka_unit_test(a_socket_may_be_its_own_peer),
        cmocka_unit_test(pipes_are_listed),
        cmocka_unit_test(the_largest_size_does_not_apply),
        cmocka_unit_test(a_forked_child_has_names_of_its_own),
    };
    alarm(LIB_SLOW ? 300 : 120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
