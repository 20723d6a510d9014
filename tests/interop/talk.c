/* SPDX-License-Identifier: MIT */
/* One side of a conversation: talk PROTOCOL [ADDRESS]. Without an address it listens at a free
 * port, with TALK_SCHEME (tcp) from the environment, and prints where. Both sides know what is
 * said: messages of many sizes, so that a program with libnanomsg and one with this library can
 * check each other. Status 0: all of it was said and understood. */
#include <arpa/inet.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* NN_RCVMAXSIZE counts the four bytes of a request's id. */
static const size_t sizes[] = {0,     1,     8,     100,   4095,   4096,    4097,
                               16384, 65535, 65536, 65537, 262144, 1000000, 1048572};
#define N_SIZES (sizeof sizes / sizeof *sizes)
static unsigned char body[1048576], got[1048576];

static void check(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s\n", what, nn_strerror(nn_errno()));
    exit(1);
}

static void say(int s, size_t n, unsigned char salt)
{
    for (size_t i = 0; i < n; i++)
        body[i] = (unsigned char)(i * 13 + i / 255 + salt);
    check(nn_send(s, body, n, 0) == (int)n, "send");
}

static void hear(int s, size_t n, unsigned char salt)
{
    int rc = nn_recv(s, got, sizeof got, 0);
    if (rc >= 0 && rc != (int)n)
        fprintf(stderr, "%d bytes instead of %zu\n", rc, n);
    check(rc == (int)n, "recv");
    for (size_t i = 0; i < n; i++)
        check(got[i] == (unsigned char)(i * 13 + i / 255 + salt), "content");
}

/* The subscriber can't tell the publisher that it is there, so the publisher repeats until it has
 * gone. */
static void publish(int s)
{
    for (int round = 0;
         round < 200 && (round == 0 || nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS) > 0 ||
                         nn_get_statistic(s, NN_STAT_MESSAGES_SENT) < 60);
         round++) {
        struct timespec t = {0, 50000000};
        for (size_t i = 0; i < 5; i++)
            say(s, sizes[i], 1);
        nanosleep(&t, NULL);
    }
}

static void subscribe(int s)
{
    size_t first = 0;
    int rc = nn_recv(s, got, sizeof got, 0);
    check(rc >= 0, "recv");
    while (first < 5 && sizes[first] != (size_t)rc)
        first++;
    check(first < 5, "size");
    for (int i = 1; i < 20; i++)
        hear(s, sizes[(first + (size_t)i) % 5], 1);
}

static void converse(int s, int protocol)
{
    for (size_t i = 0; i < N_SIZES && protocol != NN_PUB && protocol != NN_SUB; i++) {
        if (protocol == NN_REQ || protocol == NN_PUSH || protocol == NN_PAIR ||
            protocol == NN_SURVEYOR)
            say(s, sizes[i], 1);
        if (protocol == NN_REP || protocol == NN_PULL || protocol == NN_PAIR ||
            protocol == NN_RESPONDENT)
            hear(s, sizes[i], 1);
        if (protocol == NN_REP || protocol == NN_RESPONDENT)
            say(s, sizes[N_SIZES - 1 - i], 2);
        if (protocol == NN_REQ || protocol == NN_SURVEYOR)
            hear(s, sizes[N_SIZES - 1 - i], 2);
    }
    if (protocol == NN_PUB)
        publish(s);
    if (protocol == NN_SUB)
        subscribe(s);
}

/* Without a respondent a survey goes nowhere. */
static void wait_for_peer(int s)
{
    for (int i = 0; i < 500 && nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS) == 0; i++) {
        struct timespec t = {0, 20000000};
        nanosleep(&t, NULL);
    }
}

static int listen_somewhere(int s)
{
    for (int attempt = 0; attempt < 10; attempt++) {
        char address[64];
        struct sockaddr_in a = {.sin_family = AF_INET};
        socklen_t len = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(fd, (struct sockaddr *)&a, len) < 0 ||
            getsockname(fd, (struct sockaddr *)&a, &len) < 0)
            return -1;
        close(fd);
        const char *scheme = getenv("TALK_SCHEME");
        snprintf(address, sizeof address, "%s://127.0.0.1:%d", scheme ? scheme : "tcp",
                 ntohs(a.sin_port));
        if (nn_bind(s, address) >= 0) {
            puts(address);
            fflush(stdout);
            return 0;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int id;
    } protocols[] = {{"pair", NN_PAIR}, {"req", NN_REQ},           {"rep", NN_REP},
                     {"pub", NN_PUB},   {"sub", NN_SUB},           {"push", NN_PUSH},
                     {"pull", NN_PULL}, {"surveyor", NN_SURVEYOR}, {"respondent", NN_RESPONDENT}};
    int protocol = 0, ms = 10000;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (argc > 1 && !strcmp(argv[1], protocols[i].name))
            protocol = protocols[i].id;
    int s = nn_socket(AF_SP, protocol);
    check(s >= 0, "socket");
    check(nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &ms, sizeof ms) == 0, "NN_RCVTIMEO");
    check(nn_setsockopt(s, NN_SOL_SOCKET, NN_SNDTIMEO, &ms, sizeof ms) == 0, "NN_SNDTIMEO");
    if (protocol == NN_SUB)
        check(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0) == 0, "NN_SUB_SUBSCRIBE");
    check((argc > 2 ? nn_connect(s, argv[2]) : listen_somewhere(s)) >= 0, "address");
    if (protocol == NN_SURVEYOR) {
        wait_for_peer(s);
        nn_setsockopt(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &ms, sizeof ms);
    }
    converse(s, protocol);
    if (protocol == NN_PUSH || protocol == NN_REP || protocol == NN_RESPONDENT ||
        protocol == NN_PAIR) { /* libnanomsg drops what it has not sent */
        struct timespec t = {0, 200000000};
        nanosleep(&t, NULL);
    }
    nn_close(s);
    return 0;
}
