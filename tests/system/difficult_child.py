# SPDX-License-Identifier: Apache-2.0
"""A stdio server that misbehaves on request: the tools are named after what they do. argv: [--modern] [--pids FILE]
[--at-start FAULT]. Every process it makes writes its pid to FILE, so that a test can see whether any is left."""
import json
import os
import signal
import sys
import time

modern = "--modern" in sys.argv
pids = sys.argv[sys.argv.index("--pids") + 1] if "--pids" in sys.argv else None
at_start = sys.argv[sys.argv.index("--at-start") + 1] if "--at-start" in sys.argv else None


def note_pid():
    if pids:
        with open(pids, "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")


def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def linger():
    """A grandchild: ignores TERM and sleeps; only KILL ends it."""
    note_pid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.close()
    os.close(1)
    while True:
        time.sleep(3600)


def fault(name, arguments):
    """Carries out a fault; the text to answer with, or None for no answer."""
    if name == "die":
        os._exit(arguments.get("code", 1))
    if name == "die_by_signal":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "hang":
        return None
    if name == "print_garbage":
        for _ in range(arguments.get("lines", 1)):
            sys.stdout.write("this is no JSON\n")
        sys.stdout.flush()
    if name == "print_long_line":
        sys.stdout.write("x" * arguments["bytes"] + "\n")
        sys.stdout.flush()
    if name == "flood_stderr":
        for i in range(arguments.get("lines", 10000)):
            sys.stderr.write(f"noise {i} " + "n" * 200 + "\n")
        sys.stderr.flush()
    if name == "ignore_term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if name == "fork_in_group" and os.fork() == 0:
        linger()
    if name == "fork_in_own_session" and os.fork() == 0:
        os.setsid()
        linger()
    if name == "close_stdout":
        os.close(1)
        time.sleep(3600)
    if name == "stream":  # as many log lines of a KiB as wanted; how far it got is in the file it was told
        with open(arguments["told"], "w", encoding="ascii") as told:
            for i in range(arguments["lines"]):
                say({"method": "notifications/message", "params": {"level": "info", "data": f"{i} " + "d" * 1000}})
                told.seek(0)
                told.write(f"{i + 1}")
                told.flush()
    if name == "ask_unasked":
        say({"id": 4711, "method": "roots/list"})
    if name == "answer_unknown":
        say({"id": "never given", "result": {}})
    if name == "answer_twice":
        return "twice"
    if name == "environment":
        return json.dumps(dict(os.environ))
    if name == "pid":
        return str(os.getpid())
    return arguments.get("text", "done")


def serve():
    if at_start:
        fault(at_start, {})
    for line in sys.stdin:
        message = json.loads(line)
        method, params = message.get("method"), message.get("params", {})
        if "id" not in message or method is None:
            continue
        done = {"resultType": "complete"} if modern else {}
        if method == "server/discover" and modern:
            result = {**done, "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}
        elif method == "initialize" and not modern:
            result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                      "serverInfo": {"name": "difficult", "version": "1"}}
        elif method == "tools/list":
            result = {**done, "tools": [], **({"ttlMs": 0, "cacheScope": "private"} if modern else {})}
        elif method == "tools/call":
            text = fault(params["name"], params.get("arguments", {}))
            if text is None:
                continue
            result = {**done, "content": [{"type": "text", "text": text}]}
        elif method == "ping":
            result = {}
        else:
            say({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
            continue
        say({"id": message["id"], "result": result})
        if params.get("name") == "answer_twice":
            say({"id": message["id"], "result": result})


note_pid()
serve()
if at_start == "ignore_eof":
    time.sleep(3600)
