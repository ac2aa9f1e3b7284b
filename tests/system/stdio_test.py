#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sluice stdio`, as a desktop client starts it, and `sluice import`, which reads that client's file."""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from mcp_client import META  # noqa: E402
from toolbox import Server, Tally, binary, expect, first, wait_until, yaml_list  # noqa: E402

tally = Tally()
CHILD = [sys.executable, str(HERE / "difficult_child.py")]


class Lines:
    """The gateway with pipes for standard input and output."""

    def __init__(self, *words):
        self.process = subprocess.Popen([binary("sluice"), "stdio", *map(str, words)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.next_id = 1

    def say(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def request(self, method, params=None):
        """The answer; whatever comes before it must be MCP, too."""
        number, self.next_id = self.next_id, self.next_id + 1
        self.say({"id": number, "method": method, "params": params or {}})
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == number and "method" not in message:
                return message
        raise ValueError(f"no answer to {method}; it said: {self.process.stderr.read()[-2000:]}")

    def initialize(self, version="2025-11-25"):
        answer = self.request("initialize", {"protocolVersion": version, "capabilities": {},
                                             "clientInfo": {"name": "test", "version": "1"}})
        self.say({"method": "notifications/initialized"})
        return answer

    def modern(self, method, **params):
        return self.request(method, {**params, "_meta": META})

    def end(self):
        """Ends its input; the exit code and what it wrote to standard error."""
        out, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors if not out else f"more on stdout: {out[:200]}"


def case(name):
    def run(check):
        with tempfile.TemporaryDirectory() as folder:
            try:
                tally.case(name, check(pathlib.Path(folder)))
            except Exception as problem:  # a test that cannot go on has failed
                tally.case(name, f"{type(problem).__name__}: {problem}")
    return run


def names_of(answer):
    return [tool["name"] for tool in answer["result"]["tools"]]


def ends_well(gateway):
    code, said = gateway.end()
    return expect(code == 0, f"exit code 0, got {code}: {said[-1500:]}")


for era in ("legacy", "modern", "dual"):
    @case(f"a client of either era reaches a {era} command, and all ends with the client's input")
    def _(folder, era=era):
        words = ("--", binary("everything"), "--era", era)
        old, new = Lines(*words), Lines(*words)
        hello = old.initialize()
        called = old.request("tools/call", {"name": "test_simple_text", "arguments": {}})
        found = new.modern("server/discover")
        again = new.modern("tools/call", name="test_simple_text", arguments={})
        return first(expect(hello["result"]["protocolVersion"] == "2025-11-25", f"a handshake, got {hello}"),
                     expect(called["result"]["content"], f"a result, got {called}"),
                     expect("2026-07-28" in found["result"]["supportedVersions"], f"discover, got {found}"),
                     expect(again["result"]["resultType"] == "complete", f"a modern result, got {again}"),
                     ends_well(old), ends_well(new))


@case("a URL behind standard input and output")
def _(folder):
    far = Server([binary("everything"), "--http", "127.0.0.1:0"])
    gateway = Lines(far.url)
    gateway.initialize()
    tools = gateway.request("tools/list")
    complaint = first(expect("test_simple_text" in names_of(tools), f"the tools, got {tools}"), ends_well(gateway))
    far.stop()
    return complaint


@case("-c FILE serves the route that is asked for, several servers on it included")
def _(folder):
    file = folder / "sluice.yaml"
    file.write_text(f"upstreams:\n  one: {{stdio: {yaml_list([binary('everything')])}}}\n  two: {{stdio: {yaml_list(CHILD)}, era: legacy}}\n"
                    "routes:\n  - {path: /mcp, upstreams: [two]}\n  - {path: /both, upstreams: [one, two]}\n")
    alone, both = Lines("-c", file), Lines("-c", file, "--route", "/both")
    alone.initialize()
    both.initialize()
    text = alone.request("tools/call", {"name": "text", "arguments": {"text": "hello"}})
    names = names_of(both.request("tools/list"))
    wrong = subprocess.run([binary("sluice"), "stdio", "-c", file, "--route", "/none"], capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, timeout=30)
    return first(expect(text["result"]["content"][0]["text"] == "hello", f"the text, got {text}"),
                 expect("one__test_simple_text" in names, f"prefixed names, got {names[:5]}"),
                 expect(wrong.returncode == 1 and "no route /none" in wrong.stderr, f"a sentence, got {wrong.stderr[-300:]}"),
                 ends_well(alone), ends_well(both))


@case("kill -9 of the gateway leaves no child behind")
def _(folder):
    pids = folder / "pids"
    gateway = Lines("--", *CHILD, "--pids", pids)
    gateway.initialize()
    child = gateway.request("tools/call", {"name": "pid", "arguments": {}})["result"]["content"][0]["text"]
    gateway.process.kill()
    gateway.process.communicate(timeout=30)
    return expect(wait_until(lambda: not pathlib.Path(f"/proc/{child}/cmdline").exists()
                             or not pathlib.Path(f"/proc/{child}/cmdline").read_bytes(), 20), "no child left")


@case("import: the file of a desktop client becomes a configuration that works, and what cannot is named")
def _(folder):
    theirs, ours = folder / "claude_desktop_config.json", folder / "sluice.yaml"
    theirs.write_text(json.dumps({"mcpServers": {
        "everything": {"command": str(binary("everything")), "args": ["--era", "legacy"]},
        "far": {"url": "https://mcp.example.com/mcp"}}}))
    done = subprocess.run([binary("sluice"), "import", theirs], capture_output=True, text=True, timeout=30)
    ours.write_text(done.stdout)
    gateway = Lines("-c", ours)
    gateway.initialize()
    tools = gateway.request("tools/list")
    return first(expect(done.returncode == 0 and "far: is left out: its URL is https" in done.stderr, f"a note, got {done.stderr}"),
                 expect("test_simple_text" in names_of(tools), f"the tools, got {tools}"), ends_well(gateway))


tally.end()
