/* SPDX-License-Identifier: MIT */
/* SURVEYOR, RESPONDENT and BUS, cooked and raw, with pipes made by hand: the input says what peers
 * send, what the application calls, when time passes, who leaves and when memory fails. A surveyor
 * receives answers to its present survey only, and nothing after the deadline; a respondent's
 * answer has the stack of the survey in hand and goes where that came from; a bus gives what was
 * sent to it, and spares the pipe that a raw header names. */
#include "simpipe.h"
#include <nanomsg/bus.h>
#include <nanomsg/nn.h>
#include <nanomsg/survey.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MOST 64 /* bytes of input that are looked at */

static const struct {
    int domain, protocol;
} kinds[] = {{AF_SP, NN_SURVEYOR},     {AF_SP, NN_RESPONDENT},     {AF_SP, NN_BUS},
             {AF_SP_RAW, NN_SURVEYOR}, {AF_SP_RAW, NN_RESPONDENT}, {AF_SP_RAW, NN_BUS}};

static struct {
    const uint8_t *p; /* input that is left */
    size_t left;
    int domain, protocol, fd;
    struct sp_sock *s;
    bool sending;              /* inside nn_send: what goes out is ours... */
    const uint8_t *hdr, *body; /* ...and should be this */
    size_t hdr_len, body_len;
    const struct sim_pipe *only, *except; /* where it should go, and where not; NULL: anywhere */
    int n_out;                            /* pipes that it went to */
    bool open;                            /* a survey is */
    uint8_t id[4];                        /* of the survey */
    uint8_t stack[SP_BODY];               /* of the survey in hand */
    size_t stack_len;                     /* 0: none */
    const struct sim_pipe *asker;
} run;

static uint8_t next(void)
{
    if (!run.left)
        return 0;
    run.left--;
    return *run.p++;
}

static void sim_sent(struct sim_pipe *p, const struct sim_body *out, bool cut)
{
    if (!run.sending)
        return; /* an answer that had waited for room */
    run.n_out++;
    sim_check(!run.only || p == run.only);
    sim_check(p != run.except);
    if (run.domain == AF_SP && run.protocol == NN_SURVEYOR) {
        sim_check(out->len >= 4 && out->b[0] & 0x80);
        sim_check(run.n_out == 1 || !memcmp(run.id, out->b, 4)); /* the same for all */
        memcpy(run.id, out->b, 4);
        sim_check(cut ||
                  (out->len == 4 + run.body_len && !memcmp(out->b + 4, run.body, run.body_len)));
        return;
    }
    sim_check(out->len >= run.hdr_len && !memcmp(out->b, run.hdr, run.hdr_len));
    sim_check(cut || out->len == run.hdr_len + run.body_len);
    sim_check(!memcmp(out->b + run.hdr_len, run.body, out->len - run.hdr_len));
}

/* A pipe by its id. */
static struct sim_pipe *named(uint32_t id)
{
    for (int i = 0; i < sim_n_pipes; i++)
        if (!sim_pipes[i].gone && sim_pipes[i].pipe.id == id)
            return &sim_pipes[i];
    return NULL;
}

/* nn_sendmsg with a header of up to 12 bytes; its first id may be a pipe's. */
static void app_send(uint8_t how)
{
    static const uint8_t text[] = "what the application says";
    uint8_t hdr[12] = {0};
    struct sp_msg m;
    sp_msg_init(&m);
    size_t n = run.domain == AF_SP ? 0 : how & 15;
    n = n > sizeof hdr ? sizeof hdr : n;
    uint32_t to = sim_pipes[next() % sim_n_pipes].pipe.id;
    sp_set_be32(hdr, how & 0x40 ? to : to + 1);
    sp_set_be32(hdr + 4, 0x80000000u | how);
    if (n && sp_msg_hdr_set(&m, hdr, n) < 0)
        return;
    m.body = (uint8_t *)(uintptr_t)text;
    m.body_len = how % sizeof text;
    run.hdr = hdr;
    run.hdr_len = n;
    run.body = text;
    run.body_len = m.body_len;
    run.only = run.except = NULL;
    run.n_out = 0;
    struct sim_pipe *first = n >= 4 ? named(sp_be32(hdr)) : NULL;
    bool survey = run.domain == AF_SP && run.protocol == NN_SURVEYOR;
    if (run.protocol == NN_RESPONDENT && run.domain == AF_SP) {
        run.hdr = run.stack;
        run.hdr_len = run.stack_len;
        run.only = run.asker;
    } else if (run.protocol == NN_RESPONDENT) {
        run.hdr = hdr + (n >= 4 ? 4 : 0);
        run.hdr_len = n >= 4 ? n - 4 : n;
        run.only = first;
    } else if (run.protocol == NN_BUS) {
        run.hdr_len = 0;
        run.except = first;
    }
    bool in_hand = run.stack_len > 0;
    bool can = in_hand && run.asker && !run.asker->gone && run.asker->pipe.can_send;
    run.sending = true;
    int rc = sp_sock_send(run.s, &m, NN_DONTWAIT);
    run.sending = false;
    sp_msg_drop(&m);
    if (run.protocol == NN_BUS)
        sim_check(rc == (n == 0 || n == 4 ? 0 : -EINVAL));
    else if (run.protocol == NN_RESPONDENT && run.domain == AF_SP)
        sim_check(in_hand ? rc == 0 || rc == -ENOMEM : rc == -EFSM);
    else
        sim_check(rc == 0 || rc == -ENOMEM);
    if (run.protocol == NN_RESPONDENT)
        sim_check(run.n_out <= 1 && (!can || rc < 0 || run.n_out == 1));
    if (rc == 0 && survey) {
        run.open = true;
        if (run.n_out == 0)
            memset(run.id, 0, 4); /* nobody knows it */
    }
    if (rc == 0)
        run.stack_len = 0;
}

/* Hears what nn_recv gets. */
static int taken(struct sp_sock *s, struct sp_msg *m, void *arg)
{
    (void)s;
    (void)arg;
    const uint8_t *h = sp_msg_hdr(m);
    struct sim_pipe *from = sim_of(m->pipe);
    const struct sim_body *in = &from->in[(from->head - 1) % SP_IN]; /* as it came */
    size_t cut = in->len - m->body_len;
    sim_check(m->body_len <= in->len &&
              (!m->body_len || !memcmp(m->body, in->b + cut, m->body_len)));
    if (run.domain == AF_SP)
        sim_check(m->hdr_len == 0);
    if (run.protocol == NN_BUS) {
        sim_check(cut == 0);
        sim_check(run.domain == AF_SP || (m->hdr_len == 4 && sp_be32(h) == from->pipe.id));
    } else if (run.protocol == NN_SURVEYOR) {
        sim_check(cut == 4);
        sim_check(run.domain == AF_SP ? run.open && !memcmp(in->b, run.id, 4)
                                      : m->hdr_len == 4 && !memcmp(in->b, h, 4));
    } else if (run.domain == AF_SP) {
        memcpy(run.stack, in->b, run.stack_len = cut);
        run.asker = from;
    } else {
        sim_check(m->hdr_len == 4 + cut && sp_be32(h) == from->pipe.id &&
                  !memcmp(h + 4, in->b, cut));
    }
    if (run.protocol == NN_RESPONDENT) /* the whole stack, within the limit */
        sim_check(cut % 4 == 0 && cut >= 4 && cut <= 4 * (size_t)sp_sock_ttl(s) &&
                  in->b[cut - 4] & 0x80);
    return 0;
}

static void app_recv(void)
{
    run.stack_len = 0;
    int rc = sp_sock_recv(run.s, NN_DONTWAIT, taken, NULL);
    if (run.domain == AF_SP && run.protocol == NN_SURVEYOR) {
        sim_check(rc == -EFSM ? !run.open : run.open);
        if (rc == -ETIMEDOUT)
            run.open = false;
    } else {
        sim_check(rc != -EFSM && rc != -ETIMEDOUT);
    }
}

static void deliver(struct sim_pipe *f, uint8_t how)
{
    uint8_t b[SP_BODY];
    size_t len = 0;
    if (run.protocol == NN_BUS) {
        memset(b, how, sizeof b);
        len = how % sizeof b;
    } else {
        for (unsigned i = 0, n = how & 15; i < n && len < 56; i++, len += 4)
            sp_set_be32(b + len, i + how);
        if (how & 0x10 && run.protocol == NN_SURVEYOR)
            memcpy(b + len, run.id, 4), len += 4;
        else if (how & 0x20)
            sp_set_be32(b + len, 0x80000000u | how), len += 4;
        b[len++] = how;
        if (how & 0x80)
            len -= len > 3 ? 3 : len;
    }
    sim_deliver(f, b, len);
}

static void set_deadline(uint8_t how)
{
    int ms = (int[]){0, -1, 1000000}[how % 3];
    int rc = sp_sock_setopt(run.s, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, &ms, sizeof ms);
    sim_check(rc == (run.domain == AF_SP && run.protocol == NN_SURVEYOR ? 0 : -ENOPROTOOPT));
}

static void leave(struct sim_pipe *f)
{
    if (f == run.asker)
        run.asker = NULL;
    (void)sim_leave(f);
}

static void happen(void)
{
    uint8_t op = next(), which = next();
    struct sim_pipe *f = &sim_pipes[which % sim_n_pipes];
    int ttl = 1 + which % 16;
    switch (op % 12) {
    case 0:
        sim_fail_at = which % 4;
        break;
    case 1:
        leave(f);
        break;
    case 2:
        (void)sim_join(run.s);
        break;
    case 3:
        set_deadline(which);
        break;
    case 4:
        (void)sim_fire(which);
        break;
    case 5:
        sim_check(sp_sock_setopt(run.s, NN_SOL_SOCKET, NN_MAXTTL, &ttl, sizeof ttl) == 0);
        break;
    case 6:
        sim_room(f, which / 32);
        break;
    case 7:
        app_send(which);
        break;
    case 8:
    case 9:
        app_recv();
        break;
    default:
        deliver(f, (uint8_t)(op / 12 * 13 + which));
    }
    if (f->closing)
        leave(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 3)
        return 0;
    sim_start();
    run.p = data;
    run.left = len < MOST ? len : MOST;
    unsigned kind = next() % (sizeof kinds / sizeof *kinds);
    run.domain = kinds[kind].domain;
    run.protocol = kinds[kind].protocol;
    run.open = run.sending = false;
    run.stack_len = 0;
    run.asker = NULL;
    memset(run.id, 0, 4);
    sim_n_pipes = 0;
    sim_fail_at = -1;
    run.fd = sp_table_open(run.domain, run.protocol);
    sim_check(run.fd >= 0);
    run.s = sp_table_enter(run.fd);
    (void)sim_join(run.s);
    (void)sim_join(run.s);
    sp_alloc_hook = sim_refuse;
    while (run.left)
        happen();
    sp_alloc_hook = NULL;
    for (int i = 0; i < sim_n_pipes; i++)
        (void)sim_leave(&sim_pipes[i]);
    sim_check(sp_table_close(run.fd) == 0);
    sp_table_leave(run.fd);
    while (sim_run_tasks() || sim_free())
        ;
    sim_check(sim.n_sockets == 0 && sim.n_timers == 0);
    return 0;
}
