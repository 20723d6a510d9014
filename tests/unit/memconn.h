/* SPDX-License-Identifier: MIT */
/* A connection without a network: a protocol that counts what it is told, and the tables of protocols and transports
 * that this program has instead of src/api/builtin.c. */
#ifndef TESTS_UNIT_MEMCONN_H
#define TESTS_UNIT_MEMCONN_H

#include "core/life.h"
#include "memstream.h"

#define MEM_ID 0x70
#define MEM_PEER 0x71

/* ---- the transport ---- */

static struct sp_ep *mem_ep; /* the last one that dialled or listened */
static atomic_int mem_dials;

static inline int mem_address(struct sp_ep *ep)
{
    (void)ep;
    return 0;
}

static const struct sp_stream_row mem_row = {.framer = &sp_frame_sp, .address = mem_address, .stack = mem_stack};

/* The test answers, by sp_conn_start. */
static inline void mem_dial(struct sp_ep *ep)
{
    sp_stream_ep(ep)->claimed = true;
    mem_ep = ep;
    atomic_fetch_add(&mem_dials, 1);
}

static inline int mem_listen(struct sp_ep *ep)
{
    mem_ep = ep;
    return 0;
}

static const struct sp_transport mem_transport = {.scheme = "mem", .row = &mem_row, .check = sp_stream_check,
                                                  .dial = mem_dial, .listen = mem_listen, .stop = sp_stream_stop,
                                                  .ep_size = SP_STREAM_EP_SIZE};

/* ---- the protocol ---- */

static struct {
    int attach_rc;                /* what attach answers */
    bool close_when_readable;     /* readable ends the pipe */
    struct sp_pipe *pipe;         /* attached; the last one */
    int attached, detached, readable, writable, hangups;
    int ticks;
    int init_rc;                  /* what init answers */
    char unsent[512];             /* bodies, each with a ';' */
    atomic_bool gone;             /* the socket's memory is about to go */
} proto;

static inline int proto_attach(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    if (proto.attach_rc < 0)
        return proto.attach_rc;
    proto.pipe = p;
    proto.attached++;
    return 0;
}

static inline void proto_detach(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    proto.detached++;
    if (proto.pipe == p)
        proto.pipe = NULL;
}

static inline void proto_hangup(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s, (void)p;
    proto.hangups++;
}

static inline void proto_readable(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s;
    proto.readable++;
    if (proto.close_when_readable)
        sp_pipe_close(p, SP_REASON_PROTOCOL, "not what I wanted");
}

static inline void proto_writable(struct sp_sock *s, struct sp_pipe *p)
{
    (void)s, (void)p;
    proto.writable++;
}

static inline int proto_send(struct sp_sock *s, struct sp_msg *m)
{
    (void)s;
    return proto.pipe ? sp_pipe_send(proto.pipe, m) : -EAGAIN;
}

static inline int proto_recv(struct sp_sock *s, struct sp_msg *m)
{
    (void)s;
    return proto.pipe && proto.pipe->can_recv ? sp_pipe_recv(proto.pipe, m) : -EAGAIN;
}

static inline int proto_ready(struct sp_sock *s)
{
    (void)s;
    return proto.pipe ? (proto.pipe->can_recv ? SP_CAN_RECV : 0) | (proto.pipe->can_send ? SP_CAN_SEND : 0) : 0;
}

static inline void proto_unsent(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m)
{
    (void)s, (void)p;
    size_t n = strlen(proto.unsent), k = m->body_len < 20 ? m->body_len : 20;
    memcpy(proto.unsent + n, m->body, k);
    strcpy(proto.unsent + n + k, ";");
    sp_msg_drop(m);
}

static inline void proto_tick(struct sp_sock *s)
{
    (void)s;
    proto.ticks++;
}

static inline int proto_init(struct sp_sock *s)
{
    (void)s;
    return proto.init_rc;
}

static inline void proto_fini(struct sp_sock *s)
{
    (void)s;
    atomic_store(&proto.gone, true);
}

#define MEM_PROTOCOL(id_, fan)                                                                                     \
    {                                                                                                              \
        .domain = AF_SP, .id = id_, .peer = MEM_PEER, .caps = SP_CAN_RECV | SP_CAN_SEND, .fan_out = fan,            \
        .attach = proto_attach, .detach = proto_detach, .hangup = proto_hangup, .readable = proto_readable,        \
        .writable = proto_writable, .send = proto_send, .recv = proto_recv, .ready = proto_ready,                  \
        .unsent = proto_unsent, .init = proto_init, .fini = proto_fini, .tick = proto_tick                                                                 \
    }
static const struct sp_protocol mem_protocol = MEM_PROTOCOL(MEM_ID, false);
static const struct sp_protocol mem_fan_out = MEM_PROTOCOL(MEM_ID + 1, true);

const struct sp_protocol *const sp_protocols[] = {&mem_protocol, &mem_fan_out, NULL};
/* A test of what is below defines MEM_TCP to have that as well. */
#ifdef MEM_TCP
extern const struct sp_transport sp_tcp;
/* tcp whose handshakes seem to compute: attempts wait for a worker. */
static struct sp_stream_row mem_busy_row;
static const struct sp_transport mem_busy = {.scheme = "busy", .row = &mem_busy_row, SP_STREAM_OPS};
const struct sp_transport *const sp_transports[] = {&mem_transport, &sp_tcp, &mem_busy, NULL};
const struct sp_optlevel *const sp_optlevels[] = {&sp_tcp_opts, NULL};
#else
const struct sp_transport *const sp_transports[] = {&mem_transport, NULL};
const struct sp_optlevel *const sp_optlevels[] = {NULL};
#endif
void (*const sp_child_hooks[])(void) = {NULL};
void (*const sp_term_hooks[])(void) = {NULL};

/* ---- a socket and one connection of it ---- */

static struct sp_sock *sock;
static struct sp_conn *conn; /* the last one started */

#define LOCKED(what)              \
    do {                          \
        sp_sock_lock(sock);       \
        what;                     \
        (void)sp_sock_unlock(sock); \
    } while (0)

static inline uint64_t stat_of(int at)
{
    uint64_t v;
    LOCKED(v = sock->stats[at]);
    return v;
}

/* Waits for a value that other threads bring under the socket's lock. */
#define UNTIL_LOCKED(cond)              \
    do {                                \
        bool come_ = false;             \
        UNTIL(({                        \
            LOCKED(come_ = (cond));     \
            come_;                      \
        }));                            \
    } while (0)

static inline int mem_setup_as(int id)
{
    assert_int_equal(sp_life_start(), 0);
    loop = sp_loop_first();
    memset(&proto, 0, sizeof proto);
    mem_reset();
    mem_handshake = mem_rekeys = false;
    mem_ep = NULL;
    conn = NULL;
    atomic_store(&mem_dials, 0);
    assert_int_equal(sp_sock_new(&sock, AF_SP, id, 0), 0);
    sp_life_lock();
    assert_int_equal(sp_life_socket_made(), 0);
    sp_life_unlock();
    sock->ivl = 1000000; /* no second attempt */
    sock->linger = 0;
    return 0;
}

static inline int mem_setup(void **state)
{
    (void)state;
    return mem_setup_as(MEM_ID);
}

static inline int mem_setup_fan_out(void **state)
{
    (void)state;
    return mem_setup_as(MEM_ID + 1);
}

/* nn_close, and the end of all that it leads to. */
static inline void mem_end(void)
{
    if (!sock)
        return;
    sp_sock_close(sock);
    LOCKED(sp_sock_drop(sock));
    sock = NULL;
    UNTIL(atomic_load(&proto.gone));
}

static inline int mem_teardown(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    mem_end();
    if (mem.far >= 0)
        close(mem.far);
    sp_life_term();
    sp_life_init();
    return 0;
}

#define MEM_TEST(fn) cmocka_unit_test_setup_teardown(fn, mem_setup, mem_teardown)
#define FAN_OUT_TEST(fn) cmocka_unit_test_setup_teardown(fn, mem_setup_fan_out, mem_teardown)

/* Never writable, so that the only events are the test's. */
static inline void fill_up(int fd)
{
    static const char bytes[65536];
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    while (write(fd, bytes, 1) > 0)
        ;
}

/* A connected descriptor for the endpoint of the last mem_endpoint. */
static inline void mem_connect(bool dialled)
{
    int fd[2];
    if (mem.far >= 0)
        close(mem.far);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(sp_fd_keep(fd[0]), 0);
    fill_up(fd[0]);
    mem.far = fd[1];
    sp_conn_start(mem_ep, fd[0], dialled, "mem://peer");
    LOCKED(conn = sp_list_empty(&sock->all)
                      ? NULL
                      : (struct sp_conn *)(void *)SP_CONTAINER(sock->all.prev, struct sp_pipe, in_all));
}

static inline void mem_endpoint(bool dialled) { assert_true(sp_sock_add_ep(sock, "mem://x", dialled) > 0); }

static inline void mem_start(bool dialled)
{
    mem_endpoint(dialled);
    mem_connect(dialled);
}

static inline void feed(const void *p, size_t n)
{
    pthread_mutex_lock(&mem.lock);
    assert_true(n <= MEM_BYTES - mem.in_len);
    memcpy(mem.in + mem.in_len, p, n);
    mem.in_len += n;
    pthread_mutex_unlock(&mem.lock);
}

static inline void feed_message(const void *p, size_t n)
{
    uint8_t head[SP_FRAME_HEAD_MAX];
    feed(head, sp_frame_sp.head(head, n, 0));
    feed(p, n);
}

static inline void feed_text(const char *text) { feed_message(text, strlen(text)); }

static inline void feed_greeting(int id)
{
    uint8_t b[SP_FRAME_GREET_MAX];
    feed(b, sp_frame_sp.greet(b, id));
}

struct mem_task {
    struct sp_task task;
    struct sp_waiter w;
    int events;
};

static inline void mem_task_run(struct sp_task *t)
{
    struct mem_task *m = SP_CONTAINER(t, struct mem_task, task);
    conn->watch.fn(&conn->watch, m->events);
    sp_waiter_signal(loop, &m->w);
}

/* The loop finds these events on the connection. */
static inline void event(int events)
{
    struct mem_task m = {.task.fn = mem_task_run, .events = events};
    sp_waiter_init(&m.w);
    sp_loop_post(loop, &m.task);
    assert_int_equal(sp_loop_wait(loop, &m.w, SP_NEVER, true, 0), 0);
    sp_waiter_fini(&m.w);
}

/* A connection that is OPEN, with what both sides said so far forgotten. */
static inline void mem_open(bool dialled)
{
    mem_start(dialled);
    feed_greeting(MEM_PEER);
    event(POLLIN);
    LOCKED(assert_int_equal(conn->state, CONN_OPEN));
    UNTIL_LOCKED(!conn->flushing);
    mem.in_len = mem.in_at = 0;
    mem.out_len = 0;
    atomic_store(&mem.n_writev, 0);
    atomic_store(&mem.n_readv, 0);
}

/* ---- calls ---- */

static char got_text[1 << 16];
static size_t got_len;
static bool got_owned;

static inline int take_text(struct sp_sock *s, struct sp_msg *m, void *arg)
{
    (void)s, (void)arg;
    got_len = m->body_len;
    got_owned = m->chunk && m->body == sp_chunk_data(m->chunk);
    if (m->body_len)
        memcpy(got_text, m->body, m->body_len < sizeof got_text - 1 ? m->body_len : sizeof got_text - 1);
    got_text[m->body_len < sizeof got_text - 1 ? m->body_len : sizeof got_text - 1] = 0;
    return 0;
}

static inline int receive(void) { return sp_sock_recv(sock, NN_DONTWAIT, take_text, NULL); }

#define EXPECT(text)                         \
    do {                                     \
        assert_int_equal(receive(), 0);      \
        assert_string_equal(got_text, text); \
    } while (0)

static inline int send_bytes(const void *p, size_t n)
{
    struct sp_msg m;
    sp_msg_init(&m);
    m.body = (uint8_t *)(uintptr_t)p;
    m.body_len = n;
    int rc = sp_sock_send(sock, &m, NN_DONTWAIT);
    sp_msg_drop(&m);
    return rc;
}

static inline int send_text(const char *text) { return send_bytes(text, strlen(text)); }

/* What was written is these messages, each a text that ends with a ';' here. */
static inline bool wrote(const char *texts)
{
    size_t at = 0;
    pthread_mutex_lock(&mem.lock);
    bool same = true;
    while (same && *texts) {
        uint64_t len = 0;
        uint8_t type;
        const char *end = strchr(texts, ';');
        same = sp_frame_sp.parse(mem.out + at, mem.out_len - at, &len, &type) == 8 && len == (uint64_t)(end - texts) &&
               len <= mem.out_len - at - 8 && !memcmp(mem.out + at + 8, texts, (size_t)len);
        at += 8 + (size_t)len;
        texts = end + 1;
    }
    same = same && at == mem.out_len;
    pthread_mutex_unlock(&mem.lock);
    return same;
}

#endif
