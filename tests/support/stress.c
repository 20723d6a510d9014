/* SPDX-License-Identifier: MIT */
/* A thread looks five times a second at a table of what is being done, and until when. Threads
 * write their rows without a lock: the deadline last, as a row counts when it has one. */
#include "stress.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define N_SLOTS 4096

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined __SANITIZE_THREAD__ || __has_feature(thread_sanitizer)
#define LESS 5
#elif defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
#define LESS 2
#else
#define LESS 1
#endif

struct slot {
    atomic_bool taken;         /* by a thread */
    _Atomic int64_t deadline;  /* ms of the monotonic clock, or 0 */
    _Atomic int64_t since;     /* the same */
    const char *_Atomic what;  /* is done */
    const char *_Atomic where; /* which function does it */
};

static struct slot slots[N_SLOTS];
static atomic_int hint;  /* where a free one may be */
static atomic_int guard; /* pid of the process whose watchdog runs */

/* ---- how much ---- */

static int factor(void)
{
    const char *text = getenv("NANOSEAL_STRESS");
    int k = text ? atoi(text) : 1;
    return k < 1 ? 1 : k;
}

int st_scaled(int n)
{
    n = n / LESS * factor();
    return n < 1 ? 1 : n;
}

int st_time(int ms)
{
    return ms * (LESS > 1 ? 4 : 1);
}

int st_test_time(int ms)
{
    return st_time(ms) * factor();
}

/* ---- randomness ---- */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t st_seed(void)
{
    const char *text = getenv("NANOSEAL_SEED");
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t seed = text ? strtoull(text, NULL, 0)
                         : (uint64_t)(t.tv_sec * 1000000000 + t.tv_nsec) ^ (uint64_t)getpid() << 40;
    printf("NANOSEAL_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return seed;
}

uint64_t st_next(uint64_t *sequence)
{
    uint64_t x = *sequence += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

int st_below(uint64_t *sequence, int n)
{
    return (int)(st_next(sequence) % (uint64_t)n);
}

/* ---- the watchdog ---- */

static void stacks(void)
{
    char command[160];
    snprintf(command, sizeof command,
             "command -v gdb >/dev/null && gdb -q -batch -p %ld -ex 'thread apply all bt 14' "
             "2>/dev/null >&2",
             (long)getpid());
    if (system(command) != 0)
        fprintf(stderr, "no stacks: no gdb\n");
}

static void bark(const struct slot *late, int64_t now)
{
    const char *what, *where;
    fprintf(stderr, "HANGS: %s in %s, for %lld ms\n", late->what, late->where,
            (long long)(now - late->since));
    for (int i = 0; i < N_SLOTS; i++) {
        what = slots[i].what;
        where = slots[i].where;
        if (slots[i].deadline)
            fprintf(stderr, "  in progress: %s in %s, for %lld ms\n", what, where,
                    (long long)(now - slots[i].since));
    }
    stacks();
    abort();
}

static void *watch(void *arg)
{
    struct timespec t = {0, 200000000};
    for (int64_t now = now_ms();; now = now_ms()) {
        for (int i = 0; i < N_SLOTS; i++) {
            int64_t deadline = slots[i].deadline;
            if (deadline && now > deadline)
                bark(&slots[i], now);
        }
        nanosleep(&t, NULL);
    }
    return arg;
}

static void watch_once(void)
{
    pthread_t t;
    int pid = (int)getpid();
    if (atomic_exchange(&guard, pid) == pid)
        return;
    if (pthread_create(&t, NULL, watch, NULL) != 0)
        abort();
    pthread_detach(t);
}

int st_begin(const char *what, const char *where, int ms)
{
    watch_once();
    for (int i = hint, tries = 0; tries < N_SLOTS; i++, tries++) {
        struct slot *s = &slots[(unsigned)i % N_SLOTS];
        if (s->taken || atomic_exchange(&s->taken, true))
            continue;
        hint = i + 1;
        s->what = what;
        s->where = where;
        s->since = now_ms();
        s->deadline = s->since + ms;
        return (int)((unsigned)i % N_SLOTS);
    }
    fprintf(stderr, "too much at once to watch\n");
    abort();
}

void st_end(int slot)
{
    slots[slot].deadline = 0;
    slots[slot].taken = false;
}

void st_forget(void)
{
    for (int i = 0; i < N_SLOTS; i++)
        st_end(i);
}
