/* SPDX-License-Identifier: MIT */
/* nn_device between two real raw sockets with pipes made by hand: the input says what peers send,
 * when there is room, who leaves, when memory fails, sockets close and signals come. Whatever it
 * says, each message that a device took is sent, given back, or counted as dropped, none comes out
 * changed but by its hop, and pipelines keep their order. */
#define sp_loop_wait sim_loop_wait
#include "simpipe.h"
#undef sp_loop_wait
#include "core/device.h"
#include <nanomsg/bus.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MESSAGES 256
#define MOST     64 /* bytes of input that are looked at */

static const struct {
    int one, two;  /* two: -1 for a loop */
    int hop;       /* bytes that are added on the way to two, and taken off on the way back */
    bool fans_out; /* a message may go to several, or to nobody */
} kinds[] = {
    {NN_PULL, NN_PUSH, 0, false}, {NN_REP, NN_REQ, 4, false},
    {NN_PAIR, NN_PAIR, 0, false}, {NN_RESPONDENT, NN_SURVEYOR, 4, true},
    {NN_SUB, NN_PUB, 0, true},    {NN_BUS, NN_BUS, 0, true},
    {NN_PAIR, -1, 0, false},      {NN_BUS, -1, 0, true},
};

static struct {
    const uint8_t *p; /* input that is left */
    size_t left;
    int kind, fd[2];
    struct sp_sock *s[2]; /* NULL when closed, s[1] also for a loop */
    struct sim_body in[MESSAGES];
    int n_in;                 /* by serial */
    int sent[2], returned[2]; /* by socket */
    int last;                 /* serial of what was sent last */
    bool orderly;             /* a pipeline of one source that nothing happened to */
} run;

static uint8_t next(void)
{
    if (!run.left)
        return 0;
    run.left--;
    return *run.p++;
}

static int side_of(const struct sp_sock *s)
{
    return s == run.s[1];
}

/* The message's last two bytes are its serial. */
static void sim_sent(struct sim_pipe *p, const struct sim_body *out, bool cut)
{
    int side = side_of(p->pipe.sock);
    run.sent[side]++;
    if (cut || out->len < 2)
        return;
    int serial = out->b[out->len - 2] << 8 | out->b[out->len - 1];
    sim_check(serial < run.n_in);
    const struct sim_body *in = &run.in[serial];
    size_t hop = (size_t)kinds[run.kind].hop;
    size_t skip_out = hop && side == 1 ? 4 : 0, skip_in = hop && side == 0 ? 4 : 0;
    sim_check(out->len - skip_out == in->len - skip_in);
    sim_check(!memcmp(out->b + skip_out, in->b + skip_in, in->len - skip_in));
    if (skip_out)
        sim_check(!(out->b[0] & 0x80)); /* a pipe's id */
    if (run.orderly)
        sim_check(serial > run.last);
    run.last = serial;
}

/* A body: ids as the input says, then the serial. For answers the first id is that of a pipe,
 * mostly. */
static void deliver(struct sim_pipe *f, uint8_t how)
{
    if (run.n_in == MESSAGES || f->gone || f->closing || f->tail - f->head == SP_IN)
        return;
    struct sim_body *b = &run.in[run.n_in];
    b->len = 0;
    if (kinds[run.kind].hop) {
        uint32_t first = sim_pipes[next() % sim_n_pipes].pipe.id;
        for (unsigned i = 0, n = how & 15; i < n; i++, b->len += 4)
            sp_set_be32(b->b + b->len, i == 0 && side_of(f->pipe.sock) ? first : i + 1);
        if (how & 0x10) {
            sp_set_be32(b->b + b->len - (b->len == 60 ? 4 : 0), 0x80000000u | how);
            b->len += b->len == 60 ? 0 : 4;
        }
        b->len = b->len > SP_BODY - 2 ? SP_BODY - 2 : b->len;
    } else {
        b->len = how % (SP_BODY - 2);
        memset(b->b, how, b->len);
    }
    if ((how & 0xe0) != 0xe0) { /* else too short, perhaps */
        b->b[b->len++] = (uint8_t)(run.n_in >> 8);
        b->b[b->len++] = (uint8_t)run.n_in;
    } else {
        b->len = b->len > 1 ? b->len % 2 : b->len;
    }
    run.n_in++;
    sim_deliver(f, b->b, b->len);
}

static void leave(struct sim_pipe *f)
{
    int side = side_of(f->pipe.sock), n = sim_leave(f);
    run.returned[side] += n;
    if (n)
        run.orderly = false;
}

static void close_side(int i)
{
    if (!run.s[i])
        return;
    for (int k = 0; k < sim_n_pipes; k++)
        if (sim_pipes[k].pipe.sock == run.s[i])
            leave(&sim_pipes[k]);
    sim_check(sp_table_close(run.fd[i]) == 0);
}

/* One thing happens. -EINTR ends the call. */
static int happen(void)
{
    uint8_t op = next(), which = next();
    struct sim_pipe *f = &sim_pipes[which % sim_n_pipes];
    bool open = f->pipe.sock && !f->pipe.sock->closed;
    switch (op % 12) {
    case 0:
        return -EINTR;
    case 1:
        sim_fail_at = which % 8;
        run.orderly = false;
        break;
    case 2:
        leave(f);
        break;
    case 3:
        if (run.s[which & 1] && !run.s[which & 1]->closed) {
            (void)sim_join(run.s[which & 1]);
            run.orderly = false; /* there may be two sources */
        }
        break;
    case 4:
        if (op / 12 == 20) /* rarely */
            return close_side(which & 1), 0;
        break;
    case 5:
    case 6:
    case 7:
        if (open)
            sim_room(f, which / 16);
        break;
    default:
        if (open)
            deliver(f, (uint8_t)(op / 12 * 13 + which));
    }
    if (f->closing && open)
        leave(f);
    return 0;
}

int sp_loop_wait(struct sp_loop *l, struct sp_waiter *w, uint64_t deadline, bool lead,
                 uint64_t spin_ns)
{
    (void)l, (void)deadline, (void)lead, (void)spin_ns;
    while (run.left && !w->ready)
        if (happen() < 0)
            return -EINTR;
    return w->ready ? 0 : -EINTR;
}

/* All pipes leave, and a last one takes what the protocols still hold. */
static void settle(int i)
{
    if (!run.s[i] || run.s[i]->closed)
        return;
    for (int k = 0; k < sim_n_pipes; k++)
        if (sim_pipes[k].pipe.sock == run.s[i])
            leave(&sim_pipes[k]);
    run.orderly = false;
    struct sim_pipe *f = sim_join(run.s[i]);
    if (f)
        sim_room(f, 1000000);
}

/* What came in on one side went out on the other. */
static void balance(int from, int to)
{
    const uint64_t *in = run.s[from]->stats, *out = run.s[to]->stats;
    sim_check((int64_t)in[SP_ST_RECEIVED] ==
              run.sent[to] - run.returned[to] + (int64_t)out[SP_ST_DROPPED_SEND]);
    sim_check(out[SP_ST_SENT] == in[SP_ST_RECEIVED]);
}

static void open_all(void)
{
    int protocols[2] = {kinds[run.kind].one, kinds[run.kind].two};
    for (int i = 0; i < 2 && protocols[i] >= 0; i++) {
        run.fd[i] = sp_table_open(AF_SP_RAW, protocols[i]);
        sim_check(run.fd[i] >= 0);
        run.s[i] = sp_table_enter(run.fd[i]);
        sp_table_leave(run.fd[i]); /* it stays until we close it */
        if (protocols[i] == NN_SUB)
            sim_check(sp_sock_setopt(run.s[i], NN_SUB, NN_SUB_SUBSCRIBE, "", 0) == 0);
        sp_list_init(&sim_ep.in_sock);
        (void)sim_join(run.s[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 3)
        return 0;
    sim_start();
    run.p = data;
    run.left = len < MOST ? len : MOST;
    run.kind = next() % (int)(sizeof kinds / sizeof *kinds);
    run.s[0] = run.s[1] = NULL;
    run.n_in = run.sent[0] = run.sent[1] = run.returned[0] = run.returned[1] = 0;
    run.last = run.fd[1] = -1;
    run.orderly = kinds[run.kind].one == NN_PULL;
    sim_n_pipes = 0;
    sim_fail_at = -1;
    open_all();
    bool loop = run.fd[1] < 0, closed = false;
    sp_alloc_hook = sim_refuse;
    do {
        int rc = sp_device(run.fd[0], run.fd[1]);
        sim_check(rc == -EINTR || rc == -EBADF || rc == -ENOMEM);
        closed = rc == -EBADF;
    } while (run.left && !closed);
    sp_alloc_hook = NULL;
    if (!closed && !kinds[run.kind].fans_out) {
        settle(0);
        settle(1);
        balance(0, loop ? 0 : 1);
        if (!loop)
            balance(1, 0);
    }
    for (int i = 0; i < 2; i++)
        if (run.s[i] && !run.s[i]->closed)
            close_side(i);
    while (sim_run_tasks() || sim_free())
        ;
    sim_check(sim.n_sockets == 0);
    return 0;
}
