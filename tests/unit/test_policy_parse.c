/* SPDX-License-Identifier: MIT */
/* Each error of the language, at its line; what a good file gives. */
#include "base.h"
#include "policy/rules.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END "otherwise allow\n"
#define EP  "endpoint tcp://*\n"

static struct sp_rules rules;
static char why[SP_RULES_WHY];
static int line;

static int parse_n(const char *text, size_t n)
{
    sp_rules_fini(&rules);
    return sp_rules_parse(&rules, text, n, &line, why);
}

static void good(const char *text)
{
    if (parse_n(text, strlen(text)) != 0)
        fail_msg("%d: %s in:\n%s", line, why, text);
    assert_string_equal(why, "");
}

static int end(void **state)
{
    (void)state;
    sp_rules_fini(&rules);
    return 0;
}

static const struct {
    const char *text;
    int line;
    const char *words;
} wrong[] = {
    {"", 1, "does not end with"},
    {"\n\n", 3, "does not end with"},
    {EP "allow\n", 3, "does not end with"},
    {"endpoint\n", 1, "'endpoint' is followed by nothing"},
    {"#\nendpoint *\n", 2, "does not begin with a scheme"},
    {"endpoint tpc://*\n", 1, "'tpc://*' does not begin with a scheme"},
    {"endpoint TCP://*\n", 1, "does not begin with a scheme"},
    {"endpoint t*p://x\n", 1, "does not begin with a scheme"},
    {"endpoint tcp:/x\n", 1, "does not begin with a scheme"},
    {"endpoint tcp://\n", 1, "is no address pattern"},
    {"endpoint tcp://a tcp://b\n", 1, "is no address pattern"},
    {"endpoint tcp://a\\\n", 1, "is no address pattern"},
    {"frobnicate\n", 1, "unknown word 'frobnicate'"},
    {EP "allow\nencrypt yes\n" END, 3, "unknown word 'encrypt'"},
    {EP "Allow\n" END, 2, "unknown word 'Allow'"},
    {"role bind\n", 1, "'role' before the first endpoint"},
    {"seal /k\n", 1, "'seal' before the first endpoint"},
    {"RCVBUF 1\n", 1, "'RCVBUF' before the first endpoint"},
    {EP "role\n", 2, "'role' is followed by nothing"},
    {EP "role both\n", 2, "a role is bind, connect or any, not 'both'"},
    {EP "role bind\nrole bind\n", 3, "'role' a second time"},
    {EP "program\n", 2, "'program' is followed by nothing"},
    {EP "program /bin/cat\n", 2, "is no pattern of a program's name"},
    {EP "program a\\\n", 2, "is no pattern of a program's name"},
    {EP "program a\nprogram b\n", 3, "'program' a second time"},
    {EP "seal\n", 2, "'seal' is followed by nothing"},
    {EP "seal keys\n", 2, "begins with '/', unlike 'keys'"},
    {EP "seal /a\nseal /b\n", 3, "'seal' a second time"},
    {EP "seal /a\nallow\n", 3, "only one of seal, refuse and allow"},
    {EP "refuse\nallow\n", 3, "only one of"},
    {EP "refuse now\n", 2, "words behind 'refuse'"},
    {EP "allow now\n", 2, "words behind 'allow'"},
    {EP "allow\nallow\n", 3, "'allow' a second time"},
    {EP "seal /a\nremoved\n", 3, "'removed' is followed by nothing"},
    {EP "seal /a\nremoved stay\n", 3, "followed by drop or keep, not by 'stay'"},
    {EP "allow\nremoved drop\n" END, 1, "'removed' belongs to 'seal'"},
    {EP END, 1, "neither seal nor refuse nor allow"},
    {"\n" EP "RCVBUF 1\n" EP "allow\n" END, 2, "neither seal nor"},
    {"endpoint ipc://*\nseal /k\n" END, 1, "ipc:// cannot be sealed"},
    {"endpoint abstract://*\nseal /k\n" END, 1, "abstract:// cannot be sealed"},
    {"endpoint inproc://*\nseal /k\n" END, 1, "inproc:// cannot be sealed"},
    {"endpoint tls+psk://*\nseal /k\n" END, 1, "is sealed already"},
    {"endpoint tls+tcp://*\nrefuse\n" END, 1, "is no plaintext"},
    {"endpoint wss://*\nrefuse\n" END, 1, "is no plaintext"},
    {EP "allow\n\n" EP "refuse\n" END, 4, "as at line 1"},
    {EP "role any\nallow\n" EP "refuse\n" END, 4, "as at line 1"},
    {EP "program a\nallow\n" EP "program a\nrefuse\n" END, 4, "as at line 1"},
    {EP "allow\nRCVBUF\n", 3, "RCVBUF is a number from 1 to 2147483647"},
    {EP "allow\nRCVBUF 0\n", 3, "RCVBUF is a number from 1"},
    {EP "allow\nRCVBUF 1k\n", 3, "not '1k'"},
    {EP "allow\nRCVBUF 1 2\n", 3, "not '1 2'"},
    {EP "allow\nRCVBUF 010\n", 3, "not '010'"},
    {EP "allow\nRCVBUF +1\n", 3, "not '+1'"},
    {EP "allow\nRCVBUF 0x10\n", 3, "RCVBUF is a number"},
    {EP "allow\nRCVBUF 2147483648\n", 3, "RCVBUF is a number"},
    {EP "allow\nRCVBUF 99999999999999999999\n", 3, "RCVBUF is a number"},
    {EP "allow\nRCVMAXSIZE -2\n", 3, "RCVMAXSIZE is a number from -1"},
    {EP "allow\nRCVMAXSIZE -\n", 3, "RCVMAXSIZE is a number from -1"},
    {EP "allow\nLINGER -0\n", 3, "LINGER is a number"},
    {EP "allow\nRCVBUF 1\nRCVBUF 1\n", 4, "'RCVBUF' a second time"},
    {EP "allow\nNN_RCVBUF 1\n", 3, "unknown word 'NN_RCVBUF'"},
    {EP "allow\nRCVTIMEO 1\n", 3, "unknown word 'RCVTIMEO'"},
    {"otherwise\n", 1, "'otherwise' is followed by nothing"},
    {"otherwise seal\n", 1, "followed by allow or refuse, not by 'seal'"},
    {END "\n# the end\n" END, 4, "something behind 'otherwise'"},
    {END EP "allow\n", 2, "something behind 'otherwise'"},
    {"#\n" END "\x01\n", 3, "a control character"},
    {EP "allow\r\n" END, 2, "a control character"},
    {"\xef\xbb\xbf" END, 1, "unknown word"},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int rc = parse_n(wrong[i].text, strlen(wrong[i].text));
        if (rc != -EINVAL || line != wrong[i].line || !strstr(why, wrong[i].words))
            fail_msg("%d, %d: '%s', not %d: '%s', in:\n%s", rc, line, why, wrong[i].line,
                     wrong[i].words, wrong[i].text);
    }
}

static void test_a_nul_byte(void **state)
{
    (void)state;
    static const char text[] = EP "allow\n# \0\n" END;
    assert_int_equal(parse_n(text, sizeof text - 1), -EINVAL);
    assert_int_equal(line, 3);
    assert_string_equal(why, "a control character");
    static const char at_end[] = END "\0";
    assert_int_equal(parse_n(at_end, sizeof at_end - 1), -EINVAL);
    assert_int_equal(line, 2);
}

/* A file cut off anywhere is an error, or says the same. */
static void test_a_file_without_its_end(void **state)
{
    (void)state;
    static const char text[] = EP "seal /k\nRCVBUF 10\nendpoint ws://*\nrefuse\notherwise refuse\n";
    for (size_t n = 0; n < sizeof text - 3; n++)
        if (parse_n(text, n) != -EINVAL)
            fail_msg("%zu bytes are enough", n);
    assert_int_equal(parse_n(text, sizeof text - 2), 0);
}

static void test_a_long_line(void **state)
{
    (void)state;
    static char text[SP_RULES_LINE + sizeof END];
    memset(text, '#', sizeof text);
    memcpy(text + SP_RULES_LINE - 1, "\n" END, sizeof END + 1);
    good(text);
    memset(text, '#', SP_RULES_LINE);
    memcpy(text + SP_RULES_LINE, "\n" END, sizeof END);
    assert_int_equal(parse_n(text, SP_RULES_LINE + sizeof END), -EINVAL);
    assert_int_equal(line, 1);
    assert_non_null(strstr(why, "a line of more than 1023 bytes"));
}

static void test_a_large_file(void **state)
{
    (void)state;
    static char text[SP_RULES_BYTES + 1];
    memset(text, '\n', sizeof text);
    memcpy(text + SP_RULES_BYTES - strlen(END), END, strlen(END));
    assert_int_equal(parse_n(text, SP_RULES_BYTES), 0);
    assert_int_equal(parse_n(text, SP_RULES_BYTES + 1), -EINVAL);
    assert_non_null(strstr(why, "more than 65536 bytes"));
}

static void test_many_rules(void **state)
{
    (void)state;
    static char text[SP_RULES_BYTES];
    size_t n = 0;
    for (int i = 0; i <= SP_RULES_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "endpoint tcp://*:%d\nallow\n", i);
    assert_int_equal(parse_n(text, n), -EINVAL);
    assert_int_equal(line, 2 * SP_RULES_MAX + 1);
    assert_string_equal(why, "more than 1024 rules");
}

static void test_what_a_file_gives(void **state)
{
    (void)state;
    good("# a comment\n"
         "\n"
         "endpoint\ttcp://*:5555\n"
         "  role connect\n"
         "  program my  cat*\n"
         "  seal  /etc/a b.keys \n"
         "  removed drop\n"
         "  RCVMAXSIZE -1\n"
         "  TCP_NODELAY 1\n"
         "endpoint ipc://*\n"
         "refuse\n"
         "otherwise refuse");
    assert_int_equal(rules.n, 2);
    const struct sp_rule *r = rules.v;
    assert_int_equal(r->line, 3);
    assert_string_equal(r->pattern, "tcp://*:5555");
    assert_string_equal(r->scheme->name, "tcp");
    assert_string_equal(r->program, "my  cat*");
    assert_string_equal(r->keys, "/etc/a b.keys");
    assert_int_equal(r->roles, SP_ROLE_CONNECT);
    assert_int_equal(r->action, SP_ACTION_SEAL);
    assert_true(r->drop);
    int i = sp_setting_find("RCVMAXSIZE"), j = sp_setting_find("TCP_NODELAY"), set = 0;
    assert_true(r->values.set[i] && r->values.value[i] == -1);
    assert_true(r->values.set[j] && r->values.value[j] == 1);
    for (int k = 0; k < SP_SETTINGS; k++)
        set += r->values.set[k];
    assert_int_equal(set, 2);
    r++;
    assert_int_equal(r->line, 10);
    assert_null(r->program);
    assert_int_equal(r->roles, SP_ROLE_ANY);
    assert_int_equal(r->action, SP_ACTION_REFUSE);
    assert_false(r->drop);
    assert_int_equal(rules.otherwise, SP_ACTION_REFUSE);
    assert_int_equal(rules.otherwise_line, 12);
}

static void test_the_range_of_each_setting(void **state)
{
    (void)state;
    char text[200];
    for (int i = 0; i < SP_SETTINGS; i++) {
        const struct sp_setting *s = &sp_settings[i];
        const int value[] = {s->lo, s->hi};
        for (int k = 0; k < 2; k++) {
            snprintf(text, sizeof text, EP "allow\n%s %d\n" END, s->name, value[k]);
            good(text);
            assert_int_equal(rules.v[0].values.value[i], value[k]);
        }
        snprintf(text, sizeof text, EP "allow\n%s %lld\n" END, s->name, s->lo - 1ll);
        assert_int_equal(parse_n(text, strlen(text)), -EINVAL);
        snprintf(text, sizeof text, EP "allow\n%s %lld\n" END, s->name, s->hi + 1ll);
        assert_int_equal(parse_n(text, strlen(text)), -EINVAL);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    static const char text[] = EP "role bind\nallow\n" EP "role connect\nallow\n" END;
    int rc = -ENOMEM, n = 0;
    while (rc < 0) {
        failing_set(++n);
        rc = parse_n(text, sizeof text - 1);
        failing_clear();
        assert_true(rc == 0 || rc == -ENOMEM);
    }
    assert_int_equal(n, 3); /* the text, the rules, and none */
}

static void test_the_examples(void **state)
{
    (void)state;
    static const char *const names[] = {"hub", "device", "system"};
    const char *source = getenv("NANOSEAL_SOURCE");
    char path[4300], text[4000];
    if (!source)
        skip(); /* run by hand */
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/docs/examples/%s.policy", source, names[i]);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        size_t n = fread(text, 1, sizeof text - 1, f);
        fclose(f);
        text[n] = 0;
        good(text);
        assert_int_equal(rules.otherwise, SP_ACTION_REFUSE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_errors, end),
        cmocka_unit_test_teardown(test_a_nul_byte, end),
        cmocka_unit_test_teardown(test_a_file_without_its_end, end),
        cmocka_unit_test_teardown(test_a_long_line, end),
        cmocka_unit_test_teardown(test_a_large_file, end),
        cmocka_unit_test_teardown(test_many_rules, end),
        cmocka_unit_test_teardown(test_what_a_file_gives, end),
        cmocka_unit_test_teardown(test_the_range_of_each_setting, end),
        cmocka_unit_test_teardown(test_without_memory, end),
        cmocka_unit_test_teardown(test_the_examples, end),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
