/* SPDX-License-Identifier: MIT */
#include "fakepipe.h"
#include "protocols/dist.h"

static struct sp_pipe *except;

static int mini_init(struct sp_sock *s)
{
    sp_dist_init(s->data, s);
    return 0;
}

static int mini_attach(struct sp_sock *s, struct sp_pipe *p)
{
    sp_dist_add(s->data, p->proto, p);
    return 0;
}

static void mini_detach(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    sp_dist_remove(p->proto);
}

static int mini_send(struct sp_sock *s, struct sp_msg *m)
{
    sp_dist_send(s->data, m, except);
    return 0;
}

static const struct sp_protocol mini = {
    .sock_size = sizeof(struct sp_dist), .pipe_size = sizeof(struct sp_dist_pipe),
    .init = mini_init, .attach = mini_attach, .detach = mini_detach, .hangup = mini_detach, .send = mini_send,
};

static struct sp_sock *s;

static int open_sock(void **state)
{
    (void)state;
    except = NULL;
    s = fake_open(&mini);
    return 0;
}

static int close_sock(void **state)
{
    fake_close(s);
    return failing_teardown(state);
}

static void without_pipes_it_goes_nowhere(void **state)
{
    (void)state;
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(s->dropped_send, 0);
}

static void each_pipe_gets_it(void **state)
{
    (void)state;
    struct fake_pipe *f[3] = {fake_join(s), fake_join(s), fake_join(s)};
    assert_int_equal(fake_send_text(s, "a"), 0);
    for (int i = 0; i < 3; i++)
        fake_take(f[i], 0, "a");
}

static void a_small_body_needs_no_memory(void **state)
{
    (void)state;
    fake_join(s);
    fake_join(s);
    failing_set(1);
    assert_int_equal(fake_send_text(s, "a"), 0);
    assert_int_equal(failing_clear(), 0);
    assert_int_equal(s->dropped_send, 0);
}

static void a_large_body_is_copied_once(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s), *c = fake_join(s);
    static char big[70000];
    failing_set(0);
    assert_int_equal(fake_send(s, big, sizeof big), 0);
    assert_int_equal(failing_clear(), 1);
    assert_non_null(a->out_chunk);
    assert_ptr_equal(a->out_chunk, b->out_chunk);
    assert_ptr_equal(a->out_body, c->out_body);
}

static void for_one_pipe_a_large_body_is_not_copied(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s);
    static char big[70000];
    assert_int_equal(fake_send(s, big, sizeof big), 0);
    assert_null(a->out_chunk);
}

static void without_memory_a_large_body_still_goes_out(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    static char big[70000];
    failing_set(1);
    assert_int_equal(fake_send(s, big, sizeof big), 0);
    failing_clear();
    assert_int_equal(fake_sent(a) + fake_sent(b), 2);
}

static void an_adopted_body_is_shared(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    struct sp_msg m;
    sp_msg_init(&m);
    m.chunk = sp_chunk_new(3);
    m.body = memcpy(sp_chunk_data(m.chunk), "abc", 3);
    m.body_len = 3;
    const struct sp_chunk *chunk = m.chunk;
    assert_int_equal(s->proto->send(s, &m), 0);
    assert_null(m.chunk);
    assert_ptr_equal(a->out_chunk, chunk);
    assert_ptr_equal(b->out_chunk, chunk);
}

static void a_full_pipe_misses_it_and_that_is_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s), *c = fake_join(s);
    fake_make_room(b, 1);
    assert_int_equal(fake_send_text(s, "1"), 0);
    assert_int_equal(fake_send_text(s, "2"), 0);
    assert_int_equal(fake_sent(a), 2);
    assert_int_equal(fake_sent(b), 1);
    assert_int_equal(fake_sent(c), 2);
    assert_int_equal(s->dropped_send, 1);
    assert_int_equal(b->pipe.n_drops, 1);
}

static void a_pipe_that_fails_does_not_stop_the_others(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    a->send_error = -ENOMEM;
    assert_int_equal(fake_send_text(s, "1"), 0);
    assert_int_equal(fake_sent(a), 0);
    assert_int_equal(fake_sent(b), 1);
    assert_int_equal(s->dropped_send, 1);
}

static void one_may_be_left_out(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    except = &a->pipe;
    assert_int_equal(fake_send_text(s, "1"), 0);
    assert_int_equal(fake_sent(a), 0);
    assert_int_equal(fake_sent(b), 1);
    assert_int_equal(s->dropped_send, 0);
}

static void a_peer_that_is_gone_is_not_counted(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    fake_hangup(a);
    assert_int_equal(fake_send_text(s, "1"), 0);
    assert_int_equal(s->dropped_send, 0);
    assert_int_equal(fake_sent(b), 1);
    fake_leave(a);
}

static void the_header_goes_along(void **state)
{
    (void)state;
    struct fake_pipe *a = fake_join(s), *b = fake_join(s);
    const uint32_t ids[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    assert_int_equal(fake_send_ids(s, ids, 1, "one"), 0);
    assert_int_equal(fake_send_ids(s, ids, 12, "many"), 0);
    assert_int_equal(fake_sent_id(a), 1);
    fake_take(a, 4, "one");
    fake_take(a, 48, "many");
    fake_take(b, 4, "one");
    fake_take(b, 48, "many");
}

#define DIST_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_sock, close_sock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIST_TEST(without_pipes_it_goes_nowhere),
        DIST_TEST(each_pipe_gets_it),
        DIST_TEST(a_small_body_needs_no_memory),
        DIST_TEST(a_large_body_is_copied_once),
        DIST_TEST(for_one_pipe_a_large_body_is_not_copied),
        DIST_TEST(without_memory_a_large_body_still_goes_out),
        DIST_TEST(an_adopted_body_is_shared),
        DIST_TEST(a_full_pipe_misses_it_and_that_is_counted),
        DIST_TEST(a_pipe_that_fails_does_not_stop_the_others),
        DIST_TEST(one_may_be_left_out),
        DIST_TEST(a_peer_that_is_gone_is_not_counted),
        DIST_TEST(the_header_goes_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
