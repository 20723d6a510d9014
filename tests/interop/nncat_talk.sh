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
timeout 120 sh -c 'while :; do while read w; do
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

# A survey: answers of both, then over; with --count it is over as soon as there are so many, or too few came.
serve survey tcp --surveyor -D who -A -i 0.2 -n 4
for name in left right; do
    timeout 120 "$nncat" -q --respondent --connect "$at" -D $name 2>$name.err &
    pids="$pids $!"
done
wait "$pid" || fail 'the surveyor ended with an error'
same answers "$(sort -u survey.out | tr '\n' ' ')" 'left right '
status 5 "$nncat" --surveyor -D who -A --bind inproc://nobody -n 1

serve pair tcp --pair -D hello -A -n 1
same pair "$(timeout 20 "$nncat" -q --pair --connect "$at" -D world -A -n 1)" hello
wait "$pid"
same pair "$(cat pair.out)" world
serve bus tcp --bus -D hello -i 0.1 -A -n 1
same bus "$(timeout 20 "$nncat" -q --bus --connect "$at" -D world -i 0.1 -A -n 1)" hello

# The other transports are only other addresses.
"$nncat" --new-key alice >keys
for scheme in ws wss tls+tcp; do
    serve rep $scheme --rep -D pong -n 2 -A --psk-file keys
    same $scheme "$(timeout 20 "$nncat" --req --connect "$at" -D ping -A -n 1 --psk-file keys)" pong
    case $scheme in ws*) at=$at/path?query ;; esac
    same "$scheme again" "$(timeout 20 "$nncat" --req --connect "$at" -D ping -A -n 1 --psk-file keys)" pong
    wait "$pid" || fail "$scheme: the REP ended with an error"
done
for where in '-X socket|-x socket' "--bind abstract://nncat.$$|--connect abstract://nncat.$$"; do
    timeout 20 "$nncat" --rep ${where%|*} -D pong -n 1 -A >rep.out 2>rep.err &
    pid=$!
    pids="$pids $pid"
    same "$where" "$(timeout 20 "$nncat" -q --req ${where#*|} -D ping -A -n 1)" pong
    wait "$pid"
done
same 'with itself' "$(timeout 20 "$nncat" -q --bus --bind inproc://a --connect inproc://a -D x -i 0.1 -A -n 1)" x
