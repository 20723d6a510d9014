/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "field.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAP_SLACK 65536 /* what libc and the sanitizers keep for themselves */

/* Receives and sends back until the socket is closed. */
static void *echo_main(void *arg)
{
    int s = *(int *)arg;
    void *body;
    for (;;) {
        int n = nn_recv(s, &body, NN_MSG, 0);
        if (n < 0 && errno != EINTR && errno != ETIMEDOUT && errno != ENOMEM)
            return NULL;
        if (n >= 0 && nn_send(s, &body, NN_MSG, 0) < 0)
            nn_freemsg(body);
    }
}

/* What is allocated once per process must not count as a leak, and what tests before left must be gone. */
static void warm_up(void)
{
    nn_close(rp_socket(NN_REP));
    nn_term();
    nn_init();
}

void rp_field_sockets(struct rp_field *f, int protocol, bool dials)
{
    rp_watchdog(60);
    warm_up();
    *f = (struct rp_field){
        .protocol = protocol, .dials = dials, .bind = rp_bind, .dial = rp_dial, .listener = -1};
    f->fds = rp_fds();
    f->threads = rp_threads();
    f->heap = rp_heap();
    f->attacker = protocol == NN_REP ? NN_REQ : protocol == NN_RESPONDENT ? NN_SURVEYOR : NN_PUB;
    f->victim = rp_socket(protocol);
    f->honest = rp_socket(f->attacker);
    rp_set(f->victim, NN_SOL_SOCKET, NN_RCVTIMEO, -1);
    if (protocol == NN_SUB)
        assert_int_equal(nn_setsockopt(f->victim, NN_SUB, NN_SUB_SUBSCRIBE, "", 0), 0);
}

void rp_field_start(struct rp_field *f)
{
    if (f->dials) {
        f->listener = rp_listen(&f->port);
        f->dial(f->victim, f->bind(f->honest));
        f->dial(f->victim, f->port);
    } else {
        f->port = f->bind(f->victim);
        f->dial(f->honest, f->port);
    }
    if (f->protocol != NN_SUB) {
        assert_int_equal(pthread_create(&f->thread, NULL, echo_main, &f->victim), 0);
        f->echo = true;
    }
    assert_true(rp_stat_reaches(f->honest, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_true(rp_stat_reaches(f->victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_true(rp_served(f) >= 0);
}

void rp_field_open(struct rp_field *f, int protocol, bool dials)
{
    rp_field_sockets(f, protocol, dials);
    rp_field_start(f);
}

void rp_field_close(struct rp_field *f)
{
    assert_int_equal(nn_close(f->victim), 0);
    assert_int_equal(nn_close(f->honest), 0);
    if (f->echo)
        pthread_join(f->thread, NULL);
    if (f->listener >= 0)
        close(f->listener);
    nn_term();
    nn_init();
    assert_in_range(rp_fds(), 0, f->fds);
    assert_in_range(rp_heap(), 0, f->heap + HEAP_SLACK);
    rp_watchdog(0);
}

/* Receives on `s` until the text comes. */
static bool expect(int s, const char *text)
{
    char got[64];
    for (;;) {
        int n = nn_recv(s, got, sizeof got, 0);
        if (n < 0)
            return false;
        if ((size_t)n == strlen(text) && !memcmp(got, text, (size_t)n))
            return true;
    }
}

int rp_served(struct rp_field *f)
{
    char text[32];
    int n = snprintf(text, sizeof text, "honest %u", ++f->serial);
    int64_t start = rp_now();
    if (nn_send(f->honest, text, (size_t)n, 0) != n)
        return -1;
    if (f->protocol == NN_SUB)
        rp_set(f->victim, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(10000));
    return expect(f->echo ? f->honest : f->victim, text) ? (int)(rp_now() - start) : -1;
}

/* One try in three has to meet the limit: a loaded machine may hold up any of them, a fault holds up all. */
void rp_assert_served(struct rp_field *f, int ms)
{
    int took = 0;
    for (int i = 0; i < 3; i++) {
        took = rp_served(f);
        if (took < 0)
            fail_msg("the honest peer is not served: %s", strerror(errno));
        if (took <= rp_time(ms))
            return;
    }
    fail_msg("the honest peer was served after %d ms, not %d", took, rp_time(ms));
}

int rp_attacker(struct rp_field *f)
{
    int fd = f->dials ? rp_accept(f->listener, rp_time(5000)) : rp_connect(f->port);
    if (fd < 0)
        fail_msg("the victim does not dial");
    return fd;
}

int rp_attacker_open(struct rp_field *f)
{
    int fd = rp_attacker(f);
    if (!rp_hello(fd, f->attacker, f->protocol, rp_time(5000)))
        fail_msg("no greeting: %s", rp_reason(f->victim));
    return fd;
}
