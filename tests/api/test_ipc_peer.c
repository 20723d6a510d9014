/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a local socket. */
#include "ipclib.h"

#define AT "ipc://x.sock"

struct who {
    int found;
    struct nn_ipc_peer peer;
    int last; /* it was the last control message */
};

static struct who who_sent(int s)
{
    struct who w = {0};
    unsigned char control[512];
    char body[16];
    struct nn_iovec v = {body, sizeof body};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    lib_ok(nn_recvmsg(s, &h, 0));
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(&h); c; c = NN_CMSG_NXTHDR(&h, c)) {
        w.last = c->cmsg_level == NN_IPC && c->cmsg_type == NN_IPC_PEER_CRED;
        if (!w.last)
            continue;
        assert_int_equal(c->cmsg_len, NN_CMSG_LEN(sizeof w.peer));
        memcpy(&w.peer, NN_CMSG_DATA(c), sizeof w.peer);
        w.found++;
    }
    return w;
}

static int ask(int uid)
{
    if (uid && (setgid((gid_t)uid + 1) < 0 || setuid((uid_t)uid) < 0))
        return 2;
    int s = nn_socket(AF_SP, NN_REQ);
    if (s < 0 || nn_connect(s, AT) < 0 || nn_send(s, "who am I", 8, 0) < 0)
        return 1;
    struct who w = who_sent(s);
    nn_close(s);
    return w.found == 1 && w.peer.uid == (int)getuid() - uid &&
                   (w.peer.pid == getppid() || w.peer.pid == -1)
               ? 0
               : 3;
}

static void the_other_process_is_known_to_both(void **state)
{
    (void)state;
    int s = lib_socket(NN_REP);
    lib_ok(nn_bind(s, AT));
    pid_t pid = ipc_fork(ask, 0);
    struct who w = who_sent(s);
    lib_send(s, "you");
    assert_int_equal(ipc_wait(pid), 0);
    assert_int_equal(w.found, 1);
    assert_true(w.last);
    assert_int_equal(w.peer.uid, getuid());
    assert_int_equal(w.peer.gid, getgid());
#ifdef __linux__
    assert_int_equal(w.peer.pid, pid);
#endif
    lib_ok(nn_close(s));
}

static void another_user_is_seen_as_such(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    int s = lib_socket(NN_REP);
    assert_int_equal(chmod(".", 0755), 0);
    ipc_set(s, NN_IPC_MODE, 0666);
    lib_ok(nn_bind(s, AT));
    pid_t pid = ipc_fork(ask, 4711);
    struct who w = who_sent(s);
    lib_send(s, "you");
    assert_int_equal(ipc_wait(pid), 0);
    assert_int_equal(w.peer.uid, 4711);
    assert_int_equal(w.peer.gid, 4712);
    lib_ok(nn_close(s));
}

static void over_tcp_no_process_is_known(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    lib_send(t.c, "x");
    assert_int_equal(who_sent(t.s).found, 0);
    lib_close(t);
}

/* It says who sent, so nobody may say it for himself. */
static void credentials_that_are_sent_are_ignored(void **state)
{
    (void)state;
    struct lib_two t = ipc_two(NN_PAIR, NN_PAIR, AT);
    unsigned char control[64] = {0};
    struct nn_ipc_peer forged = {1, 0x7fff, 0x7fff};
    struct nn_cmsghdr *c = (void *)control;
    *c = (struct nn_cmsghdr){NN_CMSG_LEN(sizeof forged), NN_IPC, NN_IPC_PEER_CRED};
    memcpy(NN_CMSG_DATA(c), &forged, sizeof forged);
    struct nn_iovec v = {(void *)(uintptr_t) "x", 1};
    struct nn_msghdr h = {.msg_iov = &v,
                          .msg_iovlen = 1,
                          .msg_control = control,
                          .msg_controllen = NN_CMSG_SPACE(sizeof forged)};
    assert_int_equal(lib_ok(nn_sendmsg(t.c, &h, 0)), 1);
    struct who w = who_sent(t.s);
    assert_int_equal(w.found, 1);
    assert_int_equal(w.peer.uid, getuid());
    lib_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IPC_TEST(the_other_process_is_known_to_both),
        IPC_TEST(another_user_is_seen_as_such),
        IPC_TEST(over_tcp_no_process_is_known),
        IPC_TEST(credentials_that_are_sent_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
