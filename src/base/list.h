/* SPDX-License-Identifier: MIT */
/* Intrusive doubly linked list. A node that is in no list points to itself, so unlinking twice is
 * harmless. */
#ifndef SP_BASE_LIST_H
#define SP_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct sp_list {
    struct sp_list *next; /* first, or itself */
    struct sp_list *prev; /* last, or itself */
};

#define SP_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define SP_LIST_EACH(it, head) for (struct sp_list *it = (head)->next; it != (head); it = it->next)
/* The loop's body may unlink `it`, and nothing else. */
#define SP_LIST_EACH_SAFE(it, head)                                                                \
    for (struct sp_list *it = (head)->next, *it##_next = it->next; it != (head);                   \
         it = it##_next, it##_next = it->next)

static inline void sp_list_init(struct sp_list *l)
{
    l->next = l->prev = l;
}
static inline bool sp_list_empty(const struct sp_list *l)
{
    return l->next == l;
}

static inline void sp_list_insert_before(struct sp_list *at, struct sp_list *n)
{
    n->next = at;
    n->prev = at->prev;
    at->prev->next = n;
    at->prev = n;
}

static inline void sp_list_push(struct sp_list *head, struct sp_list *n)
{
    sp_list_insert_before(head, n);
}

static inline void sp_list_unlink(struct sp_list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = n->prev = n;
}

/* Unlinks and gives the first node, or NULL. */
static inline struct sp_list *sp_list_pop(struct sp_list *head)
{
    struct sp_list *n = head->next;
    if (n == head)
        return NULL;
    sp_list_unlink(n);
    return n;
}

/* Moves all nodes of src behind those of dst. */
static inline void sp_list_splice(struct sp_list *dst, struct sp_list *src)
{
    if (sp_list_empty(src))
        return;
    src->next->prev = dst->prev;
    dst->prev->next = src->next;
    src->prev->next = dst;
    dst->prev = src->prev;
    sp_list_init(src);
}

#endif
