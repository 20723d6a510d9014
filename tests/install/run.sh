#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: run.sh WAY CC, with WAY one of pkgconfig-shared pkgconfig-static cmake-shared cmake-static
#     system-mbedtls nanomsg-pkgconfig nanomsg-cmake nanomsg-undone
#
# Installs the build into a temporary prefix, builds consumer.c against that prefix alone and runs
# it. system-mbedtls links libnanoseal.a and the system's own mbedTLS into one program. The nanomsg ways
# look for nanomsg, whose names are installed too; nanomsg-undone takes those away again.
set -eu
way=$1 cc=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

cmake --install "$NANOSEAL_BUILD" --prefix "$prefix" >"$work/install.log"
lib=$(dirname "$(find "$prefix" -name libnanoseal.a)")
export PKG_CONFIG_PATH="$lib/pkgconfig" LD_LIBRARY_PATH="$lib"
# nanoseal.pc names the prefix of the configuration, not of this installation.
sed -i "s|^prefix=.*|prefix=$prefix|" "$lib/pkgconfig/nanoseal.pc"
case $way in
    nanomsg-*)
        cmake --install "$NANOSEAL_BUILD" --prefix "$prefix" --component dropin >"$work/dropin.log"
        sed -i "s|^prefix=.*|prefix=$prefix|" "$lib/pkgconfig/nanomsg.pc"
        ;;
    *)  # Not asked for, not there, unless the build is for it.
        grep -q '^NANOSEAL_DROPIN:BOOL=ON' "$NANOSEAL_BUILD/CMakeCache.txt" ||
            [ -z "$(find "$prefix" -name '*nanomsg*' ! -path '*/include/*')" ] ||
            { echo 'files of nanomsg are installed'; exit 1; }
        ;;
esac
warnings='-Wall -Wextra -pedantic -Werror'

# consumer PROGRAM shared|static: it runs, and holds what it should hold.
consumer()
{
    "$1"
    needed=$(readelf -d "$1" | grep -c 'NEEDED.*libnanoseal' || true)
    case $2 in
        shared) [ "$needed" = 1 ] ;;
        static) [ "$needed" = 0 ] ;;
    esac || { echo "$1 is not $2"; exit 1; }
}

with_cmake()
{
    cmake -S "$here" -B "$work/build" -G Ninja -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Debug >"$work/cmake.log" ||
        { cat "$work/cmake.log"; exit 1; }
    cmake --build "$work/build" >"$work/build.log" || { cat "$work/build.log"; exit 1; }
}

case $way in
    pkgconfig-shared)
        $cc -std=c99 $warnings $(pkg-config --cflags nanoseal) "$here/consumer.c" \
            -o "$work/consumer" $(pkg-config --libs nanoseal)
        consumer "$work/consumer" shared
        for link in "$prefix"/bin/nn_*; do
            "$link" >"$work/link.log" 2>&1 && exit 1
            grep -q "which protocol" "$work/link.log" && { echo "$link chooses no protocol"; exit 1; }
            [ -s "$prefix/share/man/man1/${link##*/}.1" ] || { echo "no page for $link"; exit 1; }
        done
        [ "$(ls "$prefix"/bin/nn_* | wc -l)" -eq 10 ]
        ;;
    pkgconfig-static)
        rm "$lib"/libnanoseal.so*
        $cc -std=c99 $warnings $(pkg-config --cflags nanoseal) "$here/consumer.c" \
            -o "$work/consumer" $(pkg-config --static --libs nanoseal)
        consumer "$work/consumer" static
        ;;
    cmake-shared | cmake-static)
        mkdir "$work/source"
        cp "$here/consumer.c" "$work/source"
        cp "$here/consumer.cmake" "$work/source/CMakeLists.txt"
        here=$work/source
        with_cmake
        kind=${way#cmake-}
        consumer "$work/build/consumer-$kind" "$kind"
        ;;
    nanomsg-pkgconfig)
        [ "$(pkg-config --modversion nanomsg)" = 1.1.5 ]
        $cc -std=c99 $warnings $(pkg-config --cflags nanomsg) "$here/consumer.c" \
            -o "$work/consumer" $(pkg-config --libs nanomsg) -Wl,--no-undefined
        consumer "$work/consumer" shared
        ;;
    nanomsg-cmake)
        mkdir "$work/source"
        cp "$here/consumer.c" "$work/source"
        cp "$here/consumer_nanomsg.cmake" "$work/source/CMakeLists.txt"
        here=$work/source
        with_cmake
        consumer "$work/build/consumer-nanomsg" shared
        ;;
    nanomsg-undone)
        # As docs/DROPIN.md says, and libnanoseal itself stays.
        find "$prefix" ! -type d >"$work/before"
        sed -n 's/^-- \(Installing\|Up-to-date\): //p' "$work/dropin.log" | xargs rm
        [ -z "$(find "$prefix" -name '*nanomsg*' ! -path '*/include/*' ! -type d)" ]
        [ "$(find "$prefix" ! -type d | wc -l)" = "$(($(wc -l <"$work/before") - 6))" ]
        ;;
    system-mbedtls)
        printf '#include <mbedtls/ssl.h>\n' | $cc -E - >/dev/null 2>&1 ||
            { echo 'skipped: no libmbedtls-dev'; exit 77; }
        $cc $warnings -Wno-pedantic -DWITH_MBEDTLS $(pkg-config --cflags nanoseal) \
            "$here/consumer.c" -o "$work/consumer" "$lib/libnanoseal.a" \
            -Wl,-Bstatic -lmbedtls -lmbedx509 -lmbedcrypto -Wl,-Bdynamic \
            $(pkg-config --libs libuv) -pthread -ldl
        consumer "$work/consumer" static
        # Both are in the program, the system's global and ours local, so neither serves for the other.
        for kind in T t; do
            nm "$work/consumer" | grep -q " $kind psa_crypto_init\$" ||
                { echo "no $kind psa_crypto_init: the two mbedTLS are mixed"; exit 1; }
        done
        ;;
    *) echo "unknown way: $way"; exit 2 ;;
esac
