/* SPDX-License-Identifier: MIT */
/* Shared by the files of this folder only. */
#ifndef SP_IPC_IPC_H
#define SP_IPC_IPC_H

#include "../stream/conn.h"
#include <sys/stat.h>

/* The block of level NN_IPC. */
struct sp_ipc_options {
    const void *sec_attr; /* NN_IPC_SEC_ATTR: kept, never looked at */
    int outbuf, inbuf;    /* NN_IPC_OUTBUFSZ, NN_IPC_INBUFSZ: kept, without effect */
    int mode;             /* NN_IPC_MODE: of the socket's file; -1: what umask leaves */
    int owner, group;     /* NN_IPC_OWNER, NN_IPC_GROUP: of the file; -1: of the process */
};
extern const struct sp_optlevel sp_ipc_opts;

/* What an endpoint of ipc:// has of its own: the file that it made, by which it is known again. */
struct sp_ipc_file {
    dev_t dev;
    ino_t ino;
};

/* file.c: sp_family.listen and unlisten of a path. */
int sp_ipc_file_listen(struct sp_ep *ep, int fd, const struct sp_addr *a) SP_MUST_CHECK;
void sp_ipc_file_unlisten(struct sp_ep *ep);

#endif
