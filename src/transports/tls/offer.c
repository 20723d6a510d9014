/* SPDX-License-Identifier: MIT */
/* A client offers an identity: is there a key for it, may it be used, must it wait? */
#include "base/clock.h"
#include "transports/tls/handshake.h"
#include <errno.h>
#include <string.h>

/* The application's word on an identity that the set lacks. No lock is held. */
static int offer_ask(struct sp_handshake *h, const unsigned char *id, size_t id_len)
{
    struct sp_tls_found *f = &h->secret->found;
    size_t key_len = sizeof f->key;
    if (!h->rules.lookup || h->rules.lookup(h->rules.lookup_arg, id, id_len, f->key, &key_len) != 0)
        return -ENOENT;
    if (sp_keys_check(id_len, f->key, key_len, NN_TLS_ACCEPT) < 0)
        return -ENOENT;
    f->serial = 0;
    f->key_len = key_len;
    f->id_len = id_len;
    memcpy(f->id, id, id_len);
    return 0;
}

static bool offer_blocked(struct sp_handshake *h, const unsigned char *id, size_t id_len)
{
    uint64_t who = sp_guard_who(h->args.peer->address, id, id_len), now = sp_now();
    sp_mutex_lock(&h->args.cfg->lock);
    bool blocked = sp_guard_blocks(&h->args.cfg->guard, who, now);
    sp_mutex_unlock(&h->args.cfg->lock);
    return blocked;
}

static enum sp_offer offer_judge(struct sp_handshake *h, const unsigned char *id, size_t id_len)
{
    if (id_len < 1 || id_len > NN_TLS_ID_MAX || h->n_offers++ >= SP_HANDSHAKE_OFFERS)
        return SP_OFFER_UNKNOWN;
    int rc = sp_tls_cfg_accept(h->args.cfg, id, id_len, &h->secret->found);
    if (rc == -ENOENT)
        rc = offer_ask(h, id, id_len);
    if (rc == -EACCES)
        return SP_OFFER_REFLECTED;
    if (rc < 0)
        return SP_OFFER_UNKNOWN;
    return offer_blocked(h, id, id_len) ? SP_OFFER_BLOCKED : SP_OFFER_KNOWN;
}

int sp_handshake_offer(void *arg, mbedtls_ssl_context *ssl, const unsigned char *id, size_t id_len)
{
    struct sp_handshake *h = arg;
    enum sp_offer offer = offer_judge(h, id, id_len);
    /* A peer may offer several; what is most worth telling stays. */
    if (h->offer == SP_OFFER_NONE || offer != SP_OFFER_UNKNOWN)
        h->offer = offer;
    if (offer == SP_OFFER_KNOWN) {
        int rc = mbedtls_ssl_set_hs_psk(ssl, h->secret->found.key, h->secret->found.key_len);
        if (rc) /* to mbedTLS it is an unknown identity */
            h->io_err = -ENOMEM;
        return rc;
    }
    if (h->n_offers <= SP_HANDSHAKE_OFFERS)
        sp_kdf_waste_binder();
    return MBEDTLS_ERR_SSL_UNKNOWN_IDENTITY;
}
