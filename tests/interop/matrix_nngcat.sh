# SPDX-License-Identifier: MIT
# nncat and Debian's nngcat: every protocol, each as server and as client, over tcp, ipc and ws.
. "${0%/*}/libmatrix.sh"
command -v nngcat >/dev/null || { echo 'nngcat (nng-utils) is missing' >&2; exit 77; }
for scheme in tcp ipc ws; do all_ways nngcat $scheme; done
judge 60
