/* SPDX-License-Identifier: MIT */
#include "sha1.h"
#include "../../base/bytes.h"

#define BLOCK 64

static uint32_t rol(uint32_t v, int by)
{
    return v << by | v >> (32 - by);
}

/* The schedule is kept as a ring of 16 words. */
static uint32_t sha1_word(uint32_t w[16], int t)
{
    if (t >= 16)
        w[t % 16] = rol(w[(t + 13) % 16] ^ w[(t + 8) % 16] ^ w[(t + 2) % 16] ^ w[t % 16], 1);
    return w[t % 16];
}

/* The round function and constant of step t. */
static uint32_t sha1_mix(int t, uint32_t b, uint32_t c, uint32_t d)
{
    if (t < 20)
        return ((b & c) | (~b & d)) + 0x5a827999;
    if (t < 40)
        return (b ^ c ^ d) + 0x6ed9eba1;
    if (t < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

static void sha1_block(uint32_t h[5], const uint8_t *p)
{
    uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++)
        w[i] = sp_be32(p + 4 * i);
    for (int t = 0; t < 80; t++) {
        uint32_t next = rol(a, 5) + sha1_mix(t, b, c, d) + e + sha1_word(w, t);
        e = d;
        d = c;
        c = rol(b, 30);
        b = a;
        a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

void sp_sha1(const void *p, size_t n, uint8_t out[SP_SHA1_LEN])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    const uint8_t *in = p;
    size_t at = 0;
    for (; n - at >= BLOCK; at += BLOCK)
        sha1_block(h, in + at);
    uint8_t tail[2 * BLOCK] = {0};
    size_t rest = n - at, pad = rest + 9 > BLOCK ? sizeof tail : BLOCK;
    if (rest)
        memcpy(tail, in + at, rest);
    tail[rest] = 0x80;
    sp_set_be64(tail + pad - 8, (uint64_t)n * 8);
    for (at = 0; at < pad; at += BLOCK)
        sha1_block(h, tail + at);
    for (int i = 0; i < 5; i++)
        sp_set_be32(out + 4 * i, h[i]);
}
