/* SPDX-License-Identifier: MIT */
/* The set of pre-shared keys of one configuration.
 *
 * For docs/KEYS.md, on using one identity in both directions: a reflection attack sends what we say
 * when we dial back to us as if somebody else dialled, so that we talk to ourselves and believe it
 * is a peer with our key. It needs an identity that one configuration both dials with and accepts.
 * So an incoming identity is refused as soon as the same configuration has dialled with it,
 * whatever its flags, unless it has NN_TLS_SHARED. A hub that only accepts and devices that only
 * dial never meet this, even when they load the same file; a mesh of equals, all with one group
 * key, must say `shared`. Different configurations in one program know nothing of each other: give
 * them different keys.
 *
 * Fails only for lack of memory or for what sp_keys_check refuses; then the set is unchanged. */
#include "transports/tls/keys.h"
#include "base/secret.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static atomic_uint_least64_t keys_serial;

/* FNV-1a. No secret, no defence: two identities with one hash are told apart by their bytes. */
static uint64_t keys_hash(const uint8_t *id, size_t n)
{
    uint64_t h = 0xcbf29ce484222325;
    while (n--)
        h = (h ^ *id++) * 0x100000001b3;
    return h;
}

int sp_keys_check(size_t id_len, const uint8_t *key, size_t key_len, int flags)
{
    int roles = NN_TLS_DIAL | NN_TLS_ACCEPT;
    if (id_len < 1 || id_len > NN_TLS_ID_MAX || key_len < NN_TLS_KEY_MIN ||
        key_len > NN_TLS_KEY_MAX)
        return -EINVAL;
    if (!(flags & roles) || flags & ~(roles | NN_TLS_SHARED))
        return -EINVAL;
    uint8_t differ = 0;
    for (size_t i = 1; i < key_len; i++)
        differ |= key[i] ^ key[0];
    return differ ? 0 : -EINVAL;
}

struct sp_key *sp_keys_find(const struct sp_keys *k, const void *id, size_t id_len)
{
    uint64_t hash = keys_hash(id, id_len);
    struct sp_key *found = NULL;
    for (size_t i = 0; i < k->n; i++) {
        struct sp_key *e = &k->v[i];
        if (e->hash == hash && e->id_len == id_len && sp_secret_equal(e->id, id, id_len))
            found = e;
    }
    return found;
}

static void keys_drop(struct sp_key *e)
{
    sp_secret_free(e->key);
    sp_free(e->id);
}

static int keys_make(struct sp_key *e, const void *id, size_t id_len, const void *key,
                     size_t key_len, int flags)
{
    *e = (struct sp_key){.hash = keys_hash(id, id_len),
                         .serial = atomic_fetch_add(&keys_serial, 1) + 1,
                         .id = sp_memdup(id, id_len),
                         .key = sp_secret_alloc(key_len),
                         .id_len = (uint8_t)id_len,
                         .key_len = (uint8_t)key_len,
                         .flags = (uint8_t)flags};
    if (!e->id || !e->key) {
        keys_drop(e);
        return -ENOMEM;
    }
    memcpy(e->key, key, key_len);
    return 0;
}

static int keys_room(struct sp_keys *k)
{
    if (k->n < k->cap)
        return 0;
    if (k->n >= SP_KEYS_MAX)
        return -ENOSPC;
    size_t cap = k->cap ? 2 * k->cap : 4;
    struct sp_key *v = sp_realloc(k->v, cap * sizeof *v);
    if (!v)
        return -ENOMEM;
    k->v = v;
    k->cap = cap;
    return 0;
}

int sp_keys_add(struct sp_keys *k, const void *id, size_t id_len, const void *key, size_t key_len,
                int flags)
{
    struct sp_key fresh, *old;
    int rc = sp_keys_check(id_len, key, key_len, flags);
    if (rc == 0)
        rc = keys_room(k);
    if (rc == 0)
        rc = keys_make(&fresh, id, id_len, key, key_len, flags);
    if (rc < 0)
        return rc;
    old = sp_keys_find(k, id, id_len);
    if (old) {
        fresh.dialled = old->dialled;
        keys_drop(old);
        *old = fresh;
    } else {
        k->v[k->n++] = fresh;
    }
    return 0;
}

int sp_keys_remove(struct sp_keys *k, const void *id, size_t id_len)
{
    struct sp_key *e = sp_keys_find(k, id, id_len);
    if (!e)
        return -ENOENT;
    keys_drop(e);
    k->n--;
    memmove(e, e + 1, (size_t)(k->v + k->n - e) * sizeof *e);
    return 0;
}

struct sp_key *sp_keys_dial(const struct sp_keys *k, unsigned turn)
{
    size_t n = sp_keys_count(k, NN_TLS_DIAL);
    if (!n)
        return NULL;
    size_t want = turn % n;
    for (struct sp_key *e = k->v;; e++)
        if (e->flags & NN_TLS_DIAL && want-- == 0)
            return e;
}

size_t sp_keys_count(const struct sp_keys *k, int flags)
{
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++)
        n += (k->v[i].flags & flags) != 0;
    return n;
}

void sp_keys_inherit(struct sp_keys *k, const struct sp_keys *old)
{
    for (size_t i = 0; i < old->n; i++) {
        const struct sp_key *was = &old->v[i];
        struct sp_key *e = sp_keys_find(k, was->id, was->id_len);
        if (!e)
            continue;
        e->dialled |= was->dialled;
        if (e->flags == was->flags && e->key_len == was->key_len &&
            sp_secret_equal(e->key, was->key, e->key_len))
            e->serial = was->serial;
    }
}

void sp_keys_fini(struct sp_keys *k)
{
    for (size_t i = 0; i < k->n; i++)
        keys_drop(&k->v[i]);
    sp_free(k->v);
    *k = (struct sp_keys){0};
}
