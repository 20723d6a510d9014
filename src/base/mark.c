/* SPDX-License-Identifier: MIT */
#include "base/mark.h"
#include <time.h>

static bool mark_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* The times of files are coarse: what changed a moment ago may change again and look the same. So a
 * young file is never known, and is read again until it has rested. */
void sp_mark_take(struct sp_mark *m, const struct stat *st)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    *m = (struct sp_mark){.valid = now.tv_sec - st->st_ctim.tv_sec > SP_MARK_SETTLE_S,
                          .dev = (uint64_t)st->st_dev,
                          .ino = (uint64_t)st->st_ino,
                          .size = (uint64_t)st->st_size,
                          .mtime = st->st_mtim,
                          .ctime = st->st_ctim};
}

bool sp_mark_holds(const struct sp_mark *m, const char *path)
{
    struct stat st;
    return m->valid && stat(path, &st) == 0 && m->dev == (uint64_t)st.st_dev &&
           m->ino == (uint64_t)st.st_ino && m->size == (uint64_t)st.st_size &&
           mark_same_time(m->mtime, st.st_mtim) && mark_same_time(m->ctime, st.st_ctim);
}
