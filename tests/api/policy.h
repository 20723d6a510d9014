/* SPDX-License-Identifier: MIT */
/* What the tests of the policy share: a folder with a policy and key files, and a library that has
 * just begun, so that it looks at NANOSEAL_POLICY anew. */
#ifndef TESTS_API_POLICY_H
#define TESTS_API_POLICY_H

#include "lib.h"
#include "support/rawpeer.h"
#include <nanomsg/tls.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

static char policy_dir[4200];  /* absolute */
static char policy_path[4300]; /* of the policy */
static char policy_line[600];  /* the last line of the log */
static int policy_lines;       /* how many there were */

/* What a child has of its parent's memory it forgets, which is no leak. */
static int policy_in_child;
__attribute__((used, visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return policy_in_child;
}

/* Lines come from several threads; those about connections that fail are not what is tested. */
static pthread_mutex_t policy_lock = PTHREAD_MUTEX_INITIALIZER;

static inline void policy_hear(void *arg, const char *line)
{
    (void)arg;
    if (strncmp(line, "policy: ", 8) != 0)
        return;
    pthread_mutex_lock(&policy_lock);
    snprintf(policy_line, sizeof policy_line, "%s", line);
    policy_lines++;
    pthread_mutex_unlock(&policy_lock);
}

/* Whether these words are in the last line; the line is forgotten. */
static inline bool policy_heard(const char *words)
{
    pthread_mutex_lock(&policy_lock);
    bool heard = strstr(policy_line, words);
    policy_line[0] = 0;
    pthread_mutex_unlock(&policy_lock);
    return heard;
}

static inline const char *policy_file(const char *name)
{
    static _Thread_local char path[4400];
    snprintf(path, sizeof path, "%s/%s", policy_dir, name);
    return path;
}

/* Writes a file of the folder in one step, as mv does. */
static inline void policy_put(const char *name, const char *text)
{
    char fresh[4400];
    snprintf(fresh, sizeof fresh, "%s/fresh", policy_dir);
    FILE *f = fopen(fresh, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(fresh, 0600), 0);
    assert_int_equal(rename(fresh, policy_file(name)), 0);
}

/* A key file with one identity, and a key of 32 bytes that this byte begins. */
static inline void policy_key(const char *name, const char *id, int key)
{
    char text[200];
    int n = snprintf(text, sizeof text, "%s:%02x", id, key);
    for (int i = 1; i < 32; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%02x", i);
    snprintf(text + n, sizeof text - (size_t)n, "\n");
    policy_put(name, text);
}

/* The policy: each %s is the folder. */
static inline void policy_say(const char *fmt)
{
    char text[20000];
    size_t n = 0;
    for (; *fmt; fmt++) {
        if (fmt[0] == '%' && fmt[1] == 's') {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", policy_dir);
            fmt++;
        } else {
            text[n++] = *fmt;
        }
        assert_true(n < sizeof text - 1);
    }
    text[n] = 0;
    policy_put("policy", text);
}

/* Who listens has hub.keys, who connects dev.keys; both hold "sensor" with the same key. */
#define POLICY_SEAL                                                                                \
    "endpoint tcp://*\n"                                                                           \
    "  role bind\n"                                                                                \
    "  seal %s/hub.keys\n"                                                                         \
    "endpoint tcp://*\n"                                                                           \
    "  role connect\n"                                                                             \
    "  seal %s/dev.keys\n"                                                                         \
    "otherwise refuse\n"

/* Has the library forget what it knows of the environment. */
static inline void policy_begin_anew(const char *path)
{
    nn_term();
    nn_init();
    if (path)
        setenv("NANOSEAL_POLICY", path, 1);
    else
        unsetenv("NANOSEAL_POLICY");
}

static inline int policy_setup(void **state)
{
    (void)state;
    char cwd[4096], name[] = "policyXXXXXX";
    alarm(LIB_SLOW ? 300 : 120);
    assert_non_null(mkdtemp(name));
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(policy_dir, sizeof policy_dir, "%s/%s", cwd, name);
    snprintf(policy_path, sizeof policy_path, "%s/policy", policy_dir);
    policy_key("hub.keys", "sensor", 0xaa);
    policy_key("dev.keys", "sensor", 0xaa);
    policy_say(POLICY_SEAL);
    policy_line[0] = 0;
    policy_lines = 0;
    nn_log(policy_hear, NULL);
    policy_begin_anew(policy_path);
    return 0;
}

static inline int policy_teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"policy", "hub.keys", "dev.keys", "other", "fresh"};
    policy_begin_anew(NULL);
    nn_log(NULL, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(policy_file(names[i]));
    return rmdir(policy_dir);
}

#define POLICY_TEST(fn) cmocka_unit_test_setup_teardown(fn, policy_setup, policy_teardown)

/* Binds to a free port as tcp://; gives the address that the program would connect to. */
static inline const char *policy_listen(int s)
{
    static _Thread_local char address[200];
    char real[160];
    snprintf(address, sizeof address, "tcp://%s:0", lib_host());
    lib_ok(nn_bind(s, address));
    lib_text(s, NN_LAST_ENDPOINT, real, sizeof real);
    snprintf(address, sizeof address, "tcp%s", strstr(real, "://"));
    return address;
}

static inline struct lib_two policy_two(void)
{
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    lib_ok(nn_connect(t.c, policy_listen(t.s)));
    lib_peers(t.s, 1);
    lib_peers(t.c, 1);
    return t;
}

static inline void policy_talk(struct lib_two t, const char *text)
{
    lib_send(t.c, text);
    lib_expect(t.s, text);
}

/* The socket's only pipe. */
static inline struct nn_pipe_info policy_pipe(int s)
{
    struct nn_pipe_info p = {.size = sizeof p};
    assert_int_equal(lib_ok(nn_pipes(s, &p, 1)), 1);
    return p;
}

/* nn_bind or nn_connect fails with EACCES, and these words are in NN_LAST_REASON and in the log. */
static inline void policy_refuses(bool dial, const char *address, const char *words)
{
    char reason[400];
    int s = lib_socket(NN_PAIR);
    policy_heard("");
    lib_fails(dial ? nn_connect(s, address) : nn_bind(s, address), EACCES);
    lib_text(s, NN_LAST_REASON, reason, sizeof reason);
    if (!strstr(reason, words))
        fail_msg("reason '%s', not '%s'", reason, words);
    assert_true(policy_heard(words));
    lib_ok(nn_close(s));
}

#endif
