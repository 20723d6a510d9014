/* SPDX-License-Identifier: MIT */
/* Any bytes as frames, in any pieces, against a slow decoder that was written straight from the
 * RFC; or, by the first byte, messages that one side sends and the other one gets. */
#include "wswire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define GET_MAX (8 * WIRE_MAX)

static uint8_t got[GET_MAX], want[GET_MAX];
static struct wire w, back;

/* ---- the slow decoder ---- */

struct slow {
    const uint8_t *p;
    size_t n, at, want_len;
    bool server;            /* frames must be masked */
    uint8_t message[65536]; /* fragments so far */
    size_t message_len;
    int type; /* of the message under way; 0: none */
    unsigned empty;
    int code; /* why it ended: the Close frame's code; 0: it goes on */
};

static bool slow_utf8(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t k = p[i] < 0x80   ? 1
                   : p[i] < 0xc0 ? 0
                   : p[i] < 0xe0 ? 2
                   : p[i] < 0xf0 ? 3
                   : p[i] < 0xf8 ? 4
                                 : 0;
        uint32_t c = k == 1 ? p[i] : k == 2 ? p[i] & 31u : k == 3 ? p[i] & 15u : p[i] & 7u;
        if (k == 0 || k > n - i)
            return false;
        for (size_t j = 1; j < k; j++) {
            if ((p[i + j] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i + j] & 63u);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (c < least[k] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
        i += k;
    }
    return true;
}

/* Whether some text begins so: with up to three bytes more it would be one. */
static bool slow_begins(struct slow *s)
{
    static const uint8_t tries[] = {0x80, 0x90, 0xa0, 0xbf};
    uint8_t *end = s->message + s->message_len;
    if (slow_utf8(s->message, s->message_len))
        return true;
    for (int i = 0; i < 64; i++) {
        for (int k = 0; k < 3; k++)
            end[k] = tries[i >> 2 * k & 3];
        for (size_t more = 1; more <= 3; more++)
            if (slow_utf8(s->message, s->message_len + more))
                return true;
    }
    return false;
}

/* A message is whole. */
static int slow_message(struct slow *s)
{
    if (s->type == 1 && !slow_utf8(s->message, s->message_len))
        return 1007;
    memset(want + s->want_len, 0, 8);
    want[s->want_len] = (uint8_t)s->type;
    want[s->want_len + 6] = (uint8_t)(s->message_len >> 8);
    want[s->want_len + 7] = (uint8_t)s->message_len;
    memcpy(want + s->want_len + 8, s->message, s->message_len);
    s->want_len += 8 + s->message_len;
    s->type = 0;
    s->message_len = 0;
    return 0;
}

static int slow_close(const uint8_t *b, size_t n)
{
    unsigned c = n >= 2 ? b[0] * 256u + b[1] : 1000;
    bool good = (c >= 1000 && c <= 1003) || (c >= 1007 && c <= 1014) || (c >= 3000 && c <= 4999);
    return n == 1 || !good ? 1002 : n > 2 && !slow_utf8(b + 2, n - 2) ? 1007 : (int)c;
}

/* One frame. 0: gone on; 1: it is cut off; else the code of the end. */
static int slow_frame(struct slow *s)
{
    const uint8_t *f = s->p + s->at;
    size_t n = s->n - s->at, head = 2;
    if (n < 1)
        return 1;
    int fin = f[0] >> 7, op = f[0] & 15;
    if (f[0] & 0x70 || (op > 2 && op < 8) || op > 10 || (op >= 8 && !fin))
        return 1002;
    if (n < 2)
        return 1;
    uint64_t len = f[1] & 127;
    if (op >= 8 && len > 125)
        return 1002;
    if (len >= 126) {
        size_t more = len == 126 ? 2 : 8;
        uint64_t least = len == 126 ? 126 : 65536;
        if (n < 2 + more)
            return 1;
        len = 0;
        for (size_t i = 0; i < more; i++)
            len = len << 8 | f[2 + i];
        head += more;
        if (len < least || len >> 63)
            return 1002;
    }
    head += f[1] & 128 ? 4 : 0;
    if (n < head)
        return 1;
    if ((f[1] >> 7) != s->server)
        return 1002;
    if (op < 8) {
        if ((op == 0) != (s->type != 0))
            return 1002;
        if (len > RCV_MAX || s->message_len + len > RCV_MAX)
            return 1009;
        s->empty = len || (fin && op) ? 0 : s->empty + 1;
        if (s->empty > 32)
            return 1002;
    }
    bool cut = len > n - head;
    uint8_t body[RCV_MAX];
    size_t have = cut ? n - head : (size_t)len;
    for (size_t i = 0; i < have; i++)
        body[i] = f[head + i] ^ (s->server ? f[head - 4 + i % 4] : 0);
    if (op >= 8 && cut)
        return 1;
    s->at += head + have;
    if (op == 8)
        return slow_close(body, have);
    if (op > 8)
        return 0;
    s->type = op ? op : s->type;
    memcpy(s->message + s->message_len, body, have);
    s->message_len += have;
    if (s->type == 1 && !slow_begins(s))
        return 1007;
    return cut ? 1 : fin ? slow_message(s) : 0;
}

/* What the message under way may hand up before it is whole: its head and a part of its body, when
 * it is not fragmented. So the fast one may be ahead of `want`, but not say anything else. */
static void compare(struct slow *s, size_t n, ssize_t end)
{
    check(n >= s->want_len && !memcmp(got, want, s->want_len));
    size_t more = n - s->want_len;
    check(more <= 8 + s->message_len || s->code);
    if (more > 8 && s->message_len >= more - 8)
        check(!memcmp(got + s->want_len + 8, s->message, more - 8));
    if (s->code == 0)
        check(end == -EAGAIN);
    else if (end == 0)
        check(s->code >= 1000);
    else
        check(end == -EPROTO || end == -EMSGSIZE || end == -ECONNRESET);
}

static void slow_run(struct slow *s)
{
    int rc = 0;
    while (rc == 0)
        rc = slow_frame(s);
    s->code = rc == 1 ? 0 : rc;
}

/* Reads all that comes, `room` bytes at a time. */
static size_t read_all(struct wire *x, size_t room, ssize_t *end)
{
    size_t n = 0;
    for (;;) {
        ssize_t rc = wire_get(x, got + n, room < GET_MAX - n ? room : GET_MAX - n);
        bool more = x->st->ops->want(x->st) & POLLIN;
        if (rc == -EAGAIN && more)
            continue;
        *end = rc;
        if (rc <= 0)
            return n;
        n += (size_t)rc;
    }
}

static const size_t cuts[] = {3, 7, 8, 13, 50, 150, 4096, WIRE_MAX};

static void fuzz_bytes(const uint8_t *data, size_t len, uint8_t how)
{
    static struct slow s;
    ssize_t end;
    s.p = data;
    s.n = len;
    s.server = how & 1;
    s.at = s.want_len = s.message_len = 0;
    s.type = s.code = 0;
    s.empty = 0;
    wire_open(&w, !s.server);
    w.in = data;
    w.in_len = len;
    w.chop = cuts[how >> 1 & 7];
    size_t n = read_all(&w, cuts[how >> 4 & 7], &end);
    slow_run(&s);
    compare(&s, n, end);
    if (w.st->ops->want(w.st) & POLLOUT) /* a pong: one, and only now */
        check(wire_put(&w, NULL, 0) == 0);
    check(w.out_len <= SP_WS_HEAD_MAX + SP_WS_CONTROL_MAX);
    wire_drop(&w);
    check(w.out_len <= 2 * (SP_WS_HEAD_MAX + SP_WS_CONTROL_MAX));
    if (s.code && end < 0) { /* it was told why */
        const uint8_t *p = w.out + w.out_len - 2;
        uint8_t code[2] = {p[0], p[1]};
        if (!s.server)
            code[0] ^= p[-4], code[1] ^= p[-3];
        check(code[0] * 256 + code[1] == s.code);
    }
}

/* Messages of these lengths, types and pieces go out of one side and into the other. */
static void fuzz_messages(const uint8_t *data, size_t len, uint8_t how)
{
    size_t n = 0, at = 0;
    ssize_t end;
    wire_open(&w, how & 1);
    for (size_t i = 0; i + 2 < len && n < 700; i += 3) {
        size_t body = (size_t)(data[i] << 8 | data[i + 1]) % 300;
        n += sp_frame_ws.head(want + n, body, data[i + 2] % 2 ? SP_WS_TEXT : SP_WS_BINARY);
        memset(want + n, data[i + 2] & 127, body);
        n += body;
    }
    w.room = 0;
    while (at < n || w.st->ops->want(w.st) & POLLOUT) {
        size_t k = n - at < cuts[how >> 1 & 7] ? n - at : cuts[how >> 1 & 7];
        ssize_t rc = k ? wire_put(&w, want + at, k) : wire_put(&w, NULL, 0);
        check(rc >= 0 || rc == -EAGAIN);
        at += rc > 0 ? (size_t)rc : 0;
        w.room = rc <= 0 ? cuts[how >> 4 & 7] : w.room;
    }
    wire_open(&back, !(how & 1));
    back.in = w.out;
    back.in_len = w.out_len;
    check(read_all(&back, 1000, &end) == n && !memcmp(got, want, n) && end == -EAGAIN);
    wire_drop(&w);
    wire_drop(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1 || len > 3 * RCV_MAX)
        return 0;
    if (data[0] & 128)
        fuzz_messages(data + 1, len - 1, data[0]);
    else
        fuzz_bytes(data + 1, len - 1, data[0]);
    return 0;
}
