# SPDX-License-Identifier: MIT
# Shared by the tests of nncat, sourced: a folder of their own, servers at free ports, checks.
nncat=$NANOSEAL_NNCAT
dir=$(mktemp -d)
umask 077
pids=
lib_end()
{
    status=$?
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    if [ $status -ne 0 ] && [ $status -ne 77 ]; then
        for file in *.err; do tail -n 4 "$file" | sed "s/^/$file: /" >&2; done
    fi
    cd /
    rm -rf "$dir"
}
trap lib_end EXIT
trap 'exit 1' INT TERM
cd "$dir"

fail() { echo "$0: $*" >&2; exit 1; }
# wait_for COMMAND...: until it succeeds, at most ten seconds.
wait_for()
{
    tries=200
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail "waited in vain: $*"
        sleep 0.05
    done
}
# serve NAME SCHEME OPTION...: an nncat in the background, bound to a free port. Sets $at and $pid; its
# output goes to NAME.out and NAME.err.
serve()
{
    name=$1 scheme=$2
    shift 2
    : >"$name.err"
    "$nncat" "$@" --bind "$scheme://127.0.0.1:0" >"$name.out" 2>"$name.err" &
    pid=$!
    pids="$pids $pid"
    wait_for grep -q '^nncat: listening at' "$name.err"
    at=$(sed -n 's/^nncat: listening at //p' "$name.err")
}
# same WHAT ACTUAL EXPECTED
same() { [ "$2" = "$3" ] || fail "$1: got '$2', not '$3'"; }
# status WANTED COMMAND...: runs it, its stderr to status.err.
status()
{
    wanted=$1 got=0
    shift
    timeout 20 "$@" 2>status.err || got=$?
    [ $got -eq "$wanted" ] || fail "status $got, not $wanted: $*"
}
