/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/url.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int parse_url(const char *text)
{
    struct sp_url u;
    return sp_url_parse(&u, text);
}

static void address_is_split_at_its_scheme(void **state)
{
    (void)state;
    struct sp_url u;
    assert_int_equal(sp_url_parse(&u, "tls+psk://127.0.0.1:5555"), 0);
    assert_string_equal(u.scheme, "tls+psk");
    assert_string_equal(u.rest, "127.0.0.1:5555");
}

static void first_colon_ends_the_scheme(void **state)
{
    (void)state;
    struct sp_url u;
    assert_int_equal(sp_url_parse(&u, "ipc://a://b"), 0);
    assert_string_equal(u.scheme, "ipc");
    assert_string_equal(u.rest, "a://b");
    assert_int_equal(parse_url("a:b://c"), -EINVAL);
}

static void both_parts_may_be_empty(void **state)
{
    (void)state;
    struct sp_url u;
    assert_int_equal(sp_url_parse(&u, "inproc://"), 0);
    assert_string_equal(u.rest, "");
    assert_int_equal(sp_url_parse(&u, "://x"), 0);
    assert_string_equal(u.scheme, "");
}

static void scheme_keeps_its_case(void **state)
{
    (void)state;
    struct sp_url u;
    assert_int_equal(sp_url_parse(&u, "TCP://x:1"), 0);
    assert_string_equal(u.scheme, "TCP");
}

static void text_without_separator_is_invalid(void **state)
{
    (void)state;
    const char *const bad[] = {"", "tcp", "tcp:", "tcp:/", "tcp:/x:80", "//x", "127.0.0.1:5555"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse_url(bad[i]), -EINVAL);
}

static void missing_text_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(parse_url(NULL), -EINVAL);
}

static void longest_address_has_127_characters(void **state)
{
    (void)state;
    struct sp_url u;
    char text[SP_URL_MAX + 1];
    memset(text, 'x', sizeof text);
    memcpy(text, "ipc://", 6);
    text[SP_URL_MAX] = 0;
    assert_int_equal(sp_url_parse(&u, text), -ENAMETOOLONG);
    text[SP_URL_MAX - 1] = 0;
    assert_int_equal(sp_url_parse(&u, text), 0);
    assert_string_equal(u.rest, text + 6);
}

static void length_counts_before_form(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x',
           sizeof text); /* not even a terminator: no more than 128 bytes are looked at */
    assert_int_equal(parse_url(text), -ENAMETOOLONG);
}

static void scheme_of_16_characters_is_unknown(void **state)
{
    (void)state;
    assert_int_equal(parse_url("0123456789abcde://x"), 0);
    assert_int_equal(parse_url("0123456789abcdef://x"), -EPROTONOSUPPORT);
}

static struct sp_hostport hp; /* what parse gave */

static int parse(const char *text)
{
    memset(&hp, 'z', sizeof hp);
    return sp_hostport_parse(&hp, text, false);
}

static void host_and_port(void **state)
{
    (void)state;
    assert_int_equal(parse("example.org:5555"), 0);
    assert_string_equal(hp.host, "example.org");
    assert_int_equal(hp.port, 5555);
    assert_string_equal(hp.local, "");
    assert_false(hp.v6 || hp.local_v6);
}

static void wildcard_stays_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(parse("*:1"), 0);
    assert_string_equal(hp.host, "*");
}

static void brackets_are_removed(void **state)
{
    (void)state;
    assert_int_equal(parse("[fe80::1%eth0]:65535"), 0);
    assert_string_equal(hp.host, "fe80::1%eth0");
    assert_true(hp.v6);
    assert_int_equal(hp.port, 65535);
}

static void literal_without_brackets_is_understood(void **state)
{
    (void)state;
    assert_int_equal(parse("::1:5555"), 0);
    assert_string_equal(hp.host, "::1");
    assert_true(hp.v6);
    assert_int_equal(hp.port, 5555);
}

static void colon_in_a_name_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(parse("a:b:80"), -EINVAL);
    assert_int_equal(parse("::80"), -EINVAL);
}

static void local_part_stands_before_a_semicolon(void **state)
{
    (void)state;
    assert_int_equal(parse("eth0;10.0.0.1:80"), 0);
    assert_string_equal(hp.local, "eth0");
    assert_false(hp.local_v6);
    assert_string_equal(hp.host, "10.0.0.1");
}

static void local_part_may_have_brackets(void **state)
{
    (void)state;
    assert_int_equal(parse("[::2];[::1]:80"), 0);
    assert_string_equal(hp.local, "::2");
    assert_true(hp.local_v6);
    assert_string_equal(hp.host, "::1");
}

static void bad_local_part_is_no_device(void **state)
{
    (void)state;
    const char *const bad[] = {";h:1", "[];h:1", "[a;h:1", "a];h:1", "a:b;h:1", "[[a]];h:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i]), -ENODEV);
}

static void bad_port_is_found_before_a_bad_local_part(void **state)
{
    (void)state;
    assert_int_equal(parse(";h:x"), -EINVAL);
}

static void empty_host_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(parse(":5555"), -EINVAL);
    assert_int_equal(parse("[]:5555"), -EINVAL);
    assert_int_equal(parse("eth0;:5555"), -EINVAL);
}

static void malformed_port_is_invalid(void **state)
{
    (void)state;
    const char *const bad[] = {"h",     "h:",     "h:65536", "h:99999999999999999999",
                               "h:-1",  "h:+1",   "h: 1",    "h:1 ",
                               "h:1x",  "h:0x10", "",        ":",
                               "[::1]", "h:80;",  "[::1];h", "a:1;h",
                               "h:80/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i]), -EINVAL);
}

static void leading_zeroes_of_a_port_are_decimal(void **state)
{
    (void)state;
    assert_int_equal(parse("h:00080"), 0);
    assert_int_equal(hp.port, 80);
}

static void port_zero_only_where_allowed(void **state)
{
    (void)state;
    assert_int_equal(parse("*:0"), -EINVAL);
    assert_int_equal(sp_hostport_parse(&hp, "*:0", true), 0);
    assert_int_equal(hp.port, 0);
    assert_int_equal(sp_hostport_parse(&hp, "*:", true), -EINVAL);
}

static void unbalanced_brackets_are_invalid(void **state)
{
    (void)state;
    const char *const bad[] = {"[::1:80",   "::1]:80",    "[::1]x:80",
                               "x[::1]:80", "[[::1]]:80", "[:80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i]), -EINVAL);
}

static void second_semicolon_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(parse("a;b;c:80"), -EINVAL);
}

static void text_of_128_characters_is_invalid(void **state)
{
    (void)state;
    char text[SP_URL_MAX + 1] = {0};
    memset(text, 'h', SP_URL_MAX);
    memcpy(text + SP_URL_MAX - 2, ":1", 2);
    assert_int_equal(parse(text), -EINVAL);
    assert_int_equal(parse(text + 1), 0);
}

static void hostnames_that_a_resolver_may_see(void **state)
{
    (void)state;
    const char *const good[] = {"a",          "localhost", "a-b.c", "x1.example.org",
                                "my_service", "10.1",      "a.",    "a.b."};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(sp_hostname_ok(good[i]));
}

static void a_label_has_at_most_63_characters(void **state)
{
    (void)state;
    char name[80];
    for (int n = 62; n < 66; n++) {
        snprintf(name, sizeof name, "x.%0*d", n, 0);
        assert_int_equal(sp_hostname_ok(name), n <= 63);
        snprintf(name, sizeof name, "%0*d.x", n, 0);
        assert_int_equal(sp_hostname_ok(name), n <= 63);
    }
}

static void hostnames_that_cannot_be(void **state)
{
    (void)state;
    const char *const bad[] = {"",    ".",     "-a",  "a-", "a-.", ".a",  "a..b",    "a-.b",
                               "a.-", "a.-.b", "a b", "a#", "*",   "a/b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sp_hostname_ok(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_is_split_at_its_scheme),
        cmocka_unit_test(first_colon_ends_the_scheme),
        cmocka_unit_test(both_parts_may_be_empty),
        cmocka_unit_test(scheme_keeps_its_case),
        cmocka_unit_test(text_without_separator_is_invalid),
        cmocka_unit_test(missing_text_is_invalid),
        cmocka_unit_test(longest_address_has_127_characters),
        cmocka_unit_test(length_counts_before_form),
        cmocka_unit_test(scheme_of_16_characters_is_unknown),
        cmocka_unit_test(host_and_port),
        cmocka_unit_test(wildcard_stays_as_it_is),
        cmocka_unit_test(brackets_are_removed),
        cmocka_unit_test(literal_without_brackets_is_understood),
        cmocka_unit_test(colon_in_a_name_is_invalid),
        cmocka_unit_test(local_part_stands_before_a_semicolon),
        cmocka_unit_test(local_part_may_have_brackets),
        cmocka_unit_test(bad_local_part_is_no_device),
        cmocka_unit_test(bad_port_is_found_before_a_bad_local_part),
        cmocka_unit_test(empty_host_is_invalid),
        cmocka_unit_test(malformed_port_is_invalid),
        cmocka_unit_test(leading_zeroes_of_a_port_are_decimal),
        cmocka_unit_test(port_zero_only_where_allowed),
        cmocka_unit_test(unbalanced_brackets_are_invalid),
        cmocka_unit_test(second_semicolon_is_invalid),
        cmocka_unit_test(text_of_128_characters_is_invalid),
        cmocka_unit_test(hostnames_that_a_resolver_may_see),
        cmocka_unit_test(a_label_has_at_most_63_characters),
        cmocka_unit_test(hostnames_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
