/* SPDX-License-Identifier: MIT */
/* Why a connection failed or ended, for a person, a statistic and NN_LAST_REASON. */
#ifndef SP_CORE_REASON_H
#define SP_CORE_REASON_H

enum sp_reason {
    SP_REASON_NONE,
    SP_REASON_PROTOCOL,         /* 501: not SP, a wrong socket type, malformed bytes */
    SP_REASON_WRONG_KEY,        /* 502 */
    SP_REASON_UNKNOWN_IDENTITY, /* 503 */
    SP_REASON_NO_SUITE,         /* 504: no common version, suite or key exchange */
    SP_REASON_TIMEOUT,          /* 505: handshake deadline */
    SP_REASON_OVERSIZE,         /* 506: message above NN_RCVMAXSIZE */
    SP_REASON_LIMIT,            /* 507: peers, half-open connections, memory, descriptors */
    SP_REASON_REFUSED,          /* 508: nobody listens, or the authorisation said no */
    SP_REASON_CERTIFICATE,      /* 509 */
    SP_REASON_TRUNCATED, /* 510: ended inside a message, or without close_notify inside one */
    SP_REASON_COUNT
};

#endif
