/* SPDX-License-Identifier: MIT */
/* A radix trie. Each node is one block: the first bytes of its children, pointers to them, and the label, which is the
 * bytes between it and its parent but for the first, which the parent holds. A child is found with a guess or memchr; a
 * match looks at one or two cache lines per node of its path, and a topic costs one node, or two when it splits another.
 * The root's label is empty.
 *
 * Failure modes: what an addition needs is allocated before anything is changed. Removing never needs memory: when a
 * node can't be merged with its only child the two stay apart, which matching and later changes do not mind. */
#include "trie.h"
#include <errno.h>
#include <string.h>

struct sp_trie_node {
    uint32_t refs;      /* times that the topic which ends here was added */
    uint32_t label_len; /* bytes of label */
    uint16_t n_kids;    /* children in use */
    uint16_t cap;       /* children that fit: 0 or 4 + 8 * n, so that the pointers are aligned */
    uint8_t keys[];     /* cap first bytes, then cap pointers, then the label */
};

/* How far a topic goes along the nodes that exist. */
struct trie_spot {
    struct sp_trie_node **link; /* what points to the last node */
    struct sp_trie_node **up;   /* what points to its parent; NULL for the root */
    size_t in_label;            /* bytes of the node's label that are equal */
    size_t used;                /* bytes of the topic up to there */
};

static size_t node_size(size_t cap, size_t label_len)
{
    return sizeof(struct sp_trie_node) + cap * (1 + sizeof(struct sp_trie_node *)) + label_len;
}

static struct sp_trie_node **node_kids(const struct sp_trie_node *n)
{
    return (struct sp_trie_node **)(uintptr_t)(n->keys + n->cap);
}

static uint8_t *node_label(const struct sp_trie_node *n)
{
    return (uint8_t *)(node_kids(n) + n->cap);
}

/* Gives a node without children, or NULL. The label is copied; NULL leaves it to the caller. */
static struct sp_trie_node *node_new(struct sp_trie *t, size_t cap, const uint8_t *label, size_t len)
{
    struct sp_trie_node *n = sp_alloc(node_size(cap, len));
    if (!n)
        return NULL;
    *n = (struct sp_trie_node){.cap = (uint16_t)cap, .label_len = (uint32_t)len};
    if (label && len)
        memcpy(node_label(n), label, len);
    t->n_bytes += node_size(cap, len);
    return n;
}

static void node_free(struct sp_trie *t, struct sp_trie_node *n)
{
    if (!n)
        return;
    t->n_bytes -= node_size(n->cap, n->label_len);
    sp_free(n);
}

/* dst, which has room, stands for the same topic and children as src. */
static void node_copy(struct sp_trie_node *dst, const struct sp_trie_node *src)
{
    dst->refs = src->refs;
    dst->n_kids = src->n_kids;
    if (!src->n_kids)
        return; /* a node without room for any has no aligned place for pointers */
    memcpy(dst->keys, src->keys, src->n_kids);
    memcpy(node_kids(dst), node_kids(src), src->n_kids * sizeof(struct sp_trie_node *));
}

/* Replaces the node at link by one with room for cap children. 0 or -ENOMEM (unchanged). */
static int node_resize(struct sp_trie *t, struct sp_trie_node **link, size_t cap)
{
    struct sp_trie_node *n = *link, *m = node_new(t, cap, node_label(n), n->label_len);
    if (!m)
        return -ENOMEM;
    node_copy(m, n);
    node_free(t, n);
    *link = m;
    return 0;
}

/* Removes the first k bytes of n's label; gives n, which may have moved. */
static struct sp_trie_node *node_behead(struct sp_trie *t, struct sp_trie_node *n, size_t k)
{
    n->label_len -= (uint32_t)k;
    memmove(node_label(n), node_label(n) + k, n->label_len);
    t->n_bytes -= k;
    struct sp_trie_node *m = sp_realloc(n, node_size(n->cap, n->label_len));
    return m ? m : n;
}

/* Keys are sorted, so that consecutive ones, like digits, are found at the first guess. */
static void node_push(struct sp_trie_node *n, uint8_t key, struct sp_trie_node *kid)
{
    struct sp_trie_node **kids = node_kids(n);
    size_t i = n->n_kids++;
    for (; i > 0 && n->keys[i - 1] > key; i--) {
        n->keys[i] = n->keys[i - 1];
        kids[i] = kids[i - 1];
    }
    n->keys[i] = key;
    kids[i] = kid;
}

static void node_remove(struct sp_trie_node *n, size_t i)
{
    for (n->n_kids--; i < n->n_kids; i++) {
        n->keys[i] = n->keys[i + 1];
        node_kids(n)[i] = node_kids(n)[i + 1];
    }
}

static struct sp_trie_node **node_find(const struct sp_trie_node *n, uint8_t key)
{
    if (!n->n_kids)
        return NULL;
    size_t guess = (uint8_t)(key - n->keys[0]);
    if (guess < n->n_kids && n->keys[guess] == key)
        return node_kids(n) + guess;
    const uint8_t *at = memchr(n->keys, key, n->n_kids);
    return at ? node_kids(n) + (at - n->keys) : NULL;
}

static size_t trie_common(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;
    while (i < len && a[i] == b[i])
        i++;
    return i;
}

/* Follows topic from the root (not NULL) to the last node on its way. */
static struct trie_spot trie_walk(struct sp_trie *t, const uint8_t *topic, size_t len)
{
    struct trie_spot s = {&t->root, NULL, 0, 0};
    for (;;) {
        struct sp_trie_node *n = *s.link, **kid;
        size_t left = len - s.used;
        s.in_label = trie_common(node_label(n), topic + s.used, left < n->label_len ? left : n->label_len);
        s.used += s.in_label;
        if (s.in_label < n->label_len || s.used == len || !(kid = node_find(n, topic[s.used])))
            return s;
        s.used++;
        s.up = s.link;
        s.link = kid;
    }
}

/* A node for the n (> 0) bytes of a topic behind the last node on its way, the first of which is its key. */
static struct sp_trie_node *trie_leaf(struct sp_trie *t, const uint8_t *rest, size_t n)
{
    struct sp_trie_node *leaf = node_new(t, 0, rest + 1, n - 1);
    if (leaf)
        leaf->refs = 1;
    return leaf;
}

/* Gives the node at link one more child, for the rest of a topic. */
static int trie_grow(struct sp_trie *t, struct sp_trie_node **link, const uint8_t *rest, size_t n)
{
    struct sp_trie_node *leaf = trie_leaf(t, rest, n);
    size_t cap = (*link)->cap;
    if (!leaf || ((*link)->n_kids == cap && node_resize(t, link, cap ? cap + 8 : 4) < 0)) {
        node_free(t, leaf);
        return -ENOMEM;
    }
    node_push(*link, rest[0], leaf);
    return 0;
}

/* Splits the node at link behind k bytes of its label, where the topic ends (n == 0) or goes on with rest. */
static int trie_split(struct sp_trie *t, struct sp_trie_node **link, size_t k, const uint8_t *rest, size_t n)
{
    struct sp_trie_node *low = *link, *leaf = NULL;
    uint8_t key = node_label(low)[k];
    struct sp_trie_node *top = node_new(t, 4, node_label(low), k);
    if (!top || (n && !(leaf = trie_leaf(t, rest, n)))) {
        node_free(t, top);
        return -ENOMEM;
    }
    node_push(top, key, node_behead(t, low, k + 1));
    if (leaf)
        node_push(top, rest[0], leaf);
    else
        top->refs = 1;
    *link = top;
    return 0;
}

void sp_trie_init(struct sp_trie *t)
{
    *t = (struct sp_trie){.max_bytes = SP_TRIE_MAX_BYTES};
}

int sp_trie_add(struct sp_trie *t, const void *topic, size_t len)
{
    if (len > SP_TOPIC_MAX)
        return -EMSGSIZE;
    topic = len ? topic : "";
    if (!t->root && !(t->root = node_new(t, 0, NULL, 0)))
        return -ENOMEM;
    struct trie_spot s = trie_walk(t, topic, len);
    struct sp_trie_node *n = *s.link;
    if (s.in_label == n->label_len && s.used == len) {
        if (n->refs == UINT32_MAX)
            return -ENOSPC;
        n->refs++;
        return 0;
    }
    size_t left = len - s.used;
    const uint8_t *rest = (const uint8_t *)topic + s.used;
    if (t->n_bytes + node_size(0, left) + node_size(8, s.in_label) > t->max_bytes)
        return -ENOSPC;
    if (s.in_label < n->label_len)
        return trie_split(t, s.link, s.in_label, rest, left);
    return trie_grow(t, s.link, rest, left);
}

/* Joins the node at link, which is no topic, with its only child. */
static void trie_merge(struct sp_trie *t, struct sp_trie_node **link)
{
    struct sp_trie_node *n = *link, *kid = node_kids(n)[0];
    size_t n_len = n->label_len;
    struct sp_trie_node *m = node_new(t, kid->cap, NULL, n_len + 1 + kid->label_len);
    if (!m)
        return;
    uint8_t *label = node_label(m);
    memcpy(label, node_label(n), n_len);
    label[n_len] = n->keys[0];
    memcpy(label + n_len + 1, node_label(kid), kid->label_len);
    node_copy(m, kid);
    *link = m;
    node_free(t, n);
    node_free(t, kid);
}

/* Removes the child at link, a leaf, from the node at up; that one is joined with a last child that it only leads to. */
static void trie_prune(struct sp_trie *t, struct sp_trie_node **up, struct sp_trie_node **link)
{
    struct sp_trie_node *n = *up, *leaf = *link;
    node_remove(n, (size_t)(link - node_kids(n)));
    node_free(t, leaf);
    if (n->n_kids == 1 && !n->refs && up != &t->root)
        trie_merge(t, up);
    else if (n->cap > 20 && n->n_kids < n->cap / 4 && node_resize(t, up, n->cap / 2 / 8 * 8 + 4u) < 0)
        return; /* it stays as large as it was */
}

int sp_trie_del(struct sp_trie *t, const void *topic, size_t len)
{
    if (!t->root || len > SP_TOPIC_MAX)
        return -ENOENT;
    struct trie_spot s = trie_walk(t, len ? topic : "", len);
    struct sp_trie_node *n = *s.link;
    if (s.in_label < n->label_len || s.used < len || !n->refs)
        return -ENOENT;
    if (--n->refs)
        return 0;
    if (s.up && n->n_kids == 0)
        trie_prune(t, s.up, s.link);
    else if (s.up && n->n_kids == 1)
        trie_merge(t, s.link);
    if (!t->root->refs && !t->root->n_kids) {
        node_free(t, t->root);
        t->root = NULL;
    }
    return 1;
}

bool sp_trie_match(const struct sp_trie *t, const void *p, size_t len)
{
    const struct sp_trie_node *n = t->root;
    const uint8_t *at = len ? p : (const void *)"";
    while (n && n->label_len <= len && (!n->label_len || memcmp(node_label(n), at, n->label_len) == 0)) {
        if (n->refs)
            return true;
        at += n->label_len;
        len -= n->label_len;
        struct sp_trie_node **kid = len ? node_find(n, *at) : NULL;
        if (!kid)
            return false;
        n = *kid;
        at++;
        len--;
    }
    return false;
}

void sp_trie_fini(struct sp_trie *t)
{
    /* Walks without a stack: a node on the way down keeps its parent in the place of the pointer it came by. */
    struct sp_trie_node *n = t->root, *parent = NULL;
    while (n) {
        struct sp_trie_node *next;
        if (n->n_kids) {
            next = node_kids(n)[n->n_kids - 1];
            node_kids(n)[n->n_kids - 1] = parent;
            parent = n;
        } else {
            node_free(t, n);
            next = parent;
            if (next)
                parent = node_kids(next)[--next->n_kids];
        }
        n = next;
    }
    t->root = NULL;
}
