/* SPDX-License-Identifier: MIT */
/* What a socket counts. stats.c maps the public numbers to these. */
#ifndef SP_CORE_STATS_H
#define SP_CORE_STATS_H

enum sp_stat {
    SP_ST_ESTABLISHED, /* dialled connections that opened */
    SP_ST_ACCEPTED,    /* accepted connections that opened */
    SP_ST_DROPPED,     /* closed by us: nn_shutdown, refused by the protocol, or misbehaved */
    SP_ST_BROKEN,      /* ended by the peer or the network */
    SP_ST_CONNECT_ERRORS,
    SP_ST_BIND_ERRORS,
    SP_ST_ACCEPT_ERRORS,
    SP_ST_INPROGRESS, /* dials under way */
    SP_ST_EP_ERRORS,  /* endpoints in error now */
    SP_ST_SENT,
    SP_ST_RECEIVED,
    SP_ST_BYTES_SENT,
    SP_ST_BYTES_RECEIVED,
    SP_ST_DROPPED_SEND,
    SP_ST_DROPPED_RECV,
    SP_ST_HANDSHAKES,
    SP_ST_REKEYS_SENT, /* of pipes that are gone; live ones are added when asked */
    SP_ST_REKEYS_RECEIVED,
    SP_ST_RECORDS_SENT,
    SP_ST_RECORDS_RECEIVED,
    SP_ST_REASON, /* + enum sp_reason */
    SP_STATS = SP_ST_REASON + 11
};

#endif
