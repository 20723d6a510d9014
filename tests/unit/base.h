/* SPDX-License-Identifier: MIT */
/* What the tests of src/base share: cmocka with the headers it wants, and allocations that fail. */
#ifndef TESTS_UNIT_BASE_H
#define TESTS_UNIT_BASE_H

#include "base/alloc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants those above first */

static _Atomic int failing_at; /* the allocation that fails, counted from 1 */
static _Atomic int failing_n;  /* allocations asked for */

static inline bool failing_hook(void)
{
    return atomic_fetch_add(&failing_n, 1) + 1 == atomic_load(&failing_at);
}

/* Lets the nth allocation from now on fail, and no other; 0 fails none and only counts. */
static inline void failing_set(int nth)
{
    atomic_store(&failing_at, nth);
    atomic_store(&failing_n, 0);
    sp_alloc_hook = failing_hook;
}

/* Ends that, and gives the number of allocations that were asked for. */
static inline int failing_clear(void)
{
    sp_alloc_hook = NULL;
    return atomic_load(&failing_n);
}

/* For tests that leave through a failed assertion. */
static inline int failing_teardown(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    return 0;
}

/* The thread sanitizer loses its way when a forked child of a program with threads starts some of its own. */
#if defined __SANITIZE_THREAD__
#define FORK_LOSES_TSAN 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define FORK_LOSES_TSAN 1
#endif
#endif
#ifndef FORK_LOSES_TSAN
#define FORK_LOSES_TSAN 0
#endif

#define TEST(fn) cmocka_unit_test_teardown(fn, failing_teardown)

#endif
