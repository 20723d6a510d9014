/* SPDX-License-Identifier: MIT */
/* For test_stress_kill.c: messages that tell who sent them and whether they are whole, and
 * processes that exchange them until they are killed: this program itself, started as `stress_kill
 * child ROLE ADDRESS ID`. */
#ifndef TESTS_API_STRESS_KILL_H
#define TESTS_API_STRESS_KILL_H

#include "lib.h"
#include "support/stress.h"
#include "support/transports.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define BODY 100000 /* bytes of the largest message, and some */

extern char **environ;

struct head {
    uint32_t sender, seq, len, sum; /* the last one over what follows */
};

static const struct tr_row *row; /* of the test */
static char server[TR_ADDRESS];  /* where it happens */
static atomic_bool over;         /* asking ends */
static atomic_int n_answers;     /* so far */

/* ---- messages ---- */

static uint32_t sum_of(const struct head *h, const unsigned char *body)
{
    uint32_t x = 2166136261u ^ h->sender * 31 ^ h->seq;
    for (size_t i = sizeof *h; i < h->len; i++)
        x = (x ^ body[i]) * 16777619u;
    return x;
}

static size_t fill_in(unsigned char *body, uint32_t sender, uint32_t seq, uint64_t *r)
{
    struct head h = {sender, seq, 0, 0};
    h.len = (uint32_t)sizeof h + (uint32_t)st_below(r, st_below(r, 40) ? 3000 : BODY - 100);
    memset(body + sizeof h, (int)seq, h.len - sizeof h);
    h.sum = sum_of(&h, body);
    memcpy(body, &h, sizeof h);
    return h.len;
}

static bool intact(const unsigned char *body, int n, struct head *h)
{
    if (n < (int)sizeof *h)
        return false;
    memcpy(h, body, sizeof *h);
    return h->len == (uint32_t)n && h->sum == sum_of(h, body);
}

static int open_socket(int protocol)
{
    int s = nn_socket(AF_SP, protocol), ms = LIB_PATIENCE_MS, soon = 5;
    if (s < 0 || tr_prepare(row, s) < 0)
        return -1;
    nn_setsockopt(s, NN_SOL_SOCKET, NN_SNDTIMEO, &ms, sizeof ms);
    nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &ms, sizeof ms);
    nn_setsockopt(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, &soon, sizeof soon);
    return s;
}

/* ---- those that are killed ---- */

static int child_push(int s, uint32_t id)
{
    static unsigned char body[BODY];
    uint64_t r = id;
    for (uint32_t seq = 0;; seq++)
        if (nn_send(s, body, fill_in(body, id, seq, &r), 0) < 0)
            return 1;
}

/* Writes the number of each message that it got. */
static int child_pull(int s)
{
    static unsigned char body[BODY];
    struct head h;
    for (;;) {
        int n = nn_recv(s, body, sizeof body, 0);
        if (n < 0 || !intact(body, n, &h))
            return 2;
        if (write(1, &h.seq, sizeof h.seq) < 0)
            return 3;
    }
}

/* Asks, and expects its own question as the answer, until it is over. -1 when that went wrong. */
static int ask(int s, uint32_t id)
{
    static _Thread_local unsigned char body[BODY], got[BODY];
    uint64_t r = id;
    for (uint32_t seq = 0; !over; seq++) {
        size_t n = fill_in(body, id, seq, &r);
        if (nn_send(s, body, n, 0) < 0 || nn_recv(s, got, sizeof got, 0) != (int)n ||
            memcmp(body, got, n) != 0)
            return -1;
        n_answers++;
    }
    return 0;
}

static int child_answer(int s)
{
    static unsigned char body[BODY];
    for (;;) {
        int n = nn_recv(s, body, sizeof body, 0);
        if (n < 0 || nn_send(s, body, (size_t)n, 0) < 0)
            return 4;
    }
}

/* child ROLE ADDRESS ID: pulls or answers at the address, or connects to it for anything else. */
static int child(char **argv)
{
    static const char *const roles[] = {"push", "pull", "req", "rep", "pub", "sub"};
    static const int protocols[] = {NN_PUSH, NN_PULL, NN_REQ, NN_REP, NN_PUB, NN_SUB};
    uint32_t id = (uint32_t)strtoul(argv[3], NULL, 10);
    int i = 0, none = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (strcmp(argv[1], roles[i]) != 0)
        i++;
    row = tr_find(argv[2]);
    int s = open_socket(protocols[i]);
    nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &(int){-1}, sizeof(int));
    nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
    if (i == 0 || i == 2 || i > 3)
        none = nn_connect(s, argv[2]) < 0;
    else
        none = nn_bind(s, argv[2]) < 0;
    if (none) {
        fprintf(stderr, "%s %s: %s\n", argv[1], argv[2], nn_strerror(nn_errno()));
        return 5;
    }
    return i == 0 || i == 4   ? child_push(s, id)
           : i == 1 || i == 5 ? child_pull(s)
           : i == 2           ? ask(s, id)
                              : child_answer(s);
}

struct victim {
    pid_t pid;   /* 0: none */
    uint32_t id; /* in its messages */
    int out;     /* what it writes, or -1 */
};

static struct victim spawn(const char *role, uint32_t id)
{
    struct victim v = {.id = id};
    char text[16];
    int p[2];
    char *argv[] = {(char *)(uintptr_t) "stress_kill",
                    (char *)(uintptr_t) "child",
                    (char *)(uintptr_t)role,
                    server,
                    text,
                    NULL};
    posix_spawn_file_actions_t actions;
    snprintf(text, sizeof text, "%u", id);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, p[1], 1);
    assert_int_equal(posix_spawn(&v.pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(p[1]);
    v.out = p[0];
    return v;
}

/* It must have lived until now. */
static void kill_it(struct victim *v)
{
    int status;
    assert_int_equal(kill(v->pid, SIGKILL), 0);
    assert_int_equal(waitpid(v->pid, &status, 0), v->pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the process had ended by itself: %x", (unsigned)status);
    v->pid = 0;
}

/* An address that nobody has and a child can bind to. */
static void choose_address(void)
{
    int s = open_socket(NN_PAIR);
    lib_ok(tr_listen(row, s, server));
    lib_ok(nn_close(s));
}

#endif
