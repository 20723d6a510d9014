/* SPDX-License-Identifier: MIT */
/* inproc://NAME: sockets of one process. */
#ifndef INPROC_H_INCLUDED
#define INPROC_H_INCLUDED

/* Option level of inproc, which has no options. */
#define NN_INPROC -1

#endif
