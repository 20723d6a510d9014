/* SPDX-License-Identifier: MIT */
/* Lines for a person: to the application's callback, else to stderr when NN_PRINT_ERRORS is set.
 * Never a secret. */
#ifndef SP_BASE_LOG_H
#define SP_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Replaces the receiver of all lines (NULL: stderr again). The line is borrowed and has no newline.
 * Any thread. A call of the former receiver that is under way in another thread may end after this
 * returns. */
void sp_log_set(void (*fn)(void *arg, const char *line), void *arg);
/* Whether a line would go anywhere; asked first so that a quiet program formats nothing. */
bool sp_log_on(void);
/* Formats one line of at most 511 bytes and hands it over, with no lock of ours held by the caller.
 * Control characters become '?', so that a peer cannot forge lines. errno is left alone. */
void sp_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for what a program without a word about errors must not hide: without a receiver it goes
 * to stderr unless NN_PRINT_ERRORS says 0. */
void sp_log_urgent(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Until the next call with NULL the lines of this thread go to buf instead, of n bytes, borrowed;
 * the last one stays there. */
void sp_log_into(char *buf, size_t n);
/* In a forked child: no receiver, and the environment is read again. Takes no lock. */
void sp_log_child(void);

#endif
