/* SPDX-License-Identifier: MIT */
#include "memconn.h"
#include "core/poll.h"
#include "core/table.h"

static int a, b; /* two sockets of the table; `sock` is a */

static int setup(void **state)
{
    (void)state;
    assert_int_equal(sp_life_start(), 0);
    loop = sp_loop_first();
    memset(&proto, 0, sizeof proto);
    mem_reset();
    mem_handshake = mem_rekeys = false;
    a = sp_table_open(AF_SP, MEM_ID);
    b = sp_table_open(AF_SP, MEM_ID);
    sock = sp_table_enter(a);
    sock->linger = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_table_leave(a);
    sock = NULL;
    if (mem.far >= 0)
        close(mem.far);
    sp_life_term();
    sp_life_init();
    return 0;
}

static int look(int events, int ms, short *revents)
{
    struct nn_pollfd p = {.fd = a, .events = (short)events, .revents = 99};
    int rc = sp_poll(&p, 1, ms);
    *revents = p.revents;
    return rc;
}

static void what_is_ready_is_told_at_once(void **state)
{
    (void)state;
    short got;
    mem_open(false);
    assert_int_equal(look(NN_POLLIN | NN_POLLOUT, -1, &got), 1);
    assert_int_equal(got, NN_POLLOUT);
    feed_text("x");
    event(POLLIN);
    assert_int_equal(look(NN_POLLIN | NN_POLLOUT, 0, &got), 1);
    assert_int_equal(got, NN_POLLIN | NN_POLLOUT);
    assert_int_equal(look(NN_POLLIN, 0, &got), 1);
    assert_int_equal(got, NN_POLLIN);
}

static void nothing_ready_is_0_at_the_time_out(void **state)
{
    (void)state;
    short got;
    uint64_t start = sp_now();
    assert_int_equal(look(NN_POLLIN, 0, &got), 0);
    assert_int_equal(look(NN_POLLIN, 20, &got), 0);
    assert_true(sp_now() - start >= 20 * SP_MS);
}

static void bad_arguments_are_told(void **state)
{
    (void)state;
    struct nn_pollfd p[2] = {{.fd = a, .events = NN_POLLIN}, {.fd = 99, .events = NN_POLLIN}};
    assert_int_equal(sp_poll(NULL, 1, 0), -EFAULT);
    assert_int_equal(sp_poll(p, -1, 0), -EINVAL);
    assert_int_equal(sp_poll(p, 2, 0), -EBADF);
    assert_int_equal(sp_poll(NULL, 0, 0), 0);
    uint64_t start = sp_now();
    assert_int_equal(sp_poll(NULL, 0, 20), 0);
    assert_true(sp_now() - start >= 20 * SP_MS);
}

static void without_memory_it_fails(void **state)
{
    (void)state;
    short got;
    failing_set(1);
    assert_int_equal(look(NN_POLLIN, 0, &got), -ENOMEM);
    failing_clear();
    assert_int_equal(look(NN_POLLIN, 0, &got), 0);
}

struct poller {
    pthread_t thread;
    int timeout, waiters;
    struct nn_pollfd p[2];
    atomic_int rc; /* 99: not yet */
};

static void *poller_main(void *arg)
{
    struct poller *x = arg;
    atomic_store(&x->rc, sp_poll(x->p, 2, x->timeout));
    return NULL;
}

static void poller_start(struct poller *x)
{
    *x = (struct poller){.timeout = -1, .p = {{.fd = a, .events = NN_POLLIN}, {.fd = b, .events = NN_POLLIN}}};
    atomic_store(&x->rc, 99);
    assert_int_equal(pthread_create(&x->thread, NULL, poller_main, x), 0);
    struct sp_sock *other = sp_table_enter(b), *mine = sock;
    UNTIL_LOCKED(!sp_list_empty(&sock->waiters));
    sock = other;
    UNTIL_LOCKED(!sp_list_empty(&sock->waiters));
    sock = mine;
    sp_table_leave(b);
}

static int poller_join(struct poller *x)
{
    pthread_join(x->thread, NULL);
    return atomic_load(&x->rc);
}

static void a_sleeping_poll_is_woken_by_a_message(void **state)
{
    (void)state;
    struct poller x;
    mem_open(false);
    struct sp_pipe *mine = proto.pipe;
    assert_ptr_equal(mine->sock, sock);
    poller_start(&x);
    feed_text("x");
    event(POLLIN);
    assert_true(poller_join(&x) >= 1);
    assert_int_equal(x.p[0].revents, NN_POLLIN);
    LOCKED(assert_true(sp_list_empty(&sock->waiters)));
}

static void a_close_of_any_ends_it(void **state)
{
    (void)state;
    struct poller x;
    poller_start(&x);
    assert_int_equal(sp_table_close(b), 0);
    assert_int_equal(poller_join(&x), -EBADF);
}

static void a_handler_ends_it(void **state)
{
    (void)state;
    struct poller x;
    catch_signal(SA_RESTART);
    poller_start(&x);
    for (uint64_t end = sp_now() + LONG_NS; atomic_load(&x.rc) == 99;) {
        assert_true(sp_now() < end);
        pthread_kill(x.thread, SIGUSR1);
        sched_yield();
    }
    assert_int_equal(poller_join(&x), -EINTR);
}

#define POLL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POLL_TEST(what_is_ready_is_told_at_once),
        POLL_TEST(nothing_ready_is_0_at_the_time_out),
        POLL_TEST(bad_arguments_are_told),
        POLL_TEST(without_memory_it_fails),
        POLL_TEST(a_sleeping_poll_is_woken_by_a_message),
        POLL_TEST(a_close_of_any_ends_it),
        POLL_TEST(a_handler_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
