/* SPDX-License-Identifier: MIT */
/* The file is read whole into key memory and parsed there; keys go straight from hex digits into
 * the set's own key memory through one small buffer that is wiped.
 *
 * Any wrong line refuses the whole file, with its number, so that a damaged file never takes half
 * of its effect. The permissions are those of the opened file, not of the name. */
#include "transports/tls/keyfile.h"
#include "base/bytes.h"
#include "base/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int keyfile_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A byte of two hex digits, or -1. */
static int keyfile_hex(struct sp_reader *in)
{
    int high = keyfile_digit(sp_get_u8(in)), low = keyfile_digit(sp_get_u8(in));
    return in->bad || high < 0 || low < 0 ? -1 : high << 4 | low;
}

static int keyfile_identity(struct sp_reader *in, struct sp_writer *id)
{
    for (;;) {
        int c = sp_get_u8(in);
        if (c == ':')
            return in->bad || id->bad ? -EINVAL : 0;
        if (c == '%')
            c = keyfile_hex(in);
        else if (c <= ' ' || c > '~' || c == '#')
            return -EINVAL;
        if (c < 0)
            return -EINVAL;
        sp_put_u8(id, (uint8_t)c);
    }
}

static int keyfile_key(struct sp_reader *in, struct sp_writer *key)
{
    while (in->left && *in->p != ':') {
        int c = keyfile_hex(in);
        if (c < 0)
            return -EINVAL;
        sp_put_u8(key, (uint8_t)c);
    }
    return key->bad ? -EINVAL : 0;
}

static bool keyfile_word(struct sp_reader *in, const char *word)
{
    size_t n = strlen(word);
    if (in->left < n || memcmp(in->p, word, n) != 0 || (in->left > n && in->p[n] != ','))
        return false;
    sp_get_bytes(in, n);
    return true;
}

static int keyfile_flags(struct sp_reader *in, int *flags)
{
    *flags = 0;
    do {
        if (keyfile_word(in, "dial"))
            *flags |= NN_TLS_DIAL;
        else if (keyfile_word(in, "accept"))
            *flags |= NN_TLS_ACCEPT;
        else if (keyfile_word(in, "shared"))
            *flags |= NN_TLS_SHARED;
        else
            return -EINVAL;
    } while (in->left && sp_get_u8(in) == ',');
    if (*flags == NN_TLS_SHARED)
        *flags |= NN_TLS_DIAL | NN_TLS_ACCEPT;
    return 0;
}

static int keyfile_entry(struct sp_keys *keys, struct sp_reader in, uint8_t *key)
{
    uint8_t id[NN_TLS_ID_MAX];
    struct sp_writer to_id = sp_writer(id, sizeof id), to_key = sp_writer(key, NN_TLS_KEY_MAX);
    int flags = NN_TLS_DIAL | NN_TLS_ACCEPT;
    int rc = keyfile_identity(&in, &to_id);
    if (rc == 0)
        rc = keyfile_key(&in, &to_key);
    if (rc == 0 && in.left) {
        sp_get_u8(&in);
        rc = keyfile_flags(&in, &flags);
    }
    if (rc == 0 && sp_keys_find(keys, id, to_id.len))
        rc = -EINVAL;
    return rc ? rc : sp_keys_add(keys, id, to_id.len, key, to_key.len, flags);
}

static int keyfile_lines(struct sp_keys *keys, const char *text, size_t n, size_t *line,
                         uint8_t *key)
{
    int rc = 0;
    for (*line = 1; n && rc == 0; ++*line) {
        const char *end = memchr(text, '\n', n);
        size_t len = end ? (size_t)(end - text) : n, used = end ? len + 1 : n;
        if (len && text[len - 1] == '\r')
            len--;
        if (len && *text != '#')
            rc = keyfile_entry(keys, sp_reader(text, len), key);
        if (rc)
            break;
        text += used, n -= used;
    }
    return rc;
}

int sp_keyfile_parse(struct sp_keys *keys, const char *text, size_t n, size_t *line)
{
    uint8_t *key = sp_secret_alloc(NN_TLS_KEY_MAX);
    if (!key)
        return -ENOMEM;
    int rc = keyfile_lines(keys, text, n, line, key);
    sp_secret_free(key);
    return rc;
}

static int keyfile_check(int fd, struct stat *st)
{
    if (fstat(fd, st) < 0)
        return -errno;
    if (!S_ISREG(st->st_mode))
        return -EINVAL;
    if (st->st_mode & (S_IRWXG | S_IRWXO))
        return -EACCES;
    return st->st_size > SP_KEYFILE_MAX ? -EFBIG : 0;
}

/* What the file holds beyond its size a moment ago is a change under way: -EAGAIN. */
static int keyfile_load(int fd, char *text, size_t size)
{
    size_t n = 0;
    while (n <= size) {
        ssize_t got = read(fd, text + n, size + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return n == size ? 0 : -EAGAIN;
}

int sp_keyfile_read(struct sp_keys *keys, const char *path, size_t *line, struct stat *st)
{
    struct stat own;
    st = st ? st : &own;
    *line = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int rc = keyfile_check(fd, st);
    size_t size = rc == 0 ? (size_t)st->st_size : 0;
    char *text = rc == 0 ? sp_secret_alloc(size + 1) : NULL;
    if (rc == 0)
        rc = text ? keyfile_load(fd, text, size) : -ENOMEM;
    if (rc == 0)
        rc = sp_keyfile_parse(keys, text, size, line);
    sp_secret_free(text);
    close(fd);
    return rc;
}
