/* SPDX-License-Identifier: MIT */
/* The rules of one policy file. docs/POLICY.md describes the language. */
#ifndef SP_POLICY_RULES_H
#define SP_POLICY_RULES_H

#include "policy/scheme.h"
#include "policy/setting.h"

#define SP_RULES_BYTES 65536 /* of a file */
#define SP_RULES_LINE  1024  /* bytes of a line */
#define SP_RULES_MAX   1024  /* rules */
#define SP_RULES_WHY   160   /* room for the words about an error */

/* In the order in which one beats another. */
enum sp_action { SP_ACTION_NONE, SP_ACTION_ALLOW, SP_ACTION_REFUSE, SP_ACTION_SEAL };

enum { SP_ROLE_BIND = 1, SP_ROLE_CONNECT = 2, SP_ROLE_ANY = 3 };

struct sp_rule {
    int line;                       /* where it begins */
    const struct sp_scheme *scheme; /* of its pattern */
    const char *pattern;            /* of addresses; this and the others point into the text */
    const char *program;            /* pattern of program names, or NULL */
    const char *keys;               /* SEAL: path of the key file */
    int roles;                      /* SP_ROLE_* */
    enum sp_action action;          /* never NONE in what was parsed without error */
    bool drop;                      /* SEAL: end the connections of keys that are removed */
    struct sp_values values;        /* options to set */
};

struct sp_rules {
    char *text;               /* owned */
    struct sp_rule *v;        /* in the order of the file */
    size_t n;                 /* rules */
    size_t cap;               /* rules that fit */
    enum sp_action otherwise; /* for what has no rule; NONE: not parsed */
    int otherwise_line;       /* where that is said */
};

/* What an endpoint is to the policy; all borrowed. */
struct sp_subject {
    const struct sp_scheme *scheme; /* NULL: unknown */
    const char *address;            /* as sp_scheme_address writes it */
    const char *program;            /* name of the program */
    int role;                       /* SP_ROLE_BIND or SP_ROLE_CONNECT */
};

/* Parses text[0..n), which is copied, into *r (zeroed before; always to be ended by sp_rules_fini).
 * 0; -ENOMEM; -EINVAL with the number of the *line that is wrong and words about it in why. */
int sp_rules_parse(struct sp_rules *r, const char *text, size_t n, int *line,
                   char why[SP_RULES_WHY]) SP_MUST_CHECK;
void sp_rules_fini(struct sp_rules *r);
/* Borrows the first rule that matches, or NULL. */
const struct sp_rule *sp_rules_find(const struct sp_rules *r, const struct sp_subject *s);

#endif
