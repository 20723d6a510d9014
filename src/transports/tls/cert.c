/* SPDX-License-Identifier: MIT */
/* Files are read here, into key memory, and given to mbedTLS's parser: it reports lack of memory, a
 * bad file and a missing one alike.
 *
 * A partly readable bundle (some certificates fail to parse) is refused whole. */
#include "transports/tls/cert.h"
#include "base/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/build_info.h>
#include <mbedtls/psa_util.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERT_FILE_MAX (4 << 20) /* bytes; a system's whole bundle has a quarter of this */

#if MBEDTLS_VERSION_MAJOR < 4
#define cert_parse_key(pk, text, n)                                                                \
    mbedtls_pk_parse_key(pk, text, n, NULL, 0, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE)
#define cert_check_pair(pub, key)                                                                  \
    mbedtls_pk_check_pair(pub, key, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE)
#else
#define cert_parse_key(pk, text, n) mbedtls_pk_parse_key(pk, text, n, NULL, 0)
#define cert_check_pair(pub, key)   mbedtls_pk_check_pair(pub, key)
#endif

static int cert_read_fd(int fd, bool secret, uint8_t **text, size_t *n)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > CERT_FILE_MAX)
        return -EINVAL;
    if (secret && st.st_mode & S_IRWXO)
        return -EACCES;
    size_t size = (size_t)st.st_size;
    *text = sp_secret_alloc(size + 1);
    if (!*text)
        return -ENOMEM;
    for (*n = 0; *n < size;) {
        ssize_t got = read(fd, *text + *n, size - *n);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            return -EAGAIN;
        *n += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* Gives the file's bytes with a zero behind them, to be freed with sp_secret_free in any case. */
static int cert_read(const char *path, bool secret, uint8_t **text, size_t *n)
{
    *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int rc = cert_read_fd(fd, secret, text, n);
    close(fd);
    return rc;
}

/* mbedTLS adds a high part to the cause in some of its codes, so lack of memory is looked for in
 * each. */
static int cert_errno(int rc)
{
    if (rc == 0)
        return 0;
    return rc == MBEDTLS_ERR_X509_ALLOC_FAILED || rc == MBEDTLS_ERR_PK_ALLOC_FAILED ? -ENOMEM
                                                                                    : -EINVAL;
}

static int cert_chain(struct sp_tls_cert *c, const char *path)
{
    uint8_t *text;
    size_t n;
    int rc = cert_read(path, false, &text, &n);
    if (rc == 0)
        rc = cert_errno(mbedtls_x509_crt_parse(&c->chain, text, n + 1));
    sp_secret_free(text);
    return rc;
}

static int cert_key(struct sp_tls_cert *c, const char *path)
{
    uint8_t *text;
    size_t n;
    int rc = cert_read(path, true, &text, &n);
    if (rc == 0)
        rc = cert_errno(cert_parse_key(&c->key, text, n + 1));
    if (rc == 0)
        rc = cert_errno(cert_check_pair(&c->chain.pk, &c->key));
    sp_secret_free(text);
    return rc;
}

int sp_tls_cert_load(struct sp_tls_cert **out, const char *certfile, const char *keyfile)
{
    struct sp_tls_cert *c = sp_calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    atomic_init(&c->refs, 1);
    mbedtls_x509_crt_init(&c->chain);
    mbedtls_pk_init(&c->key);
    int rc = cert_chain(c, certfile);
    if (rc == 0 && keyfile)
        rc = cert_key(c, keyfile);
    if (rc < 0)
        sp_tls_cert_drop(c);
    else
        *out = c;
    return rc;
}

struct sp_tls_cert *sp_tls_cert_hold(struct sp_tls_cert *c)
{
    if (c)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void sp_tls_cert_drop(struct sp_tls_cert *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    mbedtls_x509_crt_free(&c->chain);
    mbedtls_pk_free(&c->key);
    sp_free(c);
}
