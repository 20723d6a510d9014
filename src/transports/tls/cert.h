/* SPDX-License-Identifier: MIT */
/* Certificates, read once and shared by handshakes: a chain with its private key, or authorities.
 */
#ifndef SP_TLS_CERT_H
#define SP_TLS_CERT_H

#include "base/alloc.h"
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stdatomic.h>

struct sp_tls_cert {
    atomic_int refs;
    mbedtls_x509_crt chain; /* ours, leaf first, or the authorities */
    mbedtls_pk_context key; /* of the leaf; empty for authorities */
};

/* Reads PEM files; keyfile NULL: authorities. Gives one reference. -EINVAL: not PEM, or the key is
 * of another certificate; -EACCES: everybody may read the key; -ENOMEM; what open(2) says. */
int sp_tls_cert_load(struct sp_tls_cert **out, const char *certfile,
                     const char *keyfile) SP_MUST_CHECK;
/* NULL is allowed in both. */
struct sp_tls_cert *sp_tls_cert_hold(struct sp_tls_cert *c);
void sp_tls_cert_drop(struct sp_tls_cert *c);

#endif
