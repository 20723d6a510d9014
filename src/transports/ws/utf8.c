/* SPDX-License-Identifier: MIT */
#include "utf8.h"
#include <string.h>

/* The first byte of a character says how many follow, and the range of the next one: so neither
 * overlong forms, nor surrogates, nor anything above U+10FFFF get through. */
static bool utf8_first(struct sp_utf8 *u, uint8_t c)
{
    u->lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    u->need = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    return c < 0x80 || (c >= 0xc2 && c <= 0xf4);
}

static bool utf8_next(struct sp_utf8 *u, uint8_t c)
{
    bool good = c >= u->lo && c <= u->hi;
    u->need--;
    u->lo = 0x80;
    u->hi = 0xbf;
    return good;
}

/* ASCII bytes at p, by eights. */
static size_t utf8_plain(const uint8_t *p, size_t n)
{
    size_t i = 0;
    uint64_t v;
    for (; n - i >= sizeof v; i += sizeof v) {
        memcpy(&v, p + i, sizeof v);
        if (v & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

bool sp_utf8_feed(struct sp_utf8 *u, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (u->need == 0)
            i += utf8_plain(p + i, n - i);
        if (i == n)
            break;
        if (!(u->need ? utf8_next(u, p[i]) : utf8_first(u, p[i])))
            return false;
    }
    return true;
}
