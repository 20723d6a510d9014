/* SPDX-License-Identifier: MIT */
/* Tests for Criterion, which runs each in a process of its own and hears of its fate through
 * nanomsg: some that pass, one that fails, one that crashes, one that exits, one that takes too
 * long, and many. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

Test(fate, passes)
{
    cr_assert(1 + 1 == 2);
}

Test(fate, fails)
{
    cr_assert_eq(1, 2, "one is not two");
}

Test(fate, crashes)
{
    raise(SIGSEGV);
}

Test(fate, crash_is_wanted, .signal = SIGSEGV)
{
    raise(SIGSEGV);
}

Test(fate, exit_is_wanted, .exit_code = 3)
{
    exit(3);
}

Test(fate, takes_too_long, .timeout = 0.2)
{
    for (;;)
        pause();
}

Test(fate, skips)
{
    cr_skip_test("not today");
}

static void report(int i)
{
    cr_expect_geq(i, 0);
}

ParameterizedTestParameters(many, numbers)
{
    static int numbers[40];
    for (int i = 0; i < 40; i++)
        numbers[i] = i;
    return cr_make_param_array(int, numbers, 40);
}

ParameterizedTest(int *number, many, numbers)
{
    for (int i = 0; i < 20; i++)
        report(*number + i);
}
