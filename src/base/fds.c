/* SPDX-License-Identifier: MIT */
/* One bit for each descriptor number, in blocks that are linked when they are first needed and
 * never freed. Bits and links are atomic, so a child may walk them whatever the parent's other
 * threads were doing at the fork.
 *
 * Noting a descriptor fails when its block cannot be allocated. A fork between making a descriptor
 * and noting it, or between forgetting and closing it, leaves that one open in the child until it
 * calls exec. */
#include "base/fds.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#else
#include <fcntl.h>
#include <sys/socket.h>
#endif

#define FDS_WORDS 64
#define FDS_BITS  (FDS_WORDS * 64)

struct fds_block {
    _Atomic uint64_t noted[FDS_WORDS]; /* bit n % 64 of word n / 64: descriptor n is ours */
    struct fds_block *_Atomic next;    /* the following FDS_BITS descriptors, or NULL */
};

static struct fds_block fds_first;

/* Of two threads that add the same block one wins, and both go on with that one. */
static struct fds_block *fds_add(struct fds_block *b)
{
    struct fds_block *fresh = sp_calloc(1, sizeof *fresh), *next = NULL;
    if (!fresh)
        return NULL;
    if (atomic_compare_exchange_strong(&b->next, &next, fresh))
        return fresh;
    sp_free(fresh);
    return next;
}

int sp_fd_keep(int fd)
{
    struct fds_block *b = &fds_first;
    for (; fd >= FDS_BITS; fd -= FDS_BITS) {
        struct fds_block *next = atomic_load(&b->next);
        b = next ? next : fds_add(b);
        if (!b)
            return -ENOMEM;
    }
    atomic_fetch_or(&b->noted[fd / 64], UINT64_C(1) << fd % 64);
    return 0;
}

#ifdef __linux__
int sp_fd_event(int fd[2])
{
    fd[0] = fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd[0] < 0)
        return -errno;
    int rc = sp_fd_keep(fd[0]);
    if (rc < 0)
        close(fd[0]);
    return rc;
}
#else
static int fds_quiet(int fd)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    return sp_fd_keep(fd);
}

int sp_fd_event(int fd[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
        return -errno;
    int rc = fds_quiet(fd[0]);
    if (rc == 0)
        rc = fds_quiet(fd[1]);
    if (rc < 0) {
        sp_fd_close(fd[0]);
        sp_fd_close(fd[1]);
    }
    return rc;
}
#endif

void sp_fd_forget(int fd)
{
    struct fds_block *b = &fds_first;
    for (; b && fd >= FDS_BITS; fd -= FDS_BITS)
        b = atomic_load(&b->next);
    if (b)
        atomic_fetch_and(&b->noted[fd / 64], ~(UINT64_C(1) << fd % 64));
}

void sp_fd_close(int fd)
{
    if (fd < 0)
        return;
    int keep_errno = errno;
    sp_fd_forget(fd); /* first: once closed, the number may be somebody else's */
    close(fd);
    errno = keep_errno;
}

static void fds_close_word(uint64_t bits, int base)
{
    for (; bits; bits &= bits - 1)
        close(base + __builtin_ctzll(bits));
}

void sp_fd_child(void)
{
    int keep_errno = errno, base = 0;
    for (struct fds_block *b = &fds_first; b; b = atomic_load(&b->next))
        for (int i = 0; i < FDS_WORDS; i++, base += 64)
            fds_close_word(atomic_exchange(&b->noted[i], 0), base);
    errno = keep_errno;
}

int sp_fd_count(void)
{
    int n = 0;
    for (struct fds_block *b = &fds_first; b; b = atomic_load(&b->next))
        for (int i = 0; i < FDS_WORDS; i++)
            n += __builtin_popcountll(atomic_load(&b->noted[i]));
    return n;
}
