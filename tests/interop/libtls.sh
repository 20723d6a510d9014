# SPDX-License-Identifier: MIT
# For the tests of TLS against other programs, sourced: SP framed by hand, through the stdin of theirs.
. "${0%/*}/libnncat.sh"

"$nncat" --new-key alice >alice
"$nncat" --new-key alice >wrong
"$nncat" --new-key bob >unknown
key_of() { sed 's/^[^:]*:\([0-9a-f]*\).*/\1/' "$1"; }

# start NAME COMMAND...: in the background, its stdin is the descriptor 3 of this shell from now on.
start()
{
    name=$1
    shift
    rm -f "$name.in"
    mkfifo "$name.in"
    rm -f "$name.out" "$name.err" # what an earlier one said must not be taken for its words
    "$@" <"$name.in" >"$name.out" 2>"$name.err" &
    pid=$!
    pids="$pids $pid"
    exec 3>"$name.in"
}
# stop: ends the one started last.
stop()
{
    exec 3>&-
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}
# has FILE HEX [N]: whether the file holds these bytes, N times at least.
has() { [ "$(od -An -v -tx1 "$1" | tr -d ' \n' | grep -o "$2" | wc -l)" -ge "${3:-1}" ]; }
# says FILE TEXT [N]: the same for text.
says() { [ "$(grep -ao "$2" "$1" | wc -l)" -ge "${3:-1}" ]; }

# Greetings of the protocols, as escapes for printf and as hex digits.
req_greeting='\0SP\0\0\060\0\0' rep_seen=0053500000310000
pub_greeting='\0SP\0\0\040\0\0' sub_seen=0053500000210000
sub_greeting='\0SP\0\0\041\0\0' pub_seen=0053500000200000
# A request of id 0x80000001 and 4 bytes of body; its answer of 5.
request='\0\0\0\0\0\0\0\010\200\0\0\001ping' answer_seen=00000000000000098000000168656c6c6f
