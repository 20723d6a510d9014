/* SPDX-License-Identifier: MIT */
/* The SP mapping of tcp: greeting 00 'S' 'P' 00, be16 protocol, 00 00; then be64 length and body.
 * That of ipc has a type in front of each length, of which there is one. */
#include "frame.h"
#include "../../base/bytes.h"
#include <errno.h>

static size_t sp_greet(uint8_t *out, int id)
{
    struct sp_writer w = sp_writer(out, 8);
    sp_put_u32(&w, 0x00535000);
    sp_put_u16(&w, (uint16_t)id);
    sp_put_u16(&w, 0);
    return w.len;
}

static int sp_greeted(const uint8_t *in)
{
    struct sp_reader r = sp_reader(in, 8);
    uint32_t magic = sp_get_u32(&r);
    uint16_t id = sp_get_u16(&r);
    return magic == 0x00535000 && sp_get_u16(&r) == 0 ? id : -EPROTO;
}

static size_t sp_head(uint8_t *out, uint64_t len, uint8_t type)
{
    (void)type;
    sp_set_be64(out, len);
    return 8;
}

static ssize_t sp_parse(const uint8_t *in, size_t n, uint64_t *len, uint8_t *type)
{
    *type = 0;
    if (n < 8)
        return 0;
    *len = sp_be64(in);
    return 8;
}

const struct sp_framer sp_frame_sp = {
    .greet_len = 8,
    .greet = sp_greet,
    .greeted = sp_greeted,
    .head = sp_head,
    .parse = sp_parse,
};

#define IPC_MESSAGE 1

static size_t ipc_head(uint8_t *out, uint64_t len, uint8_t type)
{
    (void)type;
    struct sp_writer w = sp_writer(out, 9);
    sp_put_u8(&w, IPC_MESSAGE);
    sp_put_u64(&w, len);
    return w.len;
}

/* A wrong type ends it at once: what would follow is not known. */
static ssize_t ipc_parse(const uint8_t *in, size_t n, uint64_t *len, uint8_t *type)
{
    *type = 0;
    if (n > 0 && in[0] != IPC_MESSAGE)
        return -EPROTO;
    if (n < 9)
        return 0;
    *len = sp_be64(in + 1);
    return 9;
}

const struct sp_framer sp_frame_ipc = {
    .greet_len = 8,
    .greet = sp_greet,
    .greeted = sp_greeted,
    .head = ipc_head,
    .parse = ipc_parse,
};
