/* SPDX-License-Identifier: MIT */
#include "key.h"
#include "../../base/bytes.h"
#include "../../base/rng.h"
#include "sha1.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sp_base64(const uint8_t *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i += 3, out += 4) {
        uint32_t v = (uint32_t)p[i] << 16;
        v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
        v |= i + 2 < n ? p[i + 2] : 0;
        out[0] = digits[v >> 18];
        out[1] = digits[v >> 12 & 63];
        out[2] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        out[3] = i + 2 < n ? digits[v & 63] : '=';
    }
    *out = 0;
}

int sp_ws_key_new(char out[SP_WS_KEY_LEN + 1])
{
    uint8_t raw[16];
    int rc = sp_random(raw, sizeof raw);
    if (rc == 0)
        sp_base64(raw, sizeof raw, out);
    return rc;
}

/* 16 bytes are 22 digits, of which the last has four bits of nothing. */
bool sp_ws_key_ok(const char *text, size_t n)
{
    if (n != SP_WS_KEY_LEN || text[22] != '=' || text[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!text[i] || !strchr(digits, text[i]))
            return false;
    return strchr("AQgw", text[21]) != NULL;
}

void sp_ws_key_accept(const char key[SP_WS_KEY_LEN], char out[SP_WS_ACCEPT_LEN + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[SP_WS_KEY_LEN + sizeof guid - 1];
    uint8_t hash[SP_SHA1_LEN];
    memcpy(text, key, SP_WS_KEY_LEN);
    memcpy(text + SP_WS_KEY_LEN, guid, sizeof guid - 1);
    sp_sha1(text, sizeof text, hash);
    sp_base64(hash, sizeof hash, out);
}
