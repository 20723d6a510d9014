/* SPDX-License-Identifier: MIT */
/* Threads: one reads and one writes each end while a third asks for key updates; handles are used
 * from everywhere; a forked child starts anew. */
#include "base/fds.h"
#include "tls_support.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOTAL (8 << 20)

static int client, server;

static int ready(void **state)
{
    (void)state;
    tls_handles(&client, &server);
    return 0;
}

static int done(void **state)
{
    (void)state;
    return nn_tls_destroy(client) || nn_tls_destroy(server);
}

struct end {
    struct sp_stream *s;
    struct sp_peer peer;
    struct sp_tls_turn *turn;
    int rc;
};

static void end_open(struct end *e, int fd, int handle, bool dialled)
{
    struct sp_tls_cfg *cfg = sp_tls_cfg_get(handle);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(sp_fd_keep(fd), 0);
    memset(e, 0, sizeof *e);
    struct sp_handshake_args args = {.cfg = cfg,
                                     .next = sp_fdstream_new(fd, &e->peer),
                                     .peer = &e->peer,
                                     .dialled = dialled,
                                     .psk_only = true};
    assert_non_null(args.next);
    e->s = sp_tls_new(&args, &e->rc);
    assert_non_null(e->s);
    e->rc = -EAGAIN;
    sp_tls_cfg_drop(cfg);
}

static void end_wait(struct end *e, short events)
{
    struct pollfd p = {.fd = e->s->fd, .events = events};
    assert_true(poll(&p, 1, 30000) == 1);
}

static void *start(void *arg)
{
    struct end *e = arg;
    while ((e->rc = e->s->ops->start(e->s)) == -EAGAIN)
        end_wait(e, (short)e->s->ops->want(e->s));
    return NULL;
}

static void *sender(void *arg)
{
    struct end *e = arg;
    static _Thread_local uint8_t data[50000];
    size_t sent = 0;
    while (sent < TOTAL) {
        size_t n = TOTAL - sent < sizeof data ? TOTAL - sent : sizeof data;
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)((sent + i) * 7);
        struct iovec v = {data, n};
        ssize_t w = e->s->ops->writev(e->s, &v, 1);
        assert_true(w > 0 || w == -EAGAIN);
        sent += w > 0 ? (size_t)w : 0;
        if (w < 0)
            end_wait(e, POLLOUT);
    }
    while (e->s->ops->writev(e->s, NULL, 0) == -EAGAIN)
        end_wait(e, POLLOUT);
    return NULL;
}

static void *receiver(void *arg)
{
    struct end *e = arg;
    static _Thread_local uint8_t data[70000];
    size_t got = 0;
    while (got < TOTAL) {
        struct iovec v = {data, sizeof data};
        ssize_t r = e->s->ops->readv(e->s, &v, 1);
        assert_true(r > 0 || r == -EAGAIN);
        for (ssize_t i = 0; i < r; i++)
            if (data[i] != (uint8_t)((got + (size_t)i) * 7))
                abort();
        got += r > 0 ? (size_t)r : 0;
        if (r < 0)
            end_wait(e, POLLIN);
    }
    return NULL;
}

static void pair_open(struct end *c, struct end *s)
{
    int fd[2];
    pthread_t t;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    end_open(c, fd[0], client, true);
    end_open(s, fd[1], server, false);
    assert_int_equal(pthread_create(&t, NULL, start, c), 0);
    start(s);
    pthread_join(t, NULL);
    assert_int_equal(c->rc, 0);
    assert_int_equal(s->rc, 0);
}

static void end_close(struct end *e)
{
    e->s->ops->close(e->s);
    sp_free(e->peer.id);
}

static void test_both_directions_and_rekeys_at_once(void **state)
{
    (void)state;
    struct end c, s;
    pthread_t t[4];
    pair_open(&c, &s);
    pthread_create(&t[0], NULL, sender, &c);
    pthread_create(&t[1], NULL, sender, &s);
    pthread_create(&t[2], NULL, receiver, &c);
    pthread_create(&t[3], NULL, receiver, &s);
    for (int i = 0; i < 3; i++) { /* three of each side and their answers stay below 8 a second */
        (void)c.s->ops->rekey(c.s, 1);
        (void)s.s->ops->rekey(s.s, 0);
        (void)c.s->ops->want(c.s);
        uint64_t before = atomic_load(&s.peer.rekeys_received);
        for (int k = 0; k < 1000 && atomic_load(&s.peer.rekeys_received) == before; k++)
            sched_yield();
    }
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_true(atomic_load(&s.peer.rekeys_received) >= 1);
    assert_int_equal(c.peer.reason, SP_REASON_NONE);
    end_close(&c);
    end_close(&s);
}

static void test_drop_live_shuts_the_descriptor_down(void **state)
{
    (void)state;
    struct end c, s;
    uint8_t buf[10];
    pair_open(&c, &s);
    struct iovec v = {buf, sizeof buf};
    assert_int_equal(s.s->ops->readv(s.s, &v, 1), -EAGAIN);
    assert_int_equal(nn_tls_psk_remove(server, "alice", 5, NN_TLS_DROP_LIVE), 0);
    end_wait(&s, POLLIN);
    assert_int_equal(s.s->ops->readv(s.s, &v, 1), -ECONNABORTED);
    end_wait(&c, POLLIN);
    assert_int_equal(c.s->ops->readv(c.s, &v, 1), 0);
    end_close(&c);
    end_close(&s);
}

static void *juggle(void *arg)
{
    for (int i = 0; i < 200; i++) {
        int h = nn_tls_create();
        char id[16];
        int n = snprintf(id, sizeof id, "%p", arg);
        assert_true(h > 0);
        nn_tls_psk_add(server, id, (size_t)n, tls_key, 32, NN_TLS_ACCEPT);
        nn_tls_psk_remove(server, id, (size_t)n, NN_TLS_DROP_LIVE);
        nn_tls_suites(server, "TLS_AES_128_GCM_SHA256");
        assert_int_equal(nn_tls_destroy(h), 0);
        assert_int_equal(nn_tls_destroy(h), -1);
    }
    return NULL;
}

static void test_handshakes_while_the_configuration_changes(void **state)
{
    (void)state;
    pthread_t t[3];
    int number[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, juggle, &number[i]);
    for (int i = 0; i < 10; i++) {
        struct end c, s;
        pair_open(&c, &s);
        end_close(&c);
        end_close(&s);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
}

static int child(void)
{
    struct link l;
    int c, s;
    sp_tls_child();
    if (nn_tls_destroy(client) == 0) /* the parent's handles are gone */
        return 1;
    c = nn_tls_create(), s = nn_tls_create();
    if (nn_tls_psk_add(c, "a", 1, tls_key, 32, NN_TLS_DIAL) < 0 ||
        nn_tls_psk_add(s, "a", 1, tls_key, 32, NN_TLS_ACCEPT) < 0)
        return 2;
    link_init(&l);
    link_open(&l, c, s);
    return l.server.rc == 0 && side_write(&l.client, "x", 1) == 1 ? 0 : 3;
}

static void test_a_forked_child_starts_anew(void **state)
{
    (void)state;
    int status = -1;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_forked_child_starts_anew, ready, done),
        cmocka_unit_test_setup_teardown(test_both_directions_and_rekeys_at_once, ready, done),
        cmocka_unit_test_setup_teardown(test_drop_live_shuts_the_descriptor_down, ready, done),
        cmocka_unit_test_setup_teardown(test_handshakes_while_the_configuration_changes, ready,
                                        done),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sp_scratch_fini();
    return rc;
}
