/* SPDX-License-Identifier: MIT */
/* How long refusals take, to be looked at by hand; part of test_tls_handshake.c. */
/* A54 by hand: how long the server's answer takes for an unknown identity and for a wrong key. */
static double answer_us(int bad, int s)
{
    struct timespec a, b;
    link_init(&l);
    l.wrong_keys = 0;
    link_side(&l, &l.client, bad, true);
    link_side(&l, &l.server, s, false);
    assert_int_equal(l.client.s->ops->start(l.client.s), -EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &a);
    l.server.rc = l.server.s->ops->start(l.server.s);
    clock_gettime(CLOCK_MONOTONIC, &b);
    link_fini(&l);
    return (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int timing(void)
{
    enum { RUNS = 2001 };
    static double us[2][RUNS];
    int bad[2] = {tls_handle("mallory", tls_key, NN_TLS_DIAL),
                  tls_handle("alice12", tls_other_key, NN_TLS_DIAL)};
    int s = tls_handle("alice12", tls_key, NN_TLS_ACCEPT);
    for (int i = 0; i < 2 * RUNS; i++)
        us[i % 2][i / 2] = answer_us(bad[i % 2], s);
    for (int i = 0; i < 2; i++) {
        qsort(us[i], RUNS, sizeof us[i][0], by_size);
        printf("%-16s median %.1f us, quartiles %.1f and %.1f\n",
               i ? "wrong key" : "unknown identity", us[i][RUNS / 2], us[i][RUNS / 4],
               us[i][RUNS * 3 / 4]);
    }
    return 0;
}

#define DOOR(test) cmocka_unit_test_setup_teardown(test, begun, ended)

/* With an argument: the timing tool instead of the tests. */
