#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# proxy.sh TOOL MODEL: two real `llmos serve` behind nginx and behind HAProxy, with the configurations of
# examples/server/README.md to the letter (but for ports and the certificate): TLS, least connections, and one of the
# two killed under load. A balancer that is not installed is left out with a word; 77 when both are.
set -uo pipefail
tool=$1
model=$2
here=$(cd "$(dirname "$0")" && pwd)
readme=$here/../../examples/server/README.md
work=$(mktemp -d)
servers=() balancers=()

# Balancers get a chance to end their workers.
clean_up() {
  kill "${balancers[@]}" 2> /dev/null
  kill -9 "${servers[@]}" 2> /dev/null
  wait
  rm -rf "$work"
}
trap clean_up EXIT

fail() {
  echo "proxy: $1"
  tail -n 5 "$work"/*.log
  exit 1
}

# Starts a server; its process is in $server, its port in $port.
start_server() {  # name
  "$tool" serve --model "$model" --name tiny --port 0 --threads 1 2> "$work/$1.log" &
  server=$!
  servers+=($server)
  for ((i = 0; i < 200; ++i)); do
    port=$(sed -n 's,.* at http://127.0.0.1:\([0-9]*\)/ .*,\1,p' "$work/$1.log" 2> /dev/null)
    [[ -z $port ]] || return 0
    sleep 0.1
  done
  fail "the server did not start"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The README's configuration of a language, with our ports and certificate.
configuration() {  # language
  sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$readme" | sed '/^```/d' | sed "s,127.0.0.1:8081,127.0.0.1:$first_port,
    s,127.0.0.1:8082,127.0.0.1:$second_port,; s,listen 443,listen 127.0.0.1:$front,; s,bind :443,bind 127.0.0.1:$front,
    s,/etc/ssl/,$work/,"
}

start_nginx() {
  {
    echo "daemon off; pid $work/nginx.pid; error_log $work/nginx.log;"
    [[ $(id -u) -ne 0 ]] || echo "user root;"
    echo "events { worker_connections 256; }"
    echo "http { access_log off;"
    for part in client_body proxy fastcgi uwsgi scgi; do echo "${part}_temp_path $work/$part;"; done
    configuration nginx
    echo "}"
  } > "$work/nginx.conf"
  nginx -c "$work/nginx.conf" -e "$work/nginx.log" &
}

start_haproxy() {
  configuration haproxy > "$work/haproxy.conf"
  haproxy -db -f "$work/haproxy.conf" > "$work/haproxy.log" 2>&1 &
}

try_balancer() {  # nginx or haproxy
  if ! PATH=$PATH:/usr/sbin command -v "$1" > /dev/null; then
    echo "proxy: no $1 here: left out"
    return
  fi
  tried=1
  start_server first
  first=$server first_port=$port
  start_server second
  second_port=$port
  front=$(free_port)
  "start_$1"
  balancers+=($!)
  timeout 60 python3 "$here/proxy_clients.py" "https://127.0.0.1:$front" "$first" || fail "$1"
  echo "proxy: $1 passed"
}

export PATH=$PATH:/usr/sbin
tried=0
if ! command -v python3 > /dev/null || ! command -v openssl > /dev/null; then
  echo "proxy: no python3 or no openssl here: left out"
  exit 77
fi
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 1 -keyout "$work/llmos.key" \
  -out "$work/llmos.crt" 2> /dev/null || fail "no certificate"
cat "$work/llmos.crt" "$work/llmos.key" > "$work/llmos.pem"
try_balancer nginx
try_balancer haproxy
if ((!tried)); then exit 77; fi
