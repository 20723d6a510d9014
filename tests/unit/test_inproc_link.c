/* SPDX-License-Identifier: MIT */
/* The two ends of an inproc connection, seen from inside: how they come, and what is left when they
 * go. */
#include "base.h"
#include "core/sock.h"
#include "core/table.h"
#include "transports/inproc/link.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <string.h>
#include <unistd.h>

static int pull, push;           /* numbers */
static struct sp_sock *in, *out; /* the same */

static int field_open(void **state)
{
    (void)state;
    pull = nn_socket(AF_SP, NN_PULL);
    push = nn_socket(AF_SP, NN_PUSH);
    int later = 60000; /* no second attempt while a test looks */
    assert_int_equal(nn_setsockopt(push, NN_SOL_SOCKET, NN_RECONNECT_IVL, &later, sizeof later), 0);
    in = sp_table_enter(pull);
    out = sp_table_enter(push);
    assert_true(in && out);
    assert_true(nn_bind(pull, "inproc://link") > 0);
    assert_true(nn_connect(push, "inproc://link") > 0);
    return 0;
}

static int field_close(void **state)
{
    (void)state;
    assert_int_equal(nn_close(push), 0);
    assert_int_equal(nn_close(pull), 0);
    sp_table_leave(push);
    sp_table_leave(pull);
    nn_term(); /* which waits for all that was held */
    nn_init();
    return 0;
}

static struct inproc_end *end_of(struct sp_sock *s)
{
    assert_false(sp_list_empty(&s->all));
    return (struct inproc_end *)SP_CONTAINER(s->all.next, struct sp_pipe, in_all);
}

static struct sp_ep *ep_of(struct sp_sock *s)
{
    assert_false(sp_list_empty(&s->eps));
    return SP_CONTAINER(s->eps.next, struct sp_ep, in_sock);
}

static uint64_t stat_of(struct sp_sock *s, int stat)
{
    bool known;
    uint64_t v = sp_sock_stat(s, stat, &known);
    assert_true(known);
    return v;
}

static void send_n(int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(nn_send(push, "12345678", 8, NN_DONTWAIT), 8);
}

static void ends_face_each_other(void **state)
{
    (void)state;
    struct inproc_end *l = end_of(in), *d = end_of(out);
    assert_ptr_equal(l->peer, d);
    assert_ptr_equal(d->peer, l);
    assert_true(d->dialled && d->opened && l->opened && !l->dialled);
    assert_int_equal(atomic_load(&l->link->refs), 2); /* who joined them has let go */
    assert_int_equal(ep_of(in)->refs, 2);             /* the socket's list, and the end */
    assert_int_equal(ep_of(out)->refs, 2);
    assert_int_equal(in->n_eps + out->n_eps, 0); /* nothing to lead the loop for */
}

static void ends_that_left_are_gone_at_once(void **state)
{
    (void)state;
    assert_int_equal(nn_shutdown(push, ep_of(out)->id), 0);
    assert_true(sp_list_empty(&in->all));
    assert_true(sp_list_empty(&out->all));
    assert_int_equal(stat_of(in, NN_STAT_BROKEN_CONNECTIONS), 1);
    assert_int_equal(stat_of(out, NN_STAT_BROKEN_CONNECTIONS), 0); /* its own doing */
}

static void an_end_stays_while_it_has_messages(void **state)
{
    (void)state;
    char b[8];
    send_n(3);
    assert_int_equal(nn_shutdown(push, ep_of(out)->id), 0);
    assert_true(sp_list_empty(&out->all));
    assert_true(end_of(in)->emptying);
    assert_true(in->left > 3 * 8);
    for (int i = 0; i < 3; i++) {
        assert_false(sp_list_empty(&in->all));
        assert_int_equal(nn_recv(pull, b, sizeof b, NN_DONTWAIT), 8);
    }
    assert_true(sp_list_empty(&in->all));
    assert_int_equal(in->left, 0);
}

static void an_end_that_has_messages_may_leave_too(void **state)
{
    (void)state;
    send_n(3);
    assert_int_equal(nn_shutdown(push, ep_of(out)->id), 0);
    assert_int_equal(nn_shutdown(pull, ep_of(in)->id), 0);
    assert_true(sp_list_empty(&in->all));
    assert_int_equal(in->left, 0);
}

/* What a protocol closes for its head: the head was counted by the protocol, the rest is here. */
static void a_pipe_that_is_closed_throws_away_and_counts(void **state)
{
    (void)state;
    send_n(5);
    sp_sock_lock(in);
    struct sp_pipe *p = &end_of(in)->pipe;
    sp_pipe_close(p, SP_REASON_PROTOCOL, "a test");
    sp_pipe_close(p, SP_REASON_LIMIT, "the first one counts");
    assert_true(p->attached); /* the protocol may be in the middle of something */
    (void)sp_sock_unlock(in);
    assert_int_equal(stat_of(in, NN_STAT_MESSAGES_DROPPED_RECV), 4);
    assert_int_equal(stat_of(in, NN_STAT_DROPPED_CONNECTIONS), 1);
    assert_int_equal(stat_of(in, NN_STAT_PROTOCOL), 1);
    assert_int_equal(stat_of(in, NN_STAT_LIMIT), 0);
    assert_int_equal(stat_of(out, NN_STAT_BROKEN_CONNECTIONS), 1);
    assert_true(sp_list_empty(&in->all));
    assert_non_null(ep_of(out)->timer.loop); /* it comes again, but not at once */
}

static void a_receiver_that_left_is_not_sent_to(void **state)
{
    (void)state;
    send_n(2);
    sp_sock_lock(in);
    struct inproc_end *l = end_of(in);
    sp_pipe_detach(&l->pipe);
    l->pipe.ops->finish(&l->pipe, 0);
    /* The news wait in our outbox: until they are told the sender does not know. */
    assert_int_equal(nn_send(push, "too late", 8, NN_DONTWAIT), 8);
    (void)sp_sock_unlock(in);
    char b[8];
    for (int i = 0; i < 3; i++) { /* joined again meanwhile, and all three were sent again */
        assert_int_equal(nn_recv(pull, b, sizeof b, NN_DONTWAIT), 8);
        assert_memory_equal(b, i < 2 ? "12345678" : "too late", 8);
    }
    assert_int_equal(stat_of(out, NN_STAT_ESTABLISHED_CONNECTIONS), 2);
}

/* ---- joining ---- */

/* An attempt of push's endpoint as the core makes it. */
static struct sp_ep *attempt(void)
{
    struct sp_ep *d = ep_of(out);
    sp_sock_lock(out);
    d->attempting = true;
    d->refs++;
    out->stats[SP_ST_INPROGRESS]++;
    (void)sp_sock_unlock(out);
    return d;
}

static void a_listener_about_to_go_is_not_joined(void **state)
{
    (void)state;
    struct sp_ep *d = attempt(), *l = ep_of(in);
    l->stopped = true;
    assert_int_equal(sp_inproc_join(d, l), -EAGAIN);
    l->stopped = false;
    assert_true(d->attempting); /* not answered */
    assert_int_equal(d->refs, 3);
    assert_int_equal(l->refs, 2);
    assert_int_equal(sp_inproc_join(d, l), 0);
    assert_false(d->attempting);
    assert_int_equal(stat_of(in, NN_STAT_CURRENT_CONNECTIONS), 2);
    assert_int_equal(d->refs, 3);
    assert_int_equal(l->refs, 3);
}

static void a_dialler_about_to_go_is_answered(void **state)
{
    (void)state;
    struct sp_ep *d = attempt(), *l = ep_of(in);
    d->stopped = true;
    assert_int_equal(sp_inproc_join(d, l), 0);
    d->stopped = false;
    assert_false(d->attempting);
    assert_int_equal(stat_of(in, NN_STAT_CURRENT_CONNECTIONS), 1);
    assert_int_equal(stat_of(in, NN_STAT_ACCEPTED_CONNECTIONS), 1);
    assert_int_equal(d->refs, 2);
    assert_int_equal(l->refs, 2);
}

static void without_memory_an_attempt_fails(void **state)
{
    (void)state;
    struct sp_ep *d = attempt();
    failing_set(1);
    assert_int_equal(sp_inproc_join(d, ep_of(in)), 0);
    failing_clear();
    assert_false(d->attempting);
    assert_int_equal(stat_of(out, NN_STAT_CONNECT_ERRORS), 1);
    assert_int_equal(stat_of(out, NN_STAT_LIMIT), 1);
    assert_int_equal(stat_of(in, NN_STAT_CURRENT_CONNECTIONS), 1);
}

static void a_refused_dialler_leaves_the_listener(void **state)
{
    (void)state;
    struct sp_ep *d = attempt();
    out->max_peers = 1;
    assert_int_equal(sp_inproc_join(d, ep_of(in)), 0);
    assert_false(d->attempting);
    assert_int_equal(stat_of(in, NN_STAT_ACCEPTED_CONNECTIONS), 2); /* it had said yes */
    assert_int_equal(stat_of(in, NN_STAT_CURRENT_CONNECTIONS), 1);
    assert_int_equal(stat_of(in, NN_STAT_BROKEN_CONNECTIONS), 1);
    assert_int_equal(stat_of(out, NN_STAT_LIMIT), 1);
    assert_int_equal(ep_of(in)->refs, 2);
}

#define ON_FIELD(fn) cmocka_unit_test_setup_teardown(fn, field_open, field_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FIELD(ends_face_each_other),
        ON_FIELD(ends_that_left_are_gone_at_once),
        ON_FIELD(an_end_stays_while_it_has_messages),
        ON_FIELD(an_end_that_has_messages_may_leave_too),
        ON_FIELD(a_pipe_that_is_closed_throws_away_and_counts),
        ON_FIELD(a_receiver_that_left_is_not_sent_to),
        ON_FIELD(a_listener_about_to_go_is_not_joined),
        ON_FIELD(a_dialler_about_to_go_is_answered),
        ON_FIELD(without_memory_an_attempt_fails),
        ON_FIELD(a_refused_dialler_leaves_the_listener),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
