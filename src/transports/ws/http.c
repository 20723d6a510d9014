/* SPDX-License-Identifier: MIT */
/* A head is scanned for its end first, then cut into lines, each a name and a value; the few
 * headers that matter are noted in `fields`, and judged once all are known.
 *
 * Failure modes: whatever the RFCs forbid in bytes and line ends is refused by the scan, the rest
 * with a status that says why: folded lines, names that are no tokens, a second header where one is
 * allowed. Lists may be spread over headers. Origin and extensions are not looked at: the one is
 * for the application's own front, the others are not offered. */
#include "http.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct text {
    const char *p;
    size_t n;
};

/* The headers that matter. */
struct fields {
    const char *wanted;      /* the subprotocol looked for */
    struct text key, accept; /* the last one's value */
    struct text subprotocol; /* as the other side spells it; n == 0: not found */
    int n_host, n_key, n_version, n_accept, n_subprotocol; /* how often each came */
    bool upgrade, connection;                              /* have the token */
    bool version13;
    bool body;      /* announces one */
    bool extension; /* names one */
};

ssize_t sp_http_scan(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == SP_HTTP_MAX)
            return -EMSGSIZE;
        bool lf = p[i] == '\n', after_cr = i > 0 && p[i - 1] == '\r';
        if (lf != after_cr || p[i] == 127 || (p[i] < 32 && !lf && p[i] != '\r' && p[i] != '\t'))
            return -EPROTO;
        if (lf && i >= 3 && p[i - 2] == '\n')
            return (ssize_t)i + 1;
    }
    return n == SP_HTTP_MAX ? -EMSGSIZE : 0;
}

static bool text_is(struct text t, const char *word)
{
    return t.n == strlen(word) && !strncasecmp(t.p, word, t.n);
}

static struct text text_trim(struct text t)
{
    while (t.n && (t.p[0] == ' ' || t.p[0] == '\t'))
        t.p++, t.n--;
    while (t.n && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
        t.n--;
    return t;
}

/* Cuts off what is before the next `by`, or all. */
static struct text text_cut(struct text *t, char by)
{
    const char *end = t->n ? memchr(t->p, by, t->n) : NULL;
    struct text first = {t->p, end ? (size_t)(end - t->p) : t->n};
    size_t used = first.n + (end ? 1 : 0);
    t->p += used;
    t->n -= used;
    return first;
}

/* The element of a comma-separated list that is `word`, in any case; n == 0: none. */
static struct text text_find(struct text list, const char *word)
{
    while (list.n) {
        struct text t = text_trim(text_cut(&list, ','));
        if (text_is(t, word))
            return t;
    }
    return (struct text){list.p, 0};
}

static bool text_token(struct text t)
{
    for (size_t i = 0; i < t.n; i++)
        if (t.p[i] <= ' ' || t.p[i] >= 127 || strchr("\"(),/:;<=>?@[\\]{}", t.p[i]))
            return false;
    return t.n > 0;
}

static void fields_note(struct fields *f, struct text name, struct text value)
{
    if (text_is(name, "Host"))
        f->n_host++;
    if (text_is(name, "Upgrade"))
        f->upgrade = f->upgrade || text_find(value, "websocket").n;
    if (text_is(name, "Connection"))
        f->connection = f->connection || text_find(value, "upgrade").n;
    if (text_is(name, "Sec-WebSocket-Key"))
        f->key = value, f->n_key++;
    if (text_is(name, "Sec-WebSocket-Accept"))
        f->accept = value, f->n_accept++;
    if (text_is(name, "Sec-WebSocket-Version"))
        f->version13 = text_is(value, "13"), f->n_version++;
    if (text_is(name, "Sec-WebSocket-Extensions"))
        f->extension = true;
    if (text_is(name, "Transfer-Encoding") ||
        (text_is(name, "Content-Length") && !text_is(value, "0")))
        f->body = true;
    if (text_is(name, "Sec-WebSocket-Protocol")) {
        f->n_subprotocol++;
        if (!f->subprotocol.n)
            f->subprotocol = text_find(value, f->wanted);
    }
}

/* The next line without its end. */
static struct text http_line(struct text *rest)
{
    struct text line = text_cut(rest, '\n');
    line.n -= line.n > 0;
    return line;
}

/* Cuts the headers of `rest`, which ends with the empty line. Gives how many, or -1. */
static int http_headers(struct text rest, struct fields *f)
{
    int n = 0;
    for (struct text line = http_line(&rest); line.n; line = http_line(&rest), n++) {
        if (!memchr(line.p, ':', line.n))
            return -1;
        struct text name = text_cut(&line, ':');
        if (!text_token(name))
            return -1;
        fields_note(f, name, text_trim(line));
    }
    return n;
}

static int http_fault(struct sp_http *h, int status, const char *words)
{
    h->status = status;
    snprintf(h->words, sizeof h->words, "%s", words);
    return -EPROTO;
}

/* GET, a target, HTTP/1.1 or a later 1.x. */
static int request_line(struct sp_http *h, struct text line)
{
    struct text method = text_cut(&line, ' '), target = text_cut(&line, ' ');
    if (!text_token(method) || !target.n || memchr(target.p, '\t', target.n))
        return http_fault(h, SP_HTTP_BAD, "malformed request line");
    if (line.n != 8 || memcmp(line.p, "HTTP/", 5) != 0 || line.p[6] != '.')
        return http_fault(h, SP_HTTP_BAD, "malformed request line");
    if (line.p[5] != '1' || line.p[7] < '1' || line.p[7] > '9')
        return http_fault(h, SP_HTTP_VERSION, "not HTTP/1.1");
    if (method.n != 3 || memcmp(method.p, "GET", 3) != 0)
        return http_fault(h, SP_HTTP_METHOD, "the method is not GET");
    return 0;
}

static int request_judge(struct sp_http *h, const struct fields *f)
{
    if (f->n_host != 1)
        return http_fault(h, SP_HTTP_BAD, "not one Host header");
    if (f->body)
        return http_fault(h, SP_HTTP_BAD, "a request with a body");
    if (!f->upgrade || !f->connection)
        return http_fault(h, SP_HTTP_UPGRADE, "no upgrade to websocket");
    if (f->n_version != 1 || !f->version13)
        return http_fault(h, f->n_version == 1 ? SP_HTTP_UPGRADE : SP_HTTP_BAD,
                          "not WebSocket version 13");
    if (f->n_key != 1 || !sp_ws_key_ok(f->key.p, f->key.n))
        return http_fault(h, SP_HTTP_BAD, "not one good Sec-WebSocket-Key");
    if (f->subprotocol.n)
        return 0;
    char words[sizeof h->words];
    snprintf(words, sizeof words, "the peer does not offer %s", h->subprotocol);
    return http_fault(h, SP_HTTP_BAD, words);
}

int sp_http_request(struct sp_http *h, const uint8_t *p, size_t len)
{
    struct text rest = {(const char *)p, len};
    struct fields f = {.wanted = h->subprotocol};
    int rc = request_line(h, http_line(&rest));
    if (rc < 0)
        return rc;
    int n = http_headers(rest, &f);
    if (n < 0)
        return http_fault(h, SP_HTTP_BAD, "malformed header");
    if (n > SP_HTTP_HEADERS)
        return http_fault(h, SP_HTTP_TOO_LARGE, "too many headers");
    rc = request_judge(h, &f);
    if (rc < 0)
        return rc;
    memcpy(h->subprotocol, f.subprotocol.p, f.subprotocol.n); /* as long as what was looked for */
    sp_ws_key_accept(f.key.p, h->accept);
    return 0;
}

/* HTTP/1.x, a status; what follows it is for people, and may be anything printable. */
static int answer_line(struct sp_http *h, struct text line)
{
    struct text version = text_cut(&line, ' '), status = text_cut(&line, ' ');
    bool good = version.n == 8 && !memcmp(version.p, "HTTP/1.", 7) && status.n == 3;
    for (size_t i = 0; good && i < 3; i++) {
        good = status.p[i] >= '0' && status.p[i] <= '9';
        h->status = h->status * 10 + status.p[i] - '0';
    }
    if (!good)
        return http_fault(h, 0, "no HTTP answer");
    if (h->status == SP_HTTP_SWITCHING)
        return 0;
    snprintf(h->words, sizeof h->words, "the server says %d ", h->status);
    size_t at = strlen(h->words);
    for (size_t i = 0; i < line.n && at < sizeof h->words - 1; i++)
        if (line.p[i] >= ' ' && line.p[i] < 127)
            h->words[at++] = line.p[i];
    h->words[at] = 0;
    return -ECONNREFUSED;
}

static int answer_judge(struct sp_http *h, const struct fields *f)
{
    if (!f->upgrade || !f->connection)
        return http_fault(h, 0, "the server does not switch to websocket");
    if (f->n_accept != 1 || f->accept.n != SP_WS_ACCEPT_LEN ||
        memcmp(f->accept.p, h->accept, SP_WS_ACCEPT_LEN) != 0)
        return http_fault(h, 0, "wrong Sec-WebSocket-Accept");
    if (f->extension)
        return http_fault(h, 0, "an extension that was not offered");
    if (f->n_subprotocol != 1 || !f->subprotocol.n)
        return http_fault(h, 0, "the server speaks another subprotocol");
    return 0;
}

int sp_http_answer(struct sp_http *h, const uint8_t *p, size_t len)
{
    struct text rest = {(const char *)p, len};
    struct fields f = {.wanted = h->subprotocol};
    h->status = 0;
    if (!memchr(p, '\n', len))
        return -EAGAIN;
    int rc = answer_line(h, http_line(&rest));
    if (rc < 0 || sp_http_scan(p, len) != (ssize_t)len)
        return rc < 0 ? rc : -EAGAIN;
    int n = http_headers(rest, &f);
    if (n < 0 || n > SP_HTTP_HEADERS)
        return http_fault(h, 0, n < 0 ? "malformed header" : "too many headers");
    return answer_judge(h, &f);
}

static ssize_t http_fits(int n, size_t room)
{
    return n >= 0 && (size_t)n < room ? n : -EMSGSIZE;
}

ssize_t sp_http_ask(char *out, size_t room, const char *host, size_t host_len, const char *path,
                    const char *key, const char *subprotocol)
{
    return http_fits(snprintf(out, room,
                              "GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                              path, (int)host_len, host, key, subprotocol),
                     room);
}

ssize_t sp_http_accept(char *out, size_t room, const struct sp_http *h)
{
    return http_fits(snprintf(out, room,
                              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
                              "Sec-WebSocket-Protocol: %s\r\n\r\n",
                              h->accept, h->subprotocol),
                     room);
}

static const char *http_phrase(int status)
{
    switch (status) {
    case SP_HTTP_METHOD:
        return "Method Not Allowed\r\nAllow: GET";
    case SP_HTTP_UPGRADE:
        return "Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
    case SP_HTTP_TOO_LARGE:
        return "Request Header Fields Too Large";
    case SP_HTTP_BUSY:
        return "Service Unavailable";
    case SP_HTTP_VERSION:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request\r\nSec-WebSocket-Version: 13";
    }
}

ssize_t sp_http_refuse(char *out, size_t room, const struct sp_http *h)
{
    return http_fits(snprintf(out, room,
                              "HTTP/1.1 %d %s\r\nConnection: %sclose\r\n"
                              "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s\n",
                              h->status, http_phrase(h->status),
                              h->status == SP_HTTP_UPGRADE ? "Upgrade, " : "", strlen(h->words) + 1,
                              h->words),
                     room);
}
