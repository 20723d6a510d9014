/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "policy/glob.h"
#include <string.h>
#include <unistd.h>

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fold, match;
    } row[] = {
        {"a", "a", false, true},
        {"a", "b", false, false},
        {"a", "", false, false},
        {"a", "ab", false, false},
        {"", "", false, true},
        {"*", "", false, true},
        {"*", "anything", false, true},
        {"**", "x", false, true},
        {"?", "x", false, true},
        {"?", "", false, false},
        {"?", "xy", false, false},
        {"a*", "a", false, true},
        {"a*c", "abc", false, true},
        {"a*c", "ac", false, true},
        {"a*c", "abcd", false, false},
        {"a*b*c", "a1b2b3c", false, true},
        {"a*b*c", "a1c2b", false, false},
        {"*ab", "aab", false, true},
        {"*aab", "aaab", false, true},
        {"*a?b", "aaxaab", false, true},
        {"a\\*c", "a*c", false, true},
        {"a\\*c", "abc", false, false},
        {"\\?", "?", false, true},
        {"\\?", "x", false, false},
        {"\\\\", "\\", false, true},
        {"*\\*", "xx*", false, true},
        {"*\\*", "xx", false, false},
        {"A", "a", false, false},
        {"A", "a", true, true},
        {"a", "A", true, true},
        {"\\A", "a", true, true},
        {"[", "{", true, false},
        {"tcp://*:5555", "tcp://10.0.0.1:5555", true, true},
        {"tcp://*:5555", "tcp://*:5555", true, true},
        {"tcp://*:5555", "tcp://*:55555", true, false},
        {"tcp://\\*:5555", "tcp://10.0.0.1:5555", true, false},
        {"tcp://*:*", "tcp://[::1]:1", true, true},
        {"tcp://10.1.*:*", "tcp://10.12.0.1:1", true, false},
        {"\xff*", "\xff\xfe", true, true},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (sp_glob_match(row[i].pattern, row[i].text, row[i].fold) != row[i].match)
            fail_msg("%s on %s: not %d", row[i].pattern, row[i].text, row[i].match);
}

static void test_what_is_a_pattern(void **state)
{
    (void)state;
    assert_true(sp_glob_ok("a"));
    assert_true(sp_glob_ok("*"));
    assert_true(sp_glob_ok("\\\\"));
    assert_false(sp_glob_ok(""));
    assert_false(sp_glob_ok("a\\"));
    assert_false(sp_glob_ok("\\\\\\"));
}

/* What backtracking into every star would never end with. */
static void test_many_stars_take_no_time(void **state)
{
    (void)state;
    char pattern[1000], text[1000];
    for (size_t i = 0; i + 1 < sizeof pattern; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof pattern - 2] = 'b';
    pattern[sizeof pattern - 1] = 0;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_false(sp_glob_match(pattern, text, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_what_is_a_pattern),
        cmocka_unit_test(test_many_stars_take_no_time),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
