# SPDX-License-Identifier: MIT
# The programs of perf/: each runs for a moment, over each kind of transport, and prints nanomsg's lines.
. "${0%/*}/libnncat.sh"
perf=$NANOSEAL_BUILD/perf
umask 077
"$nncat" --new-key perf >keys

# lines FILE PATTERN...: the file has exactly these lines.
lines()
{
    file=$1
    shift
    [ "$(wc -l <"$file")" -eq $# ] || fail "$# lines expected of $file: $(cat "$file")"
    for pattern; do
        grep -Eqx "$pattern" "$file" || fail "$file lacks '$pattern': $(cat "$file")"
    done
}
latency() { lines "$1" "message size: $2 \[B\]" "roundtrip count: $3" 'average latency: [0-9]+\.[0-9]{3} \[us\]'; }
throughput()
{
    lines "$1" "message size: $2 \[B\]" "message count: $3" "$4: [0-9]+ \[msg/s\]" "$4: [0-9]+\.[0-9]{3} \[Mb/s\]"
}

for options in '' -p; do
    timeout 60 "$perf/inproc_lat" $options 100 50 >out
    latency out 100 50
    timeout 60 "$perf/inproc_thr" $options 100 500 >out
    throughput out 100 500 'mean throughput'
done

# between KIND PRINTS OPTION... ADDRESS SIZE COUNT: both programs, the output of $prints in out. Another process may
# take the free port first: then once more.
between()
{
    kind=$1 prints=$2
    shift 2
    for attempt in 1 2 3; do
        serve port tcp --sub
        kill "$pid"
        wait "$pid" || true
        args=$(echo "$*" | sed "s/PORT/${at##*:}/")
        rm -f socket
        timeout 60 "$perf/local_$kind" $args >local.out 2>local.err &
        local=$!
        timeout 60 "$perf/remote_$kind" $args >remote.out 2>remote.err &
        remote=$!
        pids="$pids $local $remote"
        if wait "$local"; then
            wait "$remote"
            cp "$prints.out" out
            return
        fi
        kill "$remote"
        wait "$remote" || true
    done
    fail "$kind $*: $(cat local.err remote.err)"
}
for where in tcp://127.0.0.1:PORT ipc://socket 'ws://127.0.0.1:PORT' '-k keys tls+psk://127.0.0.1:PORT'; do
    for options in '' -p; do
        between lat remote $options $where 1000 50
        latency out 1000 50
        [ ! -s local.out ] || fail "local_lat prints: $(cat local.out)"
        between thr local $options $where 1000 500
        throughput out 1000 500 throughput
        [ ! -s remote.out ] || fail "remote_thr prints: $(cat remote.out)"
    done
done

for program in inproc_lat inproc_thr local_lat remote_lat local_thr remote_thr; do
    status 1 "$perf/$program" >out
    grep -q "^usage: $program " out || fail "$program: no usage"
    status 1 "$perf/$program" tcp://127.0.0.1:1 10 x >out
    status 1 "$perf/$program" -x tcp://127.0.0.1:1 10 10 >out
done
status 1 "$perf/local_lat" nowhere 1 1
grep -q '^nowhere: ' status.err || fail "no reason: $(cat status.err)"
