/* SPDX-License-Identifier: MIT */
/* nn_send and nn_recv below the table. */
#include "memconn.h"
#include "core/stats.h"

struct call {
    pthread_t thread;
    bool send;
    atomic_int rc; /* 1: not yet */
};

static void *call_main(void *arg)
{
    struct call *c = arg;
    struct sp_msg m;
    sp_msg_init(&m);
    m.body = (uint8_t *)(uintptr_t) "text";
    m.body_len = 4;
    int rc = c->send ? sp_sock_send(sock, &m, 0) : sp_sock_recv(sock, 0, take_text, NULL);
    atomic_store(&c->rc, rc);
    return NULL;
}

static void call_start(struct call *c, bool send)
{
    c->send = send;
    atomic_store(&c->rc, 1);
    assert_int_equal(pthread_create(&c->thread, NULL, call_main, c), 0);
    UNTIL_LOCKED(!sp_list_empty(&sock->waiters));
}

static int call_join(struct call *c)
{
    pthread_join(c->thread, NULL);
    return atomic_load(&c->rc);
}

static void a_direction_that_does_not_exist_is_ENOTSUP(void **state)
{
    (void)state;
    struct sp_protocol none = *sock->proto;
    const struct sp_protocol *was = sock->proto;
    none.caps = 0;
    sock->proto = &none;
    assert_int_equal(send_text("x"), -ENOTSUP);
    assert_int_equal(receive(), -ENOTSUP);
    sock->proto = was;
}

static void nothing_there_is_EAGAIN(void **state)
{
    (void)state;
    assert_int_equal(send_text("x"), -EAGAIN);
    assert_int_equal(receive(), -EAGAIN);
    mem_open(false);
    assert_int_equal(receive(), -EAGAIN);
}

static void calls_count_what_they_moved(void **state)
{
    (void)state;
    mem_open(false);
    feed_text("four");
    event(POLLIN);
    EXPECT("four");
    assert_int_equal(send_text("abc"), 0);
    assert_int_equal(send_text("de"), 0);
    assert_int_equal(stat_of(SP_ST_RECEIVED), 1);
    assert_int_equal(stat_of(SP_ST_BYTES_RECEIVED), 4);
    assert_int_equal(stat_of(SP_ST_SENT), 2);
    assert_int_equal(stat_of(SP_ST_BYTES_SENT), 5);
}

static void a_wait_ends_at_the_time_out(void **state)
{
    (void)state;
    struct sp_msg m;
    sp_msg_init(&m);
    sock->rcv_timeo = sock->snd_timeo = 20;
    uint64_t start = sp_now();
    assert_int_equal(sp_sock_recv(sock, 0, take_text, NULL), -ETIMEDOUT);
    assert_in_range(sp_now() - start, 20 * SP_MS, LONG_NS / 2);
    assert_int_equal(sp_sock_send(sock, &m, 0), -ETIMEDOUT);
    sock->rcv_timeo = 0;
    assert_int_equal(sp_sock_recv(sock, 0, take_text, NULL), -ETIMEDOUT);
    assert_true(sp_list_empty(&sock->waiters));
}

static void a_receiver_is_woken_by_a_message(void **state)
{
    (void)state;
    struct call c;
    mem_open(false);
    call_start(&c, false);
    feed_text("news");
    event(POLLIN);
    assert_int_equal(call_join(&c), 0);
    assert_string_equal(got_text, "news");
}

/* As if the socket had endpoints without descriptors only. */
static void set_local(bool local)
{
    sp_sock_lock(sock);
    sock->n_eps = !local;
    (void)sp_sock_unlock(sock);
}

static void a_local_wait_leaves_the_loop_alone(void **state)
{
    (void)state;
    struct call c;
    mem_open(false);
    set_local(true);
    call_start(&c, false);
    LOCKED({
        struct sp_sock_waiter *w = SP_CONTAINER(sock->waiters.next, struct sp_sock_waiter, link);
        assert_true(w->park && !w->w); /* nothing that the loop knows */
    });
    feed_text("news");
    event(POLLIN);
    assert_int_equal(call_join(&c), 0);
    set_local(false);
}

static void a_patient_socket_wakes_senders_at_the_next_news(void **state)
{
    (void)state;
    struct call c;
    set_local(true);
    call_start(&c, true);
    sp_sock_lock(sock);
    sock->patient = true;
    (void)sp_sock_unlock(sock);
    mem_start(false);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    sp_sock_lock(sock);
    assert_int_equal(sock->proto->ready(sock) & SP_CAN_SEND, SP_CAN_SEND);
    assert_false(sp_list_empty(&sock->waiters)); /* asleep nevertheless */
    sock->patient = false;
    sp_sock_notify(sock);
    assert_true(sp_list_empty(&sock->waiters));
    (void)sp_sock_unlock(sock);
    assert_int_equal(call_join(&c), 0);
    set_local(false);
    UNTIL_LOCKED(!conn->flushing && !conn->dirty);
}

static void a_sender_is_woken_by_a_peer(void **state)
{
    (void)state;
    struct call c;
    call_start(&c, true);
    mem_start(false);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    assert_int_equal(call_join(&c), 0);
    UNTIL_LOCKED(!conn->flushing && !conn->dirty);
    assert_int_equal(mem.out_len, 8 + 12);
}

static void one_message_wakes_one_receiver_and_two_wake_both(void **state)
{
    (void)state;
    struct call c[2];
    mem_open(false);
    call_start(&c[0], false);
    call_start(&c[1], false);
    UNTIL_LOCKED(sock->waiters.next != sock->waiters.prev);
    feed_text("one");
    event(POLLIN);
    UNTIL(atomic_load(&c[0].rc) != 1 || atomic_load(&c[1].rc) != 1);
    assert_int_equal(atomic_load(&c[0].rc) + atomic_load(&c[1].rc), 1);
    feed_text("two");
    event(POLLIN);
    assert_int_equal(call_join(&c[0]), 0);
    assert_int_equal(call_join(&c[1]), 0);
}

/* Both come with one rise of `readable`: who leaves wakes the next. */
static void a_burst_wakes_all_it_is_enough_for(void **state)
{
    (void)state;
    struct call c[3];
    mem_open(false);
    for (int i = 0; i < 3; i++)
        call_start(&c[i], false);
    UNTIL_LOCKED(sock->waiters.next->next->next != &sock->waiters);
    for (int i = 0; i < 3; i++)
        feed_text("x");
    event(POLLIN);
    for (int i = 0; i < 3; i++)
        assert_int_equal(call_join(&c[i]), 0);
}

static void closing_ends_the_calls_of_others(void **state)
{
    (void)state;
    struct call c[2];
    call_start(&c[0], false);
    call_start(&c[1], true);
    UNTIL_LOCKED(sock->waiters.next != sock->waiters.prev);
    sp_sock_close(sock);
    assert_int_equal(call_join(&c[0]), -EBADF);
    assert_int_equal(call_join(&c[1]), -EBADF);
    assert_int_equal(send_text("x"), -EBADF);
    assert_int_equal(receive(), -EBADF);
}

static void a_handler_ends_the_call_and_loses_nothing(void **state)
{
    (void)state;
    struct call c;
    catch_signal(SA_RESTART);
    mem_open(false);
    call_start(&c, false);
    for (uint64_t end = sp_now() + LONG_NS; atomic_load(&c.rc) == 1;) {
        assert_true(sp_now() < end);
        pthread_kill(c.thread, SIGUSR1);
        sched_yield();
    }
    assert_int_equal(call_join(&c), -EINTR);
    feed_text("later");
    event(POLLIN);
    EXPECT("later");
}

static void an_error_of_what_was_written_is_the_calls(void **state)
{
    (void)state;
    mem_open(false);
    MEM_SET(room, 3);
    failing_set(1);
    assert_int_equal(send_text("abc"), -ENOMEM);
    failing_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM_TEST(a_direction_that_does_not_exist_is_ENOTSUP),
        MEM_TEST(nothing_there_is_EAGAIN),
        MEM_TEST(calls_count_what_they_moved),
        MEM_TEST(a_wait_ends_at_the_time_out),
        MEM_TEST(a_receiver_is_woken_by_a_message),
        MEM_TEST(a_local_wait_leaves_the_loop_alone),
        MEM_TEST(a_patient_socket_wakes_senders_at_the_next_news),
        MEM_TEST(a_sender_is_woken_by_a_peer),
        MEM_TEST(one_message_wakes_one_receiver_and_two_wake_both),
        MEM_TEST(a_burst_wakes_all_it_is_enough_for),
        MEM_TEST(closing_ends_the_calls_of_others),
        MEM_TEST(a_handler_ends_the_call_and_loses_nothing),
        MEM_TEST(an_error_of_what_was_written_is_the_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
