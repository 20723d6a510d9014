/* SPDX-License-Identifier: MIT */
/* Any bytes as the control data of nn_sendmsg, and a received message's control data in a buffer of any size: walking it
 * stays inside and ends, and what was parsed is built again as it was. */
#include "api/cmsg.h"
#include "core/pipe.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/tls.h>
#include <nanomsg/ws.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ROOM 2048

static _Alignas(16) uint8_t in[ROOM], out[ROOM];

static void check(bool good)
{
    if (!good)
        abort();
}

/* How many there are; each lies inside. */
static int walk(const struct nn_msghdr *h)
{
    int n = 0;
    const uint8_t *begin = h->msg_control, *last = NULL;
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(h); c; c = NN_CMSG_NXTHDR(h, c), n++) {
        const uint8_t *at = (const uint8_t *)c;
        check(at >= begin && at + c->cmsg_len <= begin + h->msg_controllen);
        check(!last || at > last);
        last = at;
    }
    return n;
}

static void build(struct sp_msg *m, struct sp_pipe *p, size_t room)
{
    struct nn_msghdr h = {.msg_control = out, .msg_controllen = room};
    struct sp_msg again;
    sp_msg_init(&again);
    m->pipe = p;
    check(sp_cmsg_build(&h, m) == 0);
    const struct nn_cmsghdr *first = walk(&h) ? NN_CMSG_FIRSTHDR(&h) : NULL;
    if (!first || first->cmsg_level != PROTO_SP)
        return; /* no room for the header */
    check(sp_cmsg_parse(&h, &again) == 0);
    check(again.hdr_len == m->hdr_len);
    check(!m->hdr_len || !memcmp(sp_msg_hdr(&again), sp_msg_hdr(m), m->hdr_len));
    sp_msg_drop(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 4 || len - 4 > ROOM)
        return 0;
    struct sp_pipe p = {.id = 0x01020304};
    struct sp_msg m;
    size_t room = (size_t)(data[0] | data[1] << 8) % (ROOM + 1);
    if (data[2]) {
        p.peer.id = (uint8_t *)(uintptr_t)data;
        p.peer.id_len = data[2] < len ? data[2] : len;
    }
    memcpy(in, data + 4, len - 4);
    struct nn_msghdr h = {.msg_control = in, .msg_controllen = len - 4};
    (void)walk(&h);
    sp_msg_init(&m);
    int rc = sp_cmsg_parse(&h, &m);
    check(rc == 0 || rc == -EINVAL || rc == -EMSGSIZE || rc == -ENOMEM);
    if (rc == 0)
        build(&m, &p, room);
    sp_msg_drop(&m);
    return 0;
}
