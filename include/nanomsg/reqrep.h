/* SPDX-License-Identifier: MIT */
/* REQ and REP: a question and its answer, asked again when it gets lost. */
#ifndef REQREP_H_INCLUDED
#define REQREP_H_INCLUDED

#include "nn.h"

#define NN_PROTO_REQREP 3
#define NN_REQ (NN_PROTO_REQREP * 16 + 0)
#define NN_REP (NN_PROTO_REQREP * 16 + 1)

/* Option at level NN_REQ: ms after which a request without an answer is sent again. */
#define NN_REQ_RESEND_IVL 1

/* Kept for programs that name the type; no function uses it. */
typedef union nn_req_handle {
    int i;
    void *ptr;
} nn_req_handle;

#endif
