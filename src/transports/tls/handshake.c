/* SPDX-License-Identifier: MIT */
/* mbedTLS is configured from the rules, driven over the stream below, and asked for its two
 * application secrets; those count only once mbedtls_ssl_handshake has returned 0. It asks for
 * exactly the bytes of the record at hand, so none is lost when the record layer takes over.
 *
 * What makes PSK safe here: only PSK key exchange modes (a client would else believe any
 * certificate when nobody checks it), no tickets (they would be a second kind of PSK), and the same
 * bytes for every refusal of a key: an unknown identity costs a binder of its own and gets the
 * alert of a wrong key. An identity is a candidate until the end, since the callback runs before
 * the binder is checked. */
#include "transports/tls/handshake.h"
#include "base/clock.h"
#include "base/secret.h"
#include <errno.h>
#include <mbedtls/psa_util.h>
#include <string.h>

static void handshake_export(void *arg, mbedtls_ssl_key_export_type type,
                             const unsigned char *secret, size_t len,
                             const unsigned char client_random[32],
                             const unsigned char server_random[32], mbedtls_tls_prf_types prf)
{
    (void)client_random, (void)server_random, (void)prf;
    struct sp_handshake *h = arg;
    if (len > SP_TLS_SECRET_MAX)
        return;
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET) {
        memcpy(h->secret->client, secret, len);
        h->n_secrets |= 1;
    } else if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET) {
        memcpy(h->secret->server, secret, len);
        h->n_secrets |= 2;
    }
}

static void handshake_choose_suites(struct sp_handshake *h)
{
    static const int usual[] = {SP_TLS_AES_128_GCM, SP_TLS_CHACHA20_POLY1305, SP_TLS_AES_256_GCM,
                                0};
    const int *from = h->rules.suites[0] ? h->rules.suites : usual;
    int n = 0;
    for (; *from; from++)
        if (h->auth != NN_TLS_AUTH_PSK || sp_tls_hash_len(*from) == 32)
            h->suites[n++] = *from; /* an external PSK goes with SHA-256 only */
    h->suites[n] = 0;
}

static int handshake_modes(const struct sp_handshake *h)
{
    unsigned modes = 0;
    if (h->auth & NN_TLS_AUTH_PSK)
        modes |= MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL;
    if (h->auth & NN_TLS_AUTH_PSK && h->rules.psk_ke)
        modes |= MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK;
    if (h->auth & NN_TLS_AUTH_CERT)
        modes |= MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL;
    return (int)modes;
}

/* Where only keys count, a certificate must never be believed: REQUIRED, with no authority at all.
 */
static int handshake_authmode(const struct sp_handshake *h)
{
    if (h->auth != NN_TLS_AUTH_CERT)
        return MBEDTLS_SSL_VERIFY_REQUIRED;
    if (h->rules.verify == NN_TLS_VERIFY_NONE)
        return MBEDTLS_SSL_VERIFY_NONE;
    if (h->rules.verify == NN_TLS_VERIFY_OPTIONAL)
        return MBEDTLS_SSL_VERIFY_OPTIONAL;
    bool verifies = h->rules.verify >= 0 || h->args.dialled || h->rules.ca;
    return verifies ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE;
}

static int handshake_conf_psk(struct sp_handshake *h)
{
    struct sp_tls_found *f = &h->secret->found;
    if (!h->args.dialled) {
        mbedtls_ssl_conf_psk_cb(&h->conf, sp_handshake_offer, h);
        return 0;
    }
    unsigned turn = h->args.turn ? atomic_load(&h->args.turn->n) : 0;
    if (sp_tls_cfg_dial(h->args.cfg, turn, f) < 0)
        return MBEDTLS_ERR_SSL_PRIVATE_KEY_REQUIRED;
    h->offer = SP_OFFER_KNOWN;
    return mbedtls_ssl_conf_psk(&h->conf, f->key, f->key_len, f->id, f->id_len);
}

static int handshake_conf_cert(struct sp_handshake *h)
{
    if (h->rules.ca)
        mbedtls_ssl_conf_ca_chain(&h->conf, &h->rules.ca->chain, NULL);
    if (!h->rules.cert)
        return 0;
    return mbedtls_ssl_conf_own_cert(&h->conf, &h->rules.cert->chain, &h->rules.cert->key);
}

static int handshake_conf(struct sp_handshake *h)
{
    int end = h->args.dialled ? MBEDTLS_SSL_IS_CLIENT : MBEDTLS_SSL_IS_SERVER;
    int rc = mbedtls_ssl_config_defaults(&h->conf, end, MBEDTLS_SSL_TRANSPORT_STREAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT);
    if (rc)
        return rc;
#if MBEDTLS_VERSION_MAJOR < 4
    mbedtls_ssl_conf_rng(&h->conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
#endif
    mbedtls_ssl_conf_min_tls_version(&h->conf, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_max_tls_version(&h->conf, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_tls13_key_exchange_modes(&h->conf, handshake_modes(h));
    mbedtls_ssl_conf_ciphersuites(&h->conf, h->suites);
    mbedtls_ssl_conf_authmode(&h->conf, handshake_authmode(h));
#ifdef MBEDTLS_SSL_SESSION_TICKETS
    if (h->args.dialled)
        mbedtls_ssl_conf_session_tickets(&h->conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    else
        mbedtls_ssl_conf_new_session_tickets(&h->conf, 0);
#endif
    if (h->auth & NN_TLS_AUTH_PSK)
        rc = handshake_conf_psk(h);
    return rc || !(h->auth & NN_TLS_AUTH_CERT) ? rc : handshake_conf_cert(h);
}

/* With keys only there is no name to check, and none to tell in the clear. */
static int handshake_setup(struct sp_handshake *h)
{
    int rc = handshake_conf(h);
    if (rc == 0)
        rc = mbedtls_ssl_setup(&h->ssl, &h->conf);
    if (rc == 0 && h->args.dialled) {
        const char *name = h->rules.server_name[0] ? h->rules.server_name : h->args.host;
        rc = mbedtls_ssl_set_hostname(&h->ssl, h->auth & NN_TLS_AUTH_CERT ? name : NULL);
    }
    mbedtls_ssl_set_bio(&h->ssl, h, sp_handshake_send, sp_handshake_recv, NULL);
    mbedtls_ssl_set_export_keys_cb(&h->ssl, handshake_export, h);
    return rc;
}

/* The keys of this moment, and what they allow. */
static int handshake_keys(struct sp_handshake *h)
{
    char why[sizeof h->args.peer->detail];
    int rc = sp_follow_refresh(h->args.cfg, why, sizeof why);
    if (rc < 0) {
        sp_peer_reason(h->args.peer, SP_REASON_REFUSED, "%s", why);
        return rc == -ENOMEM ? rc : -EACCES;
    }
    h->auth = sp_tls_cfg_auth(h->args.cfg, h->args.dialled, h->args.psk_only);
    if (h->auth < 0)
        sp_peer_reason(h->args.peer, SP_REASON_REFUSED, "no usable key or certificate is left");
    return h->auth < 0 ? h->auth : 0;
}

struct sp_handshake *sp_handshake_new(const struct sp_handshake_args *args, int *err)
{
    struct sp_handshake *h = sp_calloc(1, sizeof *h);
    if (!h) {
        *err = -ENOMEM;
        return NULL;
    }
    h->args = *args;
    h->alert_out = h->alert_in = -1;
    h->want = args->dialled ? POLLOUT : POLLIN;
    mbedtls_ssl_config_init(&h->conf);
    mbedtls_ssl_init(&h->ssl);
    sp_tls_cfg_rules(args->cfg, &h->rules);
    h->secret = sp_secret_alloc(sizeof *h->secret);
    *err = h->secret ? handshake_keys(h) : -ENOMEM;
    if (*err == 0) {
        handshake_choose_suites(h);
        int rc = handshake_setup(h);
        *err = rc ? sp_handshake_verdict(h, rc) : 0;
    }
    if (*err == 0)
        return h;
    sp_handshake_free(h);
    return NULL;
}

/* A right key or a wrong one, for the brake. */
static void handshake_note(struct sp_handshake *h, bool right)
{
    if (h->args.dialled || h->offer != SP_OFFER_KNOWN)
        return;
    const struct sp_tls_found *f = &h->secret->found;
    uint64_t who = sp_guard_who(h->args.peer->address, f->id, f->id_len), now = sp_now();
    sp_mutex_lock(&h->args.cfg->lock);
    if (right)
        sp_guard_passed(&h->args.cfg->guard, who);
    else
        sp_guard_failed(&h->args.cfg->guard, who, now, h->args.wrong_keys, h->args.delay_ms);
    sp_mutex_unlock(&h->args.cfg->lock);
}

int sp_handshake_step(struct sp_handshake *h)
{
    errno = 0;
    int rc = mbedtls_ssl_handshake(&h->ssl);
    if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE)
        return -EAGAIN;
    if (errno == ENOMEM) /* mbedTLS reports a binder that it could not compute as a wrong one */
        h->io_err = -ENOMEM;
    if (rc == 0 && (h->n_secrets != 3 || mbedtls_ssl_check_pending(&h->ssl)))
        rc = MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    if (rc == 0) {
        handshake_note(h, true);
        return 0;
    }
    h->failed = rc;
    rc = sp_handshake_verdict(h, rc);
    if (h->args.peer->reason == SP_REASON_WRONG_KEY)
        handshake_note(h, false);
    return rc;
}

static int handshake_alert(const struct sp_handshake *h)
{
    uint32_t flags = mbedtls_ssl_get_verify_result(&h->ssl);
    if (h->failed == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE)
        return SP_ALERT_CERTIFICATE_REQUIRED;
    if (h->args.peer->reason != SP_REASON_CERTIFICATE)
        return SP_ALERT_HANDSHAKE_FAILURE;
    if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
        return SP_ALERT_UNKNOWN_CA;
    return flags & MBEDTLS_X509_BADCERT_EXPIRED ? SP_ALERT_CERTIFICATE_EXPIRED
                                                : SP_ALERT_BAD_CERTIFICATE;
}

int sp_handshake_late_alert(const struct sp_handshake *h, int *suite)
{
    const mbedtls_ssl_session *session = h->ssl.MBEDTLS_PRIVATE(session_negotiate);
    if (!h->late_alert || !session)
        return -1;
    *suite = session->MBEDTLS_PRIVATE(ciphersuite);
    return handshake_alert(h);
}

int sp_handshake_learn(struct sp_handshake *h)
{
    struct sp_peer *p = h->args.peer;
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&h->ssl);
    p->tls_version = NN_TLS_1_3;
    p->tls_suite = mbedtls_ssl_get_ciphersuite_id_from_ssl(&h->ssl);
    if (crt) {
        p->cert = sp_memdup(crt->raw.p, crt->raw.len);
        p->cert_len = p->cert ? crt->raw.len : 0;
        return p->cert ? 0 : -ENOMEM;
    }
    if (h->offer != SP_OFFER_KNOWN)
        return 0;
    p->id = sp_memdup(h->secret->found.id, h->secret->found.id_len);
    p->id_len = p->id ? h->secret->found.id_len : 0;
    return p->id ? 0 : -ENOMEM;
}

void sp_handshake_free(struct sp_handshake *h)
{
    if (!h)
        return;
    mbedtls_ssl_free(&h->ssl);
    mbedtls_ssl_config_free(&h->conf);
    sp_tls_rules_fini(&h->rules);
    sp_secret_free(h->secret);
    sp_free(h);
}
