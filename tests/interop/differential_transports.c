/* SPDX-License-Identifier: MIT */
/* As differential.c: addresses, options and sizes of the transports. Runs in a folder of its own.
 */
#include "differential.h"

/* clang-format off */
static const char *const list[] = {
    "inproc://", "inproc://a", "inproc://a b", "inproc:///x", "inproc:/a", "inproc", "INPROC://a",
    "ipc://", "ipc://a.ipc", "ipc://no-folder/a.ipc", "ipc://.", "ipc:///", "ipc:a", "ipc://a b.ipc",
    "ws://", "ws://:", "ws://*", "ws://*:", "ws://*:0", "ws://*:65536", "ws://*:abc", "ws://*:-5",
    "ws://127.0.0.1:", "ws://127.0.0.1:0", "ws://1.2.3:5555", "ws://no-such-if0:5555",
    "ws://256.1.1.1:5555", "ws://[::1]:5555", "ws://::1:5555", "ws://[::1:5555", "ws://192.0.2.1:5555",
    "ws://a b:5555", "ws://-a:5555", "ws://a..b:5555", "ws://.a:5555", "ws://eth99;127.0.0.1:5555",
    "ws://127.0.0.9999;127.0.0.1:5555", "ws://;127.0.0.1:5555", "ws://127.0.0.1:5555/path",
    "ws://127.0.0.1:5555/path?query=1", "ws://127.0.0.1:5555?query", "ws//127.0.0.1:5555",
};
/* clang-format on */

static const char *listed;

static void bind_listed(void)
{
    SHOW_AS("nn_bind", nn_bind(nn_socket(AF_SP, NN_PULL), listed));
}

static void connect_listed(void)
{
    SHOW_AS("nn_connect", nn_connect(nn_socket(AF_SP, NN_PUSH), listed));
}

/* Each in a child: libnanomsg aborts at some. */
static void addresses(void)
{
    char name[160];
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        listed = list[i];
        snprintf(name, sizeof name, "bind %s", listed);
        run(name, bind_listed);
        snprintf(name, sizeof name, "connect %s", listed);
        run(name, connect_listed);
    }
}

static void duplicates(void)
{
    const char *again[] = {"inproc://twice", "ipc://twice.ipc", NULL};
    char ws[64], what[80];
    snprintf(ws, sizeof ws, "ws%s", free_address() + 3);
    again[2] = ws;
    for (int i = 0; i < 3; i++) {
        int s = nn_socket(AF_SP, NN_PULL), other = nn_socket(AF_SP, NN_PULL);
        snprintf(what, sizeof what, "bind %.6s", again[i]);
        SHOW_AS(what, nn_bind(s, again[i]));
        SHOW_AS(what, nn_bind(s, again[i]));
        SHOW_AS(what, nn_bind(other, again[i]));
        SHOW_AS(what, nn_shutdown(s, 1));
        SHOW_AS(what, nn_shutdown(s, 1));
        SHOW_AS(what, nn_close(s));
        pause_ms(50);
        SHOW_AS(what, nn_bind(other, again[i]));
    }
}

static void lengths(void)
{
    static const char *const schemes[] = {"inproc://", "ws://"};
    char what[80], text[200];
    for (int i = 0; i < 2; i++)
        for (size_t n = 126; n < 130; n++) {
            memset(text, 'a', sizeof text);
            memcpy(text, schemes[i], strlen(schemes[i]));
            text[n] = 0;
            int s = nn_socket(AF_SP, NN_PULL);
            snprintf(what, sizeof what, "bind %s, %zu characters", schemes[i], n);
            SHOW_AS(what, nn_bind(s, text));
            snprintf(what, sizeof what, "connect %s, %zu characters", schemes[i], n);
            SHOW_AS(what, nn_connect(s, text));
        }
}

/* Options that a transport's level has, on a socket without endpoints. */
static void options(void)
{
    static const int levels[] = {NN_INPROC, NN_IPC, NN_TCP, NN_WS, -5};
    char what[100];
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        for (int option = 0; option < 5; option++)
            for (int value = -1; value < 4; value++) {
                int s = nn_socket(AF_SP, NN_PAIR), v = value;
                size_t len = sizeof v;
                int rc = 0;
                if (levels[i] != NN_IPC || option != NN_IPC_SEC_ATTR) /* a pointer */
                    rc = nn_setsockopt(s, levels[i], option, &v, sizeof v);
                snprintf(what, sizeof what, "set %d.%d to %d", levels[i], option, value);
                SHOW_AS(what, rc);
                v = 77;
                rc = nn_getsockopt(s, levels[i], option, &v, &len);
                snprintf(what, sizeof what, "get %d.%d gives %d, %zu bytes", levels[i], option, v,
                         len);
                if (levels[i] != NN_IPC || option != NN_IPC_SEC_ATTR)
                    SHOW_AS(what, rc);
                (void)nn_close(s);
            }
}

static void talk(const char *address)
{
    static const int sizes[] = {0,   1,   7,   8,    9,    125,  126,   127,   128,    255,
                                256, 257, 511, 4095, 4096, 4097, 65535, 65536, 200000, 1048576};
    static char out[1048577], in[1048577];
    char what[120];
    int s = open_socket(AF_SP, NN_PAIR), c = open_socket(AF_SP, NN_PAIR);
    snprintf(what, sizeof what, "bind %.6s", address);
    SHOW_AS(what, nn_bind(s, address));
    SHOW_AS(what, nn_connect(c, address));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(out, (int)i + 1, sizeof out);
        snprintf(what, sizeof what, "%.6s, %d bytes", address, sizes[i]);
        SHOW_AS(what, nn_send(c, out, (size_t)sizes[i], 0));
        int n = nn_recv(s, in, sizeof in, 0);
        SHOW_AS(what, n);
        SHOW_AS("not the same", n >= 0 && memcmp(in, out, (size_t)n) != 0);
    }
    quietly(c, NN_SNDTIMEO, 100);
    int rc = nn_send(c, out, sizeof out, 0); /* over NN_RCVMAXSIZE */
    snprintf(what, sizeof what, "%.6s, too many bytes", address);
    SHOW_AS(what, rc);
    quietly(s, NN_RCVTIMEO, 100);
    SHOW_AS(what, nn_recv(s, in, sizeof in, 0));
    (void)nn_close(c);
    (void)nn_close(s);
}

static void talks(void)
{
    char ws[64];
    snprintf(ws, sizeof ws, "ws%s", free_address() + 3);
    talk("inproc://talk");
    talk("ipc://talk.ipc");
    talk(ws);
    talk(free_address());
}

/* The control data of a received message over each transport. */
static void control(const char *address)
{
    char body[8], what[80];
    unsigned char buf[256] = {0};
    struct nn_iovec v = {body, sizeof body};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof buf};
    int s = open_socket(AF_SP, NN_PAIR), c = open_socket(AF_SP, NN_PAIR);
    (void)nn_bind(s, address);
    (void)nn_connect(c, address);
    snprintf(what, sizeof what, "control of %.6s", address);
    SHOW_AS(what, nn_send(c, "x", 1, 0));
    SHOW_AS(what, nn_recvmsg(s, &h, 0));
    for (struct nn_cmsghdr *x = NN_CMSG_FIRSTHDR(&h); x; x = NN_CMSG_NXTHDR(&h, x)) {
        if (x->cmsg_len < sizeof *x)
            break; /* libnanomsg goes on in what is not written */
        snprintf(what, sizeof what, "%.6s: length %zu level %d type %d", address, x->cmsg_len,
                 x->cmsg_level, x->cmsg_type);
        SHOW_AS(what, x->cmsg_level == PROTO_SP || x->cmsg_level == NN_WS ? *NN_CMSG_DATA(x) : 0);
    }
}

static void controls(void)
{
    char ws[64];
    snprintf(ws, sizeof ws, "ws%s", free_address() + 3);
    control("inproc://control");
    control("ipc://control.ipc");
    control(ws);
    control(free_address());
}

int main(void)
{
    addresses();
    run("duplicates", duplicates);
    run("lengths", lengths);
    run("options", options);
    run("talks", talks);
    run("controls", controls);
    return 0;
}
