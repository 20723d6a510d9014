/* SPDX-License-Identifier: MIT */
/* One TLS configuration for each key file that rules name, made when first needed and kept until
 * nn_term. Not locked: its owner (policy.c) does that. */
#ifndef SP_POLICY_KEYRING_H
#define SP_POLICY_KEYRING_H

#include "base/alloc.h"

#define SP_KEYRING_MAX 256 /* key files of a process */

struct sp_keyring_entry {
    char *path; /* owned */
    int handle; /* of nn_tls_create */
};

struct sp_keyring {
    struct sp_keyring_entry *v; /* owned */
    size_t n;                   /* entries */
};

/* The handle for a key file, or a negative errno: -EMFILE when there are too many, what
 * nn_tls_create says. *path gets the ring's copy of it, which stays until sp_keyring_fini. */
int sp_keyring_get(struct sp_keyring *k, const char **path) SP_MUST_CHECK;
void sp_keyring_fini(struct sp_keyring *k);

#endif
