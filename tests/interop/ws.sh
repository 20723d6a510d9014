# SPDX-License-Identifier: MIT
# ws between nncat and Debian's nanocat and nngcat: each protocol that two of them have, each program as server and as
# client; a path; a refusal that both sides survive.
. "${0%/*}/libnncat.sh"
command -v nanocat >/dev/null || { echo 'nanocat (nanomsg-utils) is missing' >&2; exit 77; }
command -v nngcat >/dev/null || { echo 'nngcat (nng-utils) is missing' >&2; exit 77; }
python=${PYTHON:-python3}

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
    case $3 in rep | pull | sub | respondent) again= ;; esac
    case $3 in push | pub) format= ;; esac
    [ "$2" != "$nncat" ] || program="$nncat -q"
    data=
    [ "$4" = - ] || data="-D $4"
    start "$name" $program --$role --$5 "$6" $format $data $again
}
settled()
{
    grep -q ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp || ! kill -0 "$pid" 2>/dev/null
}
# binds PROGRAM ROLE SAYS: at a port that was free a moment ago, in five tries. Sets $at and $pid.
binds()
{
    for attempt in 1 2 3 4 5; do
        port=$($python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        at=ws://127.0.0.1:$port
        cat_of a "$1" "$2" "$3" bind "$at$4"
        wait_for settled
        kill -0 "$pid" 2>/dev/null && return
    done
    fail "$1 found no port: $(cat a.err)"
}
heard() { [ "$2" = - ] || grep -q "$2" "$1.out"; }
# talk PROGRAM PROGRAM ROLE SAYS ROLE SAYS: the first one binds; both hear what the other says.
talk()
{
    path=
    [ "$1" != nngcat ] || path=/ # it serves the path that it was given, and no other
    binds "$1" "$3" "$4" "$path"
    a=$pid
    cat_of b "$2" "$5" "$6" connect "$at/"
    wait_for heard a "$6"
    wait_for heard b "$4"
    ends "$a"
    ends "$pid"
    talks=$((talks + 1))
}
talks=0
for other in nanocat nngcat; do
    for programs in "$nncat $other" "$other $nncat"; do
        talk $programs rep pong req ping
        talk $programs req ping rep pong
        talk $programs pull - push work
        talk $programs push work pull -
        talk $programs sub - pub news
        talk $programs pub news sub -
        talk $programs pair one pair two
        talk $programs respondent here surveyor who
        talk $programs surveyor who respondent here
    done
done
talk "$nncat" nanocat bus one bus two
talk nanocat "$nncat" bus one bus two
echo "$talks conversations"

# Any path is served.
serve reply ws --rep -D pong
start ask nanocat --req --connect "$at/some/path?and=query" -D ping -A -i 0.1
wait_for grep -q pong ask.out
ends "$pid"

# A peer of the wrong kind hears 400, and the server goes on.
start wrong nanocat --push --connect "$at" -D x -i 0.1
start right nanocat --req --connect "$at" -D ping -A -i 0.1
wait_for grep -q pong right.out
