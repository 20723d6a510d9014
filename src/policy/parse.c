/* SPDX-License-Identifier: MIT */
/* The text is copied, cut into lines and words in place, and the rules point into it. A line is a
 * word and its value; `endpoint` begins a rule, and `otherwise` ends the file, so that a file that
 * lost its end is an error.
 *
 * Everything that is not understood is an error: a word that is misspelt would else leave an
 * endpoint in plaintext. After an error the rules are of no use. */
#include "policy/parser.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sp_parser_fail(struct sp_parser *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->why, SP_RULES_WHY, fmt, ap);
    va_end(ap);
    return -EINVAL;
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

static int parse_line(struct sp_parser *p, char *s)
{
    s = parse_trim(s);
    if (!*s || *s == '#')
        return 0;
    if (p->to->otherwise != SP_ACTION_NONE)
        return sp_parser_fail(p, "something behind 'otherwise', which ends the file");
    char *value = s + strcspn(s, " \t");
    if (*value)
        *value++ = 0;
    return sp_parser_word(p, s, parse_trim(value));
}

/* Bytes that no line may have: a NUL would hide what follows it. */
static bool parse_clean(const char *s, size_t n)
{
    for (; n; s++, n--)
        if (((unsigned char)*s < ' ' && *s != '\t') || *s == 127)
            return false;
    return true;
}

static int parse_lines(struct sp_parser *p, char *s, size_t left)
{
    int rc = 0;
    for (p->line = 1; left && rc == 0; p->line++) {
        char *end = memchr(s, '\n', left);
        size_t n = end ? (size_t)(end - s) : left, used = end ? n + 1 : n;
        s[n] = 0;
        if (n >= SP_RULES_LINE)
            rc = sp_parser_fail(p, "a line of more than %d bytes", SP_RULES_LINE - 1);
        else if (!parse_clean(s, n))
            rc = sp_parser_fail(p, "a control character");
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
    struct sp_parser p = {.to = r, .line = 1, .why = why};
    int rc = 0;
    why[0] = 0;
    if (n > SP_RULES_BYTES)
        rc = sp_parser_fail(&p, "the file has more than %d bytes", SP_RULES_BYTES);
    if (rc == 0 && !(r->text = sp_memdup(text, n)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = parse_lines(&p, r->text, n);
    if (rc == 0 && r->otherwise == SP_ACTION_NONE)
        rc = sp_parser_fail(&p,
                            "the file does not end with 'otherwise allow' or 'otherwise refuse'");
    *line = p.line;
    return rc;
}
