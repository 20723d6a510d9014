/* SPDX-License-Identifier: MIT */
/* Errors a person can act on: counted, remembered for NN_LAST_REASON, and printed after the lock is
 * released. */
#include "../base/log.h"
#include "sock.h"
#include <stdio.h>

struct reason_line {
    struct sp_out out;
    char text[640];
};

static const char *const texts[SP_REASON_COUNT] = {
    [SP_REASON_NONE] = "connection failed",
    [SP_REASON_PROTOCOL] = "protocol error",
    [SP_REASON_WRONG_KEY] = "wrong key",
    [SP_REASON_UNKNOWN_IDENTITY] = "unknown identity",
    [SP_REASON_NO_SUITE] = "no common TLS version, suite or key exchange",
    [SP_REASON_TIMEOUT] = "handshake timed out",
    [SP_REASON_OVERSIZE] = "message too large",
    [SP_REASON_LIMIT] = "limit reached",
    [SP_REASON_REFUSED] = "refused",
    [SP_REASON_CERTIFICATE] = "certificate refused",
    [SP_REASON_TRUNCATED] = "connection broken inside a message",
};

const char *sp_reason_text(enum sp_reason why)
{
    return texts[why < SP_REASON_COUNT ? why : SP_REASON_NONE];
}

static int reason_print(struct sp_out *o)
{
    struct reason_line *l = SP_CONTAINER(o, struct reason_line, out);
    sp_log("%s", l->text);
    sp_free(l);
    return 0;
}

/* An endpoint that fails in the same way again and again says so once. */
static bool reason_told(struct sp_ep *ep, enum sp_reason why, int err)
{
    bool told = ep->failing && ep->told && ep->told_why == (int)why && ep->told_err == err;
    ep->told = ep->failing;
    ep->told_why = (int)why;
    ep->told_err = err;
    return told;
}

void sp_sock_reason(struct sp_sock *s, struct sp_ep *ep, enum sp_reason why, int err,
                    const char *address, const char *detail)
{
    if (why != SP_REASON_NONE)
        s->stats[SP_ST_REASON + (int)why]++;
    bool words = detail && *detail && strcmp(detail, sp_reason_text(why)) != 0;
    snprintf(s->last_reason, sizeof s->last_reason, "%s: %s%s%s%s%s",
             address && *address ? address : ep->address,
             why == SP_REASON_NONE && err < 0 ? strerror(-err) : sp_reason_text(why),
             words ? ": " : "", words ? detail : "",
             !words && why != SP_REASON_NONE && err < 0 ? ": " : "",
             !words && why != SP_REASON_NONE && err < 0 ? strerror(-err) : "");
    if (!sp_log_on() || reason_told(ep, why, err))
        return;
    struct reason_line *l = sp_alloc(sizeof *l);
    if (!l)
        return; /* still counted, and still in NN_LAST_REASON */
    l->out.run = reason_print;
    snprintf(l->text, sizeof l->text, "socket %s, %s %s: %s", s->name,
             ep->dialler ? "connect" : "bind", ep->address, s->last_reason);
    sp_sock_out(s, &l->out);
}

void sp_sock_refused(struct sp_sock *s, const char *text)
{
    sp_sock_lock(s);
    snprintf(s->last_reason, sizeof s->last_reason, "%s", text);
    (void)sp_sock_unlock(s);
}
