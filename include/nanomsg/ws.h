/* SPDX-License-Identifier: MIT */
/* ws://HOST:PORT/PATH: messages as WebSocket frames; wss://HOST:PORT/PATH: the same inside TLS (tls.h). */
#ifndef WS_H_INCLUDED
#define WS_H_INCLUDED

#include "nn.h"

/* Option level of ws and wss, and of the control message that says the type of one message: one
 * byte, with nn_sendmsg and nn_recvmsg. */
#define NN_WS -4
#define NN_WS_MSG_TYPE 1
#define NN_WS_MSG_TYPE_TEXT 0x01   /* UTF-8 only */
#define NN_WS_MSG_TYPE_BINARY 0x02 /* the default */

#endif
