/* SPDX-License-Identifier: MIT */
/* Options of level NN_SOL_SOCKET, and the way to those of protocols and transports. */
#include "sock.h"
#include <errno.h>
#include <limits.h>

#define INT(id_, lo_, hi_, field)                                                                  \
    .id = id_, .kind = SP_OPT_INT, .lo = lo_, .hi = hi_, .off = offsetof(struct sp_sock, field)
#define MS(id_, field) .id = id_, .kind = SP_OPT_MS, .off = offsetof(struct sp_sock, field)
#define TEXT(id_, most, field)                                                                     \
    .id = id_, .kind = SP_OPT_STRING, .hi = most, .off = offsetof(struct sp_sock, field)

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

static void changed_sndbuf(void *ctx)
{
    ((struct sp_sock *)ctx)->snd_buf_set = true;
}

static void changed_rcvbuf(void *ctx)
{
    ((struct sp_sock *)ctx)->rcv_buf_set = true;
}

static const struct sp_opt rows[] = {
    {MS(NN_LINGER, linger)},
    {INT(NN_SNDBUF, 1, INT_MAX, snd_buf), .changed = changed_sndbuf},
    {INT(NN_RCVBUF, 1, INT_MAX, rcv_buf), .changed = changed_rcvbuf},
    {MS(NN_SNDTIMEO, snd_timeo)},
    {MS(NN_RCVTIMEO, rcv_timeo)},
    {INT(NN_RECONNECT_IVL, 0, INT_MAX, ivl)},
    {INT(NN_RECONNECT_IVL_MAX, 0, INT_MAX, ivl_max)},
    {INT(NN_SNDPRIO, 1, 16, snd_prio)},
    {INT(NN_RCVPRIO, 1, 16, rcv_prio)},
    {.id = NN_SNDFD, .kind = SP_OPT_CALL, .get = get_sndfd},
    {.id = NN_RCVFD, .kind = SP_OPT_CALL, .get = get_rcvfd},
    {.id = NN_DOMAIN, .kind = SP_OPT_CALL, .get = get_domain},
    {.id = NN_PROTOCOL, .kind = SP_OPT_CALL, .get = get_protocol},
    {INT(NN_IPV4ONLY, 0, 1, ipv4only)},
    {TEXT(NN_SOCKET_NAME, SP_NAME_MAX - 1, name)},
    {INT(NN_RCVMAXSIZE, -1, INT_MAX, rcv_max)},
    {INT(NN_MAXTTL, 1, 255, max_ttl)},
    {INT(NN_HANDSHAKE_TIMEO, 1, INT_MAX, handshake_ms)},
    {INT(NN_MAX_PEERS, 1, INT_MAX, max_peers)},
    {INT(NN_MAX_HANDSHAKES, 1, INT_MAX, max_handshakes)},
    {INT(NN_ALLOW_PORT0, 0, 1, port0)},
    {TEXT(NN_LAST_ENDPOINT, 0, last_endpoint)},
    {TEXT(NN_LAST_REASON, 0, last_reason)},
    {INT(NN_BUSY_POLL, 0, 1000000, busy_poll)},
    {INT(NN_GATHER, 1, 1 << 20, gather)},
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
