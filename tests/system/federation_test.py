#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several real servers behind one path, and what of them is shown: by pattern, by tool set, under another name."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from mcp_client import Client  # noqa: E402
from toolbox import Server, Tally, binary, wait_until  # noqa: E402

tally = Tally()
FIXTURE = binary("everything")
CONFIG = """listen: {{http: '127.0.0.1:0'}}
upstreams:
  old: {{stdio: ['{fixture}', --era, legacy], allow: ['test_*', nothing_of_the_kind], deny: ['*_sampling', test_image_content]}}
  new: {{stdio: ['{fixture}', --era, modern], rename: {{test_simple_text: say, 'test_x_*': 'header_*'}}}}
  far: {{url: '{far}'}}
tool_sets:
  texts: {{old: [test_simple_text], far: ['test_simple_*', test_image_content]}}
routes:
  - {{path: /mcp, upstreams: [old, new, far]}}
  - {{path: /texts, upstreams: [old, new, far], tools: texts}}
"""


class Gateway:
    """A gateway in front of the fixture: two children of one era each and an HTTP server of both."""

    def __init__(self, config=CONFIG):
        self.folder = tempfile.TemporaryDirectory()
        self.far = Server([FIXTURE, "--http", "127.0.0.1:0"])
        self.file = pathlib.Path(self.folder.name, "sluice.yaml")
        self.write(config)
        self.server = Server([binary("sluice"), "serve", "-c", self.file])
        self.origin = self.server.url.removesuffix("/mcp")

    def write(self, config):
        self.file.write_text(config.format(fixture=FIXTURE, far=self.far.url))

    def client(self, path="/mcp"):
        return Client(self.origin + path)

    def stop(self):
        ended = self.server.stop()
        self.far.stop()
        self.folder.cleanup()
        return ended


def case(name):
    def run(check):
        gateway = Gateway()
        try:
            complaint = check(gateway)
        except Exception as problem:  # a test that cannot go on has failed
            complaint = f"{type(problem).__name__}: {problem}"
        ended = gateway.stop()
        tally.case(name, f"{complaint}\nthe gateway said:\n{gateway.server.output()}" if complaint else ended)
    return run


def expect(condition, what):
    return None if condition else f"expected {what}"


def first(*complaints):
    return next((complaint for complaint in complaints if complaint), None)


def both_eras(client, other):
    """(list tools, call a tool) in each era."""
    other.initialize()
    return ((lambda: names(client.modern("tools/list")), lambda name, **arguments: client.modern("tools/call", {"name": name, "arguments": arguments})),
            (lambda: names(other.request("tools/list")), lambda name, **arguments: other.call(name, arguments)))


def names(reply):
    return [tool["name"] for tool in (reply.result or {}).get("tools", [])]


@case("denied and renamed tools are so in both eras, and a denied one is as unknown as any")
def _(g):
    complaints = []
    for listed, call in both_eras(g.client(), g.client()):
        wait_until(lambda: {name.partition("__")[0] for name in listed()} == {"old", "new", "far"}, 20, pause=0.2)
        shown = listed()
        denied, unknown = call("old__test_image_content"), call("old__no_such_tool_at_all")
        complaints += [
            expect("old__test_simple_text" in shown and "far__test_image_content" in shown, f"what is allowed, got {shown}"),
            expect(not {"old__test_image_content", "old__test_sampling", "old__json_schema_2020_12_tool"} & set(shown), f"nothing that is denied, got {shown}"),
            expect("new__say" in shown and "new__test_simple_text" not in shown, f"new names, got {shown}"),
            expect(denied.error == {"code": -32602, "message": "Invalid params: unknown tool: old__test_image_content"}, f"a refusal, got {denied}"),
            expect(denied.status == unknown.status, f"the status {unknown.status}, got {denied}"),
            expect(call("new__test_simple_text").error, "the old name to be unknown"),
            expect((call("new__say").result or {}).get("content"), f"the renamed tool's answer, got {call('new__say')}")]
    return first(*complaints)


@case("a renamed tool's arguments are held against its own schema's headers")
def _(g):
    client = g.client()
    wait_until(lambda: any(name.startswith("new__header_") for name in names(client.modern("tools/list"))), 20, pause=0.2)
    tool = {"name": "new__header_mcp_header", "arguments": {"region": "eu", "query": "x"}}
    wrong = client.modern("tools/call", tool, headers={"Mcp-Param-Region": "us"})
    return expect(wrong.status == 400 and wrong.error["code"] == -32020, f"a refused header, got {wrong}")


@case("rules hold at an upstream's own path, where names have no prefix")
def _(g):
    old, new = g.client("/mcp/old"), g.client("/mcp/new")
    shown = names(old.modern("tools/list"))
    return first(expect("test_simple_text" in shown and "test_image_content" not in shown, f"plain names, got {shown}"),
                 expect(old.modern("tools/call", {"name": "test_image_content"}).error["code"] == -32602, "a refusal"),
                 expect(new.modern("tools/call", {"name": "say"}).result, f"an answer, got {new.modern('tools/call', {'name': 'say'})}"),
                 expect("test_simple_text" in names(g.client("/mcp/far").modern("tools/list")), "the others as they are"))


@case("a route with a tool set shows the set, less what is denied")
def _(g):
    client = g.client("/texts")
    wait_until(lambda: len(names(client.modern("tools/list"))) == 3, 20, pause=0.2)
    reply = client.modern("tools/list")
    return first(expect(names(reply) == ["old__test_simple_text", "far__test_simple_text", "far__test_image_content"], f"the set, got {names(reply)}"),
                 expect(reply.result["cacheScope"] == "private", f"a private list, got {reply}"),
                 expect(client.modern("tools/call", {"name": "new__say"}).error, "what is not in the set to be unknown"),
                 expect(client.modern("tools/call", {"name": "far__test_simple_text"}).result, "what is in it to work"))


@case("a pattern that matches nothing is warned of, and a reload changes what is shown")
def _(g):
    client = g.client()
    wait_until(lambda: any(name.startswith("old__") for name in names(client.modern("tools/list"))), 20, pause=0.2)
    if not wait_until(lambda: any('"nothing_of_the_kind"' in line for line in g.server.lines), 10):
        return "expected a warning that names the pattern"
    g.write(CONFIG.replace("old: [test_simple_text]", "old: [test_audio_content]"))
    g.server.process.send_signal(signal.SIGHUP)
    shown = g.client("/texts")
    return expect(wait_until(lambda: "old__test_audio_content" in names(shown.modern("tools/list")), 20, pause=0.2), "the set of the new configuration")


@case("a server that hangs is shown as it was, and holds up nobody")
def _(g):
    client = g.client()
    wait_until(lambda: {name.partition("__")[0] for name in names(client.modern("tools/list"))} == {"old", "new", "far"}, 20, pause=0.2)
    before, able = client.modern("tools/list"), client.modern("server/discover").result["capabilities"]
    greeted = g.client().initialize().result
    os.kill(g.far.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        replies = [client.modern("tools/list") for _ in range(3)]
        discovered = client.modern("server/discover").result
        took = time.monotonic() - started
        hellos = [g.client().initialize() for _ in range(4)]
        greeting = time.monotonic() - started - took
    finally:
        os.kill(g.far.process.pid, signal.SIGCONT)
    return first(*(expect(names(reply) == names(before), f"the same tools, got {reply}") for reply in replies),
                 expect(replies[0].result["ttlMs"] == 0, f"a list that nobody keeps, got {replies[0]}"),
                 expect(took < 8, f"three lists and a discover within 8 s, took {took:.1f} s"),
                 expect(discovered["capabilities"] == able, f"what it said before, {able}, got {discovered}"),
                 expect(greeting < 14, f"four handshakes of which the first only waits, took {greeting:.1f} s"),
                 *(expect((reply.result or {}).get("capabilities") == greeted["capabilities"], f"a greeting as before, got {reply}") for reply in hellos),
                 expect(wait_until(lambda: (client.modern("tools/call", {"name": "far__test_simple_text"}).result or {}).get("content"), 20), "it to answer again"))


@case("tools are found by words and called, in the place of a list")
def _(g):
    g.write(CONFIG.replace("tools: texts}", "find_tools: true}"))
    g.server.process.send_signal(signal.SIGHUP)
    client = g.client("/texts")
    if not wait_until(lambda: names(client.modern("tools/list")) == ["find_tool", "call_tool"], 20, pause=0.2):
        return f"expected two tools, got {client.modern('tools/list')}"

    def found(query):
        reply = client.modern("tools/call", {"name": "find_tool", "arguments": {"query": query}})
        return [tool["name"] for tool in (reply.result or {}).get("structuredContent", {}).get("tools", [])]
    wait_until(lambda: "far__test_simple_text" in found("answers with a text"), 20, pause=0.2)
    called = client.modern("tools/call", {"name": "call_tool", "arguments": {"name": "new__say"}})
    return first(expect("far__test_simple_text" in found("answers with a text"), f"what was looked for, got {found('answers with a text')}"),
                 expect("old__test_image_content" not in found("picture"), f"nothing that is denied, got {found('picture')}"),
                 expect((called.result or {}).get("content"), f"an answer through call_tool, got {called}"))


@case("a tool that is not as it was accepted is quarantined until it is accepted")
def _(g):
    pins = pathlib.Path(g.folder.name, "pins.json")
    pinned = f"pins: '{pins}'\n" + CONFIG.replace("--era, legacy], allow", "--era, legacy], pin: quarantine, allow")
    g.write(pinned)
    words = [binary("sluice"), "pin", "-c", g.file]
    differs = subprocess.run(words + ["--dry-run"], capture_output=True, text=True, timeout=60)
    written = subprocess.run(words, capture_output=True, text=True, timeout=60)
    again = subprocess.run(words + ["--dry-run"], capture_output=True, text=True, timeout=60)
    client = g.client("/mcp/old")

    def reload_and_see(condition):
        g.server.process.send_signal(signal.SIGHUP)
        return wait_until(condition, 20, pause=0.2)
    complaints = [expect(differs.returncode == 3 and "new old test_simple_text" in differs.stdout, f"differences, got {differs}"),
                  expect(written.returncode == 0 and pins.exists(), f"a file, got {written}"),
                  expect(again.returncode == 0 and not again.stdout, f"no difference, got {again}"),
                  expect(reload_and_see(lambda: "test_simple_text" in names(client.modern("tools/list"))), "what was accepted to be shown")]
    digest = json.loads(pins.read_text())["pins"]["old"]["test_simple_text"]
    pins.write_text(pins.read_text().replace(digest, "0" * 64))
    complaints += [expect(reload_and_see(lambda: "test_simple_text" not in names(client.modern("tools/list"))), "what changed to be left out"),
                   expect(client.modern("tools/call", {"name": "test_simple_text"}).error, "it to be refused"),
                   expect("test_audio_content" in names(client.modern("tools/list")), "the others to be there"),
                   expect(any('"changed"' in line for line in g.server.lines), "a line in the log")]
    subprocess.run(words, capture_output=True, timeout=60, check=True)
    complaints.append(expect(reload_and_see(lambda: client.modern("tools/call", {"name": "test_simple_text"}).result), "it to work once it is accepted"))
    return first(*complaints)


tally.end()
