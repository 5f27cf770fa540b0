#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""proxy_clients.py URL PID: streams through a balancer, while one of the servers behind it, process PID, is killed.

Every stream must end whole, but those that were in flight on the killed server: they may be cut or get an error, each
client once. Needs nothing beyond Python's own library.
"""
import http.client
import json
import os
import signal
import ssl
import sys
import threading
import time
import urllib.parse

CLIENTS = 16
KILL_AFTER, RUN_FOR, READY_WITHIN = 2.0, 6.0, 10.0
BODY = json.dumps({"prompt": "once", "max_tokens": 200, "ignore_eos": True, "stream": True})


def connect(url):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(url.hostname, url.port, timeout=20, context=context)


def stream(url):
    """whole, cut, or what was said instead."""
    connection = connect(url)
    try:
        connection.request("POST", "/v1/completions", BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            return f"status {answer.status}"
        return "whole" if text.rstrip().endswith("data: [DONE]") else "cut"
    except (http.client.IncompleteRead, ConnectionError, ssl.SSLError) as error:
        return f"cut ({type(error).__name__})"
    finally:
        connection.close()


def wait_ready(url):
    until = time.time() + READY_WITHIN
    while time.time() < until:
        try:
            connection = connect(url)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit("proxy_clients: the balancer is not ready")


def main():
    url, victim = urllib.parse.urlparse(sys.argv[1]), int(sys.argv[2])
    wait_ready(url)
    begin, outcomes = time.time(), []

    def client():
        while time.time() - begin < RUN_FOR:
            started = time.time() - begin
            outcomes.append((started, time.time() - begin, stream(url)))

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(KILL_AFTER)
    os.kill(victim, signal.SIGKILL)
    killed = time.time() - begin
    for thread in threads:
        thread.join()
    lost = [outcome for outcome in outcomes if outcome[2] != "whole"]
    before = sum(outcome[0] < killed for outcome in outcomes)
    print(f"{len(outcomes)} streams, {before} of them begun before the kill; not whole: {len(lost)}")
    late = [outcome for outcome in lost if outcome[0] > killed + 0.1]
    if late:
        sys.exit(f"proxy_clients: failed although the kill was before them: {late[:3]}")
    if len(lost) > CLIENTS or before < CLIENTS or len(outcomes) - before < CLIENTS:
        sys.exit(f"proxy_clients: too many lost, or too few tried: {lost[:3]}")


if __name__ == "__main__":
    main()
