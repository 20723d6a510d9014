/* SPDX-License-Identifier: MIT */
/* The system's policy file, which the environment must not weaken, and programs that run with more
 * privileges than their user has. The real path of the file belongs to the machine, so here it is
 * another one. */
#include "policy/policy.h"
#include "support/rawpeer.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* wants those above first */

#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>

#define NOBODY 65534

/* What became of an nn_bind to tcp://. */
enum outcome { PLAIN = 10, SEALED, REFUSED, OTHER };

static char dir[200], system_path[300], user_path[300], program[300];
static char reason[400];

static enum outcome try_bind(void)
{
    char address[200];
    int one = 1, s = nn_socket(AF_SP, NN_PAIR);
    size_t len = sizeof address;
    enum outcome o = OTHER;
    if (s < 0 || nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &one, sizeof one) < 0)
        return OTHER;
    if (nn_bind(s, "tcp://127.0.0.1:0") < 0)
        o = errno == EACCES ? REFUSED : OTHER;
    else if (nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len) == 0)
        o = !strncmp(address, "tcp://", 6) ? PLAIN : SEALED;
    len = sizeof reason;
    reason[0] = 0;
    (void)nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_REASON, reason, &len);
    nn_close(s);
    return o;
}

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Either may be NULL: no such file. "%s" is the folder. */
static void say(const char *system, const char *user)
{
    char text[1000];
    nn_term();
    nn_init();
    unlink(system_path);
    unsetenv("NANOSEAL_POLICY");
    if (system) {
        snprintf(text, sizeof text, system, dir);
        put(system_path, text, 0644);
    }
    if (user) {
        snprintf(text, sizeof text, user, dir);
        put(user_path, text, 0644);
        setenv("NANOSEAL_POLICY", user_path, 1);
    }
}

static const char *in_dir(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%.200s/%s", dir, name);
    return path;
}

static int begin(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    rp_watchdog(60);
    snprintf(dir, sizeof dir, "%.150s/nanosealXXXXXX", tmp ? tmp : P_tmpdir);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chmod(dir, 0755), 0);
    snprintf(system_path, sizeof system_path, "%s", in_dir("system"));
    snprintf(user_path, sizeof user_path, "%s", in_dir("user"));
    snprintf(program, sizeof program, "%s", in_dir("program"));
    put(in_dir("ours"), "a:000102030405060708090a0b0c0d0e0f\n", 0600);
    put(in_dir("mine"), "b:000102030405060708090a0b0c0d0e0f\n", 0600);
    sp_policy_system = system_path;
    setenv("NN_PRINT_ERRORS", "0", 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    static const char *const names[] = {"system", "user", "program", "ours", "mine"};
    say(NULL, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_dir(names[i]));
    rp_watchdog(0);
    return rmdir(dir);
}

#define ALLOW  "endpoint tcp://*\nallow\notherwise allow\n"
#define REFUSE "otherwise refuse\n"
#define SEAL   "endpoint tcp://*\nseal %s/ours\notherwise refuse\n"
#define MINE   "endpoint tcp://*\nseal %s/mine\notherwise refuse\n"

static void test_the_systems_word(void **state)
{
    (void)state;
    say(NULL, NULL);
    assert_int_equal(try_bind(), PLAIN);
    say(ALLOW, NULL);
    assert_int_equal(try_bind(), PLAIN);
    say(REFUSE, NULL);
    assert_int_equal(try_bind(), REFUSED);
    say(SEAL, NULL);
    assert_int_equal(try_bind(), SEALED);
    say("endpoint\n", NULL);
    assert_int_equal(try_bind(), REFUSED);
    assert_non_null(strstr(reason, "/system:1: "));
}

static void test_the_environment_cannot_weaken_it(void **state)
{
    (void)state;
    say(REFUSE, ALLOW);
    assert_int_equal(try_bind(), REFUSED);
    assert_non_null(strstr(reason, "/system:1: "));
    say(SEAL, ALLOW);
    assert_int_equal(try_bind(), SEALED);
    say("endpoint\n", ALLOW);
    assert_int_equal(try_bind(), REFUSED);
    say(ALLOW, "endpoint\n");
    assert_int_equal(try_bind(), REFUSED);
    assert_non_null(strstr(reason, "/user:1: "));
    say(ALLOW, REFUSE);
    assert_int_equal(try_bind(), REFUSED);
    say(REFUSE, MINE);
    assert_int_equal(try_bind(), SEALED);
    say(SEAL, MINE);
    assert_int_equal(unlink(in_dir("mine")), 0); /* not needed: the system's keys count */
    assert_int_equal(try_bind(), SEALED);
    say(SEAL, MINE);
    assert_int_equal(unlink(in_dir("ours")), 0);
    assert_int_equal(try_bind(), REFUSED);
}

static void test_the_systems_file_comes_and_goes(void **state)
{
    (void)state;
    say(NULL, NULL);
    assert_int_equal(try_bind(), PLAIN);
    put(system_path, REFUSE, 0644);
    assert_int_equal(try_bind(), REFUSED);
    put(system_path, ALLOW, 0644);
    assert_int_equal(try_bind(), PLAIN);
    put(system_path, ALLOW, 0666);
    assert_int_equal(try_bind(), REFUSED);
    assert_int_equal(unlink(system_path), 0);
    assert_int_equal(try_bind(), PLAIN);
    assert_int_equal(mkdir(system_path, 0755), 0);
    assert_int_equal(try_bind(), REFUSED);
    assert_int_equal(rmdir(system_path), 0);
}

/* ---- setuid ---- */

/* A copy of this program with the mode, owned by root; skips the test where that means nothing. */
static void install(mode_t mode)
{
    struct statvfs fs;
    char command[1000];
    if (geteuid() != 0 || statvfs(dir, &fs) < 0 || fs.f_flag & ST_NOSUID ||
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0) {
        print_message("needs root, and a folder for temporary files that permits setuid\n");
        skip();
    }
    snprintf(command, sizeof command, "cp /proc/%ld/exe '%s'", (long)getpid(), program);
    assert_int_equal(system(command), 0);
    assert_int_equal(chown(program, 0, 0), 0);
    assert_int_equal(chmod(program, mode), 0);
}

/* Runs it as somebody without privileges. */
static enum outcome as_nobody(void)
{
    int status;
    nn_term();
    fflush(NULL);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        if (setgid(NOBODY) == 0 && setuid(NOBODY) == 0)
            execl(program, program, "bind", system_path, (char *)NULL);
        _exit(99);
    }
    nn_init();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), PLAIN, OTHER);
    return (enum outcome)WEXITSTATUS(status);
}

static void test_a_program_without_privileges(void **state)
{
    (void)state;
    install(0755);
    say(NULL, "endpoint\n");
    assert_int_equal(as_nobody(), REFUSED);
    say(NULL, ALLOW);
    assert_int_equal(as_nobody(), PLAIN);
    say(SEAL, NULL);
    assert_int_equal(as_nobody(), REFUSED); /* the key file is root's */
}

static void test_a_setuid_program_ignores_the_environment(void **state)
{
    (void)state;
    install(04755);
    say(NULL, "endpoint\n");
    assert_int_equal(as_nobody(), PLAIN);
    say(NULL, REFUSE);
    assert_int_equal(as_nobody(), PLAIN);
    say(NULL, MINE);
    assert_int_equal(as_nobody(), PLAIN);
    say(ALLOW, REFUSE);
    assert_int_equal(as_nobody(), PLAIN);
}

static void test_a_setuid_program_fails_where_tls_is_asked_for(void **state)
{
    (void)state;
    install(04755);
    say(SEAL, NULL);
    assert_int_equal(as_nobody(), REFUSED);
    say(REFUSE, NULL);
    assert_int_equal(as_nobody(), REFUSED);
    say(REFUSE, MINE);
    assert_int_equal(as_nobody(), REFUSED);
    say(SEAL, ALLOW);
    assert_int_equal(as_nobody(), REFUSED);
    say("endpoint\n", NULL);
    assert_int_equal(as_nobody(), REFUSED);
}

static void test_a_setgid_program_too(void **state)
{
    (void)state;
    install(02755);
    say(NULL, "endpoint\n");
    assert_int_equal(as_nobody(), PLAIN);
    say(SEAL, ALLOW);
    assert_int_equal(as_nobody(), REFUSED);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "bind")) {
        sp_policy_system = argv[2];
        _exit((int)try_bind()); /* a leak finder cannot look into a setuid program */
    }
    const struct CMUnitTest tests[] = {
        T(test_the_systems_word),
        T(test_the_environment_cannot_weaken_it),
        T(test_the_systems_file_comes_and_goes),
        T(test_a_program_without_privileges),
        T(test_a_setuid_program_ignores_the_environment),
        T(test_a_setuid_program_fails_where_tls_is_asked_for),
        T(test_a_setgid_program_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
