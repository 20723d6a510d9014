# SPDX-License-Identifier: MIT
# TLS 1.3 with a pre-shared key against openssl's s_client and s_server: the SP greeting, messages framed by
# hand, key updates of both kinds from their side in both roles, and refusals that look alike.
command -v openssl >/dev/null || exit 77
openssl s_client -help 2>&1 | grep -q psk_identity || exit 77
. "${0%/*}/libtls.sh"

client() # IDENTITY KEYFILE OPTION...
{
    identity=$1 key=$(key_of "$2")
    shift 2
    start client openssl s_client -connect "${at#tls+psk://}" -psk "$key" -psk_identity "$identity" "$@"
}

# They dial.
serve rep tls+psk --rep --psk-file alice -D hello --stats
rep=$pid
client alice alice -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256
printf "$req_greeting" >&3
wait_for has client.out $rep_seen
printf "$request" >&3
wait_for has client.out $answer_seen
answers=1
for letter in K k K; do
    printf '%s\n' $letter >&3
    wait_for says client.err KEYUPDATE $answers
    printf "$request" >&3
    answers=$((answers + 1))
    wait_for has client.out $answer_seen $answers
done
grep -aq 'TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256' client.out || fail 'not TLS 1.3 with AES-128-GCM'
stop

client alice alice -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256
printf "$req_greeting$request" >&3
wait_for has client.out $answer_seen
stop

# A wrong key and an unknown identity: the same bytes.
client alice wrong -tls1_3 -msg
wait "$pid" || true
grep -A1 -a 'Alert' client.out >wrong.alert || fail 'no alert for a wrong key'
stop
client bob unknown -tls1_3 -msg
wait "$pid" || true
grep -A1 -a 'Alert' client.out >unknown.alert || fail 'no alert for an unknown identity'
stop
same alerts "$(cat unknown.alert)" "$(cat wrong.alert)"
grep -q 'handshake_failure' wrong.alert || fail "alert: $(cat wrong.alert)"
wait_for grep -q 'wrong key' rep.err
wait_for grep -q 'unknown identity' rep.err

# Nothing older than TLS 1.3, nothing without our key (A55).
for offer in -tls1_2 '-tls1_2 -cipher PSK' '-tls1_2 -cipher ECDHE-PSK-CHACHA20-POLY1305'; do
    client alice alice $offer
    if wait "$pid"; then fail "accepted: $offer"; fi
    stop
done
start client openssl s_client -connect "${at#tls+psk://}" -tls1_3
if wait "$pid"; then fail 'accepted a client without a key'; fi
stop
kill "$rep"
wait "$rep" || true

# They listen.
server() # KEYFILE OPTION...
{
    key=$(key_of "$1")
    shift
    start server stdbuf -o0 openssl s_server -accept 127.0.0.1:0 -nocert -psk "$key" -psk_identity alice -tls1_3 "$@"
    wait_for grep -q '^ACCEPT 127' server.out
    at=tls+psk://$(sed -n 's/^ACCEPT //p' server.out)
}
server alice
server=$pid
timeout 30 "$nncat" --sub --connect "$at" --psk-file alice -n 4 -A >sub.out 2>sub.err &
sub=$!
pids="$pids $sub"
wait_for has server.out $sub_seen
printf "$pub_greeting" >&3
printf '\0\0\0\0\0\0\0\6first\n' >&3
wait_for grep -q first sub.out
updates=0
for letter in K k K; do
    updates=$((updates + 1))
    printf '%s\n' $letter >&3
    wait_for says server.out 'SSL_do_handshake -> 1' $updates
    printf '\0\0\0\0\0\0\0\6next %s' $updates >&3
    wait_for grep -q "next $updates" sub.out
done
wait "$sub" || fail "the subscriber ended with $?"
pid=$server
stop

server alice
server=$pid
timeout 30 "$nncat" -q --pub --connect "$at" --psk-file alice -D 'from nncat' -i 0.1 2>pub.err &
pub=$!
pids="$pids $pub"
wait_for has server.out $pub_seen
printf "$sub_greeting" >&3
wait_for grep -aq 'from nncat' server.out
printf 'K\n' >&3
wait_for says server.out 'SSL_do_handshake -> 1' 1
seen=$(grep -ao 'from nncat' server.out | wc -l)
wait_for says server.out 'from nncat' $((seen + 3))
kill "$pub"
pid=$server
stop

server wrong
status 4 "$nncat" --req --connect "$at" -D x -n 1 --recv-timeout 1 --psk-file alice
grep -q 'wrong key' status.err || fail "the dialler's reason: $(cat status.err)"
stop
