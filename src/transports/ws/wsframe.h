/* SPDX-License-Identifier: MIT */
/* Heads and masks of WebSocket frames (RFC 6455, section 5); and the framer of what the ws stream
 * speaks towards the connection above it. No I/O. */
#ifndef SP_WS_WSFRAME_H
#define SP_WS_WSFRAME_H

#include "../stream/frame.h"
#include <stdbool.h>

#define SP_WS_CONTINUATION 0
#define SP_WS_TEXT         1
#define SP_WS_BINARY       2
#define SP_WS_CLOSE        8
#define SP_WS_PING         9
#define SP_WS_PONG         10

#define SP_WS_HEAD_MAX    14  /* longest head */
#define SP_WS_CONTROL_MAX 125 /* longest body of a control frame */

/* Codes of a Close frame. */
#define SP_WS_NORMAL   1000
#define SP_WS_PROTOCOL 1002
#define SP_WS_BAD_TEXT 1007
#define SP_WS_TOO_BIG  1009

struct sp_ws_head {
    uint8_t opcode;
    bool fin, masked;
    uint8_t mask[4];
    uint64_t len; /* of the body */
};

/* Parses a head at in[0..n). Gives its length; 0: more bytes are needed; -EPROTO for what no peer
 * may send: reserved bits and opcodes, a length that is not minimal or has its top bit set, control
 * frames that are long or fragmented. */
ssize_t sp_ws_head_parse(const uint8_t *in, size_t n, struct sp_ws_head *h);
/* Writes a head into out (SP_WS_HEAD_MAX); gives its length. */
size_t sp_ws_head_put(uint8_t *out, const struct sp_ws_head *h);
/* dst = src ^ mask for n bytes (dst may be src), and turns the mask for what follows. */
void sp_ws_mask(uint8_t *dst, const uint8_t *src, size_t n, uint8_t mask[4]);

/* Whether a Close frame may carry this code. */
bool sp_ws_code_ok(unsigned code);

/* SP's greeting; then per message a be64 whose top byte is the type and whose rest is the length.
 */
extern const struct sp_framer sp_frame_ws;
#define SP_WS_PRIVATE_HEAD 8
#define SP_WS_LEN_MAX      (UINT64_MAX >> 8)

#endif
