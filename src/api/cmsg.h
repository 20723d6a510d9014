/* SPDX-License-Identifier: MIT */
/* Control data of nn_sendmsg and nn_recvmsg. */
#ifndef SP_API_CMSG_H
#define SP_API_CMSG_H

#include "../core/msg.h"
#include <nanomsg/nn.h>

/* Puts the SP header of (PROTO_SP, SP_HDR) and the type of (NN_WS, NN_WS_MSG_TYPE) into m; other
 * control messages are ignored. 0 or a negative errno. */
int sp_cmsg_parse(const struct nn_msghdr *h, struct sp_msg *m) SP_MUST_CHECK;
/* The call succeeded: frees control data that was given with NN_MSG. */
void sp_cmsg_taken(const struct nn_msghdr *h);
/* Fills the control buffer for a received message; the socket's lock is held. 0 or -ENOMEM. */
int sp_cmsg_build(struct nn_msghdr *h, struct sp_msg *m) SP_MUST_CHECK;

#endif
