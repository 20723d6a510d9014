/* SPDX-License-Identifier: MIT */
/* ipc://PATH: the stream is a socket of the file system. abstract://NAME, on Linux: one that has a
 * name without a file. Both know the process behind the other end. */
#define _GNU_SOURCE /* struct ucred */
#include "ipc.h"
#include "../../base/fds.h"
#include <errno.h>
#include <nanomsg/ipc.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* The address of `name` with `zeros` bytes in front; a path has one behind it, so that both are one
 * byte longer than the name. */
static int ipc_set(struct sp_ep *ep, const char *name, size_t zeros)
{
    struct sp_addr a = {.len = 0};
    struct sockaddr_un *un = (struct sockaddr_un *)&a.ss;
    size_t len = strlen(name);
    if (!len)
        return -EINVAL;
    if (len + 1 > sizeof un->sun_path)
        return -ENAMETOOLONG;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + zeros, name, len);
    a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    sp_stream_address(ep, &a);
    return 0;
}

static int ipc_address(struct sp_ep *ep)
{
    return ipc_set(ep, ep->url.rest, 0);
}

/* Callers have no address of their own: both sides are called after the listener. */
static void ipc_text(const struct sp_ep *ep, const struct sp_addr *a, char *out, size_t n)
{
    (void)a;
    snprintf(out, n, "%s", ep->address);
}

static void ipc_peer(int fd, struct sp_peer *peer)
{
#ifdef __linux__
    struct ucred c;
    socklen_t len = sizeof c;
    peer->local = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == 0;
    if (!peer->local)
        return;
    peer->pid = c.pid;
#else
    struct {
        uid_t uid;
        gid_t gid;
    } c;
    peer->local = getpeereid(fd, &c.uid, &c.gid) == 0;
    if (!peer->local)
        return;
    peer->pid = -1;
#endif
    peer->uid = (int)c.uid;
    peer->gid = (int)c.gid;
}

static int ipc_stack(struct sp_ep *ep, int fd, bool dialled, struct sp_peer *peer,
                     struct sp_stream **out)
{
    (void)ep, (void)dialled;
    ipc_peer(fd, peer);
    *out = sp_fdstream_new(fd, peer);
    if (*out)
        return 0;
    sp_fd_close(fd);
    return -ENOMEM;
}

static const struct sp_family ipc_family = {
    .text = ipc_text,
    .listen = sp_ipc_file_listen,
    .unlisten = sp_ipc_file_unlisten,
};

static const struct sp_stream_row ipc_row = {
    .framer = &sp_frame_ipc,
    .family = &ipc_family,
    .address = ipc_address,
    .stack = ipc_stack,
};

const struct sp_transport sp_ipc = {
    .scheme = "ipc", .row = &ipc_row, SP_STREAM_OPS_AND(sizeof(struct sp_ipc_file))};

#ifdef __linux__

/* NNG decodes %XX here; until we do, a name with a % could not mean the same to both. */
static int abstract_address(struct sp_ep *ep)
{
    return strchr(ep->url.rest, '%') ? -EINVAL : ipc_set(ep, ep->url.rest, 1);
}

/* There is no file to protect: whoever asks for that must not get less. */
static int abstract_configured(struct sp_ep *ep)
{
    const struct sp_ipc_options *o = sp_ep_opts(ep, &sp_ipc_opts);
    bool protect = o->mode >= 0 || o->owner >= 0 || o->group >= 0;
    return protect && !ep->dialler ? -EINVAL : 0;
}

static int abstract_listen(struct sp_ep *ep, int fd, const struct sp_addr *a)
{
    (void)ep;
    if (bind(fd, (const struct sockaddr *)&a->ss, a->len) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    return 0;
}

static const struct sp_family abstract_family = {.text = ipc_text, .listen = abstract_listen};

static const struct sp_stream_row abstract_row = {
    .framer = &sp_frame_ipc,
    .family = &abstract_family,
    .address = abstract_address,
    .configured = abstract_configured,
    .stack = ipc_stack,
};

const struct sp_transport sp_abstract = {.scheme = "abstract", .row = &abstract_row, SP_STREAM_OPS};

#endif
