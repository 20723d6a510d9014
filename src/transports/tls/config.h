/* SPDX-License-Identifier: MIT */
/* The configuration object behind the handles of nn_tls_create: keys, certificates, rules, and the
 * live connections made with it. Shared and changed while handshakes run: each takes what it needs
 * when it begins, and asks for keys when it meets an identity. */
#ifndef SP_TLS_CONFIG_H
#define SP_TLS_CONFIG_H

#include "base/list.h"
#include "base/lock.h"
#include "core/opts.h"
#include "core/transport.h"
#include "transports/tls/cert.h"
#include "transports/tls/follow.h"
#include "transports/tls/guard.h"
#include "transports/tls/keys.h"

#define SP_TLS_SUITES_MAX  3
#define SP_TLS_NAME_MAX    256
#define SP_TLS_HANDLES_MAX 4096

/* What a handshake goes by from its beginning to its end. */
struct sp_tls_rules {
    int auth;                          /* NN_TLS_AUTH_*; 0: what there is */
    int verify;                        /* NN_TLS_VERIFY_*; -1: by role */
    bool psk_ke;                       /* keys without Diffie-Hellman too */
    int suites[SP_TLS_SUITES_MAX + 1]; /* IANA numbers, 0 ends; [0] == 0: the default */
    uint64_t max_records;              /* under one key; 0: the built-in limit */
    uint64_t max_bytes;                /* the same */
    uint64_t max_ns;                   /* the same, in time */
    nn_tls_lookup_fn lookup;           /* asked for unknown identities, or NULL */
    void *lookup_arg;                  /* its argument */
    nn_tls_authorize_fn authorize;     /* asked last, or NULL */
    void *authorize_arg;               /* its argument */
    char server_name[SP_TLS_NAME_MAX]; /* "": the host of the address */
    struct sp_tls_cert *cert;          /* ours, a reference, or NULL */
    struct sp_tls_cert *ca;            /* whom we trust, a reference, or NULL */
};

struct sp_tls_cfg {
    atomic_int refs;           /* the handle, option blocks, streams */
    sp_mutex lock;             /* leaf; guards all below */
    struct sp_tls_rules rules; /* for handshakes that begin now */
    struct sp_keys keys;       /* pre-shared keys */
    struct sp_guard guard;     /* who guesses */
    struct sp_list live;       /* sp_tls_live: connections with an identity */
    struct sp_follow follow;   /* where the keys come from; has its own lock */
};

/* A connection's place in `live`. */
struct sp_tls_live {
    struct sp_list link; /* in cfg->live */
    const uint8_t *id;   /* borrowed from the peer's data */
    size_t id_len;       /* its bytes */
    int fd;              /* shut down when the identity is dropped */
    atomic_bool dropped; /* that has happened */
};

/* A key copied out for one handshake; in base/secret memory. */
struct sp_tls_found {
    uint64_t serial;             /* of the key; 0: from the lookup callback */
    size_t id_len, key_len;      /* bytes */
    uint8_t id[NN_TLS_ID_MAX];   /* identity */
    uint8_t key[NN_TLS_KEY_MAX]; /* key */
};

/* The block of level NN_TLS. */
struct sp_tls_block {
    struct sp_tls_cfg *cfg;   /* a reference, or NULL */
    int handle;               /* as set */
    int wrong_keys;           /* SP_GUARD_FREE, as an option */
    int delay_ms;             /* SP_GUARD_LONGEST_MS, as an option */
    struct sp_tls_turn *turn; /* an endpoint's; a reference, or NULL until its first dial */
};

/* Which identity a dialling endpoint tries next. */
struct sp_tls_turn {
    atomic_int refs;
    atomic_uint n; /* refusals so far */
};

extern const struct sp_optlevel sp_tls_opts;

/* Gives a reference to the endpoint's turn, made at the first call; NULL without memory. One
 * thread. */
struct sp_tls_turn *sp_tls_block_turn(struct sp_tls_block *b) SP_MUST_CHECK;
void sp_tls_turn_drop(struct sp_tls_turn *t);

/* Makes a configuration and gives its handle, or a negative errno. */
int sp_tls_cfg_create(void) SP_MUST_CHECK;
/* Gives up the handle: 0 or -EBADF. */
int sp_tls_cfg_destroy(int h) SP_MUST_CHECK;
/* Gives a reference, or NULL for what is no handle. */
struct sp_tls_cfg *sp_tls_cfg_get(int h);
struct sp_tls_cfg *sp_tls_cfg_hold(struct sp_tls_cfg *c);
void sp_tls_cfg_drop(struct sp_tls_cfg *c);
/* In a forked child: forgets every handle, without touching a lock of the parent. */
void sp_tls_child(void);

/* Copies the rules, with references; sp_tls_rules_fini drops them. */
void sp_tls_cfg_rules(struct sp_tls_cfg *c, struct sp_tls_rules *out);
void sp_tls_rules_fini(struct sp_tls_rules *r);
/* What an endpoint of this role authenticates with: NN_TLS_AUTH_*, or -EACCES when the
 * configuration lacks what that needs. */
int sp_tls_cfg_auth(struct sp_tls_cfg *c, bool dialler, bool psk_only) SP_MUST_CHECK;

/* The key of an identity that a peer offers: 0; -ENOENT; -EACCES: we dial with it ourselves. */
int sp_tls_cfg_accept(struct sp_tls_cfg *c, const void *id, size_t id_len,
                      struct sp_tls_found *out) SP_MUST_CHECK;
/* The identity to dial with, noted as such: 0 or -ENOENT. */
int sp_tls_cfg_dial(struct sp_tls_cfg *c, unsigned turn, struct sp_tls_found *out) SP_MUST_CHECK;

/* Enters a connection made with key `serial` (0: any). -EACCES: that key has been removed or
 * replaced. */
int sp_tls_live_add(struct sp_tls_cfg *c, struct sp_tls_live *l, uint64_t serial) SP_MUST_CHECK;
void sp_tls_live_remove(struct sp_tls_cfg *c, struct sp_tls_live *l);
/* Shuts down the connections of an identity, with the lock held; gives how many were not yet. */
int sp_tls_live_drop(struct sp_tls_cfg *c, const void *id, size_t id_len);

#endif
