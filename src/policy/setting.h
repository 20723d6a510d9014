/* SPDX-License-Identifier: MIT */
/* The socket options that a rule may set, by name. */
#ifndef SP_POLICY_SETTING_H
#define SP_POLICY_SETTING_H

#include "base/alloc.h"
#include <stdbool.h>

#define SP_SETTINGS 18

struct sp_setting {
    const char *name; /* as in NN_NAME */
    int level;        /* of nn_setsockopt; below 0: a transport's */
    int option;       /* of that level */
    int lo, hi;       /* range */
};

extern const struct sp_setting sp_settings[SP_SETTINGS];

/* Its number, or -1. */
int sp_setting_find(const char *name) SP_MUST_CHECK;

/* Values for some of them. */
struct sp_values {
    bool set[SP_SETTINGS];
    int value[SP_SETTINGS];
};

#endif
