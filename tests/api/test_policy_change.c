/* SPDX-License-Identifier: MIT */
/* A policy and key files that change under a running program. */
#include "policy.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

static void a_changed_policy_is_noticed(void **state)
{
    (void)state;
    struct lib_two t = policy_two();
    int s = lib_socket(NN_PAIR);
    policy_say("otherwise refuse\n");
    policy_refuses(true, "tcp://127.0.0.1:1", "/policy:1: ");
    policy_talk(t, "goes on");
    policy_say("otherwise allow\n");
    lib_ok(nn_connect(s, "tcp://127.0.0.1:1"));
    policy_say("nonsense\n");
    policy_refuses(true, "tcp://127.0.0.1:1", "unknown word 'nonsense'");
    policy_say(POLICY_SEAL);
    lib_ok(nn_connect(s, "tcp://127.0.0.1:1"));
    lib_ok(nn_close(s));
    lib_close(t);
}

/* Only the bound socket's file changes: it hears of that at the handshake. */
static void a_key_is_rotated(void **state)
{
    (void)state;
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    const char *address = policy_listen(t.s);
    lib_ok(nn_connect(t.c, address));
    policy_talk(t, "with the old key");
    policy_key("hub.keys", "sensor", 0xbb);
    int c = lib_socket(NN_PUSH);
    lib_ok(nn_connect(c, address));
    lib_until(lib_stat(t.s, NN_STAT_WRONG_KEY) > 0);
    policy_talk(t, "goes on");
    policy_key("dev.keys", "sensor", 0xbb);
    lib_peers(t.s, 2); /* the one that tries again has read its file, too */
    lib_send(c, "with the new key");
    lib_expect(t.s, "with the new key");
    policy_talk(t, "goes on");
    lib_ok(nn_close(c));
    lib_close(t);
}

static void an_identity_is_added_and_removed(void **state)
{
    (void)state;
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    const char *address = policy_listen(t.s);
    policy_key("dev.keys", "newcomer", 0xaa);
    lib_ok(nn_connect(t.c, address));
    lib_until(lib_stat(t.s, NN_STAT_UNKNOWN_IDENTITY) > 0);
    policy_key("hub.keys", "newcomer", 0xaa);
    lib_peers(t.s, 1);
    policy_key("hub.keys", "sensor", 0xaa);
    int c = lib_socket(NN_PUSH);
    uint64_t before = lib_stat(t.s, NN_STAT_UNKNOWN_IDENTITY);
    lib_ok(nn_connect(c, address));
    lib_until(lib_stat(t.s, NN_STAT_UNKNOWN_IDENTITY) > before);
    policy_talk(t, "goes on");
    lib_ok(nn_close(c));
    lib_close(t);
}

/* The same with `removed drop`: the next handshake ends the connection of who is gone. */
static void connections_of_the_removed_end(void **state)
{
    (void)state;
    policy_say("endpoint tcp://*\nrole bind\nseal %s/hub.keys\nremoved drop\n"
               "endpoint tcp://*\nrole connect\nseal %s/dev.keys\notherwise refuse\n");
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    const char *address = policy_listen(t.s);
    lib_ok(nn_connect(t.c, address));
    lib_peers(t.s, 1);
    policy_key("hub.keys", "another", 0xaa);
    policy_key("dev.keys", "another", 0xaa);
    int c = lib_socket(NN_PUSH);
    lib_ok(nn_connect(c, address));
    lib_until(lib_stat(t.s, NN_STAT_REFUSED) == 1);
    lib_peers(t.s, 2); /* it comes back by its new name */
    lib_ok(nn_close(c));
    lib_close(t);
}

static void a_spoilt_key_file_stops_newcomers(void **state)
{
    (void)state;
    char reason[400];
    struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
    const char *address = policy_listen(t.s);
    lib_ok(nn_connect(t.c, address));
    lib_peers(t.s, 1);
    assert_int_equal(chmod(policy_file("hub.keys"), 0604), 0);
    int c = lib_socket(NN_PUSH);
    lib_ok(nn_connect(c, address));
    lib_until(lib_stat(t.s, NN_STAT_REFUSED) > 0);
    lib_text(t.s, NN_LAST_REASON, reason, sizeof reason);
    assert_non_null(strstr(reason, "by its owner only"));
    policy_talk(t, "goes on");
    assert_int_equal(lib_stat(t.s, NN_STAT_CURRENT_CONNECTIONS), 1);
    assert_int_equal(chmod(policy_file("hub.keys"), 0600), 0);
    lib_peers(t.s, 2);
    lib_ok(nn_close(c));
    lib_close(t);
}

/* A program that cleans up its environment stays sealed; nn_term ends what it knew. */
static void the_environment_is_read_once(void **state)
{
    (void)state;
    lib_close(policy_two());
    unsetenv("NANOSEAL_POLICY");
    struct lib_two t = policy_two();
    assert_int_equal(policy_pipe(t.s).version, NN_TLS_1_3);
    lib_close(t);
    policy_begin_anew(NULL);
    t = policy_two();
    assert_int_equal(policy_pipe(t.s).version, 0);
    policy_talk(t, "plain");
    lib_close(t);
}

/* ---- fork ---- */

/* In a child nothing of cmocka may be used. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "child, line %d: %s (%s)\n", __LINE__, #cond, strerror(errno));        \
            _exit(99);                                                                             \
        }                                                                                          \
    } while (0)

static void child_of_one_with_a_policy(void)
{
    char address[200] = "tcp://127.0.0.1:0", buf[8];
    int one = 1, s = nn_socket(AF_SP, NN_PULL), c = nn_socket(AF_SP, NN_PUSH);
    size_t len = sizeof address;
    struct nn_pipe_info p = {.size = sizeof p};
    CHECK(nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &one, sizeof one) == 0);
    CHECK(nn_bind(s, address) > 0);
    CHECK(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len) == 0);
    CHECK(!strncmp(address, "tls+psk://", 10));
    memmove(address + 3, address + 7, strlen(address + 7) + 1);
    memcpy(address, "tcp", 3);
    CHECK(nn_connect(c, address) > 0);
    CHECK(nn_send(c, "hello", 5, 0) == 5 && nn_recv(s, buf, sizeof buf, 0) == 5);
    CHECK(nn_pipes(s, &p, 1) == 1 && p.version == NN_TLS_1_3);
    CHECK(nn_close(c) == 0 && nn_close(s) == 0);
}

static void a_forked_child_is_sealed_too(void **state)
{
    (void)state;
    int status;
    if (LIB_TSAN)
        skip(); /* its allocator may be locked in a child of a program with threads */
    struct lib_two t = policy_two();
    fflush(NULL);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        policy_in_child = 1;
        alarm(LIB_PATIENCE_MS / 1000);
        child_of_one_with_a_policy();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    policy_talk(t, "goes on");
    lib_close(t);
}

/* ---- threads ---- */

static atomic_bool enough;

static void *thread_connects(void *arg)
{
    (void)arg;
    for (int i = 0; i < 40; i++) {
        char real[160];
        int s = lib_socket(NN_PAIR);
        bool good = nn_bind(s, "tcp://127.0.0.1:0") > 0;
        if (!good)
            assert_int_equal(errno, EACCES);
        if (good) {
            lib_text(s, NN_LAST_ENDPOINT, real, sizeof real);
            assert_int_equal(strncmp(real, "tls+psk://", 10), 0); /* never plaintext */
        }
        lib_ok(nn_close(s));
    }
    return NULL;
}

static void *thread_changes(void *arg)
{
    (void)arg;
    for (int i = 0; !atomic_load(&enough); i++) {
        if (i % 3 == 0)
            policy_say("otherwise refuse\n");
        else if (i % 3 == 1)
            policy_say("rubbish\n");
        else
            policy_say(POLICY_SEAL);
        policy_key("hub.keys", "sensor", i & 0xff);
        lib_pause(1);
    }
    return NULL;
}

static void many_threads_while_everything_changes(void **state)
{
    (void)state;
    pthread_t t[4], changer;
    atomic_store(&enough, false);
    nn_log(NULL, NULL); /* the receiver of these tests is no good for threads */
    setenv("NN_PRINT_ERRORS", "0", 1);
    assert_int_equal(pthread_create(&changer, NULL, thread_changes, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, thread_connects, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    atomic_store(&enough, true);
    pthread_join(changer, NULL);
    unsetenv("NN_PRINT_ERRORS");
    policy_say(POLICY_SEAL);
    policy_key("hub.keys", "sensor", 0xaa);
    lib_close(policy_two());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POLICY_TEST(a_changed_policy_is_noticed),
        POLICY_TEST(a_key_is_rotated),
        POLICY_TEST(an_identity_is_added_and_removed),
        POLICY_TEST(connections_of_the_removed_end),
        POLICY_TEST(a_spoilt_key_file_stops_newcomers),
        POLICY_TEST(the_environment_is_read_once),
        POLICY_TEST(a_forked_child_is_sealed_too),
        POLICY_TEST(many_threads_while_everything_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
