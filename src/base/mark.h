/* SPDX-License-Identifier: MIT */
/* Whether a file is still the one that was read, by stat(2): nothing watches it in between. */
#ifndef SP_BASE_MARK_H
#define SP_BASE_MARK_H

#include "alloc.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* A change within this time of the reading may leave no trace in the file's times (seconds). */
#define SP_MARK_SETTLE_S 2

struct sp_mark {
    bool valid;              /* a file was read, and its last change was over by then */
    uint64_t dev, ino, size; /* of that file */
    struct timespec mtime;   /* the same */
    struct timespec ctime;   /* the same; also moves with its owner and permissions */
};

/* Notes the file whose state was st when its reading began. */
void sp_mark_take(struct sp_mark *m, const struct stat *st);
/* Whether the file at path is that one, unchanged. False as well when nobody can be sure. */
bool sp_mark_holds(const struct sp_mark *m, const char *path) SP_MUST_CHECK;

#endif
