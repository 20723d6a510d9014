/* SPDX-License-Identifier: MIT */
/* Sec-WebSocket-Key and Sec-WebSocket-Accept. */
#ifndef SP_WS_KEY_H
#define SP_WS_KEY_H

#include "../../base/alloc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_WS_KEY_LEN    24 /* base64 of 16 bytes */
#define SP_WS_ACCEPT_LEN 28 /* base64 of a SHA-1 */

/* Base64 of n bytes with padding, and a final NUL: out has room for 4 * ((n + 2) / 3) + 1. */
void sp_base64(const uint8_t *p, size_t n, char *out);
/* A fresh key, NUL-terminated. 0 or a negative errno. */
int sp_ws_key_new(char out[SP_WS_KEY_LEN + 1]) SP_MUST_CHECK;
/* Whether text[0..n) is base64 of 16 bytes, written in the only right way. */
bool sp_ws_key_ok(const char *text, size_t n);
/* The answer to a key, NUL-terminated. */
void sp_ws_key_accept(const char key[SP_WS_KEY_LEN], char out[SP_WS_ACCEPT_LEN + 1]);

#endif
