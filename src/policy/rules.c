/* SPDX-License-Identifier: MIT */
#include "policy/rules.h"
#include "policy/glob.h"

void sp_rules_fini(struct sp_rules *r)
{
    sp_free(r->v);
    sp_free(r->text);
    *r = (struct sp_rules){0};
}

static bool rules_match(const struct sp_rule *rule, const struct sp_subject *s)
{
    if (rule->scheme != s->scheme || !(rule->roles & s->role))
        return false;
    if (rule->program && !sp_glob_match(rule->program, s->program, false))
        return false;
    return sp_glob_match(rule->pattern, s->address, rule->scheme->inet);
}

const struct sp_rule *sp_rules_find(const struct sp_rules *r, const struct sp_subject *s)
{
    for (size_t i = 0; i < r->n; i++)
        if (rules_match(&r->v[i], s))
            return &r->v[i];
    return NULL;
}
