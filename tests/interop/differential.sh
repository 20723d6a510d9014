#!/bin/sh
# SPDX-License-Identifier: MIT
# The same calls with Debian's libnanomsg and with this library: what they return, and errno.
set -u
cc=${CC:-cc}
here=$NANOSEAL_SOURCE/tests/interop
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! printf '#include <nanomsg/nn.h>\nint main(void) { return nn_errno(); }\n' |
    "$cc" -x c - -o "$work/probe" -lnanomsg 2>"$work/log"; then
    echo "skipped: no libnanomsg to compare with (Debian: libnanomsg-dev), or no C compiler"
    exit 77
fi
if nm -D --undefined-only "$NANOSEAL_BUILD/libnanoseal.so" | grep -q '__[at]san_'; then
    echo "skipped: the library is built with a sanitizer"
    exit 77
fi

flags='-std=gnu11 -O1 -w'
set -e
for part in differential differential_protocols differential_transports differential_api; do
    mkdir "$work/theirs.d" "$work/ours.d"
    "$cc" $flags "$here/$part.c" -o "$work/theirs" -lnanomsg -pthread
    "$cc" $flags -I "$NANOSEAL_SOURCE/include" "$here/$part.c" -o "$work/ours" \
        -L "$NANOSEAL_BUILD" -lnanoseal -Wl,-rpath,"$NANOSEAL_BUILD" -pthread
    (cd "$work/theirs.d" && "$work/theirs" >>"$work/theirs.out" 2>"$work/log") &
    (cd "$work/ours.d" && "$work/ours" >>"$work/ours.out")
    wait $!
    rm -r "$work/theirs.d" "$work/ours.d"
done

# Where they are meant to differ, each with its reason.
cat >"$work/list" <<'KNOWN'
# NN_LINGER works here, so its default is what nanomsg's manual says.
^getters: get 1 of .* gives (0|1000), 4 bytes = 0$
# An option that can't be set says so (ENOPROTOOPT) before it looks at the length.
^option lengths: set 1[0-3] with
# Names of containers often have '_'.
^addresses: connect tcp://a_b:5555 =
# No label of a name ends with '-'.
^addresses: connect tcp://a-:5555 =
# Any interface may be the local one.
^addresses: connect tcp://lo;127.0.0.1:5555 =
# An empty path is no path.
^(bind|connect) ipc://: nn_
# libnanomsg aborts when the path is a folder.
^bind ipc://[./]: (nn_bind = -1 EADDRINUSE|ended by signal 6)$
# Each message tells the pipe that it came by (NN_PIPE_ID), and over ipc the process it came from.
^controls: .*: length 20 level 0 type 64 =
^controls: ipc://: length 28 level -2 type 64 =
# No peer: the priority is 0, as before the first one; libnanomsg says -1 after the last one has left.
^statistics.*: (peer left|shut down, server|[a-z]*, (server|client)), statistic 401 =
# One failed attempt is one error; libnanomsg counts the first one twice.
^statistics of connecting: refused, statistic 105 =
# A lost connection is no failed attempt.
^statistics of losing: .*, client, statistic 105 =
# A failed nn_bind is an error to bind; libnanomsg counts none that nn_bind returns.
^statistics of connecting: .*, statistic 106 =
# A loopback of a socket that can't send is refused; libnanomsg waits for a message, and then fails.
^device of (0 and (33|81) in 2|(33|81) and 0 in [12]): (nn_device = -1 ENOTSUP|ended by signal 14)$
KNOWN
grep -v '^#' "$work/list" >"$work/known"

grep -v -E -f "$work/known" "$work/theirs.out" >"$work/theirs.cmp"
grep -v -E -f "$work/known" "$work/ours.out" >"$work/ours.cmp"
lines=$(wc -l <"$work/ours.cmp")
[ "$lines" -gt 9500 ] || { echo "only $lines lines"; exit 1; }
if ! diff "$work/theirs.cmp" "$work/ours.cmp"; then
    echo "differs from libnanomsg (<) above"
    exit 1
fi
echo "$lines results are the same, $(grep -c -E -f "$work/known" "$work/ours.out") are meant to differ"
