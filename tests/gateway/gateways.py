# SPDX-License-Identifier: Apache-2.0
"""The gateways the kit knows how to start, and how to be told of another. An adapter says what its gateway offers by design:

stdio, http      upstreams of that transport              bridge       a client of one era in front of a server of the other
federation       several upstreams behind one endpoint    principals   clients told apart by an API key
resumption       event ids, and Last-Event-ID

What is not offered is counted as that, and not as failed.
"""
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import tempfile
import threading

from toolbox import Server, binary, command, fetched, needs, node, wait_until

HERE = pathlib.Path(__file__).resolve().parent
KEYS = {"alice": "alice-key-0123456789", "bob": "bob-key-01234567890"}


class Sluice:
    """Ours: one file of configuration."""
    name = "sluice"
    offers = {"stdio", "http", "bridge", "federation", "principals", "resumption"}

    def start(self, upstreams, principals=False):
        return RunningSluice(upstreams, principals)


class RunningSluice:
    def __init__(self, upstreams, principals):
        self.folder = tempfile.TemporaryDirectory()
        file = pathlib.Path(self.folder.name, "sluice.yaml")
        keys = {name: {"key": "${env:%s}" % name.upper()} for name in KEYS} if principals else {}
        file.write_text(json.dumps({  # JSON is YAML
            "listen": {"http": "127.0.0.1:0"}, "log": {"access": False, "level": "warning"}, **({"auth": {"keys": keys}} if keys else {}),
            "upstreams": {each.name: {"url": each.url} if each.url else {"stdio": each.command} for each in upstreams},
            "routes": [{"path": "/mcp", "upstreams": [each.name for each in upstreams]}]}))
        self.server = Server([binary("sluice"), "serve", "-c", file], env={name.upper(): key for name, key in KEYS.items()})
        self.url, self.said = self.server.url, lambda: "".join(self.server.lines[-4:])

    def stop(self):
        complaint = self.server.stop()
        self.folder.cleanup()
        return complaint


class Template:
    """A gateway started by a command with {port}, and {command} (one word of shell) or {words} or {url} for its one upstream."""

    def __init__(self, name, words, offers, env=None):
        self.name, self.words, self.offers, self.env = name, words, offers, env or {}

    def start(self, upstreams, principals=False):
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            port = chosen.getsockname()[1]
        words = []
        for word in self.words:
            if word == "{words}":
                words += upstreams[0].command
            else:
                words.append(word.replace("{port}", str(port)).replace("{url}", upstreams[0].url or "")
                             .replace("{command}", upstreams[0].command and upstreams[0].shell or ""))
        return RunningCommand(words, port, self.env)


class RunningCommand:
    """A program that serves on a port it was given; its process group ends with it."""

    def __init__(self, words, port, env):
        self.url, self.lines = f"http://127.0.0.1:{port}/mcp", []
        self.process = subprocess.Popen(words, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True, text=True, errors="replace")
        threading.Thread(target=self._read, daemon=True).start()

        def accepts():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
            return True
        if not wait_until(accepts, 30, pause=0.05):
            self.stop()
            raise OSError(f"$ {shlex.join(words)}\n{self.said()}\ndid not listen within 30 s")

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            del self.lines[:-400]

    def said(self):
        return "".join(self.lines[-4:])

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Running:
    """A gateway that somebody else started, in front of the address where the kit puts its upstream."""

    def __init__(self, url, address, era):
        self.name, self.offers = url, {"http", "bridge", "resumption"}
        self.url, self.address, self.era = url, address, era

    def start(self, upstreams, principals=False):
        return self

    def said(self):
        return ""

    def stop(self):
        return None


def peers():
    """The folder of the peers' packages, at the versions of peers/package-lock.json."""
    needs("npm", "install Debian's npm, or Node")
    here = HERE / "peers"
    return fetched("peers", [here / "package.json", here / "package-lock.json"],
                   lambda folder: command("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder))


def peer(name, script, *words, offers):
    program = [node(), str(peers() / "node_modules" / name / script)]
    return Template(name, [*program, *words], offers, {"NODE_OPTIONS": f"--require {HERE / 'peers' / 'loopback.cjs'}"})


def known(name):
    """The adapter of a name."""
    if name == "sluice":
        return Sluice()
    if name == "mcp-proxy":
        return peer("mcp-proxy", "dist/bin/mcp-proxy.mjs", "--host", "127.0.0.1", "--port", "{port}", "--server", "stream",
                    "--upstreamProtocol", "auto", "--", "{words}", offers={"stdio", "bridge", "resumption"})
    if name == "supergateway":
        return peer("supergateway", "dist/index.js", "--stdio", "{command}", "--outputTransport", "streamableHttp", "--stateful",
                    "--port", "{port}", "--logLevel", "none", offers={"stdio"})
    raise SystemExit(f"no adapter for {name}: sluice, mcp-proxy, supergateway, --command or --url")
