# SPDX-License-Identifier: MIT
# nncat does what Debian's nanocat does on the same command lines: what is printed to stdout, the exit
# status, and that there is a word on stderr when it failed. Conversations are held four times: by nanocat
# with itself, which says what is right, by nncat with itself, and by both ways of mixing them.
#
# What differs on purpose is not here: nncat takes port 0, aborts for no command line (nanocat does for an empty file,
# for --pull -F FILE and for -d -1), waits for parts of a second in --recv-timeout (nanocat takes those as 0), does not
# lose a message by ending at once, has more options (so fewer abbreviations of long ones), says more on stderr, and
# removes the socket file of ipc at the end.
. "${0%/*}/libnncat.sh"
command -v nanocat >/dev/null || { echo 'nanocat (nanomsg-utils) is missing' >&2; exit 77; }
nanocat=$(command -v nanocat)
printf 'a"b\\c\n\t\r\001\177\377\303\251?' >bytes
head -c 300 /dev/urandom >long
head -c 70000 /dev/zero >longer
mkdir nano ours
for protocol in req rep pub sub push pull surveyor respondent bus pair foo; do
    ln -s "$nanocat" nano/nn_$protocol
    ln -s "$nncat" ours/nn_$protocol
done
ln -s "$nanocat" nano/cat
ln -s "$nncat" ours/cat

# alone NAME OPTION...: without a peer. NAME is cat, or nn_req and so on.
alone()
{
    name=$1
    shift
    for who in nano ours; do
        got=0
        timeout 10 "$who/$name" "$@" >$who.out 2>$who.err <bytes || got=$?
        echo $got >$who.status
        [ $got -eq 0 ] || [ -s $who.err ] || fail "$who says nothing about: $name $*"
    done
    cmp nano.status ours.status || fail "$name $*: status $(cat nano.status ours.status | tr '\n' ' '): $(cat ours.err)"
    cmp nano.out ours.out || fail "$name $*: other output"
    cases=$((cases + 1))
}
cases=0
at='--bind ipc://alone'
alone cat
alone cat --sub
alone cat $at
alone cat --sub --pub -D x $at
alone cat --sub --sub $at
for protocol in req pub push surveyor; do
    alone cat --$protocol $at
    alone nn_$protocol $at
done
alone cat --req $at -D a -D b
alone cat --req $at -D a -F bytes
alone cat --req $at -F no-such-file
for protocol in sub pull; do
    alone cat --$protocol $at -D x
    alone cat --$protocol $at -i 1
    alone cat --$protocol $at --send-timeout 1
done
for protocol in push pub; do
    for option in -A -Q --raw --hex --msgpack '--format hex' '--format no' '--recv-timeout 1'; do
        alone cat --$protocol $at -D x $option
    done
done
for protocol in push pull pub req rep surveyor respondent bus pair; do
    alone cat --$protocol $at -D x --subscribe x
done
alone cat --sub $at --no-such-option
alone cat --sub $at extra
alone cat --sub $at --format fancy
alone cat --sub $at --recv-timeout soon
alone cat --sub $at --recv-timeout ''
alone cat --sub $at --recv-timeout
alone cat --pub $at -D
alone cat --pub $at -D x -i x
alone cat --pub $at -D x -d x
alone cat --sub $at --raw=x
alone nn_req $at --rep
alone nn_req $at --req -D x
alone nn_foo $at
# Addresses.
alone cat --sub --bind nowhere
alone cat --sub --connect nowhere
alone cat --sub --bind nothing://x
alone cat --sub -L no-port
alone cat --sub -L 65536
alone cat --sub -l no-port
alone cat --sub -L ''
alone cat --sub -X no-such-folder/socket
alone cat --sub --connect tcp://
alone cat --pub -D x --bind tcp://127.0.0.1:x --connect nowhere
# Time-outs without a peer: receiving is well then, sending is not.
away='--connect ipc://nobody'
for protocol in sub pull rep respondent bus pair; do
    alone cat --$protocol $at --recv-timeout 0.1
    alone cat --$protocol $away --recv-timeout 1e-1
    alone nn_$protocol -x nobody --recv-timeout .1 -A
done
alone cat --sub $at --recv-timeout 0
alone cat --sub $at --recv-timeout 0.1 --subscribe a --subscribe '' --socket-name x -vvq
alone cat --rep $at --recv-timeout 0.1 -D x -i 5
alone cat --req $away -D x --recv-timeout 0.1
alone cat --push $away -D x --send-timeout 0.1
alone cat --pair $away -D x --send-timeout 0.1
alone cat --pub $away -D x
alone cat --pub $at -D x -d 0.1
alone cat --pub $at -D x -i -1
alone cat --bus $away -D x --recv-timeout 0.1
alone cat --surveyor $away -D x
alone cat --surveyor $away -D x --recv-timeout 0.1

# side FILE COMMAND...: runs it, notes how it ended. What would go on for ever gets three seconds.
side()
{
    file=$1 got=0
    shift
    case "$*" in
        *--recv-timeout*) patience=20 ;;
        *) case "$first $second" in *' -i '*) patience=3 ;; *) patience=20 ;; esac ;;
    esac
    timeout $patience "$@" >"$file.out" 2>"$file.err" <../bytes || got=$?
    echo $got >"$file.status"
}
# hold SERVER CLIENT FOLDER: one conversation, in a folder of its own. The words of $first and $second are options.
hold()
{
    mkdir "$3"
    cd "$3"
    umask 022
    side first ../$1/cat $first &
    server=$!
    wait_for test -e socket
    side second ../$2/cat $second
    wait $server
}
# talk OPTIONS OPTIONS: the first binds, the second connects. Lines that repeat are counted as one: how often depends on
# the clock, and is checked by `more`.
talk()
{
    first="$1 -X socket" second="$2 -x socket"
    for pair in nano_nano ours_ours nano_ours ours_nano; do
        rm -rf $pair
        hold ${pair%_*} ${pair#*_} $pair &
        pids="$pids $!"
        eval "$pair=\$!"
    done
    wait $nano_nano
    wait $ours_ours
    wait $nano_ours
    wait $ours_nano
    for pair in ours_ours nano_ours ours_nano; do
        for part in first second; do
            for kind in $kinds; do
                uniq nano_nano/$part.$kind >right
                uniq $pair/$part.$kind | cmp right - ||
                    fail "$pair, $first; $second: $kind of the $part: $(uniq $pair/$part.$kind | od -c | head -n 20)"
            done
        done
    done
    cases=$((cases + 1))
}
kinds='status out'
# more FILE N: in each conversation just held it has at least so many lines.
more()
{
    for pair in nano_nano ours_ours nano_ours ours_nano; do
        [ "$(wc -l <$pair/$1.out)" -ge "$2" ] || fail "$pair, $first; $second: $1 has fewer than $2 lines"
    done
}
end='--recv-timeout 1'
for format in -A -Q --raw --hex --msgpack '--format ascii' '--format quoted' '--format no' ''; do
    talk "--rep -D pong $format $end" "--req -F ../bytes $format"
done
more first 0
talk "--rep -F ../long -A $end" '--req -F ../longer --hex'
talk "--rep -F ../longer --msgpack $end" '--req -F ../long --msgpack'
talk "--rep --data= -A $end" '--req --data= -Q'
talk "--rep -F - -A $end" '--req -F - --raw'
talk "--rep -A $end" "--req -D ping -A $end"
talk "--rep -D pong -Q" '--req -D ping -i 0.2 -Q'
more first 3
more second 3
talk '--req -D ping -i 0.2 -A' '--rep -D pong -A'
more second 3
talk '--push -D one -i 0.2' '--pull -A'
more second 3
talk '--pull -Q' '--push -F - -i 0.2'
# nanocat ends as soon as it has sent, and what it has sent may be lost.
kinds=status
talk "--pull --raw $end" '--push -F -'
cmp ours_ours/first.out bytes
talk '--push -F -' "--pull --raw $end"
cmp ours_ours/second.out bytes
talk "--sub --raw $end" '--pub -F - -d 0.5'
cmp ours_ours/first.out bytes
kinds='status out'
talk '--pub -D news -i 0.2' '--sub -A'
more second 3
talk '--sub -Q --subscribe ne --subscribe n' '--pub -D news -i 0.2'
talk '--pub -D news -i 0.2' "--sub --subscribe x --subscribe newsx -Q $end"
talk "--pair -D left -A $end" "--pair -D right -Q $end"
talk "--pair -A $end" "--pair -D right -A $end"
talk '--pair -D left -i 0.2 -A' '--pair -D right -i 0.2 -A'
more first 3
more second 3
talk "--bus -A $end" "--bus -D x -d 0.3 -A $end"
talk '--bus -D left -i 0.2 -A' '--bus -D right -i 0.2 -A'
more first 3
talk "--respondent -D here -A $end" '--surveyor -D who -d 0.3 -A'
talk "--respondent -A $end" '--surveyor -D who -d 0.3 -A'
talk '--surveyor -D who -d 0.3 -A' "--respondent -D here -A $end"
talk '--surveyor -D who -i 0.3 -A' '--respondent -D here -A'
more first 2

echo "$cases command lines and conversations"
