/* SPDX-License-Identifier: MIT */
/* Any option of any level with any bytes, on a socket of any protocol. What was set can be read back, and what can be
 * read has a size that does not depend on the room. */
#include "simloop.h"
#include "core/sock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const int protocols[] = {16, 32, 33, 48, 49, 80, 81};

struct input {
    const uint8_t *p;
    size_t left;
};

static uint8_t next(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->p++;
}

/* A level that exists, or any. */
static int level_of(struct input *in, int protocol)
{
    uint8_t b = next(in);
    switch (b % 4) {
    case 0:
        return NN_SOL_SOCKET;
    case 1:
        return protocol;
    case 2:
        return -(b >> 2);
    default:
        return (int)(int8_t)next(in) * 257;
    }
}

static void known(int rc)
{
    sim_check(rc == 0 || rc == -EINVAL || rc == -ENOPROTOOPT || rc == -ENOMEM || rc == -ENOSPC || rc == -EMSGSIZE ||
              rc == -EBADF || rc == -EMFILE);
}

static void set(struct sp_sock *s, struct input *in, int level, int option)
{
    size_t n = next(in);
    uint8_t *v = malloc(n + 1); /* of its exact size, so that ASan sees a read behind it */
    if (!v)
        return;
    for (size_t i = 0; i < n; i++)
        v[i] = next(in);
    uint8_t *exact = n ? realloc(v, n) : v;
    int rc = sp_sock_setopt(s, level, option, exact, n);
    known(rc);
    int back;
    size_t len = sizeof back;
    if (rc == 0 && n == sizeof(int) && level == NN_SOL_SOCKET && option != NN_SOCKET_NAME) {
        int was;
        memcpy(&was, exact, sizeof was);
        sim_check(sp_sock_getopt(s, level, option, &back, &len) == 0 && len == sizeof back);
        sim_check(back == was || (was < 0 && back == -1));
    }
    free(exact);
}

static void get(struct sp_sock *s, struct input *in, int level, int option)
{
    size_t room = next(in), len = room, again = 0;
    if (level == NN_SOL_SOCKET && (option == NN_RCVFD || option == NN_SNDFD))
        return; /* descriptors are made: system calls */
    uint8_t *v = malloc(room + 1);
    if (!v)
        return;
    int rc = sp_sock_getopt(s, level, option, v, &len);
    known(rc);
    if (rc == 0)
        sim_check(sp_sock_getopt(s, level, option, NULL, &again) == 0 && again == len);
    free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    uint8_t b = next(&in);
    int protocol = protocols[b % 7];
    struct sp_sock *s;
    sim_start();
    if (sp_sock_new(&s, b & 0x80 ? AF_SP_RAW : AF_SP, protocol, 0) < 0)
        return 0;
    sim.n_sockets++;
    while (in.left) {
        uint8_t what = next(&in);
        int level = level_of(&in, protocol);
        int option = what & 0x40 ? (int)(next(&in) * 0x01010101u) : next(&in) % 96;
        if (what & 1)
            get(s, &in, level, option);
        else
            set(s, &in, level, option);
    }
    sp_sock_close(s);
    sp_sock_lock(s);
    sp_sock_drop(s);
    (void)sp_sock_unlock(s);
    sim_check(sim_free() && sim.n_sockets == 0);
    return 0;
}
