/* SPDX-License-Identifier: MIT */
/* What a peer may send once the handshake is over. The input is a row of items {type, length,
 * bytes}; type 255 puts the bytes on the wire as they are, any other seals them as a record of that
 * type. The cipher is a copy with a fixed tag, so that the input decides everything. What is
 * delivered must be what was sent, in order, whatever comes in between. */
#include "base/secret.h"
#include "transports/tls/scratch.h"
#include "transports/tls/tls.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WIRE_MAX  (1 << 16)
#define ITEMS_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool good)
{
    if (!good)
        abort();
}

/* ---- A cipher that hides nothing ---- */

static struct sp_aead copy_aead;

static int copy_make(struct sp_aead **out, int suite, bool seal, const uint8_t *key)
{
    (void)suite, (void)seal, (void)key;
    *out = &copy_aead;
    return 0;
}

static int copy_rekey(struct sp_aead *a, const uint8_t *key)
{
    (void)a, (void)key;
    return 0;
}

static int copy_seal(struct sp_aead *a, const uint8_t *nonce, const uint8_t aad[5],
                     const struct iovec *in, int n, uint8_t tail, uint8_t *out)
{
    (void)a, (void)nonce, (void)aad;
    for (int i = 0; i < n; out += in[i++].iov_len)
        if (in[i].iov_len)
            memcpy(out, in[i].iov_base, in[i].iov_len);
    *out = tail;
    memset(out + 1, 't', SP_AEAD_TAG);
    return 0;
}

static int copy_open(struct sp_aead *a, const uint8_t *nonce, const uint8_t aad[5], uint8_t *ct,
                     size_t len, const struct iovec *out, int n)
{
    (void)a, (void)nonce, (void)aad;
    for (int i = 0; i < SP_AEAD_TAG; i++)
        if (ct[len + (size_t)i] != 't')
            return -EBADMSG;
    for (int i = 0; i < n; ct += out[i++].iov_len)
        memmove(out[i].iov_base, ct, out[i].iov_len);
    return 0;
}

static void copy_drop(struct sp_aead *a)
{
    (void)a;
}

static const struct sp_aead_ops copy_ops = {"copy",    copy_make, copy_rekey,
                                            copy_seal, copy_open, copy_drop};

/* ---- The wire ---- */

static uint8_t wire[WIRE_MAX], want[WIRE_MAX];
static size_t wire_len, wire_off, want_len, chop;

static ssize_t wire_readv(struct sp_stream *s, const struct iovec *iov, int n)
{
    (void)s, (void)n;
    size_t len = iov->iov_len < wire_len - wire_off ? iov->iov_len : wire_len - wire_off;
    if (len > chop)
        len = chop;
    memcpy(iov->iov_base, wire + wire_off, len);
    wire_off += len;
    return (ssize_t)len; /* 0 at the end */
}

static ssize_t wire_writev(struct sp_stream *s, const struct iovec *iov, int n)
{
    (void)s;
    return n ? (ssize_t)iov->iov_len : 0;
}

static const struct sp_stream_ops wire_ops = {.readv = wire_readv, .writev = wire_writev};

/* ---- The end under test, and its peer's sealing half ---- */

static struct sp_tls end;
static struct sp_stream below = {.ops = &wire_ops, .fd = -1};
static struct sp_peer peer;
static struct sp_record sealer;
static struct sp_record_secret sealer_secret;
static struct sp_tls_secret secret;

static void reset(bool client)
{
    sp_free(end.rx.part);
    sp_free(end.rx.plain);
    if (end.tx.stage)
        sp_tls_tx_fini(&end.tx);
    memset(&end, 0, sizeof end);
    memset(&peer, 0, sizeof peer);
    copy_aead.ops = &copy_ops;
    struct sp_record rec = {.secret = &secret.rx, .aead = &copy_aead, .suite = SP_TLS_AES_128_GCM};
    end.rx.rec = end.tx.rec = sealer = rec;
    end.tx.rec.secret = &secret.tx;
    sealer.secret = &sealer_secret;
    end.base.next = &below;
    end.base.peer = below.peer = &peer;
    end.secret = &secret;
    end.ctl.client = client;
    end.tx.max_records = end.tx.max_bytes = UINT64_MAX;
    wire_len = wire_off = want_len = 0;
}

static void put_raw(const uint8_t *p, size_t n)
{
    if (n > WIRE_MAX - wire_len)
        n = WIRE_MAX - wire_len;
    if (n)
        memcpy(wire + wire_len, p, n);
    wire_len += n;
}

/* Lengths of 200 and more stand for long records, made by repeating the bytes. */
static void put_record(int type, const uint8_t *p, size_t n, size_t times)
{
    static uint8_t text[SP_RECORD_DATA_MAX], rec[SP_RECORD_DATA_MAX + SP_RECORD_OVERHEAD];
    size_t total = 0;
    for (; times && n && total + n <= sizeof text; times--, total += n)
        memcpy(text + total, p, n);
    struct iovec v = {text, total};
    ssize_t len = sp_record_seal(&sealer, type, &v, 1, rec);
    check(len == (ssize_t)(total + SP_RECORD_OVERHEAD));
    if ((size_t)len > WIRE_MAX - wire_len)
        return;
    put_raw(rec, (size_t)len);
    /* A padded record of data counts too, but its type is found by the opener: leave it to the
     * prefix. */
    if (type == SP_TLS_DATA && total) {
        memcpy(want + want_len, text, total);
        want_len += total;
    }
}

/* Gives whether what is on the wire is only what put_record made, of honest types. */
static bool fill(const uint8_t *data, size_t len)
{
    bool honest = true;
    for (int items = 0; len >= 2 && items < ITEMS_MAX; items++) {
        int type = data[0];
        size_t n = data[1] % 200, times = data[1] < 200 ? 1 : (size_t)(data[1] - 199) * 4;
        data += 2, len -= 2;
        n = n < len ? n : len;
        if (type == 255)
            put_raw(data, n);
        else
            put_record(type, data, n, times);
        honest = honest && type != 255 && type != 0;
        data += n, len -= n;
    }
    return honest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[WIRE_MAX];
    static bool ready;
    if (!ready) {
        int h = nn_tls_create(); /* psa_crypto_init, for the key schedule */
        check(h > 0 && nn_tls_destroy(h) == 0);
        sp_aead_force(&copy_ops);
        ready = true;
    }
    if (len < 2)
        return 0;
    reset(data[0] & 1);
    size_t room = (size_t)1 << data[0] % 17;
    chop = data[1] ? (size_t)data[1] * data[1] : WIRE_MAX;
    bool honest = fill(data + 2, len - 2);
    /* Small steps, but not thousands of them. */
    room = room > want_len / 8 ? room : want_len / 8;
    chop = chop > wire_len / 8 ? chop : wire_len / 8;
    size_t got = 0;
    ssize_t n = 1;
    while (n > 0) {
        struct iovec v = {out + got, room < WIRE_MAX - got ? room : WIRE_MAX - got};
        if (!v.iov_len)
            break;
        n = sp_tls_readv(&end.base, &v, 1);
        check(n <= (ssize_t)v.iov_len && n != -EAGAIN);
        got += n > 0 ? (size_t)n : 0;
    }
    if (honest)
        check(got <= want_len && memcmp(out, want, got) == 0);
    if (n < 0)
        check(end.rx.err == n && (peer.reason != SP_REASON_NONE));
    sp_tls_writev(&end.base, NULL, 0);
    check(sp_control_take(&end.ctl) == -1);
    return 0;
}
