/* SPDX-License-Identifier: MIT */
/* A socket and pipes in memory, so that a protocol is tested without the core: this file defines the sp_sock_* of
 * core/protocol.h, and a test that includes it gets these and not the core's. Include it once in a program.
 *
 * The pipes keep the seam's promises at their least: a borrowed body is freed at the next peek or recv, so that the
 * address sanitizer sees who uses it longer, and a closed pipe leaves only at fake_settle. */
#ifndef TESTS_UNIT_FAKEPIPE_H
#define TESTS_UNIT_FAKEPIPE_H

#include "base.h"
#include "core/protocol.h"
#include <errno.h>
#include <stdlib.h>

#define FAKE_MSGS 256
#define FAKE_ANY 1000000

struct fake_bytes {
    uint8_t *p; /* malloc'd */
    size_t len;
};

struct fake_pipe {
    struct sp_pipe pipe;              /* what the protocol sees */
    struct fake_bytes in[FAKE_MSGS];  /* received, from in_head to in_tail */
    int in_head, in_tail;             /* counts; places are counts modulo FAKE_MSGS */
    struct fake_bytes out[FAKE_MSGS]; /* sent: header and body */
    int out_head, out_tail;           /* as above */
    const void *out_body;             /* where the body of the last sent message lay */
    struct sp_chunk *out_chunk;       /* its owner; only to be compared */
    void *loan;                       /* what the last peek or recv lent */
    int room;                         /* messages that it takes before it is full */
    bool owned;                       /* recv gives chunks and lends nothing */
    int send_error, recv_error;       /* negative errno of the next call, once */
    int n_closed;                     /* times that close was called */
    enum sp_reason reason;            /* of the first close */
    bool gone;                        /* no send succeeds any more */
};

struct sp_sock {
    const struct sp_protocol *proto; /* row under test */
    void *data;                      /* its sock_size bytes */
    struct sp_list pipes;            /* attached */
    int ttl;                         /* NN_MAXTTL */
    uint64_t due;                    /* set by sp_sock_timer */
    uint32_t next_id;                /* of the next pipe */
    int dropped_send, dropped_recv;
};

void *sp_sock_proto(struct sp_sock *s) { return s->data; }
int sp_sock_ttl(const struct sp_sock *s) { return s->ttl; }
void sp_sock_timer(struct sp_sock *s, uint64_t due) { s->due = due; }
struct sp_list *sp_sock_pipes(struct sp_sock *s) { return &s->pipes; }
void sp_sock_dropped_recv(struct sp_sock *s) { s->dropped_recv++; }

void sp_sock_dropped_send(struct sp_sock *s, struct sp_pipe *p)
{
    s->dropped_send++;
    if (p)
        p->n_drops++;
}

struct sp_pipe *sp_sock_pipe(const struct sp_sock *s, uint32_t id)
{
    SP_LIST_EACH (it, &s->pipes) {
        struct sp_pipe *p = SP_CONTAINER(it, struct sp_pipe, in_sock);
        if (p->id == id)
            return p;
    }
    return NULL;
}

static inline struct fake_pipe *fake_of(struct sp_pipe *p) { return (struct fake_pipe *)(void *)p; }

static inline int fake_op_send(struct sp_pipe *p, struct sp_msg *m)
{
    struct fake_pipe *f = fake_of(p);
    int rc = f->send_error;
    f->send_error = 0;
    if (rc < 0)
        return rc;
    if (f->gone || f->room == 0) {
        p->can_send = false;
        return -EAGAIN;
    }
    struct fake_bytes *b = &f->out[f->out_tail++ % FAKE_MSGS];
    b->len = m->hdr_len + m->body_len;
    b->p = malloc(b->len + 1);
    memcpy(b->p, sp_msg_hdr(m), m->hdr_len);
    if (m->body_len)
        memcpy(b->p + m->hdr_len, m->body, m->body_len);
    b->p[b->len] = 0;
    f->out_body = m->body;
    f->out_chunk = m->chunk;
    p->can_send = --f->room > 0;
    sp_msg_drop(m);
    return 0;
}

static inline void fake_lend(struct fake_pipe *f, struct sp_msg *m, const struct fake_bytes *b)
{
    free(f->loan);
    f->loan = malloc(b->len ? b->len : 1);
    memcpy(f->loan, b->p, b->len);
    sp_msg_init(m);
    m->body = f->loan;
    m->body_len = b->len;
    m->pipe = &f->pipe;
}

static inline int fake_op_peek(struct sp_pipe *p, struct sp_msg *m)
{
    struct fake_pipe *f = fake_of(p);
    int rc = f->recv_error;
    f->recv_error = 0;
    if (rc < 0 || f->in_head == f->in_tail)
        return rc < 0 ? rc : -EAGAIN;
    fake_lend(f, m, &f->in[f->in_head % FAKE_MSGS]);
    return 0;
}

static inline int fake_op_recv(struct sp_pipe *p, struct sp_msg *m)
{
    struct fake_pipe *f = fake_of(p);
    int rc = fake_op_peek(p, m);
    if (rc == 0 && f->owned)
        rc = sp_msg_own(m);
    if (rc < 0)
        return rc;
    free(f->in[f->in_head++ % FAKE_MSGS].p);
    p->can_recv = f->in_head < f->in_tail;
    return 0;
}

static inline void fake_op_close(struct sp_pipe *p, enum sp_reason reason, const char *detail)
{
    struct fake_pipe *f = fake_of(p);
    assert_non_null(detail);
    if (f->n_closed++ == 0)
        f->reason = reason;
    f->gone = true;
    p->can_send = p->can_recv = false;
}

static const struct sp_pipe_ops fake_ops = {
    .send = fake_op_send, .peek = fake_op_peek, .recv = fake_op_recv, .close = fake_op_close,
};

/* A socket of the protocol under test, with defaults. */
static inline struct sp_sock *fake_open(const struct sp_protocol *proto)
{
    struct sp_sock *s = calloc(1, sizeof *s);
    s->proto = proto;
    s->data = calloc(1, proto->sock_size);
    s->ttl = 8;
    s->due = SP_NEVER;
    s->next_id = 0x11;
    sp_list_init(&s->pipes);
    if (proto->init)
        assert_int_equal(proto->init(s), 0);
    return s;
}

/* A pipe that the protocol does not know yet. */
static inline struct fake_pipe *fake_pipe_new(struct sp_sock *s, int prio)
{
    struct fake_pipe *f = calloc(1, sizeof *f);
    f->pipe.ops = &fake_ops;
    f->pipe.sock = s;
    f->pipe.id = s->next_id++;
    f->pipe.can_send = true;
    f->pipe.snd_prio = f->pipe.rcv_prio = prio;
    f->pipe.proto = calloc(1, s->proto->pipe_size);
    f->room = FAKE_ANY;
    sp_list_init(&f->pipe.in_sock);
    return f;
}

static inline int fake_attach(struct fake_pipe *f)
{
    struct sp_sock *s = f->pipe.sock;
    int rc = s->proto->attach(s, &f->pipe);
    if (rc < 0)
        return rc;
    f->pipe.attached = true;
    sp_list_push(&s->pipes, &f->pipe.in_sock);
    return 0;
}

/* A pipe of priority prio that the protocol has accepted. */
static inline struct fake_pipe *fake_join_prio(struct sp_sock *s, int prio)
{
    struct fake_pipe *f = fake_pipe_new(s, prio);
    assert_int_equal(fake_attach(f), 0);
    return f;
}

static inline struct fake_pipe *fake_join(struct sp_sock *s) { return fake_join_prio(s, 8); }

static inline void fake_pipe_free(struct fake_pipe *f)
{
    while (f->in_head < f->in_tail)
        free(f->in[f->in_head++ % FAKE_MSGS].p);
    while (f->out_head < f->out_tail)
        free(f->out[f->out_head++ % FAKE_MSGS].p);
    free(f->loan);
    free(f->pipe.proto);
    free(f);
}

/* The peer is gone, but what it sent is still here. */
static inline void fake_hangup(struct fake_pipe *f)
{
    struct sp_sock *s = f->pipe.sock;
    f->gone = true;
    f->pipe.can_send = false;
    if (s->proto->hangup)
        s->proto->hangup(s, &f->pipe);
}

/* The end of a pipe, whose memory goes with it. */
static inline void fake_leave(struct fake_pipe *f)
{
    struct sp_sock *s = f->pipe.sock;
    f->gone = true;
    f->pipe.can_send = f->pipe.can_recv = false;
    if (f->pipe.attached) {
        f->pipe.attached = false;
        s->proto->detach(s, &f->pipe);
        sp_list_unlink(&f->pipe.in_sock);
    }
    fake_pipe_free(f);
}

/* What close asked for happens; gives the number of pipes that left. */
static inline int fake_settle(struct sp_sock *s)
{
    int n = 0;
    SP_LIST_EACH_SAFE (it, &s->pipes) {
        struct fake_pipe *f = fake_of(SP_CONTAINER(it, struct sp_pipe, in_sock));
        if (f->n_closed) {
            fake_leave(f);
            n++;
        }
    }
    return n;
}

static inline void fake_close(struct sp_sock *s)
{
    SP_LIST_EACH_SAFE (it, &s->pipes)
        fake_leave(fake_of(SP_CONTAINER(it, struct sp_pipe, in_sock)));
    if (s->proto->fini)
        s->proto->fini(s);
    free(s->data);
    free(s);
}

/* The peer sends len bytes. */
static inline void fake_deliver(struct fake_pipe *f, const void *p, size_t len)
{
    struct sp_sock *s = f->pipe.sock;
    assert_true(f->in_tail - f->in_head < FAKE_MSGS);
    struct fake_bytes *b = &f->in[f->in_tail++ % FAKE_MSGS];
    b->len = len;
    b->p = malloc(len ? len : 1);
    if (len)
        memcpy(b->p, p, len);
    if (f->pipe.can_recv || f->n_closed)
        return;
    f->pipe.can_recv = true;
    if (f->pipe.attached)
        s->proto->readable(s, &f->pipe);
}

static inline void fake_deliver_text(struct fake_pipe *f, const char *text) { fake_deliver(f, text, strlen(text)); }

/* n be32 ids, then a text. */
static inline void fake_deliver_ids(struct fake_pipe *f, const uint32_t *ids, size_t n, const char *text)
{
    size_t len = 4 * n + strlen(text);
    uint8_t *b = malloc(len + 1);
    for (size_t i = 0; i < 4 * n; i++)
        b[i] = (uint8_t)(ids[i / 4] >> (24 - 8 * (i % 4)));
    memcpy(b + 4 * n, text, strlen(text));
    fake_deliver(f, b, len);
    free(b);
}

/* There is room for n more messages, which is told when there was none. */
static inline void fake_make_room(struct fake_pipe *f, int n)
{
    bool was = f->pipe.can_send;
    f->room = n;
    f->pipe.can_send = n > 0;
    if (!was && n > 0)
        f->pipe.sock->proto->writable(f->pipe.sock, &f->pipe);
}

/* nn_send: the body is borrowed, and must be so again when the call fails. */
static inline int fake_send(struct sp_sock *s, const void *p, size_t len)
{
    uint8_t *b = malloc(len ? len : 1);
    struct sp_msg m;
    sp_msg_init(&m);
    if (len)
        memcpy(b, p, len);
    m.body = b;
    m.body_len = len;
    int rc = s->proto->send(s, &m);
    if (rc < 0) {
        assert_null(m.chunk);
        assert_ptr_equal(m.body, b);
        assert_int_equal(m.body_len, len);
        sp_msg_drop(&m);
    }
    assert_null(m.chunk);
    assert_null(m.more);
    free(b);
    return rc;
}

static inline int fake_send_text(struct sp_sock *s, const char *text) { return fake_send(s, text, strlen(text)); }

/* nn_sendmsg with a header of n ids. */
static inline int fake_send_ids(struct sp_sock *s, const uint32_t *ids, size_t n, const char *text)
{
    struct sp_msg m;
    sp_msg_init(&m);
    for (size_t i = n; i > 0; i--)
        assert_int_equal(sp_msg_hdr_push(&m, ids[i - 1]), 0);
    m.body = (uint8_t *)(uintptr_t)text;
    m.body_len = strlen(text);
    int rc = s->proto->send(s, &m);
    sp_msg_drop(&m);
    return rc;
}

/* nn_recvmsg: gives the body's length or a negative errno; hdr and hdr_len may be NULL. The body is copied before the
 * protocol is asked anything else, and a zero put behind it. */
static inline int fake_recv_hdr(struct sp_sock *s, void *buf, size_t cap, uint8_t *hdr, size_t *hdr_len)
{
    struct sp_msg m;
    int rc = s->proto->recv(s, &m);
    if (rc < 0)
        return rc;
    assert_true(m.body_len < cap);
    if (m.body_len)
        memcpy(buf, m.body, m.body_len);
    ((char *)buf)[m.body_len] = 0;
    if (hdr)
        memcpy(hdr, sp_msg_hdr(&m), m.hdr_len);
    if (hdr_len)
        *hdr_len = m.hdr_len;
    rc = (int)m.body_len;
    sp_msg_drop(&m);
    return rc;
}

static char fake_text[1 << 16];

static inline int fake_recv(struct sp_sock *s) { return fake_recv_hdr(s, fake_text, sizeof fake_text, NULL, NULL); }

#define fake_expect(s, text)                                    \
    do {                                                        \
        assert_int_equal(fake_recv(s), (int)strlen(text));      \
        assert_string_equal(fake_text, text);                   \
    } while (0)

#define fake_expect_none(s)                        \
    do {                                           \
        assert_false((s)->proto->ready(s) & SP_CAN_RECV); \
        assert_int_equal(fake_recv(s), -EAGAIN);   \
    } while (0)

/* Messages that were sent by f and not yet taken from it. */
static inline int fake_sent(const struct fake_pipe *f) { return f->out_tail - f->out_head; }

/* The first id of the oldest of them. */
static inline uint32_t fake_sent_id(const struct fake_pipe *f)
{
    assert_true(fake_sent(f) > 0);
    const struct fake_bytes *b = &f->out[f->out_head % FAKE_MSGS];
    assert_true(b->len >= 4);
    return (uint32_t)b->p[0] << 24 | (uint32_t)b->p[1] << 16 | (uint32_t)b->p[2] << 8 | b->p[3];
}

/* Takes the oldest, whose bytes behind `skip` are to be text. */
static inline void fake_take(struct fake_pipe *f, size_t skip, const char *text)
{
    assert_true(fake_sent(f) > 0);
    struct fake_bytes *b = &f->out[f->out_head++ % FAKE_MSGS];
    assert_int_equal(b->len, skip + strlen(text));
    assert_memory_equal(b->p + skip, text, strlen(text));
    free(b->p);
}

/* The pipe dies with this text accepted and not sent. */
static inline void fake_unsent(struct fake_pipe *f, const char *text)
{
    struct sp_msg m;
    sp_msg_init(&m);
    m.body = (uint8_t *)(uintptr_t)text;
    m.body_len = strlen(text);
    f->gone = true;
    f->pipe.can_send = false;
    f->pipe.sock->proto->unsent(f->pipe.sock, &f->pipe, &m);
}

/* nn_device could not send this text, which it has taken from elsewhere. */
static inline void fake_returned(struct sp_sock *s, const char *text)
{
    struct sp_msg m;
    sp_msg_init(&m);
    m.body = (uint8_t *)(uintptr_t)text;
    m.body_len = strlen(text);
    s->proto->unsent(s, NULL, &m);
}

static inline int fake_subscribe(struct sp_sock *s, int option, const void *topic, size_t len)
{
    return sp_opts_set(s->proto->opts, s->proto->n_opts, option, s, s->data, topic, len);
}

#endif
