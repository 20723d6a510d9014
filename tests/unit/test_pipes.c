/* SPDX-License-Identifier: MIT */
/* How pipes come to a socket and leave it; the pipes are bare. */
#include "memconn.h"
#include "core/stats.h"

static struct sp_pipe pipes[3];

static int setup(void **state)
{
    mem_setup(state);
    mem_endpoint(false);
    memset(pipes, 0, sizeof pipes);
    for (int i = 0; i < 3; i++) {
        pipes[i].sock = sock;
        pipes[i].ep = mem_ep;
        sp_list_init(&pipes[i].in_sock);
        sp_list_init(&pipes[i].in_all);
        sp_list_init(&pipes[i].in_gathered);
    }
    return 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < 3 && sock; i++)
        LOCKED(sp_pipe_detach(&pipes[i]));
    return mem_teardown(state);
}

static int attach(int i)
{
    int rc;
    LOCKED(rc = sp_pipe_attach(&pipes[i]));
    return rc;
}

static void an_attached_pipe_is_found_by_its_id(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(attach(i), 0);
        assert_true(pipes[i].attached);
        assert_in_range(pipes[i].id, 1, 0x7fffffff);
        assert_ptr_equal(sp_sock_pipe(sock, pipes[i].id), &pipes[i]);
        assert_int_equal(sock->n_pipes, i + 1);
    }
    assert_int_not_equal(pipes[0].id, pipes[1].id);
    assert_int_equal(stat_of(SP_ST_ACCEPTED), 3);
    assert_int_equal(stat_of(SP_ST_ESTABLISHED), 0);
    LOCKED(sp_pipe_detach(&pipes[1]));
    LOCKED(sp_pipe_detach(&pipes[1]));
    assert_int_equal(sock->n_pipes, 2);
    assert_int_equal(proto.detached, 1);
    assert_null(sp_sock_pipe(sock, pipes[1].id));
    assert_ptr_equal(sp_sock_pipe(sock, pipes[2].id), &pipes[2]);
}

static void a_pipe_has_the_priorities_of_its_endpoint(void **state)
{
    (void)state;
    mem_ep->snd_prio = 2;
    mem_ep->rcv_prio = 15;
    assert_int_equal(attach(0), 0);
    assert_int_equal(pipes[0].snd_prio, 2);
    assert_int_equal(pipes[0].rcv_prio, 15);
}

static void a_refused_pipe_leaves_nothing(void **state)
{
    (void)state;
    proto.attach_rc = -EBUSY;
    assert_int_equal(attach(0), -EBUSY);
    assert_false(pipes[0].attached);
    assert_int_equal(sock->n_pipes, 0);
    assert_null(sp_sock_pipe(sock, pipes[0].id));
    assert_true(sp_list_empty(sp_sock_pipes(sock)));
    assert_int_equal(stat_of(SP_ST_ACCEPTED), 0);
}

static void limits_are_looked_at_before_the_protocol_is_asked(void **state)
{
    (void)state;
    sock->max_peers = 1;
    assert_int_equal(attach(0), 0);
    assert_int_equal(attach(1), -EUSERS);
    assert_int_equal(proto.attached, 1);
    sock->max_peers = 2;
    failing_set(1);
    int rc = attach(1);
    assert_int_equal(rc, failing_clear() ? -ENOMEM : 0);
}

static void a_closed_socket_takes_no_pipe(void **state)
{
    (void)state;
    sp_sock_close(sock);
    assert_int_equal(attach(0), -EBADF);
    assert_int_equal(proto.attached, 0);
}

static void without_memory_for_its_id_a_pipe_is_refused(void **state)
{
    (void)state;
    failing_set(1);
    assert_int_equal(attach(0), -ENOMEM);
    failing_clear();
    assert_int_equal(proto.attached, 0);
    assert_int_equal(attach(0), 0);
}

static void the_protocol_hears_only_of_pipes_that_it_knows(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        LOCKED((sp_pipe_readable(&pipes[0]), sp_pipe_writable(&pipes[0]), sp_pipe_hangup(&pipes[0])));
        assert_int_equal(proto.readable, i);
        assert_int_equal(proto.writable, i);
        assert_int_equal(proto.hangups, i);
        if (i == 0)
            assert_int_equal(attach(0), 0);
    }
}

static void what_was_not_sent_goes_to_the_protocol_or_is_counted(void **state)
{
    (void)state;
    struct sp_msg m;
    for (int i = 0; i < 2; i++) {
        sp_msg_init(&m);
        m.body = (uint8_t *)(uintptr_t) "text";
        m.body_len = 4;
        assert_int_equal(sp_msg_own(&m), 0);
        LOCKED(sp_pipe_unsent(&pipes[0], &m));
        assert_null(m.chunk);
        assert_string_equal(proto.unsent, i ? "text;" : "");
        assert_int_equal(stat_of(SP_ST_DROPPED_SEND), 1);
        assert_int_equal(pipes[0].n_drops, 1);
        assert_int_equal(i ? 0 : attach(0), 0);
    }
}

static void what_a_pipe_counted_stays_when_it_goes(void **state)
{
    (void)state;
    assert_int_equal(attach(0), 0);
    atomic_store(&pipes[0].peer.records_sent, 5);
    atomic_store(&pipes[0].peer.rekeys_received, 6);
    LOCKED(sp_pipe_detach(&pipes[0]));
    assert_int_equal(stat_of(SP_ST_RECORDS_SENT), 5);
    assert_int_equal(stat_of(SP_ST_REKEYS_RECEIVED), 6);
}

#define PIPES_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIPES_TEST(an_attached_pipe_is_found_by_its_id),
        PIPES_TEST(a_pipe_has_the_priorities_of_its_endpoint),
        PIPES_TEST(a_refused_pipe_leaves_nothing),
        PIPES_TEST(limits_are_looked_at_before_the_protocol_is_asked),
        PIPES_TEST(a_closed_socket_takes_no_pipe),
        PIPES_TEST(without_memory_for_its_id_a_pipe_is_refused),
        PIPES_TEST(the_protocol_hears_only_of_pipes_that_it_knows),
        PIPES_TEST(what_was_not_sent_goes_to_the_protocol_or_is_counted),
        PIPES_TEST(what_a_pipe_counted_stays_when_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
