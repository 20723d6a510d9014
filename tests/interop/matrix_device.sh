# SPDX-License-Identifier: MIT
# A device of this library with Debian's programs on both sides: each protocol, raw here and cooked there, over equal
# and different transports.
. "${0%/*}/libmatrix.sh"
command -v nanocat >/dev/null || { echo 'nanocat (nanomsg-utils) is missing' >&2; exit 77; }
command -v nngcat >/dev/null || { echo 'nngcat (nng-utils) is missing' >&2; exit 77; }

flags=
! grep -q 'NANOSEAL_SANITIZE:STRING=address' "$NANOSEAL_BUILD/CMakeCache.txt" ||
    flags='-fsanitize=address,undefined'
! grep -q 'NANOSEAL_SANITIZE:STRING=thread' "$NANOSEAL_BUILD/CMakeCache.txt" || flags=-fsanitize=thread
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$NANOSEAL_BUILD/CMakeCache.txt")
"${compiler:-cc}" -std=gnu11 -Wall -Wextra -Werror $flags -I"$NANOSEAL_SOURCE/include" \
    "$NANOSEAL_SOURCE/tests/interop/device.c" -o device -L"$NANOSEAL_BUILD" -lnanoseal \
    -Wl,-rpath,"$NANOSEAL_BUILD"

# passed NAME PROGRAM ROLE AT1 PROGRAM ROLE AT2: each of the two connects to its side of the device, where the
# other's protocol is; with equal addresses there is one side.
passed()
{
    name=$1 a= b= d= word=FAILED living=
    rm -rf "$name"
    rm -f "${4#ipc://}" "${7#ipc://}"
    mkdir "$name"
    touch "$name/a.out" "$name/b.out"
    if [ "$4" = "$7" ]; then sides="$6 ${4%/}"; else sides="$6 ${4%/} $3 ${7%/}"; fi
    ./device $sides 2>"$name/d.err" &
    d=$! living=$!
    if in_time listens "$4" && in_time listens "$7"; then
        eval "$(cat_line "$2" "$3" connect "$4")" >"$name/a.out" 2>"$name/a.err" &
        a=$!
        eval "$(cat_line "$5" "$6" connect "$7")" >"$name/b.out" 2>"$name/b.err" &
        b=$! living="$d $a $b"
        if in_time heard "$name/a.out" "$6" && in_time heard "$name/b.out" "$3"; then word=good; fi
    fi
    end_all $d $a $b
    [ $word = good ]
}

# The same, up to three times if need be; writes a line to the results.
through()
{
    for attempt in 1 2 3; do
        if passed "$@" || ! held_up "$1"; then break; fi
    done
    echo "$word: $2 as $3, device $sides, $5 as $6: $(said "$1")" >>results
}

# devices PROGRAM SCHEME PROGRAM SCHEME: each protocol, at the same time.
devices()
{
    running=
    for both in 'req rep' 'surveyor respondent' 'push pull' 'pub sub' 'pair pair' 'bus bus'; do
        new_address "$2"
        one_side=$at
        new_address "$4"
        through "c$serial" "$1" "${both% *}" "$one_side" "$3" "${both#* }" "$at" &
        running="$running $!"
    done
    for one in $running; do wait "$one" || true; done
}

devices nanocat tcp nanocat tcp
devices nanocat ipc nanocat ws
devices nanocat ws nanocat tcp
devices nanocat tcp nngcat ipc
devices nngcat ws nanocat tcp
# From one socket back to it: the neighbours of a bus hear each other.
for scheme in tcp ipc ws; do
    new_address $scheme
    through "c$serial" nanocat bus "$at" nanocat bus "$at"
done
judge 33
