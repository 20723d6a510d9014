/* SPDX-License-Identifier: MIT */
/* The file is opened once, judged by what was opened, read whole and parsed. Who may write to it
 * decides what is sealed: so it must belong to root or to the effective user, and nobody else may
 * write to it.
 *
 * Whatever is wrong stays wrong until the file changes, with a message that tells where. Only a
 * file that may be missing, and is, says nothing. */
#include "policy/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int sp_policy_file_init(struct sp_policy_file *f, const char *path, bool optional)
{
    *f = (struct sp_policy_file){.optional = optional};
    f->path = sp_memdup(path, strlen(path));
    return f->path ? 0 : -ENOMEM;
}

void sp_policy_file_fini(struct sp_policy_file *f)
{
    sp_rules_fini(&f->rules);
    sp_free(f->path);
    *f = (struct sp_policy_file){0};
}

static void file_wrong(struct sp_policy_file *f, int err, const char *words)
{
    f->err = err;
    snprintf(f->why, sizeof f->why, "%s: %s", f->path, words);
}

static const char *file_check(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "the policy is no regular file";
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return "the policy belongs to another user";
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return "others may write to the policy";
    return st->st_size > SP_RULES_BYTES ? "the policy is too large" : NULL;
}

/* Reads up to n bytes; how many, or a negative errno. */
static ssize_t file_read(int fd, char *to, size_t n)
{
    size_t len = 0;
    while (len < n) {
        ssize_t got = read(fd, to + len, n - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static void file_parse(struct sp_policy_file *f, const char *text, size_t n)
{
    char why[SP_RULES_WHY];
    int line = 0;
    int rc = sp_rules_parse(&f->rules, text, n, &line, why);
    if (rc == -EINVAL) {
        f->err = -EACCES;
        snprintf(f->why, sizeof f->why, "%s:%d: %s", f->path, line, why);
    } else if (rc < 0) {
        file_wrong(f, rc, strerror(-rc));
    }
}

static void file_load(struct sp_policy_file *f, int fd, const struct stat *st)
{
    const char *wrong = file_check(st);
    if (wrong) {
        file_wrong(f, -EACCES, wrong);
        return;
    }
    size_t size = (size_t)st->st_size;
    char *text = sp_alloc(size + 1);
    ssize_t n = text ? file_read(fd, text, size + 1) : -ENOMEM;
    if (n < 0)
        file_wrong(f, n == -ENOMEM ? -ENOMEM : -EACCES, strerror((int)-n));
    else if ((size_t)n != size)
        file_wrong(f, -EACCES, "the policy is being changed");
    else
        file_parse(f, text, size);
    sp_free(text);
}

static void file_open(struct sp_policy_file *f)
{
    struct stat st;
    if (*f->path != '/') { /* it would be another file after a chdir */
        f->there = true;
        file_wrong(f, -EACCES, "the path of a policy begins with '/'");
        return;
    }
    /* Asked first: open(2) needs a free descriptor even to say that there is nothing, and says the
     * same of a link that leads nowhere. */
    f->there = !f->optional || lstat(f->path, &st) == 0 || errno != ENOENT;
    if (!f->there)
        return;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        bool want = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        file_wrong(f, want ? -errno : -EACCES, strerror(errno));
        return;
    }
    if (fstat(fd, &st) < 0) {
        file_wrong(f, -EACCES, strerror(errno));
    } else {
        file_load(f, fd, &st);
        if (f->err != -ENOMEM)
            sp_mark_take(&f->mark, &st);
    }
    close(fd);
}

void sp_policy_file_refresh(struct sp_policy_file *f)
{
    if (!f->path || sp_mark_holds(&f->mark, f->path))
        return;
    sp_rules_fini(&f->rules);
    f->mark.valid = false;
    f->err = 0;
    f->why[0] = 0;
    file_open(f);
}
