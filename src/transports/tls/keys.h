/* SPDX-License-Identifier: MIT */
/* A set of pre-shared keys. Not locked: its owner (config.c) does that. */
#ifndef SP_TLS_KEYS_H
#define SP_TLS_KEYS_H

#include "base/alloc.h"
#include <nanomsg/tls.h>
#include <stdint.h>

#define SP_KEYS_MAX 16384 /* identities of one set */

struct sp_key {
    uint64_t hash;   /* of the identity */
    uint64_t serial; /* unique in the process: tells a replaced key from its successor */
    uint8_t *id;     /* owned */
    uint8_t *key;    /* owned, base/secret memory */
    uint8_t id_len;  /* 1..NN_TLS_ID_MAX */
    uint8_t key_len; /* NN_TLS_KEY_MIN..NN_TLS_KEY_MAX */
    uint8_t flags;   /* NN_TLS_DIAL, _ACCEPT, _SHARED */
    bool dialled;    /* has been offered to somebody by this set's owner */
};

struct sp_keys {
    struct sp_key *v; /* in the order of adding */
    size_t n;         /* identities */
    size_t cap;       /* entries that fit */
};

/* Whether lengths, flags and key are acceptable: 0 or -EINVAL. */
int sp_keys_check(size_t id_len, const uint8_t *key, size_t key_len, int flags) SP_MUST_CHECK;
/* Adds a copy, or replaces the key and flags of the same identity. 0, -EINVAL, -ENOMEM, -ENOSPC. */
int sp_keys_add(struct sp_keys *k, const void *id, size_t id_len, const void *key, size_t key_len,
                int flags) SP_MUST_CHECK;
/* 0 or -ENOENT. */
int sp_keys_remove(struct sp_keys *k, const void *id, size_t id_len) SP_MUST_CHECK;
/* Borrows the entry until the set changes, or NULL. Looks at every entry, so that the time says
 * little. */
struct sp_key *sp_keys_find(const struct sp_keys *k, const void *id, size_t id_len);
/* Borrows the turn-th (modulo their number) entry to dial with, or NULL. */
struct sp_key *sp_keys_dial(const struct sp_keys *k, unsigned turn);
/* How many entries have one of these flags. */
size_t sp_keys_count(const struct sp_keys *k, int flags);
/* Carries over from the old set which identities have been dialled with, and the serials of keys that
 * are the same. */
void sp_keys_inherit(struct sp_keys *k, const struct sp_keys *old);
void sp_keys_fini(struct sp_keys *k);

#endif
