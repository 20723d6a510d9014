#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: run.sh FUZZER CORPUS: fuzzes for NANOSEAL_FUZZ_SECONDS (60), starting from the corpus.
# What it finds, new inputs and crashes, goes into the build folder.
set -eu
fuzzer=$1 corpus=$2
found=$fuzzer.found
mkdir -p "$found"
[ -d "$corpus" ] || { echo "no corpus: $corpus"; exit 1; }
exec "$fuzzer" -max_total_time="${NANOSEAL_FUZZ_SECONDS:-60}" -rss_limit_mb=1024 -timeout=10 \
    -error_exitcode=1 -print_final_stats=1 -verbosity=0 -artifact_prefix="$fuzzer.crash-" "$found" "$corpus"
