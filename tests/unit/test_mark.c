/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/mark.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char path[] = "markXXXXXX";
static struct stat st;

static int begin(void **state)
{
    (void)state;
    int fd = mkstemp(memcpy(path, "markXXXXXX", sizeof path));
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    close(fd);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return unlink(path);
}

/* A mark as of a file that was changed long ago. */
static struct sp_mark rested(void)
{
    struct sp_mark m;
    sp_mark_take(&m, &st);
    m.valid = true;
    return m;
}

static void test_a_young_file_is_never_known(void **state)
{
    (void)state;
    struct sp_mark m;
    sp_mark_take(&m, &st);
    assert_false(sp_mark_holds(&m, path));
    st.st_ctim.tv_sec -= SP_MARK_SETTLE_S;
    sp_mark_take(&m, &st);
    assert_false(m.valid);
    st.st_ctim.tv_sec += 1000; /* from the future */
    sp_mark_take(&m, &st);
    assert_false(m.valid);
    st.st_ctim.tv_sec -= 2000;
    sp_mark_take(&m, &st);
    assert_true(m.valid);
}

static void test_the_same(void **state)
{
    (void)state;
    struct sp_mark m = rested(), none = {0};
    assert_true(sp_mark_holds(&m, path));
    assert_false(sp_mark_holds(&m, "."));
    assert_false(sp_mark_holds(&m, "nowhere"));
    assert_false(sp_mark_holds(&none, path));
}

/* Anything that differs. */
static void test_another(void **state)
{
    (void)state;
    struct sp_mark m = rested(), other;
    assert_true(sp_mark_holds(&m, path));
    other = m, other.dev++;
    assert_false(sp_mark_holds(&other, path));
    other = m, other.ino++;
    assert_false(sp_mark_holds(&other, path));
    other = m, other.size++;
    assert_false(sp_mark_holds(&other, path));
    other = m, other.mtime.tv_sec++;
    assert_false(sp_mark_holds(&other, path));
    other = m, other.mtime.tv_nsec++;
    assert_false(sp_mark_holds(&other, path));
    other = m, other.ctime.tv_sec--;
    assert_false(sp_mark_holds(&other, path));
    other = m, other.ctime.tv_nsec--;
    assert_false(sp_mark_holds(&other, path));
}

static void test_a_larger_file(void **state)
{
    (void)state;
    struct sp_mark m = rested();
    assert_int_equal(truncate(path, 1), 0);
    assert_false(sp_mark_holds(&m, path));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_young_file_is_never_known),
        T(test_the_same),
        T(test_another),
        T(test_a_larger_file),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
