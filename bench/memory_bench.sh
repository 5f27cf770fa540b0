#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# memory_bench.sh BUILD_DIR RESULTS_DIR [ROUNDS] [FILTER]: the pool against every malloc that was found when the build
# was configured. Each thing runs in a process of its own (peers by LD_PRELOAD), all by turns in each round, so that a
# change of the machine's mood meets all of them; memory_report prints medians. FILTER is a regular expression over
# "<Pattern>/<bytes>/threads:<n>".
set -euo pipefail
build=$(realpath "$1")
results=$(realpath -m "$2")
rounds=${3:-5}
filter=${4:-.}
runs=$results/memory_bench
rm -rf "$runs"
mkdir -p "$runs"

# run ROUND BUILD THING LIBRARY PROGRAM
run() {
  LD_PRELOAD=$4 "$build/bench/$5" --benchmark_filter="^BM_$3[A-Za-z]*_.*${filter#^}" --benchmark_min_time=0.05 \
    --benchmark_out="$runs/$1.$2.$3.json" --benchmark_out_format=json > /dev/null 2>> "$runs/stderr.txt"
}

while read -r thing library; do
  [[ -n $library ]] || echo "SKIPPED: $thing (its library was not found when the build was configured)"
done < "$build/bench/memory_peers.txt"

for ((round = 1; round <= rounds; ++round)); do
  run "$round" static Pool "" memory_bench
  run "$round" static EmptyCall "" memory_bench
  run "$round" shared Pool "" memory_bench_shared
  run "$round" static Malloc "" memory_bench
  while read -r thing library; do
    [[ -z $library ]] || run "$round" static "$thing" "$library" memory_bench
  done < "$build/bench/memory_peers.txt"
done
"$build/bench/memory_report" "$runs" "$results/memory_bench.json"

for program in memory_latency memory_waste; do
  echo
  "$build/bench/$program" | tee "$results/$program.txt"
done
