/* SPDX-License-Identifier: MIT */
#include "memconn.h"
#include "base/log.h"
#include "core/stats.h"

static char line[1024];
static int n_lines;

static void keep_line(void *arg, const char *text)
{
    (void)arg;
    n_lines++;
    snprintf(line, sizeof line, "%s", text);
}

static int setup(void **state)
{
    n_lines = 0;
    line[0] = 0;
    mem_setup(state);
    mem_endpoint(false);
    return 0;
}

static int teardown(void **state)
{
    sp_log_set(NULL, NULL);
    return mem_teardown(state);
}

static void say(enum sp_reason why, int err, const char *address, const char *detail)
{
    LOCKED(sp_sock_reason(sock, mem_ep, why, err, address, detail));
}

static void each_reason_has_words_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < SP_REASON_COUNT; i++) {
        assert_non_null(sp_reason_text((enum sp_reason)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(sp_reason_text((enum sp_reason)i), sp_reason_text((enum sp_reason)k));
    }
    assert_string_equal(sp_reason_text((enum sp_reason)1000), sp_reason_text(SP_REASON_NONE));
}

static void a_reason_is_counted_and_remembered(void **state)
{
    (void)state;
    for (int i = 1; i < SP_REASON_COUNT; i++) {
        say((enum sp_reason)i, 0, "mem://peer", "");
        assert_int_equal(stat_of(SP_ST_REASON + i), 1);
        assert_non_null(strstr(sock->last_reason, sp_reason_text((enum sp_reason)i)));
        assert_memory_equal(sock->last_reason, "mem://peer: ", 12);
    }
}

static void details_come_before_the_systems_words(void **state)
{
    (void)state;
    say(SP_REASON_LIMIT, -EMFILE, "mem://peer", "too much");
    assert_non_null(strstr(sock->last_reason, "too much"));
    assert_null(strstr(sock->last_reason, strerror(EMFILE)));
    say(SP_REASON_LIMIT, -EMFILE, "mem://peer", "");
    assert_non_null(strstr(sock->last_reason, strerror(EMFILE)));
    say(SP_REASON_NONE, -EPIPE, "mem://peer", NULL);
    assert_non_null(strstr(sock->last_reason, strerror(EPIPE)));
}

static void without_a_peers_address_the_endpoints_is_said(void **state)
{
    (void)state;
    say(SP_REASON_TIMEOUT, 0, "", "");
    assert_memory_equal(sock->last_reason, "mem://x: ", 9);
    say(SP_REASON_TIMEOUT, 0, NULL, "");
    assert_memory_equal(sock->last_reason, "mem://x: ", 9);
}

static void long_words_are_cut(void **state)
{
    (void)state;
    char words[2000];
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = 0;
    sp_log_set(keep_line, NULL);
    say(SP_REASON_PROTOCOL, 0, words, words);
    assert_int_equal(strlen(sock->last_reason), sizeof sock->last_reason - 1);
    assert_int_equal(n_lines, 1);
}

static void a_line_is_printed_after_the_lock_is_released(void **state)
{
    (void)state;
    sp_log_set(keep_line, NULL);
    sp_sock_lock(sock);
    sp_sock_reason(sock, mem_ep, SP_REASON_WRONG_KEY, 0, "mem://peer", "");
    assert_int_equal(n_lines, 0);
    (void)sp_sock_unlock(sock);
    assert_int_equal(n_lines, 1);
    assert_non_null(strstr(line, "mem://peer"));
    assert_non_null(strstr(line, "bind mem://x"));
    assert_non_null(strstr(line, sp_reason_text(SP_REASON_WRONG_KEY)));
}

static void without_memory_it_is_still_counted_and_remembered(void **state)
{
    (void)state;
    sp_log_set(keep_line, NULL);
    failing_set(1);
    say(SP_REASON_WRONG_KEY, 0, "mem://peer", "");
    assert_int_equal(failing_clear(), 1);
    assert_int_equal(n_lines, 0);
    assert_int_equal(stat_of(SP_ST_REASON + (int)SP_REASON_WRONG_KEY), 1);
    assert_non_null(strstr(sock->last_reason, "wrong key"));
}

#define REASON_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REASON_TEST(each_reason_has_words_of_its_own),
        REASON_TEST(a_reason_is_counted_and_remembered),
        REASON_TEST(details_come_before_the_systems_words),
        REASON_TEST(without_a_peers_address_the_endpoints_is_said),
        REASON_TEST(long_words_are_cut),
        REASON_TEST(a_line_is_printed_after_the_lock_is_released),
        REASON_TEST(without_memory_it_is_still_counted_and_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
