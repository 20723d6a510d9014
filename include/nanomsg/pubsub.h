/* SPDX-License-Identifier: MIT */
/* PUB and SUB: every subscriber gets what it subscribed to. */
#ifndef PUBSUB_H_INCLUDED
#define PUBSUB_H_INCLUDED

#define NN_PROTO_PUBSUB 2
#define NN_PUB (NN_PROTO_PUBSUB * 16 + 0)
#define NN_SUB (NN_PROTO_PUBSUB * 16 + 1)

/* Options at level NN_SUB. The value is a prefix of messages, any bytes, empty for all; a prefix
 * subscribed to twice must be unsubscribed from twice. */
#define NN_SUB_SUBSCRIBE 1
#define NN_SUB_UNSUBSCRIBE 2

/* int, bytes of memory that the subscriptions of this socket may take together; what would need
 * more fails with ENOSPC. 256 MiB by default. */
#define NN_SUB_MAX_MEMORY 64

#endif
