/* SPDX-License-Identifier: MIT */
/* TLS for the schemes tls+psk:// and tls+tcp://.
 *
 * A configuration is a handle (from 1) that holds keys, certificates and limits. A socket gets one
 * with nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &h, sizeof h), and each later nn_bind and nn_connect
 * of a TLS scheme keeps it, for both roles. Changes concern handshakes that begin later. Without one
 * nn_bind and nn_connect fail with EACCES: there is no plaintext to fall back to.
 *
 * All functions return -1 when they fail, with errno EBADF when h is no configuration, and ENOMEM. */
#ifndef NN_TLS_H_INCLUDED
#define NN_TLS_H_INCLUDED

#include "nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Option level, and its options, all int: a handle; how many wrong keys an address may offer for an
 * identity before it must wait (10; 0: for ever); the longest such wait in ms (5000). */
#define NN_TLS -16
#define NN_TLS_CONFIG 1
#define NN_TLS_WRONG_KEYS 2
#define NN_TLS_WRONG_KEY_DELAY 3

/* Control messages of nn_recvmsg at level NN_TLS: who sent the message. nn_sendmsg ignores them. */
#define NN_TLS_PEER_ID 1   /* PSK identity, any bytes */
#define NN_TLS_PEER_CERT 2 /* certificate, DER */

/* What an identity is for, and how one is removed. */
#define NN_TLS_DIAL 1      /* it is ours: we present it when we connect */
#define NN_TLS_ACCEPT 2    /* it is a peer's: we accept it */
#define NN_TLS_SHARED 4    /* both at once is meant: a key of a group, not of one device */
#define NN_TLS_DROP_LIVE 8 /* of nn_tls_psk_remove: end the connections of this identity too */

/* How peers prove who they are (tls+tcp://; tls+psk:// takes keys only). */
#define NN_TLS_AUTH_PSK 1
#define NN_TLS_AUTH_CERT 2
#define NN_TLS_AUTH_EITHER 3

/* Who seals the records. */
#define NN_TLS_OFFLOAD_OFF 0
#define NN_TLS_OFFLOAD_AUTO 1
#define NN_TLS_OFFLOAD_REQUIRE 2

/* Whether the peer must have a certificate that our authorities issued. */
#define NN_TLS_VERIFY_NONE 0
#define NN_TLS_VERIFY_OPTIONAL 1
#define NN_TLS_VERIFY_REQUIRED 2

#define NN_TLS_1_2 0x0303
#define NN_TLS_1_3 0x0304

/* Bytes of a key and of an identity. */
#define NN_TLS_KEY_MIN 16
#define NN_TLS_KEY_MAX 48
#define NN_TLS_ID_MAX 128

/* What nn_tls_authorize is told. All pointers are borrowed. */
struct nn_tls_peer {
    size_t size;         /* bytes of this structure as the library fills it */
    const void *id;      /* PSK identity, NULL without */
    size_t idlen;        /* its bytes */
    const void *cert;    /* certificate (DER), NULL without */
    size_t certlen;      /* its bytes */
    const char *address; /* of the peer */
    int version;         /* NN_TLS_1_3 and so on */
    int suite;           /* IANA number */
};

/* Looks a key up: writes it to key, whose size is *keylen, sets *keylen and returns 0; anything else
 * means that there is no such identity. Called on a thread of the library, with no lock held, before
 * the peer has proven anything; it may be called for the same identity again. It borrows id, and the
 * library wipes key. */
typedef int (*nn_tls_lookup_fn)(void *arg, const void *id, size_t idlen, void *key, size_t *keylen);

/* Says whether a peer that has proven who it is may connect: 1 yes, anything else no. Called on a
 * thread of the library, with no lock held; it must not close the socket that it is asked for. */
typedef int (*nn_tls_authorize_fn)(void *arg, const struct nn_tls_peer *peer);

/* A new, empty configuration: TLS 1.3, psk_dhe_ke, AES-128-GCM before ChaCha20-Poly1305. Returns its
 * handle. Errors: EMFILE, ENOTSUP (built without TLS), EIO (no randomness). */
NN_EXPORT int nn_tls_create(void);

/* Gives the handle up. Sockets and endpoints that use the configuration keep it until they end. */
NN_EXPORT int nn_tls_destroy(int h);

/* Adds an identity of 1 to 128 bytes with its key of 16 to 48 random bytes (32 advised); both are
 * borrowed. flags: NN_TLS_DIAL, NN_TLS_ACCEPT or both; NN_TLS_SHARED lets a peer present an identity
 * that this configuration has dialled with itself, which else is refused as a reflection. An identity
 * with the same bytes gets the new key. Errors: EINVAL (a length, flags, or a key whose bytes are all the same). */
NN_EXPORT int nn_tls_psk_add(int h, const void *id, size_t idlen, const void *key, size_t keylen,
                             int flags);

/* Removes an identity; flags may be NN_TLS_DROP_LIVE. Errors: ENOENT, EINVAL. */
NN_EXPORT int nn_tls_psk_remove(int h, const void *id, size_t idlen, int flags);

/* Reads identities and keys from a file (docs/KEYS.md), which replace all that the configuration
 * has, at once; when it fails nothing changes. Errors: EACCES (group or others may read the file),
 * EINVAL (a line is wrong; NN_PRINT_ERRORS tells which), what open(2) says. */
NN_EXPORT int nn_tls_psk_file(int h, const char *path);

/* Follows a key file: reads it now as nn_tls_psk_file does, and again whenever it has changed (by
 * stat(2)) when a handshake begins. When it cannot be read then, that handshake is refused. The file
 * must belong to the effective user or to root. flags may be NN_TLS_DROP_LIVE: also ends the
 * connections of identities that have gone from it. path NULL: follows none any more. Calling it
 * again for the same file looks at it again. Errors: as nn_tls_psk_file, EAGAIN (it is being written
 * to). */
NN_EXPORT int nn_tls_psk_follow(int h, const char *path, int flags);

/* Has fn asked for identities that the configuration lacks; NULL: none again. arg is kept and must
 * stay valid while the configuration is used. */
NN_EXPORT int nn_tls_psk_lookup(int h, nn_tls_lookup_fn fn, void *arg);

/* How peers of tls+tcp:// prove who they are: NN_TLS_AUTH_*. By default what the configuration holds:
 * certificates when it has any, else keys. Errors: EINVAL. */
NN_EXPORT int nn_tls_auth(int h, int mode);

/* Our certificate chain and its private key, PEM files that are read now. Errors: EINVAL (not PEM, or
 * they do not belong together), EACCES, what open(2) says. */
NN_EXPORT int nn_tls_cert(int h, const char *certfile, const char *keyfile);

/* The authorities whose certificates are accepted, a PEM file that is read now. Errors: as
 * nn_tls_cert. */
NN_EXPORT int nn_tls_ca(int h, const char *cafile);

/* The name that a dialled peer's certificate must have (borrowed string); by default the host of the
 * address. Errors: EINVAL. */
NN_EXPORT int nn_tls_server_name(int h, const char *name);

/* Whether the peer must have a valid certificate: NN_TLS_VERIFY_*. By default it must when we dial,
 * and when we accept if nn_tls_ca was called. Errors: EINVAL. */
NN_EXPORT int nn_tls_verify(int h, int mode);

/* Oldest and newest version of TLS. Only NN_TLS_1_3 for both exists now. Errors: EINVAL, ENOTSUP. */
NN_EXPORT int nn_tls_version(int h, int min, int max);

/* Cipher suites in the order of preference, TLS_AES_128_GCM_SHA256 and so on, separated by ':'.
 * Errors: EINVAL (unknown, or none). */
NN_EXPORT int nn_tls_suites(int h, const char *list);

/* on 1: also accept and offer keys without Diffie-Hellman (psk_ke). Cheaper, but who learns a key
 * later can read what was recorded before. Errors: EINVAL. */
NN_EXPORT int nn_tls_psk_ke(int h, int on);

/* How much one traffic key seals before it is replaced: records, bytes, seconds; 0 leaves only the
 * built-in limit (for AES-GCM 2^23 records). Errors: EINVAL. */
NN_EXPORT int nn_tls_limits(int h, uint64_t records, uint64_t bytes, int seconds);

/* Has fn asked about each peer after the handshake; NULL: none again. arg is kept and must stay valid
 * while the configuration is used. */
NN_EXPORT int nn_tls_authorize(int h, nn_tls_authorize_fn fn, void *arg);

/* Replaces the sending key of a pipe (NN_PIPE_ID) of socket s now, by a KeyUpdate; request_peer 1:
 * ask the peer to replace its own too. Errors: EBADF, ENOENT (no such pipe), ENOTSUP (no TLS 1.3),
 * EAGAIN (one is under way). */
NN_EXPORT int nn_tls_rekey(int s, uint32_t pipe, int request_peer);

#ifdef __cplusplus
}
#endif

#endif
