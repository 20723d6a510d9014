/* SPDX-License-Identifier: MIT */
/* Which files are believed, and when they are read again. Files that must have rested are given an
 * old state by hand: nothing here waits. */
#include "base.h"
#include "policy/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define GOOD "otherwise allow\n"

static char dir[] = "policyXXXXXX", path[4200];
static struct sp_policy_file file;

static void put_n(const char *text, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    close(fd);
}

static void put(const char *text)
{
    put_n(text, strlen(text));
}

static int begin(void **state)
{
    (void)state;
    char cwd[4096];
    assert_non_null(mkdtemp(memcpy(dir, "policyXXXXXX", sizeof dir)));
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(path, sizeof path, "%s/%s/p", cwd, dir);
    return sp_policy_file_init(&file, path, false);
}

static int end(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_policy_file_fini(&file);
    unlink(path);
    rmdir(path);
    return rmdir(dir);
}

static void bad(const char *words)
{
    sp_policy_file_refresh(&file);
    assert_true(file.there);
    assert_int_equal(file.err, -EACCES);
    if (strncmp(file.why, path, strlen(path)) != 0 || !strstr(file.why, words))
        fail_msg("%s, not %s", file.why, words);
}

static void good(void)
{
    sp_policy_file_refresh(&file);
    assert_true(file.there);
    if (file.err)
        fail_msg("%s", file.why);
    assert_string_equal(file.why, "");
}

static void test_good_and_wrong_and_good(void **state)
{
    (void)state;
    put(GOOD);
    good();
    put("\notherwise alow\n");
    bad(":2: 'otherwise' is followed by");
    put(GOOD);
    good();
}

static void test_missing(void **state)
{
    (void)state;
    bad(strerror(ENOENT));
    put(GOOD);
    good();
    unlink(path);
    bad(strerror(ENOENT));
}

static void test_an_optional_one_may_be_missing_only(void **state)
{
    (void)state;
    file.optional = true;
    sp_policy_file_refresh(&file);
    assert_false(file.there);
    assert_int_equal(file.err, 0);
    put("x");
    bad(":1: unknown word 'x'");
    unlink(path);
    sp_policy_file_refresh(&file);
    assert_false(file.there);
    assert_int_equal(file.err, 0);
    assert_int_equal(symlink("p", path), 0);
    bad(strerror(ELOOP));
    unlink(path);
    assert_int_equal(symlink("nowhere", path), 0); /* somebody meant a file */
    bad(strerror(ENOENT));
}

static void test_permissions(void **state)
{
    (void)state;
    put(GOOD);
    static const struct {
        mode_t mode;
        bool ok;
    } row[] = {{0600, true},  {0644, true},  {0400, true},  {0755, true},
               {0620, false}, {0602, false}, {0666, false}, {0664, false}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        assert_int_equal(chmod(path, row[i].mode), 0);
        if (row[i].ok)
            good();
        else
            bad("others may write to the policy");
    }
}

static void test_owner(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    put(GOOD);
    assert_int_equal(chown(path, 65534, 0), 0);
    bad("belongs to another user");
    assert_int_equal(chown(path, 0, 65534), 0);
    good();
}

static void test_no_regular_file(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    bad("is no regular file");
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not block either */
    bad("is no regular file");
}

static void test_too_large(void **state)
{
    (void)state;
    put(GOOD);
    assert_int_equal(truncate(path, SP_RULES_BYTES + 1), 0);
    bad("is too large");
}

static void test_a_nul_byte(void **state)
{
    (void)state;
    put_n("otherwise allow\0\n", 17);
    bad(":1: a control character");
}

static void test_a_relative_path(void **state)
{
    (void)state;
    sp_policy_file_fini(&file);
    static const char *const row[] = {"p", "", "./p"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sp_policy_file_init(&file, row[i], true), 0);
        sp_policy_file_refresh(&file);
        assert_true(file.there);
        assert_int_equal(file.err, -EACCES);
        assert_non_null(strstr(file.why, "begins with '/'"));
        sp_policy_file_fini(&file);
    }
}

/* The state of a file that has rested: unchanged it is not read again. */
static void test_an_old_file_is_read_once(void **state)
{
    (void)state;
    put(GOOD);
    good();
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_false(file.mark.valid);
    sp_mark_take(&file.mark, &st);
    file.mark.valid = true;
    const char *text = file.rules.text;
    good();
    assert_ptr_equal(file.rules.text, text);
    assert_true(file.mark.valid);
    put("#" GOOD GOOD);
    good();
    assert_int_equal(file.rules.otherwise_line, 2);
}

static void test_without_memory(void **state)
{
    (void)state;
    put("endpoint tcp://*\nallow\n" GOOD);
    int n = 0;
    do {
        failing_set(++n);
        sp_policy_file_refresh(&file);
        failing_clear();
        assert_true(file.err == 0 || file.err == -ENOMEM);
        assert_false(file.err && file.mark.valid);
    } while (file.err);
    assert_int_equal(n, 4);
    sp_policy_file_fini(&file);
    failing_set(1);
    assert_int_equal(sp_policy_file_init(&file, path, false), -ENOMEM);
    failing_clear();
}

/* A program that has used up its descriptors: its own errno, and no surprise where there is no
 * file. */
static void test_without_descriptors(void **state)
{
    (void)state;
    struct rlimit old, none;
    int lowest = dup(0);
    put(GOOD);
    assert_true(lowest >= 0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    sp_policy_file_refresh(&file);
    int err = file.err;
    unlink(path);
    file.optional = true;
    sp_policy_file_refresh(&file);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(err, -EMFILE);
    assert_false(file.there);
    assert_int_equal(file.err, 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_good_and_wrong_and_good),
        T(test_missing),
        T(test_an_optional_one_may_be_missing_only),
        T(test_permissions),
        T(test_owner),
        T(test_no_regular_file),
        T(test_too_large),
        T(test_a_nul_byte),
        T(test_a_relative_path),
        T(test_an_old_file_is_read_once),
        T(test_without_memory),
        T(test_without_descriptors),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
