/* SPDX-License-Identifier: MIT */
/* A key file that a configuration follows: looked at before each handshake, read again when it has
 * changed. Part of the configuration, with a lock of its own that is held while the file is read.
 */
#ifndef SP_TLS_FOLLOW_H
#define SP_TLS_FOLLOW_H

#include "base/lock.h"
#include "base/mark.h"

struct sp_tls_cfg;

struct sp_follow {
    sp_mutex lock;       /* guards what is below; before the configuration's own lock */
    char *path;          /* owned; NULL: no file is followed */
    int flags;           /* NN_TLS_DROP_LIVE: end the connections of identities that have gone */
    struct sp_mark mark; /* the file that the configuration's keys are from */
};

/* Follows path (NULL: none any more) from now on, if it can be read now. 0, or a negative errno
 * with words about it for a person in why, n bytes. */
int sp_follow_start(struct sp_tls_cfg *c, const char *path, int flags, char *why,
                    size_t n) SP_MUST_CHECK;
/* Reads the file again if it has changed. 0, or a negative errno as above: then the keys at hand
 * are not to be trusted. */
int sp_follow_refresh(struct sp_tls_cfg *c, char *why, size_t n) SP_MUST_CHECK;
void sp_follow_fini(struct sp_follow *f);

#endif
