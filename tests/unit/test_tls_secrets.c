/* SPDX-License-Identifier: MIT */
/* A61 and A62: after use no key can be found anywhere in the memory of the process. Keys are kept
 * for comparing under a mask, so that the search does not find its own pattern. */
#include "tls_support.h"
#include <fcntl.h>
#include <unistd.h>

#define MASK 0xa5

/* A sanitizer's shadow is terabytes of memory to search, and copies of what the program holds. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static uint8_t masked[3][32]; /* the key, and both application traffic secrets */

static void hide(uint8_t *to, const uint8_t *from)
{
    for (int i = 0; i < 32; i++)
        to[i] = from[i] ^ MASK;
}

static bool here(const uint8_t *p, const uint8_t *pattern)
{
    for (int i = 0; i < 16; i++)
        if ((p[i] ^ MASK) != pattern[i])
            return false;
    return true;
}

/* How often the first half of a hidden secret stands in p[0..n). */
static int count_in(const uint8_t *p, size_t n, const uint8_t *pattern)
{
    int found = 0;
    for (size_t i = 0; i + 16 <= n; i++)
        found += (p[i] ^ MASK) == pattern[0] && here(p + i, pattern);
    return found;
}

/* Reads the whole memory by windows, into a buffer outside of the heap's reach of the search
 * itself. */
static int count(const uint8_t *pattern)
{
    static uint8_t window[1 << 16];
    char line[256];
    if (SANITIZED)
        skip();
    int found = 0, mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "r");
    if (mem < 0 || !maps)
        skip();
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 || !strstr(line, " rw"))
            continue;
        for (unsigned long at = from; at < to; at += sizeof window - 32) {
            unsigned long w = (unsigned long)(uintptr_t)window;
            if (at + sizeof window > w && at < w + sizeof window)
                continue; /* the window itself holds a copy of what it looked at last */
            size_t n = to - at < sizeof window ? to - at : sizeof window;
            ssize_t got = pread(mem, window, n, (off_t)at);
            found += got > 0 ? count_in(window, (size_t)got, pattern) : 0;
        }
    }
    sp_wipe(window, sizeof window);
    fclose(maps);
    close(mem);
    return found;
}

static void wipe_stack(void)
{
    volatile uint8_t big[65536];
    sp_wipe((void *)(uintptr_t)big, sizeof big);
}

static void add_random_key(int c, int s)
{
    uint8_t key[32];
    FILE *f = fopen("/dev/urandom", "r");
    assert_non_null(f);
    setbuf(f, NULL);
    assert_int_equal(fread(key, 1, 32, f), 32);
    fclose(f);
    hide(masked[0], key);
    assert_int_equal(nn_tls_psk_add(c, "alice", 5, key, 32, NN_TLS_DIAL), 0);
    assert_int_equal(nn_tls_psk_add(s, "alice", 5, key, 32, NN_TLS_ACCEPT), 0);
    sp_wipe(key, sizeof key);
}

static void note_traffic(struct side *side)
{
    struct sp_tls *t = (struct sp_tls *)side->s;
    hide(masked[1], t->secret->tx.traffic);
    hide(masked[2], t->secret->rx.traffic);
}

static void run(const struct sp_aead_ops *ops)
{
    struct link l;
    int c = nn_tls_create(), s = nn_tls_create();
    sp_aead_force(ops);
    add_random_key(c, s);
    assert_true(count(masked[0]) >= 2); /* the search does find what is there */
    link_init(&l);
    link_open(&l, c, s);
    assert_int_equal(l.server.rc, 0);
    link_carry(&l.client, &l.server, 50000, 65536);
    note_traffic(&l.server);
    wipe_stack();
    assert_true(count(masked[1]) >= 2);
    l.client.s->ops->rekey(l.client.s, 1);
    link_carry(&l.client, &l.server, 100, 100);
    link_carry(&l.server, &l.client, 100, 100);
    wipe_stack();
    assert_int_equal(count(masked[1]), 0); /* replaced keys are gone at once */
    assert_int_equal(count(masked[2]), 0);
    note_traffic(&l.server);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
    link_fini(&l);
    wipe_stack();
    for (int i = 0; i < 3; i++)
        assert_int_equal(count(masked[i]), 0);
}

static void test_a62_nothing_stays_behind_psa(void **state)
{
    (void)state;
    run(&sp_aead_psa);
}

static void test_a62_nothing_stays_behind_libcrypto(void **state)
{
    (void)state;
    if (sp_aead_ossl_load() < 0)
        skip();
    run(&sp_aead_ossl);
}

static void test_a61_a_replaced_key_is_wiped(void **state)
{
    (void)state;
    int c = nn_tls_create(), s = nn_tls_create();
    add_random_key(c, s);
    uint8_t old[32];
    memcpy(old, masked[0], 32);
    add_random_key(c, s);
    wipe_stack();
    assert_int_equal(count(old), 0);
    assert_int_equal(nn_tls_psk_remove(c, "alice", 5, 0), 0);
    assert_int_equal(nn_tls_psk_remove(s, "alice", 5, 0), 0);
    wipe_stack();
    assert_int_equal(count(masked[0]), 0);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static void test_a62_a_refused_handshake_leaves_nothing(void **state)
{
    (void)state;
    struct link l;
    int c = nn_tls_create(), s = nn_tls_create();
    add_random_key(c, c);
    uint8_t first[32];
    memcpy(first, masked[0], 32);
    add_random_key(s, s);
    link_init(&l);
    link_open(&l, c, s);
    assert_true(l.server.rc < 0);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
    link_fini(&l);
    wipe_stack();
    assert_int_equal(count(first), 0);
    assert_int_equal(count(masked[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a62_nothing_stays_behind_psa),
        cmocka_unit_test(test_a62_nothing_stays_behind_libcrypto),
        cmocka_unit_test(test_a61_a_replaced_key_is_wiped),
        cmocka_unit_test(test_a62_a_refused_handshake_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
