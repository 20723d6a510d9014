# SPDX-License-Identifier: MIT
# Keys and certificates: who sent a message, wrong keys, reading the file again, choosing an identity.
. "${0%/*}/libnncat.sh"
"$nncat" --new-key alice >alice
"$nncat" --new-key bob >bob
"$nncat" --new-key alice >wrong
cat alice bob >both

serve rep tls+psk --rep --psk-file both -D hello --json
rep=$pid rep_at=$at
ask() { timeout 20 "$nncat" --req --connect "$rep_at" -D "$1" -n 1 -A --recv-timeout 5 --psk-file "$2"; }
same answer "$(ask 1 alice)" hello
same answer "$(ask 2 bob)" hello
same peers "$(sed -n 's/.*"data":"\(.\)","peer":"\([a-z]*\)","pipe":[0-9]*}$/\1 \2/p' rep.out | tr '\n' ' ')" \
    '1 alice 2 bob '

status 4 "$nncat" --req --connect "$rep_at" -D x -n 1 --recv-timeout 1 --psk-file wrong
grep -q 'no peer: .*key' status.err || fail "wrong key: $(cat status.err)"
grep -q 'wrong key' rep.err || fail "the server does not say so: $(cat rep.err)"
status 3 "$nncat" --req --connect "$rep_at" -D x
grep -q 'psk-file' status.err || fail "no key: $(cat status.err)"
chmod 640 wrong
status 3 "$nncat" --req --connect "$rep_at" -D x --psk-file wrong

# With both identities the one that is asked for is used.
for id in bob alice; do
    timeout 20 "$nncat" --req --connect "$rep_at" -D "as $id" --psk-file both --psk-identity $id >one.out
    grep -q "\"as $id\",\"peer\":\"$id\"" rep.out || fail "--psk-identity $id: $(tail -1 rep.out)"
done
status 3 "$nncat" --req --connect "$rep_at" -D x --psk-file both --psk-identity carol

# The server learns a new key for alice; a file with a fault changes nothing.
"$nncat" --new-key alice >new
cat new bob >both.new
mv both.new both
kill -HUP "$rep"
wait_for ask 3 new >new.out 2>&1
status 4 "$nncat" --req --connect "$rep_at" -D x -n 1 --recv-timeout 1 --psk-file alice
echo 'no key' >both
kill -HUP "$rep"
wait_for grep -q 'the old keys stay' rep.err
same answer "$(ask 4 new)" hello

# --stats names the peer.
serve sub tls+psk --sub --psk-file bob -n 1 --stats
timeout 20 "$nncat" -q --pub --connect "$at" --psk-file bob -D x -i 0.05 -n 200 &
pids="$pids $!"
wait "$pid"
grep -Eq 'pipe [0-9]+ .*identity bob TLS 1\.3 TLS_AES_128_GCM_SHA256' sub.err ||
    fail "--stats: $(cat sub.err)"

# Certificates: the right name is served, a wrong one and an unknown authority are not.
command -v openssl >openssl.out || exit 0
certificate() # NAME SUBJECT OPTION...
{
    name=$1 subject=$2
    shift 2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$subject" \
        -addext "subjectAltName=DNS:$subject" -keyout "$name.key" -out "$name.pem" "$@" 2>openssl.out
}
certificate hub hub.test
certificate other hub.test
serve cert tls+tcp --rep --tls-cert hub.pem --tls-key hub.key -D hello
cert() { timeout 20 "$nncat" --req --connect "$at" -D x -A --recv-timeout 5 "$@"; }
same 'with a certificate' "$(cert --tls-ca hub.pem --tls-server-name hub.test)" hello
status 4 "$nncat" --req --connect "$at" -D x -n 1 --recv-timeout 1 --tls-ca hub.pem --tls-server-name not.test
status 4 "$nncat" --req --connect "$at" -D x -n 1 --recv-timeout 1 --tls-ca other.pem --tls-server-name hub.test
