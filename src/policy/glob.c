/* SPDX-License-Identifier: MIT */
#include "policy/glob.h"

bool sp_glob_ok(const char *pattern)
{
    bool some = *pattern;
    for (; *pattern; pattern++)
        if (*pattern == '\\' && !*++pattern)
            return false;
    return some;
}

static char glob_lower(char c, bool fold)
{
    return fold && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether the pattern's next item, which is no '*', matches c; *used gets its length. */
static bool glob_item(const char *pattern, char c, bool fold, int *used)
{
    *used = *pattern == '\\' ? 2 : 1;
    return *pattern == '?' ||
           (*pattern && glob_lower(pattern[*used - 1], fold) == glob_lower(c, fold));
}

/* Only the last '*' is ever tried longer, which is enough: what an earlier one takes more, the last
 * one could have had. So the work is bounded by the product of the lengths. */
bool sp_glob_match(const char *pattern, const char *text, bool fold)
{
    const char *star = NULL, *from = NULL;
    while (*text) {
        int used;
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (glob_item(pattern, *text, fold, &used)) {
            pattern += used;
            text++;
        } else if (star) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
