/* SPDX-License-Identifier: MIT */
#include "policy/decide.h"

/* An endpoint without a rule: what leaves the machine in plaintext is refused, when that is said.
 */
static enum sp_action decide_otherwise(const struct sp_rules *r, const struct sp_subject *s)
{
    bool local = s->scheme && (s->scheme->local || s->scheme->tls);
    return local ? SP_ACTION_ALLOW : r->otherwise;
}

static void decide_values(struct sp_values *to, const struct sp_values *from)
{
    for (int i = 0; i < SP_SETTINGS; i++)
        if (from->set[i]) {
            to->set[i] = true;
            to->value[i] = from->value[i];
        }
}

/* One file's word, if it is stronger than what was said before, or as strong. */
static void decide_by(struct sp_decision *d, const struct sp_policy_file *f,
                      const struct sp_subject *s)
{
    if (!f->there)
        return;
    const struct sp_rule *r = sp_rules_find(&f->rules, s);
    enum sp_action action = r ? r->action : decide_otherwise(&f->rules, s);
    if (r)
        decide_values(&d->values, &r->values);
    if (action < d->action)
        return;
    d->action = action;
    d->rule = r;
    d->file = f;
    d->line = r ? r->line : f->rules.otherwise_line;
}

void sp_decide(struct sp_decision *d, const struct sp_policy_file *system,
               const struct sp_policy_file *user, const struct sp_subject *s, bool secure)
{
    *d = (struct sp_decision){0};
    if (!secure)
        decide_by(d, user, s);
    decide_by(d, system, s);
    if (secure && d->action == SP_ACTION_SEAL)
        d->action = SP_ACTION_REFUSE;
}
