/* SPDX-License-Identifier: MIT */
/* Any bytes as a greeting, and as heads with whatever lies between them. */
#include "transports/stream/frame.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool good)
{
    if (!good)
        abort();
}

static void fuzz_greeting(const struct sp_framer *f, const uint8_t *data, size_t len)
{
    uint8_t again[SP_FRAME_GREET_MAX];
    check(f->greet_len <= SP_FRAME_GREET_MAX);
    if (len < f->greet_len)
        return;
    int id = f->greeted(data);
    check(id == -EPROTO || (id >= 0 && id <= UINT16_MAX));
    if (id < 0)
        return;
    check(f->greet(again, id) == f->greet_len); /* there is only one way to say it */
    check(!memcmp(again, data, f->greet_len));
}

/* Walks from head to head; each one written again is the same. */
static void fuzz_heads(const struct sp_framer *f, const uint8_t *data, size_t len)
{
    uint8_t again[SP_FRAME_HEAD_MAX];
    size_t at = 0;
    while (at < len) {
        uint64_t body = 0;
        uint8_t type;
        ssize_t n = f->parse(data + at, len - at, &body, &type);
        if (n <= 0) {
            check(n == 0 || n == -EPROTO);
            return;
        }
        check((size_t)n <= len - at && n <= SP_FRAME_HEAD_MAX);
        check(f->head(again, body, 0) == (size_t)n && !memcmp(again, data + at, (size_t)n));
        for (size_t cut = 0; cut < (size_t)n; cut++) /* no part of a head is one */
            check(f->parse(again, cut, &body, &type) <= 0);
        if (body > len - at - (size_t)n)
            return;
        at += (size_t)n + (size_t)body;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    fuzz_greeting(&sp_frame_sp, data, len);
    fuzz_heads(&sp_frame_sp, data, len);
    fuzz_heads(&sp_frame_ipc, data, len); /* the greeting is the same */
    return 0;
}
