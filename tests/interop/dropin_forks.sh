# SPDX-License-Identifier: MIT
# A program built for nanomsg that forks without exec, on this library.
. "${0%/*}/libdropin.sh"
needs 'a C compiler' "${CC:=cc}" --version
needs libnanomsg-dev test -e /usr/include/nanomsg/nn.h
"$CC" "$NANOSEAL_SOURCE/tests/interop/forks.c" -o forks -lnanomsg
leads_here ./forks
for loops in 1 2; do
    same "$loops loops" "$(export NANOSEAL_IO_THREADS=$loops; ours timeout 100 ./forks)" '8 children, 400 answers'
done
