/* SPDX-License-Identifier: MIT */
#include "policy/setting.h"
#include <limits.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/tcp.h>
#include <nanomsg/tls.h>
#include <string.h>

/* Not those that are the program's own logic: time-outs of its calls, its name, its descriptors. */
const struct sp_setting sp_settings[SP_SETTINGS] = {
    {"LINGER", NN_SOL_SOCKET, NN_LINGER, -1, INT_MAX},
    {"SNDBUF", NN_SOL_SOCKET, NN_SNDBUF, 1, INT_MAX},
    {"RCVBUF", NN_SOL_SOCKET, NN_RCVBUF, 1, INT_MAX},
    {"RECONNECT_IVL", NN_SOL_SOCKET, NN_RECONNECT_IVL, 0, INT_MAX},
    {"RECONNECT_IVL_MAX", NN_SOL_SOCKET, NN_RECONNECT_IVL_MAX, 0, INT_MAX},
    {"SNDPRIO", NN_SOL_SOCKET, NN_SNDPRIO, 1, 16},
    {"RCVPRIO", NN_SOL_SOCKET, NN_RCVPRIO, 1, 16},
    {"IPV4ONLY", NN_SOL_SOCKET, NN_IPV4ONLY, 0, 1},
    {"RCVMAXSIZE", NN_SOL_SOCKET, NN_RCVMAXSIZE, -1, INT_MAX},
    {"MAXTTL", NN_SOL_SOCKET, NN_MAXTTL, 1, 255},
    {"HANDSHAKE_TIMEO", NN_SOL_SOCKET, NN_HANDSHAKE_TIMEO, 1, INT_MAX},
    {"MAX_PEERS", NN_SOL_SOCKET, NN_MAX_PEERS, 1, INT_MAX},
    {"MAX_HANDSHAKES", NN_SOL_SOCKET, NN_MAX_HANDSHAKES, 1, INT_MAX},
    {"BUSY_POLL", NN_SOL_SOCKET, NN_BUSY_POLL, 0, 1000000},
    {"GATHER", NN_SOL_SOCKET, NN_GATHER, 1, 1 << 20},
    {"TCP_NODELAY", NN_TCP, NN_TCP_NODELAY, 0, 1},
    {"TLS_WRONG_KEYS", NN_TLS, NN_TLS_WRONG_KEYS, 0, INT_MAX},
    {"TLS_WRONG_KEY_DELAY", NN_TLS, NN_TLS_WRONG_KEY_DELAY, 0, INT_MAX},
};

int sp_setting_find(const char *name)
{
    for (int i = 0; i < SP_SETTINGS; i++)
        if (!strcmp(sp_settings[i].name, name))
            return i;
    return -1;
}
