/* SPDX-License-Identifier: MIT */
/* Messages with an SP header, as raw sockets have them. */
#ifndef TESTS_SUPPORT_HDR_H
#define TESTS_SUPPORT_HDR_H

#include <stddef.h>

#define HDR_MAX 1028

/* nn_sendmsg of a text with n bytes of header. */
int hdr_send(int s, const char *text, const void *hdr, size_t n);
/* nn_recvmsg into buf, as text: the header's bytes (copied to hdr unless that is NULL), or -1. */
int hdr_recv(int s, char *buf, size_t size, void *hdr);

#endif
