/* SPDX-License-Identifier: MIT */
/* RESPONDENT answers surveys as REP answers requests: the same tests. */
#define sp_rep     sp_respondent
#define sp_rep_raw sp_respondent_raw
#include "test_rep.c"
