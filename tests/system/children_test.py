#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Sluice does about children that misbehave, and what it leaves behind when it is killed. Each case starts its own
gateway over difficult_child.py; conditions are waited for, never slept for."""
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from mcp_client import Client  # noqa: E402
from toolbox import Server, Tally, binary, expect, first, wait_until  # noqa: E402

tally = Tally()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Fixture:
    """A gateway over a difficult child, a client, and the pids of every process the child made."""

    def __init__(self, *child_words, config=""):
        self.folder = tempfile.TemporaryDirectory()
        self.pid_file = pathlib.Path(self.folder.name, "pids")
        words = [sys.executable, str(HERE / "difficult_child.py"), "--pids", str(self.pid_file), *child_words]
        file = pathlib.Path(self.folder.name, "sluice.yaml")
        era = "modern" if "--modern" in child_words else "legacy"
        file.write_text("listen: {http: '127.0.0.1:0'}\n"
                        f"upstreams: {{child: {{stdio: {words!r}, era: {era}, {config}}}}}\n"
                        "routes: [{path: /mcp, upstreams: [child]}]\n".replace("'", '"'))
        self.file = file
        self.server = Server([binary("sluice"), "serve", "-c", file])
        self.client = Client(self.server.url)

    def pids(self):
        return [int(line) for line in self.pid_file.read_text().split()] if self.pid_file.exists() else []

    def none_left(self, seconds=20):
        return wait_until(lambda: not any(alive(pid) for pid in self.pids()), seconds)

    def end(self):
        self.server.stop()
        self.folder.cleanup()


def case(name, *child_words, config=""):
    return tally.checks(name, lambda: Fixture(*child_words, config=config))


def serves(f):
    try:
        return Client(f.server.url).initialize().status == 200
    except OSError:
        return False


@case("a child that dies under a call: one error that says the call may have run, then the session is gone")
def _(f):
    f.client.initialize()
    reply = f.client.call("die", {"code": 3})
    again = f.client.call("text")
    return first(expect(reply.error and "code 3" in reply.error["message"], f"the exit code in {reply}"),
                 expect(reply.error and reply.error.get("data", {}).get("outcome") == "sent_unknown", f"the outcome in {reply}"),
                 expect(again.status == 404, f"404 for the session, got {again}"))


@case("a child that is killed under a modern call: one error, and the next call gets a new child", "--modern")
def _(f):
    before = f.client.modern("tools/call", {"name": "pid"})
    reply = f.client.modern("tools/call", {"name": "die_by_signal"})
    after = f.client.modern("tools/call", {"name": "pid"})
    return first(expect(before.result, f"an answer before, got {before}"),
                 expect(reply.error and reply.error.get("data", {}).get("outcome") == "sent_unknown", f"the outcome in {reply}"),
                 expect(after.result and after.result != before.result, f"an answer of another child, got {after}"))


@case("a child that hangs: the call ends with an error after the tool timeout, the session lives on", config="tool_timeout: 500ms")
def _(f):
    f.client.initialize()
    reply = f.client.call("hang")
    again = f.client.call("text", {"text": "alive"})
    return first(expect(reply.error is not None, f"an error, got {reply}"),
                 expect(again.result and again.result["content"][0]["text"] == "alive", f"an answer, got {again}"))


@case("garbage on stdout is skipped and logged; the answer behind it arrives")
def _(f):
    f.client.initialize()
    reply = f.client.call("print_garbage", {"lines": 5})
    return first(expect(reply.result, f"an answer, got {reply}"),
                 expect(wait_until(lambda: "no message" in f.server.output(), 5), "a log line about the garbage"))


@case("a child that prints nothing but garbage is ended")
def _(f):
    f.client.initialize()
    reply = f.client.call("print_garbage", {"lines": 3000})
    return first(expect(reply.error is not None, f"an error, got {reply}"), expect(f.none_left(), "no process left"))


@case("a line longer than a message may be is skipped, the answer behind it arrives")
def _(f):
    f.client.initialize()
    reply = f.client.call("print_long_line", {"bytes": 17 * 1024 * 1024})
    return expect(reply.result, f"an answer, got {reply}")


@case("a flood on stderr is bounded in the log and harms no call")
def _(f):
    f.client.initialize()
    reply = f.client.call("flood_stderr", {"lines": 20000})
    again = f.client.call("text")
    noise = sum("noise" in line for line in f.server.lines)
    return first(expect(reply.result and again.result, f"answers, got {reply}, {again}"),
                 expect(0 < noise <= 400, f"some noise and not much, got {noise} lines"))


@case("a child that ignores TERM is killed after the grace when its session ends")
def _(f):
    f.client.initialize()
    f.client.call("ignore_term")
    f.client.close()
    return expect(f.none_left(30), "no process left")


@case("a child that stays after the end of its input is ended when its session ends", "--at-start", "ignore_eof")
def _(f):
    f.client.initialize()
    f.client.close()
    return expect(f.none_left(30), "no process left")


for verb in ("fork_in_group", "fork_in_own_session"):
    @case(f"grandchildren end with the session ({verb})")
    def _(f, verb=verb):
        f.client.initialize()
        f.client.call(verb)
        grandchild = wait_until(lambda: len(f.pids()) == 2, 10)
        f.client.close()
        return first(expect(grandchild, "a grandchild"), expect(f.none_left(30), "no process left"))

    @case(f"kill -9 of the worker leaves no process behind ({verb})")
    def _(f, verb=verb):
        f.client.initialize()
        f.client.call(verb)
        wait_until(lambda: len(f.pids()) == 2, 10)
        worker = f.server.child("worker")
        os.kill(worker, signal.SIGKILL)
        gone = f.none_left(30)
        served = wait_until(lambda: serves(f), 10)
        return first(expect(gone, "no process left"), expect(served, "a new worker that serves"))

    @case(f"kill -9 of the supervisor leaves no process behind ({verb})")
    def _(f, verb=verb):
        f.client.initialize()
        f.client.call(verb)
        wait_until(lambda: len(f.pids()) == 2, 10)
        worker = f.server.child("worker")
        os.kill(f.server.process.pid, signal.SIGKILL)
        return first(expect(f.none_left(30), "no process left"),
                     expect(wait_until(lambda: not alive(worker), 10), "no worker left"))


@case("a command that does not exist: initialize gets a sentence that names it")
def _(f):
    f.server.stop()
    f.file.write_text("listen: {http: '127.0.0.1:0'}\nupstreams: {child: {stdio: [no-such-program-here], era: legacy}}\n"
                      "routes: [{path: /mcp, upstreams: [child]}]\n")
    f.server = Server([binary("sluice"), "serve", "-c", f.file])
    reply = Client(f.server.url).initialize()
    return expect(reply.error and "no-such-program-here" in reply.error["message"], f"the program's name, got {reply}")


@case("pool.min: a child is there before anybody comes, serves the first session, and has a successor", config="pool: {min: 1}")
def _(f):
    early = wait_until(lambda: len(f.pids()) == 1, 20)
    f.client.initialize()
    mine = int(f.client.call("pid").result["content"][0]["text"])
    return first(expect(early and f.pids()[0] == mine, f"the first child to serve, got {mine} of {f.pids()}"),
                 expect(wait_until(lambda: len(f.pids()) == 2, 20), "another in its place"))


@case("affinity: principal: two sessions share a child, which outlives the first of them", config="affinity: principal")
def _(f):
    other = Client(f.server.url)
    for client in (f.client, other):
        client.initialize()
    pids = [client.call("pid").result["content"][0]["text"] for client in (f.client, other)]
    f.client.close()
    after = other.call("pid").result["content"][0]["text"]
    return expect(pids[0] == pids[1] == after, f"one child, got {pids} and {after}")


@case("children_max bounds the children, and beyond it initialize says so", config="children_max: 2")
def _(f):
    clients = [Client(f.server.url) for _ in range(3)]
    replies = [client.initialize() for client in clients]
    clients[0].close()
    freed = wait_until(lambda: Client(f.server.url).initialize().status == 200, 20)
    return first(expect([reply.status for reply in replies] == [200, 200, 503], f"200 200 503, got {replies}"),
                 expect("children_max" in replies[2].text, f"a sentence, got {replies[2]}"),
                 expect(freed, "room again after a session ended"))


@case("a request that nobody may be asked is answered to the child, not hung", "--modern")
def _(f):
    reply = f.client.modern("tools/call", {"name": "ask_unasked"})
    return expect(reply.result, f"an answer, got {reply}")


@case("an answer that nobody waits for, and a second answer, reach nobody", "--modern")
def _(f):
    replies = [f.client.modern("tools/call", {"name": name}) for name in ("answer_unknown", "answer_twice", "text")]
    texts = [reply.result and reply.result["content"][0]["text"] for reply in replies]
    return first(expect(texts == ["done", "twice", "done"], f"each its own answer, got {texts}"),
                 expect(all(len(reply.messages) == 1 for reply in replies), "one message each"))


@case("modern calls of many clients at once on one child: each gets its own answer", "--modern")
def _(f):
    wrong = []

    def run(number):
        client = Client(f.server.url)
        for i in range(20):
            client.next_id = 1  # the same ids everywhere, on purpose
            text = f"marker {number} {i}"
            reply = client.modern("tools/call", {"name": "text", "arguments": {"text": text}})
            if not reply.result or reply.result["content"][0]["text"] != text or reply.last["id"] != 1:
                wrong.append(f"{text}: {reply}")
    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return expect(not wrong, f"320 right answers, got {wrong[:3]}")


@case("a client that does not read stops the child that writes to it, and loses nothing", config="tool_timeout: 120s")
def _(f):
    lines = 40_000  # 40 MB, far more than all buffers between them
    f.client.initialize()
    told = pathlib.Path(f.folder.name, "told")
    body = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
                       "params": {"name": "stream", "arguments": {"lines": lines, "told": str(told)}}}).encode()
    client = socket.create_connection((f.client.host, f.client.port))
    fields = {**f.client.fields(), "Host": "127.0.0.1", "Content-Length": len(body)}
    client.sendall(b"POST /mcp HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode() + b"\r\n" + body)
    written = lambda: int(told.read_text() or 0) if told.exists() else 0
    seen = []

    def stalled():  # the same count for two seconds
        seen.append(written())
        return len(seen) > 40 and seen[-1] > 0 and len(set(seen[-40:])) == 1
    stopped = wait_until(stalled, 60, pause=0.05)
    at = written()
    received = b""
    with client.makefile("rb") as reader:
        while b'"id": 9' not in received[-2000:] and (piece := reader.read1(1 << 20)):
            received += piece
    return first(expect(stopped and at < lines // 2, f"the child to stand still early, it wrote {at} of {lines} lines"),
                 expect(received.count(b"notifications/message") == lines, f"all lines, got {received.count(b'notifications/message')}"))


@case("a modern client is served by a legacy command")
def _(f):
    reply = f.client.modern("tools/call", {"name": "text"})
    return expect(reply.status == 200 and reply.result["resultType"] == "complete", f"a modern result, got {reply}")


@case("a legacy client is served by a modern command", "--modern")
def _(f):
    hello = f.client.initialize()
    reply = f.client.call("text")
    return first(expect(hello.result["protocolVersion"] == "2025-11-25", f"a handshake, got {hello}"),
                 expect("resultType" not in reply.result, f"a legacy result, got {reply}"))


@case("SIGTERM lets a call in flight finish")
def _(f):
    f.client.initialize()
    replies = []
    thread = threading.Thread(target=lambda: replies.append(f.client.call("flood_stderr", {"lines": 100000})))
    thread.start()
    wait_until(lambda: any("noise" in line for line in f.server.lines), 10)
    complaint = f.server.stop()
    thread.join(30)
    return first(complaint, expect(replies and replies[0].result, f"the answer, got {replies}"), expect(f.none_left(), "no process left"))


if __name__ == "__main__":
    tally.end()
