/* SPDX-License-Identifier: MIT */
/* Programs that only know tcp://, and a policy that seals or refuses it. */
#define _GNU_SOURCE /* program_invocation_short_name */
#include "policy.h"
#include <sys/socket.h>
#include <sys/wait.h>

static int config_of(int s)
{
    int h = -1;
    size_t len = sizeof h;
    lib_ok(nn_getsockopt(s, NN_TLS, NN_TLS_CONFIG, &h, &len));
    return h;
}

static void two_sockets_are_sealed(void **state)
{
    (void)state;
    char text[160];
    struct lib_two t = policy_two();
    policy_talk(t, "hello");
    struct nn_pipe_info p = policy_pipe(t.s);
    assert_int_equal(p.version, NN_TLS_1_3);
    assert_int_equal(p.identity_len, 6);
    assert_memory_equal(p.identity, "sensor", 6);
    assert_true(p.records_received > 0);
    p = policy_pipe(t.c);
    assert_int_equal(p.version, NN_TLS_1_3);
    lib_text(t.s, NN_LAST_ENDPOINT, text, sizeof text);
    assert_int_equal(strncmp(text, "tls+psk://", 10), 0);
    lib_text(t.c, NN_LAST_ENDPOINT, text, sizeof text);
    assert_int_equal(strncmp(text, "tls+psk://", 10), 0);
    assert_true(policy_heard("/policy:4: connect tcp://")); /* said to who listens */
    assert_int_equal(config_of(t.s), 0);                    /* nothing that the program could see */
    assert_int_equal(config_of(t.c), 0);
    lib_close(t);
}

static void ws_becomes_wss(void **state)
{
    (void)state;
    char real[160], address[200];
    policy_say("endpoint ws://*\nrole bind\nseal %s/hub.keys\n"
               "endpoint ws://*\nrole connect\nseal %s/dev.keys\notherwise refuse\n");
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    snprintf(address, sizeof address, "ws://%s:0", lib_host());
    lib_ok(nn_bind(t.s, address));
    lib_text(t.s, NN_LAST_ENDPOINT, real, sizeof real);
    assert_int_equal(strncmp(real, "wss://", 6), 0);
    snprintf(address, sizeof address, "ws%s", strstr(real, "://"));
    lib_ok(nn_connect(t.c, address));
    policy_talk(t, "hello");
    assert_int_equal(policy_pipe(t.s).version, NN_TLS_1_3);
    lib_close(t);
}

/* Who connects without TLS gets nothing, not even a greeting. */
static void a_plaintext_dialler_is_refused(void **state)
{
    (void)state;
    uint8_t greeting[8], byte;
    char reason[400];
    int s = lib_socket(NN_PAIR), fd = rp_connect(rp_bind(s));
    rp_greeting(greeting, NN_PAIR);
    assert_true(rp_send(fd, greeting, sizeof greeting));
    while (rp_recv(fd, &byte, 1, LIB_PATIENCE_MS) == 1)
        assert_int_not_equal(byte, 'S'); /* an alert at most */
    lib_until(lib_stat(s, NN_STAT_PROTOCOL) == 1);
    lib_text(s, NN_LAST_REASON, reason, sizeof reason);
    assert_non_null(strstr(reason, "the peer speaks SP without TLS"));
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_CONNECTIONS), 0);
    close(fd);
    lib_ok(nn_close(s));
}

/* Who listens without TLS sees a ClientHello and no more. */
static void a_plaintext_listener_gets_nothing(void **state)
{
    (void)state;
    char address[64];
    uint8_t in[8], greeting[8];
    int port, listener = rp_listen(&port), s = lib_socket(NN_PAIR);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
    lib_ok(nn_connect(s, address));
    int fd = rp_accept(listener, LIB_PATIENCE_MS);
    assert_true(fd >= 0);
    rp_greeting(greeting, NN_PAIR);
    assert_true(rp_send(fd, greeting, sizeof greeting));
    assert_int_equal(rp_recv(fd, in, sizeof in, LIB_PATIENCE_MS), sizeof in);
    assert_int_equal(in[0], 22); /* a handshake record */
    assert_int_equal(in[5], 1);  /* ClientHello */
    assert_true(rp_closed(fd, LIB_PATIENCE_MS));
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_CONNECTIONS), 0);
    close(fd);
    close(listener);
    lib_ok(nn_close(s));
}

static void what_is_not_sealed_is_refused(void **state)
{
    (void)state;
    policy_say("endpoint tcp://127.0.0.1:1\nrefuse\n"
               "endpoint ipc://*\nrefuse\notherwise refuse\n");
    policy_refuses(true, "tcp://127.0.0.1:1", "/policy:1: connect tcp://127.0.0.1:1 is refused");
    policy_refuses(false, "tcp://127.0.0.1:2", "/policy:5: bind tcp://127.0.0.1:2 is refused");
    policy_refuses(true, "ws://127.0.0.1:2", "/policy:5: connect ws://127.0.0.1:2 is refused");
    policy_refuses(false, "ipc://socket", "/policy:3: bind ipc://socket is refused");
    assert_int_equal(access("socket", F_OK), -1);
}

static void what_stays_in_the_process_is_not_concerned(void **state)
{
    (void)state;
    policy_say("otherwise refuse\n");
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    lib_ok(nn_bind(t.s, "inproc://policy"));
    lib_ok(nn_connect(t.c, "inproc://policy"));
    policy_talk(t, "hello");
    lib_close(t);
}

static void what_is_allowed_is_plaintext(void **state)
{
    (void)state;
    policy_say("endpoint tcp://127.*:*\nallow\notherwise refuse\n");
    struct lib_two t = policy_two();
    policy_talk(t, "hello");
    assert_int_equal(policy_pipe(t.s).version, 0);
    lib_close(t);
}

/* A wrong address is the program's mistake, and keeps its errno. */
static void wrong_addresses_are_what_they_were(void **state)
{
    (void)state;
    char longer[200];
    int s = lib_socket(NN_PAIR);
    memset(longer, 'x', sizeof longer);
    memcpy(longer, "tcp://", 6);
    longer[sizeof longer - 1] = 0;
    lib_fails(nn_bind(s, "tcp:127.0.0.1:1"), EINVAL);
    lib_fails(nn_connect(s, longer), ENAMETOOLONG);
    lib_fails(nn_connect(s, "tcp://127.0.0.1"), EINVAL);
    lib_fails(nn_connect(s, "tcp://127.0.0.1:99999"), EINVAL);
    lib_fails(nn_bind(s, NULL), EFAULT);
    assert_int_equal(policy_lines, 0);
    int other = lib_socket(NN_PAIR);
    const char *address = policy_listen(other);
    lib_fails(nn_bind(s, address), EADDRINUSE);
    lib_ok(nn_close(s));
    lib_ok(nn_close(other));
}

static void errors_of_the_policy(void **state)
{
    (void)state;
    const char *at = "tcp://127.0.0.1:1";
    for (int dial = 0; dial < 2; dial++) {
        policy_say("otherwise\n");
        policy_refuses(dial, at, "/policy:1: 'otherwise' is followed by nothing");
        policy_refuses(dial, "inproc://x", "/policy:1: 'otherwise'"); /* whatever it is */
        policy_say("");
        policy_refuses(dial, at, "does not end with");
        assert_int_equal(chmod(policy_path, 0622), 0);
        policy_refuses(dial, at, "/policy: others may write to the policy");
        assert_int_equal(unlink(policy_path), 0);
        policy_refuses(dial, at, strerror(ENOENT));
        policy_say(POLICY_SEAL);
        const char *keys = policy_file(dial ? "dev.keys" : "hub.keys");
        const char *place = dial ? "/policy:4: " : "/policy:1: ";
        char words[100];
        assert_int_equal(chmod(keys, 0640), 0);
        snprintf(words, sizeof words, "%skey file ", place);
        policy_refuses(dial, at, words);
        policy_refuses(dial, at, "by its owner only");
        policy_put(dial ? "dev.keys" : "hub.keys", "#\nsensor:xyz\n");
        policy_refuses(dial, at, place);
        policy_refuses(dial, at, ".keys:2: not a valid key entry");
        policy_put(dial ? "dev.keys" : "hub.keys", "");
        policy_refuses(dial, at, dial ? "an identity to dial with?" : "an identity to accept?");
        assert_int_equal(unlink(keys), 0);
        policy_refuses(dial, at, strerror(ENOENT));
    }
}

static void a_path_that_is_none(void **state)
{
    (void)state;
    static const char *const paths[] = {"", "policy", "/dev/null", "/nowhere/policy", "/"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        policy_begin_anew(paths[i]);
        policy_refuses(true, "tcp://127.0.0.1:1", ": ");
    }
}

/* NN_TLS_CONFIG and TLS schemes are the program's own; its tcp:// is not. */
static void programs_that_know_tls(void **state)
{
    (void)state;
    char real[160], address[200];
    int h = lib_ok(nn_tls_create());
    lib_ok(nn_tls_psk_add(h, "own", 3, "0123456789abcdef", 16,
                          NN_TLS_DIAL | NN_TLS_ACCEPT | NN_TLS_SHARED));
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    lib_ok(nn_setsockopt(t.s, NN_TLS, NN_TLS_CONFIG, &h, sizeof h));
    lib_ok(nn_setsockopt(t.c, NN_TLS, NN_TLS_CONFIG, &h, sizeof h));
    snprintf(address, sizeof address, "tls+psk://%s:0", lib_host());
    lib_ok(nn_bind(t.s, address));
    lib_text(t.s, NN_LAST_ENDPOINT, real, sizeof real);
    lib_ok(nn_connect(t.c, real));
    policy_talk(t, "own");
    assert_memory_equal(policy_pipe(t.s).identity, "own", 3);
    int c = lib_socket(NN_PUSH);
    lib_ok(nn_connect(c, policy_listen(t.s)));
    lib_peers(t.s, 2);
    struct nn_pipe_info p[2] = {{.size = sizeof *p}};
    assert_int_equal(nn_pipes(t.s, p, 2), 2);
    assert_int_equal(p[0].identity_len + p[1].identity_len, 3 + 6);
    assert_int_equal(config_of(t.s), h);
    lib_ok(nn_close(c));
    lib_close(t);
    lib_ok(nn_tls_destroy(h));
}

static void roles_and_programs(void **state)
{
    (void)state;
    char text[500];
    policy_say("endpoint tcp://*:1\nrole connect\nrefuse\n"
               "endpoint tcp://*:2\nprogram not-*\nrefuse\notherwise allow\n");
    int s = lib_socket(NN_PAIR);
    policy_refuses(true, "tcp://127.0.0.1:1", "/policy:1: ");
    lib_ok(nn_connect(s, "tcp://127.0.0.1:2"));
    snprintf(text, sizeof text,
             "endpoint tcp://*:1\nrole bind\nrefuse\n"
             "endpoint tcp://*:2\nprogram %.50s*\nrefuse\notherwise allow\n",
             program_invocation_short_name);
    policy_say(text);
    lib_ok(nn_connect(s, "tcp://127.0.0.1:1"));
    policy_refuses(false, "tcp://127.0.0.1:1", "/policy:1: ");
    policy_refuses(true, "tcp://127.0.0.1:2", "/policy:4: ");
    lib_ok(nn_close(s));
}

static void options_are_set(void **state)
{
    (void)state;
    int on = 0, value;
    size_t len = sizeof value;
    policy_say("endpoint tcp://*\nallow\nRCVBUF 1048576\nRCVMAXSIZE 100\nRECONNECT_IVL_MAX 77\n"
               "TCP_NODELAY 1\notherwise allow\n");
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    lib_set(t.s, NN_RCVBUF, 5000); /* overridden */
    lib_ok(nn_setsockopt(t.s, NN_TCP, NN_TCP_NODELAY, &on, sizeof on));
    assert_int_equal(lib_get(t.s, NN_RCVMAXSIZE), 1024 * 1024);
    lib_ok(nn_connect(t.c, policy_listen(t.s)));
    assert_int_equal(lib_get(t.s, NN_RCVBUF), 1048576);
    assert_int_equal(lib_get(t.s, NN_RCVMAXSIZE), 100);
    assert_int_equal(lib_get(t.c, NN_RECONNECT_IVL_MAX), 77);
    lib_ok(nn_getsockopt(t.s, NN_TCP, NN_TCP_NODELAY, &value, &len));
    assert_int_equal(value, 0); /* the endpoint has it, not the socket */
    policy_talk(t, "short");
    char big[101] = "";
    lib_ok(nn_send(t.c, big, sizeof big, 0));
    lib_until(lib_stat(t.s, NN_STAT_OVERSIZE) == 1);
    lib_close(t);
}

/* ---- what a person sees ---- */

/* Runs a program that prints only strerror; what came to stderr, in `out`. */
static void complain(const char *print_errors, char *out, size_t size)
{
    int fd[2], status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    nn_term(); /* a child of one that has no threads */
    nn_init();
    fflush(NULL);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        policy_in_child = 1;
        dup2(fd[1], 2);
        nn_log(NULL, NULL);
        if (print_errors)
            setenv("NN_PRINT_ERRORS", print_errors, 1);
        else
            unsetenv("NN_PRINT_ERRORS");
        int s = nn_socket(AF_SP, NN_PAIR);
        for (int i = 0; i < 3; i++)
            if (nn_connect(s, "tcp://127.0.0.1:1") >= 0)
                _exit(1);
        _exit(0);
    }
    close(fd[1]);
    size_t n = rp_recv(fd[0], out, size - 1, LIB_PATIENCE_MS);
    out[n] = 0;
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int count(const char *text, const char *words)
{
    int n = 0;
    while ((text = strstr(text, words)))
        n++, text++;
    return n;
}

static void a_person_is_told(void **state)
{
    (void)state;
    char out[4000];
    if (LIB_TSAN)
        skip(); /* it loses its way in a child that makes threads */
    policy_say("otherwise refuse\n");
    complain(NULL, out, sizeof out);
    assert_int_equal(count(out, "nanoseal: policy: "), 1); /* not each time */
    assert_non_null(strstr(out, "/policy:1: connect tcp://127.0.0.1:1 is refused"));
    complain("1", out, sizeof out);
    assert_int_equal(count(out, "nanoseal: policy: "), 3);
    complain("0", out, sizeof out);
    assert_string_equal(out, "");
    policy_say("otherwise refuse them\n");
    complain(NULL, out, sizeof out);
    assert_non_null(strstr(out, "/policy:1: 'otherwise' is followed by"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POLICY_TEST(two_sockets_are_sealed),
        POLICY_TEST(ws_becomes_wss),
        POLICY_TEST(a_plaintext_dialler_is_refused),
        POLICY_TEST(a_plaintext_listener_gets_nothing),
        POLICY_TEST(what_is_not_sealed_is_refused),
        POLICY_TEST(what_stays_in_the_process_is_not_concerned),
        POLICY_TEST(what_is_allowed_is_plaintext),
        POLICY_TEST(wrong_addresses_are_what_they_were),
        POLICY_TEST(errors_of_the_policy),
        POLICY_TEST(a_path_that_is_none),
        POLICY_TEST(programs_that_know_tls),
        POLICY_TEST(roles_and_programs),
        POLICY_TEST(options_are_set),
        POLICY_TEST(a_person_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
