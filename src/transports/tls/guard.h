/* SPDX-License-Identifier: MIT */
/* The brake on guessing keys: a bounded table of who offered a known identity with a wrong key, by
 * address and identity, so that one device's failures do not shut out others behind the same
 * address. Not locked. */
#ifndef SP_TLS_GUARD_H
#define SP_TLS_GUARD_H

#include "base/alloc.h"
#include <stdint.h>

#define SP_GUARD_SETS       64   /* sets of the table */
#define SP_GUARD_WAYS       4    /* entries of a set */
#define SP_GUARD_FREE       10   /* wrong keys before the first delay, by default */
#define SP_GUARD_FIRST_MS   100  /* first delay; each further one is twice as long */
#define SP_GUARD_LONGEST_MS 5000 /* longest delay by default */

struct sp_guard_slot {
    uint64_t who;   /* hash of address and identity; 0: free */
    uint64_t until; /* sp_now() before which it is refused unseen */
    uint64_t last;  /* of its latest failure */
    uint32_t n;     /* failures in a row */
};

struct sp_guard {
    struct sp_guard_slot *slots; /* made at the first failure, owned */
};

/* Hash of a peer's address, without its port, and an identity; never 0. */
uint64_t sp_guard_who(const char *address, const void *id, size_t id_len);
/* Whether `who` must be refused without a look at its key. */
bool sp_guard_blocks(const struct sp_guard *g, uint64_t who, uint64_t now);
/* Notes a wrong key. After `free` of them (0: never) delays grow up to longest_ms. Without memory
 * for the table nothing is noted. */
void sp_guard_failed(struct sp_guard *g, uint64_t who, uint64_t now, int free, int longest_ms);
/* Notes a right key: its failures are forgotten. */
void sp_guard_passed(struct sp_guard *g, uint64_t who);
void sp_guard_fini(struct sp_guard *g);

#endif
