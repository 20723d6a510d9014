/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool (*sp_alloc_hook)(void);

bool sp_alloc_refused(void)
{
    if (!sp_alloc_hook || !sp_alloc_hook())
        return false;
    errno = ENOMEM;
    return true;
}

/* A size of zero counts as one byte: what malloc(0) and realloc(p, 0) do differs between systems. */
void *sp_alloc(size_t n)
{
    return sp_alloc_refused() ? NULL : malloc(n ? n : 1);
}

void *sp_calloc(size_t n, size_t size)
{
    if (sp_alloc_refused())
        return NULL;
    return n && size ? calloc(n, size) : calloc(1, 1);
}

void *sp_realloc(void *p, size_t n)
{
    return sp_alloc_refused() ? NULL : realloc(p, n ? n : 1);
}

void sp_free(void *p)
{
    free(p);
}

void *sp_memdup(const void *p, size_t n)
{
    char *copy = n < SIZE_MAX ? sp_alloc(n + 1) : NULL;
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, p, n);
    copy[n] = 0;
    return copy;
}
