/* SPDX-License-Identifier: MIT */
/* SURVEYOR and RESPONDENT: a question to all, answers until a deadline. */
#ifndef SURVEY_H_INCLUDED
#define SURVEY_H_INCLUDED

#define NN_PROTO_SURVEY 6
#define NN_SURVEYOR (NN_PROTO_SURVEY * 16 + 2)
#define NN_RESPONDENT (NN_PROTO_SURVEY * 16 + 3)

/* Option at level NN_SURVEYOR: ms that answers are waited for. */
#define NN_SURVEYOR_DEADLINE 1

#endif
