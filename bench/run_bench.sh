#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run_bench.sh BUILD_DIR [google-benchmark options...]: runs every benchmark that was built, one after the other. What
# <name> prints goes to BUILD_DIR/bench/results/<name>.txt too, its rows to <name>.json. A benchmark with a script of its
# own (bench/<name>.sh BUILD_DIR RESULTS) is run by it, with nothing but these two arguments.
set -uo pipefail
build=$(realpath "$1")
shift
source_dir=$(dirname "$(realpath "$0")")
results=$build/bench/results
mkdir -p "$results"

failed=0
for source in "$source_dir"/*_bench.cc "$source_dir"/*_bench.sh; do
  [[ -e $source && $(basename "$source") != run_bench.sh ]] || continue
  name=$(basename "${source%.*}")
  script=$source_dir/$name.sh
  if [[ $source == *.cc && -e $script ]]; then continue; fi  # the script comes by itself
  program=$(find "$build/bench" -type f -name "$name" -perm -u+x -print -quit)
  echo "== $name"
  if [[ $source == *.sh ]]; then
    "$script" "$build" "$results" || failed=1
  elif [[ -z $program ]]; then
    echo "   SKIPPED: $name is not built in $build/bench"
  else
    "$program" --benchmark_out="$results/$name.json" --benchmark_out_format=json "$@" |
      tee "$results/$name.txt" || failed=1
  fi
done
echo "results: $results"
exit $failed
