/* SPDX-License-Identifier: MIT */
/* SURVEYOR. A survey gets an id and goes to all respondents; answers with that id stay at the head
 * of their pipes until the application takes them, everything else is discarded as it comes. When
 * the deadline has passed nn_recv says ETIMEDOUT once, and EFSM from then on. Another nn_send
 * starts another survey and ends the one before.
 *
 * Failure modes: a respondent that is full misses the survey, which is counted; nn_send never
 * waits. Answers that come late, or that are not received by the deadline, are dropped and counted.
 * An answer without an id closes its pipe. */
#include "../base/bytes.h"
#include "../base/rng.h"
#include "backtrace.h"
#include "dist.h"
#include "fq.h"
#include <errno.h>
#include <limits.h>
#include <nanomsg/nn.h>
#include <nanomsg/survey.h>

#define SURVEYOR_DEADLINE_MS 1000

enum surveyor_state {
    SURVEYOR_IDLE, /* no survey */
    SURVEYOR_OPEN, /* answers are taken until `due` */
    SURVEYOR_OVER, /* the deadline has passed, which nn_recv has not said yet */
};

struct surveyor {
    struct sp_dist dist; /* the respondents */
    struct sp_fq fq;     /* who has an answer */
    enum surveyor_state state;
    uint32_t id;     /* of the survey */
    uint64_t due;    /* when it ends */
    int deadline_ms; /* NN_SURVEYOR_DEADLINE of later surveys; negative: for ever */
};

static const struct sp_opt surveyor_opts[] = {
    {.id = NN_SURVEYOR_DEADLINE, .kind = SP_OPT_INT, .lo = INT_MIN, .hi = INT_MAX,
     .off = offsetof(struct surveyor, deadline_ms)},
};

static enum sp_verdict surveyor_judge(struct sp_sock *s, struct sp_pipe *p,
                                      const struct sp_msg *head)
{
    const struct surveyor *x = sp_sock_proto(s);
    struct sp_reader in = sp_reader(head->body, head->body_len);
    uint32_t id = sp_get_u32(&in);
    (void)p;
    if (!(id & SP_BT_END))
        return SP_BAD;
    return x->state == SURVEYOR_OPEN && id == x->id ? SP_KEEP : SP_DROP;
}

static int surveyor_init(struct sp_sock *s)
{
    struct surveyor *x = sp_sock_proto(s);
    sp_dist_init(&x->dist, s);
    sp_fq_init(&x->fq, s, surveyor_judge);
    x->id = sp_random_u32() | SP_BT_END;
    x->deadline_ms = SURVEYOR_DEADLINE_MS;
    return 0;
}

/* What was kept is stale once the survey is another or over. */
static void surveyor_become(struct surveyor *x, enum surveyor_state state)
{
    x->state = state;
    sp_fq_recheck(&x->fq);
}

/* The clock decides, not when the timer comes to run. */
static void surveyor_look_at_clock(struct surveyor *x)
{
    if (x->state == SURVEYOR_OPEN && x->due != SP_NEVER && sp_now() >= x->due)
        surveyor_become(x, SURVEYOR_OVER);
}

static void surveyor_tick(struct sp_sock *s)
{
    surveyor_look_at_clock(sp_sock_proto(s));
}

static int surveyor_send(struct sp_sock *s, struct sp_msg *m)
{
    struct surveyor *x = sp_sock_proto(s);
    uint8_t hdr[4];
    uint32_t id = (x->id + 1) | SP_BT_END;
    sp_set_be32(hdr, id);
    int rc = sp_msg_hdr_set(m, hdr, sizeof hdr);
    if (rc < 0)
        return rc;
    x->id = id;
    x->due = sp_deadline(x->deadline_ms);
    surveyor_become(x, SURVEYOR_OPEN);
    sp_sock_timer(s, x->due);
    sp_dist_send(&x->dist, m, NULL);
    return 0;
}

static int surveyor_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct surveyor *x = sp_sock_proto(s);
    surveyor_look_at_clock(x);
    if (x->state == SURVEYOR_IDLE)
        return -EFSM;
    if (x->state == SURVEYOR_OVER) {
        x->state = SURVEYOR_IDLE;
        return -ETIMEDOUT;
    }
    int rc = sp_fq_recv(&x->fq, m);
    if (rc < 0)
        return rc;
    m->body += 4;
    m->body_len -= 4;
    return 0;
}

/* nn_recv does not wait when it has to say that there is no survey. */
static int surveyor_ready(struct sp_sock *s)
{
    struct surveyor *x = sp_sock_proto(s);
    surveyor_look_at_clock(x);
    bool answer = sp_fq_ready(&x->fq);
    return SP_CAN_SEND | (x->state != SURVEYOR_OPEN || answer ? SP_CAN_RECV : 0);
}

/* ---- raw: nothing is matched, ids travel in the header ---- */

static enum sp_verdict surveyor_judge_raw(struct sp_sock *s, struct sp_pipe *p,
                                          const struct sp_msg *head)
{
    (void)s;
    (void)p;
    return head->body_len < 4 ? SP_BAD : SP_KEEP;
}

static int surveyor_init_raw(struct sp_sock *s)
{
    struct surveyor *x = sp_sock_proto(s);
    sp_dist_init(&x->dist, s);
    sp_fq_init(&x->fq, s, surveyor_judge_raw);
    return 0;
}

static int surveyor_send_raw(struct sp_sock *s, struct sp_msg *m)
{
    struct surveyor *x = sp_sock_proto(s);
    sp_dist_send(&x->dist, m, NULL);
    return 0;
}

static int surveyor_recv_raw(struct sp_sock *s, struct sp_msg *m)
{
    struct surveyor *x = sp_sock_proto(s);
    int rc = sp_fq_recv(&x->fq, m);
    if (rc == 0)
        sp_backtrace_shift(m);
    return rc;
}

static int surveyor_ready_raw(struct sp_sock *s)
{
    struct surveyor *x = sp_sock_proto(s);
    return SP_CAN_SEND | (sp_fq_ready(&x->fq) ? SP_CAN_RECV : 0);
}

/* ---- both ---- */

struct surveyor_pipe {
    struct sp_dist_pipe dist; /* its place among the respondents */
    struct sp_fq_pipe fq;     /* its place among those with an answer */
};

static int surveyor_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct surveyor *x = sp_sock_proto(s);
    struct surveyor_pipe *xp = p->proto;
    sp_dist_add(&x->dist, &xp->dist, p);
    sp_fq_add(&x->fq, &xp->fq, p);
    return 0;
}

static void surveyor_hangup(struct sp_sock *s, struct sp_pipe *p)
{
    struct surveyor_pipe *xp = p->proto;
    (void)s;
    sp_dist_remove(&xp->dist);
}

static void surveyor_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct surveyor *x = sp_sock_proto(s);
    struct surveyor_pipe *xp = p->proto;
    surveyor_hangup(s, p);
    sp_fq_remove(&x->fq, &xp->fq);
}

static void surveyor_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct surveyor *x = sp_sock_proto(s);
    struct surveyor_pipe *xp = p->proto;
    sp_fq_readable(&x->fq, &xp->fq);
}

static void surveyor_writable(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    (void)p;
}

const struct sp_protocol sp_surveyor = {
    .domain = AF_SP,
    .id = NN_SURVEYOR,
    .peer = NN_RESPONDENT,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .fan_out = true,
    .sock_size = sizeof(struct surveyor),
    .pipe_size = sizeof(struct surveyor_pipe),
    .opts = surveyor_opts,
    .n_opts = sizeof surveyor_opts / sizeof surveyor_opts[0],
    .init = surveyor_init,
    .attach = surveyor_attach,
    .detach = surveyor_detach,
    .hangup = surveyor_hangup,
    .readable = surveyor_readable,
    .writable = surveyor_writable,
    .send = surveyor_send,
    .recv = surveyor_recv,
    .ready = surveyor_ready,
    .tick = surveyor_tick,
};

const struct sp_protocol sp_surveyor_raw = {
    .domain = AF_SP_RAW,
    .id = NN_SURVEYOR,
    .peer = NN_RESPONDENT,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .fan_out = true,
    .sock_size = sizeof(struct surveyor),
    .pipe_size = sizeof(struct surveyor_pipe),
    .init = surveyor_init_raw,
    .attach = surveyor_attach,
    .detach = surveyor_detach,
    .hangup = surveyor_hangup,
    .readable = surveyor_readable,
    .writable = surveyor_writable,
    .send = surveyor_send_raw,
    .recv = surveyor_recv_raw,
    .ready = surveyor_ready_raw,
};
