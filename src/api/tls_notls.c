/* SPDX-License-Identifier: MIT */
/* A build without TLS (NANOSEAL_TLS=OFF): the calls exist, so that one program runs with either,
 * and say ENOTSUP. The schemes do not exist: EPROTONOSUPPORT. */
#include <errno.h>
#include <nanomsg/tls.h>

static int none(void)
{
    errno = ENOTSUP;
    return -1;
}

#define NONE(name, ...)                                                                            \
    int name(__VA_ARGS__)                                                                          \
    {                                                                                              \
        return none();                                                                             \
    }

#pragma GCC diagnostic ignored "-Wunused-parameter"
NONE(nn_tls_create, void)
NONE(nn_tls_destroy, int h)
NONE(nn_tls_psk_add, int h, const void *id, size_t idlen, const void *key, size_t keylen, int flags)
NONE(nn_tls_psk_remove, int h, const void *id, size_t idlen, int flags)
NONE(nn_tls_psk_file, int h, const char *path)
NONE(nn_tls_psk_follow, int h, const char *path, int flags)
NONE(nn_tls_psk_lookup, int h, nn_tls_lookup_fn fn, void *arg)
NONE(nn_tls_auth, int h, int mode)
NONE(nn_tls_cert, int h, const char *certfile, const char *keyfile)
NONE(nn_tls_ca, int h, const char *cafile)
NONE(nn_tls_server_name, int h, const char *name)
NONE(nn_tls_verify, int h, int mode)
NONE(nn_tls_version, int h, int min, int max)
NONE(nn_tls_suites, int h, const char *list)
NONE(nn_tls_psk_ke, int h, int on)
NONE(nn_tls_limits, int h, uint64_t records, uint64_t bytes, int seconds)
NONE(nn_tls_authorize, int h, nn_tls_authorize_fn fn, void *arg)
