/* SPDX-License-Identifier: MIT */
/* ipc://PATH: processes of one machine. */
#ifndef IPC_H_INCLUDED
#define IPC_H_INCLUDED

/* Option level of ipc. The three options mean something on Windows only; they are accepted and kept
 * everywhere. */
#define NN_IPC -2
#define NN_IPC_SEC_ATTR 1 /* pointer to security attributes, borrowed for the life of the socket */
#define NN_IPC_OUTBUFSZ 2 /* bytes */
#define NN_IPC_INBUFSZ 3  /* bytes */

#endif
