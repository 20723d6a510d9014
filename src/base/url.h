/* SPDX-License-Identifier: MIT */
/* Endpoint addresses, parsed without I/O. */
#ifndef SP_BASE_URL_H
#define SP_BASE_URL_H

#include "alloc.h"
#include <stdbool.h>
#include <stdint.h>

#define SP_URL_MAX 128 /* NN_SOCKADDR_MAX: an address is shorter than this */

struct sp_url {
    char scheme[16];       /* lower case as written */
    char rest[SP_URL_MAX]; /* behind :// */
};

/* 0; -EINVAL without "://" ; -ENAMETOOLONG at 128 characters and more; -EPROTONOSUPPORT for a
 * scheme too long to exist. */
int sp_url_parse(struct sp_url *u, const char *text) SP_MUST_CHECK;

struct sp_hostport {
    char local[SP_URL_MAX]; /* before ';', empty when absent; brackets of IPv6 removed */
    char host[SP_URL_MAX];  /* name, interface, literal or "*"; brackets removed */
    bool v6;                /* host was written in brackets, or is an IPv6 literal without them */
    bool local_v6;          /* the same of local */
    uint16_t port;          /* 0 only when port0 was allowed */
};

/* Parses "[local;]host:port" of tcp and its relatives. `port0`: a port of 0 is legal.
 * -EINVAL for an empty host, a missing, empty, too large or malformed port, or unbalanced brackets.
 * -ENODEV for a local part that is empty or malformed. */
int sp_hostport_parse(struct sp_hostport *h, const char *text, bool port0) SP_MUST_CHECK;

/* Whether a resolver may be asked for `name`: labels of letters, digits, '_' and inner '-', none
 * empty; a dot may end it, as in a name that is complete. */
bool sp_hostname_ok(const char *name) SP_MUST_CHECK;

#endif
