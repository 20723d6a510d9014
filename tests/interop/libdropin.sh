# SPDX-License-Identifier: MIT
# Sourced by the tests of programs that were built for nanomsg and run on this library: a folder of
# their own, and `ours COMMAND...`, which runs a command with nanomsg's names leading here.
. "${0%/*}/libnncat.sh"

# needs WHAT COMMAND...: skips unless the command succeeds.
needs()
{
    what=$1
    shift
    "$@" >/dev/null 2>&1 || { echo "skipped: $what is missing"; exit 77; }
}

ours() { LD_LIBRARY_PATH=$NANOSEAL_BUILD "$@"; }

[ -e "$NANOSEAL_BUILD/libnanomsg.so.5" ] || { echo 'skipped: no libnanomsg.so.5 is built here'; exit 77; }
if nm -D --undefined-only "$NANOSEAL_BUILD/libnanoseal.so" | grep -q '__[at]san_'; then
    echo 'skipped: the library is built with a sanitizer'
    exit 77
fi

# leads_here FILE: with `ours`, this program or library finds libnanomsg.so.5 in the build, and all that it
# wants of nanomsg in libnanoseal.
leads_here()
{
    ours ldd -r "$1" >ldd.out 2>&1 || fail "ldd $1: $(cat ldd.out)"
    grep -q "libnanomsg.so.5 => $NANOSEAL_BUILD/" ldd.out || fail "$1 does not lead here: $(cat ldd.out)"
    ! grep 'undefined symbol: nn_' ldd.out || fail "$1 misses functions"
}
