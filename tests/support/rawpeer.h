/* SPDX-License-Identifier: MIT */
/* A peer that speaks (or misspeaks) SP over tcp by hand, and what tests of a socket under attack need: deadlines,
 * counts of descriptors and memory, a watchdog. Only libc and the public headers. Every wait ends at a deadline;
 * a failure that no test can go on after (no loopback, no memory) ends the program with a message. */
#ifndef TESTS_SUPPORT_RAWPEER_H
#define TESTS_SUPPORT_RAWPEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- time ---- */

/* Milliseconds of a monotonic clock. */
int64_t rp_now(void);
/* ms made longer where the build (sanitizers) or NANOSEAL_TEST_SLACK (a factor) makes everything slower. */
int rp_time(int ms);
/* Ends the process unless called again within `seconds` (stretched by rp_time); 0: off. */
void rp_watchdog(int seconds);

/* ---- the process ---- */

/* Bytes allocated now, resident bytes, open descriptors, threads, CPU time used in ms. */
size_t rp_heap(void);
size_t rp_rss(void);
int rp_fds(void);
int rp_threads(void);
int64_t rp_cpu(void);
/* Whether this build has ASan or TSan, for what they make immeasurable (resident memory). */
bool rp_sanitized(void);
/* Raises the soft limit of descriptors to at least n; false when the hard one is lower. */
bool rp_fd_limit(int n);

/* ---- sockets of the library ---- */

/* A socket with reconnecting after 10 ms, no linger, receive and send time-outs of 10 s (stretched). */
int rp_socket(int protocol);
/* Binds to any free port of 127.0.0.1 and gives the port. */
int rp_bind(int s);
/* Connects to a port of 127.0.0.1; the endpoint's id. */
int rp_dial(int s, int port);
void rp_set(int s, int level, int option, int value);
/* Waits until a statistic is at least (or exactly) `value`; false at the deadline. */
bool rp_stat_reaches(int s, int stat, uint64_t value, int ms);
bool rp_stat_becomes(int s, int stat, uint64_t value, int ms);
/* The last reason as text, in memory of its own that the next call reuses. */
const char *rp_reason(int s);

/* ---- the raw peer; descriptors are the caller's to close ---- */

/* Listens on any free port of 127.0.0.1. */
int rp_listen(int *port);
/* -1 at the deadline. */
int rp_accept(int listener, int ms);
int rp_connect(int port);
/* The same in two steps, for when descriptors are short. */
int rp_unconnected(void);
void rp_connect_fd(int fd, int port);
/* Sends all; false when the other side is gone or takes nothing for `ms` (10 s in rp_send). */
bool rp_send(int fd, const void *p, size_t n);
bool rp_send_within(int fd, const void *p, size_t n, int ms);
/* Receives exactly n; fewer at the end of the stream or at the deadline. */
size_t rp_recv(int fd, void *p, size_t n, int ms);
/* Whether the other side ended the connection within ms; what it sends before is thrown away. */
bool rp_closed(int fd, int ms);
/* Whether not one byte and no end comes within ms. */
bool rp_silent(int fd, int ms);
/* close with a reset instead of an orderly end. */
void rp_reset(int fd);

/* The greeting of a protocol: 8 bytes. */
void rp_greeting(uint8_t out[8], int protocol);
/* Sends ours and expects theirs; false otherwise. */
bool rp_hello(int fd, int mine, int theirs, int ms);
/* The 8 bytes in front of a message. */
void rp_head(uint8_t out[8], uint64_t len);
/* Sends or receives one message; rp_unframe gives its length (what does not fit is thrown away), or -1. */
bool rp_frame(int fd, const void *body, size_t n);
ssize_t rp_unframe(int fd, void *body, size_t room, int ms);

#endif
