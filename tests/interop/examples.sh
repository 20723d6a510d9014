# SPDX-License-Identifier: MIT
# The examples that docs/MIGRATING.md shows run: several threads behind one REP, and a BUS in poll(2). (The hub and
# the sensor are run by scripts/demo.)
. "${0%/*}/libnncat.sh"
examples=$NANOSEAL_BUILD/examples

"$examples/workers" tcp://127.0.0.1:0 3 >workers.out 2>workers.err &
pids="$pids $!"
wait_for grep -q '^tcp://' workers.out
at=$(cat workers.out)
for i in 1 2 3 4 5 6; do
    timeout 20 "$nncat" --req --connect "$at" -D hello -n 1 -A >>answers
done
same 'who answered' "$(sort -u answers | tr '\n' ',')" 'worker 0: hello,worker 1: hello,worker 2: hello,'
status 2 "$examples/workers"
status 1 "$examples/workers" nowhere

mkfifo left.in right.in
"$examples/events" bind tcp://127.0.0.1:0 <left.in >left.out 2>left.err &
left=$!
exec 3>left.in
wait_for grep -q '^tcp://' left.err
at=$(cat left.err)
"$examples/events" connect "$at" <right.in >right.out 2>right.err &
right=$!
pids="$pids $left $right"
exec 4>right.in
# A bus reaches whoever is connected at that moment, so it is said again until it is heard.
heard() { echo "$1" >&"$2"; grep -qx "$1" "$3"; }
wait_for heard 'good morning' 3 right.out
wait_for heard 'and to you' 4 left.out
exec 3>&- 4>&-
wait "$left"
wait "$right"
status 2 "$examples/events"
