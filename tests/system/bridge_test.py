#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bridge and the federation as clients see them: questions that cross the eras, whose state is whose, and several servers
behind one path, one of them dead."""
import json
import os
import pathlib
import signal
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from mcp_client import Client  # noqa: E402
from toolbox import Server, Tally, binary, expect, first, wait_until, yaml_list  # noqa: E402

tally = Tally()
ALICE, BOB = "alice-key-0123456789", "bob-key-01234567890"
ASKABLE = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}, "sampling": {}}}
PERSON = {"username": "ann", "email": "ann@example.org"}
TOOL = {"name": "test_elicitation", "arguments": {"message": "What is your name?"}}


class Gateway:
    """A gateway in front of the fixture, as two children of one era each and as an HTTP server of both, and of a dead address."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.fixture = Server([binary("everything"), "--http", "127.0.0.1:0"])
        file = pathlib.Path(self.folder.name, "sluice.yaml")
        fixture = binary("everything")
        file.write_text("listen: {http: '127.0.0.1:0'}\n"
                        "auth: {keys: {alice: {key: '${env:ALICE}'}, bob: {key: '${env:BOB}'}}}\n"
                        f"upstreams:\n  old: {{stdio: {yaml_list([fixture, '--era', 'legacy'])}}}\n"
                        f"  new: {{stdio: {yaml_list([fixture, '--era', 'modern'])}}}\n"
                        f"  far: {{url: '{self.fixture.url}'}}\n  dead: {{url: 'http://127.0.0.1:9/mcp'}}\n"
                        "routes:\n  - {path: /mcp, upstreams: [old, new, far, dead]}\n")
        self.server = Server([binary("sluice"), "serve", "-c", file], env={"ALICE": ALICE, "BOB": BOB})
        self.origin = self.server.url.removesuffix("/mcp")

    def client(self, path, key=ALICE):
        return Client(self.origin + path, {"Authorization": f"Bearer {key}"})

    def end(self):
        ended = self.server.stop()
        self.fixture.stop()
        self.folder.cleanup()
        return ended


def case(name):
    return tally.checks(name, Gateway)


def transcript(asked, done):
    """The lines of the README, from what really happened."""
    key, question = next(iter(asked.result["inputRequests"].items()))
    return (f'-> tools/call {TOOL["name"]} {json.dumps(TOOL["arguments"])}',
            f'<- {asked.result["resultType"]}, {key}: {question["method"]} "{question["params"]["message"]}", and a requestState',
            f'-> tools/call {TOOL["name"]}, the requestState, and {key}: accept {json.dumps(PERSON)}',
            f'<- {done.result["resultType"]}: {done.result["content"][0]["text"]}')


def ask(client):
    """A modern call that is answered with a question: its state and the key of the question."""
    reply = client.modern("tools/call", TOOL, meta=ASKABLE)
    if not reply.result or reply.result.get("resultType") != "input_required":
        raise ValueError(f"a question, got {reply}")
    return reply.result["requestState"], next(iter(reply.result["inputRequests"])), reply


def retry(client, state, key, **tool):
    answers = {key: {"action": "accept", "content": PERSON}}
    return client.modern("tools/call", {**TOOL, **tool, "requestState": state, "inputResponses": answers}, meta=ASKABLE)


@case("a question of a legacy command is answered by a modern client, who comes back with the state")
def _(g):
    client = g.client("/mcp/old")
    state, key, asked = ask(client)
    question = asked.result["inputRequests"][key]
    reply = retry(client, state, key)
    return first(expect(question["method"] == "elicitation/create" and question["params"]["message"], f"the question, got {asked}"),
                 expect(reply.result and reply.result["resultType"] == "complete" and "accept" in json.dumps(reply.result), f"the tool's result, got {reply}"))


@case("the transcript in the README is what happens")
def _(g):
    client = g.client("/mcp/old")
    state, key, asked = ask(client)
    lines = transcript(asked, retry(client, state, key))
    readme = (HERE.parents[1] / "README.md").read_text()
    return expect("\n".join(lines) in readme, "these lines in the README:\n" + "\n".join(lines))


@case("a question of a modern command reaches a legacy client on the stream of its call")
def _(g):
    client = g.client("/mcp/new")
    client.initialize(capabilities={"elicitation": {}})
    stream = client.http("POST", headers=client.fields(), body=json.dumps(
        {"jsonrpc": "2.0", "id": "call", "method": "tools/call", "params": TOOL}).encode())
    question = answered = None
    for line in stream:
        if not line.startswith(b"data: {"):
            continue
        message = json.loads(line[6:])
        if message.get("method") == "elicitation/create":
            question = message
            answered = client.post({"jsonrpc": "2.0", "id": message["id"],
                                    "result": {"action": "accept", "content": PERSON}})
        if message.get("id") == "call" and "result" in message:
            return first(expect(question and answered.status == 202, f"a question first, got {message}"),
                         expect("accept" in json.dumps(message["result"]) and "resultType" not in message["result"], f"a legacy result, got {message}"))
    return f"the stream ended after {question}"


@case("a state is of use to its principal only, for its request only, and unchanged only")
def _(g):
    alice, bob = g.client("/mcp/old"), g.client("/mcp/old", BOB)
    state, key, _ = ask(alice)
    foreign, other = retry(bob, state, key), retry(alice, state, key, name="test_sampling", arguments={"prompt": "x"})
    changed = retry(alice, state[:-4] + ("AAAA" if state[-4:] != "AAAA" else "BBBB"), key)
    mine = retry(alice, state, key)
    return first(*(expect(reply.error and reply.error["code"] == -32602, f"-32602, got {reply}") for reply in (foreign, other, changed)),
                 expect(mine.result and mine.result["resultType"] == "complete", f"the owner's retry to work, got {mine}"))


@case("calls that wait for a person do not keep others from asking")
def _(g):
    client = g.client("/mcp/old")
    waiting = [ask(client) for _ in range(4)]
    replies = [retry(client, state, key) for state, key, _ in reversed(waiting)]
    return expect(all(reply.result and reply.result["resultType"] == "complete" for reply in replies), f"four results, got {replies}")


@case("the state of a call that died with its worker is refused in words, and nothing runs twice")
def _(g):
    client = g.client("/mcp/old")
    state, key, _ = ask(client)
    os.kill(g.server.child("worker"), signal.SIGKILL)
    replies = []

    def answered():
        try:
            replies.append(retry(client, state, key))
        except OSError:
            return False
        return True
    return first(expect(wait_until(answered, 20), "a new worker"),
                 expect(replies[-1].error and replies[-1].error["code"] == -32602 and "no longer held" in replies[-1].error["message"],
                        f"-32602 that says why, got {replies[-1]}"))


@case("several servers behind one path: both eras list all of them, whoever is dead, and call each")
def _(g):
    modern, legacy = g.client("/mcp"), g.client("/mcp")
    legacy.initialize()
    complaints = []
    for listing, call in ((lambda: modern.modern("tools/list"), lambda name: modern.modern("tools/call", {"name": name})),
                          (lambda: legacy.request("tools/list"), lambda name: legacy.call(name))):
        wait_until(lambda: len({tool["name"].partition("__")[0] for tool in (listing().result or {}).get("tools", [])}) == 3, 20, pause=0.2)
        names = [tool["name"] for tool in listing().result["tools"]]
        owners = [name.partition("__")[0] for name in names]
        complaints += [expect(list(dict.fromkeys(owners)) == ["old", "new", "far"], f"the tools of three in their order, got {names}"),
                       expect(len(names) == len(set(names)) and all(len(name) <= 64 for name in names), f"names that differ, got {names}")]
        for owner in ("old", "new", "far"):
            reply = call(f"{owner}__test_simple_text")
            complaints.append(expect(reply.result and reply.result["content"][0]["type"] == "text", f"{owner}'s text, got {reply}"))
        missing = call("nobody__test_simple_text")
        complaints.append(expect(missing.error and missing.error["code"] == -32602, f"-32602, got {missing}"))
    return first(*complaints)


@case("a question behind a federated route says who asks, in both directions")
def _(g):
    client = g.client("/mcp")
    complaints = []
    for owner in ("old", "far"):
        reply = client.modern("tools/call", {**TOOL, "name": f"{owner}__test_elicitation"}, meta=ASKABLE)
        asked = next(iter((reply.result or {}).get("inputRequests", {}).values()), None)
        complaints.append(expect(asked and owner in asked["params"]["message"], f"a question that names {owner}, got {reply}"))
        if asked:
            done = retry(client, reply.result["requestState"], next(iter(reply.result["inputRequests"])), name=f"{owner}__test_elicitation")
            complaints.append(expect(done.result and done.result["resultType"] == "complete", f"the result, got {done}"))
    return first(*complaints)


tally.end()
