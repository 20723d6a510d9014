/* SPDX-License-Identifier: MIT */
/* A program of nanomsg's: it uses all 23 functions' names and exchanges a message. Prints which of
 * the libraries libnano* are in the process. */
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <stdio.h>
#include <string.h>

typedef void any_fn(void);

static any_fn *const functions[] = {
    (any_fn *)nn_errno,       (any_fn *)nn_strerror,      (any_fn *)nn_symbol,
    (any_fn *)nn_symbol_info, (any_fn *)nn_term,          (any_fn *)nn_allocmsg,
    (any_fn *)nn_reallocmsg,  (any_fn *)nn_freemsg,       (any_fn *)nn_cmsg_nxthdr_,
    (any_fn *)nn_socket,      (any_fn *)nn_close,         (any_fn *)nn_setsockopt,
    (any_fn *)nn_getsockopt,  (any_fn *)nn_bind,          (any_fn *)nn_connect,
    (any_fn *)nn_shutdown,    (any_fn *)nn_send,          (any_fn *)nn_recv,
    (any_fn *)nn_sendmsg,     (any_fn *)nn_recvmsg,       (any_fn *)nn_poll,
    (any_fn *)nn_device,      (any_fn *)nn_get_statistic,
};

/* Whoever finds a port free takes it. */
static int meet(int s, int c)
{
    char address[64];
    for (int port = 20000; port < 60000; port += 7) {
        snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
        if (nn_bind(s, address) >= 0)
            return nn_connect(c, address);
    }
    return -1;
}

static int talk(void)
{
    char buf[8];
    int s = nn_socket(AF_SP, NN_PAIR), c = nn_socket(AF_SP, NN_PAIR), timeo = 10000;
    if (nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &timeo, sizeof timeo) || meet(s, c) < 0)
        return -1;
    if (nn_send(c, "hello", 5, 0) != 5 || nn_recv(s, buf, sizeof buf, 0) != 5)
        return -1;
    return memcmp(buf, "hello", 5) || nn_close(c) || nn_close(s) ? -1 : 0;
}

static void show_libraries(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        char *name = strstr(line, "/libnano");
        if (name && strstr(line, " r-xp "))
            printf("%s", strchr(line, '/'));
    }
    if (maps)
        fclose(maps);
}

int main(void)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!functions[i])
            return 1;
    if (talk() < 0) {
        fprintf(stderr, "talk: %s\n", nn_strerror(nn_errno()));
        return 1;
    }
    show_libraries();
    return 0;
}
