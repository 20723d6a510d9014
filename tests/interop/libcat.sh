# SPDX-License-Identifier: MIT
# Shared by nanocat.sh and nngcat.sh, sourced with $other and $format set: the ways round that nncat_nanocat.sh
# leaves out. Whoever asks or publishes is the server here.
. "${0%/*}/libnncat.sh"
command -v $other >/dev/null || { echo "$other is missing" >&2; exit 77; }

# other_serves OPTION...: $other bound to a free port, its output in other.out. It can't choose a port
# itself, so one that was free a moment ago is tried, five times. Sets $port and $pid.
other_serves()
{
    for attempt in 1 2 3 4 5; do
        serve port tcp --sub
        kill "$pid"
        wait "$pid" || true
        port=${at##*:}
        timeout 60 $other "$@" --bind "tcp://127.0.0.1:$port" >other.out 2>other.err &
        pid=$!
        pids="$pids $pid"
        wait_for other_settled
        kill -0 "$pid" 2>/dev/null && return
    done
    fail "$other found no port: $(cat other.err)"
}
other_settled()
{
    grep -q ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp || ! kill -0 "$pid" 2>/dev/null
}

# nncat publishes and listens.
serve pub tcp --pub -D news -i 0.05
timeout 60 $other --sub --connect "$at" $format >sub.out 2>sub.err &
pids="$pids $!"
wait_for grep -q news sub.out

# nncat asks and listens.
serve req tcp --req -D ping -n 1 -A
asking=$pid
timeout 60 $other --rep --connect "$at" -D pong $format >rep.out 2>rep.err &
pids="$pids $!"
wait "$asking"
same 'answer to nncat' "$(cat req.out)" pong
wait_for grep -q ping rep.out

# The other publishes and listens.
other_serves --pub -D news -i 1
same "$other's news" "$(timeout 20 "$nncat" -q --sub -l "$port" -n 1 -A)" news

# The other asks and listens.
other_serves --req -D ping $format
same "$other's question" "$(timeout 20 "$nncat" -q --rep -l "$port" -D pong -n 1 -A)" ping
wait_for grep -q pong other.out
