/* SPDX-License-Identifier: MIT */
/* As differential.c: what each protocol, cooked and raw, says to nn_poll, NN_SNDFD, NN_RCVFD, send
 * and receive, alone and with a peer, and what its states allow. */
#include "differential.h"

static const int protocols[] = {NN_PAIR, NN_REQ,  NN_REP,      NN_PUB,        NN_SUB,
                                NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
#define N_PROTOCOLS ((int)(sizeof protocols / sizeof *protocols))

static const int peers[] = {NN_PAIR, NN_REP,  NN_REQ,        NN_SUB,      NN_PUB,
                            NN_PULL, NN_PUSH, NN_RESPONDENT, NN_SURVEYOR, NN_BUS};

static void show_state(const char *when, int domain, int protocol, int s)
{
    static const int options[] = {NN_RCVFD, NN_SNDFD};
    char what[120];
    for (short events = 0; events < 4; events++) {
        struct nn_pollfd p = {.fd = s, .events = events, .revents = 55};
        int rc = nn_poll(&p, 1, 0), err = errno;
        snprintf(what, sizeof what, "%s, domain %d protocol %d: poll %d, revents %d", when, domain,
                 protocol, events, p.revents);
        errno = err;
        SHOW_AS(what, rc);
    }
    for (int i = 0; i < 2; i++) {
        int fd = -1;
        size_t len = sizeof fd;
        int rc = nn_getsockopt(s, NN_SOL_SOCKET, options[i], &fd, &len), err = errno;
        struct pollfd in = {.fd = fd, .events = POLLIN}, out = {.fd = fd, .events = POLLOUT};
        pause_ms(2);
        int r = poll(&in, rc == 0, 0), w = poll(&out, rc == 0, 0);
        snprintf(what, sizeof what,
                 "%s, domain %d protocol %d: descriptor %d readable %d writable %d", when, domain,
                 protocol, options[i], r, w);
        errno = err;
        SHOW_AS(what, rc);
    }
}

static void idle(void)
{
    for (int domain = AF_SP; domain <= AF_SP_RAW; domain++)
        for (int i = 0; i < N_PROTOCOLS; i++) {
            int s = open_socket(domain, protocols[i]);
            show_state("idle", domain, protocols[i], s);
            (void)nn_close(s);
        }
}

static void joined(void)
{
    for (int domain = AF_SP; domain <= AF_SP_RAW; domain++)
        for (int i = 0; i < N_PROTOCOLS; i++) {
            int s, c;
            join_in(domain, protocols[i], peers[i], &s, &c);
            show_state("joined", domain, protocols[i], s);
            show_state("joined, client", domain, peers[i], c);
            (void)nn_close(c);
            for (int k = 0; k < 200 && nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS) > 0; k++)
                pause_ms(10);
            pause_ms(20);
            show_state("left", domain, protocols[i], s);
            (void)nn_close(s);
        }
}

static void levels(void)
{
    char what[80];
    int values[] = {-1, 0, 1, 3};
    for (int i = 0; i < N_PROTOCOLS; i++)
        for (int domain = AF_SP; domain <= AF_SP_RAW; domain++)
            for (int k = 0; k < N_PROTOCOLS; k++)
                for (int option = 0; option < 4; option++)
                    for (size_t n = 0; n < 4; n++) {
                        if (protocols[i] == NN_SUB && protocols[k] == NN_SUB)
                            continue; /* subscriptions have a group */
                        int s = nn_socket(domain, protocols[i]), v = 77;
                        size_t len = sizeof v;
                        int rc = nn_setsockopt(s, protocols[k], option, &values[n], sizeof v);
                        snprintf(what, sizeof what, "domain %d protocol %d: set %d.%d to %d",
                                 domain, protocols[i], protocols[k], option, values[n]);
                        SHOW_AS(what, rc);
                        rc = nn_getsockopt(s, protocols[k], option, &v, &len);
                        snprintf(what, sizeof what, "domain %d protocol %d: get %d.%d gives %d",
                                 domain, protocols[i], protocols[k], option, v);
                        SHOW_AS(what, rc);
                        (void)nn_close(s);
                    }
}

static void sends(void)
{
    char what[80], buf[8];
    for (int i = 0; i < N_PROTOCOLS; i++) {
        int s = open_socket(AF_SP, protocols[i]);
        quietly(s, NN_SNDTIMEO, 20);
        quietly(s, NN_RCVTIMEO, 20);
        snprintf(what, sizeof what, "alone, protocol %d: send", protocols[i]);
        SHOW_AS(what, nn_send(s, "x", 1, NN_DONTWAIT));
        SHOW_AS(what, nn_send(s, "x", 1, 0));
        snprintf(what, sizeof what, "alone, protocol %d: receive", protocols[i]);
        SHOW_AS(what, nn_recv(s, buf, sizeof buf, NN_DONTWAIT));
        SHOW_AS(what, nn_recv(s, buf, sizeof buf, 0));
        (void)nn_close(s);
    }
    for (int i = 0; i < N_PROTOCOLS; i++) {
        int s, c;
        join_in(AF_SP, protocols[i], peers[i], &s, &c);
        snprintf(what, sizeof what, "joined, protocol %d: send", protocols[i]);
        SHOW_AS(what, nn_send(s, "x", 1, NN_DONTWAIT));
        snprintf(what, sizeof what, "joined, protocol %d: receive from %d", peers[i], protocols[i]);
        SHOW_AS(what, nn_recv(c, buf, sizeof buf, 0));
        snprintf(what, sizeof what, "joined, protocol %d: send back", peers[i]);
        SHOW_AS(what, nn_send(c, "yy", 2, NN_DONTWAIT));
        snprintf(what, sizeof what, "joined, protocol %d: receive back", protocols[i]);
        SHOW_AS(what, nn_recv(s, buf, sizeof buf, 0));
        SHOW_AS(what, nn_recv(s, buf, sizeof buf, NN_DONTWAIT));
        (void)nn_close(c);
        (void)nn_close(s);
    }
}

static void surveys(void)
{
    char buf[16];
    int deadline = 150;
    JOIN(NN_SURVEYOR, NN_RESPONDENT);
    SHOW(nn_setsockopt(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &deadline, sizeof deadline));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    SHOW(nn_send(c, "early", 5, 0));
    SHOW(nn_send(s, "first", 5, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    show_state("asked", AF_SP, NN_RESPONDENT, c);
    SHOW(nn_send(c, "a", 1, 0));
    show_state("answered", AF_SP, NN_RESPONDENT, c);
    SHOW(nn_send(c, "a", 1, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    show_state("surveying", AF_SP, NN_SURVEYOR, s);
    SHOW(nn_recv(s, buf, sizeof buf, 0)); /* waits for the deadline */
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    show_state("surveyed", AF_SP, NN_SURVEYOR, s);
    SHOW(nn_send(s, "second", 6, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(nn_send(s, "third", 5, 0));
    SHOW(nn_send(c, "stale", 5, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(nn_send(c, "ok", 2, 0));
    SHOW(nn_recv(s, buf, sizeof buf, 0));
    pause_ms(250);
    show_state("over", AF_SP, NN_SURVEYOR, s);
    SHOW(nn_recv(s, buf, sizeof buf, NN_DONTWAIT));
    SHOW(nn_recv(s, buf, sizeof buf, NN_DONTWAIT));
}

static void buses(void)
{
    char buf[16];
    JOIN(NN_BUS, NN_BUS);
    SHOW(nn_send(s, "to all", 6, 0));
    SHOW(nn_recv(c, buf, sizeof buf, 0));
    SHOW(nn_recv(s, buf, sizeof buf, NN_DONTWAIT));
    SHOW(nn_close(c));
    pause_ms(50);
    SHOW(nn_send(s, "to nobody", 9, 0));
}

int main(void)
{
    run("idle", idle);
    run("joined", joined);
    run("levels", levels);
    run("sends", sends);
    run("surveys", surveys);
    run("buses", buses);
    return 0;
}
