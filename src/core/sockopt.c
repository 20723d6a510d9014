/* SPDX-License-Identifier: MIT */
/* Options of level NN_SOL_SOCKET, and the way to those of protocols and transports. */
#include "sock.h"
#include <errno.h>
#include <limits.h>

#define ROW(id_, lo_, hi_, field)                                                                  \
    {                                                                                              \
        .id = id_, .kind = SP_OPT_INT, .lo = lo_, .hi = hi_,                                       \
        .off = offsetof(struct sp_sock, field)                                                     \
    }

static int get_fd(struct sp_sock *s, struct sp_evfd *e, int dir, void *v, size_t *len)
{
    if (!(s->proto->caps & dir))
        return -ENOPROTOOPT;
    bool fresh = e->fd[0] < 0;
    int rc = sp_evfd_open(e);
    if (rc < 0)
        return rc;
    if (fresh)
        sp_loop_eager(sp_loop_first(), 1);
    sp_sock_notify(s);
    return sp_opt_out(v, len, &e->fd[0], sizeof(int));
}

static int get_sndfd(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    struct sp_sock *s = ctx;
    return get_fd(s, &s->evfd_out, SP_CAN_SEND, v, len);
}

static int get_rcvfd(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    struct sp_sock *s = ctx;
    return get_fd(s, &s->evfd_in, SP_CAN_RECV, v, len);
}

static int get_domain(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return sp_opt_out(v, len, &((struct sp_sock *)ctx)->proto->domain, sizeof(int));
}

static int get_protocol(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return sp_opt_out(v, len, &((struct sp_sock *)ctx)->proto->id, sizeof(int));
}

static int set_name(void *ctx, void *obj, const void *v, size_t len)
{
    (void)obj;
    struct sp_sock *s = ctx;
    if (len >= sizeof s->name)
        return -EINVAL;
    memset(s->name, 0, sizeof s->name);
    memcpy(s->name, v, len);
    return 0;
}

static int get_text(char *text, void *v, size_t *len)
{
    return sp_opt_out(v, len, text, strlen(text) + 1);
}
static int get_name(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    char *name = ((struct sp_sock *)ctx)->name;
    size_t n = strlen(name);
    int rc = sp_opt_out(v, len, name, n + 1);
    *len = n; /* as nanomsg: the NUL is there when there is room, and does not count */
    return rc;
}

static int get_endpoint(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return get_text(((struct sp_sock *)ctx)->last_endpoint, v, len);
}

static int get_reason(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return get_text(((struct sp_sock *)ctx)->last_reason, v, len);
}

/* Negative time-outs are all "for ever", and read back as -1. */
static int set_timeo(int *field, const void *v, size_t len)
{
    int t;
    int rc = sp_opt_int(v, len, &t);
    if (rc == 0)
        *field = t < 0 ? -1 : t;
    return rc;
}

static int set_sndtimeo(void *ctx, void *obj, const void *v, size_t len)
{
    (void)obj;
    return set_timeo(&((struct sp_sock *)ctx)->snd_timeo, v, len);
}

static int set_rcvtimeo(void *ctx, void *obj, const void *v, size_t len)
{
    (void)obj;
    return set_timeo(&((struct sp_sock *)ctx)->rcv_timeo, v, len);
}

static int set_linger(void *ctx, void *obj, const void *v, size_t len)
{
    (void)obj;
    return set_timeo(&((struct sp_sock *)ctx)->linger, v, len);
}

static int get_int(int value, void *v, size_t *len)
{
    return sp_opt_out(v, len, &value, sizeof value);
}

static int get_sndtimeo(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return get_int(((struct sp_sock *)ctx)->snd_timeo, v, len);
}

static int get_rcvtimeo(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return get_int(((struct sp_sock *)ctx)->rcv_timeo, v, len);
}

static int get_linger(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return get_int(((struct sp_sock *)ctx)->linger, v, len);
}

static int set_buf(int *field, bool *was_set, const void *v, size_t len)
{
    int n;
    int rc = sp_opt_int(v, len, &n);
    if (rc < 0)
        return rc;
    if (n <= 0)
        return -EINVAL;
    *field = n;
    *was_set = true;
    return 0;
}

static int set_sndbuf(void *ctx, void *obj, const void *v, size_t len)
{
    (void)obj;
    struct sp_sock *s = ctx;
    return set_buf(&s->snd_buf, &s->snd_buf_set, v, len);
}

static int set_rcvbuf(void *ctx, void *obj, const void *v, size_t len)
{
    (void)obj;
    struct sp_sock *s = ctx;
    return set_buf(&s->rcv_buf, &s->rcv_buf_set, v, len);
}

static int get_sndbuf(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return get_int(((struct sp_sock *)ctx)->snd_buf, v, len);
}

static int get_rcvbuf(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return get_int(((struct sp_sock *)ctx)->rcv_buf, v, len);
}

/* The readers look at it without the lock. */
static int set_rcvmax(void *ctx, void *obj, const void *v, size_t len)
{
    (void)obj;
    int n;
    int rc = sp_opt_int(v, len, &n);
    if (rc < 0)
        return rc;
    if (n < -1)
        return -EINVAL;
    __atomic_store_n(&((struct sp_sock *)ctx)->rcv_max, n, __ATOMIC_RELAXED);
    return 0;
}

static int get_rcvmax(void *ctx, void *obj, void *v, size_t *len)
{
    (void)obj;
    return get_int(((struct sp_sock *)ctx)->rcv_max, v, len);
}

static const struct sp_opt rows[] = {
    {.id = NN_LINGER, .kind = SP_OPT_CALL, .set = set_linger, .get = get_linger},
    {.id = NN_SNDBUF, .kind = SP_OPT_CALL, .set = set_sndbuf, .get = get_sndbuf},
    {.id = NN_RCVBUF, .kind = SP_OPT_CALL, .set = set_rcvbuf, .get = get_rcvbuf},
    {.id = NN_SNDTIMEO, .kind = SP_OPT_CALL, .set = set_sndtimeo, .get = get_sndtimeo},
    {.id = NN_RCVTIMEO, .kind = SP_OPT_CALL, .set = set_rcvtimeo, .get = get_rcvtimeo},
    ROW(NN_RECONNECT_IVL, 0, INT_MAX, ivl),
    ROW(NN_RECONNECT_IVL_MAX, 0, INT_MAX, ivl_max),
    ROW(NN_SNDPRIO, 1, 16, snd_prio),
    ROW(NN_RCVPRIO, 1, 16, rcv_prio),
    {.id = NN_SNDFD, .kind = SP_OPT_CALL, .get = get_sndfd},
    {.id = NN_RCVFD, .kind = SP_OPT_CALL, .get = get_rcvfd},
    {.id = NN_DOMAIN, .kind = SP_OPT_CALL, .get = get_domain},
    {.id = NN_PROTOCOL, .kind = SP_OPT_CALL, .get = get_protocol},
    ROW(NN_IPV4ONLY, 0, 1, ipv4only),
    {.id = NN_SOCKET_NAME, .kind = SP_OPT_CALL, .set = set_name, .get = get_name},
    {.id = NN_RCVMAXSIZE, .kind = SP_OPT_CALL, .set = set_rcvmax, .get = get_rcvmax},
    ROW(NN_MAXTTL, 1, 255, max_ttl),
    ROW(NN_HANDSHAKE_TIMEO, 1, INT_MAX, handshake_ms),
    ROW(NN_MAX_PEERS, 1, INT_MAX, max_peers),
    ROW(NN_MAX_HANDSHAKES, 1, INT_MAX, max_handshakes),
    ROW(NN_ALLOW_PORT0, 0, 1, port0),
    {.id = NN_LAST_ENDPOINT, .kind = SP_OPT_CALL, .get = get_endpoint},
    {.id = NN_LAST_REASON, .kind = SP_OPT_CALL, .get = get_reason},
    ROW(NN_BUSY_POLL, 0, 1000000, busy_poll),
    ROW(NN_GATHER, 1, 1 << 20, gather),
};

struct where {
    const struct sp_opt *rows;
    size_t n;
    void *obj;
};

static int find_transport_level(void *blocks, int level, struct where *w)
{
    for (size_t i = 0; sp_optlevels[i]; i++) {
        const struct sp_optlevel *l = sp_optlevels[i];
        if (l->level != level)
            continue;
        *w = (struct where){l->opts, l->n_opts, sp_opts_block(blocks, l)};
        return 0;
    }
    return -ENOPROTOOPT;
}

int sp_opts_put(struct sp_sock *s, void *blocks, const struct sp_ep_set *set)
{
    struct where w;
    int rc = find_transport_level(blocks, set->level, &w);
    return rc < 0 ? rc
                  : sp_opts_set(w.rows, w.n, set->option, s, w.obj, &set->value, sizeof set->value);
}

static int find_level(struct sp_sock *s, int level, struct where *w)
{
    *w = (struct where){rows, sizeof rows / sizeof *rows, s};
    if (level == NN_SOL_SOCKET)
        return 0;
    if (level > 0) {
        *w = (struct where){s->proto->opts, s->proto->n_opts, s->proto_data};
        return level == s->proto->id ? 0 : -ENOPROTOOPT;
    }
    return find_transport_level(s->opts, level, w);
}

int sp_sock_setopt(struct sp_sock *s, int level, int option, const void *v, size_t len)
{
    struct where w;
    sp_sock_lock(s);
    int rc = s->closed ? -EBADF : find_level(s, level, &w);
    if (rc == 0)
        rc = sp_opts_set(w.rows, w.n, option, s, w.obj, v, len);
    sp_sock_notify(s);
    (void)sp_sock_unlock(s);
    return rc;
}

int sp_sock_getopt(struct sp_sock *s, int level, int option, void *v, size_t *len)
{
    struct where w;
    sp_sock_lock(s);
    int rc = s->closed ? -EBADF : find_level(s, level, &w);
    if (rc == 0)
        rc = sp_opts_get(w.rows, w.n, option, s, w.obj, v, len);
    (void)sp_sock_unlock(s);
    return rc;
}
