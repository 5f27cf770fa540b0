#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# clients.sh TOOL MODEL: real clients against a real `llmos serve`: curl, the `openai` Python package (of the
# interpreter LLMOS_PYTHON, default python3) and wrk. What is not installed is left out with a word; 77 when all is.
set -uo pipefail
tool=$1
model=$2
here=$(cd "$(dirname "$0")" && pwd)
python=${LLMOS_PYTHON:-python3}
work=$(mktemp -d)
"$tool" serve --model "$model" --name tiny --port 0 --threads 1 2> "$work/log" &
server=$!
trap 'kill -9 $server 2> /dev/null; rm -rf "$work"' EXIT

for ((i = 0; i < 200; ++i)); do
  url=$(sed -n 's/.* at \(http:[^ ]*\)\/ .*/\1/p' "$work/log")
  [[ -z $url ]] || break
  kill -0 $server 2> /dev/null || break
  sleep 0.1
done
if [[ -z ${url:-} ]]; then
  cat "$work/log"
  echo "clients: the server did not start"
  exit 1
fi

tried=0
fail() {
  echo "clients: $1"
  exit 1
}

if command -v curl > /dev/null; then
  tried=1
  curl -sf "$url/health/ready" | grep -q ready || fail "curl: /health/ready"
  curl -sfN "$url/v1/completions" -H 'Content-Type: application/json' \
    -d '{"prompt":"once","max_tokens":5,"stream":true}' | grep -q 'data: \[DONE\]' || fail "curl: a stream"
  # Above one megabyte curl asks first (Expect: 100-continue).
  { printf '{"prompt":"'; head -c 2000000 /dev/zero | tr '\0' a; printf '"}'; } > "$work/large"
  [[ $(curl -s -o "$work/tokens" -w '%{http_code}' "$url/tokenize" -H 'Content-Type: application/json' \
    --data-binary "@$work/large") == 200 ]] || fail "curl: a large body"
  [[ $(curl -s -o /dev/null -w '%{http_code}' "$url/v1/completions" -d '{}') == 415 ]] || fail "curl: no JSON"
  echo "clients: curl passed"
else
  echo "clients: no curl here: left out"
fi

if "$python" -c 'import openai' 2> /dev/null; then
  tried=1
  timeout 120 "$python" "$here/openai_client.py" "$url" || fail "openai"
else
  echo "clients: $python has no package openai (pip install -r tests/server/requirements.txt): left out"
fi

if command -v wrk > /dev/null; then
  tried=1
  cat > "$work/post.lua" << 'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"prompt":"once","max_tokens":4}'
LUA
  wrk -t1 -c16 -d2s -s "$work/post.lua" "$url/v1/completions" > "$work/wrk" || fail "wrk"
  grep -E 'Requests/sec|Latency ' "$work/wrk"
  if grep -qE 'Non-2xx|Socket errors' "$work/wrk"; then
    cat "$work/wrk"
    fail "wrk: errors"
  fi
else
  echo "clients: no wrk here: left out"
fi

# A drain: what runs ends whole, then the process ends well.
if command -v curl > /dev/null; then
  curl -sN "$url/v1/completions" -H 'Content-Type: application/json' \
    -d '{"prompt":"once","max_tokens":200,"ignore_eos":true,"stream":true}' > "$work/last" &
  last=$!
  for ((i = 0; i < 100; ++i)); do
    [[ ! -s $work/last ]] || break
    sleep 0.05
  done
  kill -TERM $server
  wait $server || fail "the server ended with $?"
  wait $last
  grep -q 'data: \[DONE\]' "$work/last" || fail "the last stream was cut"
  echo "clients: drained"
fi
if ((!tried)); then exit 77; fi
echo "clients: passed"
