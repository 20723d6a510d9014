/* SPDX-License-Identifier: MIT */
/* The HTTP of the WebSocket handshake (RFC 6455, section 4): what a request must say, how it is
 * answered, and what an answer must say. No I/O. */
#ifndef SP_WS_HTTP_H
#define SP_WS_HTTP_H

#include "key.h"
#include <sys/types.h>

#define SP_HTTP_MAX     8192 /* bytes of a request or answer */
#define SP_HTTP_HEADERS 64   /* headers in it */
#define SP_HTTP_REPLY   512  /* longest answer of ours */

/* Status codes that are ours; 0: none. */
#define SP_HTTP_SWITCHING 101
#define SP_HTTP_BAD       400
#define SP_HTTP_METHOD    405
#define SP_HTTP_UPGRADE   426
#define SP_HTTP_TOO_LARGE 431
#define SP_HTTP_BUSY      503
#define SP_HTTP_VERSION   505

#define SP_WS_NAME_MAX 40 /* a subprotocol with its NUL */

struct sp_http {
    char accept[SP_WS_ACCEPT_LEN + 1]; /* to send, or to expect */
    char subprotocol[SP_WS_NAME_MAX];  /* to expect; then as the client spells it */
    int status;                        /* what to answer, or what the server answered */
    char words[96];                    /* what is wrong, for a person; printable */
};

/* The bytes of the head at p[0..n), with its empty line. 0: it goes on. -EPROTO: a byte that no
 * head has, or a line end that is not CR LF. -EMSGSIZE: no end within SP_HTTP_MAX. */
ssize_t sp_http_scan(const uint8_t *p, size_t n);
/* Checks a request with `len` bytes of head for h->subprotocol, and fills h->accept. 0; or -EPROTO
 * with status and words. */
int sp_http_request(struct sp_http *h, const uint8_t *p, size_t len) SP_MUST_CHECK;
/* Checks an answer against h. 0; -ECONNREFUSED for a status other than 101; -EPROTO; with words.
 * `len` may end before the empty line, to hear of a refusal at once: -EAGAIN then says that there
 * is none yet. */
int sp_http_answer(struct sp_http *h, const uint8_t *p, size_t len) SP_MUST_CHECK;

/* Write NUL-terminated text into out and give its length: a request (borrows all), the answer 101,
 * a refusal by h->status and h->words. -EMSGSIZE when it does not fit. */
ssize_t sp_http_ask(char *out, size_t room, const char *host, size_t host_len, const char *path,
                    const char *key, const char *subprotocol);
ssize_t sp_http_accept(char *out, size_t room, const struct sp_http *h);
ssize_t sp_http_refuse(char *out, size_t room, const struct sp_http *h);

#endif
