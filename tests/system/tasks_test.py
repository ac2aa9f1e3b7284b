#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks as clients see them through the gateway: of both kinds, in front of servers of the other kind, behind a federated route,
and nobody's but their owner's."""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from mcp_client import Client, Stream  # noqa: E402
from toolbox import Server, Tally, binary, wait_until  # noqa: E402

tally = Tally()
ALICE, BOB = "alice-key-0123456789", "bob-key-01234567890"
TASKS = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}},
                                                       "extensions": {"io.modelcontextprotocol/tasks": {}}}}
YES = {"action": "accept", "content": {"confirm": True}}
OVER = ("completed", "failed", "cancelled")


class Gateway:
    """A gateway in front of the fixture, as two children of one era each, alone and together."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        file = pathlib.Path(self.folder.name, "sluice.yaml")
        words = {era: json.dumps([binary("everything"), "--era", era]) for era in ("legacy", "modern")}
        file.write_text("listen: {http: '127.0.0.1:0'}\n"
                        "auth: {keys: {alice: {key: '${env:ALICE}'}, bob: {key: '${env:BOB}'}}}\n"
                        f"upstreams:\n  old: {{stdio: {words['legacy']}}}\n  new: {{stdio: {words['modern']}}}\n"
                        f"  brief: {{stdio: {words['modern']}, tool_timeout: 2s}}\n"
                        "routes:\n  - {path: /mcp, upstreams: [old, new]}\n")
        self.server = Server([binary("sluice"), "serve", "-c", file], env={"ALICE": ALICE, "BOB": BOB})

    def client(self, path, key=ALICE):
        return Client(self.server.url.removesuffix("/mcp") + path, {"Authorization": f"Bearer {key}"})

    def stop(self):
        ended = self.server.stop()
        self.folder.cleanup()
        return ended


def expect(condition, what):
    return None if condition else f"expected {what}"


def first(*complaints):
    return next((complaint for complaint in complaints if complaint), None)


def call(client, tool, arguments=None):
    return client.modern("tools/call", {"name": tool, "arguments": arguments or {}}, meta=TASKS)


def get(client, task):
    return client.modern("tasks/get", {"taskId": task}, meta=TASKS)


def until(client, task, *statuses):
    """The task when it has one of these statuses, or as it is after 20 s."""
    seen = []

    def reached():
        seen.append(get(client, task).result or {})
        return seen[-1].get("status") in statuses
    wait_until(reached, 20, pause=0.1)
    return seen[-1]


def text_of(result):
    return ((result or {}).get("content") or [{}])[0].get("text", "")


def modern_task(client, prefix=""):
    """A task that asks, from its creation to its result; a complaint or None."""
    made = call(client, prefix + "confirm_delete", {"filename": "a.txt"})
    if not made.result or made.result.get("resultType") != "task":
        return f"expected a task, got {made}"
    task = made.result["taskId"]
    asking = until(client, task, "input_required", *OVER)
    keys = list(asking.get("inputRequests", {}))
    if asking.get("status") != "input_required" or len(keys) != 1:
        return f"expected a question, got {asking}"
    updated = client.modern("tasks/update", {"taskId": task, "inputResponses": {keys[0]: YES}}, meta=TASKS)
    done = until(client, task, *OVER)
    return first(expect(updated.result and updated.result["resultType"] == "complete", f"an empty answer, got {updated}"),
                 expect(done.get("status") == "completed" and text_of(done.get("result")) == "Deleted a.txt", f"the result, got {done}"),
                 expect(done.get("taskId") == task, f"its own id, got {done}"))


def asked_on(client, message, answer):
    """The response to a legacy request whose stream has a question first, and the question."""
    stream = Stream(client, "POST", json.dumps(message).encode(), client.fields())
    question = stream.wait(lambda one: one.get("method") == "elicitation/create", 20)
    if question:
        client.post({"jsonrpc": "2.0", "id": question["id"], "result": answer})
    return question, stream.wait(lambda one: one.get("id") == message["id"], 20)


def modern_over_old(g):
    client = g.client("/mcp/old")
    slow = call(client, "slow_compute", {"seconds": 60}).result["taskId"]
    client.modern("tasks/cancel", {"taskId": slow}, meta=TASKS)
    unaware = client.modern("tools/call", {"name": "test_tool_with_task"}, meta={
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}})
    return first(modern_task(client), expect(get(client, slow).result["status"] == "cancelled", "a cancelled task"),
                 expect(unaware.result and unaware.result["resultType"] == "input_required", f"a question without a task, got {unaware}"))


def legacy_over_new(g):
    client = g.client("/mcp/new")
    able = client.initialize(capabilities={"elicitation": {}}).result["capabilities"]
    made = client.call("confirm_delete", {"filename": "b.txt"}, task={"ttl": 60000})
    task = made.result["task"]["taskId"]
    wait_until(lambda: client.request("tasks/get", {"taskId": task}).result["status"] == "input_required", 20, pause=0.1)
    question, answer = asked_on(client, {"jsonrpc": "2.0", "id": "wait", "method": "tasks/result", "params": {"taskId": task}}, YES)
    listed = client.request("tasks/list").result["tasks"]
    return first(expect(able.get("tasks"), f"tasks offered, got {able}"),
                 expect(question and question["params"]["_meta"]["io.modelcontextprotocol/related-task"]["taskId"] == task, f"a question of the task, got {question}"),
                 expect(answer and text_of(answer.get("result")) == "Deleted b.txt", f"the result, got {answer}"),
                 expect([one["status"] for one in listed] == ["completed"], f"one task that is over, got {listed}"))


def legacy_without_tasks(g):
    client = g.client("/mcp/new")
    client.initialize(version="2025-06-18", capabilities={"elicitation": {}})
    failed = client.call("failing_job")
    question, answer = asked_on(client, {"jsonrpc": "2.0", "id": "call", "method": "tools/call", "params": {
        "name": "confirm_delete", "arguments": {"filename": "c.txt"}}}, YES)
    return first(expect(failed.result and failed.result.get("isError"), f"the tool's failure, got {failed}"),
                 expect(question and answer and text_of(answer.get("result")) == "Deleted c.txt", f"a question and the result, got {question}, {answer}"))


def federated(g):
    client = g.client("/mcp")
    complaints = [modern_task(client, owner + "__") for owner in ("old", "new")]
    return first(*complaints, expect(get(client, "x").error["code"] == -32602, "-32602 for a task of nobody"))


def federated_legacy(g):
    client = g.client("/mcp")
    able = client.initialize(capabilities={"elicitation": {}}).result["capabilities"]
    complaints, made = [expect(able.get("tasks"), f"tasks offered, got {able}")], []
    for owner in ("old", "new"):
        reply = client.call(owner + "__confirm_delete", {"filename": "d.txt"}, task={"ttl": 60000})
        task = reply.result["task"]["taskId"]
        made.append(task)
        wait_until(lambda task=task: client.request("tasks/get", {"taskId": task}).result["status"] == "input_required", 20, pause=0.1)
        question, answer = asked_on(client, {"jsonrpc": "2.0", "id": owner, "method": "tasks/result", "params": {"taskId": task}}, YES)
        params, result = (question or {}).get("params", {}), (answer or {}).get("result", {})
        complaints += [expect(params.get("_meta", {}).get("io.modelcontextprotocol/related-task", {}).get("taskId") == task, f"a question of the task, got {question}"),
                       expect(params.get("message", "").startswith(f"[{owner}] "), f"the name of {owner}, got {question}"),
                       expect(text_of(result) == "Deleted d.txt" and result["_meta"]["io.modelcontextprotocol/related-task"]["taskId"] == task, f"the result, got {answer}")]
    listed = [one["taskId"] for one in client.request("tasks/list").result["tasks"]]
    slow = client.call("old__slow_compute", {"seconds": 60}, task={}).result["task"]["taskId"]
    ended = client.request("tasks/cancel", {"taskId": slow}).result
    return first(*complaints, expect(listed == made, f"{made}, got {listed}"),
                 expect(ended["status"] == "cancelled" and ended["taskId"] == slow, f"a cancelled task, got {ended}"),
                 expect(g.client("/mcp", BOB).initialize().result and client.request("tasks/get", {"taskId": "x"}).error["code"] == -32602, "-32602 for a task of nobody"))


def long_task(g):
    client = g.client("/mcp/brief")
    client.initialize(version="2025-06-18")
    reply = client.call("slow_compute", {"seconds": 6})
    return expect(reply.result and text_of(reply.result) == "Computed something", f"the result after three timeouts, got {reply}")


def owned(g):
    complaints = []
    for path, prefix in (("/mcp/old", ""), ("/mcp", "new__"), ("/mcp", "old__")):
        alice, bob = g.client(path), g.client(path, BOB)
        task = call(alice, prefix + "slow_compute", {"seconds": 60}).result["taskId"]
        for method in ("tasks/get", "tasks/cancel"):
            reply = bob.modern(method, {"taskId": task}, meta=TASKS)
            complaints.append(expect(reply.error and reply.error["code"] == -32602, f"-32602 at {path}, got {reply}"))
        complaints.append(expect(get(alice, task).result["status"] == "working", "the owner's task to run on"))
    return first(*complaints)


def run(name, check):
    gateway = Gateway()
    try:
        complaint = check(gateway)
    except Exception as problem:  # a test that cannot go on has failed
        complaint = f"{type(problem).__name__}: {problem}"
    ended = gateway.stop()
    tally.case(name, f"{complaint}\nthe gateway said:\n{gateway.server.output()}" if complaint else ended)


run("a client of the extension has tasks in front of a server of 2025-11-25, questions included", modern_over_old)
run("a client of 2025-11-25 has tasks in front of a server of the extension, questions included", legacy_over_new)
run("a client that knows no tasks gets results and questions of a server that makes tasks", legacy_without_tasks)
run("tasks of several servers behind one path know whose they are", federated)
run("tasks of 2025-11-25 of several servers behind one path know whose they are, in front of servers of both kinds", federated_legacy)
run("a long task behind a client that knows none lives as long as its server says so", long_task)
run("a task is its owner's", owned)
tally.end()
