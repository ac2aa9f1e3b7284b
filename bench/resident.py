#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What rests in memory, and how soon the first call is answered.

resident.py [--connections N] [--clients N]      15,000 and 400 unless said otherwise (a server of the SDK takes 1,000 connections)

Idle connections ask /alive once and then rest; a figure is the growth of the process's anonymous pages divided by their
number. Then all of them ask again in waves, rest again, and the figure is taken anew. An idle legacy client is a session with
its keep-alive connection and its open GET stream: once at a server of the SDK, once at the gateway, which has a session and
a stream at an HTTP upstream for it too. A cold start is timed from exec to the answer of a call.
"""
import argparse
import json
import pathlib
import resource
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "support"))
from toolbox import Server, binary, wait_until  # noqa: E402

ALIVE = b"GET /alive HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ACCEPT = "Accept: application/json, text/event-stream\r\n"


def memory(pid, kind):
    return next(int(line.split()[1]) * 1024 for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii") if line.startswith(kind))


def anonymous(pid):
    return memory(pid, "Anonymous")


def dial(url):
    host, port = url.split("/")[2].rsplit(":", 1)
    return socket.create_connection((host, int(port)))


def ask_alive(connections):
    """One request on each, all sent before the first answer is read; connections that were answered."""
    for connection in connections:
        connection.sendall(ALIVE)
    return sum(connection.recv(4096).startswith(b"HTTP/1.1 200") for connection in connections)


def read_until(connection, enough):
    text = b""
    while not enough(text):
        piece = connection.recv(65536)
        if not piece:
            sys.exit(f"the server closed after {text!r}")
        text += piece
    return text


def whole(text):
    """A response with a Content-Length is there."""
    head, end, body = text.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return bool(end) and len(body) >= length


def post(connection, message, fields=""):
    body = json.dumps({"jsonrpc": "2.0", **message})
    connection.sendall((f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{ACCEPT}{fields}"
                        f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
    return read_until(connection, whole).decode()


def legacy_client(url):
    """A session, its keep-alive connection and its open stream."""
    connection, stream = dial(url), dial(url)
    hello = post(connection, {"id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "idle", "version": "1"}}})
    session = next(line.split(": ")[1] for line in hello.split("\r\n") if line.lower().startswith("mcp-session-id"))
    fields = f"Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n"
    post(connection, {"method": "notifications/initialized"}, fields)
    stream.sendall(f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n{fields}\r\n".encode())
    read_until(stream, lambda text: b"\r\n\r\n" in text)
    return connection, stream


def configured(folder, upstream, connections):
    file = pathlib.Path(folder, "sluice.yaml")
    file.write_text(f"listen: {{http: '127.0.0.1:0', connections_max: {connections}}}\nlog: {{access: false}}\n"
                    f"upstreams: {{up: {upstream}}}\nroutes: [{{path: /mcp, upstreams: [up]}}]\n")
    return [binary("sluice"), "serve", "-c", file]


def idle_connections(wanted, folder):
    server = Server(configured(folder, "{url: 'http://127.0.0.1:9/', era: modern}", wanted + 1000))
    worker = server.child("worker")
    warm = [dial(server.url) for _ in range(200)]
    ask_alive(warm)
    before = anonymous(worker)
    connections, answered = [], 0
    while len(connections) < wanted:
        wave = [dial(server.url) for _ in range(min(500, wanted - len(connections)))]
        answered += ask_alive(wave)
        connections += wave
    idle = anonymous(worker)
    for start in range(0, wanted, 5000):
        answered += ask_alive(connections[start:start + 5000])
    wait_until(lambda: anonymous(worker) <= idle, 10, pause=0.25)  # memory goes back when it is quiet
    burst = anonymous(worker)
    complaint = server.stop()
    if complaint or answered != 2 * wanted:
        sys.exit(complaint or "not every request was answered")
    print(f"idle keep-alive connection, {wanted} of them: {(idle - before) / wanted:.0f} bytes, "
          f"{(burst - before) / wanted:.0f} after a burst", flush=True)


def legacy_clients(what, server, pid, wanted):
    clients = [legacy_client(server.url) for _ in range(50)]
    before = anonymous(pid)
    clients += [legacy_client(server.url) for _ in range(wanted)]
    last = None

    def settled():
        nonlocal last
        last, now = anonymous(pid), last
        return last == now
    wait_until(settled, 10, pause=2.5)
    print(f"idle legacy client at {what}, {wanted} of them: {(anonymous(pid) - before) / wanted:.0f} bytes", flush=True)
    for connection in (one for pair in clients for one in pair):
        connection.close()


def cold_start(rounds, folder, backend):
    times, resident = [], []
    for _ in range(rounds):
        words = configured(folder, f"{{url: '{backend.url}', era: legacy}}", 1000)
        begun = time.monotonic()
        server = Server(words)
        connection = dial(server.url)
        post(connection, {"id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "cold", "version": "1"}}})
        times.append((time.monotonic() - begun) * 1000)
        resident.append(memory(server.child("worker"), "Rss") / 1e6)
        server.stop()
    print(f"cold start to the first answer, {rounds} times: {statistics.median(times):.0f} ms; "
          f"resident memory of the worker then: {statistics.median(resident):.1f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=15_000)
    parser.add_argument("--clients", type=int, default=400)
    wanted = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        idle_connections(wanted.connections, folder)
        everything = Server([binary("everything"), "--http", "127.0.0.1:0"])
        legacy_clients("a server of the SDK", everything, everything.process.pid, wanted.clients)
        gateway = Server(configured(folder, f"{{url: '{everything.url}', era: legacy}}", 3 * wanted.clients))
        legacy_clients("the gateway", gateway, gateway.child("worker"), wanted.clients)
        cold_start(9, folder, everything)
        for server in (gateway, everything):
            server.stop()


if __name__ == "__main__":
    main()
