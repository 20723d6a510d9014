/* SPDX-License-Identifier: MIT */
/* REP: answers requests. All of it is in answer.c. */
#include "answer.h"
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

const struct sp_protocol sp_rep = {.domain = AF_SP, .id = NN_REP, .peer = NN_REQ, SP_ANSWER_COOKED};
const struct sp_protocol sp_rep_raw = {
    .domain = AF_SP_RAW, .id = NN_REP, .peer = NN_REQ, SP_ANSWER_RAW};
