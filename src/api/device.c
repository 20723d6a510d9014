/* SPDX-License-Identifier: MIT */
#include "../core/device.h"
#include <errno.h>
#include <nanomsg/nn.h>

int nn_device(int s1, int s2)
{
    errno = -sp_device(s1, s2);
    return -1;
}
