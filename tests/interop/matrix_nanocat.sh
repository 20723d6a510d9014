# SPDX-License-Identifier: MIT
# nncat and Debian's nanocat: every protocol, each as server and as client, over tcp, ipc and ws.
. "${0%/*}/libmatrix.sh"
command -v nanocat >/dev/null || { echo 'nanocat (nanomsg-utils) is missing' >&2; exit 77; }
for scheme in tcp ipc ws; do all_ways nanocat $scheme; done
judge 60
