/* SPDX-License-Identifier: MIT */
/* A TLS stream begins with a handshake object, which does the slow part of start; its secrets then
 * key the two directions, it is freed with all of mbedTLS, the connection enters the
 * configuration's list of live ones, and the application is asked last.
 *
 * Any failure of start leaves the reason in the peer; close then tries to send the alert that is
 * due. A key removed between its use and the entry in the list fails too, so that removal with
 * DROP_LIVE misses nobody. */
#include "transports/tls/tls.h"
#include "base/clock.h"
#include "base/secret.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <string.h>

static int tls_deny(struct sp_tls *t, const char *words)
{
    atomic_store(&t->ctl.alert, SP_ALERT_ACCESS_DENIED + 1);
    sp_peer_reason(t->base.peer, SP_REASON_REFUSED, "%s", words);
    return -EACCES;
}

static uint64_t tls_limit(uint64_t wanted, uint64_t most)
{
    return wanted && wanted < most ? wanted : most;
}

/* Keys both directions from the handshake's secrets. */
static int tls_install(struct sp_tls *t, const struct sp_handshake *h)
{
    int suite = t->base.peer->tls_suite;
    size_t len = sp_tls_hash_len(suite);
    t->secret = sp_secret_alloc(sizeof *t->secret);
    if (!t->secret)
        return -ENOMEM;
    memcpy(t->secret->tx.traffic, t->ctl.client ? h->secret->client : h->secret->server, len);
    memcpy(t->secret->rx.traffic, t->ctl.client ? h->secret->server : h->secret->client, len);
    int rc = sp_record_install(&t->tx.rec, suite, true, &t->secret->tx);
    if (rc == 0)
        rc = sp_record_install(&t->rx.rec, suite, false, &t->secret->rx);
    uint64_t most = suite == SP_TLS_CHACHA20_POLY1305 ? UINT64_MAX : SP_TLS_SOFT_RECORDS;
    t->tx.max_records = tls_limit(h->rules.max_records, most);
    t->tx.max_bytes = tls_limit(h->rules.max_bytes, UINT64_MAX);
    t->tx.max_ns = h->rules.max_ns;
    t->tx.rec.since = t->tx.max_ns ? sp_now() : 0;
    return rc;
}

static int tls_enter(struct sp_tls *t, uint64_t serial)
{
    const struct sp_peer *p = t->base.peer;
    if (!p->id)
        return 0;
    t->live.id = p->id;
    t->live.id_len = p->id_len;
    t->live.fd = t->base.fd;
    return sp_tls_live_add(t->cfg, &t->live, serial) < 0 ? tls_deny(t, "its key was removed") : 0;
}

static int tls_authorize(struct sp_tls *t, const struct sp_tls_rules *r)
{
    const struct sp_peer *p = t->base.peer;
    if (!r->authorize)
        return 0;
    struct nn_tls_peer peer = {.size = sizeof peer,
                               .id = p->id,
                               .idlen = p->id_len,
                               .cert = p->cert,
                               .certlen = p->cert_len,
                               .address = p->address,
                               .version = p->tls_version,
                               .suite = p->tls_suite};
    return r->authorize(r->authorize_arg, &peer) == 1 ? 0 : tls_deny(t, "the application said no");
}

/* A server that fails after its Finished: the alert can only be read under the application key. */
static void tls_late_alert(struct sp_tls *t, const struct sp_handshake *h)
{
    int suite = 0, alert = sp_handshake_late_alert(h, &suite);
    if (alert < 0)
        return;
    t->base.peer->tls_suite = suite;
    if (tls_install(t, h) == 0)
        atomic_store(&t->ctl.alert, alert + 1);
    t->base.peer->tls_suite = 0;
}

static int tls_hand_over(struct sp_tls *t, struct sp_handshake *h)
{
    int rc = sp_handshake_learn(h);
    if (rc == 0)
        rc = tls_install(t, h);
    if (rc == 0)
        rc = tls_enter(t, h->secret->found.serial);
    if (rc == 0)
        rc = tls_authorize(t, &h->rules);
    t->base.peer->tx_mode = t->base.peer->rx_mode = NN_MODE_USER;
    return rc;
}

static void tls_start_free(struct sp_tls *t)
{
    if (!t->start)
        return;
    sp_handshake_free(t->start->hs);
    sp_tls_turn_drop(t->start->args.turn);
    sp_free(t->start);
    t->start = NULL;
}

static int tls_start(struct sp_stream *s)
{
    struct sp_tls *t = (struct sp_tls *)s;
    struct sp_tls_start *st = t->start;
    int rc = 0;
    if (!st)
        return 0;
    if (!st->hs)
        st->hs = sp_handshake_new(&st->args, &rc);
    if (st->hs)
        rc = sp_handshake_step(st->hs);
    if (rc == -EAGAIN)
        return rc;
    if (rc == 0)
        rc = tls_hand_over(t, st->hs);
    else if (st->hs)
        tls_late_alert(t, st->hs);
    if (rc == -ENOMEM)
        sp_peer_reason(s->peer, SP_REASON_LIMIT, "out of memory");
    if (rc == 0)
        tls_start_free(t);
    return rc;
}

static int tls_want(struct sp_stream *s)
{
    struct sp_tls *t = (struct sp_tls *)s;
    if (t->start)
        return t->start->hs ? t->start->hs->want : t->ctl.client ? POLLOUT : POLLIN;
    int want = atomic_load_explicit(&t->rx.ready, memory_order_acquire) ? POLLIN : 0;
    bool due = atomic_load(&t->ctl.due) && !atomic_load(&t->tx.closing);
    if (due || atomic_load_explicit(&t->tx.staged, memory_order_acquire))
        want |= POLLOUT;
    return want;
}

static int tls_rekey(struct sp_stream *s, int request_peer)
{
    struct sp_tls *t = (struct sp_tls *)s;
    if (t->start)
        return -ENOTSUP;
    if (atomic_load(&t->ctl.due) & SP_DUE_REKEY || (request_peer && atomic_load(&t->ctl.asked)))
        return -EAGAIN;
    sp_control_rekey(&t->ctl, request_peer);
    return 0;
}

/* Out of the live list first: its owner may shut the descriptor down, which must be ours still. */
static void tls_close(struct sp_stream *s)
{
    struct sp_tls *t = (struct sp_tls *)s;
    sp_tls_live_remove(t->cfg, &t->live);
    sp_tls_tx_alert(t);
    tls_start_free(t);
    sp_tls_rx_fini(&t->rx);
    sp_tls_tx_fini(&t->tx);
    sp_secret_free(t->secret);
    sp_tls_cfg_drop(t->cfg);
    s->next->ops->close(s->next);
    sp_free(t);
}

static const struct sp_stream_ops tls_ops = {
    .start = tls_start,
    .readv = sp_tls_readv,
    .writev = sp_tls_writev,
    .want = tls_want,
    .finish = sp_tls_finish,
    .close = tls_close,
    .rekey = tls_rekey,
};

static struct sp_tls *tls_make(const struct sp_handshake_args *args)
{
    struct sp_tls *t = sp_calloc(1, sizeof *t);
    struct sp_tls_start *st = sp_calloc(1, sizeof *st);
    if (!t || !st) {
        sp_free(t);
        sp_free(st);
        return NULL;
    }
    t->base = (struct sp_stream){
        .ops = &tls_ops, .next = args->next, .peer = args->peer, .fd = args->next->fd};
    t->cfg = sp_tls_cfg_hold(args->cfg);
    t->ctl.client = args->dialled;
    t->start = st;
    sp_list_init(&t->live.link);
    st->args = *args;
    if (args->host)
        strncpy(st->host, args->host, sizeof st->host - 1);
    st->args.host = st->host;
    return t;
}

struct sp_stream *sp_tls_new(const struct sp_handshake_args *args, int *err)
{
    struct sp_tls *t = tls_make(args);
    if (t)
        return &t->base;
    sp_tls_turn_drop(args->turn);
    args->next->ops->close(args->next);
    *err = -ENOMEM;
    return NULL;
}
