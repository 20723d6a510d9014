/* SPDX-License-Identifier: MIT */
/* Handles are numbers that are never used twice in a row, in one map under one lock. A
 * configuration lives while its handle, a socket, an endpoint or a connection holds a reference;
 * its own lock is a leaf and is held for copying only, never during a callback, I/O or arithmetic.
 *
 * Creating fails without randomness (psa_crypto_init), memory or room for another handle. A forked
 * child starts with no handle and with PSA's locks as new; whatever the parent had is leaked there.
 */
#include "transports/tls/config.h"
#include "base/idmap.h"
#include "base/secret.h"
#include "transports/tls/aead.h"
#include <errno.h>
#include <mbedtls/build_info.h>
#include <mbedtls/threading.h>
#include <psa/crypto.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

static sp_mutex config_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the three below */
static struct sp_idmap config_handles;
static int config_last;   /* handle given last */
static bool config_ready; /* psa_crypto_init has succeeded */

/* Under the lock. A failure is not remembered: the next call tries again. */
static int config_crypto(void)
{
    if (config_ready)
        return 0;
    psa_status_t st = psa_crypto_init();
    if (st != PSA_SUCCESS)
        return st == PSA_ERROR_INSUFFICIENT_MEMORY ? -ENOMEM : -EIO;
    sp_aead_choose();
    config_ready = true;
    return 0;
}

static struct sp_tls_cfg *config_new(void)
{
    struct sp_tls_cfg *c = sp_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    if (sp_mutex_init(&c->lock) < 0) {
        sp_free(c);
        return NULL;
    }
    if (sp_mutex_init(&c->follow.lock) < 0) {
        sp_mutex_fini(&c->lock);
        sp_free(c);
        return NULL;
    }
    atomic_init(&c->refs, 1);
    c->rules.verify = -1;
    sp_list_init(&c->live);
    return c;
}

/* Under the lock: puts c under a number that is free. */
static int config_enter(struct sp_tls_cfg *c)
{
    if (config_handles.n >= SP_TLS_HANDLES_MAX)
        return -EMFILE;
    do
        config_last = config_last < 0x7fffffff ? config_last + 1 : 1;
    while (sp_idmap_get(&config_handles, (uint32_t)config_last));
    int rc = sp_idmap_put(&config_handles, (uint32_t)config_last, c);
    return rc < 0 ? rc : config_last;
}

int sp_tls_cfg_create(void)
{
    sp_mutex_lock(&config_lock);
    int rc = config_crypto();
    struct sp_tls_cfg *c = rc == 0 ? config_new() : NULL;
    if (rc == 0)
        rc = c ? config_enter(c) : -ENOMEM;
    sp_mutex_unlock(&config_lock);
    if (rc < 0)
        sp_tls_cfg_drop(c);
    return rc;
}

int sp_tls_cfg_destroy(int h)
{
    sp_mutex_lock(&config_lock);
    struct sp_tls_cfg *c = h > 0 ? sp_idmap_del(&config_handles, (uint32_t)h) : NULL;
    if (!config_handles.n)
        sp_idmap_fini(&config_handles), sp_idmap_init(&config_handles);
    sp_mutex_unlock(&config_lock);
    sp_tls_cfg_drop(c);
    return c ? 0 : -EBADF;
}

struct sp_tls_cfg *sp_tls_cfg_get(int h)
{
    sp_mutex_lock(&config_lock);
    struct sp_tls_cfg *c = h > 0 ? sp_idmap_get(&config_handles, (uint32_t)h) : NULL;
    sp_tls_cfg_hold(c);
    sp_mutex_unlock(&config_lock);
    return c;
}

struct sp_tls_cfg *sp_tls_cfg_hold(struct sp_tls_cfg *c)
{
    if (c)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void sp_tls_cfg_drop(struct sp_tls_cfg *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    sp_tls_rules_fini(&c->rules);
    sp_keys_fini(&c->keys);
    sp_guard_fini(&c->guard);
    sp_follow_fini(&c->follow);
    sp_mutex_fini(&c->lock);
    sp_free(c);
}

/* Another thread of the parent may have held any of these locks at the fork. */
void sp_tls_child(void)
{
    static const sp_mutex fresh = PTHREAD_MUTEX_INITIALIZER;
    memcpy(&config_lock, &fresh, sizeof fresh);
    sp_idmap_init(&config_handles);
    config_last = 0;
#if MBEDTLS_VERSION_MAJOR < 4 && defined MBEDTLS_THREADING_C
    if (!config_ready)
        return;
    mbedtls_mutex_init(&mbedtls_threading_key_slot_mutex);
    mbedtls_mutex_init(&mbedtls_threading_psa_globaldata_mutex);
    mbedtls_mutex_init(&mbedtls_threading_psa_rngdata_mutex);
#endif
}

void sp_tls_cfg_rules(struct sp_tls_cfg *c, struct sp_tls_rules *out)
{
    sp_mutex_lock(&c->lock);
    *out = c->rules;
    sp_tls_cert_hold(out->cert);
    sp_tls_cert_hold(out->ca);
    sp_mutex_unlock(&c->lock);
}

void sp_tls_rules_fini(struct sp_tls_rules *r)
{
    sp_tls_cert_drop(r->cert);
    sp_tls_cert_drop(r->ca);
    r->cert = r->ca = NULL;
}

/* Whether the rules prove a peer by certificate. A key and a certificate that nobody checks would
 * be no choice but an open door, hence `strict` for AUTH_EITHER. */
static bool config_can_cert(const struct sp_tls_rules *r, bool dialler, bool strict)
{
    bool verifies = r->verify == NN_TLS_VERIFY_REQUIRED || (r->verify < 0 && (dialler || r->ca));
    if (verifies && !r->ca)
        return false;
    return (dialler || r->cert) && (verifies || !strict);
}

static bool config_can_psk(const struct sp_tls_cfg *c, bool dialler)
{
    int role = dialler ? NN_TLS_DIAL : NN_TLS_ACCEPT;
    return sp_keys_count(&c->keys, role) || (!dialler && c->rules.lookup);
}

int sp_tls_cfg_auth(struct sp_tls_cfg *c, bool dialler, bool psk_only)
{
    sp_mutex_lock(&c->lock);
    const struct sp_tls_rules *r = &c->rules;
    int auth = r->auth ? r->auth : r->cert || r->ca ? NN_TLS_AUTH_CERT : NN_TLS_AUTH_PSK;
    if (psk_only)
        auth = !r->auth || r->auth & NN_TLS_AUTH_PSK ? NN_TLS_AUTH_PSK : 0;
    bool ok = auth != 0;
    if (auth & NN_TLS_AUTH_PSK)
        ok = ok && config_can_psk(c, dialler);
    if (auth & NN_TLS_AUTH_CERT)
        ok = ok && config_can_cert(r, dialler, auth == NN_TLS_AUTH_EITHER);
    sp_mutex_unlock(&c->lock);
    return ok ? auth : -EACCES;
}

static void config_copy_key(const struct sp_key *e, struct sp_tls_found *out)
{
    out->serial = e->serial;
    out->id_len = e->id_len;
    out->key_len = e->key_len;
    memcpy(out->id, e->id, e->id_len);
    memcpy(out->key, e->key, e->key_len);
}

int sp_tls_cfg_accept(struct sp_tls_cfg *c, const void *id, size_t id_len, struct sp_tls_found *out)
{
    int rc = -ENOENT;
    sp_mutex_lock(&c->lock);
    const struct sp_key *e = sp_keys_find(&c->keys, id, id_len);
    if (e && e->dialled && !(e->flags & NN_TLS_SHARED))
        rc = -EACCES;
    else if (e && e->flags & NN_TLS_ACCEPT)
        config_copy_key(e, out), rc = 0;
    sp_mutex_unlock(&c->lock);
    return rc;
}

int sp_tls_cfg_dial(struct sp_tls_cfg *c, unsigned turn, struct sp_tls_found *out)
{
    sp_mutex_lock(&c->lock);
    struct sp_key *e = sp_keys_dial(&c->keys, turn);
    if (e) {
        e->dialled = true;
        config_copy_key(e, out);
    }
    sp_mutex_unlock(&c->lock);
    return e ? 0 : -ENOENT;
}

int sp_tls_live_add(struct sp_tls_cfg *c, struct sp_tls_live *l, uint64_t serial)
{
    sp_mutex_lock(&c->lock);
    const struct sp_key *e = serial ? sp_keys_find(&c->keys, l->id, l->id_len) : NULL;
    bool ok = !serial || (e && e->serial == serial);
    if (ok)
        sp_list_push(&c->live, &l->link);
    sp_mutex_unlock(&c->lock);
    return ok ? 0 : -EACCES;
}

void sp_tls_live_remove(struct sp_tls_cfg *c, struct sp_tls_live *l)
{
    sp_mutex_lock(&c->lock);
    sp_list_unlink(&l->link);
    sp_mutex_unlock(&c->lock);
}

int sp_tls_live_drop(struct sp_tls_cfg *c, const void *id, size_t id_len)
{
    int n = 0;
    SP_LIST_EACH (it, &c->live) {
        struct sp_tls_live *l = SP_CONTAINER(it, struct sp_tls_live, link);
        if (l->id_len != id_len || memcmp(l->id, id, id_len) != 0)
            continue;
        n += !atomic_exchange(&l->dropped, true);
        if (l->fd >= 0)
            shutdown(l->fd, SHUT_RDWR);
    }
    return n;
}
