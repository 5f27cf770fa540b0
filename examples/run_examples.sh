#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run_examples.sh DIR: runs every example built in DIR, in order of its number, on the default model.
set -uo pipefail
failed=0
found=0
for program in "$1"/example_*; do
  [[ -f $program && -x $program ]] || continue
  found=1
  echo "== ${program##*/example_}"
  "$program" default < /dev/null || { echo "   ended with $?"; failed=1; }
done
if ((!found)); then echo "no examples are built yet in $1"; fi
exit $failed
