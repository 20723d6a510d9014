/* SPDX-License-Identifier: MIT */
/* One stat(2) before a handshake says whether the keys at hand are still those of the file. If not,
 * the file replaces them all at once; connections that exist keep the keys that they have derived,
 * unless their identity has gone and NN_TLS_DROP_LIVE was asked for.
 *
 * A file that is missing, wrong or another's stops all handshakes until it is right again: what it
 * said before may have been revoked. */
#include "transports/tls/follow.h"
#include "transports/tls/config.h"
#include "transports/tls/keyfile.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int follow_words(const char *path, int rc, size_t line, char *why, size_t n)
{
    if (rc == -EINVAL && line)
        snprintf(why, n, "%s:%zu: not a valid key entry", path, line);
    else if (rc == -EACCES)
        snprintf(why, n, "key file %s: must be readable, and by its owner only", path);
    else if (rc == -EPERM)
        snprintf(why, n, "key file %s: belongs to another user", path);
    else if (rc == -EAGAIN)
        snprintf(why, n, "key file %s: is being changed", path);
    else
        snprintf(why, n, "key file %s: %s", path, strerror(-rc));
    return rc == -EPERM ? -EACCES : rc;
}

/* Who has gone from the file, and their connections. The configuration is locked. */
static void follow_drop(struct sp_tls_cfg *c, const struct sp_keys *old)
{
    for (size_t i = 0; i < old->n; i++) {
        const struct sp_key *e = &old->v[i], *now = sp_keys_find(&c->keys, e->id, e->id_len);
        if (!now || e->flags & ~now->flags & (NN_TLS_DIAL | NN_TLS_ACCEPT))
            sp_tls_live_drop(c, e->id, e->id_len);
    }
}

/* Under the lock of f. */
static int follow_read(struct sp_tls_cfg *c, const char *path, int flags, char *why, size_t n)
{
    struct sp_keys keys = {0}, old;
    struct stat st = {0};
    size_t line = 0;
    int rc = sp_keyfile_read(&keys, path, &line, &st);
    if (rc == 0 && st.st_uid != 0 && st.st_uid != geteuid())
        rc = -EPERM;
    if (rc < 0) {
        sp_keys_fini(&keys);
        return follow_words(path, rc, line, why, n);
    }
    sp_mutex_lock(&c->lock);
    old = c->keys;
    sp_keys_inherit(&keys, &old);
    c->keys = keys;
    if (flags)
        follow_drop(c, &old);
    sp_mutex_unlock(&c->lock);
    sp_keys_fini(&old);
    sp_mark_take(&c->follow.mark, &st);
    return 0;
}

/* Under the lock of f. */
static int follow_begin(struct sp_tls_cfg *c, const char *path, int flags, char *why, size_t n)
{
    struct sp_follow *f = &c->follow;
    bool same = f->path && strcmp(f->path, path) == 0;
    if (same && sp_mark_holds(&f->mark, path)) {
        f->flags = flags;
        return 0;
    }
    char *copy = sp_memdup(path, strlen(path));
    int rc = copy ? follow_read(c, path, flags, why, n) : follow_words(path, -ENOMEM, 0, why, n);
    if (rc < 0) {
        sp_free(copy);
        return rc;
    }
    sp_free(f->path);
    f->path = copy;
    f->flags = flags;
    return 0;
}

int sp_follow_start(struct sp_tls_cfg *c, const char *path, int flags, char *why, size_t n)
{
    struct sp_follow *f = &c->follow;
    int rc = 0;
    sp_mutex_lock(&f->lock);
    if (path) {
        rc = follow_begin(c, path, flags, why, n);
    } else {
        sp_free(f->path);
        f->path = NULL;
    }
    sp_mutex_unlock(&f->lock);
    return rc;
}

int sp_follow_refresh(struct sp_tls_cfg *c, char *why, size_t n)
{
    struct sp_follow *f = &c->follow;
    int rc = 0;
    sp_mutex_lock(&f->lock);
    if (f->path && !sp_mark_holds(&f->mark, f->path))
        rc = follow_read(c, f->path, f->flags, why, n);
    sp_mutex_unlock(&f->lock);
    return rc;
}

void sp_follow_fini(struct sp_follow *f)
{
    sp_free(f->path);
    sp_mutex_fini(&f->lock);
}
