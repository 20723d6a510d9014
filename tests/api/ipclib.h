/* SPDX-License-Identifier: MIT */
/* What the tests of ipc share: a folder of their own, where they are, and which must be empty at
 * the end of each test. */
#ifndef TESTS_API_IPCLIB_H
#define TESTS_API_IPCLIB_H

#include "lib.h"
#include <dirent.h>
#include <fcntl.h>
#include <nanomsg/ipc.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char ipc_folder[64];

static inline int ipc_setup(void **state)
{
    (void)state;
    snprintf(ipc_folder, sizeof ipc_folder, "%s/nanoseal-ipc-XXXXXX", P_tmpdir);
    if (!mkdtemp(ipc_folder) || chdir(ipc_folder) < 0)
        return -1;
    alarm(LIB_SLOW ? 300 : 120);
    return 0;
}

/* Also no lock may be left. */
static inline int ipc_teardown(void **state)
{
    (void)state;
    DIR *d = opendir(".");
    int left = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' || strlen(e->d_name) > 2) {
            fprintf(stderr, "left behind: %s\n", e->d_name);
            (void)unlink(e->d_name);
            left++;
        }
    if (d)
        closedir(d);
    alarm(0);
    return chdir("/") < 0 || rmdir(ipc_folder) < 0 || left ? -1 : 0;
}

#define IPC_TEST(fn) cmocka_unit_test_setup_teardown(fn, ipc_setup, ipc_teardown)

/* Connects c to s at the address, and waits until both know each other. */
static inline void ipc_join(int s, int c, const char *address)
{
    lib_ok(nn_bind(s, address));
    lib_ok(nn_connect(c, address));
    lib_peers(s, 1);
    lib_peers(c, 1);
}

static inline struct lib_two ipc_two(int server, int client, const char *address)
{
    struct lib_two t = {lib_socket(server), lib_socket(client)};
    ipc_join(t.s, t.c, address);
    return t;
}

static inline struct sockaddr_un ipc_name(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof a.sun_path);
    memcpy(a.sun_path, path, strlen(path));
    return a;
}

/* A bare socket bound to the path. */
static inline int ipc_bare(const char *path, int type)
{
    struct sockaddr_un a = ipc_name(path);
    int fd = socket(AF_UNIX, type, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* A file whose listener is gone. */
static inline void ipc_stale(const char *path)
{
    int fd = ipc_bare(path, SOCK_STREAM);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
}

static inline bool ipc_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static inline struct stat ipc_stat(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st;
}

static inline void ipc_set(int s, int option, int value)
{
    lib_ok(nn_setsockopt(s, NN_IPC, option, &value, sizeof value));
}

/* Runs fn in a process of its own, which has no sockets of ours; its exit status is what fn
 * returns. */
static inline pid_t ipc_fork(int (*fn)(int arg), int arg)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        _exit(fn(arg));
    }
    return pid;
}

static inline int ipc_wait(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif
