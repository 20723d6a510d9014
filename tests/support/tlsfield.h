/* SPDX-License-Identifier: MIT */
/* The field of attacks (field.h) over tls+psk://. Identities are strings, and the right key of each can be made from it:
 * a listening victim accepts "honest" and "mallory" (the attacker who has a key), a dialling one is "victim". */
#ifndef TESTS_SUPPORT_TLSFIELD_H
#define TESTS_SUPPORT_TLSFIELD_H

#include "field.h"

struct rp_tls_field {
    struct rp_field f;
    int config; /* the victim's */
    int other;  /* the honest peer's */
};

/* The right key of an identity, or a wrong one. */
void rp_tls_key(const char *id, uint8_t key[32]);
void rp_tls_wrong_key(const char *id, uint8_t key[32]);
/* A new configuration that has the identity with its right (or a wrong) key; flags are NN_TLS_DIAL and so on. */
int rp_tls_config(const char *id, int flags);
int rp_tls_wrong_config(const char *id, int flags);
void rp_tls_add(int h, const char *id, int flags);
/* Gives a socket its configuration. */
void rp_tls_use(int s, int h);
/* As rp_bind and rp_dial. */
int rp_tls_bind(int s);
int rp_tls_dial(int s, int port);
/* As rp_socket, with a configuration that has `id` to dial with, which the socket alone keeps. */
int rp_tls_socket(int protocol, const char *id);

/* As those of field.h. */
void rp_tls_field_sockets(struct rp_tls_field *t, int protocol, bool dials);
void rp_tls_field_open(struct rp_tls_field *t, int protocol, bool dials);
void rp_tls_field_close(struct rp_tls_field *t);
/* For a SUB: receives what comes until the victim has only its honest peer. Gives how many messages, or -1 when that
 * takes more than ms. */
int rp_tls_drain(struct rp_tls_field *t, int ms);

#endif
