/* SPDX-License-Identifier: MIT */
/* A slot holds a live bit and the number of calls inside. nn_close clears the bit; whoever brings
 * the count to zero after that drops the socket and frees the number. Slots lie in blocks that are
 * never freed, so entering needs no lock.
 *
 * Failure modes: EMFILE at the limit, ENOMEM for a block or a socket; a number is never given twice
 * while a call that used it is inside. */
#include "table.h"
#include "../base/lock.h"
#include "life.h"
#include "sock.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#define BLOCK 256
#define LIVE  0x80000000u

struct slot {
    atomic_uint state;    /* LIVE, and the number of calls inside */
    bool used;            /* the number is taken; under the table's lock */
    struct sp_sock *sock; /* while used */
    char apart[48];       /* threads that use different sockets do not write to one cache line */
};

static struct slot *_Atomic blocks[SP_TABLE_MAX / BLOCK];
static int lowest; /* no free number is below */

static struct slot *slot_at(int fd)
{
    if (fd < 0 || fd >= SP_TABLE_MAX)
        return NULL;
    struct slot *b = atomic_load_explicit(&blocks[fd / BLOCK], memory_order_acquire);
    return b ? &b[fd % BLOCK] : NULL;
}

struct sp_sock *sp_table_enter(int fd)
{
    struct slot *t = slot_at(fd);
    if (!t)
        return NULL;
    if (atomic_fetch_add_explicit(&t->state, 1, memory_order_acq_rel) & LIVE)
        return t->sock;
    sp_table_leave(fd);
    return NULL;
}

void sp_table_leave(int fd)
{
    struct slot *t = slot_at(fd);
    unsigned before = atomic_fetch_sub_explicit(&t->state, 1, memory_order_acq_rel);
    if (before != 1)
        return;
    /* Not live and nobody inside. A stray caller of a bad number gets here too: only one finds the
     * socket. */
    sp_life_lock();
    struct sp_sock *s = atomic_load(&t->state) == 0 ? t->sock : NULL;
    if (s) {
        t->sock = NULL;
        t->used = false;
        lowest = fd < lowest ? fd : lowest;
    }
    sp_life_unlock();
    if (!s)
        return;
    sp_sock_lock(s);
    sp_sock_drop(s);
    (void)sp_sock_unlock(s);
}

static int limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > SP_TABLE_MAX)
        return SP_TABLE_MAX;
    return (int)r.rlim_cur;
}

/* Takes the lowest free number; the table's lock is held. */
static int slot_take(void)
{
    int max = limit();
    for (int fd = lowest; fd < max; fd++) {
        struct slot *b = atomic_load(&blocks[fd / BLOCK]);
        if (!b) {
            b = sp_calloc(BLOCK, sizeof *b);
            if (!b)
                return -ENOMEM;
            atomic_store(&blocks[fd / BLOCK], b);
        }
        if (!b[fd % BLOCK].used) {
            b[fd % BLOCK].used = true;
            lowest = fd + 1;
            return fd;
        }
    }
    return -EMFILE;
}

/* The table's lock is held. */
static void slot_give(int fd)
{
    slot_at(fd)->used = false;
    lowest = fd < lowest ? fd : lowest;
}

int sp_table_open(int domain, int protocol)
{
    sp_life_lock();
    int fd = slot_take();
    int rc = fd < 0 ? fd : sp_life_socket_made();
    if (fd >= 0 && rc < 0)
        slot_give(fd);
    sp_life_unlock();
    if (rc < 0)
        return rc;
    struct slot *t = slot_at(fd);
    struct sp_sock *s;
    rc = sp_sock_new(&s, domain, protocol, fd);
    sp_life_lock();
    bool ended = sp_life_ended(); /* nn_term does not find what becomes live only now */
    if (rc < 0) {
        slot_give(fd);
    } else {
        t->sock = s;
        atomic_fetch_or(&t->state, LIVE);
    }
    sp_life_unlock();
    if (rc < 0)
        sp_life_socket_gone();
    else if (ended)
        (void)(sp_table_close(fd) == 0), rc = -ETERM;
    return rc < 0 ? rc : fd;
}

int sp_table_close(int fd)
{
    struct sp_sock *s = sp_table_enter(fd);
    if (!s)
        return -EBADF;
    if (s == sp_sock_calling) {
        sp_table_leave(fd);
        return -EDEADLK;
    }
    unsigned before = atomic_fetch_and(&slot_at(fd)->state, ~LIVE);
    if (before & LIVE)
        sp_sock_close(s);
    sp_table_leave(fd);
    return before & LIVE ? 0 : -EBADF;
}

void sp_table_close_all(void)
{
    for (int i = 0; i < SP_TABLE_MAX / BLOCK; i++)
        for (int k = 0; atomic_load(&blocks[i]) && k < BLOCK; k++)
            (void)(sp_table_close(i * BLOCK + k) == 0);
}

void sp_table_child(void)
{
    for (int i = 0; i < SP_TABLE_MAX / BLOCK; i++) {
        struct slot *b = atomic_load(&blocks[i]);
        if (b)
            memset(b, 0, BLOCK * sizeof *b);
    }
    lowest = 0;
}
