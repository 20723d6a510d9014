/* SPDX-License-Identifier: MIT */
/* The watch seam, with whichever back end was built: this thread is the token holder. */
#define _GNU_SOURCE /* SOCK_NONBLOCK */
#include "watch_support.h"
#include <netinet/in.h>

static void what_can_be_read_is_told_again_until_it_is_read(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    quiet(&p, 20);
    assert_int_equal(write(p.far, "x", 1), 1);
    turns(&p, 3);
    assert_int_equal(p.last, POLLIN);
    p.take = true;
    turns(&p, 4);
    quiet(&p, 20);
    spot_close(&p);
}

static void room_to_write_is_told(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLOUT), 0);
    turns(&p, 1);
    assert_int_equal(p.last, POLLOUT);
    spot_close(&p);
}

static void both_are_told_at_once(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    assert_int_equal(write(p.far, "x", 1), 1);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN | POLLOUT), 0);
    turns(&p, 1);
    assert_int_equal(p.last, POLLIN | POLLOUT);
    spot_close(&p);
}

static void a_watch_can_be_added_paused_and_begun_later(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, 0), 0);
    assert_int_equal(write(p.far, "x", 1), 1);
    quiet(&p, 20);
    sp_watchset_mod(set, &p.w, POLLIN);
    turns(&p, 1);
    spot_close(&p);
}

static void what_is_asked_for_changes(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    quiet(&p, 10);
    sp_watchset_mod(set, &p.w, POLLIN | POLLOUT);
    turns(&p, 1);
    assert_int_equal(p.last, POLLOUT);
    sp_watchset_mod(set, &p.w, POLLIN);
    quiet(&p, 10);
    spot_close(&p);
}

/* epoll would report it for ever. */
static void a_paused_watch_hears_of_a_hangup_once_at_most(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    quiet(&p, 10);
    sp_watchset_mod(set, &p.w, 0);
    assert_int_equal(shutdown(p.far, SHUT_RDWR), 0);
    calm(&p, 20, 1);
    sp_watchset_mod(set, &p.w, POLLIN);
    turns(&p, atomic_load(&p.n) + 1);
    assert_true(p.last & (POLLIN | POLLHUP | POLLERR));
    spot_close(&p);
}

static void the_callback_may_pause_itself(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    p.pause = true;
    assert_int_equal(write(p.far, "x", 1), 1);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    turns(&p, 1);
    quiet(&p, 20);
    spot_close(&p);
}

static void del_event(struct sp_watch *w, int events)
{
    struct spot *p = SP_CONTAINER(w, struct spot, w);
    p->last = events;
    atomic_fetch_add(&p->n, 1);
    spot_close(p);
}

static void the_callback_may_delete_itself_and_close(void **state)
{
    (void)state;
    struct spot p, q;
    spot_open(&p);
    spot_open(&q);
    p.w.fn = del_event;
    assert_int_equal(write(p.far, "x", 1), 1);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    assert_int_equal(sp_watchset_add(set, &q.w, POLLIN), 0);
    turns(&p, 1);
    quiet(&q, 20);
    assert_int_equal(atomic_load(&p.n), 1);
    spot_close(&q);
}

/* The number of a closed descriptor is the next one's, at once. */
static void a_number_is_watched_again_for_another_descriptor(void **state)
{
    (void)state;
    struct spot p, q;
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    for (int i = 0; i < 3; i++) {
        quiet(&p, 5);
        spot_del(&p);
        close(p.w.fd);
        close(p.far);
        int number = p.w.fd;
        spot_open(&q);
        if (q.w.fd != number) { /* the pair may come in another order */
            assert_int_equal(dup2(q.w.fd, number), number);
            close(q.w.fd);
            q.w.fd = number;
        }
        assert_int_equal(sp_watchset_add(set, &q.w, POLLIN), 0);
        assert_int_equal(write(q.far, "x", 1), 1);
        turns(&q, 1);
        assert_int_equal(atomic_load(&p.n), 0);
        spot_del(&q);
        close(q.w.fd);
        close(q.far);
        spot_open(&p);
        assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    }
    spot_close(&p);
}

static void a_deleted_watch_that_never_ran_is_gone(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    assert_int_equal(write(p.far, "x", 1), 1);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    spot_del(&p);
    quiet(&p, 10);
    close(p.w.fd);
    close(p.far);
}

/* Bytes lie before the error: whoever reads finds both. */
static void an_error_behind_unread_bytes_is_told_as_readable(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct linger hard = {1, 0};
    char b[3000] = {0};
    int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(l, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(l, 1), 0);
    assert_int_equal(getsockname(l, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(connect(c, (struct sockaddr *)&a, len), 0);
    struct spot p = {.w = {.fd = accept(l, NULL, NULL), .fn = spot_event}};
    assert_int_equal(fcntl(p.w.fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(write(c, b, sizeof b), (int)sizeof b);
    assert_int_equal(setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    close(c);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    turns(&p, 1);
    assert_true(p.last & POLLIN);
    turns(&p, 3); /* level-triggered, as long as it is asked for */
    assert_int_equal(recv(p.w.fd, b, sizeof b, MSG_WAITALL), (int)sizeof b);
    assert_int_equal(recv(p.w.fd, b, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    sp_watchset_mod(set, &p.w, 0);
    calm(&p, 20, 1);
    spot_del(&p);
    close(p.w.fd);
    close(l);
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    const uint64_t ns[] = {0, 1000, 200000, 1500000, 20 * SP_MS};
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
        uint64_t start = sp_now();
        while (sp_now() < start + ns[i])
            assert_int_equal(sp_watchset_wait(set, start + ns[i]), 0);
        assert_true(sp_now() - start < ns[i] + 1000 * SP_MS);
    }
    assert_int_equal(sp_watchset_wait(set, 0), 0);
    assert_int_equal(sp_watchset_wait(set, 1), 0);
}

static void a_kick_ends_the_wait_also_when_it_came_before(void **state)
{
    (void)state;
    sp_watchset_kick(set);
    sp_watchset_kick(set);
    uint64_t start = sp_now();
    assert_int_equal(turn(LONG_NS), 0);
    assert_true(sp_now() - start < LONG_NS / 2);
    struct spot none = {.n = 0};
    quiet(&none, 20); /* both were one */
}

/* The back end may have something to catch up with before it sleeps: the kick must survive that. */
static void a_kick_is_not_lost_when_a_watch_was_changed_too(void **state)
{
    (void)state;
    struct spot p;
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    sp_watchset_kick(set);
    uint64_t start = sp_now();
    assert_int_equal(turn(LONG_NS), 0);
    sp_watchset_mod(set, &p.w, 0);
    sp_watchset_kick(set);
    assert_int_equal(turn(LONG_NS), 0);
    assert_true(sp_now() - start < LONG_NS / 2);
    spot_close(&p);
}

static void *kick_main(void *arg)
{
    pass(*(int *)arg);
    sp_watchset_kick(set);
    return NULL;
}

static void a_kick_from_another_thread_ends_an_endless_wait(void **state)
{
    (void)state;
    pthread_t t;
    int ms = 20;
    assert_int_equal(pthread_create(&t, NULL, kick_main, &ms), 0);
    assert_int_equal(turn(SP_NEVER), 0);
    pthread_join(t, NULL);
}

static void *add_main(void *arg)
{
    struct spot *p = arg;
    pass(10);
    assert_int_equal(sp_watchset_add(set, &p->w, POLLIN), 0);
    return NULL;
}

static void a_watch_that_another_thread_adds_is_in_force_while_we_wait(void **state)
{
    (void)state;
    pthread_t t;
    struct spot p;
    spot_open(&p);
    assert_int_equal(write(p.far, "x", 1), 1);
    assert_int_equal(pthread_create(&t, NULL, add_main, &p), 0);
    uint64_t start = sp_now();
    while (atomic_load(&p.n) == 0)
        assert_int_equal(turn(LONG_NS), 0);
    assert_true(sp_now() - start < LONG_NS / 2);
    pthread_join(t, NULL);
    spot_close(&p);
}

static void *mod_main(void *arg)
{
    struct spot *p = arg;
    pass(10);
    sp_watchset_mod(set, &p->w, POLLIN);
    return NULL;
}

static void a_resume_by_another_thread_is_in_force_while_we_wait(void **state)
{
    (void)state;
    pthread_t t;
    struct spot p;
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, 0), 0);
    assert_int_equal(write(p.far, "x", 1), 1);
    assert_int_equal(pthread_create(&t, NULL, mod_main, &p), 0);
    uint64_t start = sp_now();
    while (atomic_load(&p.n) == 0)
        assert_int_equal(turn(LONG_NS), 0);
    assert_true(sp_now() - start < LONG_NS / 2);
    pthread_join(t, NULL);
    spot_close(&p);
}

static pthread_t waiting;

static void *signal_main(void *arg)
{
    (void)arg;
    pass(20);
    pthread_kill(waiting, SIGUSR1);
    return NULL;
}

static void a_signal_ends_the_wait_with_EINTR(void **state)
{
    (void)state;
    const int flags[] = {0, SA_RESTART};
    for (int i = 0; i < 2; i++) {
        pthread_t t;
        catch_signal(flags[i]);
        waiting = pthread_self();
        assert_int_equal(pthread_create(&t, NULL, signal_main, NULL), 0);
        assert_int_equal(turn(i ? SP_NEVER : LONG_NS), -EINTR);
        pthread_join(t, NULL);
    }
}

static void timer_cb(uv_timer_t *t) { *(int *)t->data += 1; }

static void what_lives_in_libuvs_loop_is_run_when_it_is_due(void **state)
{
    (void)state;
    int fired = 0;
    uv_timer_t t = {.data = &fired};
    assert_int_equal(uv_timer_init(&uv, &t), 0);
    uv_update_time(&uv);
    assert_int_equal(uv_timer_start(&t, timer_cb, 10, 0), 0);
    uint64_t start = sp_now();
    while (!fired)
        assert_int_equal(turn(SP_NEVER), 0);
    assert_in_range(sp_now() - start, 5 * SP_MS, LONG_NS / 2);
    uv_close((uv_handle_t *)&t, NULL);
    uv_run(&uv, UV_RUN_NOWAIT);
}

static void many_watches_are_all_told(void **state)
{
    (void)state;
    static struct spot p[150];
    for (int i = 0; i < 150; i++) {
        spot_open(&p[i]);
        p[i].take = true;
        assert_int_equal(sp_watchset_add(set, &p[i].w, POLLIN), 0);
        assert_int_equal(write(p[i].far, "x", 1), 1);
    }
    for (int i = 0; i < 150; i++)
        turns(&p[i], 1);
    quiet(&p[0], 10);
    for (int i = 0; i < 150; i++)
        spot_close(&p[i]);
}

/* Told when added (epoll) or never watched (libuv, which tries now and then); neither spins nor harms the others. */
static void a_file_cannot_be_watched(void **state)
{
    (void)state;
    struct spot p, q = {.w = {.fn = spot_event}};
    FILE *f = tmpfile();
    q.w.fd = fileno(f);
    int rc = sp_watchset_add(set, &q.w, POLLIN);
    if (rc < 0)
        assert_int_equal(rc, -EPERM);
    quiet(&q, 30);
    spot_open(&p);
    assert_int_equal(sp_watchset_add(set, &p.w, POLLIN), 0);
    assert_int_equal(write(p.far, "x", 1), 1);
    turns(&p, 1);
    if (rc == 0)
        spot_del(&q);
    spot_close(&p);
    fclose(f);
}

static void lack_of_memory_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    struct spot p;
    struct sp_watchset *other = NULL;
    int fds = sp_fd_count();
    failing_set(1);
    assert_int_equal(sp_watchset_new(&other, &uv), -ENOMEM);
    assert_null(other);
    assert_int_equal(sp_fd_count(), fds);
    spot_open(&p);
    failing_set(1);
    int rc = sp_watchset_add(set, &p.w, POLLIN);
    assert_int_equal(rc, failing_clear() ? -ENOMEM : 0);
    if (rc == 0)
        spot_del(&p);
    close(p.w.fd);
    close(p.far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCH_TEST(what_can_be_read_is_told_again_until_it_is_read),
        WATCH_TEST(room_to_write_is_told),
        WATCH_TEST(both_are_told_at_once),
        WATCH_TEST(a_watch_can_be_added_paused_and_begun_later),
        WATCH_TEST(what_is_asked_for_changes),
        WATCH_TEST(a_paused_watch_hears_of_a_hangup_once_at_most),
        WATCH_TEST(the_callback_may_pause_itself),
        WATCH_TEST(the_callback_may_delete_itself_and_close),
        WATCH_TEST(a_number_is_watched_again_for_another_descriptor),
        WATCH_TEST(a_deleted_watch_that_never_ran_is_gone),
        WATCH_TEST(an_error_behind_unread_bytes_is_told_as_readable),
        WATCH_TEST(a_wait_ends_at_its_deadline_and_not_before),
        WATCH_TEST(a_kick_ends_the_wait_also_when_it_came_before),
        WATCH_TEST(a_kick_is_not_lost_when_a_watch_was_changed_too),
        WATCH_TEST(a_kick_from_another_thread_ends_an_endless_wait),
        WATCH_TEST(a_watch_that_another_thread_adds_is_in_force_while_we_wait),
        WATCH_TEST(a_resume_by_another_thread_is_in_force_while_we_wait),
        WATCH_TEST(a_signal_ends_the_wait_with_EINTR),
        WATCH_TEST(what_lives_in_libuvs_loop_is_run_when_it_is_due),
        WATCH_TEST(many_watches_are_all_told),
        WATCH_TEST(a_file_cannot_be_watched),
        WATCH_TEST(lack_of_memory_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
