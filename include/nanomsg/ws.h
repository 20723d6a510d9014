/* SPDX-License-Identifier: MIT */
/* ws://HOST:PORT/PATH: messages as WebSocket frames. */
#ifndef WS_H_INCLUDED
#define WS_H_INCLUDED

#include "nn.h"

/* Option level of ws, and of the control message that says the type of one message. */
#define NN_WS -4
#define NN_WS_MSG_TYPE 1
#define NN_WS_MSG_TYPE_TEXT 0x01   /* UTF-8 only */
#define NN_WS_MSG_TYPE_BINARY 0x02 /* the default */

#endif
