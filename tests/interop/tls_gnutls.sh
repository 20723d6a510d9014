# SPDX-License-Identifier: MIT
# TLS 1.3 with a pre-shared key against gnutls-cli and gnutls-serv: the SP greeting, messages framed by hand,
# refusals that look alike. Their programs have no command for a key update, and gnutls-serv cannot be made
# to say arbitrary bytes, so with it the handshake is the test.
command -v gnutls-cli >/dev/null && command -v gnutls-serv >/dev/null || exit 77
. "${0%/*}/libtls.sh"
priority=NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+PSK

client() # IDENTITY KEYFILE OPTION...
{
    identity=$1 key=$(key_of "$2")
    shift 2
    start client stdbuf -o0 gnutls-cli -p "${at##*:}" 127.0.0.1 --pskusername "$identity" --pskkey "$key" "$@"
}

# They dial.
serve rep tls+psk --rep --psk-file alice -D hello --stats
rep=$pid
client alice alice --priority "$priority"
wait_for says client.out 'Handshake was completed'
printf "$req_greeting" >&3
wait_for has client.out $rep_seen
printf "$request" >&3
wait_for has client.out $answer_seen
printf "$request" >&3
wait_for has client.out $answer_seen 2
stop

client alice wrong --priority "$priority"
if wait "$pid"; then fail 'a wrong key was accepted'; fi
stop
cat client.out client.err | grep -ai 'alert' | sort -u >wrong.alert || fail 'no alert for a wrong key'
client bob unknown --priority "$priority"
if wait "$pid"; then fail 'an unknown identity was accepted'; fi
stop
cat client.out client.err | grep -ai 'alert' | sort -u >unknown.alert
same alerts "$(cat unknown.alert)" "$(cat wrong.alert)"
wait_for grep -q 'wrong key' rep.err
wait_for grep -q 'unknown identity' rep.err
kill "$rep"
wait "$rep" || true

# They listen. gnutls-serv takes no port 0, so a free one is found by having nncat take and leave it.
serve sub tcp --sub
port=${at##*:}
kill "$pid"
wait "$pid" || true
printf 'alice:%s\n' "$(key_of alice)" >psk.txt
stdbuf -o0 gnutls-serv -p "$port" --echo --pskpasswd psk.txt --priority "$priority" >serv.out 2>serv.err &
pids="$pids $!"
timeout 20 "$nncat" --sub --connect "tls+psk://127.0.0.1:$port" --psk-file alice --recv-timeout 10 2>sub.err &
sub=$!
pids="$pids $sub"
wait_for says serv.out 'PSK authentication. Connected as .alice'
kill "$sub"
wait "$sub" || true
