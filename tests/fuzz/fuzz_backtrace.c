/* SPDX-License-Identifier: MIT */
/* First byte: the ttl. The rest: a body with a stack of ids, whose length is checked against the definition. */
#include "base/bytes.h"
#include "protocols/backtrace.h"
#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t ids_without_end(const uint8_t *body, size_t len)
{
    size_t n = 0;
    while (4 * n + 4 <= len && !(sp_be32(body + 4 * n) & SP_BT_END))
        n++;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    int ttl = data[0] ? data[0] : 1;
    const uint8_t *body = data + 1;
    len--;
    size_t above = ids_without_end(body, len);
    int want = above >= (size_t)ttl ? -EMSGSIZE : 4 * above + 4 > len ? -EPROTO : (int)(4 * above + 4);
    if (sp_backtrace_parse(body, len, ttl) != want)
        abort();
    return 0;
}
