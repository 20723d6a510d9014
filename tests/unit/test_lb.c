/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"
#include "protocols/lb.h"

/* The smallest protocol that balances. */
static int mini_init(struct sp_sock *s)
{
    sp_lb_init(s->data);
    return 0;
}

static int mini_attach(struct sp_sock *s, struct sp_pipe *p)
{
    sp_lb_add(s->data, p->proto, p);
    return 0;
}

static void mini_detach(struct sp_sock *s, struct sp_pipe *p) { sp_lb_remove(s->data, p->proto); }
static void mini_writable(struct sp_sock *s, struct sp_pipe *p) { sp_lb_writable(s->data, p->proto); }
static int mini_send(struct sp_sock *s, struct sp_msg *m) { return sp_lb_send(s->data, m, NULL); }

static const struct sp_protocol mini = {
    .sock_size = sizeof(struct sp_lb), .pipe_size = sizeof(struct sp_lb_pipe),
    .init = mini_init, .attach = mini_attach, .detach = mini_detach, .hangup = mini_detach,
    .writable = mini_writable, .send = mini_send,
};

static struct sp_sock *s;

static int open_sock(void **state)
{
    (void)state;
    s = fake_open(&mini);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void without_pipes_nobody_can_send(void **state)
{
    (void)state;
    assert_false(sp_lb_ready(s->data));
    assert_int_equal(fake_send_text(s, "a"), -EAGAIN);
}

static void pipes_take_turns(void **state)
{
    (void)state;
    struct fake_pipe *f[3] = {fake_join(s), fake_join(s), fake_join(s)};
    for (int i = 0; i < 9; i++) {
        assert_int_equal(fake_send_text(s, "a"), 0);
        assert_int_equal(fake_sent(f[i % 3]), i / 3 + 1);
    }
}

static void a_full_pipe_is_passed_over(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_make_room(a, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent(a), 1);
    assert_int_equal(fake_sent(b), 4);
}

static void all_full_is_not_ready(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_make_room(a, 1);
    assert_true(sp_lb_ready(s->data));
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_false(sp_lb_ready(s->data));
    assert_int_equal(fake_send_text(s, "b"), -EAGAIN);
}

static void room_brings_a_pipe_back(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_make_room(a, 1);
    assert_int_equal(fake_send_text(s, "a"), 0);
    fake_make_room(a, 2);
    assert_true(sp_lb_ready(s->data));
    assert_int_equal(fake_send_text(s, "b"), 0);
    assert_int_equal(fake_sent(a), 2);
}

static void a_pipe_that_joins_full_waits(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_pipe_new(s, 8);
    a->pipe.can_send = false;
    a->room = 0;
    assert_int_equal(fake_attach(a), 0);
    assert_false(sp_lb_ready(s->data));
    fake_make_room(a, 1);
    assert_true(sp_lb_ready(s->data));
}

static void lower_number_goes_first(void **state)
{
    (void)state;
    struct fake_pipe *low = fake_join_prio(s, 16), *high = fake_join_prio(s, 1), *mid = fake_join_prio(s, 8);
    fake_make_room(high, 2);
    fake_make_room(mid, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent(high), 2);
    assert_int_equal(fake_sent(mid), 1);
    assert_int_equal(fake_sent(low), 2);
}

static void higher_priority_takes_over_again(void **state)
{
    (void)state;
    struct fake_pipe *low = fake_join_prio(s, 2), *high = fake_join_prio(s, 1);
    fake_make_room(high, 0);
    fake_make_room(high, 1);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_send_text(s, "a"), 0);
    fake_make_room(high, 1);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent(high), 2);
    assert_int_equal(fake_sent(low), 1);
}

static void telling_twice_is_harmless(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    s->proto->writable(s, &a->pipe);
    s->proto->writable(s, &a->pipe);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent(a), 2);
    assert_int_equal(fake_sent(b), 2);
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_hangup(a);
    fake_hangup(a);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent(b), 1);
    fake_leave(a);
}

static void a_failing_pipe_fails_the_send_and_stays(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    a->send_error = -ENOMEM;
    assert_int_equal(fake_send_text(s, "a"), -ENOMEM);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(fake_sent(a), 1);
}

static void who_took_it_is_told(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    struct sp_pipe *to = NULL;
    struct sp_msg m;
    sp_msg_init(&m);
    assert_int_equal(sp_lb_send(s->data, &m, &to), 0);
    assert_ptr_equal(to, &a->pipe);
}

#define LB_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_sock, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LB_TEST(without_pipes_nobody_can_send),
        LB_TEST(pipes_take_turns),
        LB_TEST(a_full_pipe_is_passed_over),
        LB_TEST(all_full_is_not_ready),
        LB_TEST(room_brings_a_pipe_back),
        LB_TEST(a_pipe_that_joins_full_waits),
        LB_TEST(lower_number_goes_first),
        LB_TEST(higher_priority_takes_over_again),
        LB_TEST(telling_twice_is_harmless),
        LB_TEST(removing_twice_is_harmless),
        LB_TEST(a_failing_pipe_fails_the_send_and_stays),
        LB_TEST(who_took_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
