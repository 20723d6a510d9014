/* SPDX-License-Identifier: MIT */
/* Who may use the file of an ipc listener: mode and owner, from the first moment on. */
#include "ipclib.h"

#define AT "ipc://x.sock"

static void serves(int s, const char *address)
{
    int c = lib_socket(NN_PUSH);
    lib_ok(nn_connect(c, address));
    lib_send(c, "x");
    lib_expect(s, "x");
    lib_ok(nn_close(c));
}

static int stop[2]; /* ends a process that runs along */

static void the_mode_is_what_umask_leaves_or_what_is_asked_for(void **state)
{
    (void)state;
    static const int modes[] = {-1, 0, 0600, 0660, 0666, 0777};
    for (int i = 0; i < 6; i++) {
        int s = lib_socket(NN_PULL);
        ipc_set(s, NN_IPC_MODE, modes[i]);
        mode_t old = umask(027);
        lib_ok(nn_bind(s, AT));
        umask(old);
        assert_int_equal(ipc_stat("x.sock").st_mode & 0777, modes[i] < 0 ? 0750 : modes[i]);
        lib_ok(nn_close(s));
    }
}

static void the_owner_is_who_is_asked_for(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    int s = lib_socket(NN_PULL);
    int id = lib_ok(nn_bind(s, AT));
    assert_int_equal(ipc_stat("x.sock").st_uid, getuid());
    assert_int_equal(ipc_stat("x.sock").st_gid, getgid());
    lib_ok(nn_shutdown(s, id));
    ipc_set(s, NN_IPC_OWNER, 4711);
    mode_t old = umask(027);
    id = lib_ok(nn_bind(s, AT));
    umask(old);
    assert_int_equal(ipc_stat("x.sock").st_mode & 0777, 0750);
    assert_int_equal(ipc_stat("x.sock").st_uid, 4711);
    assert_int_equal(ipc_stat("x.sock").st_gid, getgid());
    lib_ok(nn_shutdown(s, id));
    ipc_set(s, NN_IPC_OWNER, -1);
    ipc_set(s, NN_IPC_GROUP, 4712);
    lib_ok(nn_bind(s, AT));
    assert_int_equal(ipc_stat("x.sock").st_uid, getuid());
    assert_int_equal(ipc_stat("x.sock").st_gid, 4712);
    serves(s, AT);
    lib_ok(nn_close(s));
}

static int give_away(int arg)
{
    (void)arg;
    if (setgid(4712) < 0 || setuid(4711) < 0)
        return 2;
    int s = nn_socket(AF_SP, NN_PULL), owner = 0;
    if (nn_setsockopt(s, NN_IPC, NN_IPC_OWNER, &owner, sizeof owner) < 0)
        return 3;
    int rc = nn_bind(s, AT);
    return rc < 0 && nn_errno() == EPERM && !ipc_there("x.sock") ? 0 : 1;
}

static void an_owner_that_cannot_be_set_fails_the_bind(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    assert_int_equal(chmod(".", 0777), 0);
    assert_int_equal(ipc_wait(ipc_fork(give_away, 0)), 0);
}

/* Connects as another user: 0 it could, 1 it was refused by the file's mode. */
static int connect_as(int uid)
{
    struct sockaddr_un a = ipc_name("x.sock");
    if (setgid((gid_t)uid + 1) < 0 || setuid((uid_t)uid) < 0)
        return 2;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? 0 : errno == EACCES ? 1 : 3;
}

static void only_who_may_can_connect(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    static const struct {
        int mode, group, got;
    } x[] = {{0600, -1, 1}, {0666, -1, 0}, {0660, -1, 1}, {0660, 4712, 0}};
    assert_int_equal(chmod(".", 0755), 0);
    for (int i = 0; i < 4; i++) {
        int s = lib_socket(NN_PULL);
        ipc_set(s, NN_IPC_MODE, x[i].mode);
        ipc_set(s, NN_IPC_GROUP, x[i].group);
        lib_ok(nn_bind(s, AT));
        assert_int_equal(ipc_wait(ipc_fork(connect_as, 4711)), x[i].got);
        lib_ok(nn_close(s));
    }
}

/* Tries to connect all the time, as another user, until it may or is told to stop. */
static int lurk(int uid)
{
    struct sockaddr_un a = ipc_name("x.sock");
    char c;
    close(stop[1]);
    if (setgid((gid_t)uid + 1) < 0 || setuid((uid_t)uid) < 0 ||
        fcntl(stop[0], F_SETFL, O_NONBLOCK) < 0)
        return 2;
    if (write(stop[0], "!", 1) != 1)
        return 2;
    while (read(stop[0], &c, 1) < 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
            return 1;
        close(fd);
    }
    return 0;
}

/* With a umask that lets everybody in. */
static void nobody_slips_in_before_the_mode_holds(void **state)
{
    (void)state;
    char c;
    if (getuid() != 0)
        skip();
    assert_int_equal(chmod(".", 0755), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stop), 0);
    pid_t pid = ipc_fork(lurk, 4711);
    close(stop[0]);
    assert_int_equal(read(stop[1], &c, 1), 1);
    mode_t old = umask(0);
    for (int i = 0; i < 300; i++) {
        int s = lib_socket(NN_PULL);
        ipc_set(s, NN_IPC_MODE, 0600);
        lib_ok(nn_bind(s, AT));
        lib_ok(nn_close(s));
    }
    umask(old);
    close(stop[1]);
    assert_int_equal(ipc_wait(pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IPC_TEST(the_mode_is_what_umask_leaves_or_what_is_asked_for),
        IPC_TEST(the_owner_is_who_is_asked_for),
        IPC_TEST(an_owner_that_cannot_be_set_fails_the_bind),
        IPC_TEST(only_who_may_can_connect),
        IPC_TEST(nobody_slips_in_before_the_mode_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
