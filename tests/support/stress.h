/* SPDX-License-Identifier: MIT */
/* What stress tests share: how much there is to do, randomness that can be had again, and a
 * watchdog for every call. */
#ifndef TESTS_SUPPORT_STRESS_H
#define TESTS_SUPPORT_STRESS_H

#include <stdint.h>

/* n of a plain build; less under a sanitizer, at least 1. NANOSEAL_STRESS=k in the environment
 * makes it k times as many, for long runs. */
int st_scaled(int n);
/* ms, and more of them under a sanitizer: for a call. */
int st_time(int ms);
/* The same for a whole test, which has more to do with NANOSEAL_STRESS. */
int st_test_time(int ms);

/* The seed of this run: NANOSEAL_SEED, or a new one. It is printed. */
uint64_t st_seed(void);
/* The next number of a sequence. */
uint64_t st_next(uint64_t *sequence);
/* One of 0 to n-1. */
int st_below(uint64_t *sequence, int n);

/* From here to st_end the calling thread does `what` (borrowed, as is `where`), for at most ms.
 * When that is over, what all threads do is printed, with stacks where gdb is installed, and the
 * program aborts. May be nested. */
int st_begin(const char *what, const char *where, int ms);
/* Leaves errno alone. */
void st_end(int slot);
/* Forgets what is in progress: a test that failed did not say that it is over. */
void st_forget(void);

/* A call that must return within ms (stretched by st_time): its result. */
#define st_within(ms, call)                                                                        \
    ({                                                                                             \
        int st_slot = st_begin(#call, __func__, st_time(ms));                                      \
        __typeof__(call) st_result = (call);                                                       \
        st_end(st_slot);                                                                           \
        st_result;                                                                                 \
    })

#endif
