/* SPDX-License-Identifier: MIT */
#include "nn.h"
