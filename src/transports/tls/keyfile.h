/* SPDX-License-Identifier: MIT */
/* Key files. One entry a line, `identity:hexkey[:flags]`, flags being a comma list of dial, accept
 * and shared (without: dial,accept). Bytes of the identity that are not printable ASCII, and ':'
 * '#' '%' and space, are written %XX. Empty lines and lines that begin with # are ignored. */
#ifndef SP_TLS_KEYFILE_H
#define SP_TLS_KEYFILE_H

#include "transports/tls/keys.h"
#include <sys/stat.h>

#define SP_KEYFILE_MAX (8 << 20) /* bytes of a file */

/* Parses text[0..n) into `keys` (initialised; partly filled after an error). 0; -ENOMEM; -ENOSPC;
 * -EINVAL: line *line is malformed, repeats an identity or holds a bad key. No I/O. */
int sp_keyfile_parse(struct sp_keys *keys, const char *text, size_t n, size_t *line) SP_MUST_CHECK;
/* Reads the file; st, unless NULL, gets its state before. -EACCES: group or others may read or write
 * it; -EFBIG; -EAGAIN: it changed meanwhile; what open(2) says; as above. */
int sp_keyfile_read(struct sp_keys *keys, const char *path, size_t *line,
                    struct stat *st) SP_MUST_CHECK;

#endif
