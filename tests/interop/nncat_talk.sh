# SPDX-License-Identifier: MIT
# Conversations over tcp: asking, answering, publishing, counting, time-outs, signals.
. "${0%/*}/libnncat.sh"

serve rep tcp --rep -D pong -n 3 -A
same answer "$(timeout 20 "$nncat" --req --connect "$at" -D ping -A)" pong
same answers "$(timeout 20 "$nncat" --req --connect "$at" -D ping -n 2 -A | tr '\n' ' ')" 'pong pong '
wait "$pid" || fail 'the REP ended with an error'
same requests "$(tr '\n' ' ' <rep.out)" 'ping ping ping '

serve sub tcp --sub --subscribe b --subscribe cc -n 3 -A --stats
for word in a bb c ccc d b; do
    echo $word >>words
done
timeout 20 sh -c 'while :; do while read w; do
    "$0" -q --pub --connect "$1" -D "$w" -d 0.2; done <words; done' "$nncat" "$at" 2>pub.err &
pids="$pids $!"
wait "$pid" || fail 'the SUB ended with an error'
same topics "$(sort -u sub.out | tr '\n' ' ')" 'b bb ccc '
grep -q 'messages received *3$' sub.err || fail "--stats: $(cat sub.err)"

head -c 300000 /dev/urandom >big
serve big tcp --rep -F big --raw -n 1
timeout 20 "$nncat" --req --connect "$at" -F - --raw <big >got
cmp big got
wait "$pid"
cmp big big.out

# As in nanocat a receive time-out is a good end; with --count it is not.
status 0 "$nncat" --sub --bind tcp://127.0.0.1:0 --recv-timeout 0.2
status 5 "$nncat" --sub --bind tcp://127.0.0.1:0 --recv-timeout 0.2 -n 1
status 0 "$nncat" --req --connect "$at" -D x --recv-timeout 0.5
grep -q 'no peer: .*refused' status.err || fail "no reason: $(cat status.err)"
status 4 "$nncat" --req --connect "$at" -D x --recv-timeout 0.5 -n 1
grep -q 'no peer: .*refused' status.err || fail "no reason: $(cat status.err)"

serve int tcp --sub
kill -INT "$pid"
got=0
wait "$pid" || got=$?
same 'after SIGINT' $got 130
