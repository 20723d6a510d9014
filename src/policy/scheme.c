/* SPDX-License-Identifier: MIT */
#include "policy/scheme.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const struct sp_scheme schemes[] = {
    {.name = "tcp", .sealed = "tls+psk", .inet = true},
    {.name = "ws", .sealed = "wss", .inet = true, .port = ":80"},
    {.name = "ipc", .local = true},
    {.name = "abstract", .local = true},
    {.name = "inproc", .local = true},
    {.name = "tls+psk", .tls = true, .inet = true},
    {.name = "tls+tcp", .tls = true, .inet = true},
    {.name = "wss", .tls = true, .inet = true, .port = ":443"},
};

const struct sp_scheme *sp_scheme_find(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i].name) == n && memcmp(schemes[i].name, name, n) == 0)
            return &schemes[i];
    return NULL;
}

/* One spelling for an IPv6 address that has many. */
static void scheme_shorten(char *host)
{
    struct in6_addr a;
    char text[INET6_ADDRSTRLEN];
    if (inet_pton(AF_INET6, host, &a) == 1 && inet_ntop(AF_INET6, &a, text, sizeof text))
        memcpy(host, text, strlen(text) + 1);
}

/* Parses the host and port with `more` behind them. */
static bool scheme_parse(struct sp_hostport *hp, const struct sp_url *u, const char *more)
{
    char part[SP_URL_MAX + 8];
    int n = (int)strcspn(u->rest, "/");
    snprintf(part, sizeof part, "%.*s%s", n, u->rest, more);
    return sp_hostport_parse(hp, part, true) == 0;
}

/* The port that the address lacks and its scheme has without saying, else "". */
static const char *scheme_port(const struct sp_scheme *s, const struct sp_url *u)
{
    struct sp_hostport hp;
    bool lacks = s && s->port && !scheme_parse(&hp, u, "") && scheme_parse(&hp, u, s->port);
    return lacks ? s->port : "";
}

void sp_scheme_address(char out[SP_POLICY_ADDRESS], const struct sp_url *u)
{
    const struct sp_scheme *s = sp_scheme_find(u->scheme, strlen(u->scheme));
    struct sp_hostport hp;
    if (!s || !s->inet || !scheme_parse(&hp, u, scheme_port(s, u))) {
        snprintf(out, SP_POLICY_ADDRESS, "%s://%s", u->scheme, u->rest);
        return;
    }
    if (hp.v6)
        scheme_shorten(hp.host);
    snprintf(out, SP_POLICY_ADDRESS, "%s://%s%s%s:%u%s", u->scheme, hp.v6 ? "[" : "", hp.host,
             hp.v6 ? "]" : "", (unsigned)hp.port, u->rest + strcspn(u->rest, "/"));
}

void sp_scheme_seal(char out[SP_POLICY_ADDRESS], const struct sp_scheme *s, const struct sp_url *u)
{
    int n = (int)strcspn(u->rest, "/");
    snprintf(out, SP_POLICY_ADDRESS, "%s://%.*s%s%s", s->sealed, n, u->rest, scheme_port(s, u),
             u->rest + n);
}
