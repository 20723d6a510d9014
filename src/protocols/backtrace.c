/* SPDX-License-Identifier: MIT */
#include "backtrace.h"
#include "../base/bytes.h"
#include <errno.h>

int sp_backtrace_parse(const uint8_t *body, size_t len, int ttl)
{
    struct sp_reader r = sp_reader(body, len);
    for (int n = 1; n <= ttl; n++) {
        uint32_t id = sp_get_u32(&r);
        if (r.bad)
            return -EPROTO;
        if (id & SP_BT_END)
            return 4 * n;
    }
    return -EMSGSIZE;
}

void sp_backtrace_shift(struct sp_msg *m)
{
    (void)!sp_msg_hdr_set(m, m->body, 4); /* fits inside m, so it can't fail */
    m->body += 4;
    m->body_len -= 4;
}
