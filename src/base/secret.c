/* SPDX-License-Identifier: MIT */
/* Key memory is mapped by pages of its own. A page is 64 units; the first holds its header, the
 * others are given out in runs, marked in two bitmaps (used; first of a run), so a run's length is
 * known when it is freed. Pages with free units stand in one list; a page without any run is
 * unmapped. More than 63 units get a mapping of their own.
 *
 * Locking in memory, leaving core dumps and zeroing on fork are asked for and may be refused: then
 * keys still work, less well kept. Only mapping can fail. A page's header is zeroed by a fork too;
 * length 0 tells the child that it is not its own. */
#define _GNU_SOURCE
#include "base/secret.h"
#include "base/list.h"
#include "base/lock.h"
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__
#define SECRET_ASAN 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SECRET_ASAN 1
#endif
#endif
/* ASan catches the use of freed keys, and its leak finder follows pointers kept in key memory. */
#ifdef SECRET_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#define secret_poison(p, n)   __asan_poison_memory_region(p, n)
#define secret_unpoison(p, n) __asan_unpoison_memory_region(p, n)
#define secret_root(p, n)     __lsan_register_root_region(p, n)
#define secret_unroot(p, n)   __lsan_unregister_root_region(p, n)
#else
#define secret_poison(p, n)   ((void)(p), (void)(n))
#define secret_unpoison(p, n) ((void)(p), (void)(n))
#define secret_root(p, n)     ((void)(p), (void)(n))
#define secret_unroot(p, n)   ((void)(p), (void)(n))
#endif

#define SECRET_UNITS    64u /* of a page, which is why a bitmap is one word */
#define SECRET_TRIES    8   /* pages looked at before a new one is mapped */
#define SECRET_PAGE_MIN 4096u

struct secret_page {
    struct sp_list link; /* in secret_pages, or in none when no unit is free */
    size_t len;          /* bytes mapped; 0 in a child that inherited it */
    uint64_t used;       /* bit n: unit n is taken; bit 0, the header's, always */
    uint64_t first;      /* bit n: a run starts at unit n */
};

_Static_assert(sizeof(struct secret_page) <= SECRET_PAGE_MIN / SECRET_UNITS,
               "the header takes one unit");

static sp_mutex secret_lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below, and the headers */
/* Pages with a free unit, latest freed first. */
static struct sp_list secret_pages = {&secret_pages, &secret_pages};
static size_t secret_n; /* blocks given out */

static size_t secret_page_len(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t secret_bits(size_t n, size_t at)
{
    return (UINT64_MAX >> (SECRET_UNITS - n)) << at;
}

static struct secret_page *secret_map(size_t len)
{
    if (sp_alloc_refused())
        return NULL;
    struct secret_page *p =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    mlock(p, len);
#ifdef MADV_DONTDUMP
    madvise(p, len, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
    madvise(p, len, MADV_WIPEONFORK);
#endif
    *p = (struct secret_page){.len = len, .used = 1};
    sp_list_init(&p->link);
    secret_root(p, len);
    return p;
}

static void secret_unmap(struct secret_page *p)
{
    size_t len = p->len;
    sp_list_unlink(&p->link);
    secret_unroot(p, len);
    secret_unpoison(p, len);
    munmap(p, len);
}

/* Takes n units in a row of p and gives the first, or 0. */
static size_t secret_take(struct secret_page *p, size_t n)
{
    for (size_t at = 1; at + n <= SECRET_UNITS; at++) {
        if (p->used & secret_bits(n, at))
            continue;
        p->used |= secret_bits(n, at);
        p->first |= secret_bits(1, at);
        if (p->used == UINT64_MAX)
            sp_list_unlink(&p->link);
        return at;
    }
    return 0;
}

/* A run of n units in a page that has room, or in a new one. Under the lock. */
static void *secret_take_small(size_t n, size_t unit)
{
    int tries = SECRET_TRIES;
    SP_LIST_EACH (it, &secret_pages) {
        struct secret_page *p = SP_CONTAINER(it, struct secret_page, link);
        size_t at = tries-- > 0 ? secret_take(p, n) : 0;
        if (at)
            return (char *)p + at * unit;
        if (tries <= 0)
            break;
    }
    struct secret_page *p = secret_map(SECRET_UNITS * unit);
    if (!p)
        return NULL;
    secret_poison((char *)p + unit, p->len - unit);
    sp_list_insert_before(secret_pages.next, &p->link);
    return (char *)p + secret_take(p, n) * unit;
}

void *sp_secret_alloc(size_t n)
{
    size_t page = secret_page_len(), unit = page / SECRET_UNITS;
    if (n > SIZE_MAX / 2)
        return NULL;
    size_t n_units = n ? (n + unit - 1) / unit : 1;
    sp_mutex_lock(&secret_lock);
    char *block;
    if (n_units < SECRET_UNITS) {
        block = secret_take_small(n_units, unit);
    } else {
        block = (char *)secret_map((n + unit + page - 1) / page * page);
        block = block ? block + unit : NULL;
    }
    if (block) {
        secret_n++;
        secret_unpoison(block, n);
    }
    sp_mutex_unlock(&secret_lock);
    return block;
}

/* Wipes the run at unit `at`; a page that is empty then goes, one that was full is found again. */
static void secret_give(struct secret_page *p, size_t at, size_t unit)
{
    size_t n = 1;
    while (at + n < SECRET_UNITS && (p->used & ~p->first) >> (at + n) & 1)
        n++;
    char *block = (char *)p + at * unit;
    secret_unpoison(block, n * unit);
    sp_wipe(block, n * unit);
    secret_poison(block, n * unit);
    p->used &= ~secret_bits(n, at);
    p->first &= ~secret_bits(1, at);
    sp_list_unlink(&p->link);
    if (p->first)
        sp_list_insert_before(secret_pages.next, &p->link);
    else
        secret_unmap(p);
}

void sp_secret_free(void *block)
{
    if (!block)
        return;
    size_t page = secret_page_len(), unit = page / SECRET_UNITS, offset = (uintptr_t)block % page;
    struct secret_page *p = (void *)((char *)block - offset);
    sp_mutex_lock(&secret_lock);
    if (p->len > page) {
        sp_wipe(block, p->len - unit);
        secret_unmap(p);
        secret_n--;
    } else if (p->len) {
        secret_give(p, offset / unit, unit);
        secret_n--;
    }
    sp_mutex_unlock(&secret_lock);
}

void sp_secret_child(void)
{
    static const sp_mutex fresh = PTHREAD_MUTEX_INITIALIZER;
    secret_lock = fresh;
    sp_list_init(&secret_pages);
    secret_n = 0;
}

size_t sp_secret_count(void)
{
    sp_mutex_lock(&secret_lock);
    size_t n = secret_n;
    sp_mutex_unlock(&secret_lock);
    return n;
}

void sp_wipe(void *p, size_t n)
{
    if (n)
        memset(p, 0, n);
    __asm__ __volatile__("" : : "r"(p) : "memory"); /* reads p for all the compiler knows */
}

bool sp_secret_equal(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t different = 0;
    for (size_t i = 0; i < n; i++)
        different = (uint8_t)(different | (x[i] ^ y[i]));
    return !different;
}
