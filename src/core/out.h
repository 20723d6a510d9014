/* SPDX-License-Identifier: MIT */
#ifndef SP_CORE_OUT_H
#define SP_CORE_OUT_H

#include "../base/list.h"

/* Something to do after a socket's lock is released. */
struct sp_out {
    struct sp_list link; /* in the socket's outbox, or alone */
    int (*run)(
        struct sp_out *o); /* no lock held; a negative errno reaches the nn_send that caused it */
};

#endif
