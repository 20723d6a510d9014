/* SPDX-License-Identifier: MIT */
/* Hash map from a non-zero 32-bit id to a pointer. Not locked. */
#ifndef SP_BASE_IDMAP_H
#define SP_BASE_IDMAP_H

#include "alloc.h"
#include <stdint.h>

struct sp_idmap {
    struct sp_idmap_slot *slots; /* open addressing, power of two; NULL when empty */
    uint32_t cap;                /* slots */
    uint32_t n;                  /* ids inside */
};

void sp_idmap_init(struct sp_idmap *m);
void sp_idmap_fini(struct sp_idmap *m);
/* 0, -ENOMEM, or -EEXIST. Keeps the pointer (not NULL). */
int sp_idmap_put(struct sp_idmap *m, uint32_t id, void *value) SP_MUST_CHECK;
/* Borrows the value, or NULL. */
void *sp_idmap_get(const struct sp_idmap *m, uint32_t id);
/* Removes and gives the value, or NULL. Never allocates. */
void *sp_idmap_del(struct sp_idmap *m, uint32_t id);

#endif
