#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tools/list of many servers behind one path costs, cold and kept.

lists.py [--upstreams N] [--tools N] [--callers N]      20, 50 and 40 unless said otherwise

Each caller is a principal of its own, for whom nothing is kept: its first list is cold and asks every server, those after it
are answered from what is kept. Callers are modern clients, and legacy ones with their sessions open; servers are
bench_backend over HTTP, of both eras, which has two tools by itself. A time is that of the whole answer at the client, on a connection of its own.
"""
import argparse
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "support"))
from mcp_client import Client  # noqa: E402
from toolbox import Server, binary, wait_until  # noqa: E402
from resident import memory  # noqa: E402

REPEATS = 10


def cpu_ms(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 10  # ticks of 10 ms


def key(number):
    return f"key-of-caller-{number:06}"


def gateway(folder, servers, callers):
    file = pathlib.Path(folder, "sluice.yaml")
    keys = "\n".join(f"    caller{n}: {{key: '${{env:KEY{n}}}'}}" for n in range(callers))
    upstreams = "\n".join(f"  up{n}: {{url: '{server.url}'}}" for n, server in enumerate(servers))
    names = ", ".join(f"up{n}" for n in range(len(servers)))
    file.write_text(f"listen: {{http: '127.0.0.1:0'}}\nlog: {{access: false, level: error}}\nauth:\n  keys:\n{keys}\n"
                    f"upstreams:\n{upstreams}\nroutes: [{{path: /mcp, upstreams: [{names}]}}]\n")
    return Server([binary("sluice"), "serve", "-c", file], env={f"KEY{n}": key(n) for n in range(callers)})


def listed(ask, wanted):
    begun = time.perf_counter()
    reply = ask()
    took = (time.perf_counter() - begun) * 1000
    if len((reply.result or {}).get("tools", [])) != wanted:
        sys.exit(f"not all tools were listed: {reply}")
    return took, len(reply.text)


def measure(what, asks, wanted, pid):
    cold, kept, size = [], [], 0
    for ask in asks:
        took, size = listed(ask, wanted)
        cold.append(took)
    before = cpu_ms(pid)
    for ask in asks:
        kept += [listed(ask, wanted)[0] for _ in range(REPEATS)]
    cpu = (cpu_ms(pid) - before) / len(kept)
    print(f"{what}: {wanted} tools, {size / 1000:.0f} KB: cold {statistics.median(cold):.1f} ms, kept {statistics.median(kept):.1f} ms "
          f"(medians of {len(cold)} and {len(kept)}); CPU of the gateway for a kept one {cpu:.1f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstreams", type=int, default=20)
    parser.add_argument("--tools", type=int, default=50)
    parser.add_argument("--callers", type=int, default=40)
    wanted = parser.parse_args()
    servers = [Server([binary("bench_backend"), "--tools", wanted.tools - 2, "--http", "127.0.0.1:0"]) for _ in range(wanted.upstreams)]
    with tempfile.TemporaryDirectory() as folder:
        sluice = gateway(folder, servers, wanted.callers + 1)
        worker, total = sluice.child("worker"), wanted.upstreams * wanted.tools
        clients = [Client(sluice.url, {"Authorization": f"Bearer {key(n)}"}) for n in range(wanted.callers + 1)]
        warm = clients.pop()
        if not wait_until(lambda: len((warm.modern("tools/list").result or {}).get("tools", [])) == total, 60, pause=0.5):
            sys.exit("the servers could not all be listed")
        half = len(clients) // 2
        measure("modern clients", [lambda one=one: one.modern("tools/list") for one in clients[:half]], total, worker)
        for one in clients[half:]:
            one.initialize()
        measure("legacy clients", [lambda one=one: one.request("tools/list") for one in clients[half:]], total, worker)
        print(f"resident memory of the worker with the lists of {wanted.callers + 1} callers: {memory(worker, 'Rss') / 1e6:.1f} MB")
        complaints = [server.stop() for server in (sluice, *servers)]
    if any(complaints):
        sys.exit(next(complaint for complaint in complaints if complaint))


if __name__ == "__main__":
    main()
