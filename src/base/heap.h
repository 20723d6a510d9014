/* SPDX-License-Identifier: MIT */
/* Intrusive pairing heap: the smallest key first, no allocation, so a timer can always be set. */
#ifndef SP_BASE_HEAP_H
#define SP_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct sp_heap_node {
    uint64_t key;               /* smallest leaves first */
    struct sp_heap_node *child; /* first child */
    struct sp_heap_node *next;  /* next sibling */
    struct sp_heap_node *prev;  /* previous sibling, or the parent for a first child */
    bool linked;                /* is in a heap */
};

struct sp_heap {
    struct sp_heap_node *root; /* smallest, or NULL */
};

/* Keeps n until it is removed; n->key is set by the caller before and not changed while linked.
 * O(1). */
void sp_heap_insert(struct sp_heap *h, struct sp_heap_node *n);
/* O(log n) amortised. Does nothing when n is not linked. */
void sp_heap_remove(struct sp_heap *h, struct sp_heap_node *n);

#endif
