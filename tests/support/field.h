/* SPDX-License-Identifier: MIT */
/* A field for attacks: a socket of the library (the victim), an honest peer that it serves meanwhile, and raw attackers.
 * The victim is a REP or RESPONDENT that a thread of ours lets echo, or a SUB of everything; it listens, or dials the
 * attackers. */
#ifndef TESTS_SUPPORT_FIELD_H
#define TESTS_SUPPORT_FIELD_H

#include "rawpeer.h"
#include <pthread.h>

struct rp_field {
    int protocol;     /* NN_REP, NN_RESPONDENT or NN_SUB: the victim's */
    int attacker;     /* its peer's: what attackers pretend to be */
    bool dials;       /* the victim dials attackers; else it listens */
    int victim;       /* a socket of the library */
    int honest;       /* another, its peer */
    int (*bind)(int s);           /* rp_bind, or another transport's */
    int (*dial)(int s, int port); /* rp_dial, likewise */
    int port;         /* where attackers go, or where the victim dials */
    int listener;     /* of the attackers, or -1 */
    unsigned serial;  /* of the last honest message */
    bool echo;        /* the echoing thread runs */
    pthread_t thread; /* that echoes */
    int fds, threads; /* before */
    size_t heap;
};

/* Opens it, honest peer connected and served once; a dialling victim has one endpoint at `port`. */
void rp_field_open(struct rp_field *f, int protocol, bool dials);
/* Before the endpoints are made: for options. rp_field_open is both. */
void rp_field_sockets(struct rp_field *f, int protocol, bool dials);
void rp_field_start(struct rp_field *f);
/* Closes everything, nn_term; fails the test when descriptors or memory are not back. */
void rp_field_close(struct rp_field *f);
/* One message or round trip between the honest peer and the victim; its time in ms, or -1 when it failed. */
int rp_served(struct rp_field *f);
/* The same as an assertion: within ms (stretched by rp_time). */
void rp_assert_served(struct rp_field *f, int ms);
/* An attacker that is connected, and one that has greeted and was greeted. Fails the test otherwise. */
int rp_attacker(struct rp_field *f);
int rp_attacker_open(struct rp_field *f);

#endif
