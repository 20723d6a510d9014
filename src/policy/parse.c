/* SPDX-License-Identifier: MIT */
/* The text is copied, cut into lines and words in place, and the rules point into it. A line is a
 * word and its value; `endpoint` begins a rule, and `otherwise` ends the file, so that a file that
 * lost its end is an error.
 *
 * Everything that is not understood is an error: a word that is misspelt would else leave an
 * endpoint in plaintext. After an error the rules are of no use. */
#include "policy/glob.h"
#include "policy/rules.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct parser {
    struct sp_rules *to;
    struct sp_rule *rule; /* being read, or NULL; the last of `to` */
    int line;             /* number of the line at hand */
    unsigned seen;        /* words of the rule so far: one bit for each of words[] */
    char *why;            /* for words about an error */
};

static int parse_fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int parse_fail(struct parser *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->why, SP_RULES_WHY, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

static bool parse_same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* A second rule of the same endpoints would never be reached: somebody meant something else. */
static int parse_unique(struct parser *p)
{
    const struct sp_rule *r = p->rule;
    for (const struct sp_rule *o = p->to->v; o < r; o++)
        if (o->roles == r->roles && parse_same(o->pattern, r->pattern) &&
            parse_same(o->program, r->program))
            return parse_fail(p, "the same endpoint, role and program as at line %d", o->line);
    return 0;
}

/* The rule is complete: is it one? Errors are reported where it began. */
static int parse_close(struct parser *p)
{
    const struct sp_rule *r = p->rule;
    if (!r)
        return 0;
    int now = p->line;
    p->line = r->line;
    if (r->action == SP_ACTION_NONE)
        return parse_fail(p, "this rule says neither seal nor refuse nor allow");
    if (r->action == SP_ACTION_SEAL && !r->scheme->sealed)
        return parse_fail(p, "%s:// %s", r->scheme->name,
                          r->scheme->tls ? "is sealed already" : "cannot be sealed");
    if (r->action == SP_ACTION_REFUSE && r->scheme->tls)
        return parse_fail(p, "%s:// is no plaintext to refuse", r->scheme->name);
    if (r->drop && r->action != SP_ACTION_SEAL)
        return parse_fail(p, "'removed' belongs to 'seal'");
    int rc = parse_unique(p);
    if (rc == 0)
        p->line = now;
    p->rule = NULL;
    return rc;
}

static int parse_grow(struct sp_rules *r)
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
static int parse_endpoint(struct parser *p, char *value)
{
    int rc = parse_close(p);
    if (rc < 0)
        return rc;
    const char *colon = strstr(value, "://");
    const struct sp_scheme *scheme = colon ? sp_scheme_find(value, (size_t)(colon - value)) : NULL;
    if (!scheme)
        return parse_fail(p, "'%.60s' does not begin with a scheme such as tcp://", value);
    if (value[strcspn(value, " \t")] || !sp_glob_ok(value) || !colon[3])
        return parse_fail(p, "'%.60s' is no address pattern", value);
    if (p->to->n == SP_RULES_MAX)
        return parse_fail(p, "more than %d rules", SP_RULES_MAX);
    rc = parse_grow(p->to);
    if (rc < 0)
        return rc;
    p->rule = &p->to->v[p->to->n++];
    *p->rule =
        (struct sp_rule){.line = p->line, .scheme = scheme, .pattern = value, .roles = SP_ROLE_ANY};
    p->seen = 0;
    return 0;
}

static int parse_role(struct parser *p, char *value)
{
    static const char *const names[] = {[SP_ROLE_BIND] = "bind", "connect", "any"};
    for (int i = SP_ROLE_BIND; i <= SP_ROLE_ANY; i++)
        if (!strcmp(value, names[i])) {
            p->rule->roles = i;
            return 0;
        }
    return parse_fail(p, "a role is bind, connect or any, not '%.60s'", value);
}

static int parse_program(struct parser *p, char *value)
{
    if (!sp_glob_ok(value) || strchr(value, '/'))
        return parse_fail(p, "'%.60s' is no pattern of a program's name", value);
    p->rule->program = value;
    return 0;
}

static int parse_action(struct parser *p, enum sp_action action)
{
    if (p->rule->action != SP_ACTION_NONE)
        return parse_fail(p, "only one of seal, refuse and allow");
    p->rule->action = action;
    return 0;
}

static int parse_seal(struct parser *p, char *value)
{
    if (*value != '/')
        return parse_fail(p, "the path of a key file begins with '/', unlike '%.60s'", value);
    p->rule->keys = value;
    return parse_action(p, SP_ACTION_SEAL);
}

static int parse_refuse(struct parser *p, char *value)
{
    (void)value;
    return parse_action(p, SP_ACTION_REFUSE);
}

static int parse_allow(struct parser *p, char *value)
{
    (void)value;
    return parse_action(p, SP_ACTION_ALLOW);
}

static int parse_removed(struct parser *p, char *value)
{
    p->rule->drop = !strcmp(value, "drop");
    if (!p->rule->drop && strcmp(value, "keep") != 0)
        return parse_fail(p, "'removed' is followed by drop or keep, not by '%.60s'", value);
    return 0;
}

static int parse_otherwise(struct parser *p, char *value)
{
    int rc = parse_close(p);
    if (rc < 0)
        return rc;
    p->to->otherwise = !strcmp(value, "allow")    ? SP_ACTION_ALLOW
                       : !strcmp(value, "refuse") ? SP_ACTION_REFUSE
                                                  : SP_ACTION_NONE;
    p->to->otherwise_line = p->line;
    if (p->to->otherwise == SP_ACTION_NONE)
        return parse_fail(p, "'otherwise' is followed by allow or refuse, not by '%.60s'", value);
    return 0;
}

static const struct word {
    const char *name;
    int (*fn)(struct parser *p, char *value);
    bool in_rule; /* belongs to a rule, once */
    bool value;   /* is followed by one */
} words[] = {
    {"endpoint", parse_endpoint, false, true}, {"role", parse_role, true, true},
    {"program", parse_program, true, true},    {"seal", parse_seal, true, true},
    {"refuse", parse_refuse, true, false},     {"allow", parse_allow, true, false},
    {"removed", parse_removed, true, true},    {"otherwise", parse_otherwise, false, true},
};

/* A decimal number within the range; leading zeros are not a number of anything here. */
static bool parse_number(const char *s, int lo, int hi, int *out)
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

static int parse_setting(struct parser *p, const char *name, const char *value)
{
    int i = sp_setting_find(name);
    if (i < 0)
        return parse_fail(p, "unknown word '%.60s'", name);
    if (!p->rule)
        return parse_fail(p, "'%s' before the first endpoint", name);
    struct sp_values *v = &p->rule->values;
    if (v->set[i])
        return parse_fail(p, "'%s' a second time", name);
    if (!parse_number(value, sp_settings[i].lo, sp_settings[i].hi, &v->value[i]))
        return parse_fail(p, "%s is a number from %d to %d, not '%.60s'", name, sp_settings[i].lo,
                          sp_settings[i].hi, value);
    v->set[i] = true;
    return 0;
}

static int parse_word(struct parser *p, const struct word *w, char *value)
{
    unsigned bit = 1u << (w - words);
    if (w->in_rule && !p->rule)
        return parse_fail(p, "'%s' before the first endpoint", w->name);
    if (w->in_rule && p->seen & bit)
        return parse_fail(p, "'%s' a second time", w->name);
    if (w->value != (*value != 0))
        return parse_fail(p, w->value ? "'%s' is followed by nothing" : "words behind '%s'",
                          w->name);
    p->seen |= bit;
    return w->fn(p, value);
}

/* Cuts blanks off both ends. */
static char *parse_trim(char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        s[--n] = 0;
    return s;
}

static int parse_line(struct parser *p, char *s)
{
    s = parse_trim(s);
    if (!*s || *s == '#')
        return 0;
    if (p->to->otherwise != SP_ACTION_NONE)
        return parse_fail(p, "something behind 'otherwise', which ends the file");
    char *value = s + strcspn(s, " \t");
    if (*value)
        *value++ = 0;
    value = parse_trim(value);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].name, s))
            return parse_word(p, &words[i], value);
    return parse_setting(p, s, value);
}

/* Bytes that no line may have: a NUL would hide what follows it. */
static bool parse_clean(const char *s, size_t n)
{
    for (; n; s++, n--)
        if (((unsigned char)*s < ' ' && *s != '\t') || *s == 127)
            return false;
    return true;
}

static int parse_lines(struct parser *p, char *s, size_t left)
{
    int rc = 0;
    for (p->line = 1; left && rc == 0; p->line++) {
        char *end = memchr(s, '\n', left);
        size_t n = end ? (size_t)(end - s) : left, used = end ? n + 1 : n;
        s[n] = 0;
        if (n >= SP_RULES_LINE)
            rc = parse_fail(p, "a line of more than %d bytes", SP_RULES_LINE - 1);
        else if (!parse_clean(s, n))
            rc = parse_fail(p, "a control character");
        else
            rc = parse_line(p, s);
        if (rc < 0)
            break;
        s += used, left -= used;
    }
    return rc;
}

int sp_rules_parse(struct sp_rules *r, const char *text, size_t n, int *line,
                   char why[SP_RULES_WHY])
{
    struct parser p = {.to = r, .line = 1, .why = why};
    int rc = 0;
    why[0] = 0;
    if (n > SP_RULES_BYTES)
        rc = parse_fail(&p, "the file has more than %d bytes", SP_RULES_BYTES);
    if (rc == 0 && !(r->text = sp_memdup(text, n)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = parse_lines(&p, r->text, n);
    if (rc == 0 && r->otherwise == SP_ACTION_NONE)
        rc = parse_fail(&p, "the file does not end with 'otherwise allow' or 'otherwise refuse'");
    *line = p.line;
    return rc;
}
