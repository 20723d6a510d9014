/* SPDX-License-Identifier: MIT */
/* A key file that changes under a configuration: what the next handshake makes of it. */
#include "base.h"
#include "base/log.h"
#include "tls_support.h"
#include "transports/tls/follow.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "followXXXXXX", line[300];
static struct link l;
static int client, server;

static void put_line(FILE *f, const char *id, const uint8_t key[32])
{
    fprintf(f, "%s:", id);
    for (int i = 0; i < 32; i++)
        fprintf(f, "%02x", key[i]);
    fprintf(f, "\n");
}

/* The file has the identity with this key; NULL: without any. */
static void put(const char *id, const uint8_t *key)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "# keys\n");
    if (id)
        put_line(f, id, key);
    put_line(f, "bob", tls_other_key);
    assert_int_equal(fclose(f), 0);
}

static void put_wrong(void)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "# keys\nalice:1234\n");
    assert_int_equal(fclose(f), 0);
}

static int begin(void **state)
{
    (void)state;
    int fd = mkstemp(memcpy(path, "followXXXXXX", sizeof path));
    assert_true(fd >= 0);
    close(fd);
    put("alice", tls_key);
    link_init(&l);
    client = tls_handle("alice", tls_key, NN_TLS_DIAL);
    server = nn_tls_create();
    assert_int_equal(nn_tls_psk_follow(server, path, 0), 0);
    sp_log_into(line, sizeof line);
    line[0] = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_log_into(NULL, 0);
    link_fini(&l);
    nn_tls_destroy(client);
    nn_tls_destroy(server);
    unlink(path);
    rmdir(path);
    return 0;
}

static void opens(void)
{
    link_again(&l, client, server);
    assert_int_equal(l.server.rc, 0);
    assert_int_equal(l.client.rc, 0);
}

static void refused(enum sp_reason why)
{
    link_again(&l, client, server);
    assert_int_equal(l.server.rc, -EACCES);
    assert_int_equal(l.server.peer.reason, why);
}

static void fails(int err, const char *words)
{
    errno = 0;
    assert_int_equal(nn_tls_psk_follow(server, path, 0), -1);
    assert_int_equal(errno, err);
    if (!strstr(line, words))
        fail_msg("'%s', not '%s'", line, words);
}

static void test_a_key_that_is_added(void **state)
{
    (void)state;
    put(NULL, NULL);
    refused(SP_REASON_UNKNOWN_IDENTITY);
    put("alice", tls_key);
    opens();
}

static void test_a_key_that_is_replaced(void **state)
{
    (void)state;
    opens();
    put("alice", tls_other_key);
    refused(SP_REASON_WRONG_KEY);
    assert_int_equal(nn_tls_psk_add(client, "alice", 5, tls_other_key, 32, NN_TLS_DIAL), 0);
    opens();
}

static void test_connections_go_on(void **state)
{
    (void)state;
    static struct link next;
    opens();
    put(NULL, NULL);
    link_init(&next);
    link_open(&next, client, server);
    assert_int_equal(next.server.rc, -EACCES);
    link_fini(&next);
    link_carry(&l.client, &l.server, 1000, 100);
    link_carry(&l.server, &l.client, 1000, 100);
}

static void test_connections_of_removed_keys_end(void **state)
{
    (void)state;
    static struct link next;
    assert_int_equal(nn_tls_psk_follow(server, path, NN_TLS_DROP_LIVE), 0);
    opens();
    struct sp_tls *t = (struct sp_tls *)l.server.s;
    put("alice", tls_key);
    link_init(&next);
    link_open(&next, client, server);
    assert_int_equal(next.server.rc, 0);
    assert_false(atomic_load(&t->live.dropped)); /* it is still there */
    put(NULL, NULL);
    link_again(&next, client, server);
    assert_int_equal(next.server.rc, -EACCES);
    assert_true(atomic_load(&t->live.dropped));
    link_fini(&next);
}

static void test_a_wrong_file_stops_handshakes(void **state)
{
    (void)state;
    put_wrong();
    refused(SP_REASON_REFUSED);
    assert_non_null(strstr(l.server.peer.detail, ":2: not a valid key entry"));
    put("alice", tls_key);
    opens();
    assert_int_equal(unlink(path), 0);
    refused(SP_REASON_REFUSED);
    assert_non_null(strstr(l.server.peer.detail, strerror(ENOENT)));
}

static void test_who_dials_looks_too(void **state)
{
    (void)state;
    int other = tls_handle("alice", tls_other_key, NN_TLS_ACCEPT);
    link_again(&l, server, other);
    assert_int_equal(l.client.rc, -EACCES);
    put("alice", tls_other_key);
    link_again(&l, server, other);
    assert_int_equal(l.client.rc, 0);
    put_wrong();
    link_again(&l, server, other);
    assert_int_equal(l.client.rc, -EACCES);
    assert_int_equal(l.client.peer.reason, SP_REASON_REFUSED);
    assert_int_equal(nn_tls_destroy(other), 0);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(path, 0640), 0);
    fails(EACCES, "must be readable, and by its owner only");
    assert_int_equal(chmod(path, 0600), 0);
    put_wrong();
    fails(EINVAL, ":2: not a valid key entry");
    assert_int_equal(unlink(path), 0);
    fails(ENOENT, strerror(ENOENT));
    assert_int_equal(mkdir(path, 0700), 0);
    fails(EINVAL, strerror(EINVAL));
    errno = 0;
    assert_int_equal(nn_tls_psk_follow(server, path, NN_TLS_DIAL), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(nn_tls_psk_follow(4711, path, 0), -1);
    assert_int_equal(errno, EBADF);
}

static void test_another_users_file(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    assert_int_equal(chown(path, 65534, 65534), 0);
    fails(EACCES, "belongs to another user");
    refused(SP_REASON_REFUSED);
}

/* It keeps the file and the keys that it had. */
static void test_a_start_that_fails_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(nn_tls_psk_follow(server, "nowhere", 0), -1);
    assert_int_equal(errno, ENOENT);
    opens();
    put(NULL, NULL);
    refused(SP_REASON_UNKNOWN_IDENTITY);
}

static void test_the_end_of_following(void **state)
{
    (void)state;
    assert_int_equal(nn_tls_psk_follow(server, NULL, 0), 0);
    put(NULL, NULL);
    opens();
    assert_int_equal(unlink(path), 0);
    opens();
}

static uint64_t serial(void)
{
    struct sp_tls_cfg *c = sp_tls_cfg_get(server);
    const struct sp_key *e = sp_keys_find(&c->keys, "alice", 5);
    uint64_t n = e ? e->serial : 0;
    sp_tls_cfg_drop(c);
    return n;
}

/* A handshake that began before the file was read again still counts. */
static void test_a_key_that_stays_is_the_same(void **state)
{
    (void)state;
    uint64_t before = serial();
    assert_true(before);
    put("alice", tls_key);
    opens();
    assert_true(serial() == before);
    put("alice", tls_other_key);
    refused(SP_REASON_WRONG_KEY);
    assert_true(serial() > before);
}

/* A file that has rested is looked at, not read: here it is another one behind the same mark. */
static void test_an_unchanged_file_is_not_read(void **state)
{
    (void)state;
    struct sp_tls_cfg *c = sp_tls_cfg_get(server);
    struct stat st;
    put_wrong();
    assert_int_equal(stat(path, &st), 0);
    sp_mark_take(&c->follow.mark, &st);
    c->follow.mark.valid = true;
    opens();
    assert_int_equal(nn_tls_psk_follow(server, path, NN_TLS_DROP_LIVE), 0);
    assert_int_equal(c->follow.flags, NN_TLS_DROP_LIVE);
    c->follow.mark.mtime.tv_sec--;
    refused(SP_REASON_REFUSED);
    sp_tls_cfg_drop(c);
}

static void test_without_memory(void **state)
{
    (void)state;
    int n = 0, rc;
    do {
        failing_set(++n);
        rc = nn_tls_psk_follow(server, path, 0);
        failing_clear();
        assert_true(rc == 0 || errno == ENOMEM);
    } while (rc < 0);
    assert_true(n > 4);
    opens();
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_key_that_is_added),
        T(test_a_key_that_is_replaced),
        T(test_connections_go_on),
        T(test_connections_of_removed_keys_end),
        T(test_a_wrong_file_stops_handshakes),
        T(test_who_dials_looks_too),
        T(test_what_is_refused),
        T(test_another_users_file),
        T(test_a_start_that_fails_changes_nothing),
        T(test_the_end_of_following),
        T(test_a_key_that_stays_is_the_same),
        T(test_an_unchanged_file_is_not_read),
        T(test_without_memory),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
