#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ptxas_log.sh nvcc ... -o OBJECT ...: runs it, and keeps what ptxas says in OBJECT.ptxas. Errors are shown.
set -uo pipefail
object=""
previous=""
for argument in "$@"; do
  if [[ $previous == -o ]]; then object=$argument; fi
  previous=$argument
done
if [[ $object != *.o ]]; then exec "$@"; fi
"$@" 2> "$object.ptxas"
status=$?
grep -vE '^ptxas info|bytes stack frame|^$' "$object.ptxas" >&2
exit $status
