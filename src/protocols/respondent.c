/* SPDX-License-Identifier: MIT */
/* RESPONDENT: answers surveys, or keeps silent. All of it is in answer.c. */
#include "answer.h"
#include <nanomsg/nn.h>
#include <nanomsg/survey.h>

const struct sp_protocol sp_respondent = {
    .domain = AF_SP, .id = NN_RESPONDENT, .peer = NN_SURVEYOR, SP_ANSWER_COOKED};
const struct sp_protocol sp_respondent_raw = {
    .domain = AF_SP_RAW, .id = NN_RESPONDENT, .peer = NN_SURVEYOR, SP_ANSWER_RAW};
