/* SPDX-License-Identifier: MIT */
#ifndef SP_CORE_POLL_H
#define SP_CORE_POLL_H

#include "../base/alloc.h"
#include <nanomsg/nn.h>

/* nn_poll. How many have events, 0 at the time-out, or a negative errno. */
int sp_poll(struct nn_pollfd *fds, int n, int timeout_ms) SP_MUST_CHECK;

#endif
