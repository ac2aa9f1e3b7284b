# SPDX-License-Identifier: Apache-2.0
"""The kit's side of the scripted upstreams: where they report what they receive and get their orders, and a handle on each."""
import itertools
import json
import pathlib
import shlex
import socket
import sys
import threading
import time

from toolbox import Server

SCRIPT = pathlib.Path(__file__).resolve().parent / "upstream.py"


class Desk:
    """Takes the lines of every upstream process. Reports are kept in the order they came, by upstream name."""

    def __init__(self):
        self.changed = threading.Condition()
        self.reports, self.lines, self.synced, self.numbers = {}, {}, {}, itertools.count(1)
        self.added, self.gated = {}, set()  # for processes that start later: names of tools, and whether they wait at their start
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            line, _ = self.listener.accept()
            threading.Thread(target=self._read, args=(line,), daemon=True).start()

    def _read(self, line):
        try:
            lines = line.makefile("rb")
            name = json.loads(next(lines))["upstream"]
            with self.changed:
                line.sendall(json.dumps({"added": self.added.get(name, []), "gated": name in self.gated}).encode() + b"\n")
                self.lines.setdefault(name, set()).add(line)
            for text in lines:
                report = json.loads(text)
                with self.changed:
                    if "synced" in report:
                        self.synced[line] = report["synced"]
                    self.reports.setdefault(name, []).append(report)
                    self.changed.notify_all()
        except (OSError, StopIteration):
            pass
        with self.changed:
            for living in self.lines.values():
                living.discard(line)
            self.changed.notify_all()

    def settle(self, name):
        """Returns when all that the upstream's processes have reported by now is in `reports`."""
        number = next(self.numbers)
        with self.changed:
            lines = set(self.lines.get(name, ()))
        self.tell(name, {"order": "sync", "number": number})
        with self.changed:
            self.changed.wait_for(lambda: not any(line in self.lines.get(name, ()) and self.synced.get(line, 0) < number for line in lines), 5)

    def tell(self, name, order):
        with self.changed:
            lines = list(self.lines.get(name, ()))
        for line in lines:
            try:
                line.sendall(json.dumps(order).encode() + b"\n")
            except OSError:
                pass  # it ended meanwhile


class Upstream:
    """A scripted upstream: how to start it, what it received, what it is to do. A stdio one is started by the gateway, as
    often as that wants; `reports` are those of all its processes."""

    def __init__(self, desk, name, era="legacy", over="stdio", address="127.0.0.1:0", page=0, extra=None, mute=(), odd=()):
        self.desk, self.name, self.era, self.over = desk, name, era, over
        start = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import upstream; upstream.main()"
        words = [sys.executable, "-I", "-S", "-c", start]  # without site: children are many
        words += ["--name", name, "--desk", desk.address, "--era", era]
        words += ["--page", str(page)] if page else []
        words += ["--extra", json.dumps(extra)] if extra else []
        words += ["--mute", ",".join(mute)] if mute else []
        words += ["--odd", ",".join(odd)] if odd else []
        self.words = words
        self.server = Server([*words, "--http", address]) if over == "http" else None
        self.url = self.server.url if self.server else None
        self.command = None if self.server else words
        self.seen = 0  # breaches that were told

    @property
    def shell(self):
        return shlex.join(self.command)

    @property
    def reports(self):
        """All there is, what was reported before anything the kit has seen included."""
        self.desk.settle(self.name)
        with self.desk.changed:
            return list(self.desk.reports.get(self.name, ()))

    def wait(self, wanted, seconds):
        """The first report that `wanted` is true of, once it is there."""
        end, start = time.monotonic() + seconds, 0
        with self.desk.changed:
            while True:
                reports = self.desk.reports.get(self.name, [])
                found = next((report for report in reports[start:] if wanted(report)), None)
                start = len(reports)
                if found or time.monotonic() > end:
                    return found
                self.desk.changed.wait(max(0, end - time.monotonic()))

    def received(self, method, holds=lambda params: True):
        """The messages of a method, with the reports they came in, whose params it holds of."""
        return [report for report in self.reports if isinstance(report.get("got"), dict) and report["got"].get("method") == method
                and holds(report["got"].get("params") or {})]

    def called(self, mark):
        """The tool calls that carry this mark among their arguments."""
        return self.received("tools/call", lambda params: mark in (params.get("arguments") or {}).values())

    def wait_received(self, method, holds=lambda params: True, seconds=5):
        return self.wait(lambda report: isinstance(report.get("got"), dict) and report["got"].get("method") == method
                         and holds(report["got"].get("params") or {}), seconds)

    def listening(self, wanted, seconds):
        """Waits until a subscription at this modern upstream covers what `wanted` says of it."""
        end = time.monotonic() + seconds
        with self.desk.changed:
            while True:
                reports = self.desk.reports.get(self.name, [])
                held = [report["listens"] for report in reports if "listens" in report]
                for report in reports:
                    if report.get("listens_no_more") in held:
                        held.remove(report["listens_no_more"])
                if any(wanted(each) for each in held):
                    return True
                if time.monotonic() > end:
                    return False
                self.desk.changed.wait(max(0, end - time.monotonic()))

    def tell(self, order, **what):
        """Gives an order to all processes of the upstream; one to add a tool is for later ones too."""
        if order == "add_tool":
            with self.desk.changed:
                self.desk.added.setdefault(self.name, []).append(what["name"])
        self.desk.tell(self.name, {"order": order, **what})

    def gate(self, closed):
        """Processes that start from now on wait in initialize, or those that wait go on."""
        with self.desk.changed:
            (self.desk.gated.add if closed else self.desk.gated.discard)(self.name)
        if not closed:
            self.tell("release", key="start")

    def breaches(self):
        """What came that must never come, since the last time this was asked."""
        told = [report["breach"] for report in self.reports if "breach" in report]
        new, self.seen = told[self.seen:], len(told)
        return new

    def start_again(self):
        """An HTTP upstream at the address where it was before it was stopped."""
        self.server = Server([*self.words, "--http", self.url.removeprefix("http://").removesuffix("/mcp")])

    def stop(self):
        return self.server.stop() if self.server else None
