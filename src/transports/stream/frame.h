/* SPDX-License-Identifier: MIT */
/* The framer: how messages lie in a byte stream. No I/O, no state beyond what the caller hands in,
 * so that it can be fuzzed and reused. sp is the mapping of tcp (and of SP inside TLS), ipc that of
 * local sockets; ws is a further row. */
#ifndef SP_STREAM_FRAME_H
#define SP_STREAM_FRAME_H

#include "../../base/alloc.h"
#include <stdint.h>
#include <sys/types.h>

#define SP_FRAME_HEAD_MAX  14 /* longest head of any framer */
#define SP_FRAME_GREET_MAX 64 /* longest greeting */

struct sp_framer {
    size_t greet_len; /* bytes of the other side's greeting */
    /* Writes our greeting for protocol `id` into out (SP_FRAME_GREET_MAX); gives its length. */
    size_t (*greet)(uint8_t *out, int id);
    /* Checks greet_len bytes. Gives the peer's protocol id, or -EPROTO. */
    int (*greeted)(const uint8_t *in);
    /* Writes the head of a message of len bytes into out (SP_FRAME_HEAD_MAX); gives its length.
     * `type` is sp_msg's; most framers have no place for it. */
    size_t (*head)(uint8_t *out, uint64_t len, uint8_t type);
    /* Parses a head at in[0..n). Gives the head's length, *len of what follows and its *type (0 when
     * the framer has none); 0: more bytes are needed; -EPROTO. */
    ssize_t (*parse)(const uint8_t *in, size_t n, uint64_t *len, uint8_t *type);
};

extern const struct sp_framer sp_frame_sp, sp_frame_ipc;

#endif
