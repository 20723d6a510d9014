/* SPDX-License-Identifier: MIT */
/* The bytes of a handshake on their way, and what can be told from them. */
#include "base/bytes.h"
#include "transports/tls/handshake.h"
#include <errno.h>

/* An alert under protection, padded by mbedTLS to 16 bytes; a Finished is longer. */
#define HSIO_ALERT_BODY (16 + SP_AEAD_TAG)

/* Notes a fatal alert in the clear: mbedTLS's own clients send one where its servers expect
 * protection. Not authentic, so it only says why what has failed anyway did. */
static void hsio_note_alert(struct sp_handshake *h, const unsigned char *buf, ssize_t n)
{
    if (n == 5)
        h->alert_next = buf[0] == SP_TLS_ALERT && buf[4] == 2;
    else if (n == 2 && h->alert_next)
        h->alert_in = buf[1];
}

int sp_handshake_recv(void *arg, unsigned char *buf, size_t len)
{
    struct sp_handshake *h = arg;
    struct iovec v = {buf, len};
    ssize_t n = h->args.next->ops->readv(h->args.next, &v, 1);
    if (n == -EAGAIN) {
        h->want = POLLIN;
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    if (n < 0) {
        h->io_err = (int)n;
        return MBEDTLS_ERR_SSL_CONN_EOF;
    }
    for (ssize_t i = 0; i < n && h->n_in + (size_t)i < sizeof h->first; i++)
        h->first[h->n_in + (size_t)i] = buf[i];
    h->n_in += (size_t)n;
    hsio_note_alert(h, buf, n);
    return (int)n;
}

/* A server must not tell an unknown identity from a wrong key, nor from a missing one: their alerts
 * in the clear all become handshake_failure. The buffer is mbedTLS's own and stays so for later
 * parts. */
static void hsio_mask_alert(struct sp_handshake *h, const unsigned char *buf, size_t len)
{
    if (len != 7 || buf[0] != SP_TLS_ALERT || h->alert_out >= 0)
        return;
    h->alert_out = buf[6];
    bool tells = buf[6] == SP_ALERT_DECRYPT_ERROR || buf[6] == SP_ALERT_MISSING_EXTENSION ||
                 buf[6] == SP_ALERT_UNKNOWN_PSK;
    if (tells && !h->args.dialled)
        ((unsigned char *)(uintptr_t)buf)[6] = SP_ALERT_HANDSHAKE_FAILURE;
}

/* Once its Finished is out a server speaks under the application key, but mbedTLS 3.6 would still
 * send an alert under the handshake key, which no client can read. Such a record is taken out, and
 * the alert sent by the record layer instead: see sp_handshake_late_alert. */
static bool hsio_is_late_alert(const struct sp_handshake *h, const unsigned char *buf, size_t len)
{
    struct sp_reader in = sp_reader(buf, len);
    uint8_t type = sp_get_u8(&in);
    uint16_t version = sp_get_u16(&in), body = sp_get_u16(&in);
    bool whole = !h->part_out && type == SP_TLS_DATA && version == 0x0303 && body == in.left;
    return whole && !h->args.dialled && h->n_secrets == 3 && body <= HSIO_ALERT_BODY;
}

int sp_handshake_send(void *arg, const unsigned char *buf, size_t len)
{
    struct sp_handshake *h = arg;
    if (hsio_is_late_alert(h, buf, len)) {
        h->late_alert = true;
        return (int)len;
    }
    hsio_mask_alert(h, buf, len);
    struct iovec v = {(void *)(uintptr_t)buf, len};
    ssize_t n = h->args.next->ops->writev(h->args.next, &v, 1);
    if (n == -EAGAIN) {
        h->want = POLLOUT;
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    if (n < 0 && h->args.dialled && h->n_secrets == 3)
        return (int)len; /* closed while we spoke last: the record layer will read why */
    if (n < 0) {
        h->io_err = (int)n;
        return MBEDTLS_ERR_SSL_CONN_EOF;
    }
    h->part_out = (size_t)n < len;
    return (int)n;
}
