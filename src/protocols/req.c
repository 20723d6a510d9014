/* SPDX-License-Identifier: MIT */
/* REQ. A request gets an id, is kept for resending, and goes to one pipe by load balancing; the answer is the message
 * with that id at the head of a pipe that was asked. It stays there until the application takes it. Everything else
 * that peers send is discarded as it comes. Sending again cancels the request before.
 *
 * Failure modes: without a pipe that can send, the request waits for one. When the pipe that was asked dies before it
 * answered, or NN_REQ_RESEND_IVL passes, the request goes out again. An answer without an id closes its pipe. Want of
 * memory fails nn_send with the request before untouched; on resending it is tried again soon. */
#include "../base/bytes.h"
#include "../base/rng.h"
#include "backtrace.h"
#include "fq.h"
#include "lb.h"
#include <errno.h>
#include <limits.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

#define REQ_RESEND_MS 60000
#define REQ_RETRY_MS 100 /* after a resend that failed for want of memory */

enum req_state {
    REQ_IDLE,    /* no request */
    REQ_WAITING, /* no pipe could take it */
    REQ_SENT,    /* a pipe has it */
};

struct req {
    struct sp_lb lb;       /* who may be asked */
    struct sp_fq fq;       /* who has an answer */
    struct sp_msg request; /* what was sent, for resending */
    enum req_state state;
    uint32_t id;           /* of the request */
    struct sp_pipe *asked; /* pipe that was asked last; NULL when it died */
    int resend_ms;         /* NN_REQ_RESEND_IVL; <= 0: only when a pipe dies */
};

struct req_pipe {
    struct sp_lb_pipe lb;
    struct sp_fq_pipe fq;
    uint32_t asked; /* id of the last request that it got, 0 before */
};

static const struct sp_opt req_opts[] = {
    {.id = NN_REQ_RESEND_IVL, .kind = SP_OPT_INT, .lo = INT_MIN, .hi = INT_MAX,
     .off = offsetof(struct req, resend_ms)},
};

/* Only what answers the request, from somebody who was asked, is kept. */
static enum sp_verdict req_judge(struct sp_sock *s, struct sp_pipe *p, const struct sp_msg *head)
{
    const struct req *r = sp_sock_proto(s);
    const struct req_pipe *rp = p->proto;
    struct sp_reader in = sp_reader(head->body, head->body_len);
    uint32_t id = sp_get_u32(&in);
    if (!(id & SP_BT_END))
        return SP_BAD;
    return r->state != REQ_IDLE && id == r->id && id == rp->asked ? SP_KEEP : SP_DROP;
}

static int req_init(struct sp_sock *s)
{
    struct req *r = sp_sock_proto(s);
    sp_lb_init(&r->lb);
    sp_fq_init(&r->fq, s, req_judge);
    r->id = sp_random_u32() | SP_BT_END;
    r->resend_ms = REQ_RESEND_MS;
    return 0;
}

static void req_fini(struct sp_sock *s)
{
    struct req *r = sp_sock_proto(s);
    sp_msg_drop(&r->request);
}

/* Hands a reference of `request` with `id` to a pipe, and sets the clock. As sp_lb_send. */
static int req_hand_out(struct sp_sock *s, const struct sp_msg *request, uint32_t id)
{
    struct req *r = sp_sock_proto(s);
    struct sp_msg copy;
    struct sp_pipe *p;
    int rc = sp_msg_share(&copy, request);
    if (rc < 0)
        return rc;
    rc = sp_lb_send(&r->lb, &copy, &p);
    if (rc < 0) {
        sp_msg_drop(&copy);
        return rc;
    }
    ((struct req_pipe *)p->proto)->asked = id;
    r->asked = p;
    sp_sock_timer(s, r->resend_ms > 0 ? sp_deadline(r->resend_ms) : SP_NEVER);
    return 0;
}

/* Sends the request again unless it is on its way or has its answer. */
static void req_go(struct sp_sock *s)
{
    struct req *r = sp_sock_proto(s);
    if (r->state != REQ_WAITING || sp_fq_ready(&r->fq))
        return;
    int rc = req_hand_out(s, &r->request, r->id);
    if (rc == 0)
        r->state = REQ_SENT;
    else if (rc != -EAGAIN)
        sp_sock_timer(s, sp_deadline(REQ_RETRY_MS));
}

static int req_attach(struct sp_sock *s, struct sp_pipe *p)
{
    struct req *r = sp_sock_proto(s);
    struct req_pipe *rp = p->proto;
    sp_lb_add(&r->lb, &rp->lb, p);
    sp_fq_add(&r->fq, &rp->fq, p);
    req_go(s);
    return 0;
}

/* p will not answer any more; the request goes out again unless somebody else has it or an answer is here. */
static void req_lost(struct sp_sock *s, struct sp_pipe *p)
{
    struct req *r = sp_sock_proto(s);
    if (r->asked == p)
        r->asked = NULL;
    if (r->state == REQ_SENT && !r->asked)
        r->state = REQ_WAITING;
    req_go(s);
}

static void req_hangup(struct sp_sock *s, struct sp_pipe *p)
{
    struct req *r = sp_sock_proto(s);
    struct req_pipe *rp = p->proto;
    sp_lb_remove(&r->lb, &rp->lb);
    req_lost(s, p);
}

static void req_detach(struct sp_sock *s, struct sp_pipe *p)
{
    struct req *r = sp_sock_proto(s);
    struct req_pipe *rp = p->proto;
    sp_lb_remove(&r->lb, &rp->lb);
    sp_fq_remove(&r->fq, &rp->fq);
    req_lost(s, p);
}

static void req_readable(struct sp_sock *s, struct sp_pipe *p)
{
    struct req *r = sp_sock_proto(s);
    struct req_pipe *rp = p->proto;
    sp_fq_readable(&r->fq, &rp->fq);
}

static void req_writable(struct sp_sock *s, struct sp_pipe *p)
{
    struct req *r = sp_sock_proto(s);
    struct req_pipe *rp = p->proto;
    sp_lb_writable(&r->lb, &rp->lb);
    req_go(s);
}

/* What was kept is stale once the request is another or none. */
static void req_become(struct req *r, enum req_state state)
{
    r->state = state;
    sp_fq_recheck(&r->fq);
}

static int req_send(struct sp_sock *s, struct sp_msg *m)
{
    struct req *r = sp_sock_proto(s);
    uint32_t id = (r->id + 1) | SP_BT_END;
    uint8_t hdr[4];
    struct sp_msg own;
    sp_set_be32(hdr, id);
    sp_msg_init(&own);
    own.body = m->body;
    own.body_len = m->body_len;
    own.chunk = m->chunk;
    int rc = sp_msg_own(&own);
    if (rc == 0)
        rc = sp_msg_hdr_set(&own, hdr, sizeof hdr);
    if (rc == 0)
        rc = req_hand_out(s, &own, id);
    if (rc < 0 && rc != -EAGAIN) {
        if (!m->chunk)
            sp_msg_drop(&own);
        return rc;
    }
    if (rc < 0)
        sp_sock_timer(s, SP_NEVER);
    m->chunk = NULL; /* `own` has its reference */
    sp_msg_drop(m);
    sp_msg_drop(&r->request);
    sp_msg_move(&r->request, &own);
    r->id = id;
    req_become(r, rc == 0 ? REQ_SENT : REQ_WAITING);
    return 0;
}

static int req_recv(struct sp_sock *s, struct sp_msg *m)
{
    struct req *r = sp_sock_proto(s);
    if (r->state == REQ_IDLE)
        return -EFSM;
    int rc = sp_fq_recv(&r->fq, m);
    if (rc < 0)
        return rc;
    m->body += 4;
    m->body_len -= 4;
    sp_msg_drop(&r->request);
    req_become(r, REQ_IDLE);
    sp_sock_timer(s, SP_NEVER);
    return 0;
}

static int req_ready(struct sp_sock *s)
{
    struct req *r = sp_sock_proto(s);
    return SP_CAN_SEND | (sp_fq_ready(&r->fq) ? SP_CAN_RECV : 0);
}

static void req_tick(struct sp_sock *s)
{
    struct req *r = sp_sock_proto(s);
    if (r->state == REQ_IDLE)
        return;
    if (r->resend_ms > 0)
        sp_sock_timer(s, sp_deadline(r->resend_ms));
    r->state = REQ_WAITING;
    req_go(s);
}

/* The request itself is kept; what a dying pipe gives back is only a reference. */
static void req_unsent(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m)
{
    (void)s;
    (void)p;
    sp_msg_drop(m);
}

const struct sp_protocol sp_req = {
    .domain = AF_SP, .id = NN_REQ, .peer = NN_REP,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .sock_size = sizeof(struct req), .pipe_size = sizeof(struct req_pipe),
    .opts = req_opts, .n_opts = sizeof req_opts / sizeof req_opts[0],
    .init = req_init, .fini = req_fini,
    .attach = req_attach, .detach = req_detach, .hangup = req_hangup,
    .readable = req_readable, .writable = req_writable,
    .send = req_send, .recv = req_recv, .ready = req_ready, .tick = req_tick, .unsent = req_unsent,
};
