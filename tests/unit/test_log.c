/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/lock.h"
#include "base/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int real_stderr;  /* put back after each test */
static int stderr_end;   /* where what is written to stderr arrives: one record for each write */
static char record[700]; /* the last that was read there */

/* Fresh state with NN_PRINT_ERRORS as given, and stderr caught. */
static void begin(const char *print_errors)
{
    int pair[2];
    if (print_errors)
        setenv("NN_PRINT_ERRORS", print_errors, 1);
    else
        unsetenv("NN_PRINT_ERRORS");
    sp_log_child();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    real_stderr = dup(2);
    dup2(pair[0], 2);
    close(pair[0]);
    stderr_end = pair[1];
}

static int end(void **state)
{
    (void)state;
    sp_log_child();
    unsetenv("NN_PRINT_ERRORS");
    dup2(real_stderr, 2);
    close(real_stderr);
    close(stderr_end);
    return 0;
}

/* The next record, or "" when there is none. */
static const char *printed(void)
{
    ssize_t n = recv(stderr_end, record, sizeof record - 1, MSG_DONTWAIT);
    record[n > 0 ? n : 0] = 0;
    return record;
}

static char heard[600]; /* the last line that the receiver got */

static void hear(void *arg, const char *line)
{
    snprintf(heard, sizeof heard, "%s:%s", (const char *)arg, line);
}

static void quiet_without_the_variable(void **state)
{
    (void)state;
    begin(NULL);
    assert_false(sp_log_on());
    sp_log("lost");
    assert_string_equal(printed(), "");
}

static void quiet_when_it_is_empty_or_zero(void **state)
{
    (void)state;
    begin("");
    assert_false(sp_log_on());
    end(state);
    begin("0");
    assert_false(sp_log_on());
}

static void line_has_prefix_and_newline_in_one_write(void **state)
{
    (void)state;
    begin("1");
    assert_true(sp_log_on());
    sp_log("%s: %d", "tcp://x", 7);
    assert_string_equal(printed(), "nanoseal: tcp://x: 7\n");
    assert_string_equal(printed(), "");
}

static void any_other_word_prints_too(void **state)
{
    (void)state;
    begin("no");
    assert_true(sp_log_on());
}

static void variable_is_read_once(void **state)
{
    (void)state;
    begin("1");
    assert_true(sp_log_on());
    unsetenv("NN_PRINT_ERRORS");
    assert_true(sp_log_on());
}

static void receiver_gets_the_bare_line_with_its_argument(void **state)
{
    (void)state;
    begin(NULL);
    sp_log_set(hear, "me");
    assert_true(sp_log_on());
    sp_log("a %s", "b");
    assert_string_equal(heard, "me:a b");
}

static void receiver_replaces_stderr(void **state)
{
    (void)state;
    begin("1");
    sp_log_set(hear, "me");
    sp_log("x");
    assert_string_equal(printed(), "");
}

static void removing_the_receiver_brings_stderr_back(void **state)
{
    (void)state;
    begin("1");
    sp_log_set(hear, "me");
    sp_log_set(NULL, NULL);
    sp_log("x");
    assert_string_equal(printed(), "nanoseal: x\n");
}

static void urgent_lines_need_no_variable(void **state)
{
    (void)state;
    static const char *const row[][2] = {
        {NULL, "nanoseal: x 1\n"}, {"1", "nanoseal: x 1\n"}, {"0", ""}, {"", ""}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        begin(row[i][0]);
        sp_log_urgent("x %d", 1);
        assert_string_equal(printed(), row[i][1]);
        sp_log_set(hear, "me");
        heard[0] = 0;
        sp_log_urgent("y");
        assert_string_equal(printed(), "");
        assert_string_equal(heard, "me:y");
        sp_log_set(NULL, NULL);
        end(state);
    }
    begin(NULL);
}

static void a_thread_takes_its_own_lines(void **state)
{
    (void)state;
    char mine[8];
    begin("1");
    sp_log_into(mine, sizeof mine);
    assert_true(sp_log_on());
    sp_log("one");
    sp_log("two\n and more");
    assert_string_equal(mine, "two? an");
    sp_log_urgent("three");
    assert_string_equal(mine, "three");
    assert_string_equal(printed(), "");
    sp_log_into(NULL, 0);
    sp_log("four");
    assert_string_equal(printed(), "nanoseal: four\n");
    assert_string_equal(mine, "three");
}

static void removing_the_receiver_makes_a_quiet_program_quiet(void **state)
{
    (void)state;
    begin(NULL);
    sp_log_set(hear, "me");
    sp_log_set(NULL, NULL);
    assert_false(sp_log_on());
}

static void line_is_cut_at_511_bytes(void **state)
{
    (void)state;
    char text[601];
    memset(text, 'x', 600);
    text[600] = 0;
    begin("1");
    sp_log("%s", text);
    assert_int_equal(strlen(printed()), 10 + 511 + 1);
    assert_int_equal(record[10 + 511], '\n');
}

static void control_characters_are_replaced(void **state)
{
    (void)state;
    begin("1");
    sp_log("%s", "a\nnanoseal: b\x1b[2J\x7f\xc3\xa4");
    assert_string_equal(printed(), "nanoseal: a?nanoseal: b?[2J?\xc3\xa4\n");
}

static void break_errno(void *arg, const char *line)
{
    (void)arg;
    (void)line;
    errno = EBADF;
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    begin("1");
    sp_log_set(break_errno, NULL);
    errno = ENOENT;
    sp_log("x");
    assert_int_equal(errno, ENOENT);
}

static void receiver_may_replace_itself(void *arg, const char *line)
{
    (void)arg;
    sp_log_set(hear, "next");
    sp_log("%s again", line);
}

static void receiver_may_call_back(void **state)
{
    (void)state;
    begin(NULL);
    sp_log_set(receiver_may_replace_itself, NULL);
    sp_log("x");
    assert_string_equal(heard, "next:x again");
}

static void closed_stderr_is_no_error(void **state)
{
    (void)state;
    begin("1");
    close(2);
    errno = 0;
    sp_log("x");
    assert_int_equal(errno, 0);
}

static void line_needs_no_memory(void **state)
{
    (void)state;
    begin("1");
    failing_set(0);
    sp_log("x %d", 1);
    assert_int_equal(failing_clear(), 0);
}

static _Atomic int toggling;

static void toggle(void *arg)
{
    (void)arg;
    while (atomic_load(&toggling)) {
        sp_log_set(break_errno, NULL);
        sp_log_set(NULL, NULL);
    }
}

static void child_starts_without_receiver_whatever_was_locked(void **state)
{
    (void)state;
    uv_thread_t t;
    begin(NULL);
    sp_log_set(break_errno, NULL);
    atomic_store(&toggling, 1);
    assert_int_equal(sp_thread_start_joinable(&t, toggle, NULL, "toggle"), 0);
    int bad = 0;
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (!pid) {
            alarm(60);
            sp_log_child();
            bool on = sp_log_on();
            sp_log_set(hear, "child");
            sp_log("x");
            _exit(on || strcmp(heard, "child:x"));
        }
        int status = -1;
        waitpid(pid, &status, 0);
        bad += status != 0;
    }
    atomic_store(&toggling, 0);
    uv_thread_join(&t);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(quiet_without_the_variable, end),
        cmocka_unit_test_teardown(quiet_when_it_is_empty_or_zero, end),
        cmocka_unit_test_teardown(line_has_prefix_and_newline_in_one_write, end),
        cmocka_unit_test_teardown(any_other_word_prints_too, end),
        cmocka_unit_test_teardown(variable_is_read_once, end),
        cmocka_unit_test_teardown(receiver_gets_the_bare_line_with_its_argument, end),
        cmocka_unit_test_teardown(receiver_replaces_stderr, end),
        cmocka_unit_test_teardown(removing_the_receiver_brings_stderr_back, end),
        cmocka_unit_test_teardown(removing_the_receiver_makes_a_quiet_program_quiet, end),
        cmocka_unit_test_teardown(urgent_lines_need_no_variable, end),
        cmocka_unit_test_teardown(a_thread_takes_its_own_lines, end),
        cmocka_unit_test_teardown(line_is_cut_at_511_bytes, end),
        cmocka_unit_test_teardown(control_characters_are_replaced, end),
        cmocka_unit_test_teardown(errno_is_left_alone, end),
        cmocka_unit_test_teardown(receiver_may_call_back, end),
        cmocka_unit_test_teardown(closed_stderr_is_no_error, end),
        cmocka_unit_test_teardown(line_needs_no_memory, end),
        cmocka_unit_test_teardown(child_starts_without_receiver_whatever_was_locked, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
