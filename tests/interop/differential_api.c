/* SPDX-License-Identifier: MIT */
/* As differential.c: symbols, sizes, texts of errors, statistics of several events, devices. */
#include "differential.h"
#include <pthread.h>

static void symbols(void)
{
    for (int i = 0; i < 121; i++) {
        struct nn_symbol_properties p;
        int v = -1, n = nn_symbol_info(i, &p, sizeof p);
        const char *name = nn_symbol(i, &v);
        printf("%s: %d %s %d, %d %s %d %d %d %d\n", group, i, name, v, n, p.name, p.value, p.ns,
               p.type, p.unit);
    }
    static const int outside[] = {-1, -121, 100000};
    for (int i = 0; i < 3; i++) {
        int v = 5;
        struct nn_symbol_properties p;
        SHOW(-(nn_symbol(outside[i], &v) == NULL) + 0 * v);
        SHOW(nn_symbol_info(outside[i], &p, sizeof p));
    }
    for (int len = 0; len < 40; len++) {
        unsigned char buf[64];
        memset(buf, 0x55, sizeof buf);
        SHOW(nn_symbol_info(7, (struct nn_symbol_properties *)buf, len));
        int last = -1;
        for (int k = 0; k < (int)sizeof buf; k++)
            last = buf[k] != 0x55 ? k : last;
        SHOW_AS("last byte", last);
    }
}

static void sizes(void)
{
    SHOW(sizeof(struct nn_iovec));
    SHOW(sizeof(struct nn_msghdr));
    SHOW(sizeof(struct nn_cmsghdr));
    SHOW(sizeof(struct nn_symbol_properties));
    SHOW(sizeof(struct nn_pollfd));
    for (int i = 0; i < 20; i++) {
        SHOW(NN_CMSG_SPACE(i));
        SHOW(NN_CMSG_LEN(i));
    }
    SHOW(NN_SOCKADDR_MAX);
    SHOW(NN_HAUSNUMERO);
    SHOW(NN_VERSION_CURRENT * 100 + NN_VERSION_REVISION * 10 + NN_VERSION_AGE);
}

static void texts(void)
{
    for (int i = -2; i < 140; i++)
        printf("%s: %d %s\n", group, i, nn_strerror(i));
    for (int i = 0; i < 60; i++)
        printf("%s: %d %s\n", group, i, nn_strerror(NN_HAUSNUMERO + i));
}

static void show_statistics(const char *when, int s)
{
    static const int list[] = {101, 102, 103, 104, 105, 106, 107, 201,
                               202, 203, 301, 302, 303, 304, 401};
    char what[80];
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        snprintf(what, sizeof what, "%s, statistic %d", when, list[i]);
        SHOW_AS(what, nn_get_statistic(s, list[i]));
    }
}

static void wait_for(int s, int statistic, uint64_t value)
{
    for (int i = 0; i < 300 && nn_get_statistic(s, statistic) != value; i++)
        pause_ms(10);
}

static void statistics(void)
{
    static const int protocols[] = {NN_PAIR, NN_REQ,  NN_REP,      NN_PUB,        NN_SUB,
                                    NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
    char what[80], buf[8];
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        snprintf(what, sizeof what, "fresh %d", protocols[i]);
        show_statistics(what, nn_socket(AF_SP, protocols[i]));
    }
    JOIN(NN_PUSH, NN_PULL);
    for (int i = 0; i < 3; i++) {
        SHOW(nn_send(s, "abc", 3, 0));
        SHOW(nn_recv(c, buf, sizeof buf, 0));
    }
    show_statistics("sender", s);
    show_statistics("receiver", c);
    SHOW(nn_close(c));
    wait_for(s, NN_STAT_CURRENT_CONNECTIONS, 0);
    show_statistics("peer left", s);
}

static void statistics_of_connecting(void)
{
    const char *address = free_address();
    int c = open_socket(AF_SP, NN_PULL), s = open_socket(AF_SP, NN_PUSH);
    quietly(c, NN_RECONNECT_IVL, 100000);
    SHOW(nn_connect(c, address));
    wait_for(c, NN_STAT_CONNECT_ERRORS, 1);
    pause_ms(30);
    show_statistics("refused", c);
    quietly(s, NN_SNDPRIO, 3);
    SHOW(nn_bind(s, address));
    show_statistics("listening", s);
    SHOW(nn_bind(s, address));
    SHOW(nn_bind(s, "tcp://192.0.2.1:5555"));
    show_statistics("bound twice", s);
    int d = open_socket(AF_SP, NN_PULL);
    SHOW(nn_connect(d, address));
    wait_for(s, NN_STAT_CURRENT_CONNECTIONS, 1);
    wait_for(d, NN_STAT_CURRENT_CONNECTIONS, 1);
    show_statistics("with priority", s);
    show_statistics("dialled", d);
    SHOW(nn_shutdown(d, 1));
    wait_for(s, NN_STAT_CURRENT_CONNECTIONS, 0);
    pause_ms(30);
    show_statistics("shut down, server", s);
    show_statistics("shut down, client", d);
}

static void statistics_of_reconnecting(void)
{
    const char *address = free_address();
    int c = open_socket(AF_SP, NN_PULL), s = open_socket(AF_SP, NN_PUSH);
    SHOW(nn_bind(s, address));
    SHOW(nn_connect(c, address));
    wait_for(c, NN_STAT_CURRENT_CONNECTIONS, 1);
    SHOW(nn_close(s));
    wait_for(c, NN_STAT_CURRENT_CONNECTIONS, 0);
    s = open_socket(AF_SP, NN_PUSH);
    SHOW(nn_bind(s, address));
    wait_for(c, NN_STAT_ESTABLISHED_CONNECTIONS, 2);
    wait_for(s, NN_STAT_ACCEPTED_CONNECTIONS, 1);
    SHOW(nn_get_statistic(c, NN_STAT_ESTABLISHED_CONNECTIONS));
    SHOW(nn_get_statistic(c, NN_STAT_BROKEN_CONNECTIONS));
    SHOW(nn_get_statistic(c, NN_STAT_DROPPED_CONNECTIONS));
    SHOW(nn_get_statistic(c, NN_STAT_CURRENT_CONNECTIONS));
    SHOW(nn_get_statistic(c, NN_STAT_CURRENT_EP_ERRORS));
}

static void statistics_of_losing(void)
{
    static const char *const schemes[] = {"tcp", "ws", "ipc"};
    char address[64], what[64];
    for (int i = 0; i < 3; i++) {
        snprintf(address, sizeof address, "%s%s", schemes[i], free_address() + 3);
        if (i == 2)
            strcpy(address, "ipc://losing.ipc");
        int s = open_socket(AF_SP, NN_PAIR), c = open_socket(AF_SP, NN_PAIR);
        quietly(c, NN_RECONNECT_IVL, 100000);
        SHOW(nn_bind(s, address));
        SHOW(nn_connect(c, address));
        wait_for(c, NN_STAT_CURRENT_CONNECTIONS, 1);
        wait_for(s, NN_STAT_CURRENT_CONNECTIONS, 1);
        SHOW(nn_shutdown(s, 1));
        wait_for(c, NN_STAT_CURRENT_CONNECTIONS, 0);
        pause_ms(50);
        snprintf(what, sizeof what, "%s, server", schemes[i]);
        show_statistics(what, s);
        snprintf(what, sizeof what, "%s, client", schemes[i]);
        show_statistics(what, c);
    }
}

static int pairing[2]
                  [2]; /* domain and protocol of each end; protocol 0 is no socket, -1 a bad one */

static int end_of(const int *end)
{
    return end[1] == 0 ? -1 : end[1] < 0 ? 999 : nn_socket(end[0], end[1]);
}

static void device_of(void)
{
    int s1 = end_of(pairing[0]), s2 = end_of(pairing[1]);
    SHOW_AS("nn_device", nn_device(s1, s2));
}

/* Which pairs of sockets may be joined: where a device begins to wait, its child ends by SIGALRM.
 */
static void device_pairings(void)
{
    static const int ends[] = {0,      -1,      NN_PAIR, NN_REQ,      NN_REP,        NN_PUB,
                               NN_SUB, NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
    int n = (int)(sizeof ends / sizeof *ends);
    char name[80];
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            for (int domain = AF_SP; domain <= AF_SP_RAW; domain++) {
                int pair[2][2] = {{AF_SP_RAW, ends[i]}, {domain, ends[k]}};
                memcpy(pairing, pair, sizeof pair);
                snprintf(name, sizeof name, "device of %d and %d in %d", ends[i], ends[k], domain);
                run_within(200, name, device_of);
            }
}

static int front, back, device_result, device_errno;

static void *forward(void *arg)
{
    (void)arg;
    device_result = nn_device(front, back);
    device_errno = nn_errno();
    return NULL;
}

static void device_forwards(void)
{
    static const int ends[][2] = {{NN_REP, NN_REQ}, {NN_PULL, NN_PUSH},
                                  {NN_SUB, NN_PUB}, {NN_PAIR, NN_PAIR},
                                  {NN_BUS, NN_BUS}, {NN_RESPONDENT, NN_SURVEYOR}};
    char buf[16], what[80], in[64], out[64];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        pthread_t t;
        strcpy(in, free_address());
        strcpy(out, free_address());
        front = open_socket(AF_SP_RAW, ends[i][0]);
        back = open_socket(AF_SP_RAW, ends[i][1]);
        if (ends[i][0] == NN_SUB)
            (void)nn_setsockopt(front, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
        int a = open_socket(AF_SP, ends[i][1]), b = open_socket(AF_SP, ends[i][0]);
        (void)nn_bind(front, in), (void)nn_bind(back, out);
        (void)nn_connect(a, in), (void)nn_connect(b, out);
        wait_for(a, NN_STAT_CURRENT_CONNECTIONS, 1);
        wait_for(b, NN_STAT_CURRENT_CONNECTIONS, 1);
        pthread_create(&t, NULL, forward, NULL);
        pause_ms(50);
        snprintf(what, sizeof what, "device of %d and %d", ends[i][0], ends[i][1]);
        SHOW_AS(what, nn_send(a, "there", 5, 0));
        SHOW_AS(what, nn_recv(b, buf, sizeof buf, 0));
        SHOW_AS(what, nn_send(b, "back", 4, 0));
        SHOW_AS(what, nn_recv(a, buf, sizeof buf, 0));
        (void)nn_close(front);
        pthread_join(t, NULL);
        errno = device_errno;
        SHOW_AS(what, device_result);
        (void)nn_close(back), (void)nn_close(a), (void)nn_close(b);
    }
}

static void device_ends_with_term(void)
{
    pthread_t t;
    front = open_socket(AF_SP_RAW, NN_PAIR);
    back = -1;
    pthread_create(&t, NULL, forward, NULL);
    pause_ms(50);
    nn_term();
    pthread_join(t, NULL);
    errno = device_errno;
    SHOW(device_result);
}

int main(void)
{
    run("symbols", symbols);
    run("sizes", sizes);
    run("texts", texts);
    run("statistics", statistics);
    run("statistics of connecting", statistics_of_connecting);
    run("statistics of reconnecting", statistics_of_reconnecting);
    run("statistics of losing", statistics_of_losing);
    device_pairings();
    run("device forwards", device_forwards);
    run("device ends", device_ends_with_term);
    return 0;
}
