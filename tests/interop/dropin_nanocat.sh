# SPDX-License-Identifier: MIT
# Debian's nanocat binary on this library and on nanomsg: each pair of roles, either one binding, over each
# transport, in each mixture of libraries where at least one is this one.
. "${0%/*}/libdropin.sh"
needs 'nanocat (nanomsg-utils)' command -v nanocat
leads_here "$(command -v nanocat)"

transports='tcp ipc ws'
# One role, what it is given, what it hears; the same of the other. "-" is nothing. 0.1 s between messages.
cat >pairs <<'END'
pull       - news      push       news -
sub        - news      pub        news -
req        ask answer  rep        answer ask
surveyor   ask answer  respondent answer ask
bus        one two     bus        two one
pair       one two     pair       two one
END

# cat_on LIBRARY NAME ROLE SAYS HOW ADDRESS: nanocat in the background, output in NAME.out. Sets $pid.
cat_on()
{
    path= out=$2
    [ "$1" = theirs ] || path=$NANOSEAL_BUILD
    options="--$3 --$5 $6"
    [ "$4" = - ] || options="$options -D $4"
    case $3 in push | pub) ;; *) options="$options -A" ;; esac
    case $3 in rep | respondent | pull | sub) ;; *) options="$options -i 0.1" ;; esac
    LD_LIBRARY_PATH=$path timeout 30 nanocat $options >"$out.out" 2>"$out.err" &
    pid=$!
}

listens()
{
    case $1 in
        ipc:*) [ -S "${1#ipc://}" ] ;;
        *) grep -q ":$(printf %04X "${1##*:}") 00000000:0000 0A" /proc/net/tcp ;;
    esac || ! kill -0 "$2" 2>/dev/null
}

# An address of this process's own; whether a port is free shows when it is bound.
new_address()
{
    number=$((number + 1))
    host=127.$((1 + $$ / 256 % 250)).$(($$ % 256)).2
    case $1 in
        ipc) address=ipc://$dir/$number.ipc ;;
        *) address=$1://$host:$((20000 + ($(od -An -N2 -tu2 /dev/urandom) + number) % 40000)) ;;
    esac
}
number=0

stop()
{
    kill "$1" "$2" 2>/dev/null || true
    wait "$1" "$2" 2>/dev/null || true
    pids=
}

heard() { [ "$2" = - ] || grep -qx "$2" "$1.out"; }
both_heard() { heard a "$1" && heard b "$2"; }

# binds: $a_pid bound to an address of its own; three tries.
binds()
{
    for attempt in 1 2 3; do
        new_address "$1"
        cat_on "$2" a "$3" "$4" bind "$address"
        a_pid=$pid pids=$pid
        wait_for listens "$address" "$a_pid"
        ! kill -0 "$a_pid" 2>/dev/null || return 0
    done
    fail "$3 on $2 can't bind to $1: $(cat a.err)"
}

# run TRANSPORT LIBRARY LIBRARY ROLE SAYS HEARS ROLE SAYS HEARS: the first one binds.
run()
{
    binds "$1" "$2" "$4" "$5"
    cat_on "$3" b "$7" "$8" connect "$address"
    pids="$a_pid $pid"
    wait_for both_heard "$6" "$9"
    stop "$a_pid" "$pid"
    done_runs=$((done_runs + 1))
}
done_runs=0

# What is not built yet is named, and makes the test a skipped one.
lacking=
usable=
for transport in $transports; do
    new_address "$transport"
    cat_on ours probe pull - bind "$address"
    wait_for listens "$address" "$pid"
    if grep -q 'Protocol not supported' probe.err; then
        lacking="$lacking $transport"
    else
        usable="$usable $transport"
    fi
    stop "$pid" "$pid"
done

while read -r role says hears role2 says2 hears2; do
    new_address tcp
    cat_on ours probe "$role" "$says" bind "$address"
    wait_for listens "$address" "$pid"
    stop "$pid" "$pid"
    if grep -q 'Invalid argument' probe.err; then
        lacking="$lacking $role/$role2"
        continue
    fi
    for transport in $usable; do
        for libraries in 'ours ours' 'ours theirs' 'theirs ours'; do
            run $transport $libraries $role $says $hears $role2 $says2 $hears2 </dev/null
            run $transport $libraries $role2 $says2 $hears2 $role $says $hears </dev/null
        done
    done
done <pairs

echo "$done_runs runs"
[ -z "$lacking" ] || { echo "skipped: not here:$lacking"; exit 77; }
