/* SPDX-License-Identifier: MIT */
#include "hdr.h"
#include <nanomsg/nn.h>
#include <string.h>

int hdr_send(int s, const char *text, const void *hdr, size_t n)
{
    _Alignas(16) unsigned char control[NN_CMSG_SPACE(sizeof(size_t) + HDR_MAX)] = {0};
    struct nn_cmsghdr *c = (struct nn_cmsghdr *)(void *)control;
    struct nn_iovec v = {(void *)(uintptr_t)text, strlen(text)};
    struct nn_msghdr h = {&v, 1, control, NN_CMSG_SPACE(sizeof n + n)};
    c->cmsg_len = NN_CMSG_LEN(sizeof n + n);
    c->cmsg_level = PROTO_SP;
    c->cmsg_type = SP_HDR;
    memcpy(NN_CMSG_DATA(c), &n, sizeof n);
    memcpy(NN_CMSG_DATA(c) + sizeof n, hdr, n);
    return nn_sendmsg(s, &h, 0);
}

int hdr_recv(int s, char *buf, size_t size, void *hdr)
{
    _Alignas(16) unsigned char control[NN_CMSG_SPACE(sizeof(size_t) + HDR_MAX)];
    struct nn_iovec v = {buf, size - 1};
    struct nn_msghdr h = {&v, 1, control, sizeof control};
    int len = nn_recvmsg(s, &h, 0);
    if (len < 0)
        return -1;
    buf[(size_t)len < size ? (size_t)len : size - 1] = 0;
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(&h); c; c = NN_CMSG_NXTHDR(&h, c)) {
        size_t n;
        if (c->cmsg_level != PROTO_SP || c->cmsg_type != SP_HDR)
            continue;
        memcpy(&n, NN_CMSG_DATA(c), sizeof n);
        if (hdr)
            memcpy(hdr, NN_CMSG_DATA(c) + sizeof n, n);
        return (int)n;
    }
    return 0;
}
