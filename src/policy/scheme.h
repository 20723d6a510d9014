/* SPDX-License-Identifier: MIT */
/* What the policy knows of the schemes, and how an address is written for its patterns. */
#ifndef SP_POLICY_SCHEME_H
#define SP_POLICY_SCHEME_H

#include "base/url.h"

#define SP_POLICY_ADDRESS (SP_URL_MAX + 32)

struct sp_scheme {
    const char *name;   /* without :// */
    const char *sealed; /* what it becomes under TLS, or NULL */
    bool tls;           /* is sealed already */
    bool local;         /* never leaves the machine */
    bool inet;          /* its addresses are host:port */
    const char *port;   /* ":80": the port if none is given, or NULL */
};

/* The scheme of n bytes, or NULL for one that is unknown. */
const struct sp_scheme *sp_scheme_find(const char *name, size_t n);
/* Writes the address in the form that patterns are matched with: "tcp://host:port", without a local
 * interface or leading zeros of the port, IPv6 shortened and in brackets; what is no such address
 * as it is. */
void sp_scheme_address(char out[SP_POLICY_ADDRESS], const struct sp_url *u);
/* Writes the address under the sealed name of its scheme, which has one; the port stays the same.
 */
void sp_scheme_seal(char out[SP_POLICY_ADDRESS], const struct sp_scheme *s, const struct sp_url *u);

#endif
