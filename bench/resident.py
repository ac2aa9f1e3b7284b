#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an idle keep-alive connection costs: user-space bytes of the worker, before and after a burst.

idle.py [--connections N]      15,000 unless said otherwise; needs as many descriptors on both sides

Every connection asks /alive once and then rests; the figure is the growth of the worker's anonymous pages divided by
the connections. Then all of them ask again in waves, rest again, and the figure is taken anew.
"""
import argparse
import pathlib
import resource
import socket
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "support"))
from toolbox import Server, binary, wait_until  # noqa: E402

REQUEST = b"GET /alive HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def worker_of(server):
    pid = server.process.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return next(int(child) for child in children if b"worker" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes())


def anonymous(pid):
    """Bytes of anonymous memory."""
    return next(int(line.split()[1]) * 1024 for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii") if line.startswith("Anonymous"))


def ask(connections):
    """One request on each, all sent before the first answer is read; connections that were answered."""
    for connection in connections:
        connection.sendall(REQUEST)
    return sum(connection.recv(4096).startswith(b"HTTP/1.1 200") for connection in connections)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=15_000)
    wanted = parser.parse_args().connections
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "sluice.yaml")
        file.write_text(f"listen: {{http: '127.0.0.1:0', connections_max: {wanted + 1000}}}\nlog: {{access: false}}\n"
                        "upstreams: {none: {url: 'http://127.0.0.1:9/'}}\nroutes: [{path: /mcp, upstreams: [none]}]\n")
        server = Server([binary("sluice"), "serve", "-c", file])
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        worker = worker_of(server)
        warm = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        ask(warm)
        before = anonymous(worker)
        connections, answered = [], 0
        while len(connections) < wanted:
            wave = [socket.create_connection(("127.0.0.1", port)) for _ in range(min(500, wanted - len(connections)))]
            answered += ask(wave)
            connections += wave
        idle = anonymous(worker)
        for start in range(0, wanted, 5000):
            answered += ask(connections[start:start + 5000])
        wait_until(lambda: anonymous(worker) <= idle, 10, pause=0.25)  # memory goes back when it is quiet
        burst = anonymous(worker)
        complaint = server.stop()
    print(f"{wanted} idle keep-alive connections, {answered} of {2 * wanted} requests answered")
    print(f"bytes each before a burst: {(idle - before) / wanted:.0f}")
    print(f"bytes each after a burst:  {(burst - before) / wanted:.0f}")
    if complaint or answered != 2 * wanted:
        sys.exit(complaint or "not every request was answered")


if __name__ == "__main__":
    main()
