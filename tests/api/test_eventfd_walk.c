/* SPDX-License-Identifier: MIT */
/* Random walks over pairs of sockets: after each step poll(2) on NN_RCVFD and NN_SNDFD, nn_poll and
 * the calls with NN_DONTWAIT agree. */
#include "lib.h"
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <poll.h>

#define STEPS (LIB_SLOW ? 150 : 600)

static const int pairs[][2] = {
    {NN_PAIR, NN_PAIR}, {NN_REP, NN_REQ}, {NN_PUB, NN_SUB},
    {NN_PUSH, NN_PULL}, {NN_BUS, NN_BUS}, {NN_SURVEYOR, NN_RESPONDENT},
};
#define N_PAIRS ((int)(sizeof pairs / sizeof *pairs))

struct end {
    int s;
    int in, out; /* its descriptors, -1 in a direction that it lacks */
};

static unsigned seed;

static unsigned choose(unsigned n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

static int descriptor(int s, int option)
{
    int fd = -1;
    size_t len = sizeof fd;
    int rc = nn_getsockopt(s, NN_SOL_SOCKET, option, &fd, &len);
    if (rc < 0)
        assert_int_equal(nn_errno(), ENOPROTOOPT);
    return rc < 0 ? -1 : fd;
}

static struct end open_end(int protocol)
{
    int s = lib_socket(protocol), deadline = 50;
    if (protocol == NN_SURVEYOR)
        lib_ok(nn_setsockopt(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &deadline, sizeof deadline));
    return (struct end){s, descriptor(s, NN_RCVFD), descriptor(s, NN_SNDFD)};
}

static int up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1 && p.revents == POLLIN;
}

static int agrees(int s, int fd, int event)
{
    return fd < 0 || up(fd) == (lib_poll(s, event, 0) == event);
}

/* A step that the descriptor says is possible does not have to wait. */
static void receive(struct end e)
{
    char buf[32];
    int was = e.in >= 0 && up(e.in);
    if (nn_recv(e.s, buf, sizeof buf, NN_DONTWAIT) < 0 && was)
        assert_int_not_equal(nn_errno(), EAGAIN);
    if (e.in < 0)
        assert_int_equal(nn_errno(), ENOTSUP);
}

static void transmit(struct end e)
{
    int was = e.out >= 0 && up(e.out);
    if (nn_send(e.s, "some bytes", 10, NN_DONTWAIT) < 0 && was)
        assert_int_not_equal(nn_errno(), EAGAIN);
    if (e.out < 0)
        assert_int_equal(nn_errno(), ENOTSUP);
}

/* The second end leaves and another one takes its place. */
static void replace(struct end *server, struct end *e, int protocol, const char *address)
{
    int gone = dup(e->in >= 0 ? e->in : e->out);
    assert_return_code(gone, errno);
    lib_ok(nn_close(e->s));
    assert_true(up(gone)); /* a loop that waits for it wakes */
    close(gone);
    lib_peers(server->s, 0);
    *e = open_end(protocol);
    lib_ok(nn_connect(e->s, address));
    lib_peers(e->s, 1);
    lib_peers(server->s, 1);
}

static void step(struct end *ends, int protocol, const char *address)
{
    switch (choose(20)) {
    case 0:
        replace(&ends[0], &ends[1], protocol, address);
        break;
    case 1:
        lib_pause(1);
        break;
    default:
        (choose(2) ? receive : transmit)(ends[choose(2)]);
    }
    for (int i = 0; i < 2; i++) {
        lib_until(agrees(ends[i].s, ends[i].in, NN_POLLIN));
        lib_until(agrees(ends[i].s, ends[i].out, NN_POLLOUT));
    }
}

static void walk(const int *protocols, const char *scheme)
{
    char address[160] = "inproc://walk";
    struct end ends[2] = {open_end(protocols[0]), open_end(protocols[1])};
    if (strcmp(scheme, "tcp") == 0)
        snprintf(address, sizeof address, "%s", lib_listen(ends[0].s));
    else
        lib_ok(nn_bind(ends[0].s, address));
    lib_ok(nn_connect(ends[1].s, address));
    lib_peers(ends[0].s, 1);
    for (int i = 0; i < STEPS; i++)
        step(ends, protocols[1], address);
    for (int i = 0; i < 2; i++)
        lib_ok(nn_close(ends[i].s));
}

static void over_tcp(void **state)
{
    (void)state;
    for (int i = 0; i < N_PAIRS; i++)
        walk(pairs[i], "tcp");
}

static void over_inproc(void **state)
{
    (void)state;
    for (int i = 0; i < N_PAIRS; i++)
        walk(pairs[i], "inproc");
}

static void nn_term_wakes_who_polls(void **state)
{
    (void)state;
    struct end e = open_end(NN_PAIR);
    int in = dup(e.in), out = dup(e.out);
    assert_false(up(in));
    assert_false(up(out));
    nn_term();
    assert_true(up(in));
    assert_true(up(out));
    close(in);
    close(out);
    lib_ok(nn_init());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_tcp),
        cmocka_unit_test(over_inproc),
        cmocka_unit_test(nn_term_wakes_who_polls),
    };
    seed = (unsigned)lib_now_ms();
    printf("seed %u\n", seed);
    alarm(250);
    return cmocka_run_group_tests_name("walks", tests, NULL, NULL);
}
