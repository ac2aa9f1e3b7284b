#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The gateway as an operator and a hostile web page see it: principals, guards, statuses, pages, reload, limits, and
that opening and closing sessions leaves nothing behind."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from mcp_client import Client, Reply  # noqa: E402
from toolbox import Server, Tally, binary, expect, first, wait_until, yaml_list  # noqa: E402

tally = Tally()
CHILD = [sys.executable, str(HERE / "difficult_child.py")]
ALICE, BOB = "alice-key-0123456789", "bob-key-01234567890"


class Gateway:
    """A gateway with two upstreams of one script, a legacy and a modern one, from a file that a test may rewrite."""

    def __init__(self, keys=False, extra="", options=()):
        self.folder = tempfile.TemporaryDirectory()
        self.file = pathlib.Path(self.folder.name, "sluice.yaml")
        self.keys, self.extra = keys, extra
        self.write()
        self.server = Server([binary("sluice"), "serve", "-c", self.file, *options], env={"ALICE": ALICE, "BOB": BOB, "SLUICE_TEST_WORD": "word"})
        self.url = self.server.url
        self.origin = self.url.removesuffix("/mcp")

    def write(self, text=None, children_max=8):
        keys = "auth: {keys: {alice: {key: '${env:ALICE}'}, bob: {key: '${env:BOB}'}}}\n" if self.keys else ""
        self.file.write_text(text or "listen: {http: '127.0.0.1:0'}\n" + keys + self.extra +
                             f"upstreams:\n  old: {{stdio: {yaml_list(CHILD)}, era: legacy, children_max: {children_max}}}\n"
                             f"  new: {{stdio: {yaml_list([*CHILD, '--modern'])}, era: modern}}\n"
                             "routes:\n  - {path: /mcp, upstreams: [old]}\n  - {path: /new, upstreams: [new]}\n")

    def hang_up(self, expected):
        self.server.process.send_signal(signal.SIGHUP)
        return wait_until(lambda: expected in self.server.output(), 10)

    def client(self, key=None, path="/mcp"):
        return Client(self.origin + path, {"Authorization": f"Bearer {key}"} if key else {})

    def end(self):
        ended = self.server.stop()
        self.folder.cleanup()
        return ended


def case(name, **options):
    return tally.checks(name, lambda: Gateway(**options))


def text_of(reply):
    return reply.result and reply.result["content"][0]["text"]


@case("keys: nobody without one, and a session belongs to the key that opened it", keys=True)
def _(g):
    nobody, wrong, alice, bob = g.client(), g.client("wrong-key-0123456789"), g.client(ALICE), g.client(BOB)
    refused = [nobody.initialize(), wrong.initialize()]
    alice.initialize()
    bob.initialize()
    thief = g.client(BOB)
    thief.session, thief.version = alice.session, alice.version
    stolen = [thief.call("text"), thief.close(), Reply(thief.http("GET", headers={**thief.fields(), "Accept": "text/event-stream"}))]
    own = alice.call("text", {"text": "mine"})
    return first(expect([reply.status for reply in refused] == [401, 401], f"401 twice, got {refused}"),
                 expect(refused[0].headers.get("www-authenticate", "").startswith("Bearer"), "WWW-Authenticate"),
                 expect([reply.status for reply in stolen] == [404, 404, 404], f"404 for the thief, got {stolen}"),
                 expect(text_of(own) == "mine", f"the owner's session lives, got {own}"))


@case("keys: metrics and health need one, alive and ready do not", keys=True)
def _(g):
    status = {path: g.client().http("GET", path).status for path in ("/alive", "/ready", "/health", "/metrics")}
    known = g.client().http("GET", "/metrics", headers={"X-API-Key": ALICE}).status
    return expect(status == {"/alive": 200, "/ready": 200, "/health": 401, "/metrics": 401} and known == 200, f"got {status}, {known}")


@case("no secret in any output: the key is in neither log nor page", keys=True)
def _(g):
    g.client(ALICE).initialize()
    g.client(ALICE).modern("tools/call", {"name": ALICE})
    pages = "".join(g.client().http("GET", path, headers={"X-API-Key": ALICE}).read().decode() for path in ("/health", "/metrics"))
    wait_until(lambda: '"call"' in g.server.output(), 5)
    leaks = [line for line in g.server.lines if ALICE in line]
    return first(expect(not leaks, f"no key in the log, got {leaks[:2]}"), expect(ALICE not in pages, "no key in the pages"))


@case("a foreign Host or Origin is refused on every path and method")
def _(g):
    wrong = []
    for path in ("/mcp", "/new", "/metrics", "/health", "/nowhere"):
        for method in ("GET", "POST", "DELETE"):
            for field in ({"Host": "evil.example.com"}, {"Origin": "http://evil.example.com"}, {"Origin": "null"}):
                status = g.client().http(method, path, b"{}" if method == "POST" else None,
                                         {"Content-Type": "application/json", **field}).status
                if status != 403:
                    wrong.append((method, path, field, status))
    local = Client(g.url, {"Origin": "http://localhost:6274"}).initialize()
    return first(expect(not wrong, f"403 everywhere, got {wrong}"), expect(local.status == 200, f"localhost is fine, got {local}"))


@case("statuses of the endpoint: 400 404 405 406 415 202 as the revisions say")
def _(g):
    client = g.client()
    client.initialize()
    raw = lambda **fields: Reply(client.http("POST", body=b'{"jsonrpc":"2.0","id":1,"method":"ping"}', headers=client.fields(fields)))
    no_session, unknown, version = g.client(), g.client(), g.client()
    unknown.session = "A" * 142
    version.session, version.version = client.session, "1999-01-01"
    got = {
        "no session": no_session.request("tools/list").status, "unknown session": unknown.request("tools/list").status,
        "bad version": version.request("tools/list").status, "media type": raw(**{"Content-Type": "text/plain"}).status,
        "accept": raw(Accept="image/png").status, "notification": client.notify("notifications/roots/list_changed").status,
        "method": client.http("PUT", body=b"{}").status, "path": client.http("POST", "/nowhere", b"{}").status,
        "not json": Reply(client.http("POST", body=b"{", headers=client.fields())).status,
        "batch": client.post([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]).status,
    }
    wanted = {"no session": 400, "unknown session": 404, "bad version": 400, "media type": 415, "accept": 406,
              "notification": 202, "method": 405, "path": 404, "not json": 400, "batch": 400}
    return expect(got == wanted, f"{wanted}\ngot {got}")


@case("limits.message_bytes counts everywhere: 20 MB there and back, also across the eras", extra="limits: {message_bytes: 33554432}\n")
def _(g):
    text = "x" * 20_000_000
    legacy = g.client()
    legacy.initialize()
    got = {"legacy": legacy.call("text", {"text": text}), "across": g.client().modern("tools/call", {"name": "text", "arguments": {"text": text}}),
           "modern": g.client(path="/new").modern("tools/call", {"name": "text", "arguments": {"text": text}})}
    wrong = {era: repr(reply)[:300] for era, reply in got.items() if text_of(reply) != text}
    return expect(not wrong, f"the text in each, got {wrong}")


@case("limits.worker_bytes is the worker's budget: what does not fit is refused, the next call is served", extra="limits: {worker_bytes: 16777216}\n")
def _(g):
    client = g.client()
    client.initialize()
    large, small = client.call("text", {"text": "x" * 15_000_000}), client.call("text", {"text": "small"})
    return first(expect(large.status == 503 or (large.error or {}).get("code") == -32603, f"a refusal, got {repr(large)[:300]}"),
                 expect(text_of(small) == "small", f"the next call, got {small}"))


@case("two sessions with equal ids never see each other's answers")
def _(g):
    clients = [g.client() for _ in range(6)]
    for client in clients:
        client.initialize()
    wrong = []

    def run(number, client):
        for i in range(30):
            client.next_id = 1
            text = f"{number}/{i}"
            reply = client.call("text", {"text": text})
            if text_of(reply) != text:
                wrong.append(f"{text}: {reply}")
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return expect(not wrong, f"180 right answers, got {wrong[:3]}")


@case("a message of 15 MB passes both ways, one above 16 MB is refused with 413 and harms nobody")
def _(g):
    client = g.client()
    client.initialize()
    big = client.call("text", {"text": "x" * (15 * 1024 * 1024)})
    over = client.call("text", {"text": "x" * (17 * 1024 * 1024)})
    after = client.call("text", {"text": "alive"})
    return first(expect(big.result and len(text_of(big)) == 15 * 1024 * 1024, f"15 MB back, got HTTP {big.status}"),
                 expect(over.status == 413, f"413, got HTTP {over.status}"), expect(text_of(after) == "alive", f"alive, got {after}"))


@case("connections beyond the limit get 503, the others work on", extra="")
def _(g):
    g.server.stop()
    g.file.write_text(g.file.read_text().replace("{http: '127.0.0.1:0'}", "{http: '127.0.0.1:0', connections_max: 3}"))
    g.server = Server([binary("sluice"), "serve", "-c", g.file])
    client = Client(g.server.url)
    held = [client.http("GET", "/alive") for _ in range(3)]
    over = client.http("GET", "/alive")
    bodies = [response.read() for response in held]
    again = wait_until(lambda: [response.connection.close() for response in held] and client.http("GET", "/alive").status == 200, 10)
    return first(expect(over.status == 503 and over.read(), f"503, got {over.status}"),
                 expect(all(bodies) and again, "the others answered, and room again"))


@case("SIGHUP with a file that is wrong changes nothing; with a right one it changes what it says and no other session")
def _(g):
    new = g.client(path="/new")
    old = g.client()
    old.initialize()
    g.write("upstreams: [")
    refused = g.hang_up("not reloaded")
    kept = old.call("text", {"text": "kept"})
    g.file.write_text("")
    g.write()
    text = g.file.read_text().replace("path: /new", "path: /renamed")
    g.file.write_text(text)
    reloaded = g.hang_up('"configuration reloaded"')
    still = old.call("text", {"text": "still"})
    moved = [new.modern("tools/list").status, g.client(path="/renamed").modern("tools/list").status]
    return first(expect(refused and text_of(kept) == "kept", f"the session lives after a wrong file, got {kept}"),
                 expect(reloaded and text_of(still) == "still", f"the session of an unchanged route lives, got {still}"),
                 expect(moved == [404, 200], f"the route moved, got {moved}"))


@case("health and metrics tell of calls, upstreams and tools")
def _(g):
    client = g.client()
    client.initialize()
    client.call("text")
    client.call("no_such", {"text": "x"})
    health = client.http("GET", "/health").read().decode()
    metrics = client.http("GET", "/metrics").read().decode()
    openmetrics = client.http("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    return first(expect('"old":{"usable":true' in health and '"sessions":1' in health, f"the upstream's state, got {health}"),
                 expect('tool="text",status="ok"} 1' in metrics, f"a counter a tool, got {metrics[:2000]}"),
                 expect("sluice_call_duration_seconds_bucket" in metrics, "durations"),
                 expect(openmetrics.read().decode().endswith("# EOF\n"), "OpenMetrics when asked for"))


def expect_exit(words, code, text):
    done = subprocess.run([binary("sluice"), *words], capture_output=True, text=True, timeout=20)
    return expect(done.returncode == code and text in done.stderr + done.stdout,
                  f"exit {code} and '{text}', got {done.returncode}: {done.stderr}{done.stdout}")


@case("the command line says in one sentence what is wrong")
def _(g):
    return first(expect_exit(["check", "-c", g.file], 0, "2 upstreams"), expect_exit(["check", "-c", "/nowhere.yaml"], 1, "/nowhere.yaml"),
                 expect_exit(["serve"], 2, "either"), expect_exit(["serve", "--http", "0.0.0.0:0", "--", "true"], 1, "--insecure"),
                 expect_exit(["serve", "--http", "127.0.0.1:99999", "--", "true"], 1, "--http"),
                 expect_exit(["serve", "https://127.0.0.1/mcp", "--http", "127.0.0.1:0"], 1, "TLS"))


@case("a second gateway on the same port does not start")
def _(g):
    return expect_exit(["serve", "--http", g.origin.removeprefix("http://"), "--", "true"], 1, "in use")


@case("check names the line of what serve would refuse, and the file of pins that is not there")
def _(g):
    bad, good = pathlib.Path(g.folder.name, "bad.yaml"), pathlib.Path(g.folder.name, "good.yaml")
    bad.write_text("upstreams:\n  far: {url: 'https://mcp.example/mcp'}\nroutes: [{path: /mcp, upstreams: far}]\n")
    good.write_text("pins: pins.json\nupstreams: {a: {stdio: [x], pin: report}}\nroutes: [{path: /mcp, upstreams: a}]\n")
    missing = pathlib.Path(g.folder.name, "pins.json")
    complaints = [expect_exit(["check", "-c", bad], 1, "bad.yaml:2: upstreams.far.url needs TLS"),
                  expect_exit(["check", "-c", good], 0, f"{missing} is not there")]
    missing.write_text("{")
    return first(*complaints, expect_exit(["check", "-c", good], 1, str(missing)))


@case("a child gets no key of the gateway's environment, and what env_inherit names", keys=True)
def _(g):
    def environment():
        client = g.client(ALICE)
        client.initialize()
        found = json.loads(text_of(client.call("environment")))
        client.close()
        return found
    plain = environment()
    text = g.file.read_text()
    g.file.write_text(text.replace("era: legacy", "era: legacy, env: {GIVEN: '${env:BOB}'}, env_inherit: [SLUICE_TEST_*, ALICE]"))
    reloaded = g.hang_up('"configuration reloaded"')
    named = environment()
    g.file.write_text(text.replace("era: legacy", "era: legacy, env_inherit: all"))
    g.server.lines.clear()
    again = g.hang_up('"configuration reloaded"')
    everything = environment()
    return first(expect(reloaded and again, "the file to be taken"),
                 expect(plain.get("PATH") == os.environ["PATH"], f"a PATH, got {plain}"),
                 expect(not {"ALICE", "BOB", "SLUICE_TEST_WORD"} & plain.keys(), f"nothing of ours, got {plain}"),
                 expect(named.get("GIVEN") == BOB and named.get("ALICE") == ALICE and "BOB" not in named, f"what is named, got {named}"),
                 expect(named.get("SLUICE_TEST_WORD") == "word", f"what begins so, got {named}"),
                 expect(everything.get("SLUICE_TEST_WORD") == "word", f"everything, got {everything}"),
                 expect(not {"ALICE", "BOB"} & everything.keys(), f"but the keys of clients, got {everything}"))


def serves(g):
    try:
        return g.client().initialize().status == 200
    except OSError:
        return False


@case("a worker that hangs is replaced, and calls are answered again", options=("--hang-timeout", "2"))
def _(g):
    client = g.client()
    client.initialize()
    client.call("text")
    left = g.server.child("worker")
    os.kill(left, signal.SIGSTOP)
    told = wait_until(lambda: "worker 0 hangs" in g.server.output(), 60)
    again = wait_until(lambda: serves(g), 60)
    return first(expect(told, "one sentence on the worker that hangs"), expect(again, "a worker that serves"),
                 expect(g.server.child("worker") != left, "another worker"), expect(g.server.output().count("worker 0 hangs") == 1, "one such worker"))


@case("a worker that dies while the file is broken is tried again until the file is right")
def _(g):
    right = g.file.read_text()
    g.file.write_text("upstreams: [")
    os.kill(g.server.child("worker"), signal.SIGKILL)
    died = wait_until(lambda: g.server.output().count("worker 0 died") >= 2, 10)
    alive = g.server.process.poll() is None
    g.file.write_text(right)
    return first(expect(died and alive, "the supervisor to stay"), expect(wait_until(lambda: serves(g), 20), "a worker that serves again"))


@case("a command that cannot be executed is named, and serves once it is there")
def _(g):
    program = pathlib.Path(g.folder.name, "late")
    g.write("listen: {http: '127.0.0.1:0'}\nupstreams: {late: {stdio: " + f"['{program}']" + "}}\nroutes: [{path: /mcp, upstreams: [late]}]\n")
    late = Server([binary("sluice"), "serve", "-c", g.file])
    client = Client(late.url)
    replies = [client.modern("tools/list"), Client(late.url).initialize()]
    health = client.http("GET", "/health").read().decode()
    part = program.with_suffix(".part")
    part.write_text(f"#!/bin/sh\nexec {' '.join(CHILD)} --modern\n")
    part.chmod(0o755)
    part.rename(program)
    served = wait_until(lambda: client.modern("tools/list").status == 200, 60)
    named = f"cannot be executed, '{program}'"
    return first(expect(all(named in str(reply.error) for reply in replies), f"the program named, got {replies}"),
                 expect('"usable":false' in health, f"an upstream that is not usable, got {health}"),
                 expect(served, "answers once the program is there"), late.stop())


@case("SIGTERM ends a gateway whose upstream is being asked for its era and does not answer")
def _(g):
    g.write("listen: {http: '127.0.0.1:0'}\nupstreams: {mute: {stdio: [sleep, '1000']}}\nroutes: [{path: /mcp, upstreams: [mute]}]\n")
    mute = Server([binary("sluice"), "serve", "-c", g.file])
    started = wait_until(lambda: "child started" in mute.output(), 10)
    return first(expect(started, "a probe"), mute.stop())


@case("SIGTERM ends a gateway with open streams and sessions, and its children end by themselves")
def _(g):
    client = g.client()
    client.initialize()
    stream = client.http("GET", headers={**client.fields(), "Accept": "text/event-stream"})
    stopped = g.server.stop()
    return first(stopped, expect(stream.status == 200, f"a stream, got {stream.status}"),
                 expect('"how":"exited with code 0"' in g.server.output(), "a child that ended by itself"))


def resources(pid):
    """Descriptors, descendants and anonymous KiB of a process."""
    anonymous = next(int(line.split()[1]) for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii") if line.startswith("Anonymous"))
    descendants = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return len(os.listdir(f"/proc/{pid}/fd")), len(descendants), anonymous


@case("five rounds of sessions opened and closed leave no descriptor, child or memory behind")
def _(g):
    per_round = int(os.environ.get("SLUICE_SESSIONS_A_ROUND", "40"))
    worker = g.server.child("worker")

    def one():
        client = g.client()
        for _ in range(per_round // 4):
            if client.initialize().status != 200:
                wait_until(lambda: client.initialize().status == 200, 20)
            client.call("text")
            client.close()
            client.session = client.version = None

    resting = resources(worker)[:2]
    rounds = []
    for _ in range(5):
        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        wait_until(lambda: resources(worker)[:2] == resting, 30)
        rounds.append(resources(worker))
    settled = rounds[1:]  # the first round fills pools
    sanitized = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ  # they keep freed memory on purpose
    return first(expect(len({fds for fds, _, _ in settled}) == 1, f"constant descriptors, got {rounds}"),
                 expect(all(children == 0 for _, children, _ in settled), f"no children, got {rounds}"),
                 expect(settled[0][:2] == resting, f"what there was before any session, {resting}, got {rounds}"),
                 expect(sanitized or settled[-1][2] - settled[0][2] <= 512, f"no slope of anonymous memory, got {rounds}"))


if __name__ == "__main__":
    tally.end()
