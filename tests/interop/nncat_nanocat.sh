# SPDX-License-Identifier: MIT
# nncat and Debian's nanocat: REQ/REP and PUB/SUB over tcp, each as server and as client.
. "${0%/*}/libnncat.sh"
command -v nanocat >/dev/null || { echo 'nanocat (nanomsg-utils) is missing' >&2; exit 77; }
command -v nngcat >/dev/null || { echo 'nngcat (nng-utils) is missing' >&2; exit 77; }

# free_port: nanocat can't choose one itself.
free_port()
{
    serve port tcp --sub
    kill "$pid"
    wait "$pid" || true
    port=${at##*:}
}

for other in nanocat nngcat; do
    # Both print a message with a line end by this.
    format=$([ $other = nanocat ] && echo -A || echo --ascii)

    serve rep tcp --rep -D pong -n 1
    same "$other asks" "$(timeout 20 $other --req --connect "$at" -D ping $format)" pong
    wait "$pid"
    same "$other asked" "$(cat rep.out)" ping

    serve sub tcp --sub -n 1
    timeout 20 $other --pub --connect "$at" -D news -i 1 2>other.err &
    pids="$pids $!"
    wait "$pid"
    same "$other publishes" "$(cat sub.out)" news

    free_port
    $other --rep --bind "tcp://127.0.0.1:$port" -D pong $format >other.out 2>other.err &
    pids="$pids $!"
    same "$other answers" "$(timeout 20 "$nncat" -q --req -l "$port" -D ping)" pong
    wait_for grep -q ping other.out

    free_port
    $other --sub --bind "tcp://127.0.0.1:$port" $format >other.out 2>other.err &
    pids="$pids $!"
    timeout 20 "$nncat" -q --pub -l "$port" -D news -i 0.05 -n 300 &
    pids="$pids $!"
    wait_for grep -q news other.out
done
