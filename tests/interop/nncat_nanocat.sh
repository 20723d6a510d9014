# SPDX-License-Identifier: MIT
# nncat and Debian's nanocat: REQ/REP and PUB/SUB over tcp, each as server and as client.
. "${0%/*}/libnncat.sh"
command -v nanocat >/dev/null || { echo 'nanocat (nanomsg-utils) is missing' >&2; exit 77; }
command -v nngcat >/dev/null || { echo 'nngcat (nng-utils) is missing' >&2; exit 77; }

# served OPTION...: $other, bound to a free port; sets $port. Neither can choose one itself, so another
# process may be faster: then once more.
served()
{
    for attempt in 1 2 3 4 5; do
        serve port tcp --sub
        kill "$pid"
        wait "$pid" || true
        port=${at##*:}
        $other "$@" --bind "tcp://127.0.0.1:$port" $format >"$other$1.out" 2>other.err &
        pid=$!
        pids="$pids $pid"
        wait_for settled
        kill -0 "$pid" 2>/dev/null && return
    done
    fail "$other found no port: $(cat other.err)"
}
settled()
{
    grep -q ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp || ! kill -0 "$pid" 2>/dev/null
}

for other in nanocat nngcat; do
    # Both print a message with a line end by this.
    format=$([ $other = nanocat ] && echo -A || echo --ascii)

    serve rep tcp --rep -D pong -n 1 -A
    same "$other asks" "$(timeout 20 $other --req --connect "$at" -D ping $format)" pong
    wait "$pid"
    same "$other asked" "$(cat rep.out)" ping

    serve sub tcp --sub -n 1 -A
    timeout 20 $other --pub --connect "$at" -D news -i 1 2>other.err &
    pids="$pids $!"
    wait "$pid"
    same "$other publishes" "$(cat sub.out)" news

    served --rep -D pong
    same "$other answers" "$(timeout 20 "$nncat" -q --req -l "$port" -D ping -A)" pong
    wait_for grep -q ping "$other--rep.out"

    served --sub
    timeout 20 "$nncat" -q --pub -l "$port" -D news -i 0.05 -n 300 &
    pids="$pids $!"
    wait_for grep -q news "$other--sub.out"
done
