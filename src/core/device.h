/* SPDX-License-Identifier: MIT */
#ifndef SP_CORE_DEVICE_H
#define SP_CORE_DEVICE_H

#include "../base/alloc.h"

/* nn_device: passes messages on between two raw sockets, or with one of them -1 (or both the same)
 * from one back to it, on the calling thread. Returns only by a negative errno: -EBADF when one is
 * no socket or was closed, -EINVAL when they are not raw or do not belong together, -ENOTSUP for a
 * single socket with one direction, -EINTR, -ENOMEM. */
int sp_device(int s1, int s2) SP_MUST_CHECK;

#endif
