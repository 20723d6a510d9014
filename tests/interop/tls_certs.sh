# SPDX-License-Identifier: MIT
# Certificates made by `openssl req`, with openssl at the other end: mutual TLS works in both roles, also with an RSA key
# and an intermediate authority; a wrong name, an unknown authority, an expired certificate and none at all are
# refused, with the reason said.
command -v openssl >/dev/null || exit 77
. "${0%/*}/libtls.sh"

authority() # NAME
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.pem" 2>openssl.out || fail "$(cat openssl.out)"
}
certificate() # NAME AUTHORITY SAN KEYTYPE OPTION...
{
    name=$1 by=$2 san=$3 type=$4
    shift 4
    openssl req -new -newkey $type -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" \
        2>openssl.out || fail "$(cat openssl.out)"
    printf '%s\n' "$san" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA "$by.pem" -CAkey "$by.key" -CAcreateserial -extfile "$name.ext" \
        -out "$name.pem" "$@" 2>openssl.out || fail "$(cat openssl.out)"
}
ec='ec -pkeyopt ec_paramgen_curve:prime256v1'
authority root
authority stranger
certificate middle root 'basicConstraints=critical,CA:true' "$ec" -days 2
certificate hub root 'subjectAltName=DNS:hub.example,IP:127.0.0.1' "$ec" -days 2
certificate other root 'subjectAltName=DNS:other.example' "$ec" -days 2
certificate device middle 'subjectAltName=DNS:device.example' rsa:2048 -days 2
certificate foreign stranger 'subjectAltName=DNS:hub.example,IP:127.0.0.1' "$ec" -days 2
past='-not_before 20200101000000Z -not_after 20200102000000Z' # from OpenSSL 3.4 on; then no negative days
openssl x509 -help 2>&1 | grep -q not_before || past='-days -1'
certificate old root 'subjectAltName=IP:127.0.0.1' "$ec" $past
cat device.pem middle.pem >device.chain

hub() { serve rep tls+tcp --rep --tls-ca root.pem --tls-cert "$1.pem" --tls-key "$1.key" -D hello --json; }
ask() # NAME OPTION...
{
    device=$1
    shift
    timeout 20 "$nncat" --req --connect "$at" -D x -n 1 -A --recv-timeout 1 --tls-ca root.pem \
        --tls-cert "$device" --tls-key "${device%.*}.key" "$@"
}
refused() # WORDS COMMAND...
{
    words=$1 got=0
    shift
    "$@" 2>status.err || got=$?
    [ $got -eq 4 ] || fail "status $got, not 4: $*: $(cat status.err)"
    grep -q "$words" status.err || fail "not '$words': $(cat status.err)"
}

# Ourselves on both sides: the host of the address is the name, here an IP address.
hub hub
same answer "$(ask device.chain)" hello
same 'answer with a name' "$(ask device.chain --tls-server-name hub.example)" hello
refused certificate ask device.chain --tls-server-name other.example
refused certificate ask foreign.pem
wait_for grep -q certificate rep.err
refused certificate timeout 20 "$nncat" --req --connect "$at" -D x -n 1 -A --recv-timeout 1 --tls-ca root.pem
refused certificate timeout 20 "$nncat" --req --connect "$at" -D x -n 1 -A --recv-timeout 1 --tls-ca stranger.pem \
    --tls-cert device.chain --tls-key device.key

# openssl dials, with a certificate, without one, with a foreign one.
client()
{
    start client openssl s_client -connect "${at#tls+tcp://}" -CAfile root.pem -verify_return_error -tls1_3 \
        -verify_hostname hub.example -servername hub.example "$@"
}
client -cert device.pem -cert_chain middle.pem -key device.key
printf "$req_greeting$request" >&3
wait_for has client.out $answer_seen
stop
client
printf "$req_greeting$request" >&3
if wait "$pid"; then fail 'a client without a certificate was served'; fi
stop
client -cert foreign.pem -key foreign.key
printf "$req_greeting$request" >&3
if wait "$pid"; then fail 'a foreign certificate was served'; fi
stop

for wrong in other foreign old; do
    hub $wrong
    refused certificate ask device.chain
done

# openssl listens.
server()
{
    start server stdbuf -o0 openssl s_server -accept 127.0.0.1:0 -tls1_3 -CAfile root.pem -Verify 3 \
        -verify_return_error -cert "$1.pem" -key "$1.key"
    wait_for grep -q '^ACCEPT 127' server.out
    at=tls+tcp://$(sed -n 's/^ACCEPT //p' server.out)
}
server hub
server=$pid
timeout 30 "$nncat" --sub --connect "$at" --tls-ca root.pem --tls-cert device.chain --tls-key device.key -n 1 -A \
    >sub.out 2>sub.err &
sub=$!
pids="$pids $sub"
wait_for has server.out $sub_seen
printf "$pub_greeting"'\0\0\0\0\0\0\0\6sealed' >&3
wait "$sub" || fail "the subscriber: $(cat sub.err)"
grep -q sealed sub.out || fail 'the message did not come'
pid=$server
stop
for wrong in other foreign; do
    server $wrong
    refused certificate ask device.chain
    stop
done
