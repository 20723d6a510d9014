/* SPDX-License-Identifier: MIT */
/* tls+psk:// takes pre-shared keys whatever the configuration holds; tls+tcp:// takes what it
 * holds. The wire is the same: SP inside TLS. */
#include "base/fds.h"
#include "transports/stream/conn.h"
#include "transports/tls/tls.h"
#include <errno.h>

static int row_configured(struct sp_ep *ep, bool psk_only)
{
    const struct sp_tls_block *b = sp_ep_opts(ep, &sp_tls_opts);
    if (!b->cfg)
        return -EACCES;
    int rc = sp_tls_cfg_auth(b->cfg, ep->dialler, psk_only);
    return rc < 0 ? rc : 0;
}

static int row_args(struct sp_ep *ep, bool dialled, bool psk_only, struct sp_handshake_args *args)
{
    struct sp_tls_block *b = sp_ep_opts(ep, &sp_tls_opts);
    *args = (struct sp_handshake_args){.cfg = b->cfg,
                                       .dialled = dialled,
                                       .psk_only = psk_only,
                                       .wrong_keys = b->wrong_keys,
                                       .delay_ms = b->delay_ms};
    if (dialled)
        args->turn = sp_tls_block_turn(b);
    return dialled && !args->turn ? -ENOMEM : 0;
}

static int row_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                     struct sp_stream **out, bool psk_only)
{
    struct sp_handshake_args args;
    int rc = row_args(ep, dialled, psk_only, &args);
    struct sp_stream *bottom = rc == 0 ? sp_fdstream_new(fd, peer) : NULL;
    if (!bottom) {
        sp_tls_turn_drop(args.turn);
        sp_fd_close(fd);
        return -ENOMEM;
    }
    args.next = bottom;
    args.peer = peer;
    args.host = dialled ? sp_inet_host(ep) : "";
    *out = sp_tls_new(&args, &rc);
    return *out ? 0 : rc;
}

static int psk_configured(struct sp_ep *ep)
{
    return row_configured(ep, true);
}

static int psk_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                     struct sp_stream **out)
{
    return row_stack(ep, fd, dialled, peer, out, true);
}

static int tcp_configured(struct sp_ep *ep)
{
    return row_configured(ep, false);
}

static int tcp_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                     struct sp_stream **out)
{
    return row_stack(ep, fd, dialled, peer, out, false);
}

static const struct sp_stream_row psk_row = {.framer = &sp_frame_sp,
                                             .address = sp_inet_address,
                                             .configured = psk_configured,
                                             .computes = true,
                                             .stack = psk_stack};

const struct sp_stream_row sp_row_tls = {.framer = &sp_frame_sp,
                                         .address = sp_inet_address,
                                         .configured = tcp_configured,
                                         .computes = true,
                                         .stack = tcp_stack};

const struct sp_transport sp_tls_psk = {
    .scheme = "tls+psk", .port0 = true, .row = &psk_row, SP_STREAM_OPS};
const struct sp_transport sp_tls_tcp = {
    .scheme = "tls+tcp", .port0 = true, .row = &sp_row_tls, SP_STREAM_OPS};
