/* SPDX-License-Identifier: MIT */

/* The happy path: when an option of TLS was given, a configuration is made of all of them; with
 * --psk-identity a second one, for connecting, that knows no other identity. On SIGHUP the key file
 * is read again, and later handshakes use what it says.
 *
 * What can fail: at the start any fault ends the program; when reading again it is printed and the
 * old keys stay. */

#include "nncat.h"

#include <nanomsg/tls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TLS_KEY_BYTES = 32, TLS_LINE_MAX = 1024 };

static void tls_must(int rc, const char *what)
{
    if (rc)
        nncat_die(CAT_ERROR, "%s: %s", what, nn_strerror(nn_errno()));
}

static int tls_hex(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The identity at the beginning of a key file's line, with each %XX replaced by its byte. Returns
 * its length, 0 when the line has none. */
static size_t tls_line_identity(const char *line, char *id, size_t room)
{
    size_t n = 0;
    if (*line == '#')
        return 0;
    for (; *line && *line != ':' && *line != '\n' && n < room; n++) {
        int escaped = *line == '%' && tls_hex(line[1]) >= 0 && tls_hex(line[2]) >= 0;
        id[n] = escaped ? (char)(tls_hex(line[1]) * 16 + tls_hex(line[2])) : *line;
        line += escaped ? 3 : 1;
    }
    return *line == ':' ? n : 0;
}

/* Removes from configuration h every identity of the file but --psk-identity. Only the identities
 * are looked at here; keys are read by the library, and the buffer is wiped of what passed through.
 * 0, or -1 with a line printed. */
static int tls_keep_one(const struct cat *c, int h)
{
    char line[TLS_LINE_MAX], id[NN_TLS_ID_MAX], buffer[4096];
    size_t wanted = strlen(c->psk_identity), len;
    int found = 0;
    FILE *f = fopen(c->psk_file, "r");
    if (!f) {
        fprintf(stderr, "nncat: %s: %s\n", c->psk_file, strerror(errno));
        return -1;
    }
    setvbuf(f, buffer, _IOFBF, sizeof buffer);
    while (fgets(line, sizeof line, f)) {
        if ((len = tls_line_identity(line, id, sizeof id)) == 0)
            continue;
        if (len == wanted && memcmp(id, c->psk_identity, len) == 0)
            found = 1;
        else
            nn_tls_psk_remove(h, id, len, 0);
    }
    fclose(f);
    explicit_bzero(line, sizeof line);
    explicit_bzero(buffer, sizeof buffer);
    if (!found)
        fprintf(stderr, "nncat: %s: no identity %s\n", c->psk_file, c->psk_identity);
    return found ? 0 : -1;
}

static int tls_make(const struct cat *c)
{
    int h = nn_tls_create();
    tls_must(h < 0, "TLS");
    if (c->psk_file)
        tls_must(nn_tls_psk_file(h, c->psk_file), c->psk_file);
    if (c->ca)
        tls_must(nn_tls_ca(h, c->ca), c->ca);
    if (c->cert)
        tls_must(nn_tls_cert(h, c->cert, c->key ? c->key : c->cert), c->cert);
    if (c->server_name)
        tls_must(nn_tls_server_name(h, c->server_name), "--tls-server-name");
    if (c->suites)
        tls_must(nn_tls_suites(h, c->suites), "--tls-suites");
    if (c->verify >= 0)
        tls_must(nn_tls_verify(h, c->verify), "--tls-verify");
    if (c->auth >= 0)
        tls_must(nn_tls_auth(h, c->auth), "--tls-auth");
    return h;
}

void nncat_tls_setup(struct cat *c)
{
    if (!c->psk_file && !c->ca && !c->cert && !c->server_name && !c->suites && c->verify < 0 &&
        c->auth < 0)
        return;
    c->tls_bind = c->tls_dial = tls_make(c);
    if (c->psk_identity) {
        c->tls_dial = tls_make(c);
        if (tls_keep_one(c, c->tls_dial))
            exit(CAT_ERROR);
    }
}

static int tls_reload_one(const struct cat *c, int h)
{
    if (nn_tls_psk_file(h, c->psk_file) == 0)
        return 0;
    fprintf(stderr, "nncat: %s: %s; the old keys stay\n", c->psk_file, nn_strerror(nn_errno()));
    return -1;
}

void nncat_tls_reload(struct cat *c)
{
    if (!c->psk_file || tls_reload_one(c, c->tls_bind))
        return;
    if (c->psk_identity && (tls_reload_one(c, c->tls_dial) || tls_keep_one(c, c->tls_dial)))
        return;
    if (c->verbose > 0)
        fprintf(stderr, "nncat: %s read again\n", c->psk_file);
}

/* A key file holds secrets: says so when the line goes into one that others may read. */
static void tls_warn_readable(void)
{
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
        fputs("nncat: others may read that file, so it will be refused: chmod 600\n", stderr);
}

int nncat_tls_new_key(const char *identity)
{
    unsigned char key[TLS_KEY_BYTES];
    size_t len = strlen(identity);
    if (len == 0 || len > NN_TLS_ID_MAX)
        nncat_die(CAT_USAGE, "an identity has 1 to %d bytes", NN_TLS_ID_MAX);
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        nncat_die(CAT_ERROR, "no random bytes: %s", strerror(errno));
    for (const char *p = identity; *p; p++)
        printf(*p > 0x20 && *p < 0x7f && !strchr(":#%", *p) ? "%c" : "%%%02X", (unsigned char)*p);
    putchar(':');
    for (size_t i = 0; i < sizeof key; i++)
        printf("%02x", key[i]);
    putchar('\n');
    explicit_bzero(key, sizeof key);
    tls_warn_readable();
    if (fflush(stdout))
        nncat_die(CAT_FILE, "output: %s", strerror(errno));
    return CAT_OK;
}
