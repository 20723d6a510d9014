/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"
#include "protocols/fq.h"

/* The smallest protocol that receives fairly; the judged one goes by the first letter. */
static bool keep_none;

static enum sp_verdict judge(struct sp_sock *sock, struct sp_pipe *p, const struct sp_msg *head)
{
    (void)sock;
    (void)p;
    char c = head->body_len ? (char)head->body[0] : 's';
    return c == 'b' ? SP_BAD : c == 'd' ? SP_DROP : c == 's' || keep_none ? SP_SKIP : SP_KEEP;
}

static int mini_init(struct sp_sock *s)
{
    sp_fq_init(s->data, s, NULL);
    return 0;
}

static int judged_init(struct sp_sock *s)
{
    sp_fq_init(s->data, s, judge);
    return 0;
}

static int mini_attach(struct sp_sock *s, struct sp_pipe *p)
{
    sp_fq_add(s->data, p->proto, p);
    return 0;
}

static void mini_detach(struct sp_sock *s, struct sp_pipe *p) { sp_fq_remove(s->data, p->proto); }
static void mini_readable(struct sp_sock *s, struct sp_pipe *p) { sp_fq_readable(s->data, p->proto); }
static void mini_hangup(struct sp_sock *s, struct sp_pipe *p) { sp_fq_first(s->data, p->proto); }
static int mini_recv(struct sp_sock *s, struct sp_msg *m) { return sp_fq_recv(s->data, m); }
static int mini_ready(struct sp_sock *s) { return sp_fq_ready(s->data) ? SP_CAN_RECV : 0; }

#define MINI(init_)                                                                                                   \
    {                                                                                                                 \
        .sock_size = sizeof(struct sp_fq), .pipe_size = sizeof(struct sp_fq_pipe), .init = init_,                     \
        .attach = mini_attach, .detach = mini_detach, .hangup = mini_hangup, .readable = mini_readable,               \
        .recv = mini_recv, .ready = mini_ready,                                                                       \
    }
static const struct sp_protocol mini = MINI(mini_init), judged = MINI(judged_init);

static struct sp_sock *s;

static int open_plain(void **state)
{
    (void)state;
    s = fake_open(&mini);
    return 0;
}

static int open_judged(void **state)
{
    (void)state;
    keep_none = false;
    s = fake_open(&judged);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void nothing_to_receive_at_first(void **state)
{
    (void)state;
    fake_join(s);
    fake_expect_none(s);
}

static void order_of_a_pipe_is_kept(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "1");
    fake_deliver_text(a, "2");
    fake_deliver_text(a, "3");
    fake_expect(s, "1");
    fake_expect(s, "2");
    fake_expect(s, "3");
    fake_expect_none(s);
}

static void pipes_take_turns(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    for (int i = 0; i < 3; i++)
        fake_deliver_text(a, "a");
    for (int i = 0; i < 2; i++)
        fake_deliver_text(b, "k");
    fake_expect(s, "a");
    fake_expect(s, "k");
    fake_expect(s, "a");
    fake_expect(s, "k");
    fake_expect(s, "a");
    fake_expect_none(s);
}

static void a_flood_does_not_delay_others(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    for (int i = 0; i < FAKE_MSGS; i++)
        fake_deliver_text(a, "a");
    fake_expect(s, "a");
    fake_deliver_text(b, "k");
    fake_expect(s, "a");
    fake_expect(s, "k");
}

static void lower_number_goes_first(void **state)
{
    (void)state;
    struct fake_pipe *low = fake_join_prio(s, 16), *high = fake_join_prio(s, 1);
    fake_deliver_text(low, "l");
    fake_deliver_text(high, "1");
    fake_deliver_text(high, "2");
    fake_expect(s, "1");
    fake_expect(s, "2");
    fake_expect(s, "l");
}

static void a_message_may_be_there_before_the_pipe_joins(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_pipe_new(s, 8);
    fake_deliver_text(a, "1");
    assert_int_equal(fake_attach(a), 0);
    fake_expect(s, "1");
}

static void what_a_pipe_had_goes_with_it(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "1");
    fake_leave(a);
    fake_expect_none(s);
}

static void leftovers_come_first_and_in_order(void **state)
{
    (void)state;
    struct fake_pipe *now = fake_join_prio(s, 1), *old = fake_join(s);
    fake_deliver_text(now, "new");
    fake_deliver_text(old, "1");
    fake_deliver_text(old, "2");
    fake_hangup(old);
    fake_expect(s, "1");
    fake_expect(s, "2");
    fake_expect(s, "new");
}

static void the_pipe_is_told(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    struct sp_msg m;
    a->owned = true;
    fake_deliver_text(a, "1");
    assert_int_equal(sp_fq_recv(s->data, &m), 0);
    assert_ptr_equal(m.pipe, &a->pipe);
    sp_msg_drop(&m);
}

static void want_of_memory_loses_nothing(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "1");
    a->recv_error = -ENOMEM;
    assert_int_equal(fake_recv(s), -ENOMEM);
    fake_expect(s, "1");
}

static void only_what_is_kept_counts(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "skipped");
    assert_int_equal(a->in_tail - a->in_head, 0);
    fake_expect_none(s);
    fake_deliver_text(a, "kept");
    fake_expect(s, "kept");
    assert_int_equal(s->dropped_recv, 0);
}

static void junk_between_is_discarded(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "kept");
    fake_deliver_text(a, "skipped");
    fake_deliver_text(a, "dropped");
    fake_deliver_text(a, "");
    fake_deliver_text(a, "last");
    fake_expect(s, "kept");
    fake_expect(s, "last");
    fake_expect_none(s);
    assert_int_equal(s->dropped_recv, 1);
}

static void a_body_is_not_touched_by_looking_at_the_next(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    struct sp_msg m;
    fake_deliver_text(a, "kept");
    fake_deliver_text(a, "skipped");
    assert_int_equal(sp_fq_recv(s->data, &m), 0);
    assert_memory_equal(m.body, "kept", 4); /* freed already if the fake was asked for the next */
    sp_msg_drop(&m);
}

static void a_malformed_message_closes_its_pipe(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_deliver_text(b, "kept");
    fake_deliver_text(a, "bad");
    assert_int_equal(a->n_closed, 1);
    assert_int_equal(a->reason, SP_REASON_PROTOCOL);
    assert_int_equal(s->dropped_recv, 1);
    assert_int_equal(fake_settle(s), 1);
    fake_expect(s, "kept");
    assert_int_equal(b->n_closed, 0);
}

static void heads_are_judged_anew(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join_prio(s, 1), *b = fake_join_prio(s, 16);
    fake_deliver_text(a, "kept");
    fake_deliver_text(b, "kept");
    keep_none = true;
    sp_fq_recheck(s->data);
    fake_expect_none(s);
    keep_none = false;
    fake_deliver_text(b, "later");
    fake_expect(s, "later");
}

static void an_unseen_pipe_may_leave(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "kept");
    sp_fq_recheck(s->data);
    fake_leave(a);
    fake_expect_none(s);
}

static void an_unseen_pipe_may_become_readable(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    fake_deliver_text(a, "kept");
    sp_fq_recheck(s->data);
    s->proto->readable(s, &a->pipe);
    fake_expect(s, "kept");
    fake_expect_none(s);
}

static void a_head_without_memory_is_looked_at_later(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    a->recv_error = -ENOMEM;
    fake_deliver_text(a, "kept");
    assert_int_equal(s->proto->ready(s), SP_CAN_RECV);
    fake_expect(s, "kept");
}

static void judged_pipes_take_turns_too(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *c = fake_join(s);
    fake_deliver_text(a, "1");
    fake_deliver_text(a, "2");
    fake_deliver_text(c, "3");
    fake_deliver_text(c, "4");
    fake_expect(s, "1");
    fake_expect(s, "3");
    fake_expect(s, "2");
    fake_expect(s, "4");
}

#define PLAIN(fn) cmocka_unit_test_setup_teardown(fn, open_plain, close_sock)
#define JUDGED(fn) cmocka_unit_test_setup_teardown(fn, open_judged, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(nothing_to_receive_at_first),
        PLAIN(order_of_a_pipe_is_kept),
        PLAIN(pipes_take_turns),
        PLAIN(a_flood_does_not_delay_others),
        PLAIN(lower_number_goes_first),
        PLAIN(a_message_may_be_there_before_the_pipe_joins),
        PLAIN(what_a_pipe_had_goes_with_it),
        PLAIN(leftovers_come_first_and_in_order),
        PLAIN(the_pipe_is_told),
        PLAIN(want_of_memory_loses_nothing),
        JUDGED(only_what_is_kept_counts),
        JUDGED(junk_between_is_discarded),
        JUDGED(a_body_is_not_touched_by_looking_at_the_next),
        JUDGED(a_malformed_message_closes_its_pipe),
        JUDGED(heads_are_judged_anew),
        JUDGED(an_unseen_pipe_may_leave),
        JUDGED(an_unseen_pipe_may_become_readable),
        JUDGED(a_head_without_memory_is_looked_at_later),
        JUDGED(judged_pipes_take_turns_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
