/* SPDX-License-Identifier: MIT */
#include "wsframe.h"
#include "../../base/bytes.h"
#include <errno.h>

/* The length behind the second byte of a head. */
static bool head_len(struct sp_reader *r, struct sp_ws_head *h, uint8_t small)
{
    h->len = small < 126 ? small : sp_get_be(r, small == 126 ? 2 : 8);
    return r->bad || small < 126 ||
           (small == 126 ? h->len >= 126 : h->len > UINT16_MAX && !(h->len >> 63));
}

ssize_t sp_ws_head_parse(const uint8_t *in, size_t n, struct sp_ws_head *h)
{
    struct sp_reader r = sp_reader(in, n);
    uint8_t a = sp_get_u8(&r), b = sp_get_u8(&r);
    *h = (struct sp_ws_head){.opcode = a & 15, .fin = a >> 7, .masked = b >> 7};
    if (n == 0)
        return 0;
    bool control = h->opcode & 8;
    if (a & 0x70 || h->opcode > SP_WS_PONG || (h->opcode > SP_WS_BINARY && !control) ||
        (control && !h->fin))
        return -EPROTO;
    if (r.bad)
        return 0;
    if ((control && (b & 127) > SP_WS_CONTROL_MAX) || !head_len(&r, h, b & 127))
        return -EPROTO;
    const uint8_t *mask = h->masked ? sp_get_bytes(&r, 4) : NULL;
    if (mask)
        memcpy(h->mask, mask, 4);
    return r.bad ? 0 : (ssize_t)(n - r.left);
}

size_t sp_ws_head_put(uint8_t *out, const struct sp_ws_head *h)
{
    struct sp_writer w = sp_writer(out, SP_WS_HEAD_MAX);
    uint8_t small = h->len < 126 ? (uint8_t)h->len : h->len <= UINT16_MAX ? 126 : 127;
    sp_put_u8(&w, (uint8_t)(h->fin << 7 | h->opcode));
    sp_put_u8(&w, (uint8_t)(h->masked << 7 | small));
    if (small >= 126)
        sp_put_be(&w, h->len, small == 126 ? 2 : 8);
    if (h->masked)
        sp_put_bytes(&w, h->mask, 4);
    return w.len;
}

void sp_ws_mask(uint8_t *dst, const uint8_t *src, size_t n, uint8_t mask[4])
{
    uint64_t word[4], key;
    uint8_t turned[8]; /* the mask twice */
    size_t i = 0;
    memcpy(turned, mask, 4);
    memcpy(turned + 4, mask, 4);
    memcpy(&key, turned, sizeof key);
    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(word, src + i, sizeof word);
        for (int k = 0; k < 4; k++)
            word[k] ^= key;
        memcpy(dst + i, word, sizeof word);
    }
    for (; i < n; i++)
        dst[i] = src[i] ^ turned[i % 4];
    memcpy(mask, turned + n % 4, 4);
}

bool sp_ws_code_ok(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static size_t ws_greet(uint8_t *out, int id)
{
    return sp_frame_sp.greet(out, id);
}

static int ws_greeted(const uint8_t *in)
{
    return sp_frame_sp.greeted(in);
}

static size_t ws_head(uint8_t *out, uint64_t len, uint8_t type)
{
    sp_set_be64(out, (uint64_t)type << 56 | len);
    return SP_WS_PRIVATE_HEAD;
}

static ssize_t ws_parse(const uint8_t *in, size_t n, uint64_t *len, uint8_t *type)
{
    *type = 0;
    if (n < SP_WS_PRIVATE_HEAD)
        return 0;
    *type = in[0];
    *len = sp_be64(in) & SP_WS_LEN_MAX;
    return SP_WS_PRIVATE_HEAD;
}

const struct sp_framer sp_frame_ws = {
    .greet_len = 8,
    .greet = ws_greet,
    .greeted = ws_greeted,
    .head = ws_head,
    .parse = ws_parse,
};
