# SPDX-License-Identifier: MIT
# Debian's janus (a WebRTC server) with its two nanomsg plugins on this library: the transport answers a
# question over PAIR, and the event handler publishes what then happens. Debian 13 has no janus.
. "${0%/*}/libdropin.sh"
needs 'janus' command -v janus
plugin=$(find /usr/lib -name libjanus_nanomsg.so | head -n 1)
handler=$(find /usr/lib -name libjanus_nanomsgevh.so | head -n 1)
needs "janus' nanomsg plugins" test -n "$plugin" -a -n "$handler"
leads_here "$plugin"
leads_here "$handler"

# A janus with nothing but these two.
mkdir conf plugins transports events loggers
ln -s "$plugin" transports/
ln -s "$handler" events/
cat >conf/janus.jcfg <<END
general: {
    configs_folder = "$dir/conf"
    plugins_folder = "$dir/plugins"
    transports_folder = "$dir/transports"
    events_folder = "$dir/events"
    loggers_folder = "$dir/loggers"
    server_name = "sealed"
}
nat: { ice_lite = false }
media: { rtp_port_range = "40000-40100" }
events: { broadcast = true }
END
cat >conf/janus.transport.nanomsg.jcfg <<END
general: { enabled = true, json = "compact", address = "ipc://$dir/api.ipc" }
admin: { admin_enabled = false }
END
cat >conf/janus.eventhandler.nanomsgevh.jcfg <<END
general: { enabled = true, events = "all", grouping = false, json = "compact", mode = "bind", address = "ipc://$dir/events.ipc" }
END

LD_LIBRARY_PATH=$NANOSEAL_BUILD janus -F "$dir/conf" -o -i 127.0.0.1 >janus.err 2>&1 &
janus=$! pids=$!
there() { [ -S api.ipc ] && [ -S events.ipc ] || ! kill -0 "$janus" 2>/dev/null; }
wait_for there
kill -0 "$janus" || fail 'janus has ended'
grep -q "libnanoseal" "/proc/$janus/maps" || fail 'janus runs without this library'

"$nncat" -q --sub --connect "ipc://$dir/events.ipc" -A >events.out 2>events.err &
pids="$pids $!"
ask() { timeout 20 "$nncat" -q --pair --connect "ipc://$dir/api.ipc" -D "$1" -n 1 -A; }
ask '{"janus":"info","transaction":"one"}' >info
grep -q '"janus":"server_info","transaction":"one"' info || fail "answer: $(cat info)"

# Each session is an event; the subscription may come after the first.
session() { ask '{"janus":"create","transaction":"two"}' >create && grep -q '"janus":"success"' create && grep -q session_id events.out; }
wait_for session
kill "$janus"
wait "$janus" || true
[ ! -e api.ipc ] || fail 'janus left its socket file'
echo 'janus answered and published'
