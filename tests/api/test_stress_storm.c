/* SPDX-License-Identifier: MIT */
/* A storm (C04 of the attacks): many threads open, bind, connect, send, receive and close random
 * sockets of random protocols and transports, also each other's, and every call returns within five
 * seconds. Afterwards nothing is left. NANOSEAL_SEED repeats the choices of a run, though not the
 * order in which the threads are run. */
#include "lib.h"
#include "support/stress.h"
#include "support/transports.h"
#include <fcntl.h>
#include <nanomsg/bus.h>
#include <nanomsg/survey.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#define N_THREADS   64
#define N_SOCKETS   96
#define N_ADDRESSES 48
#define STORM_MS    3000
#define CALL_MS     5000
#define MAX_FDS     4096

static const int protocols[] = {NN_PAIR, NN_PUB,  NN_SUB,      NN_REQ,        NN_REP,
                                NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};

/* What a call may fail with here: EACCES as a number may be a socket that another thread has just
 * opened, and not yet given its key. */
static const int allowed[] = {EBADF,      EAGAIN, ETIMEDOUT, EFSM,  ENOTSUP, ENOPROTOOPT,
                              EADDRINUSE, EMFILE, EINVAL,    ETERM, EACCES};

static const struct tr_row *rows[8];
static int n_rows;
static atomic_int sockets[N_SOCKETS]; /* a number that may be closed already, or -1 */
static char addresses[N_ADDRESSES][TR_ADDRESS];
static pthread_mutex_t addresses_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool over, signals;
static atomic_int n_calls, n_moved;
static uint64_t seed;

/* A call that returns within its time, with success or with an error of the list. */
static int checked(int rc, const char *what)
{
    int err = nn_errno();
    n_calls++;
    if (rc >= 0)
        return rc;
    if (signals && err == EINTR)
        return -1;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (err == allowed[i])
            return -1;
    fprintf(stderr, "%s: %s\n", what, nn_strerror(err));
    abort();
}
#define call(c) checked(st_within(CALL_MS, c), #c)

static void set(int s, int level, int option, int value)
{
    nn_setsockopt(s, level, option, &value, sizeof value); /* not every socket has it */
}

static void storm_options(uint64_t *r, int s)
{
    set(s, NN_SOL_SOCKET, NN_RCVTIMEO, st_below(r, 20));
    set(s, NN_SOL_SOCKET, NN_SNDTIMEO, st_below(r, 20));
    set(s, NN_SOL_SOCKET, NN_LINGER, st_below(r, 20));
    set(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, 1 + st_below(r, 20));
    set(s, NN_SOL_SOCKET, NN_SNDPRIO, 1 + st_below(r, 16));
    set(s, NN_SOL_SOCKET, NN_RCVPRIO, 1 + st_below(r, 16));
    set(s, NN_SOL_SOCKET, NN_RCVBUF, 1 << st_below(r, 18));
    set(s, NN_SOL_SOCKET, NN_SNDBUF, 1 << st_below(r, 18));
    set(s, NN_SOL_SOCKET, NN_MAX_PEERS, 1 + st_below(r, 10));
    set(s, NN_REQ, NN_REQ_RESEND_IVL, 1 + st_below(r, 20));
    set(s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, 1 + st_below(r, 20));
    nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
    for (int i = 0; i < n_rows; i++)
        (void)tr_prepare(rows[i], s);
}

static void storm_open(uint64_t *r)
{
    int raw = st_below(r, 8) == 0;
    int s = call(nn_socket(raw ? AF_SP_RAW : AF_SP, protocols[st_below(r, 10)]));
    if (s < 0)
        return;
    storm_options(r, s);
    int old = atomic_exchange(&sockets[st_below(r, N_SOCKETS)], s);
    if (old >= 0)
        call(nn_close(old));
}

static void known_address(uint64_t *r, char address[TR_ADDRESS])
{
    pthread_mutex_lock(&addresses_lock);
    memcpy(address, addresses[st_below(r, N_ADDRESSES)], TR_ADDRESS);
    pthread_mutex_unlock(&addresses_lock);
}

/* At a new address, or at one that somebody has had. */
static void storm_bind(uint64_t *r, int s)
{
    char address[TR_ADDRESS];
    const struct tr_row *row = rows[st_below(r, n_rows)];
    known_address(r, address);
    if (address[0] && st_below(r, 2)) {
        call(nn_bind(s, address));
    } else if (call(tr_listen(row, s, address)) >= 0) {
        pthread_mutex_lock(&addresses_lock);
        memcpy(addresses[st_below(r, N_ADDRESSES)], address, TR_ADDRESS);
        pthread_mutex_unlock(&addresses_lock);
    }
}

static void storm_connect(uint64_t *r, int s)
{
    char address[TR_ADDRESS];
    known_address(r, address);
    if (address[0])
        call(nn_connect(s, address));
}

static void storm_send(uint64_t *r, int s)
{
    static const char body[70000];
    size_t size = (size_t)st_below(r, st_below(r, 10) ? 200 : (int)sizeof body);
    n_moved += call(nn_send(s, body, size, st_below(r, 2) ? NN_DONTWAIT : 0)) > 0;
}

static void storm_recv(uint64_t *r, int s)
{
    char *m;
    if (call(nn_recv(s, &m, NN_MSG, st_below(r, 2) ? NN_DONTWAIT : 0)) < 0)
        return;
    n_moved++;
    nn_freemsg(m);
}

static void storm_look(uint64_t *r, int s)
{
    struct nn_pollfd p = {.fd = s, .events = (short)(1 + st_below(r, 3))};
    struct nn_pipe_info info[4] = {{.size = sizeof *info}};
    int fd;
    size_t len = sizeof fd;
    switch (st_below(r, 4)) {
    case 0:
        call(nn_poll(&p, 1, st_below(r, 20)));
        break;
    case 1:
        call(nn_pipes(s, info, 4));
        break;
    case 2:
        call(nn_getsockopt(s, NN_SOL_SOCKET, st_below(r, 2) ? NN_SNDFD : NN_RCVFD, &fd, &len));
        break;
    default:
        call(nn_get_statistic(s, NN_STAT_CURRENT_CONNECTIONS) == UINT64_MAX ? -1 : 0);
    }
}

static void storm_step(uint64_t *r)
{
    int at = st_below(r, N_SOCKETS), s = sockets[at];
    switch (s < 0 ? 0 : st_below(r, 16)) {
    case 0:
        storm_open(r);
        break;
    case 1:
        if (atomic_compare_exchange_strong(&sockets[at], &s, -1))
            call(nn_close(s));
        break;
    case 2:
        storm_bind(r, s);
        break;
    case 3:
    case 4:
        storm_connect(r, s);
        break;
    case 5:
        call(nn_shutdown(s, 1 + st_below(r, 4)));
        break;
    case 6:
        storm_look(r, s);
        break;
    default:
        st_below(r, 2) ? storm_send(r, s) : storm_recv(r, s);
    }
    if (s >= 0 && nn_errno() == EBADF)
        atomic_compare_exchange_strong(&sockets[at], &s, -1);
}

static void *storm(void *arg)
{
    uint64_t r = seed + (uint64_t)(uintptr_t)arg;
    while (!over)
        storm_step(&r);
    return NULL;
}

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < MAX_FDS; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void run(void *(*another)(void *))
{
    pthread_t t[N_THREADS], other;
    int slot = st_begin(__func__, "the whole storm", st_test_time(STORM_MS + 20000));
    over = false;
    n_calls = n_moved = 0;
    memset(addresses, 0, sizeof addresses);
    for (int i = 0; i < N_SOCKETS; i++)
        sockets[i] = -1;
    for (uintptr_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, storm, (void *)(i + 1)), 0);
    if (another)
        assert_int_equal(pthread_create(&other, NULL, another, NULL), 0);
    for (int64_t end = lib_now_ms() + st_scaled(STORM_MS); lib_now_ms() < end;)
        lib_pause(10); /* a signal may end it */
    over = true;
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(t[i], NULL);
    if (another)
        pthread_join(other, NULL);
    for (int i = 0; i < N_SOCKETS; i++)
        if (sockets[i] >= 0)
            call(nn_close(sockets[i]));
    printf("%d calls, %d messages sent or received\n", (int)n_calls, (int)n_moved);
    st_end(slot);
}

static int setup(void **state)
{
    (void)state;
    seed = st_seed();
    for (int i = 0; i < tr_n_rows; i++)
        if (tr_here(&tr_rows[i]))
            rows[n_rows++] = &tr_rows[i];
    return n_rows == 0;
}

static void every_call_returns(void **state)
{
    (void)state;
    int fds = count_fds();
    run(NULL);
    assert_true(n_moved > 100);
    st_within(CALL_MS, (nn_term(), 0));
    nn_init();
    int s = lib_socket(NN_PAIR); /* its loop needs what the first one needed */
    lib_listen(s);
    nn_close(s);
    lib_until(count_fds() <= fds + 8);
}

/* Sockets of before are gone, and numbers begin anew, in the middle of it. */
static void *end_and_begin(void *arg)
{
    uint64_t r = seed;
    while (!over) {
        lib_pause(100 + st_below(&r, 200));
        st_within(CALL_MS, (nn_term(), 0));
        nn_init();
    }
    return arg;
}

static void every_call_returns_while_the_library_ends(void **state)
{
    (void)state;
    run(end_and_begin);
    nn_term();
    nn_init();
}

static void nothing(int signal)
{
    (void)signal;
}

/* A handler runs on some thread a thousand times a second: calls that wait end with EINTR, others
 * go on. */
static void every_call_returns_while_signals_come(void **state)
{
    (void)state;
    struct sigaction act = {.sa_handler = nothing}, old;
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    assert_int_equal(sigaction(SIGALRM, &act, &old), 0);
    signals = true;
    setitimer(ITIMER_REAL, &often, NULL);
    run(NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    signals = false;
    nn_term();
    nn_init();
    sigaction(SIGALRM, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_returns),
        cmocka_unit_test(every_call_returns_while_the_library_ends),
        cmocka_unit_test(every_call_returns_while_signals_come),
    };
    return cmocka_run_group_tests_name("stress_storm", tests, setup, NULL);
}
