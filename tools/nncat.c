/* SPDX-License-Identifier: MIT */

/* The happy path: the command line is read, TLS is configured, one socket is opened, bound and
 * connected, and its protocol's conversation runs until it is over or a signal ends it.
 *
 * What can fail: every fault of the start ends the program with a line on stderr. Later,
 * diagnostics of connections are printed (each once while it repeats) and the library goes on
 * trying; only a time-out that the user gave, or a signal, ends that. */

#include "nncat.h"

#include <nanomsg/bus.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <nanomsg/tls.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct cat_proto nncat_protos[] = {
    {"req", NN_REQ, "ask: send --data, print the answer", nncat_run_ask,
     CAT_SENDS | CAT_RECEIVES | CAT_NEEDS_DATA},
    {"rep", NN_REP, "answer each request with --data", nncat_run_answer, CAT_SENDS | CAT_RECEIVES},
    {"pub", NN_PUB, "publish --data to all subscribers", nncat_run_send,
     CAT_SENDS | CAT_NEEDS_DATA},
    {"sub", NN_SUB, "print what is published", nncat_run_recv, CAT_RECEIVES | CAT_SUBSCRIBES},
    {"push", NN_PUSH, "send --data to one peer after another", nncat_run_send,
     CAT_SENDS | CAT_NEEDS_DATA},
    {"pull", NN_PULL, "print what is pushed", nncat_run_recv, CAT_RECEIVES},
    {"surveyor", NN_SURVEYOR, "ask everybody, print the answers", nncat_run_ask,
     CAT_SENDS | CAT_RECEIVES | CAT_NEEDS_DATA},
    {"respondent", NN_RESPONDENT, "answer each survey with --data", nncat_run_answer,
     CAT_SENDS | CAT_RECEIVES},
    {"bus", NN_BUS, "send --data to all neighbours, print what they send", nncat_run_talk,
     CAT_SENDS | CAT_RECEIVES},
    {"pair", NN_PAIR, "send --data to the one peer, print what it sends", nncat_run_talk,
     CAT_SENDS | CAT_RECEIVES},
    {NULL, 0, NULL, NULL, 0},
};

static volatile sig_atomic_t main_signal; /* SIGINT or SIGTERM came */
static volatile sig_atomic_t main_hup;    /* SIGHUP came */

void nncat_die(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("nncat: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(status);
}

/* A signal that comes just before a waiting call begins would be slept through: so the alarm comes
 * again every second until the signal has been noticed. */
static void main_on_signal(int sig)
{
    if (sig == SIGHUP)
        main_hup = 1;
    else if (sig != SIGALRM)
        main_signal = sig;
    if (main_hup || main_signal)
        alarm(1);
}

/* The first SIGINT or SIGTERM ends politely, the second at once. */
static void main_signals(void)
{
    struct sigaction sa = {.sa_handler = main_on_signal};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGHUP, &sa, NULL);
    sigaction(SIGALRM, &sa, NULL);
    sa.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

int nncat_stopping(struct cat *c)
{
    if (main_hup) {
        main_hup = 0;
        nncat_tls_reload(c);
    }
    return main_signal;
}

/* The library tries again and again, so a line is printed once while it repeats. */
static void main_log(void *arg, const char *line)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char last[512];
    const struct cat *c = arg;
    pthread_mutex_lock(&lock);
    if (c->verbose > 0 || strcmp(last, line) != 0)
        fprintf(stderr, "nncat: %s\n", line);
    snprintf(last, sizeof last, "%s", line);
    pthread_mutex_unlock(&lock);
}

static void main_set(const struct cat *c, int level, int option, const void *v, size_t len)
{
    if (nn_setsockopt(c->s, level, option, v, len))
        nncat_die(CAT_ERROR, "option %d: %s", option, nn_strerror(nn_errno()));
}

static void main_options(const struct cat *c)
{
    main_set(c, NN_SOL_SOCKET, NN_RCVTIMEO, &c->recv_ms, sizeof c->recv_ms);
    main_set(c, NN_SOL_SOCKET, NN_SNDTIMEO, &c->send_ms, sizeof c->send_ms);
    if (c->name)
        main_set(c, NN_SOL_SOCKET, NN_SOCKET_NAME, c->name, strlen(c->name));
    if (c->proto->id != NN_SUB)
        return;
    for (int i = 0; i < c->n_topics; i++)
        main_set(c, NN_SUB, NN_SUB_SUBSCRIBE, c->topics[i], strlen(c->topics[i]));
    if (c->n_topics == 0)
        main_set(c, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
}

static void main_say_bound(const struct cat *c)
{
    char real[NN_SOCKADDR_MAX + 1] = "";
    size_t len = sizeof real - 1;
    if (nn_getsockopt(c->s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, real, &len) == 0)
        fprintf(stderr, "nncat: listening at %s\n", real);
}

static void main_endpoint(const struct cat *c, const struct cat_addr *a)
{
    const char *end = a->addr + strlen(a->addr);
    int on = 1, any_port = a->bind && end - a->addr > 2 && strcmp(end - 2, ":0") == 0;
    int tls = a->bind ? c->tls_bind : c->tls_dial;
    if (any_port)
        main_set(c, NN_SOL_SOCKET, NN_ALLOW_PORT0, &on, sizeof on);
    if (tls)
        main_set(c, NN_TLS, NN_TLS_CONFIG, &tls, sizeof tls);
    if ((a->bind ? nn_bind(c->s, a->addr) : nn_connect(c->s, a->addr)) < 0) {
        int err = nn_errno(), wants = !strncmp(a->addr, "tls", 3) || !strncmp(a->addr, "wss", 3);
        nncat_die(CAT_ERROR, "%s: %s%s", a->addr, nn_strerror(err),
                  err == EACCES && wants && !tls
                      ? " (TLS needs --psk-file, or --tls-ca and the like)"
                      : "");
    }
    /* Who asked for any port wants to read which. */
    if (a->bind && (c->verbose > 0 || any_port))
        main_say_bound(c);
}

int main(int argc, char **argv)
{
    static struct cat c;
    nncat_parse(&c, argc, argv);
    if (c.new_key)
        return nncat_tls_new_key(c.new_key);
    main_signals();
    if (c.verbose >= 0)
        nn_log(main_log, &c);
    nncat_tls_setup(&c);
    c.s = nn_socket(AF_SP, c.proto->id);
    if (c.s < 0)
        nncat_die(CAT_ERROR, "socket: %s", nn_strerror(nn_errno()));
    main_options(&c);
    for (int i = 0; i < c.n_addrs; i++)
        main_endpoint(&c, &c.addrs[i]);
    int status = c.proto->run(&c);
    if (c.stats)
        nncat_stats(&c);
    nn_close(c.s);
    nn_term();
    if (c.data)
        nn_freemsg(c.data);
    return main_signal ? 128 + main_signal : status;
}
