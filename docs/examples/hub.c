/* SPDX-License-Identifier: MIT */

/* A hub for sensors: it hears their readings (SUB) and gives them commands (REQ), both over tls+psk.
 * The name that it prints with each message is not what the sensor says of itself: it is the identity
 * whose key the sensor has proven to hold.
 *
 *     hub KEYFILE            prints the two addresses, then what happens; SIGTERM ends it
 *
 * SIGHUP reads the key file again. Connections go on; handshakes that begin later need the new keys. */

#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAMES_MAX = 16, POLL_MS = 500 };

static volatile sig_atomic_t hub_reload, hub_stop;

static struct seen {
    char name[NN_TLS_ID_MAX + 1]; /* authenticated identity */
    unsigned readings;            /* that came */
    unsigned gaps;                /* that are missing between those that came */
    unsigned answers;             /* to commands */
    unsigned last;                /* number of the last reading */
    uint32_t pipe;                /* connection of the last reading */
} seen[NAMES_MAX];

static void hub_signal(int sig)
{
    if (sig == SIGHUP)
        hub_reload = 1;
    else
        hub_stop = 1;
}

static void hub_line(void *arg, const char *line)
{
    (void)arg;
    printf("! %s\n", line);
}

/* Ends the program when a call failed. */
static int hub_must(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "hub: %s: %s\n", what, nn_strerror(nn_errno()));
        exit(1);
    }
    return rc;
}

/* A socket that accepts peers of the configuration at a free port, which it prints. */
static int hub_listen(int protocol, int tls, const char *what)
{
    char address[NN_SOCKADDR_MAX + 1] = "";
    size_t len = sizeof address - 1;
    int s = hub_must(nn_socket(AF_SP, protocol), "nn_socket");
    hub_must(nn_setsockopt(s, NN_TLS, NN_TLS_CONFIG, &tls, sizeof tls), "NN_TLS_CONFIG");
    hub_must(nn_bind(s, "tls+psk://127.0.0.1:0"), "nn_bind");
    hub_must(nn_getsockopt(s, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len), "NN_LAST_ENDPOINT");
    printf("%s %s\n", what, address);
    return s;
}

/* The entry of a name, a new one if need be. When the table is full the last one stands for all. */
static struct seen *hub_find(const char *name)
{
    for (int i = 0; i < NAMES_MAX - 1; i++) {
        if (seen[i].name[0] == '\0')
            snprintf(seen[i].name, sizeof seen[i].name, "%s", name);
        if (strcmp(seen[i].name, name) == 0)
            return &seen[i];
    }
    return &seen[NAMES_MAX - 1];
}

/* Receives a message as a string, and who sent it by which connection. Returns NULL when there is
 * none. */
static struct seen *hub_receive(int s, char *text, size_t size, uint32_t *pipe)
{
    char control[256], name[NN_TLS_ID_MAX + 1] = "";
    struct nn_iovec iov = {.iov_base = text, .iov_len = size - 1};
    struct nn_msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                          .msg_controllen = sizeof control};
    int n = nn_recvmsg(s, &h, NN_DONTWAIT);
    if (n < 0)
        return NULL;
    text[(size_t)n < size ? (size_t)n : size - 1] = '\0';
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(&h); c; c = NN_CMSG_NXTHDR(&h, c)) {
        if (c->cmsg_level == NN_TLS && c->cmsg_type == NN_TLS_PEER_ID)
            snprintf(name, sizeof name, "%.*s", (int)(c->cmsg_len - NN_CMSG_LEN(0)),
                     (const char *)NN_CMSG_DATA(c));
        else if (c->cmsg_level == NN_SOL_SOCKET && c->cmsg_type == NN_PIPE_ID)
            memcpy(pipe, NN_CMSG_DATA(c), sizeof *pipe);
    }
    return hub_find(name);
}

static void hub_reading(int s)
{
    char text[128];
    unsigned number;
    uint32_t pipe = 0;
    struct seen *from = hub_receive(s, text, sizeof text, &pipe);
    if (!from || sscanf(text, "temperature %u", &number) != 1)
        return;
    if (from->readings && number > from->last + 1)
        from->gaps += number - from->last - 1;
    if (from->readings && pipe != from->pipe)
        printf("# %s has connected anew\n", from->name);
    from->readings++;
    from->last = number;
    from->pipe = pipe;
    printf("  %-10s %s\n", from->name, text);
}

static void hub_answer(int s)
{
    char text[128];
    uint32_t pipe;
    struct seen *from = hub_receive(s, text, sizeof text, &pipe);
    if (!from)
        return;
    from->answers++;
    printf("  %-10s answers: %s\n", from->name, text);
}

/* Now and then gives a command to whichever sensor is next in turn. */
static void hub_command(int s)
{
    static time_t last;
    time_t now = time(NULL);
    if (now != last && nn_send(s, "status", 6, NN_DONTWAIT) >= 0)
        last = now;
}

static void hub_read_keys(int tls, const char *path)
{
    hub_reload = 0;
    if (nn_tls_psk_file(tls, path))
        printf("! %s: %s; the old keys stay\n", path, nn_strerror(nn_errno()));
    else
        printf("# keys read again\n");
}

static void hub_summary(int readings, int commands)
{
    for (int i = 0; i < NAMES_MAX && seen[i].name[0]; i++)
        printf("= %s readings %u gaps %u answers %u\n", seen[i].name, seen[i].readings,
               seen[i].gaps, seen[i].answers);
    uint64_t refused = nn_get_statistic(readings, NN_STAT_WRONG_KEY) +
                       nn_get_statistic(commands, NN_STAT_WRONG_KEY);
    printf("= wrong keys refused %llu\n", (unsigned long long)refused);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: hub KEYFILE\n"), 2;
    struct sigaction sa = {.sa_handler = hub_signal};
    sigaction(SIGHUP, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    nn_log(hub_line, NULL);

    int tls = hub_must(nn_tls_create(), "nn_tls_create");
    hub_must(nn_tls_psk_file(tls, argv[1]), argv[1]);
    int readings = hub_listen(NN_SUB, tls, "readings");
    int commands = hub_listen(NN_REQ, tls, "commands");
    hub_must(nn_setsockopt(readings, NN_SUB, NN_SUB_SUBSCRIBE, "temperature", 11), "subscribe");

    while (!hub_stop) {
        struct nn_pollfd fds[] = {{.fd = readings, .events = NN_POLLIN},
                                  {.fd = commands, .events = NN_POLLIN}};
        int n = nn_poll(fds, 2, POLL_MS);
        if (hub_reload)
            hub_read_keys(tls, argv[1]);
        if (n > 0 && fds[0].revents & NN_POLLIN)
            hub_reading(readings);
        if (n > 0 && fds[1].revents & NN_POLLIN)
            hub_answer(commands);
        hub_command(commands);
    }
    hub_summary(readings, commands);
    nn_close(readings);
    nn_close(commands);
    nn_tls_destroy(tls);
    return 0;
}
