# SPDX-License-Identifier: MIT
# The command line: what is wrong is said and ends with status 1, links choose a protocol, --help and
# --version work, --new-key makes lines for key files.
. "${0%/*}/libnncat.sh"

status 1 "$nncat"
grep -q 'which protocol' status.err || fail 'no protocol: no hint'
status 1 "$nncat" --sub
status 1 "$nncat" --sub --pub -D x -L 1
status 1 "$nncat" --req -l 1
grep -q -- '--data' status.err || fail 'no data: no hint'
status 1 "$nncat" --sub -l 1 --no-such-option
status 1 "$nncat" --sub -l 1 --recv-timeout soon
status 1 "$nncat" --sub -l 1 --count 0
status 1 "$nncat" --sub -l 1 --format fancy
status 1 "$nncat" --sub -l 1 extra
status 1 "$nncat" --req -l 1 -D a -D b
status 1 "$nncat" --sub -l 1 --tls-verify maybe
status 1 "$nncat" --sub -l 1 --psk-identity alice
status 1 "$nncat" --pub -l 1 -D x --subscribe y
status 3 "$nncat" --sub --bind nothing://x
status 2 "$nncat" --req -l 1 -F no-such-file

ln -s "$nncat" nn_req
status 1 ./nn_req -l 1
grep -q -- '--req needs' status.err || fail 'nn_req is not --req'

"$nncat" --help >help
for word in req rep pub sub psk-file new-key json stats count; do
    grep -q -- "--$word" help || fail "--help lacks --$word"
done
"$nncat" --version | grep -q '^nncat (nanoseal) [0-9]' || fail '--version'

"$nncat" --new-key 'a b:%#' >key 2>status.err
grep -Eq '^a%20b%3A%25%23:[0-9a-f]{64}$' key || fail "--new-key: $(cat key)"
[ ! -s status.err ] || fail '--new-key complains of a private file'
[ "$("$nncat" --new-key a)" != "$("$nncat" --new-key a)" ] || fail 'two keys are the same'
(umask 022; "$nncat" --new-key a >open 2>status.err)
grep -q 'chmod 600' status.err || fail '--new-key does not warn of a file that others may read'
status 1 "$nncat" --new-key ''
