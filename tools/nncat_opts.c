/* SPDX-License-Identifier: MIT */

/* The happy path: one table has every option with its help; getopt_long's arrays and --help are
 * made from it, and from the table of protocols.
 *
 * What can fail: a fault of the command line prints one line that says what is wrong and ends the
 * program with CAT_USAGE. */

#include "nncat.h"

#include <getopt.h>
#include <nanomsg/tls.h>
#include <stdlib.h>
#include <string.h>

enum { OPTS_MAX = 80, OPTS_FIRST = 1000 };

struct opts_row {
    const char *name;                            /* NULL: `help` is the title of a section */
    int letter;                                  /* short form, 0: none */
    const char *arg;                             /* name of its argument, NULL: takes none */
    unsigned needs;                              /* cat_ability that the protocol must have */
    const char *help;                            /* for --help */
    void (*set)(struct cat *c, const char *arg); /* what it does */
};

static void opts_add(struct cat *c, int bind, const char *prefix, const char *rest)
{
    if (c->n_addrs == CAT_MAX)
        nncat_die(CAT_USAGE, "more than %d addresses", CAT_MAX);
    struct cat_addr *a = &c->addrs[c->n_addrs++];
    a->bind = bind;
    int n = snprintf(a->addr, sizeof a->addr, "%s%s", prefix, rest);
    if (n >= (int)sizeof a->addr)
        nncat_die(CAT_USAGE, "address longer than %d bytes: %s", NN_SOCKADDR_MAX - 1, rest);
}

/* Seconds with a fraction, in milliseconds. What is negative means never, or none. */
static int opts_seconds(const char *arg)
{
    char *end;
    double v = strtod(arg, &end);
    if (end == arg || *end || !(v <= 2000000))
        nncat_die(CAT_USAGE, "not a number of seconds: %s", arg);
    return v < 0 ? -1 : (int)(v * 1000 + 0.5);
}

static uint64_t opts_count(const char *arg)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(arg, &end, 10);
    if (errno || end == arg || *end || *arg == '-' || v == 0)
        nncat_die(CAT_USAGE, "not a number of messages: %s", arg);
    return v;
}

static void opts_one_data(const struct cat *c)
{
    if (c->data)
        nncat_die(CAT_USAGE, "only one of --data and --file, once");
}

static void opts_data(struct cat *c, const char *arg)
{
    opts_one_data(c);
    c->data_len = strlen(arg);
    c->data = nn_allocmsg(c->data_len, 0);
    if (!c->data)
        nncat_die(CAT_ERROR, "out of memory");
    memcpy(c->data, arg, c->data_len);
}

static void opts_read(struct cat *c, FILE *f, const char *path)
{
    size_t room = 65536;
    c->data = nn_allocmsg(room, 0);
    while (c->data) {
        c->data_len += fread(c->data + c->data_len, 1, room - c->data_len, f);
        if (c->data_len < room)
            break;
        room *= 2;
        c->data = nn_reallocmsg(c->data, room);
    }
    if (!c->data || ferror(f))
        nncat_die(CAT_FILE, "%s: can't be read", path);
}

static void opts_file(struct cat *c, const char *arg)
{
    opts_one_data(c);
    FILE *f = strcmp(arg, "-") == 0 ? stdin : fopen(arg, "rb");
    if (!f)
        nncat_die(CAT_FILE, "%s: %s", arg, strerror(errno));
    opts_read(c, f, arg);
    if (f != stdin)
        fclose(f);
}

static void opts_subscribe(struct cat *c, const char *arg)
{
    if (c->n_topics == CAT_MAX)
        nncat_die(CAT_USAGE, "more than %d topics", CAT_MAX);
    c->topics[c->n_topics++] = arg;
}

/* The position of arg among the words, or the end of the program. */
static int opts_word(const char *arg, const char *option, const char *const words[])
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(arg, words[i]) == 0)
            return i;
    }
    nncat_die(CAT_USAGE, "%s: unknown value %s", option, arg);
}

static void opts_verify(struct cat *c, const char *arg)
{
    static const char *const words[] = {"none", "optional", "required", NULL};
    c->verify = NN_TLS_VERIFY_NONE + opts_word(arg, "--tls-verify", words);
}

static void opts_auth(struct cat *c, const char *arg)
{
    static const char *const words[] = {"psk", "cert", "either", NULL};
    c->auth = NN_TLS_AUTH_PSK + opts_word(arg, "--tls-auth", words);
}

/* Short setters, one a line, named for their options. */
#define OPTS_SETTER(name, statement)                                                               \
    static void opts_set_##name(struct cat *c, const char *arg)                                    \
    {                                                                                              \
        (void)arg;                                                                                 \
        statement;                                                                                 \
    }
OPTS_SETTER(bind, opts_add(c, 1, "", arg))
OPTS_SETTER(connect, opts_add(c, 0, "", arg))
OPTS_SETTER(bind_ipc, opts_add(c, 1, "ipc://", arg))
OPTS_SETTER(connect_ipc, opts_add(c, 0, "ipc://", arg))
OPTS_SETTER(bind_local, opts_add(c, 1, "tcp://127.0.0.1:", arg))
OPTS_SETTER(connect_local, opts_add(c, 0, "tcp://127.0.0.1:", arg))
OPTS_SETTER(recv_timeout, c->recv_ms = opts_seconds(arg))
OPTS_SETTER(send_timeout, c->send_ms = opts_seconds(arg))
OPTS_SETTER(name, c->name = arg)
OPTS_SETTER(count, c->count = opts_count(arg))
OPTS_SETTER(interval, c->interval_ms = opts_seconds(arg))
OPTS_SETTER(delay, c->delay_ms = opts_seconds(arg))
OPTS_SETTER(raw, nncat_format(c, "raw"))
OPTS_SETTER(ascii, nncat_format(c, "ascii"))
OPTS_SETTER(quoted, nncat_format(c, "quoted"))
OPTS_SETTER(msgpack, nncat_format(c, "msgpack"))
OPTS_SETTER(hex, nncat_format(c, "hex"))
OPTS_SETTER(json, nncat_format(c, "json"))
OPTS_SETTER(psk_file, c->psk_file = arg)
OPTS_SETTER(psk_identity, c->psk_identity = arg)
OPTS_SETTER(new_key, c->new_key = arg)
OPTS_SETTER(ca, c->ca = arg)
OPTS_SETTER(cert, c->cert = arg)
OPTS_SETTER(key, c->key = arg)
OPTS_SETTER(server_name, c->server_name = arg)
OPTS_SETTER(suites, c->suites = arg)
OPTS_SETTER(verbose, c->verbose++)
OPTS_SETTER(silent, c->verbose--)
OPTS_SETTER(stats, c->stats = 1)

static void opts_version(struct cat *c, const char *arg)
{
    (void)c;
    (void)arg;
    puts("nncat (nanoseal) " NANOSEAL_VERSION_STRING);
    exit(CAT_OK);
}

static void opts_help(struct cat *c, const char *arg);

static const struct opts_row opts_rows[] = {
    {NULL, 0, NULL, 0, "Addresses (each may be given several times)", NULL},
    {"bind", 0, "ADDR", 0, "accept peers at ADDR", opts_set_bind},
    {"connect", 0, "ADDR", 0, "connect to ADDR", opts_set_connect},
    {"bind-local", 'L', "PORT", 0, "the same as --bind tcp://127.0.0.1:PORT", opts_set_bind_local},
    {"connect-local", 'l', "PORT", 0, "the same as --connect tcp://127.0.0.1:PORT",
     opts_set_connect_local},
    {"bind-ipc", 'X', "PATH", 0, "the same as --bind ipc://PATH", opts_set_bind_ipc},
    {"connect-ipc", 'x', "PATH", 0, "the same as --connect ipc://PATH", opts_set_connect_ipc},

    {NULL, 0, NULL, 0, "What is sent", NULL},
    {"data", 'D', "DATA", CAT_SENDS, "send DATA", opts_data},
    {"file", 'F', "PATH", CAT_SENDS, "send what the file holds; - is standard input", opts_file},
    {"interval", 'i', "SEC", CAT_SENDS, "send again every SEC seconds", opts_set_interval},
    {"delay", 'd', "SEC", 0, "wait SEC seconds before the first (so that subscribers are there)",
     opts_set_delay},

    {NULL, 0, NULL, 0, "What is received, and printed if one of the formats is given", NULL},
    {"subscribe", 0, "PREFIX", CAT_SUBSCRIBES,
     "only messages that begin with PREFIX; otherwise all", opts_subscribe},
    {"ascii", 'A', NULL, CAT_RECEIVES, "a line each; what is not printable ASCII becomes a dot",
     opts_set_ascii},
    {"quoted", 'Q', NULL, CAT_RECEIVES, "a line each, as a C string", opts_set_quoted},
    {"raw", 0, NULL, CAT_RECEIVES, "as it is, with nothing between messages", opts_set_raw},
    {"hex", 0, NULL, CAT_RECEIVES, "a line each, as a C string of hexadecimal escapes",
     opts_set_hex},
    {"msgpack", 0, NULL, CAT_RECEIVES, "as a MessagePack binary", opts_set_msgpack},
    {"json", 0, NULL, CAT_RECEIVES, "a line each: an object with time, bytes, data, peer and pipe",
     opts_set_json},
    {"format", 0, "FORMAT", CAT_RECEIVES, "one of these by name, or no", nncat_format},

    {NULL, 0, NULL, 0, "How long", NULL},
    {"count", 'n', "N", 0, "end after N messages (who asks: N answers)", opts_set_count},
    {"recv-timeout", 0, "SEC", CAT_RECEIVES, "end when nothing came for SEC seconds",
     opts_set_recv_timeout},
    {"send-timeout", 0, "SEC", CAT_SENDS, "end when nobody took a message for SEC seconds",
     opts_set_send_timeout},

    {NULL, 0, NULL, 0, "TLS (tls+psk:// takes keys only; tls+tcp:// also certificates)", NULL},
    {"psk-file", 0, "FILE", 0, "identities and their keys; read again on SIGHUP",
     opts_set_psk_file},
    {"psk-identity", 0, "ID", 0, "of the file, connect with this identity only",
     opts_set_psk_identity},
    {"new-key", 0, "ID", 0, "print a new line for a key file, and end", opts_set_new_key},
    {"tls-ca", 0, "FILE", 0, "authorities whose certificates are trusted (PEM)", opts_set_ca},
    {"tls-cert", 0, "FILE", 0, "our certificate chain (PEM)", opts_set_cert},
    {"tls-key", 0, "FILE", 0, "its private key (PEM); the same file if not given", opts_set_key},
    {"tls-server-name", 0, "NAME", 0, "expect this name in the certificate, not the host's",
     opts_set_server_name},
    {"tls-verify", 0, "MODE", 0, "must the peer have a certificate: none, optional, required",
     opts_verify},
    {"tls-auth", 0, "MODE", 0, "of tls+tcp://: psk, cert or either", opts_auth},
    {"tls-suites", 0, "LIST", 0, "cipher suites, separated by ':'", opts_set_suites},

    {NULL, 0, NULL, 0, "The rest", NULL},
    {"socket-name", 0, "NAME", 0, "what diagnostics call the socket", opts_set_name},
    {"stats", 0, NULL, 0, "at the end, counters and peers to standard error", opts_set_stats},
    {"verbose", 'v', NULL, 0, "say more on standard error", opts_set_verbose},
    {"silent", 'q', NULL, 0, "say nothing there but why the program ends", opts_set_silent},
    {"version", 'V', NULL, 0, "print the version, and end", opts_version},
    {"help", 'h', NULL, 0, "print this, and end", opts_help},
};

enum { OPTS_ROWS = sizeof opts_rows / sizeof opts_rows[0] };

static void opts_help_row(const struct opts_row *row)
{
    char left[40], letter[8] = "    ";
    if (!row->name) {
        printf("\n%s:\n", row->help);
        return;
    }
    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, row->name, row->arg ? " " : "",
             row->arg ? row->arg : "");
    printf("  %-28s %s\n", left, row->help);
}

static void opts_help(struct cat *c, const char *arg)
{
    (void)c;
    (void)arg;
    puts("Usage: nncat --PROTOCOL {--bind|--connect} ADDR [OPTION]...\n"
         "Sends and receives messages of nanomsg's protocols, plain or sealed with TLS.\n"
         "\n"
         "  nncat --rep --bind tcp://127.0.0.1:5555 --data pong\n"
         "  nncat --req --connect tcp://127.0.0.1:5555 --data ping --ascii\n"
         "\n"
         "  (umask 077; nncat --new-key sensor7 > keys)      # the same line on both sides\n"
         "  nncat --sub --bind 'tls+psk://*:5556' --psk-file keys --json\n"
         "  nncat --pub --connect tls+psk://hub:5556 --psk-file keys -D 21.5 -i 1\n"
         "\n"
         "Protocols (also by name: a link nn_req to nncat is nncat --req):");
    for (const struct cat_proto *p = nncat_protos; p->name; p++)
        opts_help_row(&(struct opts_row){p->name, 0, NULL, 0, p->help, NULL});
    for (int i = 0; i < OPTS_ROWS; i++)
        opts_help_row(&opts_rows[i]);
    puts("\nExit status: 0 done, 1 wrong usage, 2 a file can't be read, 3 anything else failed; "
         "with --count\n"
         "also 4 time-out without a peer because connecting failed (the reason is printed), 5 "
         "time-out\n"
         "before that count; 128 + N ended by signal N.");
    exit(CAT_OK);
}

static void opts_proto(struct cat *c, const struct cat_proto *p)
{
    if (c->proto)
        nncat_die(CAT_USAGE, "one protocol only, not --%s and --%s", c->proto->name, p->name);
    c->proto = p;
}

/* getopt_long's tables. The value of a row is OPTS_FIRST and its index, that of a protocol follows.
 */
static void opts_tables(struct option *longs, char *shorts)
{
    for (int i = 0; i < OPTS_ROWS; i++) {
        const struct opts_row *row = &opts_rows[i];
        if (!row->name)
            continue;
        *longs++ = (struct option){row->name, row->arg != NULL, NULL, OPTS_FIRST + i};
        if (row->letter) {
            *shorts++ = (char)row->letter;
            if (row->arg)
                *shorts++ = ':';
        }
    }
    for (int i = 0; nncat_protos[i].name; i++)
        *longs++ = (struct option){nncat_protos[i].name, 0, NULL, OPTS_FIRST + OPTS_ROWS + i};
    *longs = (struct option){0};
    *shorts = '\0';
}

/* used: per row, whether it was given. */
static void opts_take(struct cat *c, int value, char *used)
{
    if (value >= OPTS_FIRST + OPTS_ROWS) {
        opts_proto(c, &nncat_protos[value - OPTS_FIRST - OPTS_ROWS]);
        return;
    }
    for (int i = 0; i < OPTS_ROWS; i++) {
        if (opts_rows[i].name && (value == OPTS_FIRST + i || value == opts_rows[i].letter)) {
            used[i] = 1;
            opts_rows[i].set(c, optarg);
            return;
        }
    }
    fputs("nncat: see nncat --help\n", stderr); /* getopt_long has said what is wrong */
    exit(CAT_USAGE);
}

/* A link called nn_req chooses --req, and so on. */
static void opts_link(struct cat *c, const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    const char *name = slash ? slash + 1 : argv0;
    for (const struct cat_proto *p = nncat_protos; p->name; p++) {
        if (strncmp(name, "nn_", 3) == 0 && strcmp(name + 3, p->name) == 0)
            c->proto = p;
    }
}

static void opts_check_needs(const struct cat *c, const char *used)
{
    for (int i = 0; i < OPTS_ROWS; i++) {
        if (used[i] && (opts_rows[i].needs & ~c->proto->can))
            nncat_die(CAT_USAGE, "--%s means nothing with --%s", opts_rows[i].name, c->proto->name);
    }
    if ((c->proto->can & CAT_NEEDS_DATA) && !c->data)
        nncat_die(CAT_USAGE, "--%s needs --data or --file", c->proto->name);
}

static void opts_check(const struct cat *c, const char *used)
{
    if (c->new_key)
        return;
    if (!c->proto)
        nncat_die(CAT_USAGE, "which protocol? --req, --rep, --pub, --sub ...; see nncat --help");
    opts_check_needs(c, used);
    if (c->n_addrs == 0)
        nncat_die(CAT_USAGE, "where? --bind or --connect; see nncat --help");
    if (c->psk_identity && !c->psk_file)
        nncat_die(CAT_USAGE, "--psk-identity needs --psk-file");
    if (c->key && !c->cert)
        nncat_die(CAT_USAGE, "--tls-key needs --tls-cert");
}

void nncat_parse(struct cat *c, int argc, char **argv)
{
    struct option longs[OPTS_MAX];
    char shorts[2 * OPTS_MAX], used[OPTS_ROWS] = {0};
    opts_tables(longs, shorts);
    *c = (struct cat){.recv_ms = -1,
                      .send_ms = -1,
                      .interval_ms = -1,
                      .delay_ms = -1,
                      .verify = -1,
                      .auth = -1,
                      .s = -1};
    opts_link(c, argv[0]);
    for (int value; (value = getopt_long(argc, argv, shorts, longs, NULL)) != -1;)
        opts_take(c, value, used);
    if (optind < argc)
        nncat_die(CAT_USAGE, "what is %s? see nncat --help", argv[optind]);
    opts_check(c, used);
}
