#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One hop compared: direct, through Sluice, through haproxy, through nginx, in one run. Writes docs/benchmarks.md.

compare.py [--rounds N] [--seconds S] [--smoke] [--across]
--smoke: a second of each way, nothing is written      --across: the rows across the eras alone, nothing is written

Method. The process under test has core 0, the load generator (wrk, keep-alive, ids unique in a session) and the
backend (bench_backend, ours) share core 1. One worker against one thread, logs off everywhere. The ways take turns within
every round; a figure is the median over rounds, with the quartiles beside it. CPU a request is user plus system time
of all processes of the way under test, from /proc/PID/stat, divided by the requests answered: it is what counts, for
requests a second also measure the neighbours on the machine. Differences under 8 % are no claim.
"""
import argparse
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from toolbox import Server, Tally, binary, needs, wait_until  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
MODERN = "2026-07-28"
SIZES = {"0.2 KB": 200, "4 KB": 4096, "64 KB": 65536}
WAYS = ("direct", "sluice", "haproxy", "nginx")
ACCEPT = "application/json, text/event-stream"

WRK = """
local id = 0
local head = %(head)s
local body = %(body)s
function request()
  id = id + 1
  return wrk.format("POST", "%(path)s", head, (body:gsub("0000", tostring(id), 1)))
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("FIGURES %%d %%d %%d %%d\\n", summary.requests, errors.status + errors.read + errors.write + errors.timeout,
                         latency:percentile(50), latency:percentile(99)))
end
"""
HAPROXY = """
global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
  option http-keep-alive
frontend in
  bind 127.0.0.1:%(port)d
  default_backend out
backend out
  server one %(backend)s
"""
NGINX = """
worker_processes 1;
daemon off;
pid %(folder)s/nginx.pid;
error_log %(folder)s/nginx.log;
events { worker_connections 2048; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/f;
  uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  upstream out { server %(backend)s; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:%(port)d;
    location / {
      proxy_pass http://out;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffering off;
    }
  }
}
"""
ACROSS = """
listen: {http: "127.0.0.1:0"}
log: {access: false}
upstreams: {backend: %s}
routes: [{path: /mcp, upstreams: [backend]}]
"""
SLUICE = """
listen: {http: "127.0.0.1:0"}
log: {access: false}
upstreams:
  backend: {url: "%(url)s", era: %(era)s}
routes:
  - {path: /mcp, upstreams: [backend]}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core, words):
    return ["taskset", "-c", str(core), *map(str, words)]


def family(pid, program):
    """The process and its descendants whose program is the one under test (a stdio child is not)."""
    parents, names = {}, {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = entry.read_text()
            names[int(entry.parent.name)] = os.path.basename(os.readlink(entry.parent / "exe"))
        except OSError:
            continue  # It ended, or it is none of ours.
        parents.setdefault(int(text[text.rindex(")") + 2:].split()[1]), []).append(int(entry.parent.name))
    found, open_ = [], [pid]
    while open_:
        one = open_.pop()
        open_ += parents.get(one, [])
        found += [one] if names.get(one) == program else []
    return found


LAST_SEEN = {}  # ticks by pid: a process that has ended (a probe, say) keeps what it had


def cpu_seconds(pids):
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        LAST_SEEN[pid] = int(fields[11]) + int(fields[12])
    return sum(LAST_SEEN.get(pid, 0) for pid in pids) / TICKS


class Way:
    """One way to the backend: where it listens and which processes are under test."""

    def __init__(self, url, pid, program, stop):
        self.url, self.pid, self.program, self.stop = url, pid, program, stop


def foreign(kind, config, words, folder, backend):
    port = free_port()
    path = pathlib.Path(folder, f"{kind}.conf")
    path.write_text(config % {"port": port, "backend": urlsplit(backend).netloc, "folder": folder})
    child = subprocess.Popen(pinned(0, words(path)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    if not wait_until(listens, 10):
        sys.exit(f"{kind} did not start with {path.read_text()}")

    def stop():
        child.terminate()
        child.wait()
    return Way(f"http://127.0.0.1:{port}/mcp", child.pid, kind, stop)


def sluice(words):
    server = Server(pinned(0, [binary("sluice"), "serve", *words]))
    return Way(server.url, server.process.pid, "sluice", server.stop)


def ways_to(backend, era, folder):
    path = pathlib.Path(folder, f"sluice-{era}.yaml")
    path.write_text(SLUICE % {"url": backend.url, "era": era})
    return {
        "direct": Way(backend.url, backend.process.pid, "bench_backend", lambda: None),
        "sluice": sluice(["-c", path]),
        "haproxy": foreign("haproxy", HAPROXY, lambda config: ["haproxy", "-db", "-f", config], folder, backend.url),
        "nginx": foreign("nginx", NGINX, lambda config: ["nginx", "-c", config, "-p", folder], folder, backend.url),
    }


def post(url, message, headers):
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=10)
    base = {"content-type": "application/json", "accept": ACCEPT}
    connection.request("POST", at.path, json.dumps(message), {**base, **headers})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply, body


def headers_for(era, url):
    """What each request carries: the modern revision's mirrors, or the session of a legacy handshake."""
    if era == "modern":
        return {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "payload"}
    hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}}
    reply, body = post(url, hello, {})
    session = reply.headers.get("mcp-session-id")
    if reply.status != 200 or not session:
        sys.exit(f"{url} answered initialize with {reply.status}: {body}")
    headers = {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
    post(url, {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)
    return headers


def call(era, form, size):
    meta = {"progressToken": "0000"} if form == "SSE" else {}
    if era == "modern":
        meta |= {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"name": "payload", "arguments": {"bytes": size}}
    return {"jsonrpc": "2.0", "id": "0000", "method": "tools/call", "params": params | ({"_meta": meta} if meta else {})}


def lua(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{lua(k)}] = {lua(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


def check(way, era, form, size):
    """One call by hand, so that a benchmark of refusals cannot happen."""
    reply, body = post(way.url, call(era, form, size), headers_for(era, way.url))
    kind = reply.headers.get("content-type", "")
    wanted = "text/event-stream" if form == "SSE" else "application/json"
    if reply.status != 200 or not kind.startswith(wanted) or len(body) < size:
        return f"{way.program} answered {reply.status} {kind}, {len(body)} bytes: {body[:300]}"
    return None


def load(way, era, form, size, connections, seconds, folder):
    """One round of one way: (CPU microseconds a request, requests a second, p50 and p99 in microseconds)."""
    script = pathlib.Path(folder, "load.lua")
    head = {"content-type": "application/json", "accept": ACCEPT, **headers_for(era, way.url)}
    body = json.dumps(call(era, form, size)).replace('"id": "0000"', '"id": 0000')
    script.write_text(WRK % {"head": lua(head), "body": lua(body), "path": urlsplit(way.url).path})
    pids = family(way.pid, way.program)
    before, started = cpu_seconds(pids), time.monotonic()
    done = subprocess.run(pinned(1, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, way.url]),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    spent, took = cpu_seconds(pids) - before, time.monotonic() - started
    figures = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if not figures:
        sys.exit(done.stdout)
    requests, errors, p50, p99 = map(int, figures.groups())
    if errors or not requests:
        sys.exit(f"{way.program}: {errors} of {requests} requests failed\n{done.stdout}")
    return spent / requests * 1e6, requests / took, p50, p99


def measure(ways, row, options, folder):
    """{way: list of rounds}, the ways taking turns; the first round warms up and is thrown away."""
    rounds = {name: [] for name in ways}
    for number in range(options.rounds + 1):
        for name, way in ways.items():
            figures = load(way, *row, options.seconds, folder)
            if number or options.smoke:
                rounds[name].append(figures)
    return rounds


def spread(values, digits):
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def table_row(title, rounds):
    cells = [title]
    for name in WAYS:
        figures = rounds.get(name)
        cells.append(spread([f[0] for f in figures], 1) if figures else "–")
    median = {name: statistics.median(f[0] for f in figures) for name, figures in rounds.items()}
    for other in ("haproxy", "nginx"):
        cells.append(f"{median['sluice'] / median[other]:.2f}" if other in median else "–")
    cells += [spread([f[2] for f in rounds[name]], 0) if name in rounds else "–" for name in ("direct", "sluice", "haproxy")]
    return "| " + " | ".join(cells) + " |"


def across_the_eras(backend, options, folder, tally):
    """A call of a client in front of a server of each era, beside the one that is passed through."""
    rows = []
    for client in ("modern", "legacy"):
        for kind in ("HTTP", "stdio"):
            def through(server):
                file = pathlib.Path(folder, f"across-{kind}-{server}.yaml")
                behind = f'{{stdio: ["{binary("bench_backend")}"], era: {server}}}' if kind == "stdio" else f'{{url: "{backend.url}", era: {server}}}'
                file.write_text(ACROSS % behind)
                return sluice(["-c", file])
            other = "legacy" if client == "modern" else "modern"
            ways = {"passed": through(client), "bridged": through(other)}
            title = f"{client} client, {other} server, {kind}"
            complaints = [c for c in (check(way, client, "JSON", 200) for way in ways.values()) if c]
            if tally.case(f"an answer across the eras: {title}", "\n".join(complaints)):
                rounds = measure(ways, (client, "JSON", 200, 16), options, folder)
                cpu = {name: [f[0] for f in figures] for name, figures in rounds.items()}
                rows.append(f"| {title} | {spread(cpu['passed'], 1)} | {spread(cpu['bridged'], 1)} | "
                            f"{statistics.median(cpu['bridged']) / statistics.median(cpu['passed']):.2f} |")
                print(rows[-1], flush=True)
            for way in ways.values():
                way.stop()
    return rows


def run(options):
    tally, rows = Tally(), []
    if options.across:
        with tempfile.TemporaryDirectory() as folder:
            backend = Server(pinned(1, [binary("bench_backend"), "--http", "127.0.0.1:0"]))
            across_the_eras(backend, options, folder, tally)
            backend.stop()
        tally.end()
    for program in ("wrk", "haproxy", "nginx", "taskset"):
        needs(program, "it is in cmake/packages.txt")
    matrix = [(era, form, size) for size in SIZES for form in ("JSON", "SSE") for era in ("modern", "legacy")]
    with tempfile.TemporaryDirectory() as folder:
        backend = Server(pinned(1, [binary("bench_backend"), "--http", "127.0.0.1:0"]))
        for era in ("modern", "legacy"):
            ways = ways_to(backend, era, folder)
            for _, form, size in [row for row in matrix if row[0] == era][: 1 if options.smoke else None]:
                title = f"{size} {form}, {era}"
                complaints = [c for c in (check(way, era, form, SIZES[size]) for way in ways.values()) if c]
                if not tally.case(f"every way answers {title}", "\n".join(complaints)):
                    continue
                rows.append(table_row(title, measure(ways, (era, form, SIZES[size], 64), options, folder)))
                print(rows[-1], flush=True)
            if not options.smoke:
                one = measure(ways, (era, "JSON", 200, 1), options, folder)
                rows.append(table_row(f"0.2 KB JSON, {era}, one connection", one))
                print(rows[-1], flush=True)
            for way in ways.values():
                way.stop()
        child = {"sluice": sluice(["--http", "127.0.0.1:0", "--", binary("bench_backend")])}
        if tally.case("a stdio child answers", check(child["sluice"], "modern", "JSON", 200)):
            rows.append(table_row("0.2 KB JSON, modern, to a stdio child",
                                  measure(child, ("modern", "JSON", 200, 64), options, folder)))
            print(rows[-1], flush=True)
        child["sluice"].stop()
        across = across_the_eras(backend, options, folder, tally)
        backend.stop()
    if not options.smoke:
        write(rows, across, options)
    tally.end()


def write(rows, across, options):
    version = {name: subprocess.run([name, "-v"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.split("\n")[0]
               for name in ("haproxy", "nginx")}
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    machine = f"{os.cpu_count()} × {model[1] if model else 'unknown processor'}, Linux {os.uname().release}"
    method = __doc__[__doc__.index("Method."):].strip()
    text = f"""# Benchmarks: one hop

Written by `bench/compare.py` on {time.strftime('%Y-%m-%d')}: {options.rounds} rounds of {options.seconds} s, 64 connections unless said
otherwise. Machine: {machine}. {version['haproxy']}; {version['nginx']}.

{method}

CPU in µs a request (median, quartiles), Sluice's share of the others' (target: at most 0.85 of haproxy's), p50 in µs.

| call | backend itself, direct | Sluice | haproxy | nginx | Sluice ÷ haproxy | Sluice ÷ nginx | p50 direct | p50 Sluice | p50 haproxy |
|---|---|---|---|---|---|---|---|---|---|
""" + "\n".join(rows) + f"""

## Across the eras

A call of 0.2 KB through Sluice where client and server are of different eras, beside the one that is passed through, in
turns, 16 connections; CPU of Sluice in µs a request.

| call | passed through | across the eras | ratio |
|---|---|---|---|
""" + "\n".join(across) + "\n"
    path = ROOT / "docs" / "benchmarks.md"
    if path.exists() and "<!-- by hand -->" in path.read_text():
        text += "\n<!-- by hand -->" + path.read_text().partition("<!-- by hand -->")[2]
    path.write_text(text)
    print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--across", action="store_true")
    chosen = parser.parse_args()
    if chosen.smoke:
        chosen.rounds, chosen.seconds = 0, 1
    run(chosen)
