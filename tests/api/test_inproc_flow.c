/* SPDX-License-Identifier: MIT */
/* How much a queue of inproc takes, to the byte; who is told of messages and room, and when; what
 * happens to messages whose sender or receiver goes; and that a body is moved, never shared. */
#include "lib.h"
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

static char big[300000]; /* received into */
static char out[300000]; /* sent */

static void join(int s, int c)
{
    static int n;
    char address[64];
    snprintf(address, sizeof address, "inproc://flow-%d", n++);
    lib_ok(nn_bind(s, address));
    lib_ok(nn_connect(c, address));
}

/* t.c sends to t.s, which holds `rcvbuf` bytes. */
static struct lib_two way(int server, int client, int rcvbuf)
{
    struct lib_two t = {lib_socket(server), lib_socket(client)};
    if (rcvbuf)
        lib_set(t.s, NN_RCVBUF, rcvbuf);
    join(t.s, t.c);
    return t;
}

/* How many messages of `len` bytes s takes at once. */
static int fill(int s, size_t len)
{
    int n = 0;
    while (n < 3000 && nn_send(s, out, len, NN_DONTWAIT) >= 0)
        n++;
    if (n < 3000)
        assert_int_equal(nn_errno(), EAGAIN);
    return n;
}

static int take(int s)
{
    return lib_ok(nn_recv(s, big, sizeof big, NN_DONTWAIT));
}

/* ---- how much ---- */

static void the_receivers_buffer_counts_to_the_byte(void **state)
{
    (void)state;
    /* As libnanomsg 1.1.5 does, measured. */
    static const struct {
        int rcvbuf, sndbuf;
        size_t len;
        int taken;
    } rows[] = {{200, 200, 10, 20},    {200, 200, 150, 2},    {200, 200, 250, 2},
                {200, 131072, 10, 20}, {200, 200, 100, 2},    {200, 200, 67, 3},
                {200, 200, 1000, 2},   {1, 1, 1, 2},          {200, 200, 66, 4},
                {200, 1, 100000, 2},   {131072, 1, 1000, 132}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lib_two t = {lib_socket(NN_PULL), lib_socket(NN_PUSH)};
        lib_set(t.s, NN_RCVBUF, rows[i].rcvbuf);
        lib_set(t.c, NN_SNDBUF, rows[i].sndbuf);
        join(t.s, t.c);
        assert_int_equal(fill(t.c, rows[i].len), rows[i].taken);
        for (int k = 0; k < 5; k++) { /* one out, one in */
            assert_int_equal(take(t.s), rows[i].len);
            assert_int_equal(fill(t.c, rows[i].len), 1);
        }
        for (int k = 0; k < rows[i].taken; k++)
            assert_int_equal(take(t.s), rows[i].len);
        lib_fails(nn_recv(t.s, big, sizeof big, NN_DONTWAIT), EAGAIN);
        lib_close(t);
    }
}

static void empty_messages_need_no_room(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PULL, NN_PUSH, 1);
    assert_int_equal(fill(t.c, 0), 3000);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(take(t.s), 0);
    lib_close(t);
}

static void every_size_arrives_unchanged(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PAIR, NN_PAIR, 1 << 20);
    for (size_t at = 0; at <= 20000; at += at < 130 || (at > 1000 && at < 1040) ||
                                                   (at > 4000 && at < 4200) ||
                                                   (at > 16200 && at < 16300)
                                               ? 1
                                               : 61) {
        for (size_t i = 0; i < at; i++)
            out[i] = (char)(i * 31 + at);
        assert_int_equal(lib_ok(nn_send(t.c, out, at, 0)), at);
        void *body = nn_allocmsg(at, 0), *m;
        if (at)
            memcpy(body, out, at);
        assert_int_equal(lib_ok(nn_send(t.c, &body, NN_MSG, 0)), at);
        assert_int_equal(lib_ok(nn_recv(t.s, &m, NN_MSG, 0)), at);
        assert_memory_equal(m, out, at);
        nn_freemsg(m);
        assert_int_equal(take(t.s), at);
        assert_memory_equal(big, out, at);
    }
    lib_close(t);
}

/* ---- who is told ---- */

static int level(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0);
}

static void poll_and_descriptors_are_exact(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PULL, NN_PUSH, 100);
    int in = lib_get(t.s, NN_RCVFD), room = lib_get(t.c, NN_SNDFD);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 10; i++) {
            assert_int_equal(level(room), 1);
            assert_int_equal(lib_poll(t.c, NN_POLLOUT, 0), NN_POLLOUT);
            assert_int_equal(level(in), i > 0);
            assert_int_equal(lib_poll(t.s, NN_POLLIN, 0), i > 0 ? NN_POLLIN : 0);
            assert_int_equal(lib_ok(nn_send(t.c, out, 10, NN_DONTWAIT)), 10);
        }
        for (int i = 0; i < 10; i++) {
            assert_int_equal(level(room), i > 0);
            assert_int_equal(lib_poll(t.c, NN_POLLOUT, 0), i > 0 ? NN_POLLOUT : 0);
            assert_int_equal(level(in), 1);
            assert_int_equal(take(t.s), 10);
        }
    }
    lib_close(t);
}

struct blocked {
    int s;       /* socket */
    int rc, err; /* what the call said */
    bool sends;
    pthread_t t;
};

static void *block(void *arg)
{
    struct blocked *b = arg;
    b->rc = b->sends ? nn_send(b->s, out, 10, 0) : nn_recv(b->s, big, sizeof big, 0);
    b->err = nn_errno();
    return NULL;
}

/* A thread that sleeps in nn_send or nn_recv. */
static void block_start(struct blocked *b, int s, bool sends)
{
    *b = (struct blocked){.s = s, .sends = sends};
    assert_int_equal(pthread_create(&b->t, NULL, block, b), 0);
    lib_pause(20); /* it is likely to sleep now; either way must be right */
}

static void a_blocked_send_goes_on_at_the_first_receive(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PULL, NN_PUSH, 100);
    struct blocked b;
    for (int round = 0; round < 20; round++) {
        int n = fill(t.c, 10);
        block_start(&b, t.c, true);
        take(t.s); /* and the receiver does no more */
        pthread_join(b.t, NULL);
        assert_int_equal(b.rc, 10);
        for (int i = 0; i < n; i++)
            take(t.s);
    }
    lib_close(t);
}

static void a_blocked_receive_is_woken_by_a_message(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PULL, NN_PUSH, 0);
    struct blocked b;
    for (int round = 0; round < 20; round++) {
        block_start(&b, t.s, false);
        lib_send(t.c, "0123456789");
        pthread_join(b.t, NULL);
        assert_int_equal(b.rc, 10);
    }
    lib_close(t);
}

static void blocked_calls_end_with_their_socket(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PULL, NN_PUSH, 1), u = way(NN_PULL, NN_PUSH, 0);
    struct blocked b, r;
    fill(t.c, 10);
    block_start(&b, t.c, true);
    block_start(&r, u.s, false);
    lib_ok(nn_close(t.c));
    lib_ok(nn_close(u.s));
    pthread_join(b.t, NULL);
    pthread_join(r.t, NULL);
    assert_int_equal(b.rc, -1);
    assert_int_equal(b.err, EBADF);
    assert_int_equal(r.rc, -1);
    assert_int_equal(r.err, EBADF);
    lib_ok(nn_close(t.s));
    lib_ok(nn_close(u.c));
}

static void time_outs_are_kept(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PULL, NN_PUSH, 1);
    fill(t.c, 10);
    lib_set(t.c, NN_SNDTIMEO, 30);
    int64_t before = lib_now_ms();
    lib_fails(nn_send(t.c, out, 10, 0), ETIMEDOUT);
    assert_in_range(lib_now_ms() - before, 29, LIB_PATIENCE_MS / 2);
    take(t.s);
    take(t.s);
    lib_set(t.s, NN_RCVTIMEO, 30);
    before = lib_now_ms();
    lib_fails(nn_recv(t.s, big, sizeof big, 0), ETIMEDOUT);
    assert_in_range(lib_now_ms() - before, 29, LIB_PATIENCE_MS / 2);
    lib_close(t);
}

static void a_blocked_send_goes_to_the_next_peer(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PAIR, NN_PAIR, 1);
    int next = lib_socket(NN_PAIR);
    struct blocked b;
    char address[160];
    lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
    int n = fill(t.c, 10);
    block_start(&b, t.c, true);
    lib_ok(nn_close(t.s));
    lib_ok(nn_bind(next, address));
    for (int i = 0; i <= n; i++) /* those that nobody took, and then the blocked one */
        assert_int_equal(lib_ok(nn_recv(next, big, sizeof big, 0)), 10);
    pthread_join(b.t, NULL);
    assert_int_equal(b.rc, 10);
    lib_ok(nn_close(next));
    lib_ok(nn_close(t.c));
}

/* ---- who goes ---- */

static void numbered(int s, int from, int n)
{
    for (int i = from; i < from + n; i++)
        assert_int_equal(lib_ok(nn_send(s, &i, sizeof i, 0)), sizeof i);
}

static void expect_numbers(int s, int from, int n)
{
    for (int i = from, got; i < from + n; i++) {
        assert_int_equal(lib_ok(nn_recv(s, &got, sizeof got, 0)), sizeof got);
        assert_int_equal(got, i);
    }
}

static void what_was_sent_stays_when_the_sender_goes(void **state)
{
    (void)state;
    static const int protocols[][2] = {{NN_PAIR, NN_PAIR}, {NN_PULL, NN_PUSH}, {NN_SUB, NN_PUB}};
    for (int i = 0; i < 3; i++) {
        struct lib_two t = way(protocols[i][0], protocols[i][1], 0);
        numbered(t.c, 0, 1000);
        lib_ok(nn_close(t.c));
        expect_numbers(t.s, 0, 1000);
        lib_expect_nothing(t.s);
        lib_peers(t.s, 0);
        lib_ok(nn_close(t.s));
    }
}

static void what_was_not_received_is_sent_to_the_next(void **state)
{
    (void)state;
    static const int protocols[][2] = {{NN_PAIR, NN_PAIR}, {NN_PULL, NN_PUSH}};
    char address[160];
    for (int i = 0; i < 2; i++) {
        struct lib_two t = way(protocols[i][0], protocols[i][1], 0);
        lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
        numbered(t.c, 0, 1000);
        expect_numbers(t.s, 0, 300);
        lib_ok(nn_close(t.s));
        int next = lib_socket(protocols[i][0]);
        lib_ok(nn_bind(next, address));
        numbered(t.c, 1000, 10);
        expect_numbers(next, 300, 710);
        assert_int_equal(lib_stat(t.c, NN_STAT_MESSAGES_DROPPED_SEND), 0);
        lib_ok(nn_close(next));
        lib_ok(nn_close(t.c));
    }
}

static void large_messages_come_back_too(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PULL, NN_PUSH, 1 << 20);
    int next = lib_socket(NN_PULL);
    char address[160];
    lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
    for (int i = 0; i < 5; i++) {
        memset(out, 'a' + i, sizeof out);
        lib_ok(nn_send(t.c, out, 100000, 0));
    }
    lib_ok(nn_close(t.s));
    lib_ok(nn_bind(next, address));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(lib_ok(nn_recv(next, big, sizeof big, 0)), 100000);
        memset(out, 'a' + i, 100000);
        assert_memory_equal(big, out, 100000);
    }
    lib_ok(nn_close(next));
    lib_ok(nn_close(t.c));
}

static void push_gives_it_to_another(void **state)
{
    (void)state;
    int push = lib_socket(NN_PUSH), one = lib_socket(NN_PULL), two = lib_socket(NN_PULL);
    join(push, one);
    numbered(push, 0, 100);
    join(push, two);
    lib_ok(nn_close(one));
    expect_numbers(two, 0, 100);
    lib_ok(nn_close(two));
    lib_ok(nn_close(push));
}

static void a_request_goes_to_another(void **state)
{
    (void)state;
    int req = lib_socket(NN_REQ), one = lib_socket(NN_REP), two = lib_socket(NN_REP);
    join(req, one);
    lib_send(req, "ask");
    lib_expect(one, "ask");
    join(req, two);
    lib_ok(nn_close(one)); /* without an answer */
    lib_expect(two, "ask");
    lib_send(two, "answer");
    lib_expect(req, "answer");
    lib_ok(nn_close(two));
    lib_ok(nn_close(req));
}

static void both_ends_in_one_shutdown(void **state)
{
    (void)state;
    int a = lib_socket(NN_PAIR), b = lib_socket(NN_PAIR);
    lib_ok(nn_bind(a, "inproc://ends"));
    int e = lib_ok(nn_connect(b, "inproc://ends"));
    numbered(b, 0, 10);
    numbered(a, 0, 10);
    lib_ok(nn_shutdown(b, e));
    expect_numbers(a, 0, 10);                                    /* what b sent stays */
    lib_fails(nn_recv(b, big, sizeof big, NN_DONTWAIT), EAGAIN); /* what b had not taken is a's */
    lib_ok(nn_connect(b, "inproc://ends"));
    expect_numbers(b, 0, 10); /* and comes again */
    lib_ok(nn_close(a));
    lib_ok(nn_close(b));
}

static void peers_that_are_gone_leave_only_so_much(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_set(s, NN_RCVBUF, 10000);
    lib_ok(nn_bind(s, "inproc://left"));
    for (uint64_t round = 1; round <= 2; round++) {
        for (int i = 0; i < 100; i++) {
            int c = lib_socket(NN_PUSH);
            lib_ok(nn_connect(c, "inproc://left"));
            lib_ok(nn_send(c, out, 20000, 0));
            lib_ok(nn_close(c));
        }
        uint64_t n = 0;
        while (nn_recv(s, big, sizeof big, NN_DONTWAIT) >= 0)
            n++;
        assert_in_range(n, 10, 32); /* 64 times NN_RCVBUF at most */
        assert_int_equal(lib_stat(s, NN_STAT_MESSAGES_DROPPED_RECV), round * (100 - n));
        assert_true(lib_stat(s, NN_STAT_LIMIT) > 0);
    }
    lib_ok(nn_close(s));
}

/* ---- whose memory ---- */

static void a_body_is_moved(void **state)
{
    (void)state;
    struct lib_two t = way(NN_PAIR, NN_PAIR, 0);
    void *body = nn_allocmsg(100000, 0), *m, *sent = body;
    memset(body, 'm', 100000);
    assert_int_equal(lib_ok(nn_send(t.c, &body, NN_MSG, 0)), 100000);
    assert_int_equal(lib_ok(nn_recv(t.s, &m, NN_MSG, 0)), 100000);
    assert_ptr_equal(m, sent);
    nn_freemsg(m);
    lib_close(t);
}

static void a_body_is_never_shared(void **state)
{
    (void)state;
    int pub = lib_socket(NN_PUB), sub[3];
    for (int i = 0; i < 3; i++)
        join(pub, sub[i] = lib_socket(NN_SUB));
    static const size_t sizes[] = {10, 2000, 50000};
    for (int k = 0; k < 6; k++) {
        size_t n = sizes[k / 2];
        void *body = nn_allocmsg(n, 0), *m[3];
        memset(body, 's', n);
        memset(out, 's', n);
        lib_ok(k % 2 ? nn_send(pub, &body, NN_MSG, 0) : nn_send(pub, out, n, 0));
        if (k % 2 == 0) {
            nn_freemsg(body);
            memset(out, 'x', n); /* the sender writes to its memory again */
        }
        for (int i = 0; i < 3; i++) {
            assert_int_equal(lib_ok(nn_recv(sub[i], &m[i], NN_MSG, 0)), n);
            for (size_t j = 0; j < n; j++)
                assert_int_equal(((char *)m[i])[j], 's');
            memset(m[i], 'r', n); /* and so does a receiver */
        }
        for (int i = 0; i < 3; i++)
            nn_freemsg(m[i]);
    }
    for (int i = 0; i < 3; i++)
        lib_ok(nn_close(sub[i]));
    lib_ok(nn_close(pub));
}

static void a_request_is_sent_again_as_it_was(void **state)
{
    (void)state;
    int req = lib_socket(NN_REQ), rep = lib_socket(NN_REP), ivl = 50;
    static const size_t sizes[] = {10, 2000, 50000};
    lib_ok(nn_setsockopt(req, NN_REQ, NN_REQ_RESEND_IVL, &ivl, sizeof ivl));
    join(rep, req);
    for (int k = 0; k < 3; k++) {
        void *body = nn_allocmsg(sizes[k], 0), *m;
        memset(body, 'q', sizes[k]);
        lib_ok(nn_send(req, &body, NN_MSG, 0));
        for (int i = 0; i < 3; i++) {
            assert_int_equal(lib_ok(nn_recv(rep, &m, NN_MSG, 0)), sizes[k]);
            for (size_t j = 0; j < sizes[k]; j++)
                assert_int_equal(((char *)m)[j], 'q');
            memset(m, 'w', sizes[k]);
            nn_freemsg(m);
        }
        lib_send(rep, "done");
        lib_expect(req, "done");
        while (nn_recv(rep, big, sizeof big, NN_DONTWAIT) >= 0)
            ;
    }
    lib_ok(nn_close(req));
    lib_ok(nn_close(rep));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_receivers_buffer_counts_to_the_byte),
        cmocka_unit_test(empty_messages_need_no_room),
        cmocka_unit_test(every_size_arrives_unchanged),
        cmocka_unit_test(poll_and_descriptors_are_exact),
        cmocka_unit_test(a_blocked_send_goes_on_at_the_first_receive),
        cmocka_unit_test(a_blocked_receive_is_woken_by_a_message),
        cmocka_unit_test(blocked_calls_end_with_their_socket),
        cmocka_unit_test(time_outs_are_kept),
        cmocka_unit_test(a_blocked_send_goes_to_the_next_peer),
        cmocka_unit_test(what_was_sent_stays_when_the_sender_goes),
        cmocka_unit_test(what_was_not_received_is_sent_to_the_next),
        cmocka_unit_test(large_messages_come_back_too),
        cmocka_unit_test(push_gives_it_to_another),
        cmocka_unit_test(a_request_goes_to_another),
        cmocka_unit_test(both_ends_in_one_shutdown),
        cmocka_unit_test(peers_that_are_gone_leave_only_so_much),
        cmocka_unit_test(a_body_is_moved),
        cmocka_unit_test(a_body_is_never_shared),
        cmocka_unit_test(a_request_is_sent_again_as_it_was),
    };
    alarm(LIB_SLOW ? 300 : 120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
