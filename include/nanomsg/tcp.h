/* SPDX-License-Identifier: MIT */
/* tcp://HOST:PORT. */
#ifndef TCP_H_INCLUDED
#define TCP_H_INCLUDED

/* Option level of tcp and of what runs over it. */
#define NN_TCP -3
#define NN_TCP_NODELAY 1    /* 1: small writes do not wait for acknowledgements */
#define NN_TCP_MULTIPATH 64 /* 0 off, 1 prefer MPTCP, 2 require it */

#endif
