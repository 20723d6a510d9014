/* SPDX-License-Identifier: MIT */
/* The transports as a table, so that a test of the public calls runs over each of them. A row whose
 * scheme the library does not have is skipped visibly. Any thread may call these; those that fail
 * leave errno. */
#ifndef TESTS_SUPPORT_TRANSPORTS_H
#define TESTS_SUPPORT_TRANSPORTS_H

#include <stdbool.h>

#define TR_ADDRESS 160 /* bytes for an address */

struct tr_row {
    const char *scheme; /* "tcp" */
    bool keyed;         /* needs NN_TLS_CONFIG */
    bool local;         /* within one process */
};

extern const struct tr_row tr_rows[];
extern const int tr_n_rows;

struct tr_test {
    const char *name;
    void (*fn)(void **state); /* *state is the row */
};

/* A test for tr_run: its name and function. */
#define tr_unit_test(fn)                                                                           \
    {                                                                                              \
#fn, fn                                                                                    \
    }

/* Whether the library has it. */
bool tr_here(const struct tr_row *row);
/* The row of a test; skips the test when the library lacks it. */
const struct tr_row *tr_row_of(void **state);
/* Gives a socket what the transport needs: a key, NN_ALLOW_PORT0. 0 or -1. */
int tr_prepare(const struct tr_row *row, int s);
/* Binds a prepared socket to an address that nobody has, and says which. The endpoint's id, or -1.
 */
int tr_listen(const struct tr_row *row, int s, char address[TR_ADDRESS]);
/* The row of an address, or NULL. */
const struct tr_row *tr_find(const char *address);
/* Runs each test over each row: the number of failures. NANOSEAL_ONLY in the environment chooses by
 * a pattern, such as
 * "*over tcp". */
int tr_run(const char *group, const struct tr_test *tests, int n_tests);

#endif
