/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stress.h"
#include "transports.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/tls.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_TESTS 64

const struct tr_row tr_rows[] = {
    {"tcp", false, false},   {"tls+psk", true, false}, {"ipc", false, false},
    {"inproc", false, true}, {"ws", false, false},     {"wss", true, false},
};
const int tr_n_rows = sizeof tr_rows / sizeof *tr_rows;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t owner;     /* of the following: a child makes its own */
static int config;      /* keys; -1 when there are none to be had */
static char folder[96]; /* for ipc */
static unsigned serial; /* of the last address */

/* ---- what a process makes once ---- */

static void remove_folder(void)
{
    char path[TR_ADDRESS];
    if (owner != getpid() || !folder[0])
        return;
    for (unsigned i = 1; i <= serial; i++) {
        snprintf(path, sizeof path, "%s/%u", folder, i);
        unlink(path);
    }
    rmdir(folder);
}

/* The key is the same in all processes, as each has to know it. */
static int make_config(void)
{
    static const uint8_t key[32] = "the one key that all tests know";
    int h = nn_tls_create();
    if (h < 0)
        return -1;
    if (nn_tls_psk_add(h, "stress", 6, key, sizeof key,
                       NN_TLS_DIAL | NN_TLS_ACCEPT | NN_TLS_SHARED) == 0)
        return h;
    nn_tls_destroy(h);
    return -1;
}

static void make_once(void)
{
    if (owner == getpid())
        return;
    if (!owner)
        atexit(remove_folder);
    owner = getpid();
    config = make_config();
    folder[0] = 0;
    serial = 0;
}

static int make_folder(void)
{
    const char *base = getenv("TMPDIR");
    if (folder[0])
        return 0;
    if (snprintf(folder, sizeof folder, "%s/nn.XXXXXX", base ? base : P_tmpdir) <
            (int)sizeof folder &&
        mkdtemp(folder))
        return 0;
    folder[0] = 0;
    return -1;
}

/* ---- addresses ---- */

/* A loopback address of this process alone, so that nobody else takes a port that it wants again.
 */
static void host_of(char *out, size_t size)
{
#ifdef __linux__
    unsigned pid = (unsigned)getpid();
    snprintf(out, size, "127.%u.%u.1", 1 + pid / 256 % 250, pid % 256);
#else
    snprintf(out, size, "127.0.0.1");
#endif
}

/* An address to bind to: with a port of 0 where there are ports. */
static int fresh(const struct tr_row *row, char address[TR_ADDRESS])
{
    char host[32];
    int rc = 0;
    pthread_mutex_lock(&lock);
    make_once();
    unsigned n = ++serial;
    if (!strcmp(row->scheme, "ipc"))
        rc = make_folder();
    pthread_mutex_unlock(&lock);
    host_of(host, sizeof host);
    if (!strcmp(row->scheme, "ipc"))
        snprintf(address, TR_ADDRESS, "ipc://%s/%u", folder, n);
    else if (row->local)
        snprintf(address, TR_ADDRESS, "%s://%ld.%u", row->scheme, (long)getpid(), n);
    else
        snprintf(address, TR_ADDRESS, "%s://%s:0", row->scheme, host);
    return rc;
}

int tr_prepare(const struct tr_row *row, int s)
{
    int one = 1;
    pthread_mutex_lock(&lock);
    make_once();
    int h = config;
    pthread_mutex_unlock(&lock);
    if (row->keyed && nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &h, sizeof h) < 0)
        return -1;
    return nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &one, sizeof one);
}

int tr_listen(const struct tr_row *row, int s, char address[TR_ADDRESS])
{
    size_t len = TR_ADDRESS;
    char wanted[TR_ADDRESS];
    if (fresh(row, wanted) < 0)
        return -1;
    int id = nn_bind(s, wanted);
    if (id < 0 || nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len) < 0)
        return -1;
    return id;
}

const struct tr_row *tr_find(const char *address)
{
    const char *end = strstr(address, "://");
    size_t len = end ? (size_t)(end - address) : 0;
    for (int i = 0; i < tr_n_rows; i++)
        if (len == strlen(tr_rows[i].scheme) && !strncmp(address, tr_rows[i].scheme, len))
            return &tr_rows[i];
    return NULL;
}

/* ---- tests ---- */

/* Without TLS in the library a keyed row can't be prepared, and the bind says that the scheme is
 * unknown. */
bool tr_here(const struct tr_row *row)
{
    char address[TR_ADDRESS];
    int s = nn_socket(AF_SP, NN_PAIR);
    (void)tr_prepare(row, s);
    bool lacks = tr_listen(row, s, address) < 0 && nn_errno() == EPROTONOSUPPORT;
    nn_close(s);
    return !lacks;
}

const struct tr_row *tr_row_of(void **state)
{
    const struct tr_row *row = *state;
    st_forget();
    if (!tr_here(row))
        skip();
    return row;
}

int tr_run(const char *group, const struct tr_test *tests, int n_tests)
{
    static struct CMUnitTest list[MAX_TESTS];
    static char names[MAX_TESTS][96];
    size_t n = 0;
    for (int t = 0; t < n_tests; t++)
        for (int i = 0; i < tr_n_rows; i++, n++) {
            assert_true(n < MAX_TESTS);
            snprintf(names[n], sizeof names[n], "%s over %s", tests[t].name, tr_rows[i].scheme);
            list[n].name = names[n];
            list[n].test_func = tests[t].fn;
            list[n].initial_state = (void *)(uintptr_t)&tr_rows[i];
        }
    cmocka_set_test_filter(getenv("NANOSEAL_ONLY"));
    return _cmocka_run_group_tests(group, list, n, NULL, NULL);
}
