/* SPDX-License-Identifier: MIT */
/* REP: answers requests. All of it is in answer.c. */
#include "answer.h"
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

const struct sp_protocol sp_rep = {
    .domain = AF_SP,
    .id = NN_REP,
    .peer = NN_REQ,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .sock_size = sizeof(struct sp_answer),
    .pipe_size = sizeof(struct sp_answer_pipe),
    .init = sp_answer_init,
    .attach = sp_answer_attach,
    .detach = sp_answer_detach,
    .hangup = sp_answer_hangup,
    .readable = sp_answer_readable,
    .writable = sp_answer_writable,
    .send = sp_answer_send,
    .recv = sp_answer_recv,
    .ready = sp_answer_ready,
    .unsent = sp_answer_unsent,
};

const struct sp_protocol sp_rep_raw = {
    .domain = AF_SP_RAW,
    .id = NN_REP,
    .peer = NN_REQ,
    .caps = SP_CAN_RECV | SP_CAN_SEND,
    .sock_size = sizeof(struct sp_answer),
    .pipe_size = sizeof(struct sp_answer_pipe),
    .init = sp_answer_init,
    .attach = sp_answer_attach,
    .detach = sp_answer_detach,
    .hangup = sp_answer_hangup,
    .readable = sp_answer_readable,
    .writable = sp_answer_writable,
    .send = sp_answer_send_raw,
    .recv = sp_answer_recv_raw,
    .ready = sp_answer_ready_raw,
    .unsent = sp_answer_unsent,
};
