/* SPDX-License-Identifier: MIT */

/* A sensor: it publishes a reading five times a second (PUB) and answers commands (REP), both over
 * tls+psk, with the one identity and key of its key file.
 *
 *     sensor KEYFILE READINGS COMMANDS      the two addresses that the hub prints; SIGTERM ends it
 *
 * SIGHUP reads the key file again and connects anew, so that the new key is in use at once. */

#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { READING_MS = 200, CONNECTED_MS = 3000 };

static volatile sig_atomic_t sensor_reload, sensor_stop;

/* One socket and where it is connected to. */
struct link {
    int s;               /* socket */
    int endpoint;        /* of nn_connect */
    const char *address; /* of the hub */
};

static void sensor_signal(int sig)
{
    if (sig == SIGHUP)
        sensor_reload = 1;
    else
        sensor_stop = 1;
}

static int sensor_must(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "sensor: %s: %s\n", what, nn_strerror(nn_errno()));
        exit(1);
    }
    return rc;
}

static long long sensor_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static struct link sensor_connect(int protocol, int tls, const char *address)
{
    struct link l = {.address = address};
    l.s = sensor_must(nn_socket(AF_SP, protocol), "nn_socket");
    sensor_must(nn_setsockopt(l.s, NN_TLS, NN_TLS_CONFIG, &tls, sizeof tls), "NN_TLS_CONFIG");
    l.endpoint = sensor_must(nn_connect(l.s, address), address);
    return l;
}

/* A PUB socket drops what it sends while nobody is there: so wait until somebody is. */
static void sensor_wait_for_hub(const struct link *l)
{
    long long until = sensor_now() + CONNECTED_MS;
    while (nn_get_statistic(l->s, NN_STAT_CURRENT_CONNECTIONS) == 0 && sensor_now() < until &&
           !sensor_stop)
        usleep(5000);
}

/* The socket stays, with all that it has queued; only the connection is a new one. */
static void sensor_reconnect(struct link *l)
{
    sensor_must(nn_shutdown(l->s, l->endpoint), "nn_shutdown");
    l->endpoint = sensor_must(nn_connect(l->s, l->address), l->address);
}

static void sensor_new_key(int tls, const char *path, struct link *readings, struct link *commands)
{
    sensor_reload = 0;
    if (nn_tls_psk_file(tls, path)) {
        fprintf(stderr, "sensor: %s: %s; the old key stays\n", path, nn_strerror(nn_errno()));
        return;
    }
    sensor_reconnect(readings);
    sensor_reconnect(commands);
    sensor_wait_for_hub(readings);
}

static void sensor_publish(int s)
{
    static unsigned number;
    char text[64];
    number++;
    int len = snprintf(text, sizeof text, "temperature %u: %.1f", number,
                       20 + (double)(number * 7 % 30) / 10);
    nn_send(s, text, (size_t)len, 0);
}

/* Answers one command, whatever it is. */
static void sensor_answer(int s)
{
    char command[32], answer[64];
    int n = nn_recv(s, command, sizeof command, NN_DONTWAIT);
    if (n < 0)
        return;
    if ((size_t)n > sizeof command)
        n = (int)sizeof command;
    int len = snprintf(answer, sizeof answer, "%.*s is good", n, command);
    nn_send(s, answer, (size_t)len, 0);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: sensor KEYFILE READINGS COMMANDS\n"), 2;
    struct sigaction sa = {.sa_handler = sensor_signal};
    sigaction(SIGHUP, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);

    int tls = sensor_must(nn_tls_create(), "nn_tls_create");
    sensor_must(nn_tls_psk_file(tls, argv[1]), argv[1]);
    struct link readings = sensor_connect(NN_PUB, tls, argv[2]);
    struct link commands = sensor_connect(NN_REP, tls, argv[3]);
    sensor_wait_for_hub(&readings);

    for (long long next = sensor_now(); !sensor_stop;) {
        struct nn_pollfd fd = {.fd = commands.s, .events = NN_POLLIN};
        long long left = next - sensor_now();
        if (nn_poll(&fd, 1, left > 0 ? (int)left : 0) > 0)
            sensor_answer(commands.s);
        if (sensor_reload)
            sensor_new_key(tls, argv[1], &readings, &commands);
        if (sensor_now() >= next) {
            sensor_publish(readings.s);
            next += READING_MS;
        }
    }
    nn_close(readings.s);
    nn_close(commands.s);
    nn_tls_destroy(tls);
    nn_term();
    return 0;
}
