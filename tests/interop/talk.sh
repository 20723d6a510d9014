#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs with Debian's libnanomsg and with this library talk to each other, over tcp and ws: each protocol, each as
# server.
set -u
cc=${CC:-cc}
here=$NANOSEAL_SOURCE/tests/interop
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! printf '#include <nanomsg/nn.h>\nint main(void) { return nn_errno(); }\n' |
    "$cc" -x c - -o "$work/probe" -lnanomsg 2>"$work/log"; then
    echo "skipped: no libnanomsg to talk to (Debian: libnanomsg-dev), or no C compiler"
    exit 77
fi
if nm -D --undefined-only "$NANOSEAL_BUILD/libnanoseal.so" | grep -q '__[at]san_'; then
    echo "skipped: the library is built with a sanitizer"
    exit 77
fi
set -e
"$cc" -std=gnu11 -O1 -w "$here/talk.c" -o "$work/theirs" -lnanomsg
"$cc" -std=gnu11 -O1 -w -I "$NANOSEAL_SOURCE/include" "$here/talk.c" -o "$work/ours" \
    -L "$NANOSEAL_BUILD" -lnanoseal -Wl,-rpath,"$NANOSEAL_BUILD"

# talk SERVER PROTOCOL CLIENT PROTOCOL
talk()
{
    mkfifo "$work/at"
    "$work/$1" "$2" >"$work/at" &
    server=$!
    read -r at <"$work/at"
    rm "$work/at"
    "$work/$3" "$4" "$at" || { echo "$3 as $4, with $1 as $2"; kill $server; exit 1; }
    wait $server || { echo "$1 as $2, with $3 as $4"; exit 1; }
}

n=0
for TALK_SCHEME in tcp ws; do
    export TALK_SCHEME
    for both in 'req rep' 'rep req' 'push pull' 'pull push' 'pair pair' 'pub sub' 'sub pub' \
        'surveyor respondent' 'respondent surveyor'; do
        talk ours "${both% *}" theirs "${both#* }"
        talk theirs "${both% *}" ours "${both#* }"
        n=$((n + 2))
    done
done
echo "$n conversations"
