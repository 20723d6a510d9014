/* SPDX-License-Identifier: MIT */
/* Any bytes as a request or an answer, in any pieces. Whatever comes, the answer is one of ours or
 * none, what is accepted has all that it must have, and pieces change nothing. */
#include "wswire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct wire w;

static const char known[] = "dGhlIHNhbXBsZSBub25jZQ==";

/* The greeting that comes, and how it ended. */
static ssize_t greeted(size_t chop, uint8_t g[8])
{
    ssize_t rc = -EAGAIN;
    size_t n = 0;
    w.chop = chop;
    while (n < 8) {
        rc = wire_get(&w, g + n, 8 - n);
        if (rc > 0)
            n += (size_t)rc;
        else if (rc != -EAGAIN || !(w.st->ops->want(w.st) & POLLIN))
            break;
    }
    return n == 8 ? 8 : rc;
}

/* Ignoring case, within one header's line. */
static bool contains(const uint8_t *p, size_t n, const char *word)
{
    size_t k = strlen(word);
    for (size_t i = 0; i + k <= n; i++) {
        size_t j = 0;
        while (j < k && (p[i + j] | 32) == (word[j] | 32))
            j++;
        if (j == k)
            return true;
    }
    return false;
}

static ssize_t begin(bool dialled, const uint8_t *data, size_t len, size_t chop, uint8_t g[8])
{
    uint8_t ours[8];
    wire_new(&w, dialled);
    w.in = data;
    w.in_len = len;
    if (dialled) {
        check(wire_put(&w, ours, sp_frame_ws.greet(ours, NN_REQ)) == 8);
        struct sp_ws *t = (struct sp_ws *)(void *)w.st;
        sp_ws_key_accept(known, t->http.accept); /* so that the input can be right */
        w.out_len = 0;
    }
    return greeted(chop, g);
}

static void fuzz_request(const uint8_t *data, size_t len, ssize_t rc, const uint8_t g[8])
{
    uint8_t ours[8];
    check(w.out_len == 0); /* nothing before the protocol has accepted */
    if (rc == 8) {
        check(sp_frame_ws.greeted(g) == NN_REQ);
        check(contains(data, len, "sec-websocket-key:") && contains(data, len, "\nhost:") &&
              contains(data, len, "rep.sp.nanomsg.org") && contains(data, len, "upgrade") &&
              !memcmp(data, "GET ", 4));
        if (data[4] & 1) { /* accept or refuse */
            check(wire_put(&w, ours, sp_frame_ws.greet(ours, NN_REP)) == 8);
            check(!memcmp(w.out, "HTTP/1.1 101 ", 13));
            wire_drop(&w);
            return;
        }
    }
    check(rc == 8 || rc == -EPROTO || rc == -EAGAIN);
    check(rc == 8 || (rc == -EPROTO) == (w.peer.reason == SP_REASON_PROTOCOL));
    wire_drop(&w);
    check((rc == -EAGAIN) == (w.out_len == 0));
    if (w.out_len) {
        check(!memcmp(w.out, rc == 8 ? "HTTP/1.1 503 " : "HTTP/1.1 4", rc == 8 ? 13 : 10) ||
              !memcmp(w.out, "HTTP/1.1 505 ", 13));
        check(sp_http_scan(w.out, w.out_len) > 0); /* good HTTP itself, and short */
        check(w.out_len < SP_HTTP_REPLY);
    }
}

static void fuzz_answer(const uint8_t *data, size_t len, ssize_t rc, const uint8_t g[8])
{
    if (rc == 8)
        check(sp_frame_ws.greeted(g) == NN_REP && contains(data, len, " 101") &&
              contains(data, len, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    check(rc == 8 || rc == -EPROTO || rc == -EAGAIN || rc == -ECONNREFUSED);
    for (const char *p = w.peer.detail; *p; p++)
        check(*p >= ' ' && *p < 127);
    size_t said = w.out_len;
    wire_drop(&w);
    check(w.out_len <= said + 8); /* a Close frame at most */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const size_t cuts[] = {23, 61, 128, WIRE_MAX};
    uint8_t g[8], again[8];
    if (len < 5 || len > WIRE_MAX)
        return 0;
    bool dialled = data[0] & 1;
    size_t chop = cuts[data[0] >> 1 & 3];
    data++, len--;
    ssize_t rc = begin(dialled, data, len, WIRE_MAX, g);
    int status = ((struct sp_ws *)(void *)w.st)->http.status;
    wire_drop(&w);
    ssize_t same = begin(dialled, data, len, chop, again);
    check(same == rc || (dialled && rc < 0 && same < 0)); /* a refusal is heard at its first line */
    check(dialled || ((struct sp_ws *)(void *)w.st)->http.status == status ||
          status == SP_HTTP_TOO_LARGE || rc == -EPROTO);
    if (dialled)
        fuzz_answer(data, len, same, again);
    else
        fuzz_request(data, len, same, again);
    return 0;
}
