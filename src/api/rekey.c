/* SPDX-License-Identifier: MIT */
#include "../core/sock.h"
#include "../core/table.h"
#include <errno.h>
#include <nanomsg/tls.h>

int nn_tls_rekey(int s, uint32_t pipe, int request_peer)
{
    struct sp_sock *sock = sp_table_enter(s);
    int rc = -EBADF;
    if (sock) {
        rc = sp_sock_rekey(sock, pipe, request_peer);
        sp_table_leave(s);
    }
    if (rc == 0)
        return 0;
    errno = -rc;
    return -1;
}
