/* SPDX-License-Identifier: MIT */
/* What a row may ask of the socket behind its endpoint, which it does not see. */
#include "impl.h"

int sp_stream_protocol(const struct sp_ep *ep, int *peer)
{
    *peer = ep->sock->proto->peer;
    return ep->sock->proto->id;
}

const int *sp_stream_rcvmax(const struct sp_ep *ep)
{
    return &ep->sock->rcv_max;
}

void sp_stream_options(struct sp_ep *ep, const struct sp_optlevel *level, void *out)
{
    struct sp_sock *s = ep->sock;
    sp_sock_lock(s);
    memcpy(out, sp_opts_block(s->opts, level), level->size);
    (void)sp_sock_unlock(s);
}

const char *sp_inet_host(const struct sp_ep *ep)
{
    const struct sp_stream_ep *se = ep->data;
    return se->hp.host;
}
