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

/* Ours, for later nn_bind: who may use the socket's file. They hold before anybody can connect. */
#define NN_IPC_MODE 64  /* int, mode of the file, 0 to 0777; -1: what umask leaves */
#define NN_IPC_OWNER 65 /* int, user that it belongs to; -1: that of the process */
#define NN_IPC_GROUP 66 /* int, group that it belongs to; -1: that of the process */

/* Control message of nn_recvmsg at level NN_IPC: a struct nn_ipc_peer. */
#define NN_IPC_PEER_CRED 64

/* The process that the message came from, as it was when it connected or began to listen. */
struct nn_ipc_peer {
    int pid; /* -1: the system does not say; 0: it is not of our pid namespace */
    int uid, gid;
};

#endif
