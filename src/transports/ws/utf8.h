/* SPDX-License-Identifier: MIT */
/* Whether text is UTF-8, told piece by piece. */
#ifndef SP_WS_UTF8_H
#define SP_WS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: at the start of a text. */
struct sp_utf8 {
    uint8_t need;   /* continuation bytes that the character under way still needs */
    uint8_t lo, hi; /* range of the next of them */
};

/* Looks at the next n bytes; false: no text begins so. */
bool sp_utf8_feed(struct sp_utf8 *u, const uint8_t *p, size_t n);
/* Whether the text may end here. */
static inline bool sp_utf8_whole(const struct sp_utf8 *u)
{
    return u->need == 0;
}

#endif
