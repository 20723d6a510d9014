/* SPDX-License-Identifier: MIT */
/* A raw peer inside TLS: the library's own stream over a descriptor, driven step by step by a test, which can stop
 * anywhere and seal what it likes. For programs that see the inside. */
#ifndef TESTS_ATTACK_TLSPEER_H
#define TESTS_ATTACK_TLSPEER_H

#include "base/fds.h"
#include "support/tlsfield.h"
#include "transports/tls/tls.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct tlspeer {
    struct sp_stream *s;
    struct sp_peer peer;
    int fd; /* the stream's */
};

/* Takes a connected descriptor; `dialled`: we are the TLS client. */
static inline void tlspeer_make(struct tlspeer *p, int fd, int config, bool dialled)
{
    int rc = 0;
    memset(&p->peer, 0, sizeof p->peer);
    p->fd = fd;
    assert_int_equal(sp_fd_keep(fd), 0);
    struct sp_tls_cfg *cfg = sp_tls_cfg_get(config);
    struct sp_handshake_args args = {.cfg = cfg,
                                     .next = sp_fdstream_new(fd, &p->peer),
                                     .peer = &p->peer,
                                     .host = "localhost",
                                     .dialled = dialled,
                                     .psk_only = true};
    assert_true(cfg && args.next);
    p->s = sp_tls_new(&args, &rc);
    assert_non_null(p->s);
    sp_tls_cfg_drop(cfg);
}

/* Goes on with the handshake until it is done (0), has failed, or ms are over (-EAGAIN). */
static inline int tlspeer_shake(struct tlspeer *p, int ms)
{
    int64_t until = rp_now() + ms;
    for (;;) {
        int rc = p->s->ops->start(p->s);
        struct pollfd f = {.fd = p->fd, .events = (short)p->s->ops->want(p->s)};
        int64_t left = until - rp_now();
        if (rc != -EAGAIN || left <= 0)
            return rc;
        (void)poll(&f, 1, (int)left);
    }
}

static inline bool tlspeer_write(struct tlspeer *p, const void *b, size_t n)
{
    struct iovec v = {(void *)(uintptr_t)b, n};
    int64_t until = rp_now() + rp_time(10000);
    while (v.iov_len || p->s->ops->want(p->s) & POLLOUT) {
        ssize_t k = p->s->ops->writev(p->s, &v, v.iov_len ? 1 : 0);
        struct pollfd f = {.fd = p->fd, .events = POLLOUT};
        if ((k < 0 && k != -EAGAIN) || rp_now() > until)
            return false;
        if (k == -EAGAIN)
            (void)poll(&f, 1, 100);
        v.iov_base = (char *)v.iov_base + (k > 0 ? k : 0);
        v.iov_len -= k > 0 ? (size_t)k : 0;
    }
    return true;
}

/* Receives exactly n bytes of data; fewer when the connection ends or ms are over. */
static inline size_t tlspeer_read(struct tlspeer *p, void *b, size_t n, int ms)
{
    size_t have = 0;
    int64_t until = rp_now() + ms;
    while (have < n) {
        struct iovec v = {(char *)b + have, n - have};
        ssize_t k = p->s->ops->readv(p->s, &v, 1);
        struct pollfd f = {.fd = p->fd, .events = POLLIN};
        int64_t left = until - rp_now();
        if (k > 0)
            have += (size_t)k;
        else if (k != -EAGAIN || left <= 0 || poll(&f, 1, (int)left) <= 0)
            break;
    }
    return have;
}

/* Handshake and greetings. */
static inline bool tlspeer_open(struct tlspeer *p, int mine, int theirs)
{
    uint8_t out[8], in[8], want[8];
    rp_greeting(out, mine);
    rp_greeting(want, theirs);
    return tlspeer_shake(p, rp_time(5000)) == 0 && tlspeer_write(p, out, 8) &&
           tlspeer_read(p, in, 8, rp_time(5000)) == 8 && !memcmp(in, want, 8);
}

/* Seals one record of any type and any data and sends it; false when the other side is gone. */
static inline bool tlspeer_record(struct tlspeer *p, int type, const void *b, size_t n)
{
    static uint8_t out[SP_RECORD_DATA_MAX + SP_RECORD_OVERHEAD];
    struct sp_tls *t = (struct sp_tls *)p->s;
    struct iovec v = {(void *)(uintptr_t)b, n};
    ssize_t len = sp_record_seal(&t->tx.rec, type, &v, n ? 1 : 0, out);
    assert_true(len > 0);
    return rp_send(p->fd, out, (size_t)len);
}

static inline void tlspeer_close(struct tlspeer *p)
{
    p->s->ops->close(p->s);
    sp_free(p->peer.id);
    sp_free(p->peer.cert);
    p->peer.id = p->peer.cert = NULL;
}

#endif
