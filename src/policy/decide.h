/* SPDX-License-Identifier: MIT */
/* What becomes of an endpoint, by what the system's file and the user's say. No I/O. */
#ifndef SP_POLICY_DECIDE_H
#define SP_POLICY_DECIDE_H

#include "policy/file.h"

struct sp_decision {
    enum sp_action action;             /* NONE: there is no policy */
    const struct sp_rule *rule;        /* SEAL: the one that says so; borrowed */
    const struct sp_policy_file *file; /* whose word it is, or NULL; borrowed */
    int line;                          /* the place in it */
    struct sp_values values;           /* options to set */
};

/* Each file says what its first rule that matches, or else its `otherwise`, says. Sealing beats
 * refusing beats allowing, and of two that say the same the system's counts; also its options. With
 * `secure` sealing becomes refusing: the program runs with privileges that its user lacks. A file
 * that is not there says nothing; neither may have an error. */
void sp_decide(struct sp_decision *d, const struct sp_policy_file *system,
               const struct sp_policy_file *user, const struct sp_subject *s, bool secure);

#endif
