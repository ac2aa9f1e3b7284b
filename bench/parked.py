#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that wait for a person: what each of many takes of the worker's memory, and what a client whose calls all wait
costs another's p99.

parked.py [--calls N] [--rounds N]

The clients are modern, the server is of 2025-11-25, so a question parks its call: the client has its answer, and the call
waits at the server until the client comes back with its state. Every one of the N calls is asked, then every one is
answered, and each must get the answer to its own question. Memory is anonymous pages of the worker.
"""
import argparse
import concurrent.futures
import hashlib
import http.client
import json
import pathlib
import statistics
import sys
import tempfile
import time
from urllib.parse import urlsplit

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from resident import anonymous  # noqa: E402
from mcp_client import META, MODERN  # noqa: E402
from toolbox import Server, binary, yaml_list  # noqa: E402

A_PRINCIPAL = 8  # calls that one may have parked
ASKABLE = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}


def key_of(principal):
    return f"the-key-of-principal-{principal}"


def gateway(folder, upstream, principals):
    keys = "".join(f"    p{i}: {{sha256: '{hashlib.sha256(key_of(i).encode()).hexdigest()}'}}\n" for i in range(principals))
    file = pathlib.Path(folder, "sluice.yaml")
    file.write_text("listen: {http: '127.0.0.1:0', connections_max: 4000}\nlog: {access: false}\n"
                    f"upstreams: {{up: {upstream}}}\nroutes: [{{path: /mcp, upstreams: [up]}}]\nauth:\n  keys:\n{keys}")
    return Server([binary("sluice"), "serve", "-c", file])


class Caller:
    """A keep-alive connection that calls in anybody's name."""

    def __init__(self, url):
        self.at = urlsplit(url)
        self.connection = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=60)

    def call(self, principal, tool, arguments=None, **more):
        params = {"name": tool, "arguments": arguments or {}, "_meta": ASKABLE, **more}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        self.connection.request("POST", self.at.path, body, {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Method": "tools/call",
            "Mcp-Name": tool, "MCP-Protocol-Version": MODERN, "Authorization": f"Bearer {key_of(principal)}"})
        reply = self.connection.getresponse()
        text = reply.read().decode()
        if "text/event-stream" in reply.headers.get("content-type", ""):
            text = [line[6:] for line in text.splitlines() if line.startswith("data: {")][-1]
        answer = json.loads(text)
        if "result" not in answer:
            sys.exit(f"HTTP {reply.status}: {text[:500]}")
        return answer["result"]


def each(url, numbers, work, threads=24):
    """work(caller, number) for all numbers, by several threads with a connection each."""
    numbers = list(numbers)

    def run(part):
        caller = Caller(url)
        return [(number, work(caller, number)) for number in part]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        parts = pool.map(run, [numbers[i::threads] for i in range(threads)])
        return dict(pair for part in parts for pair in part)


def ask(caller, number):
    result = caller.call(number // A_PRINCIPAL, "greet")
    if result.get("resultType") != "input_required":
        sys.exit(f"not asked: {result}")
    return result["requestState"], next(iter(result["inputRequests"]))


def memory_of_parked_calls(wanted, folder):
    backend = Server([binary("bench_backend"), "--http", "127.0.0.1:0", "--era", "legacy"])
    server = gateway(folder, f"{{url: '{backend.url}', era: legacy}}", wanted // A_PRINCIPAL)
    worker = server.child("worker")
    warm = 10 * A_PRINCIPAL
    states = each(server.url, range(warm), ask)
    before = anonymous(worker)
    states |= each(server.url, range(warm, wanted), ask)
    after = anonymous(worker)

    def answer(caller, number):
        state, key = states[number]
        given = {key: {"action": "accept", "content": {"name": f"number {number}"}}}
        return caller.call(number // A_PRINCIPAL, "greet", requestState=state, inputResponses=given)["content"][0]["text"]
    answers = each(server.url, range(wanted), answer)
    wrong = [number for number in range(wanted) if answers[number] != f"Hello, number {number}"]
    complaint = server.stop()
    backend.stop()
    if wrong or complaint:
        sys.exit(complaint or f"{len(wrong)} of {wanted} calls got another's answer, {wrong[0]} for one: {answers[wrong[0]]}")
    print(f"a parked call, {wanted} of them, {A_PRINCIPAL} a principal: {(after - before) / (wanted - warm):.0f} bytes with the "
          f"principals' sessions; every one was answered and got its own answer", flush=True)


def p99_beside_a_full_quota(rounds, folder):
    server = gateway(folder, f"{{stdio: {yaml_list([binary('bench_backend')])}, era: legacy}}", 2)
    quiet, beside = [], []
    caller, full = Caller(server.url), Caller(server.url)

    def p99(between=lambda: None):
        times = []
        for i in range(1000):
            if i % 50 == 0:
                between()
            begun = time.perf_counter()
            caller.call(1, "payload", {"bytes": 200})
            times.append((time.perf_counter() - begun) * 1e6)
        return statistics.quantiles(times, n=100)[98]
    p99()
    for _ in range(rounds):
        quiet.append(p99())
        for _ in range(A_PRINCIPAL):
            full.call(0, "greet")
        beside.append(p99(lambda: full.call(0, "greet")))  # one more: the oldest is given up each time
    complaint = server.stop()
    if complaint:
        sys.exit(complaint)
    print(f"p99 of a call to a stdio server, {rounds} rounds of 1,000: {statistics.median(quiet):.0f} µs, "
          f"{statistics.median(beside):.0f} µs beside a principal at its quota of {A_PRINCIPAL} parked calls", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        memory_of_parked_calls(wanted.calls, folder)
        p99_beside_a_full_quota(wanted.rounds, folder)


if __name__ == "__main__":
    main()
