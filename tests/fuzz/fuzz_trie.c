/* SPDX-License-Identifier: MIT */
/* A program of additions, removals and matches, run on the trie and on a plain list, which must agree. A step is a byte
 * (upper two bits: what to do; lower six: length) and that many bytes of topic. The second byte of the input says which
 * allocation fails. */
#include "protocols/trie.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct topic {
    const uint8_t *p; /* in the input */
    size_t len;       /* bytes */
    unsigned refs;    /* times it was added and not removed */
};

static unsigned until_failure; /* allocations that succeed before one fails; 0: none fails */

static bool hook(void)
{
    return until_failure && --until_failure == 0;
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static struct topic *find(struct topic *list, size_t n, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].len == len && memcmp(list[i].p, p, len) == 0)
            return &list[i];
    return NULL;
}

static bool any_matches(const struct topic *list, size_t n, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].refs && list[i].len <= len && memcmp(list[i].p, p, list[i].len) == 0)
            return true;
    return false;
}

static void step_add(struct sp_trie *t, struct topic *list, size_t *n, const uint8_t *p, size_t len)
{
    struct topic *x = find(list, *n, p, len);
    int rc = sp_trie_add(t, p, len);
    must(rc == 0 || rc == -ENOMEM || rc == -ENOSPC);
    if (rc < 0)
        return;
    if (!x) {
        x = &list[(*n)++];
        *x = (struct topic){p, len, 0};
    }
    x->refs++;
}

static void step_del(struct sp_trie *t, struct topic *list, size_t n, const uint8_t *p, size_t len)
{
    struct topic *x = find(list, n, p, len);
    int want = !x || !x->refs ? -ENOENT : x->refs == 1;
    must(sp_trie_del(t, p, len) == want);
    if (want >= 0)
        x->refs--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct topic list[STEPS];
    struct sp_trie t;
    size_t n = 0;
    if (len < 2)
        return 0;
    sp_trie_init(&t);
    t.max_bytes = data[0] & 1 ? 600 : t.max_bytes;
    until_failure = data[1];
    sp_alloc_hook = hook;
    data += 2, len -= 2;
    for (int i = 0; i < STEPS && len > 0; i++) {
        size_t k = data[0] & 63u;
        int what = data[0] >> 6;
        data++, len--;
        k = k < len ? k : len;
        if (what == 0)
            step_add(&t, list, &n, data, k);
        else if (what == 1)
            step_del(&t, list, n, data, k);
        else
            must(sp_trie_match(&t, data, k) == any_matches(list, n, data, k));
        data += k, len -= k;
    }
    sp_trie_fini(&t);
    must(t.n_bytes == 0);
    sp_alloc_hook = NULL;
    return 0;
}
