/* SPDX-License-Identifier: MIT */
/* The handshake. The dialler's greeting from above becomes a request for the subprotocol of the
 * server; the acceptor checks it, and hands up the greeting that a peer over tcp would have sent.
 * The acceptor's greeting, which comes once its protocol has accepted the peer, becomes the answer
 * 101, and that the greeting for the dialler.
 *
 * Failure modes: what the other side says wrong is kept as a status and words, and said to it when
 * the stream is closed. */
#include "ws.h"
#include <errno.h>
#include <nanomsg/bus.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <stdio.h>

static const struct {
    int protocol;
    const char *name;
} names[] = {
    {NN_PAIR, "pair.sp.nanomsg.org"},
    {NN_REQ, "req.sp.nanomsg.org"},
    {NN_REP, "rep.sp.nanomsg.org"},
    {NN_PUB, "pub.sp.nanomsg.org"},
    {NN_SUB, "sub.sp.nanomsg.org"},
    {NN_SURVEYOR, "surveyor.sp.nanomsg.org"},
    {NN_RESPONDENT, "respondent.sp.nanomsg.org"},
    {NN_PUSH, "push.sp.nanomsg.org"},
    {NN_PULL, "pull.sp.nanomsg.org"},
    {NN_BUS, "bus.sp.nanomsg.org"},
};

const char *sp_ws_subprotocol(int protocol)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].protocol == protocol)
            return names[i].name;
    return NULL;
}

/* Words for a head that is none. */
static int hello_scan(struct sp_ws *t, ssize_t rc)
{
    t->http.status = rc == -EMSGSIZE ? SP_HTTP_TOO_LARGE : SP_HTTP_BAD;
    snprintf(t->http.words, sizeof t->http.words, "%s",
             rc == -EMSGSIZE ? "more than 8192 bytes of HTTP" : "not HTTP");
    return -EPROTO;
}

static int hello_check(struct sp_ws *t, const uint8_t *p, size_t n, ssize_t whole)
{
    if (whole < 0)
        return hello_scan(t, whole);
    if (t->args.dialled)
        return sp_http_answer(&t->http, p, whole ? (size_t)whole : n);
    return whole ? sp_http_request(&t->http, p, (size_t)whole) : -EAGAIN;
}

ssize_t sp_ws_hello(struct sp_ws *t, const uint8_t *p, size_t n)
{
    ssize_t whole = sp_http_scan(p, n);
    int rc = hello_check(t, p, n, whole);
    if (rc == -EAGAIN)
        return 0;
    if (rc < 0) {
        sp_peer_reason(t->base.peer, rc == -ECONNREFUSED ? SP_REASON_REFUSED : SP_REASON_PROTOCOL,
                       "%s", t->http.words);
        return rc;
    }
    t->rx.head_left = sp_frame_ws.greet(t->rx.head, t->args.peer_protocol);
    t->rx.open = true;
    return whole;
}

ssize_t sp_ws_hello_put(struct sp_ws *t, char *out)
{
    char key[SP_WS_KEY_LEN + 1];
    if (!t->args.dialled)
        return sp_http_accept(out, SP_HTTP_MAX, &t->http);
    int rc = sp_ws_key_new(key);
    if (rc < 0)
        return rc;
    sp_ws_key_accept(key, t->http.accept);
    return sp_http_ask(out, SP_HTTP_MAX, t->args.host, t->args.host_len, t->args.path, key,
                       t->http.subprotocol);
}
