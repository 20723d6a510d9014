# SPDX-License-Identifier: MIT
# nncat and Debian's nanocat (nanomsg-utils): whoever asks or publishes is the server.
other=nanocat format=-A
. "${0%/*}/libcat.sh"
