/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsfield.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wf_bind(int s)
{
    char address[192];
    size_t len = sizeof address;
    rp_set(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, 1);
    assert_true(nn_bind(s, "ws://127.0.0.1:0") > 0);
    assert_int_equal(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), 0);
    return atoi(strrchr(address, ':') + 1);
}

static int wf_dial(int s, int port)
{
    char address[64];
    snprintf(address, sizeof address, "ws://127.0.0.1:%d/", port);
    int id = nn_connect(s, address);
    assert_true(id > 0);
    return id;
}

void wf_open(struct rp_field *f)
{
    rp_field_sockets(f, NN_REP, false);
    f->bind = wf_bind;
    f->dial = wf_dial;
    rp_field_start(f);
}

int wf_status(int fd, int ms)
{
    char line[64] = "";
    size_t n = 0;
    while (n < sizeof line - 1 && rp_recv(fd, line + n, 1, ms) == 1 && line[n] != '\n')
        n++;
    return strncmp(line, "HTTP/1.1 ", 9) ? -1 : (int)strtol(line + 9, NULL, 10);
}

int wf_attacker(struct rp_field *f)
{
    int fd = rp_attacker(f), blank = 0;
    char c = 0;
    assert_true(rp_send(fd, WF_REQUEST, strlen(WF_REQUEST)));
    assert_int_equal(wf_status(fd, rp_time(5000)), 101);
    while (blank < 2) { /* the empty line */
        assert_int_equal(rp_recv(fd, &c, 1, rp_time(5000)), 1);
        blank = c == '\n' ? blank + 1 : c == '\r' ? blank : 0;
    }
    return fd;
}

void wf_frame(int fd, int first, const void *p, size_t n)
{
    static const uint8_t mask[4] = {0x55, 0xaa, 0x0f, 0xf0};
    uint8_t *b = malloc(n + 14), *at = b;
    bool masked = !(first & 0x100);
    assert_non_null(b);
    *at++ = (uint8_t)first;
    *at++ = (uint8_t)(masked << 7 | (int)(n < 126 ? n : n < 65536 ? 126 : 127));
    for (int i = n < 126 ? 0 : n < 65536 ? 2 : 8; i > 0; i--)
        *at++ = (uint8_t)((uint64_t)n >> 8 * (i - 1));
    for (int i = 0; i < 4 && masked; i++)
        *at++ = mask[i];
    for (size_t i = 0; i < n; i++)
        *at++ = ((const uint8_t *)p)[i] ^ (masked ? mask[i % 4] : 0);
    (void)rp_send(fd, b, (size_t)(at - b)); /* the victim may have had enough */
    free(b);
}

int wf_close_code(int fd, int ms)
{
    uint8_t b[2], body[65536];
    while (rp_recv(fd, b, 2, ms) == 2) {
        size_t n = b[1] & 127;
        if (n == 126) {
            if (rp_recv(fd, body, 2, ms) != 2)
                return -1;
            n = (size_t)body[0] << 8 | body[1];
        }
        if (b[1] & 128 || n == 127 || rp_recv(fd, body, n, ms) != n)
            return -1;
        if (b[0] == 0x88)
            return n >= 2 ? body[0] << 8 | body[1] : 0;
    }
    return rp_closed(fd, ms) ? 0 : -1;
}
