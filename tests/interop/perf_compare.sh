# SPDX-License-Identifier: MIT
# perf/compare: a table with a row for each measurement and a figure of ours in each; who is not installed
# is named. The figures themselves are not looked at: this machine is doing other things.
. "${0%/*}/libnncat.sh"
! grep -q 'NANOSEAL_SANITIZE:STRING=[at]' "$NANOSEAL_BUILD/CMakeCache.txt" ||
    { echo 'not with sanitizers'; exit 77; }
"$NANOSEAL_SOURCE/perf/compare" --build "$NANOSEAL_BUILD" --reps 1 --seconds 0.02 --sizes 64 >table 2>compare.err ||
    fail "status $?: $(cat compare.err)"
[ "$(grep -Ec '^\| (inproc|ipc|tcp|tls\+psk) 64 B \| [0-9.]+( [kM])? \|' table)" -eq 8 ] || fail "$(cat table compare.err)"
for other in nanomsg NNG ZeroMQ; do
    grep -Eq "^$other is left out|\| $other \|" table || fail "$other is neither measured nor named"
done
