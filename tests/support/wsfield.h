/* SPDX-License-Identifier: MIT */
/* A field for attacks over ws: the victim and its honest peer talk WebSocket, and attackers speak
 * (or misspeak) it by hand. Only libc and the public headers; failures fail the test. */
#ifndef TESTS_SUPPORT_WSFIELD_H
#define TESTS_SUPPORT_WSFIELD_H

#include "field.h"

/* A handshake that is good for the victim, in parts. */
#define WF_LINE    "GET / HTTP/1.1\r\n"
#define WF_HOST    "Host: h\r\n"
#define WF_UP      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define WF_KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define WF_VER     "Sec-WebSocket-Version: 13\r\n"
#define WF_SUB     "Sec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n"
#define WF_REQUEST WF_LINE WF_HOST WF_UP WF_KEY WF_VER WF_SUB "\r\n"

/* rp_field_open over ws: a REP that listens. */
void wf_open(struct rp_field *f);
/* An attacker that has made its handshake with the victim. */
int wf_attacker(struct rp_field *f);
/* Sends a frame, masked unless `first` & 0x100; `first` is the byte with FIN and opcode. */
void wf_frame(int fd, int first, const void *p, size_t n);
/* Reads frames until a Close or the end, for at most ms. The code; 0: the end without; -1: neither.
 */
int wf_close_code(int fd, int ms);
/* Reads an answer's first line: its status, or -1. */
int wf_status(int fd, int ms);

#endif
