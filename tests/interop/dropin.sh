# SPDX-License-Identifier: MIT
# The files with nanomsg's names: what they are, and that programs built for nanomsg and programs built
# with these files run on this library.
. "${0%/*}/libdropin.sh"
needs 'a C compiler' "${CC:=cc}" --version
here=$NANOSEAL_SOURCE/tests/interop

for number in 5 6; do
    stub=$NANOSEAL_BUILD/libnanomsg.so.$number
    readelf -dW "$stub" >stub.dyn
    grep -q "SONAME.*\[libnanomsg.so.$number\]" stub.dyn || fail "$stub has another name"
    grep -q 'NEEDED.*\[libnanoseal.so.0\]' stub.dyn || fail "$stub does not need libnanoseal"
    grep -q 'RUNPATH.*\[$ORIGIN\]' stub.dyn || fail "$stub does not look beside itself"
    same "symbols of $stub" "$(nm -D --defined-only "$stub")" ''
done

# Built with our headers and libnanomsg.so: all functions are there, and it needs libnanoseal alone.
"$CC" -I "$NANOSEAL_SOURCE/include" "$here/dropin.c" -o new -L "$NANOSEAL_BUILD" -lnanomsg \
    -Wl,--no-undefined
readelf -dW new >new.dyn
grep -q 'NEEDED.*\[libnanoseal.so.0\]' new.dyn || fail 'not linked with libnanoseal'
! grep -q 'NEEDED.*libnanomsg' new.dyn || fail 'linked with libnanomsg'
same 'libraries of a new program' "$(ours ./new)" "$NANOSEAL_BUILD/libnanoseal.so.0"

# Built for nanomsg 1.2 and later, whose library has another number; a library of that name to link with.
nm -D --defined-only "$NANOSEAL_BUILD/libnanoseal.so" | sed -n 's/.* T \(nn_.*\)/void \1(void) {}/p' >six.c
"$CC" -shared -fPIC six.c -o libother.so -Wl,-soname,libnanomsg.so.6
"$CC" -I "$NANOSEAL_SOURCE/include" "$here/dropin.c" -o six ./libother.so
same 'libraries of a program for 1.2' "$(ours ./six | sort)" \
    "$NANOSEAL_BUILD/libnanomsg.so.6
$NANOSEAL_BUILD/libnanoseal.so.0"

# Built for Debian's nanomsg with its own headers.
needs 'libnanomsg-dev, for the last part,' test -e /usr/include/nanomsg/nn.h
"$CC" "$here/dropin.c" -o old -lnanomsg
case $(./old) in
    *"$NANOSEAL_BUILD"* | '') fail 'the program for nanomsg does not run on nanomsg' ;;
esac
leads_here ./old
same 'libraries of an old program' "$(ours ./old | sort)" \
    "$NANOSEAL_BUILD/libnanomsg.so.5
$NANOSEAL_BUILD/libnanoseal.so.0"
