# SPDX-License-Identifier: MIT
# nncat and Debian's nngcat (nng-utils): whoever asks or publishes is the server.
other=nngcat format=--ascii
. "${0%/*}/libcat.sh"
