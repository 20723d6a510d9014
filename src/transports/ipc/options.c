/* SPDX-License-Identifier: MIT */
/* Level NN_IPC: what Windows has, kept and without effect, and who may use the socket's file. */
#include "ipc.h"
#include <limits.h>
#include <nanomsg/ipc.h>

/* As in nanomsg the value is the pointer itself, not what lies there. */
static int set_sec_attr(void *ctx, void *obj, const void *v, size_t len)
{
    (void)ctx, (void)len;
    ((struct sp_ipc_options *)obj)->sec_attr = v;
    return 0;
}

static int get_sec_attr(void *ctx, void *obj, void *v, size_t *len)
{
    (void)ctx;
    const struct sp_ipc_options *o = obj;
    return sp_opt_out(v, len, &o->sec_attr, sizeof o->sec_attr);
}

#define ROW(id_, lo_, hi_, field)                                                                  \
    {                                                                                              \
        .id = id_, .kind = SP_OPT_INT, .lo = lo_, .hi = hi_,                                       \
        .off = offsetof(struct sp_ipc_options, field)                                              \
    }

static const struct sp_opt rows[] = {
    {.id = NN_IPC_SEC_ATTR, .kind = SP_OPT_CALL, .set = set_sec_attr, .get = get_sec_attr},
    ROW(NN_IPC_OUTBUFSZ, INT_MIN, INT_MAX, outbuf),
    ROW(NN_IPC_INBUFSZ, INT_MIN, INT_MAX, inbuf),
    ROW(NN_IPC_MODE, -1, 0777, mode),
    ROW(NN_IPC_OWNER, -1, INT_MAX, owner),
    ROW(NN_IPC_GROUP, -1, INT_MAX, group),
};

static void options_init(void *block)
{
    *(struct sp_ipc_options *)block = (struct sp_ipc_options){
        .outbuf = 4096, .inbuf = 4096, .mode = -1, .owner = -1, .group = -1};
}

const struct sp_optlevel sp_ipc_opts = {
    .level = NN_IPC,
    .size = sizeof(struct sp_ipc_options),
    .opts = rows,
    .n_opts = sizeof rows / sizeof *rows,
    .init = options_init,
};
