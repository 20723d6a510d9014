/* SPDX-License-Identifier: MIT */
/* When an endpoint dials, and what becomes of it. The transport answers as the test says. */
#include "memconn.h"
#include "core/stats.h"

static void answer_failed(int err)
{
    LOCKED(sp_ep_failed(mem_ep, err, SP_REASON_REFUSED, "mem://x", ""));
}

/* ms until the timer of the next attempt, as it was set just now. */
static int next_ms(void)
{
    uint64_t due;
    LOCKED(due = mem_ep->timer.node.key);
    uint64_t now = sp_now();
    return due > now ? (int)((due - now + SP_MS - 1) / SP_MS) : 0;
}

static void ids_are_given_from_1(void **state)
{
    (void)state;
    for (int i = 1; i <= 3; i++)
        assert_int_equal(sp_sock_add_ep(sock, "mem://x", false), i);
    assert_int_equal(sp_sock_shutdown(sock, 2), 0);
    assert_int_equal(sp_sock_shutdown(sock, 2), -EINVAL);
    assert_int_equal(sp_sock_add_ep(sock, "mem://x", false), 4);
}

static void a_bad_address_fails_the_call(void **state)
{
    (void)state;
    char longer[400];
    memset(longer, 'x', sizeof longer);
    memcpy(longer, "mem://", 6);
    longer[sizeof longer - 1] = 0;
    for (int dial = 0; dial < 2; dial++) {
        assert_int_equal(sp_sock_add_ep(sock, "mem:x", dial), -EINVAL);
        assert_int_equal(sp_sock_add_ep(sock, "nil://x", dial), -EPROTONOSUPPORT);
        assert_int_equal(sp_sock_add_ep(sock, longer, dial), -ENAMETOOLONG);
    }
    LOCKED(assert_true(sp_list_empty(&sock->eps)));
    assert_int_equal(sp_sock_add_ep(sock, "mem://x", false), 1);
}

static void an_endpoint_keeps_the_options_of_its_moment(void **state)
{
    (void)state;
    sock->snd_prio = 3;
    sock->handshake_ms = 77;
    sock->ivl = 123456;
    mem_endpoint(false);
    sock->snd_prio = 9;
    sock->handshake_ms = 1;
    assert_int_equal(mem_ep->snd_prio, 3);
    assert_int_equal(mem_ep->handshake_ms, 77);
    assert_int_equal(mem_ep->reconnect_ivl, 123456);
    assert_int_equal(mem_ep->snd_buf, 0); /* the kernel's business, unless the user set it */
    sock->snd_buf_set = true;
    mem_endpoint(false);
    assert_int_equal(mem_ep->snd_buf, sock->snd_buf);
    assert_string_equal(sock->last_endpoint, "mem://x");
}

static void the_first_attempt_is_made_by_the_call(void **state)
{
    (void)state;
    mem_endpoint(true);
    assert_int_equal(atomic_load(&mem_dials), 1);
    assert_int_equal(stat_of(SP_ST_INPROGRESS), 1);
    answer_failed(-ECONNREFUSED);
    assert_int_equal(stat_of(SP_ST_INPROGRESS), 0);
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 1);
    assert_int_equal(stat_of(SP_ST_EP_ERRORS), 1);
}

static void failed_attempts_are_repeated(void **state)
{
    (void)state;
    sock->ivl = 1;
    mem_endpoint(true);
    for (int i = 1; i <= 5; i++) {
        UNTIL(atomic_load(&mem_dials) == i);
        UNTIL_LOCKED(mem_ep->attempting);
        answer_failed(-ECONNREFUSED);
    }
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 5);
    assert_int_equal(stat_of(SP_ST_EP_ERRORS), 1);
    UNTIL(atomic_load(&mem_dials) == 6);
    LOCKED(sp_ep_opened(mem_ep));
    assert_int_equal(stat_of(SP_ST_EP_ERRORS), 0);
}

static void again(void)
{
    LOCKED((mem_ep->attempting = true, mem_ep->refs++, sock->stats[SP_ST_INPROGRESS]++));
}

/* Each time is shortened by up to a quarter, so that a fleet does not come back in step. */
static void the_interval_stays_without_a_maximum(void **state)
{
    (void)state;
    sock->ivl = 60000;
    mem_endpoint(true);
    int least = INT32_MAX, most = 0;
    for (int i = 0; i < 50; i++) {
        answer_failed(-ECONNREFUSED);
        int ms = next_ms();
        assert_in_range(ms, 44000, 60000);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
        again();
    }
    assert_true(most - least > 1000);
    answer_failed(-ECONNREFUSED);
}

static void the_interval_doubles_up_to_its_maximum(void **state)
{
    (void)state;
    sock->ivl = 100000;
    sock->ivl_max = 500000;
    const int want[] = {100000, 200000, 400000, 500000, 500000};
    mem_endpoint(true);
    for (int i = 0; i < 5; i++) {
        answer_failed(-ECONNREFUSED);
        assert_in_range(next_ms(), want[i] / 4 * 3 - 1000, want[i]);
        again();
    }
    answer_failed(-ECONNREFUSED);
}

static void a_connection_that_lasted_starts_the_interval_again(void **state)
{
    (void)state;
    sock->ivl = 100000;
    sock->ivl_max = 800000;
    mem_endpoint(true);
    for (int i = 0; i < 3; i++) {
        answer_failed(-ECONNREFUSED);
        again();
    }
    LOCKED(sp_ep_opened(mem_ep));
    assert_int_equal(stat_of(SP_ST_EP_ERRORS), 0);
    LOCKED(sp_ep_closed(mem_ep)); /* at once: it goes on */
    assert_int_equal(stat_of(SP_ST_EP_ERRORS), 1);
    assert_in_range(next_ms(), 500000, 800000);
    LOCKED(mem_ep->opened = sp_now() - (uint64_t)200000 * SP_MS);
    LOCKED(sp_ep_closed(mem_ep));
    assert_in_range(next_ms(), 70000, 100000);
}

static void a_stopped_endpoint_does_not_dial(void **state)
{
    (void)state;
    sock->ivl = 20;
    mem_endpoint(true);
    answer_failed(-ECONNREFUSED);
    assert_int_equal(sp_sock_shutdown(sock, 1), 0);
    assert_int_equal(stat_of(SP_ST_EP_ERRORS), 0);
    pass(50);
    assert_int_equal(atomic_load(&mem_dials), 1);
}

/* It lives until the attempt has its answer, which then counts for nothing. */
static void stopping_in_the_middle_of_an_attempt_waits_for_nobody(void **state)
{
    (void)state;
    mem_endpoint(true);
    assert_int_equal(sp_sock_shutdown(sock, 1), 0);
    answer_failed(-ECANCELED);
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 0);
    assert_int_equal(stat_of(SP_ST_INPROGRESS), 0);
}

static void a_closed_socket_takes_no_endpoint(void **state)
{
    (void)state;
    sp_sock_close(sock);
    assert_int_equal(sp_sock_add_ep(sock, "mem://x", true), -EBADF);
    assert_int_equal(sp_sock_add_ep(sock, "mem://x", false), -EBADF);
    assert_int_equal(atomic_load(&mem_dials), 0);
}

static void without_memory_nothing_is_left(void **state)
{
    (void)state;
    int nth = 1;
    for (;; nth++) {
        failing_set(nth);
        int rc = sp_sock_add_ep(sock, "mem://x", false);
        if (failing_clear() < nth) {
            assert_int_equal(rc, 1);
            break;
        }
        assert_int_equal(rc, -ENOMEM);
        LOCKED(assert_true(sp_list_empty(&sock->eps)));
        LOCKED(assert_int_equal(sock->refs, 1));
    }
    assert_true(nth > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM_TEST(ids_are_given_from_1),
        MEM_TEST(a_bad_address_fails_the_call),
        MEM_TEST(an_endpoint_keeps_the_options_of_its_moment),
        MEM_TEST(the_first_attempt_is_made_by_the_call),
        MEM_TEST(failed_attempts_are_repeated),
        MEM_TEST(the_interval_stays_without_a_maximum),
        MEM_TEST(the_interval_doubles_up_to_its_maximum),
        MEM_TEST(a_connection_that_lasted_starts_the_interval_again),
        MEM_TEST(a_stopped_endpoint_does_not_dial),
        MEM_TEST(stopping_in_the_middle_of_an_attempt_waits_for_nobody),
        MEM_TEST(a_closed_socket_takes_no_endpoint),
        MEM_TEST(without_memory_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
