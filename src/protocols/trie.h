/* SPDX-License-Identifier: MIT */
/* A set of byte strings with counts that answers: is one of them a prefix of this? Not locked, no recursion. */
#ifndef SP_PROTOCOLS_TRIE_H
#define SP_PROTOCOLS_TRIE_H

#include "../base/alloc.h"
#include <stdint.h>

#define SP_TOPIC_MAX (1u << 20)               /* bytes of a topic */
#define SP_TRIE_MAX_BYTES ((size_t)256 << 20) /* memory of a trie, when nothing else is set */

struct sp_trie {
    struct sp_trie_node *root; /* NULL when empty */
    size_t n_bytes;            /* memory of all nodes */
    size_t max_bytes;          /* -ENOSPC above this */
};

void sp_trie_init(struct sp_trie *t);
/* Frees all nodes. */
void sp_trie_fini(struct sp_trie *t);
/* Counts topic once more, which is copied. 0; -EMSGSIZE: above SP_TOPIC_MAX; -ENOSPC: a limit is reached; -ENOMEM. The
 * set is unchanged on failure. */
int sp_trie_add(struct sp_trie *t, const void *topic, size_t len) SP_MUST_CHECK;
/* Counts topic once less. 1: that was the last one, it is gone; 0: there are more; -ENOENT: it is not in the set. */
int sp_trie_del(struct sp_trie *t, const void *topic, size_t len);
/* Whether any topic of the set is a prefix of the len bytes at p. */
bool sp_trie_match(const struct sp_trie *t, const void *p, size_t len);

#endif
