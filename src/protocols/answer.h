/* SPDX-License-Identifier: MIT */
/* What REP and RESPONDENT share: they answer whoever asked, by the stack of ids in front of the
 * question. Each of these is the operation of that name of a protocol whose socket data is a struct
 * sp_answer and whose pipe data is a struct sp_answer_pipe; the raw ones leave the stack, with the
 * pipe's id on top, in the message's header. */
#ifndef SP_PROTOCOLS_ANSWER_H
#define SP_PROTOCOLS_ANSWER_H

#include "fq.h"

struct sp_answer {
    struct sp_fq fq;           /* who has a question */
    uint32_t from;             /* pipe of the question in hand, 0 for none */
    size_t stack_len;          /* bytes of stack */
    uint8_t stack[SP_HDR_MAX]; /* ids in front of the question in hand */
};

struct sp_answer_pipe {
    struct sp_fq_pipe fq;  /* its place among those with a question */
    struct sp_msg waiting; /* an answer for which there was no room; chunk NULL: none */
    bool gone;             /* no send succeeds any more */
};

int sp_answer_init(struct sp_sock *s);
int sp_answer_attach(struct sp_sock *s, struct sp_pipe *p);
void sp_answer_detach(struct sp_sock *s, struct sp_pipe *p);
void sp_answer_hangup(struct sp_sock *s, struct sp_pipe *p);
void sp_answer_readable(struct sp_sock *s, struct sp_pipe *p);
void sp_answer_writable(struct sp_sock *s, struct sp_pipe *p);
int sp_answer_send(struct sp_sock *s, struct sp_msg *m);
int sp_answer_recv(struct sp_sock *s, struct sp_msg *m);
int sp_answer_ready(struct sp_sock *s);
int sp_answer_send_raw(struct sp_sock *s, struct sp_msg *m);
int sp_answer_recv_raw(struct sp_sock *s, struct sp_msg *m);
int sp_answer_ready_raw(struct sp_sock *s);
void sp_answer_unsent(struct sp_sock *s, struct sp_pipe *p, struct sp_msg *m);

/* The rows of a protocol that answers: what both of them have, and what each has. */
#define SP_ANSWER_ROW                                                                              \
    .caps = SP_CAN_RECV | SP_CAN_SEND, .sock_size = sizeof(struct sp_answer),                      \
    .pipe_size = sizeof(struct sp_answer_pipe), .init = sp_answer_init,                            \
    .attach = sp_answer_attach, .detach = sp_answer_detach, .hangup = sp_answer_hangup,            \
    .readable = sp_answer_readable, .writable = sp_answer_writable, .unsent = sp_answer_unsent
#define SP_ANSWER_COOKED                                                                           \
    SP_ANSWER_ROW, .send = sp_answer_send, .recv = sp_answer_recv, .ready = sp_answer_ready
#define SP_ANSWER_RAW                                                                              \
    SP_ANSWER_ROW, .send = sp_answer_send_raw, .recv = sp_answer_recv_raw,                         \
                   .ready = sp_answer_ready_raw

#endif
