/* SPDX-License-Identifier: MIT */
/* The groups about options; part of differential.c. */
static void getters(void)
{
    static const int protocols[] = {NN_PAIR, NN_REQ,  NN_REP,      NN_PUB,        NN_SUB,
                                    NN_PUSH, NN_PULL, NN_SURVEYOR, NN_RESPONDENT, NN_BUS};
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        int s = nn_socket(AF_SP, protocols[i]);
        for (int option = 0; option < 20; option++) {
            char what[80];
            int v = -77;
            size_t len = sizeof v;
            int rc = nn_getsockopt(s, NN_SOL_SOCKET, option, &v, &len), err = errno;
            int fd = option == NN_SNDFD || option == NN_RCVFD;
            snprintf(what, sizeof what, "get %d of %d gives %d, %zu bytes", option, protocols[i],
                     fd || option == NN_SOCKET_NAME ? 0 : v, len);
            errno = err;
            SHOW_AS(what, rc);
        }
    }
}

static void setters(void)
{
    static const int values[] = {-2147483647 - 1, -100, -2, -1, 0, 1, 2, 8, 16, 17, 255, 256, 100000, 2147483647};
    int s = nn_socket(AF_SP, NN_REQ);
    for (int option = 0; option < 20; option++)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            char what[80];
            if (option == NN_SOCKET_NAME)
                continue;
            int rc = nn_setsockopt(s, NN_SOL_SOCKET, option, &values[i], sizeof values[i]);
            snprintf(what, sizeof what, "set %d to %d", option, values[i]);
            SHOW_AS(what, rc);
        }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        SHOW(nn_setsockopt(s, NN_TCP, NN_TCP_NODELAY, &values[i], sizeof(int)));
        SHOW(nn_setsockopt(s, NN_REQ, NN_REQ_RESEND_IVL, &values[i], sizeof(int)));
    }
}

static void option_lengths(void)
{
    char v[80] = {0};
    for (int option = 1; option < 18; option++)
        for (size_t len = 0; len < 10; len++) {
            char what[80];
            int s = nn_socket(AF_SP, NN_REQ), rc = nn_setsockopt(s, NN_SOL_SOCKET, option, v, len), err = errno;
            snprintf(what, sizeof what, "set %d with %zu bytes", option, len);
            (void)nn_close(s);
            errno = err;
            SHOW_AS(what, option == NN_SNDPRIO || option == NN_RCVPRIO || len != 4 ? rc : 0);
        }
    int s = nn_socket(AF_SP, NN_REQ);
    size_t len = 4;
    SHOW(nn_setsockopt(s, NN_SOL_SOCKET, NN_SOCKET_NAME, v, 63));
    SHOW(nn_setsockopt(s, NN_SOL_SOCKET, NN_SOCKET_NAME, v, 64));
    SHOW(nn_setsockopt(s, NN_SOL_SOCKET, NN_SOCKET_NAME, v, 65));
    SHOW(nn_setsockopt(s, NN_SOL_SOCKET, NN_LINGER, NULL, 4));
    SHOW(nn_getsockopt(s, NN_SOL_SOCKET, NN_LINGER, NULL, &len));
    SHOW(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "x", 1));
    SHOW(nn_setsockopt(s, 12345, 1, v, 4));
    SHOW(nn_setsockopt(s, -12345, 1, v, 4));
    SHOW(nn_setsockopt(999, NN_SOL_SOCKET, NN_LINGER, v, 4));
}

static void subscriptions(void)
{
    int s = nn_socket(AF_SP, NN_SUB);
    char v[4];
    size_t len = sizeof v;
    SHOW(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "abc", 3));
    SHOW(nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0));
    SHOW(nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, "abc", 3));
    SHOW(nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, "abc", 3));
    SHOW(nn_setsockopt(s, NN_SUB, NN_SUB_UNSUBSCRIBE, "zzz", 3));
    SHOW(nn_setsockopt(s, NN_SUB, 3, "zzz", 3));
    SHOW(nn_getsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, v, &len));
    SHOW(nn_getsockopt(s, NN_SUB, 3, v, &len));
}
