/* SPDX-License-Identifier: MIT */
/* The output formats: how a received message is printed. */

#include "nncat.h"

#include <string.h>
#include <time.h>

static void print_raw(const struct cat_msg *m, FILE *to)
{
    fwrite(m->body, 1, m->len, to);
}

static int print_plain(unsigned char b)
{
    return b >= 0x20 && b < 0x7f;
}

static void print_ascii(const struct cat_msg *m, FILE *to)
{
    for (size_t i = 0; i < m->len; i++)
        putc(print_plain(m->body[i]) ? m->body[i] : '.', to);
    putc('\n', to);
}

static void print_quoted(const struct cat_msg *m, FILE *to)
{
    putc('"', to);
    for (size_t i = 0; i < m->len; i++) {
        unsigned char b = m->body[i];
        if (b == '\n' || b == '\r')
            fputs(b == '\n' ? "\\n" : "\\r", to);
        else if (b == '"' || b == '\\')
            fprintf(to, "\\%c", b);
        else
            fprintf(to, print_plain(b) ? "%c" : "\\x%02x", b);
    }
    fputs("\"\n", to);
}

static void print_hex(const struct cat_msg *m, FILE *to)
{
    putc('"', to);
    for (size_t i = 0; i < m->len; i++)
        fprintf(to, "\\x%02x", m->body[i]);
    fputs("\"\n", to);
}

/* A MessagePack "bin": its marker says in how many bytes the length follows. */
static void print_msgpack(const struct cat_msg *m, FILE *to)
{
    int bytes = m->len < 0x100 ? 1 : m->len < 0x10000 ? 2 : 4;
    putc(bytes == 1 ? 0xc4 : bytes == 2 ? 0xc5 : 0xc6, to);
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        putc((int)(m->len >> shift & 0xff), to);
    print_raw(m, to);
}

/* The bytes of the UTF-8 character that begins at p, of n bytes; 0: it is none. */
static size_t print_utf8(const unsigned char *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc0 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf8 ? 4
                               : 0;
    if (len <= 1 || len > n)
        return len > n ? 0 : len;
    uint32_t v = p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (p[i] & 0x3fu);
    }
    return v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? 0 : len;
}

static int print_is_text(const unsigned char *p, size_t n)
{
    for (size_t step; n > 0; p += step, n -= step) {
        if ((step = print_utf8(p, n)) == 0)
            return 0;
    }
    return 1;
}

/* ,"NAME":"text" or, when it is no UTF-8, ,"NAME_hex":"bytes". */
static void print_json_bytes(FILE *to, const char *name, const unsigned char *p, size_t n)
{
    int text = print_is_text(p, n);
    fprintf(to, ",\"%s%s\":\"", name, text ? "" : "_hex");
    for (size_t i = 0; i < n; i++) {
        if (!text)
            fprintf(to, "%02x", p[i]);
        else if (p[i] < 0x20 || p[i] == 0x7f)
            fprintf(to, "\\u%04x", p[i]);
        else if (p[i] == '"' || p[i] == '\\')
            fprintf(to, "\\%c", p[i]);
        else
            putc(p[i], to);
    }
    putc('"', to);
}

static void print_json(const struct cat_msg *m, FILE *to)
{
    struct timespec now;
    struct tm utc;
    char when[32] = "";
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc))
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(to, "{\"time\":\"%s.%06ldZ\",\"bytes\":%zu", when, now.tv_nsec / 1000, m->len);
    print_json_bytes(to, "data", m->body, m->len);
    if (m->peer)
        print_json_bytes(to, "peer", m->peer, m->peer_len);
    if (m->has_pipe)
        fprintf(to, ",\"pipe\":%u", (unsigned)m->pipe);
    fputs("}\n", to);
}

static const struct {
    const char *name;                                 /* of --format */
    void (*print)(const struct cat_msg *m, FILE *to); /* NULL: nothing */
} print_formats[] = {
    {"raw", print_raw},
    {"ascii", print_ascii},
    {"quoted", print_quoted},
    {"msgpack", print_msgpack},
    {"hex", print_hex},
    {"json", print_json},
    {"no", NULL},
};

void nncat_format(struct cat *c, const char *name)
{
    for (size_t i = 0; i < sizeof print_formats / sizeof print_formats[0]; i++) {
        if (strcmp(name, print_formats[i].name) == 0) {
            c->print = print_formats[i].print;
            return;
        }
    }
    nncat_die(CAT_USAGE, "no format is called %s", name);
}
