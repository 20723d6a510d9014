/* SPDX-License-Identifier: MIT */
/* A62: after everything is closed neither the key nor a traffic secret nor a traffic key is left anywhere in the
 * process, nor in a core dump, nor in what was logged; and a KeyUpdate leaves nothing of the old secrets. What is
 * searched for is kept masked, so that the search does not find its own needle; while the connection lives it must be
 * found, which shows that the search works. */
#define _GNU_SOURCE /* explicit_bzero */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tlspeer.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>

#define MASK 0xa7
#define CHUNK (1u << 20)
#define NEEDLE_MAX 32

enum { PSK, UP_SECRET, DOWN_SECRET, UP_KEY, DOWN_KEY, NEEDLES };
static const char *const names[NEEDLES] = {"pre-shared key", "secret up", "secret down", "key up", "key down"};

struct needle {
    uint8_t masked[NEEDLE_MAX];
    size_t len;
};

struct hits {
    unsigned n[NEEDLES];
};

static struct needle needles[NEEDLES];
static uint8_t *chunk; /* a mapping of its own, which is not searched */

/* Keeps b masked. Byte by byte: a copy would stay in a vector register, which a core dump has too. */
static void needle_set(int i, const volatile uint8_t *b, size_t n)
{
    for (size_t k = 0; k < n; k++)
        needles[i].masked[k] = b[k] ^ MASK;
    needles[i].len = n;
}

/* Counts the needles that begin in the first `n` of `have` bytes. */
static void search(const uint8_t *b, size_t n, size_t have, struct hits *h)
{
    for (int i = 0; i < NEEDLES; i++) {
        const struct needle *d = &needles[i];
        const uint8_t *at = b, *end = b + n;
        while (at < end && (at = memchr(at, d->masked[0] ^ MASK, (size_t)(end - at)))) {
            size_t k = 0;
            while (k < d->len && at + k < b + have && (at[k] ^ MASK) == d->masked[k])
                k++;
            h->n[i] += k == d->len;
            at++;
        }
    }
}

/* Searches [from, to) of a file. */
static void search_file(int fd, off_t from, off_t to, struct hits *h)
{
    while (from < to) {
        size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
        ssize_t have = pread(fd, chunk, want, from);
        if (have <= 0)
            break;
        bool last = from + have >= to || (size_t)have <= NEEDLE_MAX;
        size_t n = last ? (size_t)have : (size_t)have - NEEDLE_MAX;
        search(chunk, n, (size_t)have, h);
        from += (off_t)n;
    }
    explicit_bzero(chunk, CHUNK);
}

static struct hits search_memory(void)
{
    struct hits h = {{0}};
    char line[512], perms[8];
    unsigned long from, to;
    FILE *maps = fopen("/proc/self/maps", "r");
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_non_null(maps);
    assert_true(mem >= 0);
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3 && perms[0] == 'r' && !strstr(line, "[v") &&
            (uintptr_t)chunk - from >= to - from)
            search_file(mem, (off_t)from, (off_t)to, &h);
    fclose(maps);
    close(mem);
    return h;
}

static void assert_gone(const struct hits *h, int first, int last, const char *when)
{
    for (int i = first; i <= last; i++)
        if (h->n[i])
            fail_msg("the %s is there %u times %s", names[i], h->n[i], when);
}

/* ---- a session whose secrets are known ---- */

/* Both sides' secrets as they are now. */
static void learn(struct tlspeer *p)
{
    struct sp_tls *t = (struct sp_tls *)p->s;
    uint8_t b[16];
    assert_int_equal(sp_kdf_expand_label(32, t->secret->tx.traffic, "key", b, 16), 0);
    needle_set(UP_KEY, b, 16);
    assert_int_equal(sp_kdf_expand_label(32, t->secret->rx.traffic, "key", b, 16), 0);
    needle_set(DOWN_KEY, b, 16);
    needle_set(UP_SECRET, t->secret->tx.traffic, 32);
    needle_set(DOWN_SECRET, t->secret->rx.traffic, 32);
    explicit_bzero(b, sizeof b);
}

static void add_key(int h, int flags)
{
    uint8_t key[32];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = needles[PSK].masked[i] ^ MASK;
    assert_int_equal(nn_tls_psk_add(h, "spy", 3, key, sizeof key, flags), 0);
    explicit_bzero(key, sizeof key);
}

/* A request of the raw peer, and its answer. */
static void talk(struct tlspeer *p)
{
    uint8_t out[16] = {0, 0, 0, 0, 0, 0, 0, 8, 0x80, 0, 0, 1, 'p', 'i', 'n', 'g'}, in[16];
    assert_true(tlspeer_write(p, out, 16));
    assert_int_equal(tlspeer_read(p, in, 16, rp_time(5000)), 16);
    assert_memory_equal(in, out, 16);
}

struct session {
    struct rp_tls_field t;
    struct tlspeer p;
    int config; /* the raw peer's */
};

static void session_open(struct session *s)
{
    uint8_t key[32];
    chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(chunk != MAP_FAILED);
    assert_int_equal(getrandom(key, sizeof key, 0), sizeof key);
    needle_set(PSK, key, sizeof key);
    explicit_bzero(key, sizeof key);
    rp_tls_field_open(&s->t, NN_REP, false);
    s->config = nn_tls_create();
    add_key(s->t.config, NN_TLS_ACCEPT);
    add_key(s->config, NN_TLS_DIAL);
    tlspeer_make(&s->p, rp_attacker(&s->t.f), s->config, true);
    assert_true(tlspeer_open(&s->p, NN_REQ, NN_REP));
    talk(&s->p);
    learn(&s->p);
}

static void session_close(struct session *s)
{
    tlspeer_close(&s->p);
    assert_true(rp_stat_becomes(s->t.f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    rp_assert_served(&s->t.f, 100);
    assert_int_equal(nn_tls_destroy(s->config), 0);
    rp_tls_field_close(&s->t);
}

static void A62_no_key_is_left_in_memory_after_close(void **state)
{
    (void)state;
    struct session s;
    if (rp_sanitized())
        skip(); /* terabytes of shadow memory */
    session_open(&s);
    struct hits h = search_memory();
    for (int i = PSK; i <= DOWN_SECRET; i++)
        assert_true(h.n[i] > 0); /* the search finds what is there */
    session_close(&s);
    h = search_memory();
    assert_gone(&h, 0, NEEDLES - 1, "after close");
    munmap(chunk, CHUNK);
}

static void A62_a_key_update_leaves_nothing_of_the_old_secrets(void **state)
{
    (void)state;
    struct session s;
    if (rp_sanitized())
        skip();
    session_open(&s);
    assert_int_equal(s.p.s->ops->rekey(s.p.s, 1), 0);
    talk(&s.p);
    talk(&s.p);
    assert_true(rp_stat_reaches(s.t.f.victim, NN_STAT_REKEYS_RECEIVED, 1, rp_time(1000)));
    assert_true(rp_stat_reaches(s.t.f.victim, NN_STAT_REKEYS_SENT, 1, rp_time(1000)));
    struct hits h = search_memory();
    assert_true(h.n[PSK] > 0);
    assert_gone(&h, UP_SECRET, DOWN_KEY, "after a KeyUpdate");
    session_close(&s);
    munmap(chunk, CHUNK);
}

/* ---- core dumps ---- */

/* Has gcore dump us into a file in `folder`; its descriptor, or -1 when this machine cannot do that. */
static int dump(const char *folder)
{
    char prefix[256], path[300], pid[16];
    int status = -1;
    snprintf(prefix, sizeof prefix, "%s/core", folder);
    snprintf(path, sizeof path, "%s.%d", prefix, (int)getpid());
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        execlp("gcore", "gcore", "-o", prefix, pid, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(child, &status, 0);
    int fd = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    (void)unlink(path);
    return fd;
}

static bool search_dump(struct hits *h)
{
    const char *tmp = getenv("TMPDIR");
    char folder[200];
    snprintf(folder, sizeof folder, "%s/nanoseal-XXXXXX", tmp ? tmp : P_tmpdir);
    assert_non_null(mkdtemp(folder));
    int fd = dump(folder);
    (void)rmdir(folder);
    if (fd < 0)
        return false;
    memset(h, 0, sizeof *h);
    off_t len = lseek(fd, 0, SEEK_END);
    assert_true(len > 100000);
    search_file(fd, 0, len, h);
    close(fd);
    return true;
}

/* Key memory is left out of dumps, so even a live connection's secrets are not in one; its AEAD's key schedule is. */
static void A62_no_key_is_in_a_core_dump(void **state)
{
    (void)state;
    struct session s;
    struct hits h;
    if (rp_sanitized())
        skip();
    session_open(&s);
    rp_watchdog(300);
    bool dumped = search_dump(&h);
    if (dumped)
        assert_gone(&h, PSK, DOWN_SECRET, "in a core dump of a live connection");
    session_close(&s);
    rp_watchdog(300);
    dumped = dumped && search_dump(&h);
    rp_watchdog(0);
    if (dumped)
        assert_gone(&h, 0, NEEDLES - 1, "in a core dump after close");
    munmap(chunk, CHUNK);
    if (!dumped) {
        print_message("no gcore, or it may not dump us\n");
        skip();
    }
}

/* ---- logs ---- */

static atomic_int lines, leaks;

static void look(void *arg, const char *line)
{
    (void)arg;
    char hex[2 * NEEDLE_MAX + 1];
    for (size_t i = 0; i < needles[PSK].len; i++)
        snprintf(hex + 2 * i, 3, "%02x", needles[PSK].masked[i] ^ MASK);
    hex[8] = 0; /* four bytes of it are too many */
    if (strstr(line, hex))
        atomic_fetch_add(&leaks, 1);
    struct hits h = {{0}};
    search((const uint8_t *)line, strlen(line), strlen(line), &h);
    for (int i = 0; i < NEEDLES; i++)
        atomic_fetch_add(&leaks, (int)h.n[i]);
    atomic_fetch_add(&lines, 1);
    explicit_bzero(hex, sizeof hex);
}

static void A62_no_key_is_in_the_log(void **state)
{
    (void)state;
    struct session s;
    nn_log(look, NULL);
    session_open(&s);
    int wrong = nn_tls_create(), bad = rp_socket(NN_REQ);
    uint8_t key[32];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = needles[PSK].masked[i] ^ MASK;
    key[31] ^= 1;
    assert_int_equal(nn_tls_psk_add(wrong, "spy", 3, key, sizeof key, NN_TLS_DIAL), 0);
    explicit_bzero(key, sizeof key);
    rp_tls_use(bad, wrong);
    rp_tls_dial(bad, s.t.f.port);
    assert_true(rp_stat_reaches(bad, NN_STAT_WRONG_KEY, 2, rp_time(5000)));
    nn_close(bad);
    assert_int_equal(nn_tls_destroy(wrong), 0);
    assert_int_equal(nn_tls_psk_remove(s.t.config, "spy", 3, NN_TLS_DROP_LIVE), 0);
    session_close(&s);
    nn_log(NULL, NULL);
    munmap(chunk, CHUNK);
    assert_true(atomic_load(&lines) >= 4);
    assert_int_equal(atomic_load(&leaks), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A62_no_key_is_left_in_memory_after_close),
        cmocka_unit_test(A62_a_key_update_leaves_nothing_of_the_old_secrets),
        cmocka_unit_test(A62_no_key_is_in_a_core_dump),
        cmocka_unit_test(A62_no_key_is_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
