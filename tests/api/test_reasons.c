/* SPDX-License-Identifier: MIT */
/* Why a connection failed or ended: NN_LAST_REASON, the counter, the line of nn_log and
 * NN_PRINT_ERRORS. */
#include "lib.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

/* ---- the lines that nn_log got ---- */

#define N_LINES 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[N_LINES][512]; /* the latest */
static unsigned n_lines;

static void keep_line(void *arg, const char *text)
{
    assert_ptr_equal(arg, &n_lines);
    pthread_mutex_lock(&lock);
    snprintf(lines[n_lines++ % N_LINES], sizeof *lines, "%s", text);
    pthread_mutex_unlock(&lock);
}

static int setup(void **state)
{
    (void)state;
    memset(lines, 0, sizeof lines);
    nn_log(keep_line, &n_lines);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nn_log(NULL, NULL);
    return 0;
}

static unsigned count_lines(void)
{
    pthread_mutex_lock(&lock);
    unsigned n = n_lines;
    pthread_mutex_unlock(&lock);
    return n;
}

/* Some line holds both texts. */
static int line_has(const char *text, const char *detail)
{
    int has = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < N_LINES; i++)
        has |= strstr(lines[i], text) && strstr(lines[i], detail);
    pthread_mutex_unlock(&lock);
    return has;
}

/* s counts `stat`, and its reason and a line of the log hold both texts. */
static void expect_reason(int s, int stat, const char *text, const char *detail)
{
    char reason[320];
    lib_until(lib_stat(s, stat) >= 1);
    lib_text(s, NN_LAST_REASON, reason, sizeof reason);
    if (!strstr(reason, text) || !strstr(reason, detail) || !strstr(reason, "tcp://"))
        fail_msg("reason: %s", reason);
    lib_until(line_has(text, detail));
}

static int plain_connect(const char *address)
{
    unsigned port;
    struct sockaddr_in a = {.sin_family = AF_INET};
    assert_int_equal(sscanf(strrchr(address, ':'), ":%u", &port), 1);
    assert_int_equal(inet_pton(AF_INET, lib_host(), &a.sin_addr), 1);
    a.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(fd, errno);
    assert_return_code(connect(fd, (struct sockaddr *)&a, sizeof a), errno);
    return fd;
}

static void plain_send(int fd, const void *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/* The other side closes: what it sends before that is read away. */
static void plain_expect_end(int fd)
{
    char buf[64];
    struct timeval t = {.tv_sec = LIB_PATIENCE_MS / 1000};
    ssize_t n;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
        continue;
    assert_true(n == 0 || errno == ECONNRESET);
    close(fd);
}

static const char push_greeting[8] = {0, 'S', 'P', 0, 0, NN_PUSH, 0, 0};

/* ---- the reasons ---- */

static void none_at_first(void **state)
{
    (void)state;
    char reason[16] = "x";
    int s = lib_socket(NN_PULL);
    lib_text(s, NN_LAST_REASON, reason, sizeof reason);
    assert_string_equal(reason, "");
    lib_text(s, NN_LAST_ENDPOINT, reason, sizeof reason);
    assert_string_equal(reason, "");
    nn_close(s);
}

static void refused_when_nobody_listens(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    nn_close(s);
    lib_ok(nn_connect(c, address));
    expect_reason(c, NN_STAT_REFUSED, "refused", address);
    nn_close(c);
}

static void protocol_when_the_socket_types_do_not_fit(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUB);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    lib_ok(nn_connect(c, address));
    expect_reason(s, NN_STAT_PROTOCOL, "protocol", "32");
    nn_close(c);
    nn_close(s);
}

static void protocol_when_it_is_not_sp(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL), fd = plain_connect(lib_listen(s));
    plain_send(fd, "GET / HTTP/1.1\r\n\r\n", 18);
    expect_reason(s, NN_STAT_PROTOCOL, "protocol", "no SP header");
    plain_expect_end(fd);
    assert_int_equal(lib_stat(s, NN_STAT_ACCEPT_ERRORS), 1);
    nn_close(s);
}

static void timeout_when_no_header_comes(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_set(s, NN_HANDSHAKE_TIMEO, 50);
    int fd = plain_connect(lib_listen(s));
    expect_reason(s, NN_STAT_TIMEOUT, "timed out", "SP header");
    plain_expect_end(fd);
    nn_close(s);
}

static void timeout_when_half_a_header_comes(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_set(s, NN_HANDSHAKE_TIMEO, 50);
    int fd = plain_connect(lib_listen(s));
    plain_send(fd, push_greeting, 5);
    expect_reason(s, NN_STAT_TIMEOUT, "timed out", "SP header");
    plain_expect_end(fd);
    nn_close(s);
}

static void oversize_when_a_message_is_too_large(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    lib_set(t.s, NN_RCVMAXSIZE, 10); /* read live */
    lib_send(t.c, "just right");
    lib_expect(t.s, "just right");
    lib_send(t.c, "one too many");
    expect_reason(t.s, NN_STAT_OVERSIZE, "too large", "NN_RCVMAXSIZE");
    assert_int_equal(lib_stat(t.s, NN_STAT_DROPPED_CONNECTIONS), 1);
    lib_close(t);
}

static void a_promise_of_a_huge_message_is_refused(void **state)
{
    static const unsigned char head[8] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    (void)state;
    int s = lib_socket(NN_PULL);
    lib_set(s, NN_RCVMAXSIZE, -1);
    int fd = plain_connect(lib_listen(s));
    plain_send(fd, push_greeting, 8);
    plain_send(fd, head, 8);
    expect_reason(s, NN_STAT_OVERSIZE, "too large", "");
    plain_expect_end(fd);
    nn_close(s);
}

static void truncated_when_it_ends_inside_a_message(void **state)
{
    static const unsigned char part[] = {0, 0, 0, 0, 0, 0, 0, 9, 'h', 'a', 'l', 'f'};
    (void)state;
    int s = lib_socket(NN_PULL), fd = plain_connect(lib_listen(s));
    plain_send(fd, push_greeting, 8);
    plain_send(fd, part, sizeof part);
    lib_peers(s, 1);
    close(fd);
    expect_reason(s, NN_STAT_TRUNCATED, "inside a message", "127.0.0.1");
    nn_close(s);
}

static void a_dialler_is_refused_at_a_busy_pair(void **state)
{
    (void)state;
    char address[160];
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    int late = lib_socket(NN_PAIR);
    lib_text(t.s, NN_LAST_ENDPOINT, address, sizeof address);
    lib_ok(nn_connect(late, address));
    lib_until(lib_stat(t.s, NN_STAT_REFUSED) >= 1);
    expect_reason(late, NN_STAT_REFUSED, "refused", "");
    nn_close(late);
    lib_close(t);
}

static void an_orderly_end_is_no_reason(void **state)
{
    (void)state;
    char reason[64];
    struct lib_two t = lib_two(NN_PULL, NN_PUSH);
    nn_close(t.c);
    lib_peers(t.s, 0);
    lib_text(t.s, NN_LAST_REASON, reason, sizeof reason);
    assert_string_equal(reason, "");
    nn_close(t.s);
}

/* ---- limits ---- */

static void limit_when_there_are_enough_peers(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), a = lib_socket(NN_PUSH), b = lib_socket(NN_PUSH),
        c = lib_socket(NN_PUSH);
    lib_set(s, NN_MAX_PEERS, 2);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    lib_ok(nn_connect(a, address));
    lib_ok(nn_connect(b, address));
    lib_peers(s, 2);
    lib_ok(nn_connect(c, address));
    expect_reason(s, NN_STAT_LIMIT, "limit", "NN_MAX_PEERS");
    assert_int_equal(lib_stat(s, NN_STAT_CURRENT_CONNECTIONS), 2);
    nn_close(a); /* makes room */
    lib_peers(c, 1);
    lib_send(c, "in");
    lib_expect(s, "in");
    nn_close(b);
    nn_close(c);
    nn_close(s);
}

static void limit_when_too_many_are_half_open(void **state)
{
    (void)state;
    int s = lib_socket(NN_PULL), fd[5];
    lib_set(s, NN_MAX_HANDSHAKES, 3);
    const char *address = lib_listen(s);
    for (int i = 0; i < 5; i++)
        fd[i] = plain_connect(address);
    expect_reason(s, NN_STAT_LIMIT, "limit", "");
    lib_until(lib_stat(s, NN_STAT_LIMIT) == 2);
    plain_expect_end(fd[0]); /* the oldest gave way */
    plain_expect_end(fd[1]);
    plain_send(fd[2], push_greeting, 8);
    lib_peers(s, 1);
    for (int i = 2; i < 5; i++)
        close(fd[i]);
    nn_close(s);
}

/* ---- where lines go ---- */

static void a_line_names_socket_and_endpoint(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    nn_close(s);
    lib_ok(nn_setsockopt(c, NN_SOL_SOCKET, NN_SOCKET_NAME, "sensor", 6));
    lib_ok(nn_connect(c, address));
    lib_until(line_has("sensor", address));
    assert_true(line_has("sensor", "connect"));
    nn_close(c);
}

static void a_name_cannot_forge_lines(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    nn_close(s);
    lib_ok(nn_setsockopt(c, NN_SOL_SOCKET, NN_SOCKET_NAME, "a\nb\033[", 5));
    lib_ok(nn_connect(c, address));
    lib_until(line_has("a?b?[", address));
    nn_close(c);
}

/* As in nanomsg: an attempt every few milliseconds would drown everything else. */
static void an_endpoint_says_once_what_it_suffers_from(void **state)
{
    (void)state;
    char address[160];
    int s = lib_socket(NN_PULL), c = lib_socket(NN_PUSH);
    snprintf(address, sizeof address, "%s", lib_listen(s));
    nn_close(s);
    unsigned before = count_lines();
    lib_ok(nn_connect(c, address));
    lib_until(lib_stat(c, NN_STAT_CONNECT_ERRORS) >= 5);
    assert_int_equal(count_lines(), before + 1);
    s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, address));
    lib_peers(c, 1);
    nn_close(s); /* after a success it is news again */
    lib_until(count_lines() >= before + 2);
    uint64_t errors = lib_stat(c, NN_STAT_CONNECT_ERRORS);
    lib_until(lib_stat(c, NN_STAT_CONNECT_ERRORS) >= errors + 3);
    assert_in_range(count_lines(), before + 2,
                    before + 3); /* perhaps also how the connection ended */
    nn_close(c);
}

/* What a child that connects to `address` writes to stderr, with NN_PRINT_ERRORS set to value. */
static void child_stderr(const char *address, const char *value, char *out, size_t size)
{
    int p[2], status;
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        alarm(LIB_PATIENCE_MS / 1000);
        dup2(p[1], STDERR_FILENO);
        if (value)
            setenv("NN_PRINT_ERRORS", value, 1);
        else
            unsetenv("NN_PRINT_ERRORS");
        int c = nn_socket(AF_SP, NN_PUSH);
        nn_connect(c, address);
        while (nn_get_statistic(c, NN_STAT_CONNECT_ERRORS) < 1)
            lib_pause(1);
        nn_close(c);
        nn_term();
        _exit(0);
    }
    close(p[1]);
    size_t have = 0;
    ssize_t n;
    while ((n = read(p[0], out + have, size - 1 - have)) > 0)
        have += (size_t)n;
    out[have] = 0;
    close(p[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void the_environment_asks_for_lines(void **state)
{
    (void)state;
    char out[4096];
    child_stderr("tcp://127.0.0.1:1", "1", out, sizeof out);
    assert_non_null(strstr(out, "tcp://127.0.0.1:1"));
    assert_non_null(strstr(out, "refused"));
    assert_int_equal(out[strlen(out) - 1], '\n');
}

static void without_it_nothing_is_written(void **state)
{
    (void)state;
    char out[4096];
    child_stderr("tcp://127.0.0.1:1", NULL, out, sizeof out);
    assert_string_equal(out, "");
    child_stderr("tcp://127.0.0.1:1", "0", out, sizeof out);
    assert_string_equal(out, "");
}

/* ---- NN_LAST_ENDPOINT ---- */

static void the_last_endpoint_is_the_last(void **state)
{
    (void)state;
    char a[160], b[160];
    int s = lib_socket(NN_PULL);
    lib_ok(nn_bind(s, "tcp://127.0.0.1:0"));
    lib_text(s, NN_LAST_ENDPOINT, a, sizeof a);
    lib_ok(nn_bind(s, "tcp://127.0.0.1:0"));
    lib_text(s, NN_LAST_ENDPOINT, b, sizeof b);
    assert_string_not_equal(a, b);
    assert_memory_equal(b, "tcp://127.0.0.1:", 16);
    nn_close(s);
}

#define LOGGED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_asks_for_lines),
        cmocka_unit_test(without_it_nothing_is_written),
        LOGGED(an_endpoint_says_once_what_it_suffers_from),
        LOGGED(none_at_first),
        LOGGED(refused_when_nobody_listens),
        LOGGED(protocol_when_the_socket_types_do_not_fit),
        LOGGED(protocol_when_it_is_not_sp),
        LOGGED(timeout_when_no_header_comes),
        LOGGED(timeout_when_half_a_header_comes),
        LOGGED(oversize_when_a_message_is_too_large),
        LOGGED(a_promise_of_a_huge_message_is_refused),
        LOGGED(truncated_when_it_ends_inside_a_message),
        LOGGED(a_dialler_is_refused_at_a_busy_pair),
        LOGGED(an_orderly_end_is_no_reason),
        LOGGED(limit_when_there_are_enough_peers),
        LOGGED(limit_when_too_many_are_half_open),
        LOGGED(a_line_names_socket_and_endpoint),
        LOGGED(a_name_cannot_forge_lines),
        LOGGED(the_last_endpoint_is_the_last),
    };
    return cmocka_run_group_tests_name("reasons", tests, NULL, NULL);
}
