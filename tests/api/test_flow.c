/* SPDX-License-Identifier: MIT */
/* How messages flow: without the caller's help, against resistance, and when they are large; and
 * that nothing stirs when nothing flows. */
#include "lib.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>

static char big[100000];       /* received into */
static const char out[100000]; /* sent, also by another thread */

/* ---- a caller that computes ---- */

static void a_burst_leaves_while_the_caller_computes(void **state)
{
    (void)state;
    int ready[2], go[2], status;
    char address[160], c;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork(); /* the receiver is a process of its own: nobody here calls the library */
    assert_return_code(pid, errno);
    if (pid == 0) {
        alarm(LIB_PATIENCE_MS / 1000);
        close(go[1]);
        int one = 1, s = nn_socket(AF_SP, NN_PULL);
        size_t len = sizeof address;
        nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &one, sizeof one);
        if (nn_bind(s, "tcp://127.0.0.1:0") < 0 ||
            nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len) < 0 ||
            write(ready[1], address, sizeof address) < 0)
            _exit(99);
        for (int i = 0; i < 100; i++)
            if (nn_recv(s, big, sizeof big, 0) != 3)
                _exit(98);
        (void)!write(ready[1], "!", 1);
        (void)!read(go[0], &c, 1);
        _exit(0);
    }
    assert_int_equal(read(ready[0], address, sizeof address), sizeof address);
    int s = lib_socket(NN_PUSH);
    lib_ok(nn_connect(s, address));
    lib_peers(s, 1);
    for (int i = 0; i < 100; i++)
        lib_send(s, "cpu");
    assert_int_equal(read(ready[0], &c, 1),
                     1); /* the last ones were gathered, and have left nevertheless */
    close(go[1]);
    close(go[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(ready[0]);
    close(ready[1]);
    nn_close(s);
}

static void a_single_message_leaves_at_once(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    for (int i = 0; i < 200; i++) {
        lib_send(t.c, "one");
        lib_expect(t.s, "one");
    }
    lib_close(t);
}

/* ---- back-pressure ---- */

/* Sends until no more is taken for a while. How many were taken. */
static int fill(int s)
{
    int n = 0;
    while (lib_poll(s, NN_POLLOUT, LIB_QUIET_MS))
        n += nn_send(s, out, sizeof out, NN_DONTWAIT) >= 0;
    return n;
}

static void a_receiver_that_does_not_read_stops_the_sender(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    int n = fill(t.c);
    assert_in_range(n, 2, 500); /* our buffers and the kernel's on both sides: a few MiB */
    lib_fails(nn_send(t.c, out, sizeof out, NN_DONTWAIT), EAGAIN);
    lib_set(t.c, NN_SNDTIMEO, 30);
    lib_fails(nn_send(t.c, out, sizeof out, 0), ETIMEDOUT);
    for (int i = 0; i < n; i++)
        assert_int_equal(lib_ok(nn_recv(t.s, big, sizeof big, 0)), sizeof big);
    lib_expect_nothing(t.s);
    lib_set(t.c, NN_SNDTIMEO, LIB_PATIENCE_MS);
    lib_send(t.c, "goes on");
    lib_expect(t.s, "goes on");
    lib_close(t);
}

static void small_messages_are_stopped_too(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    int n = 0;
    while (lib_poll(t.c, NN_POLLOUT, LIB_QUIET_MS))
        n += nn_send(t.c, "0123456789abcdef", 16, NN_DONTWAIT) >= 0;
    for (int i = 0; i < n; i++)
        lib_expect(t.s, "0123456789abcdef");
    lib_expect_nothing(t.s);
    lib_close(t);
}

static void *send_forever(void *arg)
{
    intptr_t n = 0;
    while (nn_send(*(int *)arg, out, 1000, 0) >= 0)
        n++;
    return (void *)n;
}

static void a_blocked_sender_goes_on_when_there_is_room(void **state)
{
    (void)state;
    pthread_t t;
    struct lib_two two = lib_two(NN_PULL, NN_PUSH);
    assert_int_equal(pthread_create(&t, NULL, send_forever, &two.c), 0);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(lib_ok(nn_recv(two.s, big, sizeof big, 0)), 1000);
    nn_close(two.c);
    pthread_join(t, NULL);
    nn_close(two.s);
}

/* ---- large ones ---- */

struct sending {
    int s;
    char *body;
    size_t len;
    int rc;
};

static void *send_large(void *arg)
{
    struct sending *x = arg;
    x->rc = nn_send(x->s, x->body, x->len, 0);
    return NULL;
}

static void large(size_t len, int in_message)
{
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    struct sending x = {t.c, malloc(len), len, -1};
    char *in = in_message ? NULL : malloc(len);
    pthread_t thread;
    assert_true(x.body && (in || in_message));
    for (size_t i = 0; i < len; i++)
        x.body[i] = (char)(i * 31 + (i >> 12));
    lib_set(t.s, NN_RCVMAXSIZE, -1);
    assert_int_equal(pthread_create(&thread, NULL, send_large, &x), 0);
    if (in_message)
        assert_int_equal(lib_ok(nn_recv(t.s, &in, NN_MSG, 0)), len);
    else
        assert_int_equal(lib_ok(nn_recv(t.s, in, len, 0)), len);
    pthread_join(thread, NULL);
    assert_int_equal(x.rc, len);
    assert_true(memcmp(in, x.body, len) == 0);
    if (in_message)
        nn_freemsg(in);
    else
        free(in);
    free(x.body);
    lib_close(t);
}

static void four_mebibytes(void **state)
{
    (void)state;
    large(4 << 20, 0);
}

static void sixty_four_mebibytes(void **state)
{
    (void)state;
    large(64 << 20, 1);
}

static void large_and_small_keep_their_order(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    for (int i = 0; i < 50; i++) {
        lib_send(t.c, "before");
        lib_ok(nn_send(t.c, out, 20000 + (size_t)i * 777, 0));
        lib_send(t.c, "after");
        lib_expect(t.s, "before");
        assert_int_equal(lib_ok(nn_recv(t.s, big, sizeof big, 0)), 20000 + i * 777);
        lib_expect(t.s, "after");
    }
    lib_close(t);
}

/* ---- quiet ---- */

/* Voluntary context switches of all threads of this process but the caller's. */
static long switches(void)
{
    long total = 0;
    char path[300], line[128];
    DIR *d = opendir("/proc/self/task");
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' || atoi(e->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
        FILE *f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f))
            if (!strncmp(line, "voluntary_ctxt_switches:", 24))
                total += atol(line + 24);
        if (f)
            fclose(f);
    }
    closedir(d);
    return total;
}

/* Nothing but this test runs: what the threads of the library do in a second. */
static void expect_quiet(void)
{
    if (switches() < 0)
        skip();     /* no /proc */
    lib_pause(500); /* what was under way ends: the helper settles, idle workers stay asleep */
    long before = switches();
    lib_pause(1000);
    assert_in_range(switches() - before, 0, LIB_SLOW ? 30 : 0);
}

static void an_idle_connection_wakes_nobody(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    lib_send(t.c, "x");
    lib_expect(t.s, "x");
    expect_quiet();
    lib_send(t.c, "x");
    lib_expect(t.s, "x");
    lib_close(t);
}

static void a_listener_alone_wakes_nobody(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_listen(s);
    expect_quiet();
    nn_close(s);
}

static void a_burst_before_leaves_nothing_ticking(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    for (int i = 0; i < 2000; i++)
        lib_send(t.c, "x");
    for (int i = 0; i < 2000; i++)
        lib_expect(t.s, "x");
    expect_quiet();
    lib_close(t);
}

static void a_full_pipe_wakes_nobody(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    fill(t.c);
    expect_quiet();
    lib_close(t);
}

static void a_socket_after_all_were_closed_wakes_nobody(void **state)
{
    (void)state;
    lib_close(lib_two(NN_PULL, NN_PUSH));
    int s = lib_socket(NN_PULL);
    expect_quiet();
    nn_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_leaves_while_the_caller_computes),
        cmocka_unit_test(a_single_message_leaves_at_once),
        cmocka_unit_test(a_receiver_that_does_not_read_stops_the_sender),
        cmocka_unit_test(small_messages_are_stopped_too),
        cmocka_unit_test(a_blocked_sender_goes_on_when_there_is_room),
        cmocka_unit_test(four_mebibytes),
        cmocka_unit_test(sixty_four_mebibytes),
        cmocka_unit_test(large_and_small_keep_their_order),
        cmocka_unit_test(an_idle_connection_wakes_nobody),
        cmocka_unit_test(a_listener_alone_wakes_nobody),
        cmocka_unit_test(a_burst_before_leaves_nothing_ticking),
        cmocka_unit_test(a_full_pipe_wakes_nobody),
        cmocka_unit_test(a_socket_after_all_were_closed_wakes_nobody),
    };
    return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
