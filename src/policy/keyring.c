/* SPDX-License-Identifier: MIT */
#include "policy/keyring.h"
#include <errno.h>
#include <nanomsg/tls.h>
#include <string.h>

static int keyring_add(struct sp_keyring *k, const char *path)
{
    if (k->n == SP_KEYRING_MAX)
        return -EMFILE;
    struct sp_keyring_entry *v = sp_realloc(k->v, (k->n + 1) * sizeof *v);
    if (!v)
        return -ENOMEM;
    k->v = v;
    v[k->n].path = sp_memdup(path, strlen(path));
    if (!v[k->n].path)
        return -ENOMEM;
    v[k->n].handle = nn_tls_create();
    if (v[k->n].handle < 0) {
        int rc = -errno;
        sp_free(v[k->n].path);
        return rc;
    }
    k->n++;
    return 0;
}

int sp_keyring_get(struct sp_keyring *k, const char **path)
{
    size_t i = 0;
    while (i < k->n && strcmp(k->v[i].path, *path) != 0)
        i++;
    int rc = i < k->n ? 0 : keyring_add(k, *path);
    if (rc < 0)
        return rc;
    *path = k->v[i].path;
    return k->v[i].handle;
}

void sp_keyring_fini(struct sp_keyring *k)
{
    for (size_t i = 0; i < k->n; i++) {
        (void)nn_tls_destroy(k->v[i].handle);
        sp_free(k->v[i].path);
    }
    sp_free(k->v);
    *k = (struct sp_keyring){0};
}
