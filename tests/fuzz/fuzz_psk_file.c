/* SPDX-License-Identifier: MIT */
/* Any bytes as a key file. What is accepted holds only acceptable keys, each once; written out
 * again it gives the same set. */
#include "base/secret.h"
#include "transports/tls/keyfile.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool good)
{
    if (!good)
        abort();
}

static size_t put_entry(char *to, const struct sp_key *e)
{
    size_t n = 0;
    for (int i = 0; i < e->id_len; i++)
        n += (size_t)sprintf(to + n, "%%%02x", e->id[i]);
    to[n++] = ':';
    for (int i = 0; i < e->key_len; i++)
        n += (size_t)sprintf(to + n, "%02X", e->key[i]);
    return n + (size_t)sprintf(to + n, ":%s%s%s%s\n", e->flags & NN_TLS_DIAL ? "dial" : "",
                               (e->flags & 3) == 3 ? "," : "",
                               e->flags & NN_TLS_ACCEPT ? "accept" : "",
                               e->flags & NN_TLS_SHARED ? ",shared" : "");
}

static void again(const struct sp_keys *keys)
{
    struct sp_keys copy = {0};
    char *text = malloc(keys->n * 600 + 1);
    size_t n = 0, line;
    if (!text)
        return;
    for (size_t i = 0; i < keys->n; i++)
        n += put_entry(text + n, &keys->v[i]);
    check(sp_keyfile_parse(&copy, text, n, &line) == 0 && copy.n == keys->n);
    for (size_t i = 0; i < keys->n; i++) {
        const struct sp_key *a = &keys->v[i], *b = &copy.v[i];
        check(a->id_len == b->id_len && memcmp(a->id, b->id, a->id_len) == 0);
        check(a->key_len == b->key_len && sp_secret_equal(a->key, b->key, a->key_len));
        check(a->flags == b->flags);
    }
    sp_keys_fini(&copy);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static void *page; /* keeps a page of key memory mapped */
    struct sp_keys keys = {0};
    size_t line = 0;
    if (!page)
        page = sp_secret_alloc(1);
    char *text = malloc(len + 1); /* of its size, so that ASan sees a read behind it */
    if (!text)
        return 0;
    memcpy(text, data, len);
    int rc = sp_keyfile_parse(&keys, text, len, &line);
    check(rc == 0 || rc == -EINVAL || rc == -ENOSPC);
    check(line >= 1 && line <= len + 1);
    for (size_t i = 0; i < keys.n; i++) {
        const struct sp_key *e = &keys.v[i];
        check(sp_keys_check(e->id_len, e->key, e->key_len, e->flags) == 0);
        check(sp_keys_find(&keys, e->id, e->id_len) == e);
    }
    if (rc == 0 && keys.n <= 4)
        again(&keys);
    sp_keys_fini(&keys);
    free(text);
    return 0;
}
