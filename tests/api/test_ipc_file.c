/* SPDX-License-Identifier: MIT */
/* The file of an ipc listener: who gets it, when it goes. Who may use it: test_ipc_rights.c. */
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

/* ---- whose it is ---- */

static void the_file_comes_and_goes_with_the_listener(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    for (int i = 0; i < 3; i++) {
        int id = lib_ok(nn_bind(s, AT));
        assert_true(S_ISSOCK(ipc_stat("x.sock").st_mode));
        assert_false(ipc_there("x.sock.nanoseal"));
        serves(s, AT);
        lib_ok(nn_shutdown(s, id));
        assert_false(ipc_there("x.sock"));
    }
    lib_ok(nn_bind(s, AT));
    lib_ok(nn_close(s));
    assert_false(ipc_there("x.sock"));
    s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, AT));
    lib_ok(nn_close(s));
}

static void a_live_address_is_refused(void **state)
{
    (void)state;
    int a = lib_socket(NN_PULL), b = lib_socket(NN_PULL);
    lib_ok(nn_bind(a, AT));
    struct stat before = ipc_stat("x.sock");
    lib_fails(nn_bind(a, AT), EADDRINUSE);
    lib_fails(nn_bind(b, AT), EADDRINUSE);
    assert_int_equal(lib_stat(b, NN_STAT_BIND_ERRORS), 1);
    lib_ok(nn_close(b));
    assert_int_equal(ipc_stat("x.sock").st_ino, before.st_ino);
    serves(a, AT);
    lib_ok(nn_close(a));
}

static void a_stale_file_is_taken_over(void **state)
{
    (void)state;
    ipc_stale("x.sock");
    int s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, AT));
    serves(s, AT);
    lib_ok(nn_close(s));
}

/* A dead datagram socket has no listener either. */
static void a_stale_file_of_another_type_is_taken_over(void **state)
{
    (void)state;
    close(ipc_bare("x.sock", SOCK_DGRAM));
    int s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, AT));
    serves(s, AT);
    lib_ok(nn_close(s));
}

static void a_live_socket_of_another_type_is_refused(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL), fd = ipc_bare("x.sock", SOCK_DGRAM);
    lib_fails(nn_bind(s, AT), EADDRINUSE);
    close(fd);
    assert_int_equal(unlink("x.sock"), 0);
    lib_ok(nn_close(s));
}

static void refused_and_untouched(const char *path)
{
    char address[64];
    struct stat before = ipc_stat(path);
    int s = lib_socket(NN_PULL);
    snprintf(address, sizeof address, "ipc://%s", path);
    lib_fails(nn_bind(s, address), EADDRINUSE);
    lib_ok(nn_close(s));
    struct stat after = ipc_stat(path);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_size, before.st_size);
}

static void a_foreign_file_is_never_touched(void **state)
{
    (void)state;
    int fd = open("file", O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    refused_and_untouched("file");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    refused_and_untouched("fifo");
    assert_int_equal(mkdir("folder", 0700), 0);
    refused_and_untouched("folder");
    assert_int_equal(symlink("nowhere", "link"), 0);
    refused_and_untouched("link");
    ipc_stale("stale");
    assert_int_equal(symlink("stale", "link2"), 0);
    refused_and_untouched("link2");
    assert_int_equal(unlink("file") | unlink("fifo") | rmdir("folder") | unlink("link") |
                         unlink("link2") | unlink("stale"),
                     0);
}

static void a_missing_folder_is_ENOENT_to_bind_only(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_fails(nn_bind(s, "ipc://missing/x.sock"), ENOENT);
    close(open("file", O_WRONLY | O_CREAT, 0644));
    lib_fails(nn_bind(s, "ipc://file/x.sock"), ENOENT);
    assert_int_equal(unlink("file"), 0);
    lib_ok(nn_connect(s, "ipc://missing/x.sock"));
    lib_ok(nn_close(s));
}

static int bind_as_nobody(int want)
{
    if (setgid(4712) < 0 || setuid(4711) < 0)
        return 2;
    int s = nn_socket(AF_SP, NN_PULL);
    return nn_bind(s, AT) < 0 && nn_errno() == want ? 0 : 1;
}

static void a_folder_that_may_not_be_written_is_EACCES(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    assert_int_equal(chmod(".", 0755), 0);
    assert_int_equal(ipc_wait(ipc_fork(bind_as_nobody, EACCES)), 0);
}

/* ---- the lock beside it ---- */

static void a_lock_that_a_crash_left_is_used_again(void **state)
{
    (void)state;
    close(open("x.sock.nanoseal", O_WRONLY | O_CREAT, 0600));
    ipc_stale("x.sock");
    int s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, AT));
    assert_false(ipc_there("x.sock.nanoseal"));
    lib_ok(nn_close(s));
}

/* It has the lock's name but is none. */
static void a_foreign_lock_is_never_touched(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL), fd = open("x.sock.nanoseal", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    lib_fails(nn_bind(s, AT), EADDRINUSE);
    assert_int_equal(ipc_stat("x.sock.nanoseal").st_size, 8);
    assert_int_equal(unlink("x.sock.nanoseal"), 0);
    assert_int_equal(mkfifo("x.sock.nanoseal", 0600), 0);
    lib_fails(nn_bind(s, AT), EADDRINUSE);
    assert_true(S_ISFIFO(ipc_stat("x.sock.nanoseal").st_mode));
    assert_int_equal(unlink("x.sock.nanoseal"), 0);
    assert_int_equal(symlink("elsewhere", "x.sock.nanoseal"), 0);
    assert_true(nn_bind(s, AT) < 0);
    assert_true(S_ISLNK(ipc_stat("x.sock.nanoseal").st_mode));
    assert_false(ipc_there("elsewhere"));
    assert_int_equal(unlink("x.sock.nanoseal"), 0);
    lib_ok(nn_close(s));
}

#define BINDERS 8

/* Binds once the other end of `go` is closed, and holds what it got until there is no test any
 * more. */
static int go[2], stop[2];
static int bind_at_once(int arg)
{
    char c;
    (void)arg;
    close(go[1]);
    close(stop[1]);
    int s = nn_socket(AF_SP, NN_PULL);
    if (read(go[0], &c, 1) != 0)
        return 3;
    int rc = nn_bind(s, AT) >= 0 ? 1 : nn_errno() == EADDRINUSE ? 0 : 2;
    c = (char)rc;
    if (write(stop[0], &c, 1) != 1)
        return 3;
    if (read(stop[0], &c, 1) != 0)
        return 3;
    nn_close(s);
    return rc;
}

/* One of them gets it, whatever was there, and it is that one who can be reached. */
static void of_many_processes_one_binds(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        pid_t pid[BINDERS];
        char said[BINDERS];
        int won = 0, bad = 0;
        if (round % 3)
            ipc_stale("x.sock");
        assert_int_equal(pipe(go), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stop), 0);
        for (int i = 0; i < BINDERS; i++)
            pid[i] = ipc_fork(bind_at_once, i);
        close(go[0]);
        close(stop[0]);
        close(go[1]);
        for (int i = 0; i < BINDERS; i++)
            assert_int_equal(read(stop[1], said + i, 1), 1);
        struct sockaddr_un a = ipc_name("x.sock");
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
        close(fd);
        close(stop[1]);
        for (int i = 0; i < BINDERS; i++) {
            int got = ipc_wait(pid[i]);
            won += got == 1;
            bad += got > 1 || got < 0;
        }
        assert_int_equal(bad, 0);
        assert_int_equal(won, 1);
        assert_int_equal(rc, 0);
        assert_false(ipc_there("x.sock"));
    }
}

/* ---- when others change it ---- */

static void who_deletes_the_file_ends_no_connection(void **state)
{
    (void)state;
    int a = lib_socket(NN_PULL), b = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    ipc_join(a, c, AT);
    assert_int_equal(unlink("x.sock"), 0);
    lib_send(c, "still there");
    lib_expect(a, "still there");
    lib_ok(nn_bind(b, AT)); /* nobody can reach the old one any more */
    struct stat theirs = ipc_stat("x.sock");
    lib_ok(nn_close(a)); /* and it leaves the new one alone */
    assert_int_equal(ipc_stat("x.sock").st_ino, theirs.st_ino);
    lib_peers(b, 1); /* the other has reconnected */
    lib_send(c, "moved");
    lib_expect(b, "moved");
    lib_ok(nn_close(c));
    lib_ok(nn_close(b));
}

static void a_file_that_somebody_put_in_its_place_stays(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, AT));
    assert_int_equal(rename("x.sock", "moved"), 0);
    close(open("x.sock", O_WRONLY | O_CREAT, 0600));
    lib_ok(nn_close(s));
    assert_true(S_ISREG(ipc_stat("x.sock").st_mode));
    assert_int_equal(unlink("x.sock") | unlink("moved"), 0);
}

static void a_forked_child_that_exits_leaves_the_file(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, AT));
    pid_t pid = fork();
    if (pid == 0) {
        nn_close(s);
        nn_term();
        _exit(0);
    }
    assert_int_equal(ipc_wait(pid), 0);
    serves(s, AT);
    lib_ok(nn_close(s));
}

/* ---- a server that dies ---- */

static int serve(int arg)
{
    char body[16];
    (void)arg;
    int s = nn_socket(AF_SP, NN_REP);
    if (nn_bind(s, AT) < 0)
        return 1;
    for (;;) {
        int n = nn_recv(s, body, sizeof body, 0);
        if (n < 0 || nn_send(s, body, (size_t)n, 0) < 0)
            return 2;
    }
}

static void a_killed_server_is_replaced(void **state)
{
    (void)state;
    int c = lib_socket(NN_REQ);
    lib_ok(nn_connect(c, AT));
    for (int i = 0; i < 5; i++) {
        pid_t pid = ipc_fork(serve, 0);
        char text[32];
        snprintf(text, sizeof text, "question %d", i);
        lib_send(c, text);
        lib_expect(c, text);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(ipc_wait(pid), -SIGKILL);
        assert_true(ipc_there("x.sock"));
    }
    lib_ok(nn_close(c));
    assert_int_equal(unlink("x.sock"), 0);
}

static void connecting_waits_for_a_listener(void **state)
{
    (void)state;
    int c = lib_socket(NN_PUSH), s = lib_socket(NN_PULL);
    char text[256];
    lib_ok(nn_connect(c, AT));
    lib_until(lib_stat(c, NN_STAT_REFUSED) > 1);
    lib_text(c, NN_LAST_REASON, text, sizeof text);
    assert_non_null(strstr(text, AT));
    lib_ok(nn_bind(s, AT));
    lib_send(c, "x");
    lib_expect(s, "x");
    lib_ok(nn_close(c));
    lib_ok(nn_close(s));
}

/* connect answers EAGAIN at once then, and nothing tells when there is room. */
static void a_full_backlog_is_tried_again(void **state)
{
    (void)state;
    struct sockaddr_un a = ipc_name("x.sock");
    int l = ipc_bare("x.sock", SOCK_STREAM), c = lib_socket(NN_PUSH), n = 0, fd[16];
    char text[256];
    assert_int_equal(listen(l, 1), 0);
    for (; n < 16; n++) {
        fd[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(fd[n], (struct sockaddr *)&a, sizeof a) < 0)
            break;
    }
    assert_in_range(n, 1, 15);
    lib_ok(nn_connect(c, AT));
    lib_until(lib_stat(c, NN_STAT_CONNECT_ERRORS) >= 3);
    lib_text(c, NN_LAST_REASON, text, sizeof text);
    assert_non_null(strstr(text, "queue is full"));
    int s = lib_socket(NN_PULL);
    lib_fails(nn_bind(s, AT), EADDRINUSE); /* it is alive */
    for (int i = 0; i <= n; i++)
        close(fd[i]);
    close(l);
    lib_ok(nn_bind(s, AT));
    lib_send(c, "x");
    lib_expect(s, "x");
    lib_ok(nn_close(c));
    lib_ok(nn_close(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IPC_TEST(the_file_comes_and_goes_with_the_listener),
        IPC_TEST(a_live_address_is_refused),
        IPC_TEST(a_stale_file_is_taken_over),
        IPC_TEST(a_stale_file_of_another_type_is_taken_over),
        IPC_TEST(a_live_socket_of_another_type_is_refused),
        IPC_TEST(a_foreign_file_is_never_touched),
        IPC_TEST(a_missing_folder_is_ENOENT_to_bind_only),
        IPC_TEST(a_folder_that_may_not_be_written_is_EACCES),
        IPC_TEST(a_lock_that_a_crash_left_is_used_again),
        IPC_TEST(a_foreign_lock_is_never_touched),
        IPC_TEST(of_many_processes_one_binds),
        IPC_TEST(who_deletes_the_file_ends_no_connection),
        IPC_TEST(a_file_that_somebody_put_in_its_place_stays),
        IPC_TEST(a_forked_child_that_exits_leaves_the_file),
        IPC_TEST(a_killed_server_is_replaced),
        IPC_TEST(connecting_waits_for_a_listener),
        IPC_TEST(a_full_backlog_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
