# SPDX-License-Identifier: MIT
# Debian's nanocat, which knows nothing of TLS, on this library with a policy: two of them talk sealed, as
# a listener on the way sees; one without the policy is refused, in both directions.
. "${0%/*}/libdropin.sh"
needs 'nanocat (nanomsg-utils)' command -v nanocat
needs 'a key (built without TLS?)' "$nncat" --new-key sensor
needs python3 python3 --version
leads_here "$(command -v nanocat)"

"$nncat" --new-key sensor >hub.keys
cp hub.keys dev.keys
cat >hub.policy <<END
# who listens
endpoint tcp://127.0.0.1:*
  role bind
  program nanocat
  seal $dir/hub.keys
otherwise refuse
END
cat >dev.policy <<END
# who connects
endpoint tcp://127.0.0.1:*
  role connect
  seal $dir/dev.keys
  SNDBUF 200000
otherwise refuse
END
hub() { NANOSEAL_POLICY=$dir/hub.policy ours nanocat "$@"; }
dev() { NANOSEAL_POLICY=$dir/dev.policy ours nanocat "$@"; }
bare() { ours nanocat "$@"; }

# A man in the middle: prints his port, passes all on to $1, and writes all that passes to the file $2.
cat >middle.py <<'END'
import select, socket, sys
target, seen = int(sys.argv[1]), open(sys.argv[2], "wb", buffering=0)
ear = socket.create_server(("127.0.0.1", 0))
print(ear.getsockname()[1], flush=True)
while True:
    near = ear.accept()[0]
    try:
        far = socket.create_connection(("127.0.0.1", target))
    except OSError:
        near.close()
        continue
    other = {near: far, far: near}
    try:
        while True:
            for s in select.select([near, far], [], [])[0]:
                data = s.recv(65536)
                if not data:
                    raise OSError
                seen.write(data)
                other[s].sendall(data)
    except OSError:
        near.close(), far.close()
END
# middle FILE: one before $port; sets $mid.
middle()
{
    rm -f middle.port
    python3 middle.py "$port" "$1" >middle.port 2>middle.err &
    pids="$pids $!"
    wait_for test -s middle.port
    mid=$(cat middle.port)
}

# listen WHO OPTION...: a nanocat in the background at a port that was free a moment ago. Sets $port, $pid;
# what it prints goes to WHO.out.
listen()
{
    who=$1
    shift
    for attempt in 1 2 3 4 5; do
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        "$who" "$@" --bind "tcp://127.0.0.1:$port" -A >"$who.out" 2>"$who.err" &
        pid=$!
        pids="$pids $pid"
        wait_for settled
        kill -0 "$pid" 2>/dev/null && return
    done
    fail "no port: $(cat "$who.err")"
}
settled()
{
    grep -q ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp || ! kill -0 "$pid" 2>/dev/null
}
has() { grep -q "$1" "$2"; }
hasnt() { ! grep -aq "$1" "$2" || fail "'$1' is in $2"; }

# Without a policy everything is there to be read: so the test sees what it must see.
listen bare --pull
middle plain.seen
bare --push --connect "tcp://127.0.0.1:$mid" -D 'attack at dawn'
wait_for has 'attack at dawn' bare.out
has 'attack at dawn' plain.seen || fail 'the listener hears nothing'
same 'the first bytes in plaintext' "$(head -c 3 plain.seen | od -An -tx1)" ' 00 53 50'

# With it nothing is.
listen hub --pull
middle sealed.seen
dev --push --connect "tcp://127.0.0.1:$mid" -D 'attack at dusk'
wait_for has 'attack at dusk' hub.out
[ "$(wc -c <sealed.seen)" -gt 200 ] || fail 'nothing passed the listener'
same 'the first bytes, sealed' "$(head -c 2 sealed.seen | od -An -tx1)" ' 16 03'
hasnt 'attack' sealed.seen
hasnt 'dusk' sealed.seen

# One without the policy gets nothing across, to it or from it. What a later one sends arrives.
if bare --push --connect "tcp://127.0.0.1:$port" -D intruder --send-timeout 1 2>bare.err; then
    fail 'somebody without the policy has sent'
fi
dev --push --connect "tcp://127.0.0.1:$port" -D 'all is well'
wait_for has 'all is well' hub.out
hasnt intruder hub.out

listen bare --pull
middle other.seen
if dev --push --connect "tcp://127.0.0.1:$mid" -D secret --send-timeout 1 2>dev.err; then
    fail 'somebody without the policy has received'
fi
[ -s other.seen ] || fail 'nobody tried'
hasnt secret other.seen
hasnt secret bare.out

# A request and its answer, and a key that changes while the listener runs.
listen hub --rep -D pong
same answer "$(dev --req --connect "tcp://127.0.0.1:$port" -D ping -A)" pong
"$nncat" --new-key sensor >new.keys
mv new.keys hub.keys
if dev --req --connect "tcp://127.0.0.1:$port" -D ping -A --recv-timeout 1 >dev.out 2>dev.err; then
    hasnt pong dev.out
fi
cp hub.keys dev.keys
same 'answer with the new key' "$(dev --req --connect "tcp://127.0.0.1:$port" -D ping -A)" pong

# A mistake: nanocat prints strerror, the library says where.
echo 'seal everything' >dev.policy
if dev --push --connect "tcp://127.0.0.1:$port" -D x 2>dev.err; then
    fail 'a wrong policy is none'
fi
has "nanoseal: policy: $dir/dev.policy:1: 'seal' before the first endpoint" dev.err ||
    fail "no words about it: $(cat dev.err)"
has 'Permission denied' dev.err || fail "nanocat does not say it: $(cat dev.err)"
