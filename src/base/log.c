/* SPDX-License-Identifier: MIT */
/* A line is formatted on the stack and given to the application's receiver, else written to stderr
 * by one write, so that lines of several threads do not mix. What the environment says is read at
 * the first use.
 *
 * Nothing here fails: a line that is too long is cut, one that cannot be written is lost. */
#include "base/log.h"
#include "base/lock.h"
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_PREFIX   "nanoseal: "
#define LOG_LINE_LEN 511

enum { LOG_UNKNOWN, LOG_QUIET, LOG_STDERR, LOG_RECEIVER };

static _Atomic int log_to; /* where lines go; the receiver is looked up under the lock */
static sp_mutex log_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the two below */
static void (*log_fn)(void *arg, const char *line);   /* receiver, or NULL */
static void *log_arg;                                 /* the receiver's */
static _Thread_local char *log_buf;  /* where this thread's lines go instead, or NULL */
static _Thread_local size_t log_cap; /* its bytes */

/* As nanomsg any non-empty value counts, except "0". */
static int log_mode_default(void)
{
    const char *v = getenv("NN_PRINT_ERRORS");
    return v && *v && strcmp(v, "0") ? LOG_STDERR : LOG_QUIET;
}

static int log_mode(void)
{
    int mode = atomic_load_explicit(&log_to, memory_order_relaxed);
    if (mode != LOG_UNKNOWN)
        return mode;
    int found = log_mode_default();
    return atomic_compare_exchange_strong(&log_to, &mode, found) ? found : mode;
}

void sp_log_set(void (*fn)(void *arg, const char *line), void *arg)
{
    int mode = fn ? LOG_RECEIVER : LOG_UNKNOWN;
    sp_mutex_lock(&log_lock);
    log_fn = fn;
    log_arg = arg;
    atomic_store_explicit(&log_to, mode, memory_order_relaxed);
    sp_mutex_unlock(&log_lock);
}

bool sp_log_on(void)
{
    return log_buf || log_mode() != LOG_QUIET;
}

void sp_log_into(char *buf, size_t n)
{
    log_buf = buf;
    log_cap = n;
}

/* Text from a peer may be in the line: it must not end it or steer a terminal. */
static void log_clean(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 127)
            *s = '?';
}

static void log_print(const char *line)
{
    char out[sizeof LOG_PREFIX + LOG_LINE_LEN + 1];
    int n = snprintf(out, sizeof out, LOG_PREFIX "%s\n", line);
    if (write(STDERR_FILENO, out, (size_t)n) < 0)
        return; /* nobody left to tell */
}

static void log_hand_over(const char *line, bool to_stderr)
{
    sp_mutex_lock(&log_lock);
    void (*fn)(void *, const char *) = log_fn;
    void *arg = log_arg;
    sp_mutex_unlock(&log_lock);
    if (fn)
        fn(arg, line);
    else if (to_stderr)
        log_print(line);
}

static void log_line(bool to_stderr, const char *fmt, va_list ap)
{
    int keep_errno = errno;
    char line[LOG_LINE_LEN + 1];
    if (vsnprintf(line, sizeof line, fmt, ap) < 0)
        line[0] = 0;
    log_clean(line);
    if (log_buf)
        snprintf(log_buf, log_cap, "%s", line);
    else
        log_hand_over(line, to_stderr);
    errno = keep_errno;
}

void sp_log(const char *fmt, ...)
{
    if (!sp_log_on())
        return;
    va_list ap;
    va_start(ap, fmt);
    log_line(log_mode() == LOG_STDERR, fmt, ap);
    va_end(ap);
}

void sp_log_urgent(const char *fmt, ...)
{
    const char *v = getenv("NN_PRINT_ERRORS");
    va_list ap;
    va_start(ap, fmt);
    log_line(!v || (*v && strcmp(v, "0") != 0), fmt, ap);
    va_end(ap);
}

void sp_log_child(void)
{
    static const sp_mutex fresh = PTHREAD_MUTEX_INITIALIZER;
    log_lock = fresh;
    log_fn = NULL;
    log_arg = NULL;
    atomic_store_explicit(&log_to, LOG_UNKNOWN, memory_order_relaxed);
}
