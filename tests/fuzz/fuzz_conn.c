/* SPDX-License-Identifier: MIT */
/* The life of one connection, over a stream in memory: the input says what comes over the wire, in which pieces, what the
 * stream can take, when timers fire and memory fails, and what the application does. Whatever it says, the stream is
 * closed once and everything is freed, messages come out as they went in, in order, and nothing is written but a
 * greeting and whole messages. */
#include "simloop.h"
#include "transports/stream/impl.h"
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define WIRE 65536 /* bytes that one life may see in each direction */

static const struct {
    int ours, theirs;
} kinds[] = {{NN_PULL, NN_PUSH}, {NN_PUSH, NN_PULL}, {NN_PAIR, NN_PAIR}, {NN_SUB, NN_PUB},
             {NN_PUB, NN_SUB},   {NN_REP, NN_REQ},   {NN_REQ, NN_REP}};

/* Everything of the life at hand. */
static struct life {
    const uint8_t *p; /* input that is left */
    size_t left;
    struct sp_sock *s;
    struct sp_ep *ep;
    struct sp_conn *c;       /* until its stream is closed */
    struct sp_stream st;
    uint8_t in[WIRE], out[WIRE];
    size_t in_len, in_at;    /* fed, and read of it */
    size_t taken;            /* of it, by the application */
    size_t out_len;          /* written */
    uint8_t said[WIRE];      /* what should be: greeting and messages that were accepted */
    size_t said_len;
    int theirs;              /* protocol */
    int end;                 /* what follows the input: -EAGAIN, 0 or an errno */
    size_t read_max, room;
    int start_rc, finish_rc;
    bool handshake;          /* the stream has one */
    bool dialling;           /* an attempt waits for its answer */
    bool started;            /* there is or was a connection */
    bool closed;             /* its stream is */
    bool checked;            /* what is written is compared */
    bool in_order;           /* what is received is */
    int fail_at; /* allocations until one fails; < 0: none */
} life;

static uint8_t next(void)
{
    if (!life.left)
        return 0;
    life.left--;
    return *life.p++;
}

static bool refuse(void) { return life.fail_at >= 0 && life.fail_at-- == 0; }

/* ---- the stream ---- */

static int st_start(struct sp_stream *s)
{
    if (life.start_rc < 0 && life.start_rc != -EAGAIN)
        sp_peer_reason(s->peer, SP_REASON_WRONG_KEY, "as the input says");
    return life.start_rc;
}

static ssize_t st_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    (void)s;
    size_t got = 0, most = life.read_max;
    sim_check(!life.closed);
    for (int i = 0; i < n; i++) {
        size_t k = life.in_len - life.in_at;
        k = k < iov[i].iov_len ? k : iov[i].iov_len;
        k = k < most ? k : most;
        if (k)
            memcpy(iov[i].iov_base, life.in + life.in_at, k);
        life.in_at += k;
        most -= k;
        got += k;
    }
    return got ? (ssize_t)got : life.end;
}

static ssize_t st_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    (void)s;
    size_t took = 0, asked = 0;
    sim_check(!life.closed);
    for (int i = 0; i < n; i++) {
        size_t k = iov[i].iov_len < life.room ? iov[i].iov_len : life.room;
        k = k < WIRE - life.out_len ? k : WIRE - life.out_len;
        if (k)
            memcpy(life.out + life.out_len, iov[i].iov_base, k);
        life.out_len += k;
        life.room -= k;
        took += k;
        asked += iov[i].iov_len;
    }
    return asked && !took ? -EAGAIN : (ssize_t)took;
}

static int st_want(struct sp_stream *s)
{
    (void)s;
    return 0;
}

static int st_finish(struct sp_stream *s)
{
    (void)s;
    return life.finish_rc;
}

static void st_close(struct sp_stream *s)
{
    (void)s;
    sim_check(!life.closed);
    life.closed = true;
    life.c = NULL;
}

static struct sp_stream_ops st_ops = {
    .readv = st_readv, .writev = st_writev, .want = st_want, .finish = st_finish, .close = st_close};

static int stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer, struct sp_stream **out)
{
    (void)ep, (void)dialled;
    if (sp_alloc_refused())
        return -ENOMEM;
    st_ops.start = life.handshake ? st_start : NULL;
    life.st = (struct sp_stream){.ops = &st_ops, .peer = peer, .fd = fd};
    life.c = SP_CONTAINER(peer, struct sp_conn, pipe.peer);
    *out = &life.st;
    return 0;
}

/* ---- the endpoint; the composition root of this program ---- */

static int listen_ep(struct sp_ep *ep)
{
    struct sp_stream_ep *se = sp_stream_ep(ep);
    se->ep = ep;
    se->fd = se->reserve = -1;
    sp_list_init(&se->half_open);
    life.ep = ep;
    return 0;
}

/* The first attempt is the input's to go on with; later ones stay under way. */
static void dial(struct sp_ep *ep)
{
    (void)ep;
    life.dialling = true;
}

static void dial_fail(struct sp_ep *ep)
{
    life.dialling = false;
    sp_sock_lock(ep->sock);
    sp_ep_failed(ep, -ECONNREFUSED, SP_REASON_REFUSED, "", "");
    (void)sp_sock_unlock(ep->sock);
}

static void stop(struct sp_ep *ep)
{
    life.ep = NULL;
    if (life.dialling)
        dial_fail(ep);
}

static const struct sp_stream_row row = {.framer = &sp_frame_sp, .stack = stack};
static const struct sp_transport transport = {.scheme = "fuzz", .row = &row, .check = listen_ep, .listen = listen_ep,
                                              .dial = dial, .stop = stop, .ep_size = SP_STREAM_EP_SIZE};
extern const struct sp_protocol sp_req, sp_rep, sp_pub, sp_sub, sp_push, sp_pull, sp_pair;

const struct sp_protocol *const sp_protocols[] = {&sp_req, &sp_rep, &sp_pub, &sp_sub, &sp_push, &sp_pull, &sp_pair, NULL};
const struct sp_transport *const sp_transports[] = {&transport, NULL};
const struct sp_optlevel *const sp_optlevels[] = {NULL};
void (*const sp_child_hooks[])(void) = {NULL};
void (*const sp_term_hooks[])(void) = {NULL};

static void connected(void)
{
    bool dialled = life.dialling;
    if (!life.ep || life.ep->stopped || life.started || life.ep->dialler != dialled)
        return;
    life.started = true;
    life.dialling = false;
    sp_conn_start(life.ep, -1, dialled, "peer");
}

static void event(int events)
{
    struct sp_conn *c = life.c;
    if (c && c->watch.loop && (c->watch.events & events || events & POLLHUP))
        c->watch.fn(&c->watch, events & (c->watch.events | POLLHUP));
}

/* ---- the wire ---- */

static uint8_t pattern[WIRE + 256]; /* bodies; without loops, which the fuzzer traces */

static void pattern_make(void)
{
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i + i / 256);
}

static void feed(uint8_t b)
{
    if (life.in_len < WIRE)
        life.in[life.in_len++] = b;
}

static void feed_greeting(int id)
{
    uint8_t g[SP_FRAME_GREET_MAX];
    size_t n = sp_frame_sp.greet(g, id);
    for (size_t i = 0; i < n; i++)
        feed(g[i]);
}

static void feed_message(size_t len)
{
    if (len + 8 > WIRE - life.in_len)
        return;
    uint8_t *body = life.in + life.in_len + 8;
    (void)sp_frame_sp.head(body - 8, len, 0);
    memcpy(body, pattern, len);
    for (size_t i = 0; i < len && i < 8; i++)
        body[i] = next();
    life.in_len += 8 + len;
}

/* What is written so far is the beginning of what was to be said. */
static void check_out(void)
{
    if (life.checked)
        sim_check(life.out_len <= life.said_len && !memcmp(life.out, life.said, life.out_len));
}

/* ---- the application ---- */

static void send_message(size_t len)
{
    static uint8_t body[WIRE];
    struct sp_msg m;
    sp_msg_init(&m);
    size_t at = life.said_len;
    m.body = body;
    m.body_len = len;
    if (at + len + 8 > WIRE)
        return;
    memcpy(body, pattern + at % 251, len);
    (void)sp_frame_sp.head(life.said + at, len, 0);
    memcpy(life.said + at + 8, body, len);
    if (sp_sock_send(life.s, &m, NN_DONTWAIT) == 0)
        life.said_len = at + 8 + len;
    else
        sp_msg_drop(&m);
    memset(body, 0xff, len); /* it was only borrowed */
}

static int take(struct sp_sock *s, struct sp_msg *m, void *arg)
{
    (void)s, (void)arg;
    sim_check(!m->body_len || m->body);
    uint64_t len;
    uint8_t type;
    if (!life.in_order)
        return 0;
    sim_check(sp_frame_sp.parse(life.in + life.taken, life.in_len - life.taken, &len, &type) == 8 && len == m->body_len);
    sim_check(len <= life.in_len - life.taken - 8 && !memcmp(m->body, life.in + life.taken + 8, len));
    life.taken += 8 + (size_t)len;
    return 0;
}

/* ---- what the input says ---- */

static void step(void)
{
    const uint8_t b = next();
    switch (b % 20) {
    case 0:
        connected();
        break;
    case 1:
    case 2:
        for (size_t n = b / 20 + 1; n; n--)
            feed(next());
        event(POLLIN);
        break;
    case 3:
        feed_greeting(life.theirs);
        event(POLLIN);
        break;
    case 4:
        feed_message(next() * (b < 128 ? 1 : 257u));
        event(POLLIN);
        break;
    case 5:
        life.end = b < 128 ? 0 : -ECONNRESET;
        event(POLLIN);
        break;
    case 6:
        life.read_max = b < 20 ? SIZE_MAX : next() + 1u;
        event(POLLIN);
        break;
    case 7:
        life.room = b < 20 ? SIZE_MAX : next() * (b < 128 ? 1 : 257u);
        event(POLLOUT);
        break;
    case 8:
        event(POLLIN | POLLHUP);
        break;
    case 9:
        send_message(next());
        break;
    case 10:
        send_message(next() * 64u);
        break;
    case 11:
    case 12:
        (void)(sp_sock_recv(life.s, NN_DONTWAIT, take, NULL) == 0);
        break;
    case 13:
        (void)sim_run_tasks();
        break;
    case 14:
        (void)sim_run_ticks();
        break;
    case 15:
        life.start_rc = b < 60 ? 0 : b < 200 ? -EAGAIN : -EACCES;
        (void)sim_run_job();
        break;
    case 16:
        (void)sim_fire(next());
        break;
    case 17:
        life.fail_at = b / 20;
        life.checked = false; /* a message may be given up half-way, and its send fails */
        break;
    case 18:
        life.finish_rc = b < 128 ? 0 : -EAGAIN;
        if (b > 200)
            (void)(sp_sock_shutdown(life.s, 1) == 0);
        break;
    default:
        (void)sim_free();
    }
    check_out();
}

static void life_begin(void)
{
    uint8_t b = next(), o = next();
    size_t k = b % (sizeof kinds / sizeof *kinds);
    sim_start();
    life.s = NULL;
    life.ep = NULL;
    life.c = NULL;
    life.in_len = life.in_at = life.out_len = 0;
    life.taken = 8;
    life.end = -EAGAIN;
    life.read_max = life.room = SIZE_MAX;
    life.start_rc = life.finish_rc = 0;
    life.handshake = o & 1;
    life.dialling = life.started = life.closed = false;
    life.fail_at = -1;
    life.theirs = kinds[k].theirs;
    life.in_order = kinds[k].ours == NN_PULL || kinds[k].ours == NN_PAIR || kinds[k].ours == NN_SUB;
    life.checked = kinds[k].ours == NN_PUSH || kinds[k].ours == NN_PAIR;
    life.said_len = sp_frame_sp.greet(life.said, kinds[k].ours);
    if (sp_sock_new(&life.s, AF_SP, kinds[k].ours, 0) < 0)
        return;
    sim.n_sockets++;
    if (kinds[k].ours == NN_SUB)
        (void)(sp_sock_setopt(life.s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0) == 0);
    life.s->rcv_buf = o & 2 ? 100 : 131072;
    life.s->snd_buf = o & 4 ? 100 : 131072;
    life.s->rcv_max = o & 8 ? 20 : o & 16 ? -1 : 1048576;
    life.s->linger = o & 32 ? 0 : o & 64 ? -1 : 100;
    (void)(sp_sock_add_ep(life.s, "fuzz://x", o & 128) > 0);
}

/* nn_close; then whatever is under way comes to its end. */
static void life_end(void)
{
    sp_sock_close(life.s);
    sp_sock_lock(life.s);
    sp_sock_drop(life.s);
    (void)sp_sock_unlock(life.s);
    life.end = 0;
    life.finish_rc = 0;
    life.read_max = life.room = SIZE_MAX;
    life.fail_at = -1;
    for (int i = 0; i < 100 && sim.n_sockets; i++) {
        event(POLLOUT);
        event(POLLIN);
        life.start_rc = -ECANCELED;
        while (sim_run_job() || sim_run_tasks() || sim_run_ticks() || sim_free())
            ;
        if (i > 50 && life.s) /* the peer neither reads nor closes: lingering has an end */
            (void)sim_fire(0);
    }
    check_out();
    sim_check(sim.n_sockets == 0 && sim.n_timers == 0 && sim.active == 0 && sim.eager == 0);
    sim_check(!life.c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (!sp_alloc_hook)
        pattern_make();
    sp_alloc_hook = refuse;
    life.fail_at = -1;
    life.p = data;
    life.left = len;
    life_begin();
    if (!life.s)
        return 0;
    while (life.left)
        step();
    life_end();
    return 0;
}
