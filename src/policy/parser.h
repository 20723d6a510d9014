/* SPDX-License-Identifier: MIT */
/* The state of parsing a policy, between the lines (parse.c) and the words (words.c). */
#ifndef SP_POLICY_PARSER_H
#define SP_POLICY_PARSER_H

#include "policy/rules.h"

struct sp_parser {
    struct sp_rules *to;
    struct sp_rule *rule; /* being read, or NULL; the last of `to` */
    int line;             /* number of the line at hand */
    unsigned seen;        /* words of the rule so far: one bit for each */
    char *why;            /* SP_RULES_WHY bytes for words about an error */
};

/* Writes words about what is wrong with p->line; gives -EINVAL. */
int sp_parser_fail(struct sp_parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Does what a line says; value is "" or lasts as long as the text. 0, -EINVAL, -ENOMEM. */
int sp_parser_word(struct sp_parser *p, const char *name, const char *value) SP_MUST_CHECK;

#endif
