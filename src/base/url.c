/* SPDX-License-Identifier: MIT */
#include "base/url.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int sp_url_parse(struct sp_url *u, const char *text)
{
    size_t len = text ? strnlen(text, SP_URL_MAX) : 0;
    if (len == SP_URL_MAX)
        return -ENAMETOOLONG;
    const char *colon = len ? strchr(text, ':') : NULL;
    if (!colon || strncmp(colon, "://", 3))
        return -EINVAL;
    size_t scheme_len = (size_t)(colon - text);
    if (scheme_len >= sizeof u->scheme)
        return -EPROTONOSUPPORT;
    *u = (struct sp_url){0};
    memcpy(u->scheme, text, scheme_len);
    memcpy(u->rest, colon + 3, len - scheme_len - 3);
    return 0;
}

/* The decimal digits of s, all of it, as a number up to 65535, else -1. */
static int url_port(const char *s)
{
    int v = *s ? 0 : -1;
    for (; *s && v >= 0; s++) {
        v = *s >= '0' && *s <= '9' ? v * 10 + (*s - '0') : -1;
        if (v > UINT16_MAX)
            v = -1;
    }
    return v;
}

/* Copies n (< SP_URL_MAX) characters to out, without the brackets if it has a pair. False when it
 * is empty or has brackets otherwise, or has a colon outside them and is no IPv6 literal. */
static bool url_host(char *out, bool *v6, const char *s, size_t n)
{
    bool brackets = n >= 2 && s[0] == '[' && s[n - 1] == ']';
    if (brackets) {
        s++;
        n -= 2;
    }
    memcpy(out, s, n);
    out[n] = 0;
    struct in6_addr a;
    *v6 = brackets || (strchr(out, ':') && inet_pton(AF_INET6, out, &a) == 1);
    return n && !strpbrk(out, "[];") && (*v6 || !strchr(out, ':'));
}

int sp_hostport_parse(struct sp_hostport *h, const char *text, bool port0)
{
    *h = (struct sp_hostport){0};
    if (strnlen(text, SP_URL_MAX) == SP_URL_MAX)
        return -EINVAL;
    const char *semi = strchr(text, ';'), *host = semi ? semi + 1 : text,
               *colon = strrchr(host, ':');
    int port = colon ? url_port(colon + 1) : -1;
    if (port < 0 || (port == 0 && !port0))
        return -EINVAL;
    h->port = (uint16_t)port;
    if (!url_host(h->host, &h->v6, host, (size_t)(colon - host)))
        return -EINVAL;
    if (semi && !url_host(h->local, &h->local_v6, text, (size_t)(semi - text)))
        return -ENODEV;
    return 0;
}

static bool url_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

#define URL_LABEL_MAX 63

bool sp_hostname_ok(const char *name)
{
    const char *first = name, *label = name;
    char before = '.';
    for (; *name; before = *name++) {
        if (before == '.')
            label = name;
        if (name - label >= URL_LABEL_MAX && *name != '.')
            return false;
        if (*name == '.' ? !url_alnum(before) : *name == '-' ? before == '.' : !url_alnum(*name))
            return false;
    }
    return url_alnum(before) || (before == '.' && name != first);
}
