/* SPDX-License-Identifier: MIT */
/* The public nn_tls_* calls (nn_tls_rekey is in api): arguments are checked, the configuration is
 * held and locked for the change, and errors go to errno. */
#include "base/log.h"
#include "transports/tls/config.h"
#include "transports/tls/keyfile.h"
#include "transports/tls/record.h"
#include <errno.h>
#include <string.h>

static int tls_result(int rc)
{
    if (rc >= 0)
        return rc;
    errno = -rc;
    return -1;
}

/* The handle's configuration, held and locked; NULL with *rc = -EBADF. */
static struct sp_tls_cfg *tls_lock(int h, int *rc)
{
    struct sp_tls_cfg *c = sp_tls_cfg_get(h);
    *rc = c ? 0 : -EBADF;
    if (c)
        sp_mutex_lock(&c->lock);
    return c;
}

static int tls_unlock(struct sp_tls_cfg *c, int rc)
{
    sp_mutex_unlock(&c->lock);
    sp_tls_cfg_drop(c);
    return tls_result(rc);
}

int nn_tls_create(void)
{
    return tls_result(sp_tls_cfg_create());
}

int nn_tls_destroy(int h)
{
    return tls_result(sp_tls_cfg_destroy(h));
}

int nn_tls_psk_add(int h, const void *id, size_t idlen, const void *key, size_t keylen, int flags)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    rc = id && key ? sp_keys_add(&c->keys, id, idlen, key, keylen, flags) : -EFAULT;
    return tls_unlock(c, rc);
}

int nn_tls_psk_remove(int h, const void *id, size_t idlen, int flags)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    if (!id)
        rc = -EFAULT;
    else if (idlen < 1 || idlen > NN_TLS_ID_MAX || flags & ~NN_TLS_DROP_LIVE)
        rc = -EINVAL;
    else
        rc = sp_keys_remove(&c->keys, id, idlen);
    /* Connections may outlive their key, so an identity without one can still be dropped. */
    if ((rc == 0 || rc == -ENOENT) && flags && sp_tls_live_drop(c, id, idlen))
        rc = 0;
    return tls_unlock(c, rc);
}

int nn_tls_psk_file(int h, const char *path)
{
    struct sp_keys keys = {0}, old;
    size_t line = 0;
    struct sp_tls_cfg *c = sp_tls_cfg_get(h);
    if (!c)
        return tls_result(-EBADF);
    int rc = path ? sp_keyfile_read(&keys, path, &line, NULL) : -EFAULT;
    if (rc == -EINVAL && line)
        sp_log("%s:%zu: not a valid key entry", path, line);
    if (rc == -EACCES)
        sp_log("%s: a key file must be readable by its owner only", path);
    if (rc == 0) {
        sp_mutex_lock(&c->lock);
        old = c->keys;
        sp_keys_inherit(&keys, &old);
        c->keys = keys;
        keys = old;
        sp_mutex_unlock(&c->lock);
    }
    sp_keys_fini(&keys);
    sp_tls_cfg_drop(c);
    return tls_result(rc);
}

int nn_tls_psk_follow(int h, const char *path, int flags)
{
    char why[320];
    struct sp_tls_cfg *c = sp_tls_cfg_get(h);
    if (!c)
        return tls_result(-EBADF);
    int rc = flags & ~NN_TLS_DROP_LIVE ? -EINVAL : 0;
    if (rc == 0) {
        rc = sp_follow_start(c, path, flags, why, sizeof why);
        if (rc < 0)
            sp_log("%s", why);
    }
    sp_tls_cfg_drop(c);
    return tls_result(rc);
}

int nn_tls_psk_lookup(int h, nn_tls_lookup_fn fn, void *arg)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    c->rules.lookup = fn;
    c->rules.lookup_arg = arg;
    return tls_unlock(c, 0);
}

int nn_tls_authorize(int h, nn_tls_authorize_fn fn, void *arg)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    c->rules.authorize = fn;
    c->rules.authorize_arg = arg;
    return tls_unlock(c, 0);
}

int nn_tls_auth(int h, int mode)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    if (mode < NN_TLS_AUTH_PSK || mode > NN_TLS_AUTH_EITHER)
        rc = -EINVAL;
    else
        c->rules.auth = mode;
    return tls_unlock(c, rc);
}

/* Reads certificates and puts them in place of *slot of the configuration. */
static int tls_put_cert(struct sp_tls_cfg *c, struct sp_tls_cert **slot, const char *certfile,
                        const char *keyfile)
{
    struct sp_tls_cert *fresh;
    int rc = sp_tls_cert_load(&fresh, certfile, keyfile);
    if (rc < 0)
        return rc;
    sp_mutex_lock(&c->lock);
    struct sp_tls_cert *old = *slot;
    *slot = fresh;
    sp_mutex_unlock(&c->lock);
    sp_tls_cert_drop(old);
    return 0;
}

int nn_tls_cert(int h, const char *certfile, const char *keyfile)
{
    struct sp_tls_cfg *c = sp_tls_cfg_get(h);
    if (!c)
        return tls_result(-EBADF);
    int rc = certfile && keyfile ? tls_put_cert(c, &c->rules.cert, certfile, keyfile) : -EFAULT;
    sp_tls_cfg_drop(c);
    return tls_result(rc);
}

int nn_tls_ca(int h, const char *cafile)
{
    struct sp_tls_cfg *c = sp_tls_cfg_get(h);
    if (!c)
        return tls_result(-EBADF);
    int rc = cafile ? tls_put_cert(c, &c->rules.ca, cafile, NULL) : -EFAULT;
    sp_tls_cfg_drop(c);
    return tls_result(rc);
}

static bool tls_name_ok(const char *name)
{
    size_t n = strnlen(name, SP_TLS_NAME_MAX);
    if (n == 0 || n == SP_TLS_NAME_MAX)
        return false;
    for (; *name; name++)
        if (*name <= ' ' || *name > '~')
            return false;
    return true;
}

int nn_tls_server_name(int h, const char *name)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    if (!name)
        rc = -EFAULT;
    else if (!tls_name_ok(name))
        rc = -EINVAL;
    else
        memcpy(c->rules.server_name, name, strlen(name) + 1);
    return tls_unlock(c, rc);
}

int nn_tls_verify(int h, int mode)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    if (mode < NN_TLS_VERIFY_NONE || mode > NN_TLS_VERIFY_REQUIRED)
        rc = -EINVAL;
    else
        c->rules.verify = mode;
    return tls_unlock(c, rc);
}

static bool tls_version_known(int v)
{
    return v == NN_TLS_1_2 || v == NN_TLS_1_3;
}

int nn_tls_version(int h, int min, int max)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    if (!tls_version_known(min) || !tls_version_known(max) || min > max)
        rc = -EINVAL;
    else if (min != NN_TLS_1_3)
        rc = -ENOTSUP;
    return tls_unlock(c, rc);
}

/* One name of the list: its number, or 0. */
static int tls_suite(const char *name, size_t n)
{
    static const struct {
        const char *name;
        int suite;
    } rows[] = {{"TLS_AES_128_GCM_SHA256", SP_TLS_AES_128_GCM},
                {"TLS_AES_256_GCM_SHA384", SP_TLS_AES_256_GCM},
                {"TLS_CHACHA20_POLY1305_SHA256", SP_TLS_CHACHA20_POLY1305}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, name, n) == 0)
            return rows[i].suite;
    return 0;
}

static int tls_parse_suites(const char *list, int out[SP_TLS_SUITES_MAX + 1])
{
    for (int n = 0; n < SP_TLS_SUITES_MAX; n++) {
        size_t len = strcspn(list, ":");
        out[n] = tls_suite(list, len);
        for (int i = 0; i < n; i++)
            if (out[i] == out[n])
                return -EINVAL;
        if (!out[n])
            return -EINVAL;
        out[n + 1] = 0;
        if (!list[len])
            return 0;
        list += len + 1;
    }
    return -EINVAL;
}

int nn_tls_suites(int h, const char *list)
{
    int rc, suites[SP_TLS_SUITES_MAX + 1];
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    rc = list ? tls_parse_suites(list, suites) : -EFAULT;
    if (rc == 0)
        memcpy(c->rules.suites, suites, sizeof suites);
    return tls_unlock(c, rc);
}

int nn_tls_psk_ke(int h, int on)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    if (on != 0 && on != 1)
        rc = -EINVAL;
    else
        c->rules.psk_ke = on;
    return tls_unlock(c, rc);
}

int nn_tls_limits(int h, uint64_t records, uint64_t bytes, int seconds)
{
    int rc;
    struct sp_tls_cfg *c = tls_lock(h, &rc);
    if (!c)
        return tls_result(rc);
    if (seconds < 0)
        return tls_unlock(c, -EINVAL);
    c->rules.max_records = records;
    c->rules.max_bytes = bytes;
    c->rules.max_ns = (uint64_t)seconds * 1000000000;
    return tls_unlock(c, 0);
}
