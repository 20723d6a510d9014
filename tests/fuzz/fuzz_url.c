/* SPDX-License-Identifier: MIT */
/* Any text as an address, and what is behind its scheme (or all of it) as host and port. Crashes
 * are the sanitizers' matter; here stands what a parsed address promises. */
#include "base/url.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool good)
{
    if (!good)
        abort();
}

/* A parsed address put together again is the text. */
static void fuzz_address(struct sp_url *u, const char *text)
{
    int rc = sp_url_parse(u, text);
    if (rc) {
        check(rc == -EINVAL || rc == -ENAMETOOLONG || rc == -EPROTONOSUPPORT);
        check((rc == -ENAMETOOLONG) == (strlen(text) >= SP_URL_MAX));
        u->rest[0] = 0;
        return;
    }
    size_t n = strlen(u->scheme);
    check(!strncmp(text, u->scheme, n) && !strncmp(text + n, "://", 3));
    check(!strcmp(text + n + 3, u->rest));
}

static void check_host(const char *host, bool v6)
{
    check(*host && !strpbrk(host, "[];"));
    check(v6 || !strchr(host, ':'));
}

static void fuzz_hostport(const char *text, bool port0)
{
    struct sp_hostport h;
    int rc = sp_hostport_parse(&h, text, port0);
    check(rc == 0 || rc == -EINVAL || rc == -ENODEV);
    if (rc)
        return;
    check(h.port || port0);
    check_host(h.host, h.v6);
    check((h.local[0] != 0) == (strchr(text, ';') != NULL));
    if (h.local[0])
        check_host(h.local, h.local_v6);
    check(strlen(h.host) + strlen(h.local) < strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1); /* of its exact size, so that ASan sees a read behind it */
    struct sp_url u;
    if (!text)
        return 0;
    memcpy(text, data, len);
    text[len] = 0;
    fuzz_address(&u, text);
    fuzz_hostport(u.rest, true);
    fuzz_hostport(text, false);
    bool name = sp_hostname_ok(text);
    check(!name || (*text && !strpbrk(text, ":;/[] *")));
    free(text);
    return 0;
}
