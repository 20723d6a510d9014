# SPDX-License-Identifier: MIT
# ipc between nncat and Debian's nanocat and nngcat: requests, publications, pipelines and pairs, each program as
# server and as client; absolute and relative paths; abstract names with nngcat.
. "${0%/*}/libnncat.sh"
command -v nanocat >/dev/null || { echo 'nanocat (nanomsg-utils) is missing' >&2; exit 77; }
command -v nngcat >/dev/null || { echo 'nngcat (nng-utils) is missing' >&2; exit 77; }
number=0

# start NAME COMMAND...: in the background, its output in NAME.out. Sets $pid.
start()
{
    name=$1
    shift
    timeout 60 "$@" >"$name.out" 2>"$name.err" &
    pid=$!
    pids="$pids $pid"
}
ends() { kill "$1" 2>/dev/null || true; wait "$1" 2>/dev/null || true; }
# cat_of NAME PROGRAM ROLE SAYS HOW ADDRESS: one of the programs with a role, in the background; who asks or
# publishes does so again and again. "-" says nothing.
cat_of()
{
    name=$1 program=$2 role=$3 again='-i 0.1' format=-A
    [ "$2" != nngcat ] || format=--ascii again='-i 1'
    [ "$2 $3" != "nngcat pair" ] || role=pair0
    case $3 in rep | pull | sub) again= ;; esac
    case $3 in push | pub) format= ;; esac
    [ "$2" != "$nncat" ] || program="$nncat -q"
    data=
    [ "$4" = - ] || data="-D $4"
    start "$name" $program --$role --$5 "$6" $format $data $again
}
new_path() { number=$((number + 1)) path=$dir/$number.ipc; }
heard() { [ "$2" = - ] || grep -q "$2" "$1.out"; }
# talk PROGRAM PROGRAM ROLE SAYS ROLE SAYS: the first one binds; both hear what the other says.
talk()
{
    new_path
    cat_of a "$1" "$3" "$4" bind "ipc://$path"
    a=$pid
    wait_for test -S "$path"
    cat_of b "$2" "$5" "$6" connect "ipc://$path"
    wait_for heard a "$6"
    wait_for heard b "$4"
    ends "$a"
    ends "$pid"
}
for other in nanocat nngcat; do
    for programs in "$nncat $other" "$other $nncat"; do
        talk $programs rep pong req ping
        talk $programs req ping rep pong
        talk $programs pull - push work
        talk $programs push work pull -
        talk $programs sub - pub news
        talk $programs pub news sub -
        talk $programs pair one pair two
    done
done

# The short options of nanocat, and a relative path.
start x "$nncat" -q --rep -X here.ipc -D pong
rep=$pid
wait_for test -S here.ipc
same 'short options' "$(timeout 20 "$nncat" -q --req -x here.ipc -D ping -A)" pong
same 'nanocat by a relative path' "$(timeout 20 nanocat --req --connect ipc://here.ipc -D ping -A)" pong
kill -TERM "$rep"
wait "$rep" || true

# A file that a killed server left is taken over by the other program; one in use is not.
for first in nanocat "$nncat"; do
    new_path
    second="$nncat"
    [ "$first" = nanocat ] || second=nanocat
    "$first" --pull --bind "ipc://$path" >stale.out 2>stale.err &
    pid=$!
    pids="$pids $pid"
    wait_for test -S "$path"
    ! timeout 20 "$second" --pull --bind "ipc://$path" 2>status.err || fail "$second took a live file"
    kill -KILL "$pid"
    wait "$pid" || true
    test -S "$path"
    cat_of next "$second" pull - bind "ipc://$path"
    next=$pid
    cat_of push "$first" push work connect "ipc://$path"
    wait_for grep -qx work next.out
    ends "$next"
    ends "$pid"
done

# NNG's abstract names.
abstract=nanoseal-interop-$$
start rep "$nncat" -q --rep --bind "abstract://$abstract" -D pong
rep=$pid
wait_for grep -q "@$abstract" /proc/net/unix
same 'nngcat by an abstract name' "$(timeout 20 nngcat --req --connect "abstract://$abstract" --data ping --ascii)" pong
ends "$rep"
start rep nngcat --rep --listen "abstract://$abstract" --data pong --ascii
wait_for grep -q "@$abstract" /proc/net/unix
same 'nncat by an abstract name' "$(timeout 20 "$nncat" -q --req --connect "abstract://$abstract" -D ping -A)" pong
