/* SPDX-License-Identifier: MIT */
/* Attempts to connect over the loopback; names are resolved by this program. */
#define _GNU_SOURCE
#define MEM_TCP
#include "memconn.h"
#include "core/stats.h"
#include <arpa/inet.h>
#include <netdb.h>

/* ---- the resolver ---- */

static struct {
    int n;                   /* addresses */
    uint32_t host[4];        /* they are */
    sem_t *hold;             /* a look-up waits for it */
    atomic_int asked, left;  /* look-ups begun and ended */
} names;
static struct sockaddr_in name_addr[4];
static struct addrinfo name_list[4];

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
    (void)node, (void)service, (void)hints;
    atomic_fetch_add(&names.asked, 1);
    if (names.hold)
        sem_wait(names.hold);
    for (int i = 0; i < names.n; i++) {
        name_addr[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(names.host[i])};
        name_list[i] = (struct addrinfo){.ai_addr = (struct sockaddr *)&name_addr[i], .ai_addrlen = sizeof name_addr[i],
                                         .ai_next = i + 1 < names.n ? &name_list[i + 1] : NULL};
    }
    *res = name_list;
    int rc = names.n ? 0 : EAI_NONAME;
    atomic_fetch_add(&names.left, 1); /* the next test may begin */
    return rc;
}

void freeaddrinfo(struct addrinfo *res) { (void)res; }

/* ---- the other side ---- */

static int listener = -1;
static int port;

static void listener_open(int backlog)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof a;
    int on = 1;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(listen(listener, backlog), 0);
    port = ntohs(a.sin_port);
}

/* Takes a caller, whose greeting is ours, and greets back. */
static int answer(void)
{
    uint8_t b[SP_FRAME_GREET_MAX];
    int fd = accept(listener, NULL, NULL);
    for (; fd >= 0 && recv(fd, b, 8, MSG_WAITALL) != 8; fd = accept(listener, NULL, NULL))
        close(fd); /* an earlier attempt, given up */
    assert_true(fd >= 0);
    assert_int_equal(sp_frame_sp.greeted(b), MEM_ID);
    size_t n = sp_frame_sp.greet(b, MEM_PEER);
    assert_int_equal(write(fd, b, n), (int)n);
    return fd;
}

static void dial_by(const char *scheme, const char *host)
{
    char text[100];
    snprintf(text, sizeof text, "%s://%s:%d", scheme, host, port);
    assert_true(sp_sock_add_ep(sock, text, true) > 0);
}

static void dial(const char *host) { dial_by("tcp", host); }

static int setup(void **state)
{
    while (atomic_load(&names.asked) != atomic_load(&names.left)) /* a look-up that outlived its test */
        (void)poll(NULL, 0, 1);
    memset(&names, 0, sizeof names);
    port = 0;
    return mem_setup(state);
}

static int teardown(void **state)
{
    if (listener >= 0)
        close(listener);
    listener = -1;
    return mem_teardown(state);
}

static void an_attempt_connects_and_opens(void **state)
{
    (void)state;
    listener_open(5);
    dial("127.0.0.1");
    int fd = answer();
    UNTIL(stat_of(SP_ST_ESTABLISHED) == 1);
    assert_int_equal(stat_of(SP_ST_INPROGRESS), 0);
    assert_int_equal(send_text("x"), 0);
    uint8_t b[9];
    assert_int_equal(recv(fd, b, 9, MSG_WAITALL), 9);
    assert_int_equal(b[8], 'x');
    close(fd);
}

static void nobody_there_is_a_refusal_and_tried_again(void **state)
{
    (void)state;
    listener_open(5);
    close(listener);
    sock->ivl = 1;
    dial("127.0.0.1");
    UNTIL(stat_of(SP_ST_CONNECT_ERRORS) >= 3);
    assert_true(stat_of(SP_ST_REASON + (int)SP_REASON_REFUSED) >= 3);
    listener_open(5);
    int fd = answer();
    UNTIL(stat_of(SP_ST_ESTABLISHED) == 1);
    assert_int_equal(stat_of(SP_ST_EP_ERRORS), 0);
    close(fd);
}

/* A listener whose queue is full does not answer at all. */
static void no_answer_ends_at_the_deadline(void **state)
{
    (void)state;
    int full[8];
    listener_open(0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    for (int i = 0; i < 8; i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(full[i], (struct sockaddr *)&a, sizeof a);
    }
    pass(10);
    sock->handshake_ms = 30;
    uint64_t start = sp_now();
    dial("127.0.0.1");
    UNTIL(stat_of(SP_ST_CONNECT_ERRORS) == 1);
    assert_in_range(sp_now() - start, 30 * SP_MS, LONG_NS / 2);
    assert_int_equal(stat_of(SP_ST_REASON + (int)SP_REASON_TIMEOUT), 1);
    for (int i = 0; i < 8; i++)
        close(full[i]);
}

static void closing_ends_an_attempt_under_way(void **state)
{
    (void)state;
    int full[8], fds = sp_fd_count();
    listener_open(0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    for (int i = 0; i < 8; i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(full[i], (struct sockaddr *)&a, sizeof a);
    }
    pass(10);
    dial("127.0.0.1");
    assert_int_equal(sp_fd_count(), fds + 1);
    mem_end();
    assert_int_equal(sp_fd_count(), fds);
    for (int i = 0; i < 8; i++)
        close(full[i]);
}

static void the_own_side_can_be_chosen(void **state)
{
    (void)state;
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    listener_open(5);
    dial("127.0.0.3;127.0.0.1");
    int fd = accept(listener, (struct sockaddr *)&a, &len);
    assert_true(fd >= 0);
    assert_int_equal(ntohl(a.sin_addr.s_addr), 0x7f000003);
    close(fd);
}

static void a_name_is_looked_up_and_each_address_tried(void **state)
{
    (void)state;
    listener_open(5);
    names.n = 3;
    names.host[0] = 0x7f000009; /* nobody listens there */
    names.host[1] = 0x7f000008;
    names.host[2] = 0x7f000001;
    dial("host.example");
    int fd = answer();
    UNTIL(stat_of(SP_ST_ESTABLISHED) == 1);
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 0);
    assert_int_equal(atomic_load(&names.asked), 1);
    LOCKED(assert_non_null(strstr(proto.pipe->peer.address, "127.0.0.1")));
    close(fd);
}

static void a_name_that_is_none_is_asked_for_again(void **state)
{
    (void)state;
    port = 1;
    sock->ivl = 1;
    dial("host.example");
    UNTIL(stat_of(SP_ST_CONNECT_ERRORS) >= 2);
    LOCKED(assert_non_null(strstr(sock->last_reason, "does not resolve")));
    assert_true(atomic_load(&names.asked) >= 2);
}

static void the_deadline_holds_for_the_look_up_too(void **state)
{
    (void)state;
    sem_t hold;
    sem_init(&hold, 0, 0);
    names.hold = &hold;
    port = 1;
    sock->handshake_ms = 20;
    dial("host.example");
    UNTIL(stat_of(SP_ST_REASON + (int)SP_REASON_TIMEOUT) == 1);
    sem_post(&hold);
    UNTIL(atomic_load(&names.left) == 1);
    assert_int_equal(stat_of(SP_ST_CONNECT_ERRORS), 1);
}

/* It may hang for minutes on a name server. */
static void closing_does_not_wait_for_a_look_up(void **state)
{
    (void)state;
    sem_t hold;
    sem_init(&hold, 0, 0);
    names.hold = &hold;
    port = 1;
    dial("host.example");
    UNTIL(atomic_load(&names.asked) == 1);
    mem_end();
    assert_int_equal(atomic_load(&names.left), 0);
    sem_post(&hold);
    UNTIL(atomic_load(&names.left) == 1);
}

static void lack_of_memory_fails_an_attempt_or_the_call(void **state)
{
    (void)state;
    listener_open(50);
    names.n = 1;
    names.host[0] = 0x7f000001;
    int fds = sp_fd_count();
    for (int nth = 1;; nth++) {
        failing_set(nth);
        char text[100];
        snprintf(text, sizeof text, "tcp://host.example:%d", port);
        int id = sp_sock_add_ep(sock, text, true);
        if (id < 0)
            assert_int_equal(id, -ENOMEM);
        else
            UNTIL_LOCKED(sock->stats[SP_ST_CONNECT_ERRORS] > 0 || !sp_list_empty(&sock->all));
        bool failed = failing_clear() >= nth;
        if (!failed)
            break;
        if (id >= 0)
            UNTIL(stat_of(SP_ST_REASON + (int)SP_REASON_LIMIT) == 1);
        mem_end();
        assert_int_equal(sp_fd_count(), fds);
        mem_teardown(NULL);
        mem_setup(NULL);
    }
    int fd = answer();
    close(fd);
}

/* ---- workers that are busy ---- */

struct chore {
    struct sp_job job;
    sem_t go;           /* posted: it may end */
    atomic_bool ended;  /* it has */
};

static void chore_run(struct sp_job *j)
{
    struct chore *c = SP_CONTAINER(j, struct chore, job);
    sem_wait(&c->go);
    atomic_store(&c->ended, true);
}

static void keep_busy(struct chore c[2])
{
    for (int i = 0; i < 2; i++) {
        c[i] = (struct chore){.job.run = chore_run};
        sem_init(&c[i].go, 0, 0);
        assert_int_equal(sp_work_submit(SP_WORK_CPU, &c[i].job), 0);
    }
    mem_busy_row = sp_row_tcp;
    mem_busy_row.computes = true;
}

static void let_go(struct chore c[2])
{
    for (int i = 0; i < 2; i++)
        sem_post(&c[i].go);
    for (int i = 0; i < 2; i++)
        UNTIL(atomic_load(&c[i].ended));
}

/* Nobody is called before there is time to speak to him. */
static void an_attempt_waits_for_a_worker_where_handshakes_compute(void **state)
{
    (void)state;
    struct chore c[2];
    listener_open(5);
    keep_busy(c);
    dial_by("busy", "127.0.0.1");
    struct pollfd p = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 30), 0);
    let_go(c);
    int fd = answer();
    UNTIL(stat_of(SP_ST_ESTABLISHED) == 1);
    close(fd);
}

static void closing_does_not_wait_for_a_worker(void **state)
{
    (void)state;
    struct chore c[2];
    int fds = sp_fd_count();
    listener_open(5);
    keep_busy(c);
    dial_by("busy", "127.0.0.1");
    mem_end();
    assert_int_equal(sp_fd_count(), fds);
    let_go(c);
    struct pollfd p = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10), 0);
}

/* Who waits for too long fails, and tries again. */
static void the_deadline_holds_for_that_too(void **state)
{
    (void)state;
    struct chore c[2];
    listener_open(5);
    keep_busy(c);
    sock->handshake_ms = 20;
    sock->ivl = 1;
    dial_by("busy", "127.0.0.1");
    UNTIL(stat_of(SP_ST_REASON + (int)SP_REASON_TIMEOUT) >= 2);
    LOCKED(sock->handshake_ms = 10000);
    let_go(c);
}

#define DIAL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIAL_TEST(an_attempt_connects_and_opens),
        DIAL_TEST(nobody_there_is_a_refusal_and_tried_again),
        DIAL_TEST(no_answer_ends_at_the_deadline),
        DIAL_TEST(closing_ends_an_attempt_under_way),
        DIAL_TEST(the_own_side_can_be_chosen),
        DIAL_TEST(a_name_is_looked_up_and_each_address_tried),
        DIAL_TEST(a_name_that_is_none_is_asked_for_again),
        DIAL_TEST(the_deadline_holds_for_the_look_up_too),
        DIAL_TEST(closing_does_not_wait_for_a_look_up),
        DIAL_TEST(an_attempt_waits_for_a_worker_where_handshakes_compute),
        DIAL_TEST(closing_does_not_wait_for_a_worker),
        DIAL_TEST(the_deadline_holds_for_that_too),
        DIAL_TEST(lack_of_memory_fails_an_attempt_or_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
