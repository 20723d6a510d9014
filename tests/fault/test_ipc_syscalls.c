/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* RTLD_NEXT, accept4 */
/* System calls around an ipc file fail: nn_bind says so, leaves neither file nor lock nor
 * descriptor, and works afterwards. Connections that fail in every way come about in the end. This
 * program defines the calls that the library makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rawpeer.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <nanomsg/ipc.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum call { SOCKET, BIND, LISTEN, FLOCK, FSTAT, LSTAT, CHMOD, CHOWN, CONNECT, ACCEPT, CALLS };

static atomic_int skips[CALLS]; /* calls that are spared first */
static atomic_int fails[CALLS]; /* calls that fail then */
static atomic_int with[CALLS];  /* errno */

static bool failing(enum call c)
{
    if (atomic_load(&fails[c]) <= 0 || atomic_fetch_sub(&skips[c], 1) > 0 ||
        atomic_fetch_sub(&fails[c], 1) <= 0)
        return false;
    errno = atomic_load(&with[c]);
    return true;
}

static void fail_next(enum call c, int err, int after, int times)
{
    atomic_store(&with[c], err);
    atomic_store(&skips[c], after);
    atomic_store(&fails[c], times);
}

#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

int socket(int domain, int type, int protocol)
{
    return failing(SOCKET) ? -1 : REAL(socket, domain, type, protocol);
}

int bind(int fd, const struct sockaddr *a, socklen_t len)
{
    return failing(BIND) ? -1 : REAL(bind, fd, a, len);
}

int listen(int fd, int n)
{
    return failing(LISTEN) ? -1 : REAL(listen, fd, n);
}

static const char *lost_lock; /* removed by another before it is locked, so often */
static int lost_times;

int flock(int fd, int how)
{
    if (lost_lock && lost_times-- > 0)
        (void)unlink(lost_lock);
    return failing(FLOCK) ? -1 : REAL(flock, fd, how);
}

int fstat(int fd, struct stat *st)
{
    return failing(FSTAT) ? -1 : REAL(fstat, fd, st);
}

int lstat(const char *path, struct stat *st)
{
    return path[0] == 'x' && failing(LSTAT) ? -1 : REAL(lstat, path, st);
}

int fchmodat(int fd, const char *path, mode_t mode, int flags)
{
    return failing(CHMOD) ? -1 : REAL(fchmodat, fd, path, mode, flags);
}

int lchown(const char *path, uid_t uid, gid_t gid)
{
    return failing(CHOWN) ? -1 : REAL(lchown, path, uid, gid);
}

int connect(int fd, const struct sockaddr *a, socklen_t len)
{
    return failing(CONNECT) ? -1 : REAL(connect, fd, a, len);
}

int accept4(int fd, struct sockaddr *a, socklen_t *len, int flags)
{
    return failing(ACCEPT) ? -1 : REAL(accept4, fd, a, len, flags);
}

/* ---- binding ---- */

static char folder[64];

static bool there(const char *path)
{
    struct stat st;
    return REAL(lstat, path, &st) == 0;
}

static void make_stale(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "x"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
}

static void bind_fails(enum call c, int err, int after, int want, bool stale)
{
    int s = rp_socket(NN_REP);
    rp_set(s, NN_IPC, NN_IPC_MODE, 0600);
    rp_set(s, NN_IPC, NN_IPC_OWNER, (int)getuid());
    if (stale)
        make_stale();
    int fds = rp_fds();
    fail_next(c, err, after, 1);
    int rc = nn_bind(s, "ipc://x"), got = errno;
    bool spent = atomic_load(&fails[c]) == 0;
    fail_next(c, 0, 0, 0);
    assert_true(spent);
    assert_int_equal(rc, -1);
    assert_int_equal(got, want);
    assert_int_equal(rp_fds(), fds);
    if (c != FLOCK && c != FSTAT) /* else somebody may hold it, or nobody can lock here */
        assert_false(there("x.nanoseal"));
    if (!stale)
        assert_false(there("x"));
    assert_true(nn_bind(s, "ipc://x") > 0);
    assert_false(there("x.nanoseal"));
    assert_int_equal(nn_close(s), 0);
    assert_false(there("x"));
}

static void each_call_of_nn_bind_may_fail(void **state)
{
    (void)state;
    rp_watchdog(60);
    bind_fails(SOCKET, EMFILE, 0, EMFILE, false);
    bind_fails(BIND, EACCES, 0, EACCES, false);
    bind_fails(BIND, EROFS, 0, EROFS, false);
    bind_fails(LISTEN, EADDRINUSE, 0, EADDRINUSE, false);
    bind_fails(FLOCK, ENOLCK, 0, ENOLCK, false);
    bind_fails(FLOCK, EWOULDBLOCK, 0, EADDRINUSE, false);
    bind_fails(FSTAT, EIO, 0, EIO, false);
    bind_fails(FSTAT, EIO, 1, EIO, false);
    bind_fails(CHMOD, EPERM, 0, EPERM, false);
    bind_fails(CHOWN, EPERM, 0, EPERM, false);
    bind_fails(LSTAT, EIO, 0, EIO, false);
    rp_watchdog(0);
}

/* What can't be asked is not taken to be stale. */
static void each_call_of_a_take_over_may_fail(void **state)
{
    (void)state;
    rp_watchdog(60);
    bind_fails(SOCKET, EMFILE, 1, EMFILE, true);
    bind_fails(LSTAT, EIO, 0, EIO, true);
    bind_fails(CONNECT, EACCES, 0, EADDRINUSE, true);
    bind_fails(CONNECT, EAGAIN, 0, EADDRINUSE, true);
    bind_fails(CONNECT, ENOMEM, 0, EADDRINUSE, true);
    bind_fails(BIND, EADDRINUSE, 1, EADDRINUSE, true); /* somebody without the lock was faster */
    rp_watchdog(0);
}

/* A lock whose holder removed it while we waited for it is none. */
static void a_lock_without_a_name_is_taken_again(void **state)
{
    (void)state;
    int s = rp_socket(NN_REP);
    lost_lock = "x.nanoseal";
    lost_times = 3;
    assert_true(nn_bind(s, "ipc://x") > 0);
    assert_int_equal(lost_times, -1);
    assert_false(there("x.nanoseal"));
    lost_lock = "y.nanoseal";
    lost_times = 1000;
    assert_int_equal(nn_bind(s, "ipc://y"), -1);
    assert_int_equal(errno, EADDRINUSE);
    lost_lock = NULL;
    assert_int_equal(nn_close(s), 0);
}

/* ---- connecting ---- */

static void *echo_main(void *arg)
{
    void *body;
    for (;;) {
        int n = nn_recv(*(int *)arg, &body, NN_MSG, 0);
        if (n < 0 && errno == EBADF)
            return NULL;
        if (n >= 0 && nn_send(*(int *)arg, &body, NN_MSG, 0) < 0)
            nn_freemsg(body);
    }
}

static void recovers(enum call c, int err, int stat)
{
    int s = rp_socket(NN_REP), r = rp_socket(NN_REQ);
    pthread_t t;
    char got[16];
    rp_watchdog(60);
    assert_true(nn_bind(s, "ipc://x") > 0);
    fail_next(c, err, 0, 5);
    assert_true(nn_connect(r, "ipc://x") > 0);
    assert_int_equal(pthread_create(&t, NULL, echo_main, &s), 0);
    assert_int_equal(nn_send(r, "question", 8, 0), 8);
    assert_int_equal(nn_recv(r, got, sizeof got, 0), 8);
    assert_memory_equal(got, "question", 8);
    assert_true(atomic_load(&fails[c]) <= 0);
    if (stat)
        assert_int_equal(nn_get_statistic(r, stat), 5);
    assert_int_equal(nn_close(s), 0);
    assert_int_equal(nn_close(r), 0);
    pthread_join(t, NULL);
    rp_watchdog(0);
}

static void connecting_is_tried_again(void **state)
{
    (void)state;
    recovers(CONNECT, EAGAIN, NN_STAT_LIMIT);
    recovers(CONNECT, ENOENT, NN_STAT_REFUSED);
    recovers(CONNECT, ECONNREFUSED, NN_STAT_REFUSED);
    recovers(CONNECT, EACCES, NN_STAT_CONNECT_ERRORS);
    recovers(CONNECT, EPROTOTYPE, NN_STAT_CONNECT_ERRORS);
    recovers(CONNECT, ENOMEM, NN_STAT_LIMIT);
    recovers(SOCKET, EMFILE, NN_STAT_LIMIT);
}

static void accepting_is_tried_again(void **state)
{
    (void)state;
    recovers(ACCEPT, EMFILE, 0);
    recovers(ACCEPT, ENOMEM, 0);
    recovers(ACCEPT, ECONNABORTED, 0);
    recovers(ACCEPT, EINTR, 0);
}

static int group_setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/nanoseal-ipc-XXXXXX", P_tmpdir);
    nn_close(rp_socket(NN_REQ));
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    nn_term();
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_of_nn_bind_may_fail),
        cmocka_unit_test(each_call_of_a_take_over_may_fail),
        cmocka_unit_test(a_lock_without_a_name_is_taken_again),
        cmocka_unit_test(connecting_is_tried_again),
        cmocka_unit_test(accepting_is_tried_again),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
