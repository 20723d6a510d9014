/* SPDX-License-Identifier: MIT */
/* Makes calls and prints what they return. Compiled twice, with libnanomsg and with this library,
 * the output has to be the same but for what differential.sh lists. Each group runs in a child, as
 * libnanomsg aborts at some of them. */
#include "differential.h"

#include "differential_options.h" /* needs the one above */

static void sockets(void)
{
    static const int protocols[] = {NN_PAIR, NN_REQ,  NN_REP,      NN_PUB,        NN_SUB,
                                    NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        SHOW(nn_socket(AF_SP, protocols[i]));
        SHOW(nn_socket(AF_SP_RAW, protocols[i]));
    }
    SHOW(nn_socket(0, NN_PAIR));
    SHOW(nn_socket(7, NN_PAIR));
    SHOW(nn_socket(AF_SP, 0));
    SHOW(nn_socket(AF_SP, 17));
    SHOW(nn_socket(AF_SP, -1));
    SHOW(nn_close(3));
    SHOW(nn_close(3));
    SHOW(nn_socket(AF_SP, NN_PAIR));
    SHOW(nn_close(-1));
    SHOW(nn_close(100000));
}

/* clang-format off */
static const char *const list[] = {
    "", "t", "tcp", "tcp:", "tcp:/", "tcp://", "tcp://:", "tcp://*", "tcp://*:", "tcp://*:0",
    "tcp://*:65536", "tcp://*:abc", "tcp://*:1x", "tcp://*:-5", "tcp://127.0.0.1",
    "tcp://127.0.0.1:", "tcp://127.0.0.1:0", "tcp://1.2.3:5555", "tcp://no-such-if0:5555",
    "tcp://256.1.1.1:5555", "tcp://[::1]:5555", "tcp://::1:5555", "tcp://[::1:5555",
    "tcp://192.0.2.1:5555", "tcp://a b:5555", "tcp://a_b:5555", "tcp://-a:5555", "tcp://a-:5555",
    "tcp://a..b:5555", "tcp://.a:5555", "tcp://a.:5555", "tcp://eth99;127.0.0.1:5555",
    "tcp://*;127.0.0.1:5555", "tcp://lo;127.0.0.1:5555", "tcp://127.0.0.1;127.0.0.1:5555",
    "tcp://127.0.0.9999;127.0.0.1:5555", "tcp://;127.0.0.1:5555", "tcp://lo;:5555",
    "tcp://lo;*:5555", "foo://127.0.0.1:5555", "://127.0.0.1:5555", "TCP://127.0.0.1:5555",
    "tcp//127.0.0.1:5555",
};
/* clang-format on */

static void addresses(void)
{
    char what[160], text[200];
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        int s = nn_socket(AF_SP, NN_PULL);
        int rc = nn_connect(s, list[i]);
        snprintf(what, sizeof what, "connect %s", list[i]);
        SHOW_AS(what, rc);
        if (strstr(list[i], ":5555") && (strstr(list[i], "lo") || strstr(list[i], "*")))
            continue; /* might really listen */
        snprintf(what, sizeof what, "bind %s", list[i]);
        SHOW_AS(what, nn_bind(s, list[i]));
    }
    int s = nn_socket(AF_SP, NN_PULL);
    memset(text, 'a', sizeof text);
    memcpy(text, "tcp://", 6);
    for (size_t n = 126; n < 130; n++) {
        text[n] = 0;
        snprintf(what, sizeof what, "bind %zu characters", n);
        SHOW_AS(what, nn_bind(s, text));
        text[n] = 'a';
    }
    const char *address = free_address();
    SHOW(nn_bind(s, address));
    SHOW(nn_bind(s, address));
    SHOW(nn_bind(nn_socket(AF_SP, NN_PULL), address));
    SHOW(nn_connect(s, address));
    SHOW(nn_shutdown(s, 1));
    SHOW(nn_shutdown(s, 1));
    SHOW(nn_shutdown(s, 77));
    SHOW(nn_shutdown(s, -1));
    SHOW(nn_shutdown(999, 1));
    SHOW(nn_bind(999, address));
}

static void directions(void)
{
    static const int protocols[] = {NN_PAIR, NN_REQ,  NN_REP,      NN_PUB,        NN_SUB,
                                    NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
    char buf[8], what[80];
    for (int domain = AF_SP; domain <= AF_SP_RAW; domain++)
        for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
            int s = open_socket(domain, protocols[i]);
            quietly(s, NN_RCVTIMEO, 20);
            quietly(s, NN_SNDTIMEO, 20);
            snprintf(what, sizeof what, "domain %d protocol %d recv", domain, protocols[i]);
            SHOW_AS(what, nn_recv(s, buf, sizeof buf, 0));
            SHOW_AS(what, nn_recv(s, buf, sizeof buf, NN_DONTWAIT));
            if (domain == AF_SP_RAW && protocols[i] != NN_PUSH && protocols[i] != NN_PAIR)
                continue; /* libnanomsg aborts without a header */
            snprintf(what, sizeof what, "domain %d protocol %d send", domain, protocols[i]);
            SHOW_AS(what, nn_send(s, "x", 1, NN_DONTWAIT));
            SHOW_AS(what, nn_send(s, "x", 1, 0));
        }
}

static void polling(void)
{
    static const int protocols[] = {NN_PAIR, NN_REQ,  NN_REP,      NN_PUB,        NN_SUB,
                                    NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
    char what[80];
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        for (short events = 0; events < 4; events++) {
            struct nn_pollfd p = {
                .fd = nn_socket(AF_SP, protocols[i]), .events = events, .revents = 55};
            int rc = nn_poll(&p, 1, 10);
            snprintf(what, sizeof what, "poll %d of an idle %d, revents %d", events, protocols[i],
                     p.revents);
            SHOW_AS(what, rc);
        }
    struct nn_pollfd bad = {.fd = 999, .events = NN_POLLIN, .revents = 55};
    SHOW(nn_poll(&bad, 1, 0));
    SHOW(nn_poll(NULL, 0, 10));
    SHOW(nn_poll(&bad, 0, 10));
    JOIN(NN_PAIR, NN_PAIR);
    struct nn_pollfd two[2] = {{.fd = s, .events = NN_POLLIN, .revents = 55},
                               {.fd = c, .events = NN_POLLOUT, .revents = 55}};
    SHOW(nn_poll(two, 2, 100));
    SHOW_AS("first", two[0].revents);
    SHOW_AS("second", two[1].revents);
    SHOW(nn_send(c, "x", 1, 0));
    SHOW(nn_poll(two, 1, 300));
    SHOW_AS("first", two[0].revents);
}

static void messages(void)
{
    char buf[8] = "-------";
    void *m, *none = NULL;
    JOIN(NN_PAIR, NN_PAIR);
    SHOW(nn_allocmsg((size_t)-1, 0) == NULL);
    SHOW(nn_allocmsg(8, 333) == NULL ? -1 : 0);
    SHOW((m = nn_allocmsg(0, 0)) != NULL);
    SHOW(nn_send(c, &m, NN_MSG, 0));
    SHOW(nn_recv(s, &m, NN_MSG, 0));
    SHOW(nn_freemsg(m));
    SHOW(nn_send(c, "", 0, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(nn_send(c, "a longer text", 13, 0));
    SHOW(nn_recv(s, buf, 3, 0));
    printf("%s: %s\n", group, buf);
    SHOW(nn_send(c, NULL, 3, 0));
    SHOW(nn_send(c, &none, NN_MSG, 0));
    SHOW(nn_recv(s, buf, sizeof buf, NN_DONTWAIT));
    SHOW(nn_send(c, "x", 1, 0));
    SHOW(nn_recv(s, NULL, 0, 0));
    m = nn_allocmsg(100, 0);
    m = nn_reallocmsg(m, 7);
    SHOW(nn_send(c, &m, NN_MSG, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(nn_send(999, "x", 1, 0));
    SHOW(nn_recv(999, buf, sizeof buf, 0));
}

static void headers(void)
{
    char a[4], b[4];
    struct nn_iovec in[2] = {{a, 2}, {b, 4}},
                    out[3] = {{(void *)"ab", 2}, {(void *)"", 0}, {(void *)"cde", 3}};
    struct nn_iovec null_base = {NULL, 3};
    void *m = nn_allocmsg(3, 0);
    struct nn_iovec mixed[2] = {{(void *)"ab", 2}, {&m, NN_MSG}};
    struct nn_msghdr h = {0}, hin = {.msg_iov = in, .msg_iovlen = 2},
                     hout = {.msg_iov = out, .msg_iovlen = 3};
    unsigned char control[256];
    JOIN(NN_PAIR, NN_PAIR);
    SHOW(nn_sendmsg(c, &hout, 0));
    SHOW(nn_recvmsg(s, &hin, 0));
    SHOW(memcmp(a, "ab", 2) || memcmp(b, "cde", 3));
    SHOW(nn_sendmsg(c, &h, 0));
    SHOW(nn_recvmsg(s, &h, 0));
    SHOW(nn_sendmsg(c, NULL, 0));
    SHOW(nn_recvmsg(s, NULL, 0));
    h.msg_iovlen = -1;
    SHOW(nn_sendmsg(c, &h, 0));
    SHOW(nn_recvmsg(s, &h, 0));
    h.msg_iov = &null_base;
    h.msg_iovlen = 1;
    SHOW(nn_sendmsg(c, &h, 0));
    h.msg_iov = mixed;
    h.msg_iovlen = 2;
    SHOW(nn_sendmsg(c, &h, 0));
    memset(control, 0xff, sizeof control);
    hin.msg_control = control;
    hin.msg_controllen = sizeof control;
    SHOW(nn_sendmsg(c, &hout, 0));
    SHOW(nn_recvmsg(s, &hin, 0));
    struct nn_cmsghdr *x = NN_CMSG_FIRSTHDR(&hin);
    SHOW(x != NULL);
    if (x)
        printf("%s: length %zu level %d type %d\n", group, x->cmsg_len, x->cmsg_level,
               x->cmsg_type);
}

static void raw(void)
{
    int s, c;
    char buf[8];
    unsigned char control[256];
    struct nn_iovec v = {buf, sizeof buf};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    join_in(AF_SP, NN_REP, NN_REQ, &s, &c);
    int front = open_socket(AF_SP_RAW, NN_REP);
    const char *address = free_address();
    SHOW(nn_bind(front, address));
    (void)nn_close(c);
    c = open_socket(AF_SP, NN_REQ);
    SHOW(nn_connect(c, address));
    SHOW(nn_send(c, "q", 1, 0));
    SHOW(nn_recvmsg(front, &h, 0));
    struct nn_cmsghdr *x = NN_CMSG_FIRSTHDR(&h);
    if (x) {
        size_t n;
        memcpy(&n, NN_CMSG_DATA(x), sizeof n);
        printf("%s: length %zu level %d type %d header %zu\n", group, x->cmsg_len, x->cmsg_level,
               x->cmsg_type, n);
    }
    v.iov_len = 1;
    h.msg_controllen = x ? NN_CMSG_SPACE(x->cmsg_len - NN_CMSG_LEN(0)) : 0;
    SHOW(nn_sendmsg(front, &h, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
}

static void requests(void)
{
    char buf[16];
    JOIN(NN_REP, NN_REQ);
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(nn_send(s, "a", 1, 0));
    SHOW(nn_send(c, "first", 5, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(nn_send(c, "second", 6, 0));
    SHOW(nn_send(s, "a", 1, 0));
    SHOW(nn_send(s, "a", 1, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(nn_send(s, "bb", 2, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(nn_send(c, "third", 5, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(nn_send(s, "late", 4, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(nn_recv(c, buf, sizeof buf, NN_DONTWAIT));
    SHOW(nn_send(c, "fourth", 6, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(nn_close(c));
    pause_ms(50);
    SHOW(nn_send(s, "gone", 4, 0));
    SHOW(nn_send(s, "gone", 4, 0));
}

static int level(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    pause_ms(60);
    return poll(&p, 1, 0) == 1;
}

static int fd_of(int s, int option)
{
    int fd = -1;
    size_t len = sizeof fd;
    (void)nn_getsockopt(s, NN_SOL_SOCKET, option, &fd, &len);
    return fd;
}

static void descriptors(void)
{
    static const int protocols[] = {NN_PAIR, NN_REQ,  NN_REP,      NN_PUB,        NN_SUB,
                                    NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
    char what[80], buf[8];
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        int fd = 0, s = nn_socket(AF_SP, protocols[i]);
        size_t len = sizeof fd;
        snprintf(what, sizeof what, "NN_SNDFD of an idle %d", protocols[i]);
        if (SHOW_AS(what, nn_getsockopt(s, NN_SOL_SOCKET, NN_SNDFD, &fd, &len)) == 0)
            SHOW_AS(what, level(fd));
        snprintf(what, sizeof what, "NN_RCVFD of an idle %d", protocols[i]);
        if (SHOW_AS(what, nn_getsockopt(s, NN_SOL_SOCKET, NN_RCVFD, &fd, &len)) == 0)
            SHOW_AS(what, level(fd));
    }
    JOIN(NN_REP, NN_REQ);
    int in = fd_of(s, NN_RCVFD), out = fd_of(s, NN_SNDFD), req_in = fd_of(c, NN_RCVFD);
    SHOW(level(in) * 2 + level(out));
    SHOW(nn_send(c, "q", 1, 0));
    SHOW(level(in) * 2 + level(out));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(level(in) * 2 + level(out));
    SHOW(nn_send(s, "a", 1, 0));
    SHOW(level(in) * 2 + level(out));
    SHOW(level(req_in));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(level(req_in));
}

static void on_alarm(int sig)
{
    (void)sig;
}

static void interrupt_in(int ms, int flags)
{
    struct sigaction a = {.sa_handler = on_alarm, .sa_flags = flags};
    struct itimerval t = {.it_value = {0, ms * 1000}};
    sigaction(SIGALRM, &a, NULL);
    setitimer(ITIMER_REAL, &t, NULL);
}

static void signals(void)
{
    static const int flags[] = {0, SA_RESTART};
    char buf[8];
    JOIN(NN_PUSH, NN_PULL);
    int alone = open_socket(AF_SP, NN_PUSH);
    struct nn_pollfd p = {.fd = c, .events = NN_POLLIN};
    quietly(c, NN_RCVTIMEO, 5000);
    quietly(alone, NN_SNDTIMEO, 5000);
    for (int i = 0; i < 2; i++) {
        interrupt_in(50, flags[i]);
        SHOW(nn_recv(c, buf, sizeof buf, 0));
        interrupt_in(50, flags[i]);
        SHOW(nn_send(alone, "x", 1, 0));
        interrupt_in(50, flags[i]);
        SHOW(nn_poll(&p, 1, 5000));
    }
    (void)s;
}

static void statistics(void)
{
    static const int list[] = {0,   100, 101, 102, 103, 104, 105, 106, 107, 108, 201, 202,
                               203, 204, 301, 302, 303, 304, 305, 400, 401, 402, -1};
    char what[80], buf[8];
    JOIN(NN_PULL, NN_PUSH);
    SHOW(nn_send(c, "four", 4, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        errno = 0;
        uint64_t v = nn_get_statistic(s, list[i]), w = nn_get_statistic(c, list[i]);
        snprintf(what, sizeof what, "statistic %d is %lld and %lld", list[i], (long long)v,
                 (long long)w);
        SHOW_AS(what, -(v == UINT64_MAX));
    }
    SHOW(-(nn_get_statistic(999, 101) == UINT64_MAX));
}

static void termination(void)
{
    char buf[8];
    int v = 1;
    size_t len = sizeof v;
    JOIN(NN_PAIR, NN_PAIR);
    struct nn_pollfd p = {.fd = c, .events = NN_POLLIN};
    nn_term();
    SHOW(nn_send(c, "x", 1, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(nn_poll(&p, 1, 10));
    SHOW(nn_getsockopt(c, NN_SOL_SOCKET, NN_LINGER, &v, &len));
    SHOW(nn_setsockopt(c, NN_SOL_SOCKET, NN_LINGER, &v, len));
    SHOW(nn_bind(s, "tcp://127.0.0.1:1"));
    SHOW(nn_shutdown(s, 1));
    SHOW(nn_close(s));
    SHOW(nn_socket(AF_SP, NN_PAIR));
    nn_term();
    SHOW(nn_socket(AF_SP, NN_PAIR));
}

static void texts(void)
{
    static const int errors[] = {ETERM, EFSM, EBADF, EINVAL, ETIMEDOUT, 0};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        printf("%s: %s\n", group, nn_strerror(errors[i]));
}

int main(void)
{
    run("sockets", sockets);
    run("getters", getters);
    run("setters", setters);
    run("option lengths", option_lengths);
    run("subscriptions", subscriptions);
    run("addresses", addresses);
    run("directions", directions);
    run("polling", polling);
    run("messages", messages);
    run("headers", headers);
    run("raw", raw);
    run("requests", requests);
    run("descriptors", descriptors);
    run("signals", signals);
    run("statistics", statistics);
    run("termination", termination);
    run("texts", texts);
    return 0;
}
