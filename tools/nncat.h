/* SPDX-License-Identifier: MIT */
/* nncat: nanoseal from the shell. What its files share. */
#ifndef NNCAT_H
#define NNCAT_H

#include <nanomsg/nn.h>
#include <stdint.h>
#include <stdio.h>

/* The first four are nanocat's; the others are seen only with --count, which nanocat lacks. */
enum cat_status {
    CAT_OK = 0,    /* done; also when a receive time-out ended it */
    CAT_USAGE = 1, /* the command line is wrong */
    CAT_FILE = 2,  /* a file could not be read, or the output not written */
    CAT_ERROR = 3, /* something else failed: an address, a key, sending */
    CAT_REFUSED =
        4, /* a time-out passed before --count was reached; no peer, and the reason is known */
    CAT_TIMEOUT = 5 /* the same otherwise */
};

/* What a protocol can do, and what an option is for. */
enum cat_ability { CAT_SENDS = 1, CAT_RECEIVES = 2, CAT_NEEDS_DATA = 4, CAT_SUBSCRIBES = 8 };

enum { CAT_MAX = 64 }; /* addresses, and topics, of one command line */

struct cat;
struct cat_msg;

/* A protocol: one row of nncat_protos. */
struct cat_proto {
    const char *name;          /* of the option, and of the links without their "nn_" */
    int id;                    /* NN_REQ and so on */
    const char *help;          /* for --help */
    int (*run)(struct cat *c); /* the whole conversation; returns a cat_status */
    unsigned can;              /* bits of cat_ability */
};
extern const struct cat_proto nncat_protos[]; /* ends with a NULL name */

struct cat_addr {
    int bind;                   /* 1 nn_bind, 0 nn_connect */
    char addr[NN_SOCKADDR_MAX]; /* the whole address */
};

struct cat {
    const struct cat_proto *proto;  /* what to be */
    struct cat_addr addrs[CAT_MAX]; /* where, in the order given */
    int n_addrs;                    /* how many */
    const char *topics[CAT_MAX];    /* --subscribe */
    int n_topics;                   /* how many */
    const char *name;               /* --socket-name */
    int recv_ms, send_ms;           /* time-outs, -1 for ever */
    int interval_ms, delay_ms;      /* -1: none */
    uint64_t count;                 /* --count, 0: no limit */
    uint64_t done;                  /* messages that count so far */
    char *data;                     /* --data or the file, of nn_allocmsg; NULL: none */
    size_t data_len;                /* its bytes */
    void (*print)(const struct cat_msg *m, FILE *to); /* output format, NULL: none */
    int verbose;                                      /* -1 quiet, 0 what goes wrong, 1 and steps */
    int stats;                                        /* --stats */
    const char *new_key;                              /* --new-key IDENTITY */
    /* --psk-* and --tls-*, as given. */
    const char *psk_file, *psk_identity, *ca, *cert, *key, *server_name, *suites;
    int verify, auth;       /* NN_TLS_VERIFY_*, NN_TLS_AUTH_*; -1: not given */
    int tls_bind, tls_dial; /* configurations, 0: none; often the same */
    int s;                  /* socket */
};

/* A received message, with who sent it. */
struct cat_msg {
    unsigned char *body; /* of nn_recvmsg with NN_MSG */
    size_t len;          /* its bytes */
    void *control;       /* of nn_recvmsg with NN_MSG, NULL: none */
    const void *peer;    /* authenticated identity inside control, NULL: none */
    size_t peer_len;     /* its bytes */
    uint32_t pipe;       /* NN_PIPE_ID */
    int has_pipe;        /* whether it is known */
};

/* nncat.c: prints "nncat: ..." and ends the program. */
_Noreturn void nncat_die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The signal that asks for the end, or 0. Reloads the key file when SIGHUP came. */
int nncat_stopping(struct cat *c);

/* nncat_opts.c: fills c from the command line; ends the program for --help, --version and faults.
 */
void nncat_parse(struct cat *c, int argc, char **argv);

/* nncat_run.c: the kinds of conversation. */
int nncat_run_send(struct cat *c);
int nncat_run_recv(struct cat *c);
int nncat_run_ask(struct cat *c);
int nncat_run_talk(struct cat *c);
int nncat_run_answer(struct cat *c);

/* nncat_print.c: the formats by name; dies when there is no such format. */
void nncat_format(struct cat *c, const char *name);

/* nncat_tls.c: makes the configurations; reads the key file again; prints a line for a key file. */
void nncat_tls_setup(struct cat *c);
void nncat_tls_reload(struct cat *c);
int nncat_tls_new_key(const char *identity);

/* nncat_stats.c: counters and pipes of the socket, to stderr. */
void nncat_stats(const struct cat *c);

#endif
