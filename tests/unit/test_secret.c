/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base.h"
#include "base/lock.h"
#include "base/secret.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t page_len(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t unit_len(void)
{
    return page_len() / 64;
}

static void *page_of(const void *p)
{
    return (void *)((uintptr_t)p / page_len() * page_len());
}

static bool is_mapped(const void *p)
{
    unsigned char in_core;
    return mincore(page_of(p), 1, &in_core) == 0;
}

/* Whether n bytes are zero; also of memory that ASan knows to be free. */
__attribute__((no_sanitize("address"))) static bool is_zero(const void *p, size_t n)
{
    const volatile char *c = p;
    for (size_t i = 0; i < n; i++)
        if (c[i])
            return false;
    return true;
}

static void fill(void *p, size_t n)
{
    memset(p, 0xa5, n);
}

static int none_left(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    return sp_secret_count() ? -1 : 0;
}

static void fresh_block_is_zero(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 63, 64, 65, 4032, 4033, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *p = sp_secret_alloc(sizes[i]);
        assert_non_null(p);
        assert_true(is_zero(p, sizes[i]));
        fill(p, sizes[i]);
        sp_secret_free(p);
    }
}

static void block_is_aligned_for_anything(void **state)
{
    (void)state;
    void *p = sp_secret_alloc(1), *q = sp_secret_alloc(1), *big = sp_secret_alloc(1 << 20);
    assert_int_equal(((uintptr_t)p | (uintptr_t)q | (uintptr_t)big) % 64, 0);
    sp_secret_free(p);
    sp_secret_free(q);
    sp_secret_free(big);
}

static void small_blocks_share_a_page(void **state)
{
    (void)state;
    char *p = sp_secret_alloc(32), *q = sp_secret_alloc(32);
    assert_ptr_equal(page_of(p), page_of(q));
    assert_ptr_not_equal(p, q);
    sp_secret_free(p);
    sp_secret_free(q);
}

static void full_page_is_followed_by_another(void **state)
{
    (void)state;
    void *p[64];
    for (int i = 0; i < 64; i++)
        p[i] = sp_secret_alloc(1);
    for (int i = 1; i < 63; i++)
        assert_ptr_equal(page_of(p[i]), page_of(p[0]));
    assert_ptr_not_equal(page_of(p[63]), page_of(p[0]));
    for (int i = 0; i < 64; i++)
        sp_secret_free(p[i]);
}

static void free_place_in_a_full_page_is_used_again(void **state)
{
    (void)state;
    void *p[63];
    for (int i = 0; i < 63; i++)
        p[i] = sp_secret_alloc(1);
    void *place = p[20];
    sp_secret_free(p[20]);
    p[20] = sp_secret_alloc(1);
    assert_ptr_equal(p[20], place);
    for (int i = 0; i < 63; i++)
        sp_secret_free(p[i]);
}

static void gap_that_is_too_short_is_left(void **state)
{
    (void)state;
    char *a = sp_secret_alloc(unit_len()), *b = sp_secret_alloc(unit_len());
    sp_secret_free(a);
    char *two = sp_secret_alloc(2 * unit_len());
    assert_true(two > b);
    sp_secret_free(b);
    sp_secret_free(two);
}

static void released_block_is_wiped(void **state)
{
    (void)state;
    char *stay = sp_secret_alloc(1), *p = sp_secret_alloc(200);
    fill(stay, 1);
    fill(p, 200);
    sp_secret_free(p);
    assert_true(is_zero(p, 200));
    assert_false(is_zero(stay, 1));
    sp_secret_free(stay);
}

static void empty_page_is_unmapped(void **state)
{
    (void)state;
    void *p = sp_secret_alloc(1), *q = sp_secret_alloc(1);
    sp_secret_free(p);
    assert_true(is_mapped(p));
    sp_secret_free(q);
    assert_false(is_mapped(p));
}

static void large_block_is_unmapped_whole(void **state)
{
    (void)state;
    size_t n = 10 * page_len();
    char *p = sp_secret_alloc(n);
    fill(p, n);
    sp_secret_free(p);
    assert_false(is_mapped(p));
    assert_false(is_mapped(p + n - 1));
}

static void largest_small_and_smallest_large_block(void **state)
{
    (void)state;
    size_t n = 63 * unit_len();
    char *small = sp_secret_alloc(n), *large = sp_secret_alloc(n + 1);
    fill(small, n);
    fill(large, n + 1);
    sp_secret_free(small);
    assert_true(large[0] == large[n]);
    sp_secret_free(large);
    assert_false(is_mapped(small));
    assert_false(is_mapped(large + n));
}

static void free_ignores_null(void **state)
{
    (void)state;
    sp_secret_free(NULL);
}

static void count_follows(void **state)
{
    (void)state;
    void *p = sp_secret_alloc(1), *q = sp_secret_alloc(100000);
    assert_int_equal(sp_secret_count(), 2);
    sp_secret_free(p);
    assert_int_equal(sp_secret_count(), 1);
    sp_secret_free(q);
}

static void impossible_size_is_refused(void **state)
{
    (void)state;
    assert_null(sp_secret_alloc(SIZE_MAX));
    assert_null(sp_secret_alloc(SIZE_MAX / 2));
}

static void every_mapping_may_fail(void **state)
{
    (void)state;
    failing_set(1);
    assert_null(sp_secret_alloc(1));
    failing_set(1);
    assert_null(sp_secret_alloc(100000));
    assert_int_equal(sp_secret_count(), 0);
    void *p = sp_secret_alloc(1);
    assert_non_null(p);
    sp_secret_free(p);
}

/* The flags that the kernel notes for the mapping of p, or "" . */
static const char *mapping_flags(const void *p)
{
    static char line[512];
    bool inside = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    while (f && fgets(line, sizeof line, f)) {
        uintptr_t from, to;
        char dash;
        if (sscanf(line, "%lx%c%lx", &from, &dash, &to) == 3 && dash == '-')
            inside = from <= (uintptr_t)p && (uintptr_t)p < to;
        else if (inside && !strncmp(line, "VmFlags:", 8))
            break;
        line[0] = 0;
    }
    if (f)
        fclose(f);
    return line;
}

static void keys_stay_out_of_core_dumps_and_children(void **state)
{
    (void)state;
    void *small = sp_secret_alloc(32), *large = sp_secret_alloc(100000);
    char flags[512];
    snprintf(flags, sizeof flags, "%s", mapping_flags(small));
    bool known = flags[0];
    bool good = strstr(flags, " dd") && strstr(flags, " wf");
    snprintf(flags, sizeof flags, "%s", mapping_flags(large));
    good = good && strstr(flags, " dd") && strstr(flags, " wf");
    sp_secret_free(small);
    sp_secret_free(large);
    if (!known)
        skip();
    assert_true(good);
}

/* Sanitizers make mlock do nothing, and a limit may forbid it. */
static bool system_locks_pages(void)
{
    void *p = mmap(NULL, page_len(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    mlock(p, page_len());
    bool locked = strstr(mapping_flags(p), " lo");
    munmap(p, page_len());
    return locked;
}

static void keys_are_locked_in_memory(void **state)
{
    (void)state;
    if (!system_locks_pages())
        skip();
    void *p = sp_secret_alloc(32);
    bool locked = strstr(mapping_flags(p), " lo");
    sp_secret_free(p);
    assert_true(locked);
}

static int status_of(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static void forked_child_sees_zeroes(void **state)
{
    (void)state;
    char *p = sp_secret_alloc(64);
    fill(p, 64);
    pid_t pid = fork();
    if (!pid)
        _exit(!is_zero(p, 64));
    int status = status_of(pid);
    assert_false(is_zero(p, 64));
    sp_secret_free(p);
    assert_int_equal(status, 0);
}

static void forked_child_starts_afresh(void **state)
{
    (void)state;
    char *p = sp_secret_alloc(64), *large = sp_secret_alloc(100000);
    pid_t pid = fork();
    if (!pid) {
        sp_secret_child();
        bool empty = sp_secret_count() == 0;
        char *mine = sp_secret_alloc(64);
        sp_secret_free(p); /* the parent's: nothing happens */
        sp_secret_free(large);
        bool one = mine && sp_secret_count() == 1 && page_of(mine) != page_of(p);
        sp_secret_free(mine);
        _exit(empty && one && sp_secret_count() == 0 ? 0 : 1);
    }
    int status = status_of(pid);
    sp_secret_free(p);
    sp_secret_free(large);
    assert_int_equal(status, 0);
}

static _Atomic int churning;

static void churn(void *arg)
{
    (void)arg;
    while (atomic_load(&churning)) {
        void *p = sp_secret_alloc(32), *q = sp_secret_alloc(5000);
        sp_secret_free(p);
        sp_secret_free(q);
    }
}

static void child_of_a_busy_parent_does_not_hang(void **state)
{
    (void)state;
    uv_thread_t t;
    int bad = 0;
    atomic_store(&churning, 1);
    assert_int_equal(sp_thread_start_joinable(&t, churn, NULL, "churn"), 0);
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (!pid) {
            alarm(60);
            sp_secret_child();
            void *p = sp_secret_alloc(32);
            _exit(!p);
        }
        bad += status_of(pid) != 0;
    }
    atomic_store(&churning, 0);
    uv_thread_join(&t);
    assert_int_equal(bad, 0);
}

static void wipe_zeroes_exactly(void **state)
{
    (void)state;
    char buf[10];
    fill(buf, 10);
    sp_wipe(buf + 1, 8);
    assert_true(is_zero(buf + 1, 8));
    assert_true(buf[0] && buf[9]);
    sp_wipe(NULL, 0);
}

static void equal_compares_all_bytes(void **state)
{
    (void)state;
    char a[16] = "0123456789abcde", b[16] = "0123456789abcde";
    assert_true(sp_secret_equal(a, b, 16));
    b[15] = 1;
    assert_false(sp_secret_equal(a, b, 16));
    assert_true(sp_secret_equal(a, b, 15));
    b[0] = (char)(b[0] ^ 0x80);
    assert_false(sp_secret_equal(a, b, 15));
    assert_true(sp_secret_equal(a, b, 0));
}

#define BLOCKS 300

struct block {
    unsigned char *p; /* or NULL */
    size_t n;         /* bytes, each of value tag */
    int tag;          /* of this block's turn */
};

static void check_block(const struct block *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->p[i] != b->tag)
            abort(); /* this runs in several threads, where cmocka's assertions may not */
}

/* Blocks of all sizes come and go; each keeps its own pattern to its end. */
static void run_blocks(void *seed)
{
    struct block *blocks = calloc(BLOCKS, sizeof *blocks);
    uint32_t dice = *(uint32_t *)seed;
    for (int step = 0; blocks && step < 20000; step++) {
        dice = dice * 1664525 + 1013904223;
        struct block *b = &blocks[(dice >> 8) % BLOCKS];
        if (b->p) {
            check_block(b);
            sp_secret_free(b->p);
            b->p = NULL;
            continue;
        }
        b->n = (dice >> 16) % (step % 50 ? 400 : 9000);
        b->tag = step % 255 + 1;
        b->p = sp_secret_alloc(b->n);
        if (!b->p || !is_zero(b->p, b->n))
            abort();
        memset(b->p, b->tag, b->n);
    }
    for (int i = 0; blocks && i < BLOCKS; i++)
        sp_secret_free(blocks[i].p);
    free(blocks);
}

static void blocks_of_all_threads_keep_apart(void **state)
{
    (void)state;
    uv_thread_t t[3];
    uint32_t seeds[3] = {1, 2, 3};
    for (int i = 0; i < 3; i++)
        assert_int_equal(sp_thread_start_joinable(&t[i], run_blocks, &seeds[i], "blocks"), 0);
    for (int i = 0; i < 3; i++)
        uv_thread_join(&t[i]);
    assert_int_equal(sp_secret_count(), 0);
}

#define SECRET_TEST(fn) cmocka_unit_test_teardown(fn, none_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SECRET_TEST(fresh_block_is_zero),
        SECRET_TEST(block_is_aligned_for_anything),
        SECRET_TEST(small_blocks_share_a_page),
        SECRET_TEST(full_page_is_followed_by_another),
        SECRET_TEST(free_place_in_a_full_page_is_used_again),
        SECRET_TEST(gap_that_is_too_short_is_left),
        SECRET_TEST(released_block_is_wiped),
        SECRET_TEST(empty_page_is_unmapped),
        SECRET_TEST(large_block_is_unmapped_whole),
        SECRET_TEST(largest_small_and_smallest_large_block),
        SECRET_TEST(free_ignores_null),
        SECRET_TEST(count_follows),
        SECRET_TEST(impossible_size_is_refused),
        SECRET_TEST(every_mapping_may_fail),
        SECRET_TEST(keys_stay_out_of_core_dumps_and_children),
        SECRET_TEST(keys_are_locked_in_memory),
        SECRET_TEST(forked_child_sees_zeroes),
        SECRET_TEST(forked_child_starts_afresh),
        SECRET_TEST(child_of_a_busy_parent_does_not_hang),
        SECRET_TEST(wipe_zeroes_exactly),
        SECRET_TEST(equal_compares_all_bytes),
        SECRET_TEST(blocks_of_all_threads_keep_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
