/* SPDX-License-Identifier: MIT */
/* kill -9 in a loop (C01 of the attacks), on either side of a pipeline, of requests, of what is
 * published. Each message says who sent it, its number, and a sum of its bytes.
 *
 * What may happen: messages under way are lost. What may not: that one arrives changed, twice, or
 * behind a later one of its sender; that a request is never answered; that an answer reaches
 * somebody else. */
#define _GNU_SOURCE /* pipe2 */
#include "stress_kill.h"

#define CALL_MS    25000
#define TEST_MS    60000
#define N_CHILDREN 3
#define MAX_IDS    4096

static uint64_t seed;
static atomic_int n_wrong;

static int begin(void **state, const char *name)
{
    row = tr_row_of(state);
    if (row->local)
        skip(); /* there is one process */
    over = false;
    n_wrong = n_answers = 0;
    return st_begin(name, row->scheme, st_test_time(TEST_MS));
}

static void replace(struct victim *v, const char *role, uint32_t id)
{
    kill_it(v);
    close(v->out);
    *v = spawn(role, id);
}

static void kill_all(struct victim v[N_CHILDREN])
{
    for (int i = 0; i < N_CHILDREN; i++) {
        kill_it(&v[i]);
        close(v[i].out);
    }
}

/* ---- the pipeline ---- */

static void pushers_are_killed(void **state)
{
    static unsigned char body[BODY];
    static uint32_t next[MAX_IDS];
    int slot = begin(state, __func__), kills = st_scaled(40), n_got = 0;
    struct victim v[N_CHILDREN];
    struct head h;
    uint64_t r = seed;
    int s = open_socket(NN_PULL);
    lib_ok(tr_listen(row, s, server));
    memset(next, 0, sizeof next);
    for (uint32_t i = 0; i < N_CHILDREN; i++)
        v[i] = spawn("push", i);
    for (uint32_t k = 0; k < (uint32_t)kills; k++) {
        for (int i = st_below(&r, 100); i >= 0; i--, n_got++) {
            int n = lib_ok(st_within(CALL_MS, nn_recv(s, body, sizeof body, 0)));
            assert_true(intact(body, n, &h));
            assert_in_range(h.sender, 0, N_CHILDREN + k);
            assert_int_equal(h.seq, next[h.sender % MAX_IDS]++);
        }
        replace(&v[st_below(&r, N_CHILDREN)], "push", N_CHILDREN + k);
    }
    kill_all(v);
    printf("%d kills, %d messages\n", kills, n_got);
    lib_ok(st_within(CALL_MS, nn_close(s)));
    st_end(slot);
}

static void *push_until_over(void *arg)
{
    static unsigned char body[BODY];
    uint64_t r = seed;
    int s = *(int *)arg;
    for (uint32_t seq = 1; !over; seq++)
        if (st_within(CALL_MS, nn_send(s, body, fill_in(body, 0, seq, &r), 0)) < 0)
            n_wrong += !over;
    return NULL;
}

/* Reads numbers until there are `least`, then kills, then reads the rest; each is one more than the
 * last, but for the first. The last. */
static uint32_t read_and_kill(struct victim *v, int least, uint32_t last, int *n_got, int *n_lost)
{
    uint32_t seq;
    for (int i = 0;; i++) {
        if (i == least)
            kill_it(v);
        if (st_within(CALL_MS, read(v->out, &seq, sizeof seq)) != sizeof seq)
            break;
        if (i == 0 ? seq <= last : seq != last + 1)
            fail_msg("number %u came after %u", seq, last);
        *n_lost += (int)(seq - last - 1);
        ++*n_got;
        last = seq;
    }
    assert_int_equal(v->pid, 0);
    close(v->out);
    return last;
}

static void pullers_are_killed(void **state)
{
    int slot = begin(state, __func__), kills = st_scaled(40), n_got = 0, n_lost = 0;
    uint64_t r = seed;
    uint32_t last = 0;
    pthread_t t;
    choose_address();
    int s = open_socket(NN_PUSH);
    lib_ok(nn_connect(s, server));
    assert_int_equal(pthread_create(&t, NULL, push_until_over, &s), 0);
    for (uint32_t k = 0; k < (uint32_t)kills; k++) {
        struct victim v = spawn("pull", k);
        last = read_and_kill(&v, 1 + st_below(&r, 100), last, &n_got, &n_lost);
    }
    over = true;
    lib_ok(st_within(CALL_MS, nn_close(s)));
    pthread_join(t, NULL);
    assert_int_equal(n_wrong, 0);
    printf("%d kills, %d messages, %d under way were lost\n", kills, n_got, n_lost);
    st_end(slot);
}

/* ---- requests ---- */

struct asker {
    int s;            /* its socket */
    uint32_t id;      /* in its requests */
    pthread_t thread; /* that asks */
};

static void *ask_until_over(void *arg)
{
    struct asker *a = arg;
    if (ask(a->s, a->id) < 0) {
        fprintf(stderr, "%u was not answered: %s\n", a->id, nn_strerror(nn_errno()));
        n_wrong++;
    }
    return NULL;
}

static void start_asker(struct asker *a, uint32_t id)
{
    a->id = id;
    a->s = open_socket(NN_REQ);
    lib_ok(nn_connect(a->s, server));
    assert_int_equal(pthread_create(&a->thread, NULL, ask_until_over, a), 0);
}

static void stop_asker(struct asker *a)
{
    pthread_join(a->thread, NULL);
    lib_ok(st_within(CALL_MS, nn_close(a->s)));
}

/* Each request is sent again when its answerer dies. */
static void answerers_are_killed(void **state)
{
    int slot = begin(state, __func__), kills = st_scaled(40);
    uint64_t r = seed;
    struct asker a[N_CHILDREN];
    choose_address();
    for (uint32_t i = 0; i < N_CHILDREN; i++)
        start_asker(&a[i], 1000000 + i);
    struct victim v = spawn("rep", 0);
    for (int k = 0; k < kills; k++) {
        int until = n_answers + 1 + st_below(&r, 50);
        lib_until(n_answers >= until || n_wrong);
        replace(&v, "rep", 0);
    }
    over = true;
    for (int i = 0; i < N_CHILDREN; i++)
        stop_asker(&a[i]);
    kill_it(&v);
    close(v.out);
    assert_int_equal(n_wrong, 0);
    printf("%d kills, %d answers\n", kills, (int)n_answers);
    st_end(slot);
}

static void *answer_until_closed(void *arg)
{
    child_answer(*(int *)arg);
    return NULL;
}

static void askers_are_killed(void **state)
{
    int slot = begin(state, __func__), kills = st_scaled(40);
    uint64_t r = seed;
    struct victim v[N_CHILDREN];
    struct asker honest;
    pthread_t t;
    int s = open_socket(NN_REP);
    lib_ok(tr_listen(row, s, server));
    assert_int_equal(pthread_create(&t, NULL, answer_until_closed, &s), 0);
    start_asker(&honest, 1000000);
    for (uint32_t i = 0; i < N_CHILDREN; i++)
        v[i] = spawn("req", i);
    for (uint32_t k = 0; k < (uint32_t)kills; k++) {
        int until = n_answers + 1 + st_below(&r, 50);
        lib_until(n_answers >= until || n_wrong);
        replace(&v[st_below(&r, N_CHILDREN)], "req", N_CHILDREN + k);
    }
    over = true;
    stop_asker(&honest);
    kill_all(v);
    lib_ok(st_within(CALL_MS, nn_close(s)));
    pthread_join(t, NULL);
    assert_int_equal(n_wrong, 0);
    printf("%d kills, %d answers\n", kills, (int)n_answers);
    st_end(slot);
}

/* ---- what is published ---- */

/* A publisher drops what a slow subscriber has no room for, so numbers may be missing, but grow. */
static void publishers_are_killed(void **state)
{
    static unsigned char body[BODY];
    static uint32_t next[MAX_IDS];
    int slot = begin(state, __func__), kills = st_scaled(40), n_got = 0;
    struct victim v[N_CHILDREN];
    struct head h;
    uint64_t r = seed;
    int s = open_socket(NN_SUB);
    lib_ok(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0));
    lib_ok(tr_listen(row, s, server));
    memset(next, 0, sizeof next);
    for (uint32_t i = 0; i < N_CHILDREN; i++)
        v[i] = spawn("pub", i);
    for (uint32_t k = 0; k < (uint32_t)kills; k++) {
        for (int i = st_below(&r, 100); i >= 0; i--, n_got++) {
            int n = lib_ok(st_within(CALL_MS, nn_recv(s, body, sizeof body, 0)));
            assert_true(intact(body, n, &h));
            assert_in_range(h.sender, 0, N_CHILDREN + k);
            assert_true(h.seq >= next[h.sender % MAX_IDS]);
            next[h.sender % MAX_IDS] = h.seq + 1;
        }
        replace(&v[st_below(&r, N_CHILDREN)], "pub", N_CHILDREN + k);
    }
    kill_all(v);
    printf("%d kills, %d messages\n", kills, n_got);
    lib_ok(st_within(CALL_MS, nn_close(s)));
    st_end(slot);
}

/* One that lives gets what the publisher says, whole and in order, whatever happens to the others.
 */
static void subscribers_are_killed(void **state)
{
    static unsigned char body[BODY];
    int slot = begin(state, __func__), kills = st_scaled(40), n_got = 0;
    struct victim v[N_CHILDREN];
    struct head h;
    uint64_t r = seed;
    uint32_t next = 0;
    pthread_t t;
    int s = open_socket(NN_PUB), honest = open_socket(NN_SUB);
    lib_ok(nn_setsockopt(honest, NN_SUB, NN_SUB_SUBSCRIBE, "", 0));
    lib_ok(tr_listen(row, s, server));
    lib_ok(nn_connect(honest, server));
    for (uint32_t i = 0; i < N_CHILDREN; i++)
        v[i] = spawn("sub", i);
    assert_int_equal(pthread_create(&t, NULL, push_until_over, &s), 0);
    for (uint32_t k = 0; k < (uint32_t)kills; k++) {
        for (int i = st_below(&r, 100); i >= 0; i--, n_got++) {
            int n = lib_ok(st_within(CALL_MS, nn_recv(honest, body, sizeof body, 0)));
            assert_true(intact(body, n, &h));
            assert_true(h.seq >= next);
            next = h.seq + 1;
        }
        replace(&v[st_below(&r, N_CHILDREN)], "sub", N_CHILDREN + k);
    }
    over = true;
    pthread_join(t, NULL);
    kill_all(v);
    printf("%d kills, %d messages\n", kills, n_got);
    lib_ok(st_within(CALL_MS, nn_close(honest)));
    lib_ok(st_within(CALL_MS, nn_close(s)));
    assert_int_equal(n_wrong, 0);
    st_end(slot);
}

int main(int argc, char **argv)
{
    static const struct tr_test tests[] = {
        tr_unit_test(pushers_are_killed),    tr_unit_test(pullers_are_killed),
        tr_unit_test(answerers_are_killed),  tr_unit_test(askers_are_killed),
        tr_unit_test(publishers_are_killed), tr_unit_test(subscribers_are_killed),
    };
    if (argc == 5 && !strcmp(argv[1], "child"))
        return child(argv + 1);
    seed = st_seed();
    return tr_run("stress_kill", tests, sizeof tests / sizeof *tests);
}
