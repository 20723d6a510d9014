/* SPDX-License-Identifier: MIT */
/* Sealing: head, then the pieces and the type byte, sealed straight from where they lie. Opening:
 * all but the last byte into the caller's pieces when they have room, the last byte (the type,
 * without padding) beside them; otherwise in place. Padding is looked for backwards from there.
 *
 * A record that fails to open leaves the direction where it was: the caller ends the connection.
 * Sequence numbers end at 2^64 - 1, long after every meter has changed the key. */
#include "transports/tls/record.h"
#include "base/bytes.h"
#include "base/secret.h"
#include <errno.h>

static int record_key(struct sp_record *r)
{
    size_t hash_len = sp_tls_hash_len(r->suite);
    uint8_t key[SP_AEAD_KEY_MAX];
    int rc =
        sp_kdf_expand_label(hash_len, r->secret->traffic, "key", key, sp_tls_key_len(r->suite));
    if (rc == 0)
        rc = sp_kdf_expand_label(hash_len, r->secret->traffic, "iv", r->secret->iv, SP_AEAD_NONCE);
    if (rc == 0)
        rc = r->aead ? r->aead->ops->rekey(r->aead, key)
                     : sp_aead_make(&r->aead, r->suite, r->seal, key);
    sp_wipe(key, sizeof key);
    r->seq = r->bytes = 0;
    return rc;
}

int sp_record_install(struct sp_record *r, int suite, bool seal, struct sp_record_secret *secret)
{
    if (!sp_tls_key_len(suite))
        return -EINVAL;
    *r = (struct sp_record){.secret = secret, .suite = (uint16_t)suite, .seal = seal};
    return record_key(r);
}

int sp_record_next(struct sp_record *r)
{
    int rc = sp_kdf_next(sp_tls_hash_len(r->suite), r->secret->traffic);
    return rc < 0 ? rc : record_key(r);
}

void sp_record_fini(struct sp_record *r)
{
    sp_aead_drop(r->aead);
    r->aead = NULL;
}

static void record_nonce(const struct sp_record *r, uint8_t nonce[SP_AEAD_NONCE])
{
    memcpy(nonce, r->secret->iv, SP_AEAD_NONCE);
    sp_set_be64(nonce + 4, sp_be64(nonce + 4) ^ r->seq);
}

ssize_t sp_record_seal(struct sp_record *r, int type, const struct iovec *in, int n, uint8_t *out)
{
    size_t len = 0;
    for (int i = 0; i < n; i++)
        len += in[i].iov_len;
    if (len > SP_RECORD_DATA_MAX || r->seq == UINT64_MAX)
        return -EOVERFLOW;
    uint8_t nonce[SP_AEAD_NONCE];
    record_nonce(r, nonce);
    struct sp_writer w = sp_writer(out, SP_RECORD_HEAD);
    sp_put_u8(&w, SP_TLS_DATA);
    sp_put_u16(&w, 0x0303);
    sp_put_u16(&w, (uint16_t)(len + 1 + SP_AEAD_TAG));
    int rc = r->aead->ops->seal(r->aead, nonce, out, in, n, (uint8_t)type, out + SP_RECORD_HEAD);
    if (rc < 0)
        return rc;
    r->seq++;
    r->bytes += len;
    return (ssize_t)(len + SP_RECORD_OVERHEAD);
}

ssize_t sp_record_size(const uint8_t *p, size_t n)
{
    if (n && p[0] != SP_TLS_DATA)
        return -EPROTO;
    if (n < SP_RECORD_HEAD)
        return 0;
    struct sp_reader in = sp_reader(p + 1, SP_RECORD_HEAD - 1);
    uint16_t version = sp_get_u16(&in), len = sp_get_u16(&in);
    if (version != 0x0303 || len < 1 + SP_AEAD_TAG)
        return -EPROTO;
    return len > SP_RECORD_BODY_MAX ? -EMSGSIZE : SP_RECORD_HEAD + len;
}

/* Offset of the last byte that is not zero among the pieces, which hold len bytes; -1: none. */
static ssize_t record_last(const struct iovec *piece, int n, size_t len, uint8_t *last)
{
    while (n--) {
        const uint8_t *p = piece[n].iov_base;
        for (size_t i = piece[n].iov_len; i--;) {
            len--;
            if ((*last = p[i]))
                return (ssize_t)len;
        }
    }
    return -1;
}

ssize_t sp_record_open(struct sp_record *r, uint8_t *rec, size_t len, const struct sp_iov *out,
                       int *type, bool *placed)
{
    struct iovec cut[SP_RECORD_PIECES + 1];
    uint8_t nonce[SP_AEAD_NONCE], tail = 0, *body = rec + SP_RECORD_HEAD;
    size_t inner = len - SP_RECORD_HEAD - SP_AEAD_TAG, room;
    int n_cut = sp_iov_cut(out, inner - 1, cut, SP_RECORD_PIECES, &room);
    *placed = room == inner - 1;
    if (!*placed)
        cut[0] = (struct iovec){body, inner - 1}, n_cut = 1;
    cut[n_cut++] = (struct iovec){&tail, 1};
    record_nonce(r, nonce);
    int rc = r->aead->ops->open(r->aead, nonce, rec, body, inner, cut, n_cut);
    if (rc < 0)
        return rc;
    ssize_t at = record_last(cut, n_cut, inner, &tail);
    if (at < 0)
        return -EPROTO;
    if (at > SP_RECORD_DATA_MAX)
        return -EMSGSIZE;
    r->seq++;
    r->bytes += (uint64_t)at;
    *type = tail;
    return at;
}
