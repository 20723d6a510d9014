/* SPDX-License-Identifier: MIT */
/* What the process uses, clocks, and the watchdog, which is a thread of its own so that signals stay free for tests. */
#define _GNU_SOURCE /* mallinfo2 */
#include "rawpeer.h"
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__
#define ASAN 1
#elif defined __SANITIZE_THREAD__
#define TSAN 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define ASAN 1
#elif __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

#if defined ASAN || defined TSAN
#define SLACK 6
size_t __sanitizer_get_current_allocated_bytes(void);
size_t rp_heap(void) { return __sanitizer_get_current_allocated_bytes(); }
bool rp_sanitized(void) { return true; }
#else
#define SLACK 1
/* mallinfo2 knows the first arena only, so there must be no other. */
__attribute__((constructor)) static void one_arena(void) { (void)mallopt(M_ARENA_MAX, 1); }

size_t rp_heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}
bool rp_sanitized(void) { return false; }
#endif

int64_t rp_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int rp_time(int ms)
{
    static int factor;
    const char *v = factor ? NULL : getenv("NANOSEAL_TEST_SLACK");
    if (!factor)
        factor = v && atoi(v) > 0 ? atoi(v) : 1;
    return ms * SLACK * factor;
}

int64_t rp_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The number behind `key` in /proc/self/status. */
static long status(const char *key)
{
    char line[256];
    long n = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key)))
            n = atol(line + strlen(key));
    if (f)
        fclose(f);
    return n;
}

size_t rp_rss(void) { return (size_t)status("VmRSS:") * 1024; }
int rp_threads(void) { return (int)status("Threads:"); }

int rp_fds(void)
{
    int n = -3; /* . .. and the folder itself */
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

bool rp_fd_limit(int n)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_max < (rlim_t)n)
        return false;
    if (r.rlim_cur >= (rlim_t)n)
        return true;
    r.rlim_cur = (rlim_t)n;
    return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

static pthread_mutex_t dog = PTHREAD_MUTEX_INITIALIZER;
static int64_t dog_until; /* 0: off */

static void *dog_main(void *arg)
{
    (void)arg;
    for (;;) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        pthread_mutex_lock(&dog);
        bool bites = dog_until && rp_now() > dog_until;
        pthread_mutex_unlock(&dog);
        if (!bites)
            continue;
        fprintf(stderr, "watchdog: the test hangs\n");
        abort();
    }
    return NULL;
}

void rp_watchdog(int seconds)
{
    static bool made;
    pthread_t t;
    pthread_mutex_lock(&dog);
    dog_until = seconds ? rp_now() + rp_time(seconds * 1000) : 0;
    if (!made && seconds && pthread_create(&t, NULL, dog_main, NULL) == 0) {
        made = true;
        pthread_detach(t);
    }
    pthread_mutex_unlock(&dog);
}
