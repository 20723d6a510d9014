/* SPDX-License-Identifier: MIT */

/* The happy path: send, receive, ask, talk or answer, once or again and again, until --count is
 * reached or the protocol says that there is nothing more to wait for.
 *
 * What can fail: a time-out ends the conversation, and the reason is printed when there never was a
 * peer. As in nanocat that is no failure of who only receives and one of who sends or answers; with
 * --count it is CAT_TIMEOUT or CAT_REFUSED. A signal ends it too; EINTR without one is nothing. */

#include "nncat.h"

#include <nanomsg/nanoseal.h>
#include <nanomsg/tls.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t run_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Sleeps until the moment `until`; less when a signal asks for the end. */
static void run_sleep(struct cat *c, int64_t until)
{
    for (int64_t left; !nncat_stopping(c) && (left = until - run_now()) > 0;) {
        struct timespec t = {.tv_sec = (time_t)(left / 1000),
                             .tv_nsec = (long)(left % 1000) * 1000000};
        nanosleep(&t, NULL);
    }
}

/* Whether the messages asked for are all done. */
static int run_enough(const struct cat *c)
{
    return c->count && c->done >= c->count;
}

/* Whether no peer was ever there and the library knows why: then that is printed. */
static int run_refused(const struct cat *c)
{
    char why[512] = "";
    size_t len = sizeof why - 1;
    if (nn_get_statistic(c->s, NN_STAT_ESTABLISHED_CONNECTIONS) ||
        nn_get_statistic(c->s, NN_STAT_ACCEPTED_CONNECTIONS) ||
        nn_getsockopt(c->s, NN_SOL_SOCKET, NN_LAST_REASON, why, &len) || why[0] == '\0')
        return 0;
    fprintf(stderr, "nncat: no peer: %s\n", why);
    return 1;
}

/* The status after a time-out; without --count it is `otherwise`. */
static int run_timed_out(const struct cat *c, const char *what, int otherwise)
{
    int refused = run_refused(c);
    if (!refused && c->verbose >= 0)
        fprintf(stderr, "nncat: time-out: %s\n", what);
    return !c->count ? otherwise : refused ? CAT_REFUSED : CAT_TIMEOUT;
}

/* Sends --data. 0, or -1 with *status set. */
static int run_send_one(struct cat *c, int *status)
{
    while (!nncat_stopping(c)) {
        if (nn_send(c->s, c->data, c->data_len, 0) >= 0)
            return 0;
        int err = nn_errno();
        if (err == ETIMEDOUT || err == EAGAIN)
            return *status = run_timed_out(c, "nobody took the message", CAT_ERROR), -1;
        if (err != EINTR)
            nncat_die(CAT_ERROR, "send: %s", nn_strerror(err));
    }
    return *status = CAT_OK, -1;
}

static void run_read_control(struct cat_msg *m, const struct nn_msghdr *h)
{
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(h); c; c = NN_CMSG_NXTHDR(h, c)) {
        size_t len = c->cmsg_len - NN_CMSG_LEN(0);
        if (c->cmsg_level == NN_TLS && c->cmsg_type == NN_TLS_PEER_ID) {
            m->peer = NN_CMSG_DATA(c);
            m->peer_len = len;
        } else if (c->cmsg_level == NN_SOL_SOCKET && c->cmsg_type == NN_PIPE_ID &&
                   len == sizeof m->pipe) {
            memcpy(&m->pipe, NN_CMSG_DATA(c), sizeof m->pipe);
            m->has_pipe = 1;
        }
    }
}

/* Receives one message, prints it and frees it. 0, or an errno. */
static int run_recv_one(struct cat *c)
{
    struct cat_msg m = {0};
    void *control = NULL;
    struct nn_iovec iov = {.iov_base = &m.body, .iov_len = NN_MSG};
    struct nn_msghdr h = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = NN_MSG};
    int n = nn_recvmsg(c->s, &h, 0);
    if (n < 0)
        return nn_errno();
    m.len = (size_t)n;
    m.control = control;
    if (control)
        run_read_control(&m, &h);
    if (c->print) {
        c->print(&m, stdout);
        if (fflush(stdout))
            nncat_die(CAT_FILE, "output: %s", strerror(errno));
    }
    nn_freemsg(m.body);
    if (m.control)
        nn_freemsg(m.control);
    return 0;
}

/* Receives one message. 0; -1 when the conversation is over, with *status set: `timed_out` says
 * what a time-out is without --count. */
static int run_recv(struct cat *c, int *status, int timed_out)
{
    while (!nncat_stopping(c)) {
        int err = run_recv_one(c);
        if (err == 0)
            return 0;
        if (err == EFSM)
            return *status = CAT_OK, -1;
        if (err == ETIMEDOUT || err == EAGAIN) {
            int wanted = c->count ? c->done < c->count : c->done == 0;
            *status = wanted ? run_timed_out(c, "no message came", timed_out) : timed_out;
            return -1;
        }
        if (err != EINTR)
            nncat_die(CAT_ERROR, "receive: %s", nn_strerror(err));
    }
    return *status = CAT_OK, -1;
}

static void run_delay(struct cat *c)
{
    if (c->delay_ms >= 0)
        run_sleep(c, run_now() + c->delay_ms);
}

/* With --interval for ever, else once; with --count so many times. */
static int run_again(const struct cat *c)
{
    return c->count ? !run_enough(c) : c->interval_ms >= 0;
}

int nncat_run_send(struct cat *c)
{
    int status = CAT_OK;
    run_delay(c);
    do {
        int64_t next = run_now() + c->interval_ms;
        if (run_send_one(c, &status))
            return status;
        c->done++;
        if (c->interval_ms >= 0 && run_again(c))
            run_sleep(c, next);
    } while (run_again(c) && !nncat_stopping(c));
    return c->count && run_refused(c) ? CAT_REFUSED : CAT_OK;
}

int nncat_run_recv(struct cat *c)
{
    int status = CAT_OK;
    run_delay(c);
    while (!run_enough(c) && run_recv(c, &status, CAT_OK) == 0)
        c->done++;
    return status;
}

/* Prints what comes until `until`. */
static void run_recv_until(struct cat *c, int64_t until)
{
    for (int64_t left; !run_enough(c) && (left = until - run_now()) > 0;) {
        int ms = (int)left;
        nn_setsockopt(c->s, NN_SOL_SOCKET, NN_RCVTIMEO, &ms, sizeof ms);
        int err = run_recv_one(c);
        if (err == 0)
            c->done++;
        else if (err == ETIMEDOUT || err == EFSM || nncat_stopping(c))
            break;
        else if (err != EINTR)
            nncat_die(CAT_ERROR, "receive: %s", nn_strerror(err));
    }
}

static int run_ask_at_intervals(struct cat *c)
{
    int status = CAT_OK;
    while (!nncat_stopping(c) && !run_enough(c)) {
        int64_t next = run_now() + c->interval_ms;
        if (run_send_one(c, &status))
            return status;
        run_recv_until(c, next);
        if (!run_enough(c))
            run_sleep(c, next);
    }
    return status;
}

int nncat_run_ask(struct cat *c)
{
    int status = CAT_OK;
    run_delay(c);
    if (c->interval_ms >= 0)
        return run_ask_at_intervals(c);
    do {
        if (run_send_one(c, &status))
            return status;
        while (!run_enough(c) && run_recv(c, &status, CAT_OK) == 0)
            c->done++;
        /* Over because no more answers can come, and there are too few: then once more. */
    } while (c->count && !run_enough(c) && status == CAT_OK && !nncat_stopping(c));
    return status;
}

int nncat_run_talk(struct cat *c)
{
    return c->data ? nncat_run_ask(c) : nncat_run_recv(c);
}

int nncat_run_answer(struct cat *c)
{
    int status = CAT_OK;
    run_delay(c);
    while (!run_enough(c) && run_recv(c, &status, c->data ? CAT_ERROR : CAT_OK) == 0) {
        if (c->data && run_send_one(c, &status))
            return status;
        c->done++;
    }
    return status;
}
