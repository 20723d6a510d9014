# SPDX-License-Identifier: MIT
# Shared by the matrix_*.sh, sourced: conversations between programs like nanocat, each protocol, each way round. Many
# run at once, each in a folder and at ports of its own; the hosts are this process's alone, so nobody else has them.
. "${0%/*}/libnncat.sh"
host=127.$(($$ / 256 % 250 + 1)).$(($$ % 256)).1
host_hex=01$(printf %02X%02X $(($$ % 256)) $(($$ / 256 % 250 + 1)))7F
serial=0
touch results

# new_address SCHEME: sets $at. Ports from 20000 up, of a host of ours.
new_address()
{
    serial=$((serial + 1))
    case $1 in
        ipc) at=ipc://$dir/socket$serial ;;
        ws) at=ws://$host:$((20000 + serial))/ ;;
        *) at=$1://$host:$((20000 + serial)) ;;
    esac
}

# cat_line PROGRAM ROLE bind|connect ADDRESS: the command of a program with a role. Who speaks first goes on speaking.
cat_line()
{
    format=--ascii again='-i 0.2' data='-D from-'$2 role=$2 address=$4 quiet=
    case $1 in
        nngcat) again='-i 1' ;;
        *nncat) quiet=-q ;;
    esac
    case $2 in
        rep | respondent) again= ;;
        pull | sub) again= data= ;;
    esac
    case $1-$2 in
        *-push | *-pub) format= ;;
        nngcat-pair) role=pair0 again='-i 20' ;; # its first one waits for the peer
        nngcat-req) again='-i 20' ;;
    esac
    # nngcat serves the very path that others must ask for, the others serve all.
    [ "$1-$3" = nngcat-bind ] || [ $3 = connect ] || address=${address%/}
    echo "timeout 60 $1 $quiet --$role --$3 $address $format $data $again"
}

listens()
{
    case $1 in
        ipc://*) [ -S "${1#ipc://}" ] ;;
        *) port=${1##*:}; grep -q " $host_hex:$(printf %04X "${port%/}") 00000000:0000 0A" /proc/net/tcp ;;
    esac
}
# heard FILE ROLE: what the peer of that role says, if it says something.
heard() { case $2 in pull | sub) ;; *) grep -q "from-$2" "$1" ;; esac; }
# in_time COMMAND...: whether it succeeds within 20 s; false also when one of the processes $living is gone without it.
in_time()
{
    for tries in $(seq 400); do
        "$@" && return
        for one in $living; do kill -0 "$one" 2>/dev/null || break 2; done
        sleep 0.05
    done
    "$@"
}
# said NAME: what was printed in a conversation, for people.
said() { head -c 60 "$1"/*.out "$1"/*.err | tr -s '\n' ' '; }

# end_all PID...: of this conversation.
end_all()
{
    for one; do kill "$one" 2>/dev/null || true; done
    for one; do wait "$one" 2>/dev/null || true; done
}

# tried NAME PROGRAM ROLE PROGRAM ROLE ADDRESS: a conversation, of which the first one binds.
tried()
{
    name=$1 at=$6 a= b=
    rm -rf "$name"
    rm -f "${at#ipc://}"
    mkdir "$name"
    touch "$name/a.out" "$name/b.out"
    eval "$(cat_line "$2" "$3" bind "$at")" >"$name/a.out" 2>"$name/a.err" &
    a=$! living=$! word=FAILED
    if in_time listens "$at"; then
        eval "$(cat_line "$4" "$5" connect "$at")" >"$name/b.out" 2>"$name/b.err" &
        b=$! living="$a $b"
        if in_time heard "$name/a.out" "$5" && in_time heard "$name/b.out" "$3"; then word=good; fi
    fi
    end_all $a $b
    [ $word = good ]
}

# An nngcat that a busy machine holds up for longer than its interval gives itself a time-out below zero, and ends.
held_up() { grep -q 'Cannot set recv timeout' "$1"/*.err; }

# converse NAME PROGRAM ROLE PROGRAM ROLE ADDRESS: writes a line to the results.
converse()
{
    for attempt in 1 2 3; do
        if tried "$@" || ! held_up "$1"; then break; fi
    done
    echo "$word: ${2##*/} as $3 binds, ${4##*/} as $5 connects, ${6%%:*}: $(said "$1")" >>results
}

# all_ways PEER SCHEME: nncat and the peer, each protocol, each role, each end: at the same time.
all_ways()
{
    running=
    for both in 'req rep' 'rep req' 'surveyor respondent' 'respondent surveyor' 'push pull' 'pull push' 'pub sub' \
        'sub pub' 'pair pair' 'bus bus'; do
        new_address "$2"
        converse "c$serial" "$nncat" "${both% *}" "$1" "${both#* }" "$at" &
        running="$running $!"
        new_address "$2"
        converse "c$serial" "$1" "${both#* }" "$nncat" "${both% *}" "$at" &
        running="$running $!"
    done
    for one in $running; do wait "$one" || true; done
}

# judge WANTED: so many conversations were good, and none was not. Every program has every protocol, also nngcat BUS,
# though its help does not say so.
judge()
{
    if grep '^FAILED' results; then fail 'see above'; fi
    good=$(grep -c '^good' results)
    echo "$good conversations"
    [ "$good" -eq "$1" ] || fail "expected $1"
}
