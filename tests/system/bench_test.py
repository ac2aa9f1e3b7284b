#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sluice bench` must notice: a server that answers wrongly in each way there is, and a server that stalls.

The servers here answer modern requests as their path says. Last line: `N passed, N failed`.
"""
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from toolbox import Server, Tally, binary  # noqa: E402

STALL = 0.6  # Seconds that /stall holds every answer back, once.
seen_ids, lock = [], threading.Lock()


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Head and body leave in one piece.
    stalled = False

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        meta = asked["params"]["_meta"]
        assert self.headers["Mcp-Method"] == asked["method"] and self.headers["Mcp-Name"] == "echo"
        assert self.headers["MCP-Protocol-Version"] == meta["io.modelcontextprotocol/protocolVersion"]
        way, right = self.path[1:], {"jsonrpc": "2.0", "id": asked["id"], "result": {"resultType": "complete", "content": []}}
        with lock:
            seen_ids.append((way, asked["id"]))
            if way == "stall" and not Answers.stalled and sum(way == "stall" for way, _ in seen_ids) > 20:
                Answers.stalled = True
                time.sleep(STALL)
        if way == "wrong-id":
            right["id"] += 1
        elif way == "error":
            right = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32603, "message": "no"}}
        elif way == "tool-error":
            right["result"]["isError"] = True
        elif way == "garbage":
            right = "{"
        text = json.dumps(right)
        if way == "sse":
            first = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}})
            self.answer(200, "text/event-stream", f"id: 0\ndata:\n\ndata: {first}\n\ndata: {text}\n\n")
        elif way == "two":
            self.answer(200, "text/event-stream", f"data: {text}\n\ndata: {text}\n\n")
        elif way == "cut":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        elif way == "malformed":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n")
        else:
            self.answer(503 if way == "busy" else 202 if way == "nothing" else 200, "application/json", text, way == "closes")

    def answer(self, status, kind, text, close=False):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text.encode())


def bench(url, *flags, seconds="0.3"):
    words = [binary("sluice"), "bench", url, "--json", "--warmup", "0.05", "--duration", seconds, "--timeout", "5", *flags]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def expect(found, code, **members):
    if found[0] != code or not isinstance(found[1], dict):
        return f"{found} instead of exit code {code}"
    for name, test in members.items():
        if not test(found[1][name]):
            return f"{name}: {found[1][name]}\nin {found[1]}"
    return None


# Path of the server above, and a word of the one kind of error that must be told.
WRONG = (("wrong-id", "another id"), ("error", "-32603"), ("tool-error", "tool failed"), ("garbage", "no JSON-RPC message"),
         ("two", "second answer"), ("cut", "closed before"), ("malformed", "malformed HTTP"), ("busy", "status 503"),
         ("nothing", "status 202"))


def main():
    tally = Tally()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"

    def modern(way, *flags, **more):
        return bench(f"{base}/{way}", "--era", "modern", *flags, **more)

    for way in ("right", "sse", "closes"):
        tally.case(f"{way} answers are right", expect(modern(way, "--connections", "3"), 0, error_count=lambda n: n == 0,
                                                      answers=lambda n: n > 3))
    for way, word in WRONG:
        tally.case(f"{way} is told", expect(modern(way), 1, errors=lambda kinds, w=word: any(w in kind for kind in kinds)))
    ids = [number for way, number in seen_ids if way == "right"]
    tally.case("ids differ", None if len(set(ids)) == len(ids) else "an id came twice")

    # Due every 10 ms over 2 connections: while the server stalls some 60 requests fall due and wait; they are half of all.
    found = modern("stall", "--rate", "100", "--connections", "2", seconds="1.2")
    tally.case("a stall is not omitted", expect(found, 0, latency_us=lambda all: all["max"] >= STALL * 0.9e6 and all["p90"] >= STALL * 0.3e6,
                                               answers=lambda n: n >= 60))
    tally.case("a server that is not there", None if bench("http://127.0.0.1:1/")[0] == 2 else "it was measured")

    everything = Server([binary("everything"), "--http", "127.0.0.1:0"])
    for era in ("legacy", "modern"):
        found = bench(everything.url, "--era", era, "--tool", "test_simple_text", "--connections", "4", "--pid",
                      str(everything.process.pid))
        tally.case(f"the fixture, {era}", expect(found, 0, answers=lambda n: n > 10, processes=lambda all: all[0]["name"] == "everything"))
    found = bench(everything.url, "--rate", "200", "--method", "tools/list", "--payload", "1000", "--connections", "2")
    tally.case("another method with a payload", expect(found, 0, answers=lambda n: 20 < n < 200))
    tally.case("the fixture ends as it was asked to", everything.stop())
    server.shutdown()
    tally.end()


if __name__ == "__main__":
    main()
