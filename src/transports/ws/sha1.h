/* SPDX-License-Identifier: MIT */
/* SHA-1, which the WebSocket handshake asks for to show that it was understood; it protects
 * nothing. Ours, since builds without TLS have no library for it. */
#ifndef SP_WS_SHA1_H
#define SP_WS_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SP_SHA1_LEN 20

/* Hashes n bytes into out. */
void sp_sha1(const void *p, size_t n, uint8_t out[SP_SHA1_LEN]);

#endif
