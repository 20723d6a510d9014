/* SPDX-License-Identifier: MIT */
/* The system's file and the one that NANOSEAL_POLICY names are asked at each nn_bind and
 * nn_connect; one stat(2) each says whether they are still as they were read. What they decide is
 * copied out under a lock, and done without it: the options are set, the key file is followed, and
 * the endpoint is made under its sealed name with a TLS configuration that only it sees.
 *
 * There is no way from an error to plaintext: whatever fails makes the call fail with EACCES, and
 * is said once on stderr even by a program that prints no reasons, since its operator wrote the
 * policy. */
#define _GNU_SOURCE /* secure_getenv, program_invocation_short_name */
#include "policy/policy.h"
#include "base/log.h"
#include "policy/decide.h"
#include "policy/keyring.h"
#include <errno.h>
#include <nanomsg/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

const char *sp_policy_system = NANOSEAL_POLICY_FILE;

static sp_mutex policy_lock =
    PTHREAD_MUTEX_INITIALIZER; /* guards what follows; a leaf but for TLS's */
static struct {
    bool ready;                   /* the two files are known */
    struct sp_policy_file system; /* the machine's */
    struct sp_policy_file user;   /* the environment's */
    struct sp_keyring keys;       /* TLS configurations */
    char said[2 * SP_POLICY_WHY]; /* the last message, so that none is repeated */
} policy;

/* A decision with all that is needed to carry it out, whatever becomes of the files. */
struct policy_order {
    enum sp_action action;           /* what to do */
    struct sp_values values;         /* options to set */
    int config;                      /* SEAL: the TLS configuration */
    const char *keys;                /* SEAL: its key file; the ring's */
    int flags;                       /* SEAL: of nn_tls_psk_follow */
    char address[SP_POLICY_ADDRESS]; /* SEAL: instead of the given one */
    char place[SP_POLICY_WHY];       /* "FILE:LINE" whose word it is */
    char why[2 * SP_POLICY_WHY];     /* what went wrong, for people */
};

void sp_policy_term(void)
{
    sp_mutex_lock(&policy_lock);
    sp_policy_file_fini(&policy.system);
    sp_policy_file_fini(&policy.user);
    sp_keyring_fini(&policy.keys);
    policy.ready = false;
    policy.said[0] = 0;
    sp_mutex_unlock(&policy_lock);
}

/* Another thread of the parent may have held the lock, in the middle of anything. */
void sp_policy_child(void)
{
    static const sp_mutex fresh = PTHREAD_MUTEX_INITIALIZER;
    memcpy(&policy_lock, &fresh, sizeof fresh);
    memset(&policy, 0, sizeof policy);
}

static bool policy_secure(void)
{
    return getauxval(AT_SECURE) != 0;
}

/* The environment is looked at once, so that a program which cleans it up stays sealed. */
static int policy_start(void)
{
    if (policy.ready)
        return 0;
    const char *user = secure_getenv("NANOSEAL_POLICY");
    int rc = sp_policy_file_init(&policy.system, sp_policy_system, true);
    if (rc == 0 && user)
        rc = sp_policy_file_init(&policy.user, user, false);
    if (rc < 0)
        sp_policy_file_fini(&policy.system);
    policy.ready = rc == 0;
    return rc;
}

static int policy_seal(struct policy_order *o, const struct sp_decision *d,
                       const struct sp_url *url, const struct sp_scheme *scheme)
{
    o->keys = d->rule->keys;
    o->flags = d->rule->drop ? NN_TLS_DROP_LIVE : 0;
    sp_scheme_seal(o->address, scheme, url);
    o->config = sp_keyring_get(&policy.keys, &o->keys);
    if (o->config >= 0)
        return 0;
    snprintf(o->why, sizeof o->why, "%s: %s", o->place,
             o->config == -ENOTSUP ? "this library is built without TLS" : strerror(-o->config));
    return o->config;
}

/* Under the lock. */
static int policy_decide(struct policy_order *o, const struct sp_url *url, bool dial)
{
    char address[SP_POLICY_ADDRESS];
    struct sp_decision d;
    sp_scheme_address(address, url);
    struct sp_subject subject = {.scheme = sp_scheme_find(url->scheme, strlen(url->scheme)),
                                 .address = address,
                                 .program = program_invocation_short_name,
                                 .role = dial ? SP_ROLE_CONNECT : SP_ROLE_BIND};
    sp_decide(&d, &policy.system, &policy.user, &subject, policy_secure());
    o->action = d.action;
    o->values = d.values;
    if (d.file)
        snprintf(o->place, sizeof o->place, "%s:%d", d.file->path, d.line);
    if (d.action == SP_ACTION_SEAL)
        return policy_seal(o, &d, url, subject.scheme);
    if (d.action != SP_ACTION_REFUSE)
        return 0;
    snprintf(o->why, sizeof o->why, "%s: %s %s is refused: %s", o->place, dial ? "connect" : "bind",
             address, policy_secure() ? "a setuid program gets no keys" : "it is not sealed");
    return -EACCES;
}

/* Under the lock: 0, or the negative errno of a file that is not as it should be. */
static int policy_files(struct policy_order *o)
{
    struct sp_policy_file *const files[] = {&policy.system, &policy.user};
    int rc = policy_start();
    for (int i = 0; i < 2 && rc == 0; i++) {
        sp_policy_file_refresh(files[i]);
        rc = files[i]->err;
        if (rc < 0)
            snprintf(o->why, sizeof o->why, "%s", files[i]->why);
    }
    return rc;
}

static int policy_ask(struct policy_order *o, const struct sp_url *url, bool dial)
{
    sp_mutex_lock(&policy_lock);
    int rc = policy_files(o);
    if (rc == 0 && (policy.system.there || policy.user.there))
        rc = policy_decide(o, url, dial);
    sp_mutex_unlock(&policy_lock);
    return rc;
}

/* Options of the socket are set there, those of transports are gathered for the endpoint. */
static int policy_set(struct sp_sock *s, struct policy_order *o, struct sp_ep_set *set, size_t *n)
{
    for (int i = 0; i < SP_SETTINGS; i++) {
        const struct sp_setting *t = &sp_settings[i];
        int value = o->values.value[i], rc = 0;
        if (!o->values.set[i])
            continue;
        if (t->level < 0)
            set[(*n)++] = (struct sp_ep_set){t->level, t->option, value};
        else
            rc = sp_sock_setopt(s, t->level, t->option, &value, sizeof value);
        if (rc < 0) {
            snprintf(o->why, sizeof o->why, "%s: %s: %s", o->place, t->name, strerror(-rc));
            return rc;
        }
    }
    return 0;
}

/* The key file, as it is now. Its own words about an error are better than errno. */
static int policy_follow(struct policy_order *o)
{
    char words[SP_POLICY_WHY - 4] = "";
    sp_log_into(words, sizeof words);
    int rc = nn_tls_psk_follow(o->config, o->keys, o->flags);
    if (rc < 0)
        rc = -errno;
    sp_log_into(NULL, 0);
    if (rc < 0)
        snprintf(o->why, sizeof o->why, "%s: %s", o->place, *words ? words : strerror(-rc));
    return rc;
}

static int policy_make(struct sp_sock *s, struct policy_order *o, const char *address, bool dial)
{
    struct sp_ep_set set[SP_SETTINGS + 1];
    size_t n = 0;
    bool seal = o->action == SP_ACTION_SEAL;
    int rc = policy_set(s, o, set, &n);
    if (rc == 0 && seal)
        rc = policy_follow(o);
    if (rc < 0)
        return rc;
    if (seal)
        set[n++] = (struct sp_ep_set){NN_TLS, NN_TLS_CONFIG, o->config};
    rc = sp_sock_add_ep_with(s, seal ? o->address : address, dial, set, n);
    if (rc == -EACCES && seal)
        snprintf(o->why, sizeof o->why, "%s: %s: %s; has %s an identity to %s?", o->place,
                 o->address, strerror(EACCES), o->keys, dial ? "dial with" : "accept");
    if (rc == -ENOPROTOOPT)
        snprintf(o->why, sizeof o->why, "%s: an option that this library lacks", o->place);
    if (rc >= 0 && seal)
        sp_log("policy: %s: %s %s is %s", o->place, dial ? "connect" : "bind", address, o->address);
    return rc;
}

/* Whether nobody has been told so just now: a program may try again for ever. */
static bool policy_news(const char *why)
{
    sp_mutex_lock(&policy_lock);
    bool news = strncmp(policy.said, why, sizeof policy.said - 1) != 0;
    snprintf(policy.said, sizeof policy.said, "%s", why);
    sp_mutex_unlock(&policy_lock);
    return news;
}

/* The program's own mistakes, a wrong address for one, keep their errno and have no words here. */
static int policy_tell(struct sp_sock *s, const struct policy_order *o, int rc)
{
    if (rc >= 0 || !o->why[0])
        return rc;
    sp_sock_refused(s, o->why);
    if (policy_news(o->why))
        sp_log_urgent("policy: %s", o->why);
    else
        sp_log("policy: %s", o->why);
    bool want = rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE; /* it may succeed another time */
    return want ? rc : -EACCES;
}

int sp_policy_add_ep(struct sp_sock *s, const char *address, bool dial)
{
    struct sp_url url;
    struct policy_order o = {0};
    int rc = sp_url_parse(&url, address);
    if (rc == 0)
        rc = policy_ask(&o, &url, dial);
    if (rc == 0)
        rc = o.action == SP_ACTION_NONE ? sp_sock_add_ep(s, address, dial)
                                        : policy_make(s, &o, address, dial);
    return policy_tell(s, &o, rc);
}
