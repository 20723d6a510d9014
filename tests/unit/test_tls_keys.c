/* SPDX-License-Identifier: MIT */
/* The set of keys, the key file and the brake. */
#include "base/clock.h"
#include "tls_support.h"
#include "transports/tls/keyfile.h"
#include <sys/stat.h>
#include <unistd.h>

#define BOTH (NN_TLS_DIAL | NN_TLS_ACCEPT)
#define HEX  "000102030405060708090a0b0c0d0e0f"

static struct sp_keys keys;

static int end(void **state)
{
    (void)state;
    sp_keys_fini(&keys);
    return 0;
}

static void test_a51_lengths(void **state)
{
    (void)state;
    uint8_t key[49];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    static const struct {
        size_t id, key;
        int rc;
    } row[] = {{0, 32, -EINVAL}, {1, 32, 0},        {128, 32, 0}, {129, 32, -EINVAL},
               {5, 15, -EINVAL}, {5, 16, 0},        {5, 48, 0},   {5, 49, -EINVAL},
               {5, 0, -EINVAL},  {129, 49, -EINVAL}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        assert_int_equal(sp_keys_check(row[i].id, key, row[i].key, BOTH), row[i].rc);
}

static void test_a_key_of_equal_bytes_is_refused(void **state)
{
    (void)state;
    uint8_t key[32];
    memset(key, 7, sizeof key);
    assert_int_equal(sp_keys_add(&keys, "a", 1, key, 32, BOTH), -EINVAL);
    key[31] = 8;
    assert_int_equal(sp_keys_add(&keys, "a", 1, key, 32, BOTH), 0);
}

static void test_flags(void **state)
{
    (void)state;
    assert_int_equal(sp_keys_add(&keys, "a", 1, tls_key, 32, 0), -EINVAL);
    assert_int_equal(sp_keys_add(&keys, "a", 1, tls_key, 32, NN_TLS_SHARED), -EINVAL);
    assert_int_equal(sp_keys_add(&keys, "a", 1, tls_key, 32, NN_TLS_DIAL | NN_TLS_DROP_LIVE),
                     -EINVAL);
    assert_int_equal(sp_keys_add(&keys, "a", 1, tls_key, 32, BOTH | NN_TLS_SHARED), 0);
}

static void test_adding_again_replaces(void **state)
{
    (void)state;
    assert_int_equal(sp_keys_add(&keys, "a", 1, tls_key, 32, BOTH), 0);
    uint64_t serial = sp_keys_find(&keys, "a", 1)->serial;
    assert_int_equal(sp_keys_add(&keys, "a", 1, tls_other_key, 16, NN_TLS_DIAL), 0);
    assert_int_equal(keys.n, 1);
    struct sp_key *e = sp_keys_find(&keys, "a", 1);
    assert_int_equal(e->key_len, 16);
    assert_memory_equal(e->key, tls_other_key, 16);
    assert_int_equal(e->flags, NN_TLS_DIAL);
    assert_true(e->serial != serial);
}

static void test_many_are_found_and_removed(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < 500; i++) {
        int n = snprintf(id, sizeof id, "sensor%d", i);
        assert_int_equal(sp_keys_add(&keys, id, (size_t)n, tls_key, 32, BOTH), 0);
    }
    for (int i = 0; i < 500; i += 2) {
        int n = snprintf(id, sizeof id, "sensor%d", i);
        assert_int_equal(sp_keys_remove(&keys, id, (size_t)n), 0);
        assert_int_equal(sp_keys_remove(&keys, id, (size_t)n), -ENOENT);
    }
    assert_int_equal(keys.n, 250);
    assert_null(sp_keys_find(&keys, "sensor10", 8));
    assert_non_null(sp_keys_find(&keys, "sensor11", 8));
}

static void test_dialling_takes_turns(void **state)
{
    (void)state;
    assert_null(sp_keys_dial(&keys, 0));
    assert_int_equal(sp_keys_add(&keys, "a", 1, tls_key, 32, NN_TLS_DIAL), 0);
    assert_int_equal(sp_keys_add(&keys, "b", 1, tls_key, 32, NN_TLS_ACCEPT), 0);
    assert_int_equal(sp_keys_add(&keys, "c", 1, tls_key, 32, BOTH), 0);
    assert_int_equal(sp_keys_dial(&keys, 0)->id[0], 'a');
    assert_int_equal(sp_keys_dial(&keys, 1)->id[0], 'c');
    assert_int_equal(sp_keys_dial(&keys, 2)->id[0], 'a');
}

static void test_a_set_has_a_limit(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "%d", i);
        assert_int_equal(sp_keys_add(&keys, id, 1, tls_key, 32, BOTH), 0);
    }
    size_t n = keys.n, cap = keys.cap;
    keys.n = keys.cap = SP_KEYS_MAX;
    struct sp_key *v = keys.v;
    keys.v = calloc(SP_KEYS_MAX, sizeof *v);
    assert_int_equal(sp_keys_add(&keys, "x", 1, tls_key, 32, BOTH), -ENOSPC);
    free(keys.v);
    keys.v = v, keys.n = n, keys.cap = cap;
}

/* ---- Key files ---- */

static int parse(const char *text, size_t *line)
{
    sp_keys_fini(&keys);
    return sp_keyfile_parse(&keys, text, strlen(text), line);
}

static void test_file_entries(void **state)
{
    (void)state;
    size_t line;
    assert_int_equal(parse("# a comment\n\nalice:" HEX "\r\nb%3ab%00:" HEX ":dial\n"
                           "c:" HEX ":accept,dial,shared\nd:" HEX ":shared",
                           &line),
                     0);
    assert_int_equal(keys.n, 4);
    assert_int_equal(sp_keys_find(&keys, "alice", 5)->flags, BOTH);
    assert_int_equal(sp_keys_find(&keys, "alice", 5)->key[15], 15);
    assert_int_equal(sp_keys_find(&keys, "b:b\0", 4)->flags, NN_TLS_DIAL);
    assert_int_equal(sp_keys_find(&keys, "c", 1)->flags, BOTH | NN_TLS_SHARED);
    assert_int_equal(sp_keys_find(&keys, "d", 1)->flags, BOTH | NN_TLS_SHARED);
}

static void test_lines_that_refuse_a_file(void **state)
{
    (void)state;
    static const char *const bad[] = {"alice",
                                      ":" HEX,
                                      "alice:",
                                      "alice:" HEX "0",
                                      "alice:0g" HEX,
                                      "alice:00112233",
                                      "alice:" HEX ":",
                                      "alice:" HEX ":dial,",
                                      "alice:" HEX ":dialer",
                                      "alice:" HEX ":none",
                                      "alice:" HEX ":dial:",
                                      " alice:" HEX,
                                      "al ice:" HEX,
                                      "al#ice:" HEX,
                                      "al%ice:" HEX,
                                      "al%:" HEX,
                                      "al\tice:" HEX,
                                      "al\xc3\xa9:" HEX,
                                      "alice:00000000000000000000000000000000",
                                      "bob:" HEX "\nbob:" HEX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t line = 0;
        assert_int_equal(parse(bad[i], &line), -EINVAL);
        assert_true(line >= 1);
    }
}

static void test_the_wrong_line_is_told(void **state)
{
    (void)state;
    size_t line;
    assert_int_equal(parse("# one\nalice:" HEX "\n\nwrong\nbob:" HEX "\n", &line), -EINVAL);
    assert_int_equal(line, 4);
}

static void put_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_files_that_others_may_read_are_refused(void **state)
{
    (void)state;
    char path[] = "keysXXXXXX";
    int h = nn_tls_create(), fd = mkstemp(path);
    close(fd);
    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610, 0666};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_file(path, "alice:" HEX "\n", bad[i]);
        assert_int_equal(nn_tls_psk_file(h, path), -1);
        assert_int_equal(errno, EACCES);
    }
    put_file(path, "alice:" HEX "\n", 0600);
    assert_int_equal(nn_tls_psk_file(h, path), 0);
    unlink(path);
    nn_tls_destroy(h);
}

static void test_a_bad_file_changes_nothing_and_a_good_one_all(void **state)
{
    (void)state;
    char path[] = "keysXXXXXX";
    struct sp_tls_found f;
    int h = nn_tls_create(), fd = mkstemp(path);
    close(fd);
    struct sp_tls_cfg *c = sp_tls_cfg_get(h);
    put_file(path, "alice:" HEX "\n", 0600);
    assert_int_equal(nn_tls_psk_file(h, path), 0);
    put_file(path, "bob:" HEX "\ncarol\n", 0600);
    assert_int_equal(nn_tls_psk_file(h, path), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(sp_tls_cfg_accept(c, "alice", 5, &f), 0);
    assert_int_equal(sp_tls_cfg_accept(c, "bob", 3, &f), -ENOENT);
    put_file(path, "bob:" HEX "\n", 0600);
    assert_int_equal(nn_tls_psk_file(h, path), 0);
    assert_int_equal(sp_tls_cfg_accept(c, "alice", 5, &f), -ENOENT);
    assert_int_equal(sp_tls_cfg_accept(c, "bob", 3, &f), 0);
    unlink(path);
    sp_tls_cfg_drop(c);
    nn_tls_destroy(h);
}

static void test_a_new_file_remembers_who_was_dialled_with(void **state)
{
    (void)state;
    char path[] = "keysXXXXXX";
    struct sp_tls_found f;
    int h = nn_tls_create(), fd = mkstemp(path);
    close(fd);
    struct sp_tls_cfg *c = sp_tls_cfg_get(h);
    put_file(path, "alice:" HEX "\n", 0600);
    assert_int_equal(nn_tls_psk_file(h, path), 0);
    assert_int_equal(sp_tls_cfg_dial(c, 0, &f), 0);
    assert_int_equal(nn_tls_psk_file(h, path), 0);
    assert_int_equal(sp_tls_cfg_accept(c, "alice", 5, &f), -EACCES);
    unlink(path);
    sp_tls_cfg_drop(c);
    nn_tls_destroy(h);
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    int h = nn_tls_create();
    assert_int_equal(nn_tls_psk_file(h, "no/such/file"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(nn_tls_psk_file(h, "."), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(nn_tls_psk_file(h, NULL), -1);
    assert_int_equal(errno, EFAULT);
    nn_tls_destroy(h);
}

/* ---- The brake ---- */

static void test_a60_delays_double_up_to_a_limit(void **state)
{
    (void)state;
    struct sp_guard g = {0};
    uint64_t who = sp_guard_who("tls+psk://192.0.2.1:5", "a", 1), now = 1000;
    for (int i = 0; i < 3; i++) {
        assert_false(sp_guard_blocks(&g, who, now));
        sp_guard_failed(&g, who, now, 4, 350);
    }
    static const uint64_t ms[] = {100, 200, 350, 350};
    for (int i = 0; i < 4; i++) {
        sp_guard_failed(&g, who, now, 4, 350);
        assert_true(sp_guard_blocks(&g, who, now + ms[i] * SP_MS - 1));
        assert_false(sp_guard_blocks(&g, who, now + ms[i] * SP_MS));
    }
    sp_guard_passed(&g, who);
    assert_false(sp_guard_blocks(&g, who, now));
    sp_guard_fini(&g);
}

static void test_a60_the_port_does_not_matter_the_rest_does(void **state)
{
    (void)state;
    uint64_t who = sp_guard_who("[2001:db8::1]:5", "a", 1);
    assert_true(who == sp_guard_who("[2001:db8::1]:6", "a", 1));
    assert_true(who != sp_guard_who("[2001:db8::2]:5", "a", 1));
    assert_true(who != sp_guard_who("[2001:db8::1]:5", "b", 1));
}

static void test_a60_the_table_is_bounded(void **state)
{
    (void)state;
    struct sp_guard g = {0};
    for (uint64_t i = 1; i < 100000; i++)
        sp_guard_failed(&g, i, i, 1, 1000000);
    uint64_t now = 100000, blocked = 0;
    for (uint64_t i = 1; i < 100000; i++)
        blocked += sp_guard_blocks(&g, i, now);
    assert_int_equal(blocked, SP_GUARD_SETS * SP_GUARD_WAYS);
    sp_guard_fini(&g);
}

#define SET(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SET(test_a51_lengths),
        SET(test_a_key_of_equal_bytes_is_refused),
        SET(test_flags),
        SET(test_adding_again_replaces),
        SET(test_many_are_found_and_removed),
        SET(test_dialling_takes_turns),
        SET(test_a_set_has_a_limit),
        SET(test_file_entries),
        SET(test_lines_that_refuse_a_file),
        SET(test_the_wrong_line_is_told),
        SET(test_files_that_others_may_read_are_refused),
        SET(test_a_bad_file_changes_nothing_and_a_good_one_all),
        SET(test_a_new_file_remembers_who_was_dialled_with),
        SET(test_what_is_no_file),
        SET(test_a60_delays_double_up_to_a_limit),
        SET(test_a60_the_port_does_not_matter_the_rest_does),
        SET(test_a60_the_table_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
