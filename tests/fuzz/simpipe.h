/* SPDX-License-Identifier: MIT */
/* Pipes that a fuzz program fills, empties and breaks by hand, attached to real sockets over the
 * loop of simloop.h. What a pipe lends is overwritten at the next peek or recv. For one program
 * file only. */
#ifndef TESTS_FUZZ_SIMPIPE_H
#define TESTS_FUZZ_SIMPIPE_H

#include "base/bytes.h"
#include "core/sock.h"
#include "core/table.h"
#include "simloop.h"

#define SP_IN    16 /* messages that wait in a pipe */
#define SP_BODY  64 /* bytes of one */
#define SP_HELD  4  /* sent messages that a pipe may give back */
#define SP_PIPES 6 /* in all */

struct sim_body {
    uint8_t b[SP_BODY];
    size_t len;
};

struct sim_pipe {
    struct sp_pipe pipe;
    struct sim_body in[SP_IN]; /* from head to tail, modulo SP_IN */
    unsigned head, tail;
    uint8_t loan[SP_BODY];       /* what peek and recv lend */
    struct sp_msg held[SP_HELD]; /* accepted, not handed over */
    int n_held;
    unsigned room;                  /* messages that it takes before it is full */
    bool closing;                   /* the protocol closed it */
    bool gone;                      /* it is not attached any more */
    _Alignas(16) uint8_t data[512]; /* the protocol's */
};

static struct sim_pipe sim_pipes[SP_PIPES];
static int sim_n_pipes;
static struct sp_ep sim_ep = {.snd_prio = 8, .rcv_prio = 8};
/* What the program wants to see of each message that a pipe takes. */
static void sim_sent(struct sim_pipe *p, const struct sim_body *out, bool cut);
/* Whether send fails for want of memory, and the like. */
static int sim_fail_at = -1;

static inline bool sim_refuse(void)
{
    return sim_fail_at >= 0 && sim_fail_at-- == 0;
}
static inline struct sim_pipe *sim_of(struct sp_pipe *p)
{
    return SP_CONTAINER(p, struct sim_pipe, pipe);
}

static inline int sim_op_send(struct sp_pipe *p, struct sp_msg *m)
{
    struct sim_pipe *f = sim_of(p);
    sim_check(!f->gone);
    if (!p->can_send || f->room == 0 || f->gone)
        return p->can_send = false, -EAGAIN;
    if (sp_alloc_refused())
        return -ENOMEM;
    struct sim_body out = {.len = 0};
    size_t total = m->hdr_len + m->body_len;
    out.len = m->hdr_len < SP_BODY ? m->hdr_len : SP_BODY;
    memcpy(out.b, sp_msg_hdr(m), out.len);
    size_t n = m->body_len < SP_BODY - out.len ? m->body_len : SP_BODY - out.len;
    if (n)
        memcpy(out.b + out.len, m->body, n);
    out.len += n;
    sim_sent(f, &out, out.len < total);
    if (f->n_held < SP_HELD && sp_msg_own(m) == 0)
        sp_msg_move(&f->held[f->n_held++], m);
    else
        sp_msg_drop(m);
    p->can_send = --f->room > 0;
    return 0;
}

static inline int sim_op_peek(struct sp_pipe *p, struct sp_msg *m)
{
    struct sim_pipe *f = sim_of(p);
    memset(f->loan, 0xdd, sizeof f->loan);
    if (f->head == f->tail)
        return -EAGAIN;
    if (sp_alloc_refused())
        return -ENOMEM;
    const struct sim_body *b = &f->in[f->head % SP_IN];
    memcpy(f->loan, b->b, b->len);
    sp_msg_init(m);
    m->body = f->loan;
    m->body_len = b->len;
    m->pipe = p;
    return 0;
}

static inline int sim_op_recv(struct sp_pipe *p, struct sp_msg *m)
{
    struct sim_pipe *f = sim_of(p);
    int rc = sim_op_peek(p, m);
    if (rc < 0)
        return rc;
    f->head++;
    p->can_recv = f->head != f->tail;
    return 0;
}

static inline void sim_op_close(struct sp_pipe *p, enum sp_reason reason, const char *detail)
{
    (void)reason;
    sim_check(detail != NULL);
    sim_of(p)->closing = true;
    p->can_send = p->can_recv = false;
}

static inline void sim_op_finish(struct sp_pipe *p, int linger_ms)
{
    (void)linger_ms, sim_of(p)->closing = true;
}
static inline void sim_op_flush(struct sp_pipe *p)
{
    (void)p;
}

static const struct sp_pipe_ops sim_ops = {.send = sim_op_send,
                                           .peek = sim_op_peek,
                                           .recv = sim_op_recv,
                                           .close = sim_op_close,
                                           .finish = sim_op_finish,
                                           .flush = sim_op_flush};

/* A new pipe of s; NULL when the protocol refuses it, or there are too many. */
static inline struct sim_pipe *sim_join(struct sp_sock *s)
{
    int slot = 0;
    while (slot < sim_n_pipes && !sim_pipes[slot].gone)
        slot++;
    if (slot == SP_PIPES)
        return NULL;
    sim_n_pipes += slot == sim_n_pipes;
    struct sim_pipe *f = &sim_pipes[slot];
    sim_check(s->proto->pipe_size <= sizeof f->data);
    memset(&f->pipe, 0, sizeof f->pipe);
    memset(f->data, 0, sizeof f->data);
    f->head = f->tail = 0;
    f->n_held = 0;
    f->room = 4;
    f->closing = f->gone = false;
    f->pipe.ops = &sim_ops;
    f->pipe.sock = s;
    f->pipe.ep = &sim_ep;
    f->pipe.proto = f->data;
    f->pipe.can_send = true;
    sp_list_init(&f->pipe.in_all);
    sp_list_init(&f->pipe.in_sock);
    sp_list_init(&f->pipe.in_gathered);
    sp_sock_lock(s);
    f->gone = sp_pipe_attach(&f->pipe) < 0;
    (void)sp_sock_unlock(s);
    return f->gone ? NULL : f;
}

/* The peer sends something. */
static inline void sim_deliver(struct sim_pipe *f, const uint8_t *b, size_t len)
{
    struct sp_sock *s = f->pipe.sock;
    if (f->gone || f->closing || f->tail - f->head == SP_IN)
        return;
    struct sim_body *in = &f->in[f->tail++ % SP_IN];
    memcpy(in->b, b, in->len = len < SP_BODY ? len : SP_BODY);
    sp_sock_lock(s);
    if (!f->pipe.can_recv) {
        f->pipe.can_recv = true;
        sp_pipe_readable(&f->pipe);
    }
    (void)sp_sock_unlock(s);
}

/* There is room for n more; what was accepted before is on its way. */
static inline void sim_room(struct sim_pipe *f, unsigned n)
{
    struct sp_sock *s = f->pipe.sock;
    if (f->gone || f->closing)
        return;
    sp_sock_lock(s);
    while (f->n_held > 0)
        sp_msg_drop(&f->held[--f->n_held]);
    f->room = n;
    bool was = f->pipe.can_send;
    f->pipe.can_send = n > 0;
    if (n > 0 && !was)
        sp_pipe_writable(&f->pipe);
    (void)sp_sock_unlock(s);
}

/* The peer is gone: no send, then unsent messages back, then the end. How many were given back. */
static inline int sim_leave(struct sim_pipe *f)
{
    struct sp_sock *s = f->pipe.sock;
    int n = f->n_held;
    if (f->gone)
        return 0;
    sp_sock_lock(s);
    f->gone = true;
    f->pipe.can_send = false;
    sp_pipe_hangup(&f->pipe);
    for (int i = 0; i < n; i++)
        sp_pipe_unsent(&f->pipe, &f->held[i]);
    f->n_held = 0;
    f->pipe.can_recv = false;
    sp_pipe_detach(&f->pipe);
    (void)sp_sock_unlock(s);
    return n;
}

#endif
