# SPDX-License-Identifier: MIT
# Each output format, byte by byte.
. "${0%/*}/libnncat.sh"

printf 'a"b\\c\n\t\r\001\377\303\251' >data
# shown FORMAT: what a subscriber prints of it
shown()
{
    serve "$1" tcp --sub "--$1" -n 1
    timeout 20 "$nncat" -q --pub --connect "$at" -F data -i 0.05 -n 100 &
    pids="$pids $!"
    wait "$pid"
}
shown raw; cmp raw.out data
shown ascii; same ascii "$(cat ascii.out)" 'a"b\c.......'
shown quoted; same quoted "$(cat quoted.out)" '"a\"b\\c\n\x09\r\x01\xff\xc3\xa9"'
shown hex; same hex "$(cat hex.out)" '"\x61\x22\x62\x5c\x63\x0a\x09\x0d\x01\xff\xc3\xa9"'
shown msgpack
{ printf '\304\014'; cat data; } | cmp - msgpack.out
shown json
grep -Eq '^\{"time":"[0-9]{4}-[0-9-]{5}T[0-9:]{8}\.[0-9]{6}Z","bytes":12,"data_hex":"6122625c630a090d01ffc3a9","pipe":[0-9]+\}$' json.out ||
    fail "json: $(cat json.out)"
printf 'h"\303\251\\\n' >data
shown json
grep -q '"bytes":6,"data":"h\\"é\\\\\\u000a"' json.out || fail "json: $(cat json.out)"
