/* SPDX-License-Identifier: MIT */
/* A policy file: read and parsed when it is first asked for, and again whenever it has changed. Not
 * locked: its owner (policy.c) does that. */
#ifndef SP_POLICY_FILE_H
#define SP_POLICY_FILE_H

#include "base/mark.h"
#include "policy/rules.h"

#define SP_POLICY_WHY 320 /* bytes of a message; NN_LAST_REASON has as many */

struct sp_policy_file {
    char *path;    /* owned; NULL: there is no such file to have */
    bool optional; /* that it is missing is no error */
    bool there;    /* it exists: `rules` or `err` count */
    int err; /* -EACCES, or want of memory or descriptors: nothing may be done; 0: rules are good */
    struct sp_mark mark;     /* of the file that `rules` and `err` are from */
    struct sp_rules rules;   /* what it says */
    char why[SP_POLICY_WHY]; /* with err: "PATH:LINE: what is wrong" */
};

/* Makes *f that of the path, which is copied. 0 or -ENOMEM. */
int sp_policy_file_init(struct sp_policy_file *f, const char *path, bool optional) SP_MUST_CHECK;
void sp_policy_file_fini(struct sp_policy_file *f);
/* Reads the file unless it is the one known. What is wrong is in f->err. */
void sp_policy_file_refresh(struct sp_policy_file *f);

#endif
