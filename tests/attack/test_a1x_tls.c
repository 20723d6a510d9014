/* SPDX-License-Identifier: MIT */
/* A12, A13 and A15 over TLS: peers that stop, or dawdle, anywhere between connecting and the SP header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tlspeer.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <poll.h>
#include <sys/socket.h>

#define DEADLINE_MS rp_time(1000)
#define FLIGHT_MAX 4096

/* Where a peer stops: a caller of a listening victim, or a server that the victim dialled. */
enum stage { SILENT, HALF_HELLO, HELLO, ANSWER, FINISHED, HALF_SP, STAGES };

struct stalled {
    struct tlspeer p;
    int fd;        /* to the victim */
    int64_t since; /* when it connected */
};

/* The victim's deadline counts for its every attempt, and it dials once. */
static void field(struct rp_tls_field *t, bool dials)
{
    rp_tls_field_sockets(t, dials ? NN_SUB : NN_REP, dials);
    rp_set(t->f.victim, NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, DEADLINE_MS);
    rp_set(t->f.victim, NN_SOL_SOCKET, NN_RECONNECT_IVL, 100 * DEADLINE_MS);
    rp_field_start(&t->f);
}

/* One record from fd, whole; its length. */
static size_t one_record(int fd, uint8_t *b)
{
    if (rp_recv(fd, b, 5, rp_time(1000)) != 5)
        return 0;
    size_t n = (size_t)b[3] << 8 | b[4];
    assert_true(5 + n <= FLIGHT_MAX);
    return rp_recv(fd, b + 5, n, rp_time(1000)) == n ? 5 + n : 0;
}

/* The first bytes of a client, without a server. */
static size_t client_hello(int config, uint8_t *b)
{
    struct tlspeer p;
    int sv[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
    tlspeer_make(&p, sv[0], config, true);
    assert_int_equal(p.s->ops->start(p.s), -EAGAIN);
    size_t n = one_record(sv[1], b);
    tlspeer_close(&p);
    close(sv[1]);
    assert_true(n > 100);
    return n;
}

/* A server's whole answer to the ClientHello that comes from fd; *first is its ServerHello. */
static size_t server_flight(int fd, int config, uint8_t *b, size_t *first)
{
    struct tlspeer p;
    int sv[2];
    uint8_t hello[FLIGHT_MAX];
    size_t n = one_record(fd, hello);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
    tlspeer_make(&p, sv[0], config, false);
    assert_true(rp_send(sv[1], hello, n));
    assert_int_equal(p.s->ops->start(p.s), -EAGAIN);
    *first = one_record(sv[1], b);
    n = *first + rp_recv(sv[1], b + *first, FLIGHT_MAX - *first, 0);
    tlspeer_close(&p);
    close(sv[1]);
    assert_true(n > *first && *first > 40);
    return n;
}

static void caller(struct stalled *c, enum stage at, int config)
{
    uint8_t b[FLIGHT_MAX];
    if (at >= HALF_HELLO && at <= ANSWER) {
        size_t n = client_hello(config, b);
        assert_true(rp_send(c->fd, b, at == HALF_HELLO ? n / 2 : n));
    }
    if (at == ANSWER)
        assert_int_equal(rp_recv(c->fd, b, 90, rp_time(1000)), 90);
    if (at >= FINISHED) {
        tlspeer_make(&c->p, c->fd, config, true);
        assert_int_equal(tlspeer_shake(&c->p, rp_time(1000)), 0);
    }
    if (at == HALF_SP)
        assert_true(tlspeer_write(&c->p, "\0SP\0", 4));
}

static void server(struct stalled *c, enum stage at, int config)
{
    uint8_t b[FLIGHT_MAX];
    size_t first;
    if (at == HALF_HELLO)
        assert_int_equal(rp_recv(c->fd, b, 20, rp_time(1000)), 20);
    if (at == HELLO || at == ANSWER) {
        size_t n = server_flight(c->fd, config, b, &first);
        assert_true(rp_send(c->fd, b, at == HELLO ? first : n - 1));
    }
    if (at >= FINISHED) {
        tlspeer_make(&c->p, c->fd, config, false);
        assert_int_equal(tlspeer_shake(&c->p, rp_time(1000)), 0);
    }
    if (at == HALF_SP)
        assert_true(tlspeer_write(&c->p, "\0SP\0", 4));
}

static void assert_closed_in_time(const struct stalled *c, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t left = c[i].since + 2 * DEADLINE_MS - rp_now();
        if (!rp_closed(c[i].fd, left > 0 ? (int)left : 0))
            fail_msg("stage %d is still open", i);
        if (rp_now() - c[i].since > DEADLINE_MS * 12 / 10)
            fail_msg("stage %d: closed after %d ms", i, (int)(rp_now() - c[i].since));
        assert_true(rp_now() - c[i].since >= DEADLINE_MS * 8 / 10);
    }
}

static void stall(bool dials)
{
    struct rp_tls_field t;
    struct stalled c[STAGES];
    field(&t, dials);
    int config = rp_tls_config(dials ? "victim" : "mallory", dials ? NN_TLS_ACCEPT : NN_TLS_DIAL);
    for (int i = 0; i < STAGES; i++) {
        c[i].p.s = NULL;
        if (dials && i)
            rp_tls_dial(t.f.victim, t.f.port);
        c[i].since = rp_now();
        c[i].fd = rp_attacker(&t.f);
        (dials ? server : caller)(&c[i], (enum stage)i, config);
    }
    rp_assert_served(&t.f, 100);
    assert_closed_in_time(c, STAGES);
    assert_true(rp_stat_becomes(t.f.victim, NN_STAT_TIMEOUT, STAGES, rp_time(100)));
    rp_assert_served(&t.f, 100);
    for (int i = 0; i < STAGES; i++)
        c[i].p.s ? tlspeer_close(&c[i].p) : (void)close(c[i].fd);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

static void A13_a_TLS_caller_that_stalls_at_any_stage_is_closed(void **state)
{
    (void)state;
    stall(false);
}

static void A13_a_TLS_server_that_stalls_at_any_stage_is_left(void **state)
{
    (void)state;
    stall(true);
}

/* A byte every quarter of the deadline does not move it. */
static void drip(struct rp_tls_field *t, int fd, int64_t since, const uint8_t *b)
{
    bool closed = false;
    for (int i = 0; i < 7 && !closed; i++) {
        (void)rp_send(fd, b + i, 1);
        closed = rp_closed(fd, DEADLINE_MS / 4);
        rp_assert_served(&t->f, 100);
    }
    assert_true(closed);
    assert_in_range(rp_now() - since, DEADLINE_MS * 8 / 10, DEADLINE_MS * 12 / 10);
    assert_true(rp_stat_becomes(t->f.victim, NN_STAT_TIMEOUT, 1, rp_time(100)));
}

static void A12_a_slow_TLS_caller_is_closed_at_the_total_deadline(void **state)
{
    (void)state;
    struct rp_tls_field t;
    uint8_t b[FLIGHT_MAX];
    field(&t, false);
    int config = rp_tls_config("mallory", NN_TLS_DIAL);
    (void)client_hello(config, b);
    int64_t since = rp_now();
    int fd = rp_attacker(&t.f);
    drip(&t, fd, since, b);
    close(fd);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

static void A12_a_slow_TLS_server_is_left_at_the_total_deadline(void **state)
{
    (void)state;
    struct rp_tls_field t;
    uint8_t b[FLIGHT_MAX];
    size_t first;
    field(&t, true);
    int config = rp_tls_config("victim", NN_TLS_ACCEPT);
    int64_t since = rp_now();
    int fd = rp_attacker(&t.f);
    (void)server_flight(fd, config, b, &first);
    drip(&t, fd, since, b);
    close(fd);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

/* The last part, the SP header, has no deadline of its own: it dawdles inside TLS. */
static void A12_a_slow_SP_header_inside_TLS_does_not_move_the_deadline(void **state)
{
    (void)state;
    struct rp_tls_field t;
    struct tlspeer p;
    uint8_t hello[8];
    field(&t, false);
    int config = rp_tls_config("mallory", NN_TLS_DIAL);
    int64_t since = rp_now();
    tlspeer_make(&p, rp_attacker(&t.f), config, true);
    assert_int_equal(tlspeer_shake(&p, rp_time(1000)), 0);
    rp_greeting(hello, NN_REQ);
    bool closed = false;
    for (int i = 0; i < 7 && !closed; i++) {
        (void)tlspeer_write(&p, hello + i, 1);
        closed = rp_closed(p.fd, DEADLINE_MS / 4);
        rp_assert_served(&t.f, 100);
    }
    assert_true(closed);
    assert_in_range(rp_now() - since, DEADLINE_MS * 8 / 10, DEADLINE_MS * 12 / 10);
    tlspeer_close(&p);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

/* ---- A15 ---- */

/* Four half-open ones at a time: silent ones give way after 250 ms. One that was quick gets in. */
static void A15_the_oldest_silent_callers_of_a_TLS_listener_give_way(void **state)
{
    (void)state;
    struct rp_tls_field t;
    int fd[12];
    rp_tls_field_sockets(&t, NN_REP, false);
    rp_set(t.f.victim, NN_SOL_SOCKET, NN_MAX_HANDSHAKES, 4);
    rp_field_start(&t.f);
    for (int i = 0; i < 12; i++)
        fd[i] = rp_connect(t.f.port);
    int late = rp_tls_socket(NN_REQ, "mallory");
    int64_t start = rp_now();
    rp_tls_dial(late, t.f.port);
    for (int i = 0; i < 8; i++) {
        assert_true(rp_closed(fd[i], rp_time(350)));
        rp_assert_served(&t.f, 100);
    }
    assert_true(rp_stat_reaches(t.f.victim, NN_STAT_LIMIT, 8, rp_time(100)));
    assert_int_equal(nn_send(late, "late", 4, 0), 4);
    char got[8];
    assert_int_equal(nn_recv(late, got, sizeof got, 0), 4);
    assert_in_range(rp_now() - start, 0, rp_time(1500));
    nn_close(late);
    for (int i = 0; i < 12; i++)
        close(fd[i]);
    rp_tls_field_close(&t);
}

/* A whole ClientHello buys time: 2 s where silence has 250 ms. */
static void A15_a_caller_that_sent_its_first_record_outlives_silent_ones(void **state)
{
    (void)state;
    struct rp_tls_field t;
    struct tlspeer first;
    int fd[3];
    rp_tls_field_sockets(&t, NN_REP, false);
    rp_set(t.f.victim, NN_SOL_SOCKET, NN_MAX_HANDSHAKES, 2);
    rp_field_start(&t.f);
    int config = rp_tls_config("mallory", NN_TLS_DIAL);
    tlspeer_make(&first, rp_connect(t.f.port), config, true);
    int rc = first.s->ops->start(first.s);
    assert_true(rc == -EAGAIN || rc == 0); /* the answer may have been that quick */
    for (int i = 0; i < 3; i++)
        fd[i] = rp_connect(t.f.port);
    assert_true(rp_closed(fd[0], rp_time(350)));
    assert_true(rp_closed(fd[1], rp_time(350)));
    assert_true(tlspeer_open(&first, NN_REQ, NN_REP));
    rp_assert_served(&t.f, 100);
    tlspeer_close(&first);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

static void A15_the_newest_TLS_peer_is_refused_at_the_limit_of_peers(void **state)
{
    (void)state;
    struct rp_tls_field t;
    struct tlspeer p, more;
    rp_tls_field_sockets(&t, NN_REP, false);
    rp_set(t.f.victim, NN_SOL_SOCKET, NN_MAX_PEERS, 2);
    rp_field_start(&t.f);
    int config = rp_tls_config("mallory", NN_TLS_DIAL);
    tlspeer_make(&p, rp_connect(t.f.port), config, true);
    assert_true(tlspeer_open(&p, NN_REQ, NN_REP));
    for (unsigned i = 0; i < 10; i++) {
        uint8_t hello[8];
        tlspeer_make(&more, rp_connect(t.f.port), config, true);
        assert_int_equal(tlspeer_shake(&more, rp_time(1000)), 0);
        rp_greeting(hello, NN_REQ);
        assert_true(tlspeer_write(&more, hello, 8));
        assert_int_equal(tlspeer_read(&more, hello, 8, rp_time(1000)), 0);
        assert_true(rp_closed(more.fd, rp_time(100)));
        tlspeer_close(&more);
        assert_true(rp_stat_becomes(t.f.victim, NN_STAT_LIMIT, i + 1, rp_time(100)));
    }
    rp_assert_served(&t.f, 100);
    tlspeer_close(&p);
    nn_tls_destroy(config);
    rp_tls_field_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A12_a_slow_TLS_caller_is_closed_at_the_total_deadline),
        cmocka_unit_test(A12_a_slow_TLS_server_is_left_at_the_total_deadline),
        cmocka_unit_test(A12_a_slow_SP_header_inside_TLS_does_not_move_the_deadline),
        cmocka_unit_test(A13_a_TLS_caller_that_stalls_at_any_stage_is_closed),
        cmocka_unit_test(A13_a_TLS_server_that_stalls_at_any_stage_is_left),
        cmocka_unit_test(A15_the_oldest_silent_callers_of_a_TLS_listener_give_way),
        cmocka_unit_test(A15_a_caller_that_sent_its_first_record_outlives_silent_ones),
        cmocka_unit_test(A15_the_newest_TLS_peer_is_refused_at_the_limit_of_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
