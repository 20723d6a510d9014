/* SPDX-License-Identifier: MIT */
/* Why a handshake failed, from what mbedTLS returned, which alert went out or came in, and what
 * became of the identities: exact here, whatever the peer was told. */
#include "transports/tls/control.h"
#include "transports/tls/handshake.h"
#include <errno.h>
#include <psa/crypto.h>
#include <string.h>

static bool verdict_is_memory(int rc)
{
    if (rc == MBEDTLS_ERR_SSL_ALLOC_FAILED || rc == PSA_ERROR_INSUFFICIENT_MEMORY ||
        rc == MBEDTLS_ERR_X509_ALLOC_FAILED || rc == MBEDTLS_ERR_PK_ALLOC_FAILED)
        return true;
    /* Low-level codes are added to high-level ones: MPI 0x10, ASN.1 0x6A. */
    return rc < 0 && rc > -0x8000 && ((-rc & 0x7f) == 0x10 || (-rc & 0x7f) == 0x6a);
}

static int verdict_say(struct sp_handshake *h, enum sp_reason why, int rc, const char *words)
{
    sp_peer_reason(h->args.peer, why, "%s", words);
    return rc;
}

/* The peer is no TLS peer at all? Only the first bytes can tell, so a misdirected dialler gets a
 * hint. */
static int verdict_malformed(struct sp_handshake *h)
{
    static const uint8_t sp[3] = {0, 'S', 'P'};
    if (h->n_in >= sizeof sp && memcmp(h->first, sp, sizeof sp) == 0)
        return verdict_say(h, SP_REASON_PROTOCOL, -EPROTO, "the peer speaks SP without TLS");
    if (h->n_in >= 2 && (h->first[0] < 20 || h->first[0] > 23 || h->first[1] != 3))
        return verdict_say(h, SP_REASON_PROTOCOL, -EPROTO, "the peer does not speak TLS");
    return verdict_say(h, SP_REASON_PROTOCOL, -EPROTO, "a malformed handshake");
}

static int verdict_of_offer(struct sp_handshake *h)
{
    switch (h->offer) {
    case SP_OFFER_REFLECTED:
        return verdict_say(h, SP_REASON_REFUSED, -EACCES,
                           "an identity that we dial with ourselves, and that is not shared");
    case SP_OFFER_BLOCKED:
        return verdict_say(h, SP_REASON_REFUSED, -EACCES, "too many wrong keys from this address");
    case SP_OFFER_UNKNOWN:
        return verdict_say(h, SP_REASON_UNKNOWN_IDENTITY, -EACCES, "no key for it here");
    case SP_OFFER_KNOWN:
        return verdict_say(h, SP_REASON_NO_SUITE, -EPROTO,
                           "no common cipher suite or key exchange");
    default:
        return verdict_say(h, SP_REASON_NO_SUITE, -EPROTO,
                           h->auth & NN_TLS_AUTH_PSK ? "the peer offers no pre-shared key"
                                                     : "no common cipher suite or key exchange");
    }
}

/* We are the server, and this alert of ours ended it. */
static int verdict_accepting(struct sp_handshake *h, int rc)
{
    switch (h->alert_out) {
    case SP_ALERT_DECRYPT_ERROR:
        if (h->offer == SP_OFFER_KNOWN && (rc > 0 || rc == MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE))
            return verdict_say(h, SP_REASON_WRONG_KEY, -EACCES, "not the key of its identity");
        return verdict_malformed(h);
    case SP_ALERT_HANDSHAKE_FAILURE:
    case SP_ALERT_MISSING_EXTENSION:
    case SP_ALERT_UNKNOWN_PSK:
        return verdict_of_offer(h);
    case 70:
        return verdict_say(h, SP_REASON_NO_SUITE, -EPROTO, "the peer does not offer TLS 1.3");
    default:
        return verdict_malformed(h);
    }
}

/* Next time the next identity, if there are several. */
static int verdict_turn(struct sp_handshake *h, enum sp_reason why, const char *words)
{
    if (h->args.turn)
        atomic_fetch_add(&h->args.turn->n, 1);
    return verdict_say(h, why, -EACCES, words);
}

static int verdict_alert(struct sp_handshake *h, int alert)
{
    bool key = h->args.dialled && h->auth & NN_TLS_AUTH_PSK;
    if (key && (alert == SP_ALERT_HANDSHAKE_FAILURE || alert == SP_ALERT_DECRYPT_ERROR ||
                alert == SP_ALERT_MISSING_EXTENSION || alert == SP_ALERT_ILLEGAL_PARAMETER))
        return verdict_turn(h, SP_REASON_WRONG_KEY, "refused: wrong key or unknown identity");
    if (key && alert == SP_ALERT_UNKNOWN_PSK)
        return verdict_turn(h, SP_REASON_UNKNOWN_IDENTITY, sp_alert_words(alert));
    enum sp_reason why = sp_alert_reason(alert);
    bool access = why == SP_REASON_CERTIFICATE || why == SP_REASON_REFUSED;
    return verdict_say(h, why, access ? -EACCES : -EPROTO, sp_alert_words(alert));
}

static int verdict_certificate(struct sp_handshake *h)
{
    char text[120] = "";
    uint32_t flags = mbedtls_ssl_get_verify_result(&h->ssl);
    if (flags && flags != (uint32_t)-1)
        mbedtls_x509_crt_verify_info(text, sizeof text, "", flags);
    text[strcspn(text, "\n")] = 0;
    sp_peer_reason(h->args.peer, SP_REASON_CERTIFICATE, "%s", text);
    return -EACCES;
}

/* The description of the fatal alert that mbedTLS has just read. */
static int verdict_alert_in(const mbedtls_ssl_context *ssl)
{
#if MBEDTLS_VERSION_MAJOR < 4
    return ssl->MBEDTLS_PRIVATE(in_msg)[1];
#else
    return mbedtls_ssl_get_fatal_alert(ssl);
#endif
}

static int verdict_dialling(struct sp_handshake *h, int rc)
{
    bool key = h->auth == NN_TLS_AUTH_PSK;
    if (key && rc == MBEDTLS_ERR_SSL_INVALID_MAC)
        return verdict_turn(h, SP_REASON_WRONG_KEY, "the server does not have our key");
    if (rc == MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION)
        return verdict_say(h, SP_REASON_NO_SUITE, -EPROTO, "the server does not speak TLS 1.3");
    if (key &&
        (h->alert_out == SP_ALERT_ILLEGAL_PARAMETER || h->alert_out == SP_ALERT_HANDSHAKE_FAILURE))
        return verdict_turn(h, SP_REASON_NO_SUITE, "the server did not take a key of ours");
    return verdict_malformed(h);
}

int sp_handshake_verdict(struct sp_handshake *h, int rc)
{
    if (h->io_err)
        return verdict_say(h, h->io_err == -ENOMEM ? SP_REASON_LIMIT : SP_REASON_NONE, h->io_err,
                           h->io_err == -ENOMEM ? "out of memory" : "");
    if (verdict_is_memory(rc))
        return verdict_say(h, SP_REASON_LIMIT, -ENOMEM, "out of memory");
    switch (rc) {
    case MBEDTLS_ERR_SSL_PRIVATE_KEY_REQUIRED:
        return verdict_say(h, SP_REASON_REFUSED, -EACCES, "no key left to dial with");
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        return verdict_alert(h, verdict_alert_in(&h->ssl));
    case MBEDTLS_ERR_SSL_CONN_EOF:
        return verdict_say(h, SP_REASON_TRUNCATED, -ECONNRESET, "ended during the handshake");
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
        return verdict_say(h, SP_REASON_REFUSED, -ECONNRESET, "closed during the handshake");
    case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
    case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE:
    case MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED:
    case MBEDTLS_ERR_SSL_BAD_CERTIFICATE:
        return verdict_certificate(h);
    default:
        if (h->alert_in >= 0)
            return verdict_alert(h, h->alert_in);
        return h->args.dialled ? verdict_dialling(h, rc) : verdict_accepting(h, rc);
    }
}
