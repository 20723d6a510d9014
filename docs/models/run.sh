#!/bin/sh
# SPDX-License-Identifier: MIT
# Verifies the models of this folder, each search complete, and sees every mutant caught.
# usage: run.sh [build folder]
# status: 0 all as expected, 1 not so, 77 spin or a C compiler is missing

here=$(cd "$(dirname "$0")" && pwd) || exit 1
cc=${CC:-cc}
for tool in spin "$cc"; do
    command -v "$tool" >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
if [ $# -gt 0 ]; then
    work=$1
    mkdir -p "$work" || exit 1
else
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
fi
cd "$work" || exit 1
bad=0

# search MODEL ends|cycles DEFINES...: pan's report goes to out, what it found to $found
# "ends" looks at every state (assertions, what is left at the end), "cycles" at endless runs too.
search() {
    model=$1 kind=$2
    shift 2
    rm -f pan pan.* out ./*.trail
    spin "$@" -a "$here/$model" >out 2>&1 || { found="spin: $(tail -n 1 out)"; return 1; }
    case $kind in
    ends) how=-DSAFETY run= ;;
    cycles) how=-DNP run=-l ;;
    esac
    # NOREDUCE: no partial order reduction, so nothing rests on its conditions. COLLAPSE is exact.
    "$cc" ${optimise:--O1} -w $how -DNOREDUCE -DCOLLAPSE -DMEMLIM=3000 -o pan pan.c >out 2>&1 ||
        { found="cc: $(tail -n 1 out)"; return 1; }
    ./pan -m100000 $run >out 2>&1
    found=$(sed -n 's/^pan:1: *//p' out | sed 's/  */ /g')
}

figures() {
    sed -n -e 's/^ *\([0-9]*\) states, stored.*/\1 states/p' \
        -e 's/^ *\([0-9]*\)\.[0-9]*\ttotal actual memory usage.*/\1 MB/p' \
        -e 's/^pan: elapsed time \(.*\) seconds/\1 s/p' out | paste -s -d , - | sed 's/,/, /g'
}

# verify MODEL KIND DEFINES...: a complete search without an error
verify() {
    search "$@"
    what="$1 $2"
    shift 2
    if grep -q 'errors: 0$' out && [ -z "$found" ] && grep -q 'total actual memory usage' out &&
        ! grep -qiE 'depth too small|not completed|out of memory|memory bound' out; then
        echo "ok    verified $what${*:+ }$*: $(figures)"
    else
        : "${found:=$(grep -iE -m 1 'too small|memory|not completed' out)}"
        echo "FAIL  verified $what${*:+ }$*: ${found:-$(tail -n 1 out)}"
        bad=1
    fi
}

# mutant MODEL KIND NAME DEFINES...: an error is found, of a property and not of the search
mutant() {
    model=$1 kind=$2 name=$3
    shift 3
    optimise=-O0 # compiles six times as fast; most mutants are found in an instant
    search "$model" "$kind" "-D$name" "$@"
    case $found in
    'assertion violated'* | 'invalid end state'* | 'non-progress cycle'*)
        echo "ok    caught $name: $found" ;;
    *)
        echo "FAIL  not caught $name: ${found:-no error}"
        bad=1 ;;
    esac
}

verify token.pml ends
verify token.pml ends -DONE_SOCKET -DEAGER
verify token.pml ends -DINPROC_ONLY -DN_INPROC=2
verify token.pml cycles -DINPROC_ONLY
verify token.pml cycles -DONE_SOCKET -DN_TIMER=0
verify pipe.pml ends
verify pipe.pml cycles -DN_SEND=1

# Every mutant named in a model is run, with the search and the shape that it needs.
for model in token.pml pipe.pml; do
    for name in $(grep -oE '\bMUTANT_[A-Z_]+[A-Z]' "$here/$model" | sort -u); do
        case $name in
        MUTANT_NO_BATON) mutant $model ends "$name" -DONE_SOCKET ;;
        MUTANT_PROMOTES_ANYBODY) mutant $model ends "$name" -DINPROC_ONLY ;;
        MUTANT_HELPER_NEVER_PARKS | MUTANT_KICK_NOT_READ | MUTANT_WANT_OUT_STAYS | \
            MUTANT_DEAD_STAYS_WATCHED) mutant $model cycles "$name" ;;
        *) mutant $model ends "$name" ;;
        esac
    done
done
exit $bad
