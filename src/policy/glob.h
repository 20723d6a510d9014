/* SPDX-License-Identifier: MIT */
/* Patterns of the policy: '*' any run of characters, '?' any one, '\' the next one as it is. */
#ifndef SP_POLICY_GLOB_H
#define SP_POLICY_GLOB_H

#include "base/alloc.h"
#include <stdbool.h>

/* Whether the pattern matches the whole text. fold: letters of ASCII match in either case. */
bool sp_glob_match(const char *pattern, const char *text, bool fold) SP_MUST_CHECK;
/* Whether it is a pattern at all: not empty, and no '\' at its end. */
bool sp_glob_ok(const char *pattern) SP_MUST_CHECK;

#endif
