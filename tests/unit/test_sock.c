/* SPDX-License-Identifier: MIT */
#include "memconn.h"

/* ---- making one ---- */

static void domains_and_protocols_that_are_none_are_refused(void **state)
{
    (void)state;
    struct sp_sock *s;
    assert_int_equal(sp_sock_new(&s, 0, MEM_ID, 0), -EAFNOSUPPORT);
    assert_int_equal(sp_sock_new(&s, AF_SP + 7, MEM_ID, 0), -EAFNOSUPPORT);
    assert_int_equal(sp_sock_new(&s, AF_SP, MEM_PEER + 100, 0), -EINVAL);
    assert_int_equal(sp_sock_new(&s, AF_SP_RAW, MEM_ID, 0), -EINVAL);
}

static void a_socket_begins_with_the_documented_defaults(void **state)
{
    (void)state;
    struct sp_sock *s;
    assert_int_equal(sp_sock_new(&s, AF_SP, MEM_ID, 42), 0);
    assert_int_equal(s->linger, 1000);
    assert_int_equal(s->snd_buf, 131072);
    assert_int_equal(s->rcv_buf, 131072);
    assert_int_equal(s->snd_timeo, -1);
    assert_int_equal(s->rcv_timeo, -1);
    assert_int_equal(s->ivl, 100);
    assert_int_equal(s->ivl_max, 0);
    assert_int_equal(s->rcv_max, 1048576);
    assert_int_equal(s->max_ttl, 8);
    assert_int_equal(sp_sock_ttl(s), 8);
    assert_int_equal(s->snd_prio, 8);
    assert_int_equal(s->ipv4only, 1);
    assert_string_equal(s->name, "42");
    sp_life_lock();
    assert_int_equal(sp_life_socket_made(), 0);
    sp_life_unlock();
    sp_sock_lock(s);
    sp_sock_drop(s);
    (void)sp_sock_unlock(s);
    UNTIL(atomic_load(&proto.gone));
    atomic_store(&proto.gone, false);
}

/* ---- the outbox ---- */

struct parcel {
    struct sp_out out;
    int n, rc;
    struct parcel *follower; /* queued when this one runs */
};

static int order[8], n_order;

static int parcel_run(struct sp_out *o)
{
    struct parcel *p = SP_CONTAINER(o, struct parcel, out);
    order[n_order++] = p->n;
    if (p->follower) {
        sp_sock_lock(sock);
        sp_sock_out(sock, &p->follower->out);
        (void)sp_sock_unlock(sock);
    }
    return p->rc;
}

static void what_is_put_out_is_done_after_the_lock_in_its_order(void **state)
{
    (void)state;
    struct parcel last = {.out.run = parcel_run, .n = 4};
    struct parcel p[3] = {{.n = 1, .follower = &last}, {.n = 2, .rc = -EPIPE}, {.n = 3, .rc = -ENOMEM}};
    n_order = 0;
    sp_sock_lock(sock);
    for (int i = 0; i < 3; i++) {
        p[i].out.run = parcel_run;
        sp_sock_out(sock, &p[i].out);
    }
    assert_int_equal(n_order, 0);
    assert_int_equal(sp_sock_unlock(sock), -EPIPE); /* the first error */
    assert_int_equal(n_order, 4);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 4);
    assert_int_equal(order[2], 2);
    assert_int_equal(order[3], 3);
    sp_sock_lock(sock);
    assert_int_equal(sp_sock_unlock(sock), 0);
}

/* ---- the protocol's timer ---- */

static int ticks(void)
{
    int v;
    LOCKED(v = proto.ticks);
    return v;
}

static void the_protocol_is_called_when_its_time_has_come(void **state)
{
    (void)state;
    uint64_t due = sp_deadline(10);
    LOCKED(sp_sock_timer(sock, due));
    UNTIL(ticks() == 1);
    assert_true(sp_now() >= due);
    pass(20);
    assert_int_equal(ticks(), 1);
}

static void a_later_time_is_kept_without_arming_again(void **state)
{
    (void)state;
    uint64_t due = sp_deadline(60);
    LOCKED(sp_sock_timer(sock, sp_deadline(10)));
    LOCKED(sp_sock_timer(sock, due));
    LOCKED(assert_true(sock->armed < due));
    UNTIL(ticks() == 1);
    assert_true(sp_now() >= due);
}

static void an_earlier_time_counts_at_once(void **state)
{
    (void)state;
    LOCKED(sp_sock_timer(sock, sp_now() + LONG_NS));
    LOCKED(sp_sock_timer(sock, sp_now()));
    uint64_t start = sp_now();
    UNTIL(ticks() == 1);
    assert_true(sp_now() - start < LONG_NS / 2);
}

static void a_time_can_be_taken_back(void **state)
{
    (void)state;
    LOCKED(sp_sock_timer(sock, sp_deadline(10)));
    LOCKED(sp_sock_timer(sock, SP_NEVER));
    pass(30);
    assert_int_equal(ticks(), 0);
}

static void a_closed_socket_has_no_ticks(void **state)
{
    (void)state;
    LOCKED(sp_sock_timer(sock, sp_deadline(20)));
    sp_sock_close(sock);
    pass(40);
    LOCKED(sp_sock_timer(sock, sp_now())); /* it may be about to be freed */
    LOCKED(assert_true(sock->armed == SP_NEVER));
    assert_int_equal(ticks(), 0);
}

/* ---- who is woken ---- */

struct waiting {
    struct sp_waiter w;
    struct sp_sock_waiter sw;
};

static void wait_for(struct waiting *x, int events, bool poll)
{
    sp_waiter_init(&x->w);
    x->sw = (struct sp_sock_waiter){.w = &x->w, .events = events, .poll = poll};
    LOCKED(sp_sock_add_waiter(sock, &x->sw));
}

static bool woken(struct waiting *x) { return sp_waiter_ready(loop, &x->w); }

static void waiting_end(struct waiting *x, int n)
{
    for (int i = 0; i < n; i++) {
        LOCKED(sp_sock_del_waiter(sock, &x[i].sw));
        sp_waiter_fini(&x[i].w);
    }
}

static void one_consumer_is_woken_and_every_poller(void **state)
{
    (void)state;
    struct waiting x[5];
    wait_for(&x[0], SP_CAN_SEND, false);
    wait_for(&x[1], SP_CAN_RECV, true);
    wait_for(&x[2], SP_CAN_RECV, false);
    wait_for(&x[3], SP_CAN_RECV, false);
    wait_for(&x[4], SP_CAN_RECV, true);
    mem_open(false);
    LOCKED(conn->pipe.can_send = false);
    for (int i = 0; i < 5; i++)
        x[i].w.ready = x[i].sw.signalled = false;
    feed_text("x");
    event(POLLIN);
    assert_false(woken(&x[0]));
    assert_true(woken(&x[1]));
    assert_true(woken(&x[2]));
    assert_false(woken(&x[3]));
    waiting_end(x, 5);
}

static void all_are_woken_by_a_close(void **state)
{
    (void)state;
    struct waiting x[4];
    for (int i = 0; i < 4; i++)
        wait_for(&x[i], i % 2 ? SP_CAN_RECV : SP_CAN_SEND, false);
    sp_sock_close(sock);
    for (int i = 0; i < 4; i++)
        assert_true(woken(&x[i]));
    waiting_end(x, 4);
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void event_descriptors_follow_the_protocol_and_stay_readable_after_close(void **state)
{
    (void)state;
    int in, out;
    size_t len = sizeof in;
    assert_int_equal(sp_sock_getopt(sock, NN_SOL_SOCKET, NN_RCVFD, &in, &len), 0);
    assert_int_equal(sp_sock_getopt(sock, NN_SOL_SOCKET, NN_SNDFD, &out, &len), 0);
    assert_false(readable(in) || readable(out));
    mem_open(false);
    assert_true(readable(out));
    assert_false(readable(in));
    feed_text("x");
    event(POLLIN);
    assert_true(readable(in));
    EXPECT("x");
    assert_false(readable(in));
    MEM_SET(in_end, 0);
    event(POLLIN);
    assert_false(readable(out));
    sp_sock_close(sock);
    assert_true(readable(in) && readable(out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM_TEST(domains_and_protocols_that_are_none_are_refused),
        MEM_TEST(a_socket_begins_with_the_documented_defaults),
        MEM_TEST(what_is_put_out_is_done_after_the_lock_in_its_order),
        MEM_TEST(the_protocol_is_called_when_its_time_has_come),
        MEM_TEST(a_later_time_is_kept_without_arming_again),
        MEM_TEST(an_earlier_time_counts_at_once),
        MEM_TEST(a_time_can_be_taken_back),
        MEM_TEST(a_closed_socket_has_no_ticks),
        MEM_TEST(one_consumer_is_woken_and_every_poller),
        MEM_TEST(all_are_woken_by_a_close),
        MEM_TEST(event_descriptors_follow_the_protocol_and_stay_readable_after_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
