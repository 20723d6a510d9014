/* SPDX-License-Identifier: MIT */
/* Any bytes as a policy file, whose first line, if it is a comment, is the address of an endpoint.
 * What is accepted keeps what the language promises; decided twice, by either file, it says the
 * same, and sealing survives everything that another file adds. */
#include "policy/decide.h"
#include "policy/glob.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_rule(const struct sp_rule *r)
{
    check(r->action != SP_ACTION_NONE && r->roles >= SP_ROLE_BIND && r->roles <= SP_ROLE_ANY);
    check(sp_glob_ok(r->pattern) && (!r->program || sp_glob_ok(r->program)));
    check(!strncmp(r->pattern, r->scheme->name, strlen(r->scheme->name)));
    check((r->keys != NULL) == (r->action == SP_ACTION_SEAL));
    check(!r->keys || (*r->keys == '/' && r->scheme->sealed));
    check(!r->drop || r->keys);
    check(!r->scheme->tls || r->action == SP_ACTION_ALLOW);
    for (int i = 0; i < SP_SETTINGS; i++)
        check(!r->values.set[i] ||
              (r->values.value[i] >= sp_settings[i].lo && r->values.value[i] <= sp_settings[i].hi));
}

static struct sp_decision decide(const struct sp_policy_file *system,
                                 const struct sp_policy_file *user, const struct sp_url *url,
                                 bool secure)
{
    char address[SP_POLICY_ADDRESS];
    struct sp_decision d;
    sp_scheme_address(address, url);
    check(strlen(address) < sizeof address);
    const struct sp_subject s = {.scheme = sp_scheme_find(url->scheme, strlen(url->scheme)),
                                 .address = address,
                                 .program = "program",
                                 .role = SP_ROLE_CONNECT};
    sp_decide(&d, system, user, &s, secure);
    return d;
}

static void check_decisions(const struct sp_policy_file *f, const struct sp_url *url)
{
    static const struct sp_policy_file none;
    struct sp_policy_file open = {.there = true, .rules = {.otherwise = SP_ACTION_ALLOW}};
    struct sp_decision d = decide(f, &none, url, false), e = decide(&none, f, url, false);
    check(d.action != SP_ACTION_NONE && d.action == e.action && d.line == e.line);
    check(d.rule == e.rule && (d.action != SP_ACTION_SEAL || d.rule->keys));
    e = decide(f, &open, url, false); /* an environment that allows all changes nothing */
    check(e.action == d.action && e.rule == d.rule && e.file == f);
    e = decide(f, &open, url, true);
    check(e.action == (d.action == SP_ACTION_SEAL ? SP_ACTION_REFUSE : d.action));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct sp_policy_file f = {.there = true};
    struct sp_url url;
    char why[SP_RULES_WHY], first[SP_URL_MAX] = "";
    int line = 0;
    char *text = malloc(len + 1); /* of its size, so that ASan sees a read behind it */
    if (!text)
        return 0;
    if (len)
        memcpy(text, data, len);
    int rc = sp_rules_parse(&f.rules, text, len, &line, why);
    check(rc == 0 || rc == -EINVAL);
    check(line >= 1 && (size_t)line <= len + 1 && (rc == 0) == !why[0]);
    for (size_t i = 0; rc == 0 && i < f.rules.n; i++)
        check_rule(&f.rules.v[i]);
    for (size_t i = 0; i + 1 < len && i + 1 < sizeof first && text[i + 1] != '\n'; i++)
        first[i] = text[i + 1];
    if (rc == 0 && len && *text == '#' && sp_url_parse(&url, first) == 0)
        check_decisions(&f, &url);
    sp_rules_fini(&f.rules);
    free(text);
    return 0;
}
