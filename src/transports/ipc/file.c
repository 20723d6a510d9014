/* SPDX-License-Identifier: MIT */
/* The file of a listening socket. It is bound under a lock, with a mode that lets nobody in, gets
 * its owner and its mode, and only then listens: a socket that does not listen refuses. A file
 * whose listener is gone refuses too, and is taken over. When the listener ends, its file is
 * removed while it still listens, if it is still the same one.
 *
 * Failure modes: a file that is no socket, a socket where somebody listens, and a lock that
 * somebody holds, who is binding at this moment, are EADDRINUSE; nothing of that is touched. The
 * lock is a file beside the socket, PATH.nanoseal, which exists for as long as nn_bind runs; one
 * that a crash left behind is empty, locked by nobody, and used again. nanomsg takes no such lock.
 */
#include "ipc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_TRIES 16 /* how often the lock may be removed between opening and locking it */

struct lock {
    int fd;
    char path[sizeof((struct sockaddr_un *)0)->sun_path + sizeof ".nanoseal"];
};

/* Whether the open file is ours to lock: a plain, empty one. -EAGAIN: its last holder removed it.
 */
static int lock_check(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size != 0)
        return -EADDRINUSE;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    return st.st_nlink ? 0 : -EAGAIN;
}

static int lock_take(struct lock *l, const char *path)
{
    int rc = -EAGAIN;
    snprintf(l->path, sizeof l->path, "%s.nanoseal", path);
    for (int i = 0; i < LOCK_TRIES && rc == -EAGAIN; i++) {
        l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (l->fd < 0)
            return errno == ENOTDIR ? -ENOENT : -errno;
        rc = lock_check(l->fd);
        if (rc < 0)
            close(l->fd);
    }
    return rc == -EAGAIN ? -EADDRINUSE : rc;
}

/* It is removed first: who opened it meanwhile sees that it has no name any more. */
static void lock_drop(struct lock *l)
{
    (void)unlink(l->path);
    close(l->fd);
}

/* Whether the file at the address is a socket where nobody listens, or has gone meanwhile, as its
 * listener ended; or a negative errno. */
static int file_stale(const struct sp_addr *a)
{
    const char *path = ((const struct sockaddr_un *)&a->ss)->sun_path;
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 1 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return 0;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return -errno;
    bool stale = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
                 connect(fd, (const struct sockaddr *)&a->ss, a->len) < 0 &&
                 (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return stale;
}

/* Binds fd, in place of a stale file if there is one. The lock is held. */
static int file_bind(int fd, const struct sp_addr *a)
{
    const struct sockaddr *sa = (const struct sockaddr *)&a->ss;
    if (bind(fd, sa, a->len) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    int rc = file_stale(a);
    if (rc <= 0)
        return rc < 0 ? rc : -EADDRINUSE;
    if (unlink(((const struct sockaddr_un *)sa)->sun_path) < 0 && errno != ENOENT)
        return -errno;
    return bind(fd, sa, a->len) < 0 ? -errno : 0;
}

/* The mode that umask leaves. Asking umask(2) sets it, for all threads, so Linux' other way goes
 * first. */
static mode_t file_mode_by_umask(void)
{
    unsigned mask;
    char line[128];
    bool found = false;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && !found && fgets(line, sizeof line, status))
        found = sscanf(line, "Umask: %o", &mask) == 1;
    if (status)
        fclose(status);
    if (!found) {
        mask = umask(077);
        (void)umask((mode_t)mask);
    }
    return (mode_t)(0777 & ~mask);
}

static int file_protect(const struct sp_ipc_options *o, const char *path)
{
    mode_t mode = o->mode >= 0 ? (mode_t)o->mode : file_mode_by_umask();
    if ((o->owner >= 0 || o->group >= 0) && lchown(path, (uid_t)o->owner, (gid_t)o->group) < 0)
        return -errno;
    return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Lets callers in, and remembers the file. */
static int file_open(struct sp_ep *ep, int fd, const char *path)
{
    struct sp_ipc_file *f = sp_stream_own(ep);
    struct stat st;
    if (lstat(path, &st) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    return 0;
}

int sp_ipc_file_listen(struct sp_ep *ep, int fd, const struct sp_addr *a)
{
    const char *path = ((const struct sockaddr_un *)&a->ss)->sun_path;
    const struct sp_ipc_options *o = sp_ep_opts(ep, &sp_ipc_opts);
    bool protect = o->mode >= 0 || o->owner >= 0 || o->group >= 0;
    struct lock lock;
    int rc = lock_take(&lock, path);
    if (rc < 0)
        return rc;
    /* Linux gives the file the mode of the socket. With a wider one for a moment, a connect that
     * passed it then could still wait for listen. */
    if (protect)
        (void)fchmod(fd, 0);
    rc = file_bind(fd, a);
    if (rc == 0) {
        rc = protect ? file_protect(o, path) : 0;
        rc = rc == 0 ? file_open(ep, fd, path) : rc;
        if (rc < 0)
            (void)unlink(path);
    }
    lock_drop(&lock);
    return rc;
}

/* While it listens nobody takes the file over, so that the one that is seen is the one removed. */
void sp_ipc_file_unlisten(struct sp_ep *ep)
{
    const struct sp_ipc_file *f = sp_stream_own(ep);
    const char *path = ep->url.rest;
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino)
        (void)unlink(path);
}
