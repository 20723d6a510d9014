/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool (*_Atomic sp_alloc_hook)(void);

bool sp_alloc_refused(void)
{
    bool (*hook)(void) = sp_alloc_hook;
    if (!hook || !hook())
        return false;
    errno = ENOMEM;
    return true;
}

/* What malloc(0) and realloc(p, 0) do differs between systems: a size of zero counts as one byte. A
 * size that no object can have is refused here, where a sanitizer would end the program. */
static bool alloc_refused(size_t n)
{
    if (n <= PTRDIFF_MAX)
        return sp_alloc_refused();
    errno = ENOMEM;
    return true;
}

void *sp_alloc(size_t n)
{
    return alloc_refused(n) ? NULL : malloc(n ? n : 1);
}

void *sp_calloc(size_t n, size_t size)
{
    size_t len = size && n > SIZE_MAX / size ? SIZE_MAX : n * size;
    return alloc_refused(len) ? NULL : calloc(1, len ? len : 1);
}

void *sp_realloc(void *p, size_t n)
{
    return alloc_refused(n) ? NULL : realloc(p, n ? n : 1);
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

void sp_alloc_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
