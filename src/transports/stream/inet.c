/* SPDX-License-Identifier: MIT */
/* Addresses host:port of tcp and of all that runs over it. Literals and interfaces are resolved at
 * nn_bind and nn_connect; names at each attempt, on a worker, and all their addresses are tried in
 * turn. */
#include "impl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <nanomsg/tcp.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>

static const struct sp_opt tcp_rows[] = {
    {.id = NN_TCP_NODELAY,
     .kind = SP_OPT_INT,
     .lo = 0,
     .hi = 1,
     .off = offsetof(struct sp_tcp_options, nodelay)},
};

const struct sp_optlevel sp_tcp_opts = {
    .level = NN_TCP,
    .size = sizeof(struct sp_tcp_options),
    .opts = tcp_rows,
    .n_opts = sizeof tcp_rows / sizeof *tcp_rows,
};

static void addr_port(struct sp_addr *a, uint16_t port)
{
    if (a->ss.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a->ss)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&a->ss)->sin_port = htons(port);
}

static bool addr_literal(struct sp_addr *a, const char *text, bool v6)
{
    memset(a, 0, sizeof *a);
    struct sockaddr_in *in = (struct sockaddr_in *)&a->ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->ss;
    if (v6 ? inet_pton(AF_INET6, text, &in6->sin6_addr) != 1
           : inet_pton(AF_INET, text, &in->sin_addr) != 1)
        return false;
    a->ss.ss_family = v6 ? AF_INET6 : AF_INET;
    a->len = v6 ? sizeof *in6 : sizeof *in;
    return true;
}

/* The address of an interface: IPv4 first, else IPv6 when that is allowed. */
static bool addr_interface(struct sp_addr *a, const char *name, bool ipv4only)
{
    struct ifaddrs *all = NULL;
    int best = 0;
    if (getifaddrs(&all) < 0)
        return false;
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr || strcmp(i->ifa_name, name) != 0)
            continue;
        int rank = i->ifa_addr->sa_family == AF_INET                 ? 2
                   : i->ifa_addr->sa_family == AF_INET6 && !ipv4only ? 1
                                                                     : 0;
        if (rank <= best)
            continue;
        best = rank;
        memset(a, 0, sizeof *a);
        a->len = rank == 2 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        memcpy(&a->ss, i->ifa_addr, a->len);
    }
    freeifaddrs(all);
    return best > 0;
}

static int addr_any(struct sp_addr *a, bool ipv4only)
{
    return addr_literal(a, ipv4only ? "0.0.0.0" : "::", !ipv4only) ? 0 : -ENODEV;
}

/* A local address: literal, interface, or "*". */
static int addr_local(struct sp_ep *ep, struct sp_addr *a, const char *text, bool v6)
{
    if (!strcmp(text, "*"))
        return addr_any(a, ep->ipv4only);
    if (v6)
        return !ep->ipv4only && addr_literal(a, text, true) ? 0 : -ENODEV;
    return addr_literal(a, text, false) || addr_interface(a, text, ep->ipv4only) ? 0 : -ENODEV;
}

static int addr_remote(struct sp_stream_ep *se)
{
    struct sp_ep *ep = se->ep;
    const struct sp_hostport *h = &se->hp;
    if (h->v6 && ep->ipv4only)
        return -EINVAL;
    if (addr_literal(&se->cand[0], h->host, h->v6)) {
        addr_port(&se->cand[0], h->port);
        se->n_cand = 1;
        return 0;
    }
    se->named = true;
    return !h->v6 && sp_hostname_ok(h->host) ? 0 : -EINVAL;
}

int sp_inet_parse(struct sp_ep *ep, const char *hostport)
{
    struct sp_stream_ep *se = sp_stream_ep(ep);
    int rc = sp_hostport_parse(&se->hp, hostport, ep->port0 && !ep->dialler);
    const struct sp_hostport *h = &se->hp;
    if (rc < 0)
        return !ep->dialler && h->port ? -ENODEV
                                       : rc; /* the port is good, so it is the interface */
    if (!ep->dialler) {
        rc = *h->local ? -ENODEV : addr_local(ep, &se->local, h->host, h->v6);
        addr_port(&se->local, h->port);
        return rc;
    }
    if (*h->local && (rc = addr_local(ep, &se->local, h->local, h->local_v6)) < 0)
        return rc;
    return addr_remote(se);
}

int sp_inet_address(struct sp_ep *ep)
{
    return sp_inet_parse(ep, ep->url.rest);
}

int sp_inet_resolve(const struct sp_hostport *hp, bool ipv4only, struct sp_addr *out, int max)
{
    struct addrinfo hint = {.ai_family = ipv4only ? AF_INET : AF_UNSPEC,
                            .ai_socktype = SOCK_STREAM},
                    *all = NULL;
    int n = 0;
    if (getaddrinfo(hp->host, NULL, &hint, &all) != 0)
        return 0;
    for (struct addrinfo *i = all; i && n < max; i = i->ai_next) {
        struct sp_addr *a = &out[n++];
        memset(a, 0, sizeof *a);
        a->len = (socklen_t)i->ai_addrlen;
        memcpy(&a->ss, i->ai_addr, i->ai_addrlen);
        addr_port(a, hp->port);
    }
    freeaddrinfo(all);
    return n;
}

/* Gathering takes the place of Nagle's algorithm, so that is always off. NOTSENT_LOWAT keeps a
 * silent peer from swallowing megabytes. */
static void inet_tune(int fd)
{
    int one = 1, low = SP_FD_LOW;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
#ifdef TCP_NOTSENT_LOWAT
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low);
#else
    (void)low;
#endif
}

static void inet_text(const struct sp_ep *ep, const struct sp_addr *a, char *out, size_t n)
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool v6 = a->ss.ss_family == AF_INET6;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->ss;
    const struct sockaddr_in *in = (const struct sockaddr_in *)&a->ss;
    inet_ntop(a->ss.ss_family, v6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr,
              host, sizeof host);
    snprintf(out, n, v6 ? "%s://[%s]:%u" : "%s://%s:%u", ep->t->scheme, host,
             ntohs(v6 ? in6->sin6_port : in->sin_port));
}

/* The address with the port that was really bound. */
static void inet_bound(struct sp_ep *ep, int fd)
{
    struct sp_stream_ep *se = sp_stream_ep(ep);
    struct sp_addr a = {.len = sizeof a.ss};
    if (se->hp.port || getsockname(fd, (struct sockaddr *)&a.ss, &a.len) < 0)
        return;
    char text[160];
    inet_text(ep, &a, text, sizeof text);
    snprintf(ep->address, sizeof ep->address, "%s://%s%s%s%s", ep->t->scheme, se->hp.v6 ? "[" : "",
             se->hp.host, se->hp.v6 ? "]" : "", strrchr(text, ':'));
}

static int inet_listen(struct sp_ep *ep, int fd, const struct sp_addr *a)
{
    int on = 1, off = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ss.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, (const struct sockaddr *)&a->ss, a->len) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    inet_bound(ep, fd);
    return 0;
}

const struct sp_family sp_inet = {
    .text = inet_text,
    .tune = inet_tune,
    .listen = inet_listen,
};
