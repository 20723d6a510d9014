/* SPDX-License-Identifier: MIT */
/* Control data: a row of {length, level, type, bytes}, each aligned to size_t. nn_recvmsg gives the
 * SP header and the type (ws), then what is known of the peer: identity, certificate, pipe, process.
 * nn_sendmsg takes the header and the type only: an identity could be forged.
 *
 * Failure modes: a control buffer too small gets what fits whole; malformed control data is EINVAL.
 */
#include "cmsg.h"
#include "../core/pipe.h"
#include <errno.h>
#include <nanomsg/ipc.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/tls.h>
#include <nanomsg/ws.h>

/* The control buffer behind msg_control, which with NN_MSG is a pointer to one. */
static uint8_t *control(const struct nn_msghdr *h, size_t *len)
{
    *len = h->msg_controllen;
    if (!h->msg_control || *len != NN_MSG)
        return h->msg_control;
    void *p;
    memcpy(&p, h->msg_control, sizeof p);
    struct sp_chunk *c = sp_chunk_of(p);
    *len = c ? c->len : 0;
    return c ? p : NULL;
}

struct nn_cmsghdr *nn_cmsg_nxthdr_(const struct nn_msghdr *mhdr, const struct nn_cmsghdr *cmsg)
{
    if (!mhdr)
        return NULL;
    size_t len;
    uint8_t *buf = control(mhdr, &len);
    if (!buf || len < sizeof(struct nn_cmsghdr))
        return NULL;
    size_t at = 0;
    if (cmsg) {
        at = (size_t)((const uint8_t *)cmsg - buf);
        if (at > len || cmsg->cmsg_len > len)
            return NULL;
        at += NN_CMSG_ALIGN_(cmsg->cmsg_len);
    }
    if (at > len || len - at < sizeof(struct nn_cmsghdr))
        return NULL;
    struct nn_cmsghdr *next = (struct nn_cmsghdr *)(void *)(buf + at);
    return next->cmsg_len < sizeof *next || next->cmsg_len > len - at ? NULL : next;
}

static int parse_header(const struct nn_cmsghdr *c, struct sp_msg *m)
{
    size_t n, have = c->cmsg_len - NN_CMSG_ALIGN_(sizeof *c);
    const uint8_t *p = NN_CMSG_DATA(c);
    if (have < sizeof n)
        return -EINVAL;
    memcpy(&n, p, sizeof n);
    if (n > have - sizeof n)
        return -EINVAL;
    return sp_msg_hdr_set(m, p + sizeof n, n);
}

static int parse_type(const struct nn_cmsghdr *c, struct sp_msg *m)
{
    if (c->cmsg_len <= NN_CMSG_ALIGN_(sizeof *c))
        return -EINVAL;
    m->type = *NN_CMSG_DATA(c);
    return m->type == NN_WS_MSG_TYPE_TEXT || m->type == NN_WS_MSG_TYPE_BINARY ? 0 : -EINVAL;
}

int sp_cmsg_parse(const struct nn_msghdr *h, struct sp_msg *m)
{
    int rc = 0;
    for (const struct nn_cmsghdr *c = nn_cmsg_nxthdr_(h, NULL); c && rc == 0;
         c = nn_cmsg_nxthdr_(h, c)) {
        if (c->cmsg_level == PROTO_SP && c->cmsg_type == SP_HDR)
            rc = parse_header(c, m);
        else if (c->cmsg_level == NN_WS && c->cmsg_type == NN_WS_MSG_TYPE)
            rc = parse_type(c, m);
    }
    return rc;
}

void sp_cmsg_taken(const struct nn_msghdr *h)
{
    if (!h->msg_control || h->msg_controllen != NN_MSG)
        return;
    void *p;
    memcpy(&p, h->msg_control, sizeof p);
    sp_chunk_drop(sp_chunk_of(p));
}

struct builder {
    uint8_t *at;   /* NULL: only the size is wanted */
    size_t cap, n; /* bytes there are, and used */
};

static void put(struct builder *b, int level, int type, const void *first, size_t first_len,
                const void *data, size_t len)
{
    size_t space = NN_CMSG_SPACE(first_len + len);
    if (b->at && space > b->cap - b->n)
        return;
    if (b->at) {
        struct nn_cmsghdr *c = (struct nn_cmsghdr *)(void *)(b->at + b->n);
        memset(c, 0, space);
        c->cmsg_len = NN_CMSG_SPACE(first_len + len);
        if (level != PROTO_SP && level != NN_WS) /* these as nanomsg gives them */
            c->cmsg_len = NN_CMSG_LEN(first_len + len);
        c->cmsg_level = level;
        c->cmsg_type = type;
        if (first_len)
            memcpy(NN_CMSG_DATA(c), first, first_len);
        if (len)
            memcpy(NN_CMSG_DATA(c) + first_len, data, len);
    }
    b->n += space;
}

static void build(struct builder *b, struct sp_msg *m)
{
    size_t n = m->hdr_len;
    put(b, PROTO_SP, SP_HDR, &n, sizeof n, sp_msg_hdr(m), n);
    if (m->type)
        put(b, NN_WS, NN_WS_MSG_TYPE, NULL, 0, &m->type, sizeof m->type);
    if (!m->pipe)
        return;
    const struct sp_peer *p = &m->pipe->peer;
    if (p->id)
        put(b, NN_TLS, NN_TLS_PEER_ID, NULL, 0, p->id, p->id_len);
    if (p->cert)
        put(b, NN_TLS, NN_TLS_PEER_CERT, NULL, 0, p->cert, p->cert_len);
    put(b, NN_SOL_SOCKET, NN_PIPE_ID, NULL, 0, &m->pipe->id, sizeof m->pipe->id);
    struct nn_ipc_peer process = {p->pid, p->uid, p->gid};
    if (p->local)
        put(b, NN_IPC, NN_IPC_PEER_CRED, NULL, 0, &process, sizeof process);
}

int sp_cmsg_build(struct nn_msghdr *h, struct sp_msg *m)
{
    if (!h->msg_control)
        return 0;
    struct builder b = {.at = h->msg_control, .cap = h->msg_controllen};
    if (h->msg_controllen != NN_MSG) {
        memset(h->msg_control, 0, h->msg_controllen);
        build(&b, m);
        return 0;
    }
    struct builder size = {0};
    build(&size, m);
    struct sp_chunk *c = sp_chunk_new(size.n);
    if (!c)
        return -ENOMEM;
    void *p = b.at = sp_chunk_data(c);
    b.cap = size.n;
    build(&b, m);
    memcpy(h->msg_control, &p, sizeof p);
    return 0;
}
