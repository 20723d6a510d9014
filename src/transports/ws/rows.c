/* SPDX-License-Identifier: MIT */
/* ws:// stands on the row of tcp, wss:// on that of tls+tcp: WebSocket on top of their stacks.
 * Addresses are theirs, with a path behind, which only a dialler has, and a default port. */
#include "../stream/conn.h"
#include "ws.h"
#include <errno.h>
#include <nanomsg/ws.h>
#include <stdio.h>
#include <string.h>

struct ws_options {
    int type; /* NN_WS_MSG_TYPE */
};

static void ws_defaults(void *block)
{
    ((struct ws_options *)block)->type = NN_WS_MSG_TYPE_BINARY;
}

static const struct sp_opt ws_rows[] = {
    {.id = NN_WS_MSG_TYPE,
     .kind = SP_OPT_INT,
     .lo = NN_WS_MSG_TYPE_TEXT,
     .hi = NN_WS_MSG_TYPE_BINARY,
     .off = offsetof(struct ws_options, type)},
};

const struct sp_optlevel sp_ws_opts = {
    .level = NN_WS,
    .size = sizeof(struct ws_options),
    .opts = ws_rows,
    .n_opts = sizeof ws_rows / sizeof *ws_rows,
    .init = ws_defaults,
};

/* The path with its query is sent as it is, so it is all visible characters, and no fragment. */
static bool row_path_ok(const char *path)
{
    for (; *path; path++)
        if (*path <= ' ' || *path >= 127 || *path == '#')
            return false;
    return true;
}

/* Whether the host and port at `text`, without a local part, has a port. */
static bool row_has_port(const char *text)
{
    const char *bracket = strrchr(text, ']');
    return strchr(bracket ? bracket : text, ':') != NULL;
}

static int row_address(struct sp_ep *ep, const char *port)
{
    char text[SP_URL_MAX + 8];
    snprintf(text, SP_URL_MAX, "%s", ep->url.rest);
    char *path = strchr(text, '/');
    if (path && (!ep->dialler || !row_path_ok(path)))
        return -EINVAL;
    if (path)
        *path = 0;
    const char *semi = strchr(text, ';');
    if (ep->dialler && !row_has_port(semi ? semi + 1 : text))
        strncat(text, port, 4);
    return sp_inet_parse(ep, text);
}

/* The host as written, for the request; what the address is was checked. */
static void row_place(struct sp_ep *ep, struct sp_ws_args *args)
{
    const char *rest = ep->url.rest;
    size_t len = strcspn(rest, "/");
    const char *semi = memchr(rest, ';', len);
    args->host = semi ? semi + 1 : rest;
    args->host_len = (size_t)(rest + len - args->host);
    args->path = rest[len] ? rest + len : "/";
}

static int row_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                     struct sp_stream **out, const struct sp_stream_row *below)
{
    struct ws_options o;
    struct sp_ws_args args = {.peer = peer, .dialled = dialled, .rcvmax = sp_stream_rcvmax(ep)};
    int rc = below->stack(ep, fd, dialled, peer, &args.next);
    if (rc < 0)
        return rc;
    sp_stream_options(ep, &sp_ws_opts, &o);
    args.type = (uint8_t)o.type;
    args.protocol = sp_stream_protocol(ep, &args.peer_protocol);
    row_place(ep, &args);
    *out = sp_ws_new(&args, &rc);
    return *out ? 0 : rc;
}

static int ws_address(struct sp_ep *ep)
{
    return row_address(ep, ":80");
}

static int ws_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                    struct sp_stream **out)
{
    return row_stack(ep, fd, dialled, peer, out, &sp_row_tcp);
}

static const struct sp_stream_row ws_row = {
    .framer = &sp_frame_ws,
    .address = ws_address,
    .stack = ws_stack,
};

const struct sp_transport sp_ws = {.scheme = "ws", .row = &ws_row, SP_STREAM_OPS};

#if NANOSEAL_TLS
static int wss_address(struct sp_ep *ep)
{
    return row_address(ep, ":443");
}

static int wss_configured(struct sp_ep *ep)
{
    return sp_row_tls.configured(ep);
}

static int wss_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                     struct sp_stream **out)
{
    return row_stack(ep, fd, dialled, peer, out, &sp_row_tls);
}

static const struct sp_stream_row wss_row = {
    .framer = &sp_frame_ws,
    .address = wss_address,
    .configured = wss_configured,
    .computes = true,
    .stack = wss_stack,
};

const struct sp_transport sp_wss = {.scheme = "wss", .port0 = true, .row = &wss_row, SP_STREAM_OPS};
#endif
