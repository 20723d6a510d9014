/* SPDX-License-Identifier: MIT */
#include "base/heap.h"
#include <stddef.h>

/* Makes the root with the larger key the first child of the other. Both are roots or NULL. */
static struct sp_heap_node *heap_meld(struct sp_heap_node *a, struct sp_heap_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->key < a->key) {
        struct sp_heap_node *t = a;
        a = b;
        b = t;
    }
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

static struct sp_heap_node *heap_detach(struct sp_heap_node *n)
{
    n->next = n->prev = NULL;
    return n;
}

/* Makes one heap of a row of siblings: pairs from the front, then those from the back. A loop and
 * no recursion, since a row may be as long as the heap. */
static struct sp_heap_node *heap_meld_row(struct sp_heap_node *row)
{
    struct sp_heap_node *pairs = NULL, *root = NULL;
    while (row) {
        struct sp_heap_node *a = row, *b = a->next;
        row = b ? b->next : NULL;
        a = heap_meld(heap_detach(a), b ? heap_detach(b) : NULL);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct sp_heap_node *a = pairs;
        pairs = a->next;
        root = heap_meld(root, heap_detach(a));
    }
    return root;
}

/* Takes n, which is not the root, out of the row it is in. */
static void heap_cut(struct sp_heap_node *n)
{
    if (n->prev->child == n)
        n->prev->child = n->next;
    else
        n->prev->next = n->next;
    if (n->next)
        n->next->prev = n->prev;
}

void sp_heap_insert(struct sp_heap *h, struct sp_heap_node *n)
{
    n->child = NULL;
    n->linked = true;
    h->root = heap_meld(h->root, heap_detach(n));
}

void sp_heap_remove(struct sp_heap *h, struct sp_heap_node *n)
{
    if (!n->linked)
        return;
    struct sp_heap_node *below = heap_meld_row(n->child);
    if (h->root == n) {
        h->root = below;
    } else {
        heap_cut(n);
        h->root = heap_meld(h->root, below);
    }
    n->child = NULL;
    heap_detach(n)->linked = false;
}
