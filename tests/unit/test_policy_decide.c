/* SPDX-License-Identifier: MIT */
/* Which rule matches, and whose word counts. */
#include "base.h"
#include "policy/decide.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct sp_policy_file sys, user;

static void say(struct sp_policy_file *f, const char *text)
{
    int line;
    char why[SP_RULES_WHY];
    sp_rules_fini(&f->rules);
    f->there = text != NULL;
    if (text && sp_rules_parse(&f->rules, text, strlen(text), &line, why) != 0)
        fail_msg("%d: %s", line, why);
}

static int end(void **state)
{
    (void)state;
    say(&sys, NULL);
    say(&user, NULL);
    return 0;
}

static struct sp_decision decide(const char *url_text, int role, const char *program, bool secure)
{
    struct sp_url url;
    struct sp_decision d;
    char address[SP_POLICY_ADDRESS];
    assert_int_equal(sp_url_parse(&url, url_text), 0);
    sp_scheme_address(address, &url);
    const struct sp_subject s = {.scheme = sp_scheme_find(url.scheme, strlen(url.scheme)),
                                 .address = address,
                                 .program = program,
                                 .role = role};
    sp_decide(&d, &sys, &user, &s, secure);
    return d;
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *given, *matched;
    } row[] = {
        {"tcp://10.0.0.1:5555", "tcp://10.0.0.1:5555"},
        {"tcp://10.0.0.1:05555", "tcp://10.0.0.1:5555"},
        {"tcp://eth0;10.0.0.1:5555", "tcp://10.0.0.1:5555"},
        {"tcp://[::1];[0:0::1]:5555", "tcp://[::1]:5555"},
        {"tcp://::1:5555", "tcp://[::1]:5555"},
        {"tcp://[FE80:0::1]:5555", "tcp://[fe80::1]:5555"},
        {"tcp://[fe80::1%eth0]:5555", "tcp://[fe80::1%eth0]:5555"},
        {"tcp://Hub.Example:1", "tcp://Hub.Example:1"}, /* patterns do not mind the case */
        {"tcp://*:0", "tcp://*:0"},
        {"tcp://nonsense", "tcp://nonsense"},
        {"tcp://h:1/x", "tcp://h:1/x"},
        {"ws://h:080/A/b?c=d", "ws://h:80/A/b?c=d"},
        {"ws://h", "ws://h:80"},
        {"ws://eth0;[0::1]/x:y", "ws://[::1]:80/x:y"},
        {"ws://h:/x", "ws://h:/x"},
        {"wss://h/x", "wss://h:443/x"},
        {"tcp://h", "tcp://h"},
        {"tls+psk://e;h:01", "tls+psk://h:1"},
        {"ipc:///tmp/a:01", "ipc:///tmp/a:01"},
        {"inproc://a;b:01", "inproc://a;b:01"},
        {"foo://a;b:01", "foo://a;b:01"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct sp_url url;
        char address[SP_POLICY_ADDRESS];
        assert_int_equal(sp_url_parse(&url, row[i].given), 0);
        sp_scheme_address(address, &url);
        assert_string_equal(address, row[i].matched);
    }
}

static void test_sealed_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *given, *sealed;
    } row[] = {
        {"tcp://h:1", "tls+psk://h:1"},
        {"tcp://eth0;[::1]:01", "tls+psk://eth0;[::1]:01"},
        {"tcp://nonsense", "tls+psk://nonsense"},
        {"ws://h:8080/a?b", "wss://h:8080/a?b"},
        {"ws://h/a:b", "wss://h:80/a:b"},
        {"ws://[::1]", "wss://[::1]:80"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct sp_url url;
        char address[SP_POLICY_ADDRESS];
        assert_int_equal(sp_url_parse(&url, row[i].given), 0);
        sp_scheme_seal(address, sp_scheme_find(url.scheme, strlen(url.scheme)), &url);
        assert_string_equal(address, row[i].sealed);
    }
}

static void test_longest_addresses_fit(void **state)
{
    (void)state;
    char text[SP_URL_MAX], address[SP_POLICY_ADDRESS];
    struct sp_url url;
    memset(text, 'x', sizeof text);
    memcpy(text, "tcp://", 6);
    memcpy(text + sizeof text - 3, ":1", 3);
    assert_int_equal(sp_url_parse(&url, text), 0);
    sp_scheme_address(address, &url);
    assert_string_equal(address, text);
}

static void test_the_first_rule_that_matches(void **state)
{
    (void)state;
    say(&user, "endpoint tcp://10.*:*\n" /* line 1 */
               "  role bind\n"
               "  allow\n"
               "endpoint tcp://10.*:*\n" /* 4 */
               "  role connect\n"
               "  program sensor*\n"
               "  seal /a\n"
               "endpoint tcp://10.*:*\n" /* 8 */
               "  seal /b\n"
               "endpoint ws://*\n" /* 10 */
               "  seal /c\n"
               "endpoint ipc:///tmp/*\n" /* 12 */
               "  refuse\n"
               "endpoint tcp://Hub:1\n" /* 14 */
               "  seal /d\n"
               "otherwise refuse\n"); /* 16 */
    static const struct {
        const char *address, *program;
        int role, line;
        enum sp_action action;
    } row[] = {
        {"tcp://10.0.0.1:1", "x", SP_ROLE_BIND, 1, SP_ACTION_ALLOW},
        {"tcp://10.0.0.1:1", "sensors", SP_ROLE_BIND, 1, SP_ACTION_ALLOW},
        {"tcp://10.0.0.1:1", "sensors", SP_ROLE_CONNECT, 4, SP_ACTION_SEAL},
        {"tcp://10.0.0.1:1", "Sensors", SP_ROLE_CONNECT, 8, SP_ACTION_SEAL},
        {"tcp://10.0.0.1:1", "", SP_ROLE_CONNECT, 8, SP_ACTION_SEAL},
        {"tcp://11.0.0.1:1", "x", SP_ROLE_CONNECT, 16, SP_ACTION_REFUSE},
        {"ws://10.0.0.1:1/x", "x", SP_ROLE_CONNECT, 10, SP_ACTION_SEAL},
        {"ws://h", "x", SP_ROLE_CONNECT, 10, SP_ACTION_SEAL},
        {"ipc:///tmp/x", "x", SP_ROLE_CONNECT, 12, SP_ACTION_REFUSE},
        {"ipc:///TMP/x", "x", SP_ROLE_CONNECT, 16, SP_ACTION_ALLOW},
        {"inproc://x", "x", SP_ROLE_CONNECT, 16, SP_ACTION_ALLOW},
        {"abstract://x", "x", SP_ROLE_CONNECT, 16, SP_ACTION_ALLOW},
        {"tls+psk://x:1", "x", SP_ROLE_CONNECT, 16, SP_ACTION_ALLOW},
        {"tls+tcp://x:1", "x", SP_ROLE_BIND, 16, SP_ACTION_ALLOW},
        {"wss://x:1", "x", SP_ROLE_BIND, 16, SP_ACTION_ALLOW},
        {"udp://x:1", "x", SP_ROLE_BIND, 16, SP_ACTION_REFUSE},
        {"TCP://10.0.0.1:1", "x", SP_ROLE_BIND, 16, SP_ACTION_REFUSE},
        {"tcp://hUB:01", "x", SP_ROLE_BIND, 14, SP_ACTION_SEAL},
        {"tcp://eth0;hub:1", "x", SP_ROLE_BIND, 14, SP_ACTION_SEAL},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct sp_decision d = decide(row[i].address, row[i].role, row[i].program, false);
        if (d.action != row[i].action || d.line != row[i].line || d.file != &user)
            fail_msg("row %zu: action %d of line %d", i, (int)d.action, d.line);
    }
}

/* Every pair of words: sealing beats refusing beats allowing, the system's word beats the user's.
 */
static void test_two_files(void **state)
{
    (void)state;
    static const char *const text[] = {NULL, "endpoint tcp://*\nallow\notherwise allow\n",
                                       "endpoint tcp://*\nrefuse\notherwise allow\n",
                                       "endpoint tcp://*\nseal /k\notherwise allow\n"};
    for (int s = 0; s < 4; s++)
        for (int u = 0; u < 4; u++) {
            say(&sys, text[s]);
            say(&user, text[u]);
            struct sp_decision d = decide("tcp://h:1", SP_ROLE_BIND, "x", false);
            assert_int_equal(d.action, s > u ? s : u);
            assert_ptr_equal(d.file, !s && !u ? NULL : s >= u ? &sys : &user);
            d = decide("tcp://h:1", SP_ROLE_BIND, "x", true);
            assert_int_equal(d.action, s == SP_ACTION_SEAL ? SP_ACTION_REFUSE : s);
            assert_ptr_equal(d.file, s ? &sys : NULL);
        }
}

static void test_the_environment_cannot_weaken_the_system(void **state)
{
    (void)state;
    say(&sys, "otherwise refuse\n");
    say(&user, "endpoint tcp://*\nallow\notherwise allow\n");
    assert_int_equal(decide("tcp://h:1", SP_ROLE_BIND, "x", false).action, SP_ACTION_REFUSE);
    assert_ptr_equal(decide("tcp://h:1", SP_ROLE_BIND, "x", false).file, &sys);
    say(&user, "endpoint tcp://*\nseal /mine\notherwise allow\n");
    assert_string_equal(decide("tcp://h:1", SP_ROLE_BIND, "x", false).rule->keys, "/mine");
    say(&sys, "endpoint tcp://*\nseal /ours\notherwise allow\n");
    assert_string_equal(decide("tcp://h:1", SP_ROLE_BIND, "x", false).rule->keys, "/ours");
}

static void test_settings_of_both_files(void **state)
{
    (void)state;
    say(&sys, "endpoint tcp://*\nallow\nRCVBUF 1\nSNDBUF 1\notherwise allow\n");
    say(&user, "endpoint tcp://*\nallow\nSNDBUF 2\nLINGER 2\notherwise allow\n");
    struct sp_decision d = decide("tcp://h:1", SP_ROLE_BIND, "x", false);
    static const struct {
        const char *name;
        int value;
    } row[] = {{"RCVBUF", 1}, {"SNDBUF", 1}, {"LINGER", 2}};
    for (size_t i = 0; i < 3; i++) {
        int k = sp_setting_find(row[i].name);
        assert_true(d.values.set[k]);
        assert_int_equal(d.values.value[k], row[i].value);
    }
    assert_false(d.values.set[sp_setting_find("MAXTTL")]);
    d = decide("tcp://h:1", SP_ROLE_BIND, "x", true);
    assert_false(d.values.set[sp_setting_find("LINGER")]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_addresses, end),
        cmocka_unit_test_teardown(test_sealed_addresses, end),
        cmocka_unit_test_teardown(test_longest_addresses_fit, end),
        cmocka_unit_test_teardown(test_the_first_rule_that_matches, end),
        cmocka_unit_test_teardown(test_two_files, end),
        cmocka_unit_test_teardown(test_the_environment_cannot_weaken_the_system, end),
        cmocka_unit_test_teardown(test_settings_of_both_files, end),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
