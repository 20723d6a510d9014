# SPDX-License-Identifier: MIT
# Debian's Criterion, which forks and execs a lot and speaks through nanomsg inside: its report of the
# same tests is the same on this library as on nanomsg.
. "${0%/*}/libdropin.sh"
needs 'a C compiler' "${CC:=cc}" --version
printf '#include <criterion/criterion.h>\nTest(a, b) {}\n' >probe.c
needs libcriterion-dev "$CC" probe.c -o probe -lcriterion

"$CC" "$NANOSEAL_SOURCE/tests/interop/criterion.c" -o tests -lcriterion
leads_here "$(ldd tests | sed -n 's/.*libcriterion[^ ]* => \([^ ]*\).*/\1/p')"

# report: the status and what was told of each test, without times, sorted since they run side by side.
report()
{
    got=0
    timeout 120 ./tests --tap -j4 >tap 2>criterion.err || got=$?
    echo "status $got"
    sed 's/([0-9.]*s)//; s/ *$//' tap | sort
}
(report) >theirs
(export LD_LIBRARY_PATH="$NANOSEAL_BUILD"; report) >ours
diff theirs ours || fail 'reports differ'

same 'tests that passed' "$(grep -c '^ok' ours)" 44
same 'tests that failed' "$(grep -c '^not ok' ours)" 3
echo "$(grep -c 'ok ' ours) tests of Criterion"
