# SPDX-License-Identifier: MIT
# The example of README.md, taken out of it, compiled as it is there, and run: two processes, one key.
. "${0%/*}/libnncat.sh"
lines=25

awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' "$NANOSEAL_SOURCE/README.md" >hello.c
[ "$(wc -l <hello.c)" -le $lines ] || fail "it has more than $lines lines"
flags=
! grep -q 'NANOSEAL_SANITIZE:STRING=address' "$NANOSEAL_BUILD/CMakeCache.txt" ||
    flags='-fsanitize=address,undefined'
! grep -q 'NANOSEAL_SANITIZE:STRING=thread' "$NANOSEAL_BUILD/CMakeCache.txt" || flags=-fsanitize=thread
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$NANOSEAL_BUILD/CMakeCache.txt")
"${compiler:-cc}" -std=c11 -Wall -Wextra -Werror $flags -I"$NANOSEAL_SOURCE/include" hello.c -o hello \
    -L"$NANOSEAL_BUILD" -lnanoseal -Wl,-rpath,"$NANOSEAL_BUILD"

"$nncat" --new-key alice >keys
"$nncat" --new-key alice >wrong
./hello keys answer 'tls+psk://127.0.0.1:0' >answer.out 2>answer.err &
pid=$!
pids="$pids $pid"
wait_for grep -q '^tls+psk://' answer.err
at=$(cat answer.err)
same 'the answer' "$(timeout 20 ./hello keys ask "$at")" hello
wait "$pid" || fail 'who answers ended with an error'
same 'the question' "$(cat answer.out)" hello
status 1 ./hello no-such-file ask "$at"
