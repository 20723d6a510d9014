/* SPDX-License-Identifier: MIT */
/* What each word of a policy does to the rule at hand. A rule is checked as a whole when the next
 * one begins or the file ends, and an error of it is reported where it began. */
#include "policy/glob.h"
#include "policy/parser.h"
#include <errno.h>
#include <string.h>

static bool word_same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* A second rule of the same endpoints would never be reached: somebody meant something else. */
static int word_unique(struct sp_parser *p)
{
    const struct sp_rule *r = p->rule;
    for (const struct sp_rule *o = p->to->v; o < r; o++)
        if (o->roles == r->roles && word_same(o->pattern, r->pattern) &&
            word_same(o->program, r->program))
            return sp_parser_fail(p, "the same endpoint, role and program as at line %d", o->line);
    return 0;
}

/* The rule is complete: is it one? Errors are reported where it began. */
static int word_close(struct sp_parser *p)
{
    const struct sp_rule *r = p->rule;
    if (!r)
        return 0;
    int now = p->line;
    p->line = r->line;
    if (r->action == SP_ACTION_NONE)
        return sp_parser_fail(p, "this rule says neither seal nor refuse nor allow");
    if (r->action == SP_ACTION_SEAL && !r->scheme->sealed)
        return sp_parser_fail(p, "%s:// %s", r->scheme->name,
                              r->scheme->tls ? "is sealed already" : "cannot be sealed");
    if (r->action == SP_ACTION_REFUSE && r->scheme->tls)
        return sp_parser_fail(p, "%s:// is no plaintext to refuse", r->scheme->name);
    if (r->drop && r->action != SP_ACTION_SEAL)
        return sp_parser_fail(p, "'removed' belongs to 'seal'");
    int rc = word_unique(p);
    if (rc == 0)
        p->line = now;
    p->rule = NULL;
    return rc;
}

static int word_grow(struct sp_rules *r)
{
    if (r->n < r->cap)
        return 0;
    size_t cap = r->cap ? 2 * r->cap : 8;
    struct sp_rule *v = sp_realloc(r->v, cap * sizeof *v);
    if (!v)
        return -ENOMEM;
    r->v = v;
    r->cap = cap;
    return 0;
}

/* A pattern names its scheme, so that a scheme that does not exist is an error too. */
static int word_endpoint(struct sp_parser *p, const char *value)
{
    int rc = word_close(p);
    if (rc < 0)
        return rc;
    const char *colon = strstr(value, "://");
    const struct sp_scheme *scheme = colon ? sp_scheme_find(value, (size_t)(colon - value)) : NULL;
    if (!scheme)
        return sp_parser_fail(p, "'%.60s' does not begin with a scheme such as tcp://", value);
    if (value[strcspn(value, " \t")] || !sp_glob_ok(value) || !colon[3])
        return sp_parser_fail(p, "'%.60s' is no address pattern", value);
    if (p->to->n == SP_RULES_MAX)
        return sp_parser_fail(p, "more than %d rules", SP_RULES_MAX);
    rc = word_grow(p->to);
    if (rc < 0)
        return rc;
    p->rule = &p->to->v[p->to->n++];
    *p->rule =
        (struct sp_rule){.line = p->line, .scheme = scheme, .pattern = value, .roles = SP_ROLE_ANY};
    p->seen = 0;
    return 0;
}

static int word_role(struct sp_parser *p, const char *value)
{
    static const char *const names[] = {[SP_ROLE_BIND] = "bind", "connect", "any"};
    for (int i = SP_ROLE_BIND; i <= SP_ROLE_ANY; i++)
        if (!strcmp(value, names[i])) {
            p->rule->roles = i;
            return 0;
        }
    return sp_parser_fail(p, "a role is bind, connect or any, not '%.60s'", value);
}

static int word_program(struct sp_parser *p, const char *value)
{
    if (!sp_glob_ok(value) || strchr(value, '/'))
        return sp_parser_fail(p, "'%.60s' is no pattern of a program's name", value);
    p->rule->program = value;
    return 0;
}

static int word_action(struct sp_parser *p, enum sp_action action)
{
    if (p->rule->action != SP_ACTION_NONE)
        return sp_parser_fail(p, "only one of seal, refuse and allow");
    p->rule->action = action;
    return 0;
}

static int word_seal(struct sp_parser *p, const char *value)
{
    if (*value != '/')
        return sp_parser_fail(p, "the path of a key file begins with '/', unlike '%.60s'", value);
    p->rule->keys = value;
    return word_action(p, SP_ACTION_SEAL);
}

static int word_refuse(struct sp_parser *p, const char *value)
{
    (void)value;
    return word_action(p, SP_ACTION_REFUSE);
}

static int word_allow(struct sp_parser *p, const char *value)
{
    (void)value;
    return word_action(p, SP_ACTION_ALLOW);
}

static int word_removed(struct sp_parser *p, const char *value)
{
    p->rule->drop = !strcmp(value, "drop");
    if (!p->rule->drop && strcmp(value, "keep") != 0)
        return sp_parser_fail(p, "'removed' is followed by drop or keep, not by '%.60s'", value);
    return 0;
}

static int word_otherwise(struct sp_parser *p, const char *value)
{
    int rc = word_close(p);
    if (rc < 0)
        return rc;
    p->to->otherwise = !strcmp(value, "allow")    ? SP_ACTION_ALLOW
                       : !strcmp(value, "refuse") ? SP_ACTION_REFUSE
                                                  : SP_ACTION_NONE;
    p->to->otherwise_line = p->line;
    if (p->to->otherwise == SP_ACTION_NONE)
        return sp_parser_fail(p, "'otherwise' is followed by allow or refuse, not by '%.60s'",
                              value);
    return 0;
}

static const struct word {
    const char *name;
    int (*fn)(struct sp_parser *p, const char *value);
    bool in_rule; /* belongs to a rule, once */
    bool value;   /* is followed by one */
} words[] = {
    {"endpoint", word_endpoint, false, true}, {"role", word_role, true, true},
    {"program", word_program, true, true},    {"seal", word_seal, true, true},
    {"refuse", word_refuse, true, false},     {"allow", word_allow, true, false},
    {"removed", word_removed, true, true},    {"otherwise", word_otherwise, false, true},
};

/* A decimal number within the range; leading zeros are not a number of anything here. */
static bool word_number(const char *s, int lo, int hi, int *out)
{
    bool minus = *s == '-';
    long long n = 0;
    s += minus;
    if (!*s || (*s == '0' && (s[1] || minus)))
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || n > 0x7fffffff)
            return false;
        n = 10 * n + (*s - '0');
    }
    n = minus ? -n : n;
    *out = (int)n;
    return n >= lo && n <= hi;
}

static int word_setting(struct sp_parser *p, const char *name, const char *value)
{
    int i = sp_setting_find(name);
    if (i < 0)
        return sp_parser_fail(p, "unknown word '%.60s'", name);
    if (!p->rule)
        return sp_parser_fail(p, "'%s' before the first endpoint", name);
    struct sp_values *v = &p->rule->values;
    if (v->set[i])
        return sp_parser_fail(p, "'%s' a second time", name);
    if (!word_number(value, sp_settings[i].lo, sp_settings[i].hi, &v->value[i]))
        return sp_parser_fail(p, "%s is a number from %d to %d, not '%.60s'", name,
                              sp_settings[i].lo, sp_settings[i].hi, value);
    v->set[i] = true;
    return 0;
}

static int word_of_table(struct sp_parser *p, const struct word *w, const char *value)
{
    unsigned bit = 1u << (w - words);
    if (w->in_rule && !p->rule)
        return sp_parser_fail(p, "'%s' before the first endpoint", w->name);
    if (w->in_rule && p->seen & bit)
        return sp_parser_fail(p, "'%s' a second time", w->name);
    if (w->value != (*value != 0))
        return sp_parser_fail(p, w->value ? "'%s' is followed by nothing" : "words behind '%s'",
                              w->name);
    p->seen |= bit;
    return w->fn(p, value);
}

int sp_parser_word(struct sp_parser *p, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].name, name))
            return word_of_table(p, &words[i], value);
    return word_setting(p, name, value);
}
