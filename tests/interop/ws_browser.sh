# SPDX-License-Identifier: MIT
# A page in a real browser (Debian's chromium-headless-shell, or CHROMIUM) talks to REP, PUB and PAIR sockets over ws,
# and reports to the REP what it saw. NANOSEAL_SETUP_BROWSER=1 scripts/setup installs the browser.
. "${0%/*}/libnncat.sh"
browser=${CHROMIUM:-$(command -v chromium-headless-shell || command -v chromium || true)}
[ -n "$browser" ] || { echo 'skipped: no chromium-headless-shell, which is large: set NANOSEAL_SETUP_BROWSER=1 for scripts/setup' >&2; exit 77; }
page=$(cd "${0%/*}" && pwd)/ws_browser.html

serve rep ws --rep -D pong -A
rep=$at
serve pub ws --pub -D 'fresh news' -i 0.1
pub=$at publisher=$pid
serve pair ws --pair -D 'hello page' -i 0.1 --raw
timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
    --user-data-dir="$dir/profile" --remote-debugging-port=0 \
    "file://$page#${rep##*:},${pub##*:},${at##*:}" >browser.out 2>browser.err &
window=$!
pids="$pids $window"

told() { grep -q "^page: $1" rep.out || { ! grep -q '^page: failed' rep.out || fail "$(grep 'page: failed' rep.out)"; false; }; }
tries=1200 # the browser takes its time to start
until told ready; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || fail "the page is not ready: $(cat rep.out) $(tail -n 3 browser.err)"
    sleep 0.05
done
told 'protocol rep.sp.nanomsg.org' || fail "protocol: $(cat rep.out)"
told 'answer pong' || fail 'no answer'
told 'news fresh news' || fail 'no news'
told 'friend hello page' || fail 'no friend'
told 'echo 4 of 300000' || fail 'a large question'
told 'refused sub: no connection' || fail 'a wrong protocol was not refused'
wait_for grep -q 'grüße als Text' pair.out

# The publisher ends in order, and the page hears 1000.
kill -INT "$publisher"
wait_for told 'closed 1000 true'
echo 'the page: ' && grep '^page: ' rep.out

# Its processes go on writing for a moment.
kill "$window"
wait "$window" || true
forget() { rm -rf "$dir/profile" 2>rm.err; }
wait_for forget
