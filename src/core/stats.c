/* SPDX-License-Identifier: MIT */
/* Statistics and the list of live pipes. */
#include "sock.h"
#include <errno.h>

static const struct {
    int id;
    enum sp_stat at;
} table[] = {
    {NN_STAT_ESTABLISHED_CONNECTIONS, SP_ST_ESTABLISHED},
    {NN_STAT_ACCEPTED_CONNECTIONS, SP_ST_ACCEPTED},
    {NN_STAT_DROPPED_CONNECTIONS, SP_ST_DROPPED},
    {NN_STAT_BROKEN_CONNECTIONS, SP_ST_BROKEN},
    {NN_STAT_CONNECT_ERRORS, SP_ST_CONNECT_ERRORS},
    {NN_STAT_BIND_ERRORS, SP_ST_BIND_ERRORS},
    {NN_STAT_ACCEPT_ERRORS, SP_ST_ACCEPT_ERRORS},
    {NN_STAT_INPROGRESS_CONNECTIONS, SP_ST_INPROGRESS},
    {NN_STAT_CURRENT_EP_ERRORS, SP_ST_EP_ERRORS},
    {NN_STAT_MESSAGES_SENT, SP_ST_SENT},
    {NN_STAT_MESSAGES_RECEIVED, SP_ST_RECEIVED},
    {NN_STAT_BYTES_SENT, SP_ST_BYTES_SENT},
    {NN_STAT_BYTES_RECEIVED, SP_ST_BYTES_RECEIVED},
    {NN_STAT_MESSAGES_DROPPED_SEND, SP_ST_DROPPED_SEND},
    {NN_STAT_MESSAGES_DROPPED_RECV, SP_ST_DROPPED_RECV},
    {NN_STAT_HANDSHAKES, SP_ST_HANDSHAKES},
    {NN_STAT_REKEYS_SENT, SP_ST_REKEYS_SENT},
    {NN_STAT_REKEYS_RECEIVED, SP_ST_REKEYS_RECEIVED},
    {NN_STAT_RECORDS_SENT, SP_ST_RECORDS_SENT},
    {NN_STAT_RECORDS_RECEIVED, SP_ST_RECORDS_RECEIVED},
};

static uint64_t live_sum(struct sp_sock *s, enum sp_stat at)
{
    uint64_t n = 0;
    SP_LIST_EACH (it, &s->pipes) {
        struct sp_peer *p = &SP_CONTAINER(it, struct sp_pipe, in_sock)->peer;
        n += at == SP_ST_REKEYS_SENT        ? p->rekeys_sent
             : at == SP_ST_REKEYS_RECEIVED  ? p->rekeys_received
             : at == SP_ST_RECORDS_SENT     ? p->records_sent
             : at == SP_ST_RECORDS_RECEIVED ? p->records_received
                                            : 0;
    }
    return n;
}

/* Peers that are there, not those of whom messages are left. */
static uint64_t live_pipes(struct sp_sock *s)
{
    uint64_t n = 0;
    SP_LIST_EACH (it, &s->pipes)
        n += !SP_CONTAINER(it, struct sp_pipe, in_sock)->hung_up;
    return n;
}

/* The best priority that has a pipe; 0 without pipes. */
static uint64_t best_priority(struct sp_sock *s)
{
    int best = 17;
    if (!(s->proto->caps & SP_CAN_SEND))
        return 0;
    SP_LIST_EACH (it, &s->pipes) {
        const struct sp_pipe *p = SP_CONTAINER(it, struct sp_pipe, in_sock);
        best = !p->hung_up && p->snd_prio < best ? p->snd_prio : best;
    }
    return best > 16 ? 0 : (uint64_t)best;
}

static uint64_t stat_value(struct sp_sock *s, int stat, bool *known)
{
    *known = true;
    if (stat == NN_STAT_CURRENT_CONNECTIONS)
        return live_pipes(s);
    if (stat == NN_STAT_CURRENT_SND_PRIORITY)
        return best_priority(s);
    if (stat >= NN_STAT_PROTOCOL && stat <= NN_STAT_TRUNCATED)
        return s->stats[SP_ST_REASON + stat - NN_STAT_PROTOCOL + 1];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].id == stat)
            return s->stats[table[i].at] + live_sum(s, table[i].at);
    *known = stat >= NN_STAT_KERNEL_TX && stat <= NN_STAT_KERNEL_FALLBACKS;
    return 0;
}

uint64_t sp_sock_stat(struct sp_sock *s, int stat, bool *known)
{
    sp_sock_lock(s);
    uint64_t v = stat_value(s, stat, known);
    (void)sp_sock_unlock(s);
    return v;
}

static void pipe_info(struct sp_pipe *p, struct nn_pipe_info *v)
{
    *v = (struct nn_pipe_info){.size = sizeof *v, .id = p->id, .endpoint = p->ep->id};
    memcpy(v->address, p->peer.address, sizeof v->address);
    v->identity_len = p->peer.id_len < sizeof v->identity ? p->peer.id_len : sizeof v->identity;
    if (v->identity_len)
        memcpy(v->identity, p->peer.id, v->identity_len);
    v->version = p->peer.tls_version;
    v->suite = p->peer.tls_suite;
    v->tx_mode = p->peer.tx_mode;
    v->rx_mode = p->peer.rx_mode;
    v->messages_sent = p->n_sent;
    v->messages_received = p->n_received;
    v->bytes_sent = p->b_sent;
    v->bytes_received = p->b_received;
    v->records_sent = p->peer.records_sent;
    v->records_received = p->peer.records_received;
    v->rekeys_sent = p->peer.rekeys_sent;
    v->rekeys_received = p->peer.rekeys_received;
    v->drops = p->n_drops;
}

/* Entries are as large as the caller says, so that the structure can grow. */
int sp_sock_pipe_info(struct sp_sock *s, struct nn_pipe_info *v, int n)
{
    size_t step = n > 0 ? v->size : sizeof *v;
    if (n < 0 || step < sizeof(size_t) + sizeof(uint32_t) || step % sizeof(size_t))
        return -EINVAL;
    int count = 0;
    sp_sock_lock(s);
    SP_LIST_EACH (it, &s->pipes) {
        struct nn_pipe_info info;
        if (count < n) {
            pipe_info(SP_CONTAINER(it, struct sp_pipe, in_sock), &info);
            info.size = step;
            char *at = (char *)v + (size_t)count * step;
            memcpy(at, &info, step < sizeof info ? step : sizeof info);
        }
        count++;
    }
    (void)sp_sock_unlock(s);
    return count;
}

int sp_sock_rekey(struct sp_sock *s, uint32_t id, int request_peer)
{
    sp_sock_lock(s);
    struct sp_pipe *p = sp_sock_pipe(s, id);
    int rc = !p ? -ENOENT : p->ops->rekey ? p->ops->rekey(p, request_peer) : -ENOTSUP;
    (void)sp_sock_unlock(s);
    return rc;
}
