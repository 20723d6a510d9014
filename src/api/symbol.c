/* SPDX-License-Identifier: MIT */
/* nn_symbol and nn_symbol_info: the constants of the public headers, by position. */
#include "symbol_rows.h"
#include <errno.h>
#include <nanomsg/bus.h>
#include <nanomsg/inproc.h>
#include <nanomsg/ipc.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <nanomsg/tcp.h>
#include <nanomsg/tls.h>
#include <nanomsg/ws.h>
#include <string.h>

#define ROW(name, ns, type, unit) {name, #name, NN_NS_##ns, NN_TYPE_##type, NN_UNIT_##unit},

static const struct nn_symbol_properties rows[] = {SP_SYMBOLS_NANOMSG(ROW) SP_SYMBOLS_OURS(ROW)};

static const struct nn_symbol_properties *symbol_row(int i)
{
    return i >= 0 && (size_t)i < sizeof rows / sizeof *rows ? &rows[i] : NULL;
}

const char *nn_symbol(int i, int *value)
{
    const struct nn_symbol_properties *row = symbol_row(i);
    if (!row) {
        errno = EINVAL;
        return NULL;
    }
    if (value)
        *value = row->value;
    return row->name;
}

int nn_symbol_info(int i, struct nn_symbol_properties *buf, int buflen)
{
    const struct nn_symbol_properties *row = symbol_row(i);
    if (!row || !buf || buflen <= 0)
        return 0;
    int len = buflen < (int)sizeof *row ? buflen : (int)sizeof *row;
    memcpy(buf, row, (size_t)len);
    return len;
}
