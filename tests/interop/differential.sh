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
"$cc" $flags "$here/differential.c" -o "$work/theirs" -lnanomsg
"$cc" $flags -I "$NANOSEAL_SOURCE/include" "$here/differential.c" -o "$work/ours" \
    -L "$NANOSEAL_BUILD" -lnanoseal -Wl,-rpath,"$NANOSEAL_BUILD"
"$work/theirs" >"$work/theirs.out" 2>"$work/log"
"$work/ours" >"$work/ours.out"

# Where they are meant to differ.
cat >"$work/known" <<'KNOWN'
^getters: get 1 of .* gives (0|1000), 4 bytes = 0$
^option lengths: set 1[0-3] with
^addresses: connect tcp://a_b:5555 =
^addresses: connect tcp://a-:5555 =
^addresses: connect tcp://lo;127.0.0.1:5555 =
KNOWN
# 1. NN_LINGER works here, so its default is what nanomsg's manual says.
# 2. An option that can't be set says so (ENOPROTOOPT) before it looks at the length.
# 3. Names of containers often have '_'.
# 4. No label of a name ends with '-'.
# 5. Any interface may be the local one.

grep -v -E -f "$work/known" "$work/theirs.out" >"$work/theirs.cmp"
grep -v -E -f "$work/known" "$work/ours.out" >"$work/ours.cmp"
lines=$(wc -l <"$work/ours.cmp")
[ "$lines" -gt 850 ] || { echo "only $lines lines"; exit 1; }
if ! diff "$work/theirs.cmp" "$work/ours.cmp"; then
    echo "differs from libnanomsg (<) above"
    exit 1
fi
echo "$lines results are the same, $(grep -c -E -f "$work/known" "$work/ours.out") are meant to differ"
