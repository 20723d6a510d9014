/* SPDX-License-Identifier: MIT */
#include "policy/scheme.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const struct sp_scheme schemes[] = {
    {.name = "tcp", .sealed = "tls+psk", .inet = true},
    {.name = "ws", .sealed = "wss", .inet = true},
    {.name = "ipc", .local = true},
    {.name = "abstract", .local = true},
    {.name = "inproc", .local = true},
    {.name = "tls+psk", .tls = true, .inet = true},
    {.name = "tls+tcp", .tls = true, .inet = true},
    {.name = "wss", .tls = true, .inet = true},
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

void sp_scheme_address(char out[SP_POLICY_ADDRESS], const struct sp_url *u)
{
    const struct sp_scheme *s = sp_scheme_find(u->scheme, strlen(u->scheme));
    size_t n = strcspn(u->rest, "/");
    char part[SP_URL_MAX];
    struct sp_hostport hp;
    snprintf(part, sizeof part, "%.*s", (int)n, u->rest);
    if (!s || !s->inet || sp_hostport_parse(&hp, part, true) < 0) {
        snprintf(out, SP_POLICY_ADDRESS, "%s://%s", u->scheme, u->rest);
        return;
    }
    if (hp.v6)
        scheme_shorten(hp.host);
    snprintf(out, SP_POLICY_ADDRESS, "%s://%s%s%s:%u%s", u->scheme, hp.v6 ? "[" : "", hp.host,
             hp.v6 ? "]" : "", (unsigned)hp.port, u->rest + n);
}
