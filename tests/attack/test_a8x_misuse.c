/* SPDX-License-Identifier: MIT */
/* A81 to A83: an application that sets anything, forks, and is interrupted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_fails(int rc, int err)
{
    int got = errno;
    assert_int_equal(rc, -1);
    assert_int_equal(got, err);
}

/* ---- A81 ---- */

static void A81_any_option_of_any_level_and_length(void **state)
{
    (void)state;
    static const int protocols[] = {NN_REQ, NN_REP, NN_PUB, NN_SUB};
    unsigned seed = 1;
    rp_watchdog(60);
    for (int p = 0; p < 4; p++) {
        for (int raw = 0; raw < 2; raw++) {
            int s = nn_socket(raw ? AF_SP_RAW : AF_SP, protocols[p]);
            assert_true(s >= 0);
            for (int i = 0; i < 50000; i++) {
                uint8_t v[512];
                for (size_t k = 0; k < 16; k++)
                    v[k] = (uint8_t)rand_r(&seed);
                if (rand_r(&seed) % 2)
                    memset(v, rand_r(&seed) % 3 - 1, 16);
                int level = rand_r(&seed) % 3 ? -rand_r(&seed) % 8 : (int)rand_r(&seed) % 128;
                int option = rand_r(&seed) % 8 ? rand_r(&seed) % 80 : (int)rand_r(&seed) - (1 << 30);
                size_t len = rand_r(&seed) % 2 ? sizeof(int) : (size_t)rand_r(&seed) % sizeof v;
                if (level == -8 || (level <= -5 && len == sizeof(void *)))
                    continue; /* an option that is a pointer has to be one */
                if (rand_r(&seed) % 2)
                    (void)nn_setsockopt(s, level, option, v, len);
                else if (nn_getsockopt(s, level, option, v, &len) < 0)
                    assert_true(errno == ENOPROTOOPT || errno == EMFILE);
            }
            rp_set(s, NN_SOL_SOCKET, NN_LINGER, 0);
            nn_close(s);
        }
    }
}

static void A81_any_address(void **state)
{
    (void)state;
    static const char *const parts[] = {"tcp", "://", "127.0.0.1", ":", "0", "65536", "[::1]", "*", ";", "/", "%",
                                        "eth0", "lo", "..", "\xff", " ", "localhost", "tls+psk", "tls+tcp", "inproc", "ipc", "[", "]",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "-1", "1e3"};
    unsigned seed = 7;
    rp_watchdog(60);
    int s = rp_socket(NN_SUB);
    for (int i = 0; i < 30000; i++) {
        char address[1024] = "";
        int n = rand_r(&seed) % 8;
        if (rand_r(&seed) % 2)
            strcpy(address, "tcp://");
        for (int k = 0; k < n; k++)
            strcat(address, parts[(size_t)rand_r(&seed) % (sizeof parts / sizeof *parts)]);
        int id = nn_bind(s, address); /* nn_connect would look names up */
        if (id > 0)
            assert_int_equal(nn_shutdown(s, id), 0);
    }
    nn_close(s);
}

static void A81_bad_addresses_of_connect(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        int err;
    } bad[] = {
        {"", EINVAL}, {"tcp", EINVAL}, {"tcp:/1.2.3.4:5", EINVAL}, {"nope://x", EPROTONOSUPPORT},
        {"tcp://127.0.0.1", EINVAL}, {"tcp://127.0.0.1:", EINVAL}, {"tcp://127.0.0.1:65536", EINVAL},
        {"tcp://127.0.0.1:-1", EINVAL}, {"tcp://127.0.0.1:1x", EINVAL}, {"tcp://:1", EINVAL}, {"tcp://[::1:1", EINVAL},
        {"tcp://*:1", EINVAL}, {"tcp://nonexistent0;127.0.0.1:1", ENODEV},
    };
    int s = rp_socket(NN_SUB);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int rc = nn_connect(s, bad[i].address), err = errno;
        if (rc != -1 || err != bad[i].err)
            fail_msg("%s: %d, %s", bad[i].address, rc, strerror(err));
    }
    char longest[256];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "tcp://", 6);
    longest[sizeof longest - 1] = 0;
    assert_fails(nn_connect(s, longest), ENAMETOOLONG);
    nn_close(s);
}

/* ---- A82 ---- */

/* TSan ends children that start threads unless it is told not to. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

/* What a child finds: none of its parent's sockets, and a library that works. 0 or what is wrong. */
static int child_main(int parents, int port)
{
    char b[16];
    if (nn_send(parents, "x", 1, NN_DONTWAIT) != -1 || errno != EBADF)
        return 1;
    int s = nn_socket(AF_SP, NN_REQ);
    if (s != 0)
        return 2;
    rp_set(s, NN_SOL_SOCKET, NN_RCVTIMEO, rp_time(5000));
    rp_dial(s, port);
    if (nn_send(s, "child", 5, 0) != 5 || nn_recv(s, b, sizeof b, 0) != 5 || memcmp(b, "child", 5) != 0)
        return 3;
    return nn_close(s) == 0 ? 0 : 4;
}

static void assert_child(pid_t pid)
{
    int status = -1;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void A82_a_forked_child_has_an_empty_library_that_works(void **state)
{
    (void)state;
    struct rp_field f;
    rp_field_open(&f, NN_REP, false);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(child_main(f.honest, f.port));
        rp_assert_served(&f, 500);
        assert_child(pid);
        rp_assert_served(&f, 100);
    }
    rp_field_close(&f);
}

static void A82_a_child_that_uses_nothing_can_exit_and_keeps_no_connection(void **state)
{
    (void)state;
    struct rp_field f;
    int hold[2];
    rp_field_open(&f, NN_REP, false);
    int fd = rp_attacker_open(&f);
    assert_int_equal(pipe(hold), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(hold[1]);
        close(fd);
        (void)!read(hold[0], &c, 1);
        if (rp_sanitized())
            _exit(0); /* its parent's memory, which it forgets, would count as leaked */
        exit(0);      /* with the handlers of exit */
    }
    nn_close(f.victim); /* the child must not hold the connection open */
    assert_true(rp_closed(fd, rp_time(1000)));
    close(hold[0]);
    close(hold[1]);
    assert_child(pid);
    close(fd);
    nn_close(f.honest);
    pthread_join(f.thread, NULL);
    nn_term();
    nn_init();
}

/* ---- A83 ---- */

static atomic_int interruptions;

static void on_alarm(int sig)
{
    (void)sig;
    atomic_fetch_add(&interruptions, 1);
}

static void alarms(int us, int flags)
{
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = flags};
    struct itimerval t = {{0, us}, {0, us}};
    assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &t, NULL), 0);
}

/* Round trips in which every call may be interrupted; nothing is lost or doubled. */
static void interrupted(int flags)
{
    char q[16], a[16];
    struct rp_field f;
    rp_field_open(&f, NN_REP, false);
    atomic_store(&interruptions, 0);
    alarms(100, flags);
    int64_t until = rp_now() + 1000;
    for (int i = 0; rp_now() < until; i++) {
        int n = snprintf(q, sizeof q, "%d", i), rc;
        while ((rc = nn_send(f.honest, q, (size_t)n, 0)) < 0)
            assert_int_equal(errno, EINTR);
        while ((rc = nn_recv(f.honest, a, sizeof a, 0)) < 0)
            assert_int_equal(errno, EINTR);
        assert_int_equal(rc, n);
        assert_memory_equal(a, q, (size_t)n);
    }
    alarms(0, flags);
    assert_true(atomic_load(&interruptions) > 100);
    rp_assert_served(&f, 100);
    rp_field_close(&f);
}

static void A83_signals_every_100_us(void **state)
{
    (void)state;
    interrupted(0);
}

static void A83_signals_every_100_us_with_SA_RESTART(void **state)
{
    (void)state;
    interrupted(SA_RESTART);
}

static void A83_a_signal_ends_waiting_calls_with_EINTR(void **state)
{
    (void)state;
    char b[8];
    for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
        int s = rp_socket(NN_REP);
        struct nn_pollfd p = {.fd = s, .events = NN_POLLIN};
        (void)rp_bind(s);
        sigset_t alarm_only, was;
        sigemptyset(&alarm_only);
        sigaddset(&alarm_only, SIGALRM);
        assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &alarm_only, &was), 0);
        alarms(20000, flags);
        assert_fails(nn_recv(s, b, sizeof b, 0), EINTR);
        assert_fails(nn_poll(&p, 1, -1), EINTR);
        alarms(0, flags);
        nn_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A81_any_option_of_any_level_and_length),
        cmocka_unit_test(A81_any_address),
        cmocka_unit_test(A81_bad_addresses_of_connect),
        cmocka_unit_test(A82_a_forked_child_has_an_empty_library_that_works),
        cmocka_unit_test(A82_a_child_that_uses_nothing_can_exit_and_keeps_no_connection),
        cmocka_unit_test(A83_signals_every_100_us),
        cmocka_unit_test(A83_signals_every_100_us_with_SA_RESTART),
        cmocka_unit_test(A83_a_signal_ends_waiting_calls_with_EINTR),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
