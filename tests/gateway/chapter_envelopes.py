# SPDX-License-Identifier: Apache-2.0
"""The envelope of JSON-RPC: ids, batches, duplicates, what is no message, and methods that nobody knows."""
import json

from kit import Chapter, goes_on
from toolbox import expect, first
from users import MODERN

chapter = Chapter("envelopes")
case = chapter.case
IDS = ("text", "", "0", "é\u2028\"\\", 0, -1, 2**31, 2**53 - 1, "x" * 200)
BIG_IDS = (2**53 + 1, -(2**63), 12345678901234567890)


def raw(user, body, **headers):
    """A body as it is, with the headers of a tools/list."""
    mirror = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"} if user.era == "modern" else {}
    stream = user.stream("POST", body if isinstance(body, bytes) else json.dumps(body).encode(), user.fields({**mirror, **headers}))
    stream.wait_end(user.patience)
    return stream


def request(user, number, method="tools/list"):
    meta = {"_meta": user.meta()} if user.era == "modern" else {}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": meta}


def refusal(stream, code):
    """Whether it is HTTP 400 with an error of this code."""
    last = stream.messages[-1] if stream.messages else {}
    return stream.status == 400 and (last.get("error") or {}).get("code") == code


def kept(s, ids):
    user, wrong = s.user(), []
    for number in ids:
        answer = user.start_tool("echo", {"text": "x"}, number=number).outcome().answer
        if not answer or "result" not in answer or repr(answer["id"]) != repr(number):
            wrong.append((number, answer))
    return expect(not wrong, f"each id as it was, got {wrong}")


@case("an id comes back as it was, string or number")
def _(s):
    return kept(s, IDS)


@case("an id beyond 2^53 comes back as it was")
def _(s):
    return kept(s, BIG_IDS)


@case("ids of different kinds that look alike are different ids")
def _(s):
    user, marks = s.user(), {number: s.mark() for number in (7, "7")}
    pending = [user.start_tool("hold", {"key": mark}, number=number) for number, mark in marks.items()]
    for mark in marks.values():
        s.server.wait(lambda report, mark=mark: report.get("holds") == mark, s.patience)
        s.server.tell("release", key=mark)
    got = {each.id: each.outcome().text for each in pending}
    return expect(got == {number: f"held {mark}" for number, mark in marks.items()}, f"each its own answer, got {got}")


@case("an id that is null, a fraction, a boolean, an array or an object is refused, and the server does not hear of it")
def _(s):
    user, mark, wrong = s.user(), s.mark(), []
    for number in (None, 1.5, True, [1], {"a": 1}):
        params = {"name": "echo", "arguments": {"text": mark}, **({"_meta": user.meta()} if s.client == "modern" else {})}
        mirror = {"Mcp-Method": "tools/call", "Mcp-Name": "echo"} if s.client == "modern" else {}
        stream = raw(user, {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}, **mirror)
        if stream.status != 400 or any("result" in message for message in stream.messages):
            wrong.append((number, stream))
    return first(expect(not wrong, f"HTTP 400 each, got {wrong}"), expect(not s.server.called(mark), "no call at the server"))


@case("two requests under one id at the same time: neither gets the answer of the other")
def _(s):
    user, mark = s.user(), s.mark()
    held = user.start_tool("hold", {"key": mark}, number="again")
    s.server.wait(lambda report: report.get("holds") == mark, s.patience)
    twin = user.start_tool("echo", {"text": "twin"}, number="again").outcome()
    s.server.tell("release", key=mark)
    done = held.outcome()
    return first(expect(done.text == f"held {mark}", f"the first call's answer, got {done}"),
                 expect(twin.text == "twin" or twin.error, f"the second one's own or an error, got {twin}"))


@case("a body that is no JSON is refused as -32700, one that is no message as -32600, both with HTTP 400")
def _(s):
    user = s.user()
    broken = [raw(user, text) for text in (b"{", b"", b"{\"jsonrpc\":\"2.0\",}", b"\xff\xfe")]
    odd = [raw(user, body) for body in (1, "text", {}, {"jsonrpc": "1.0", "id": 1, "method": "tools/list"},
                                        {"jsonrpc": "2.0", "id": 1, "method": 5})]
    return first(expect(all(stream.status == 400 for stream in broken), f"HTTP 400, got {broken}"),
                 expect(all(refusal(stream, -32700) for stream in broken[:1] + broken[2:3]), f"-32700, got {broken}"),
                 expect(all(stream.status == 400 for stream in odd), f"HTTP 400, got {odd}"))


@case("a batch of 2025-03-26 is answered, each request of it", client="legacy")
def _(s):
    user = s.user(revision="2025-03-26")
    marks = [s.mark() for _ in range(3)]
    call = lambda mark: {"name": "echo", "arguments": {"text": mark}}
    batch = [{"jsonrpc": "2.0", "id": mark, "method": "tools/call", "params": call(mark)} for mark in marks]
    batch.insert(1, {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
    batch.append({"jsonrpc": "2.0", "id": 99, "method": "no/such"})
    stream = user.send(batch)
    stream.wait_end(s.patience)
    answers = {message["id"]: message for message in stream.messages if "method" not in message}
    texts = {mark: ((answers.get(mark) or {}).get("result") or {}).get("content", [{}])[0].get("text") for mark in marks}
    return first(expect(texts == {mark: mark for mark in marks}, f"an answer each, got {stream}"),
                 expect("error" in answers.get(99, {}), f"an error for the fourth, got {stream}"))


@case("a batch of notifications only is accepted with 202", client="legacy")
def _(s):
    stream = raw(s.user(revision="2025-03-26"), [{"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}] * 2)
    return expect(stream.status == 202 and not stream.text, f"HTTP 202, got {stream}")


@case("a batch is refused where there are none: after 2025-03-26")
def _(s):
    if s.client == "modern":
        user = s.user()
        bad = [raw(user, [request(user, 1)]), raw(user, [request(user, 1), request(user, 2)])]
    else:
        bad = [raw(s.user(revision=revision), [{"jsonrpc": "2.0", "id": 1, "method": "ping"}]) for revision in ("2025-06-18", "2025-11-25")]
    return expect(all(stream.status == 400 for stream in bad), f"HTTP 400 each, got {bad}")


@case("a batch of initialize, and an empty one, are refused", client="legacy")
def _(s):
    greeting = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "kit", "version": "1"}}
    bad = [raw(s.user(revision="2025-03-26"), []),
           raw(s.stranger(), [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}])]
    return expect(all(stream.status == 400 for stream in bad), f"HTTP 400 each, got {bad}")


@case("a method that nobody knows is -32601, with HTTP 404 for a modern client")
def _(s):
    outcome = s.user().ask("no/such_method", {"a": 1})
    return expect(outcome.code == -32601 and outcome.status == (404 if s.client == "modern" else 200), f"-32601, got {outcome}")


@case("methods of the other era are -32601")
def _(s):
    methods = ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "initialize") if s.client == "modern" else \
        ("subscriptions/listen",)
    user = s.user()
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "kit", "version": "1"},
              "uri": "kit://text", "level": "info"}
    got = {method: user.ask(method, params) for method in methods}
    return expect(all(outcome.code == -32601 for outcome in got.values()), f"-32601 each, got {got}")


@case("a notification that nobody knows is accepted and harms nothing", client="legacy")
def _(s):
    user = s.user()
    stream = user.tell("notifications/com.example/unknown", {"a": 1})
    return first(expect(stream.status == 202 and not stream.text, f"HTTP 202 without a body, got {stream}"),
                 goes_on(user))


@case("the notification of a vendor reaches a server of the same era", client="legacy", server="legacy")
def _(s):
    user, mark = s.user(), s.mark()
    user.tell("notifications/com.example/unknown", {"mark": mark})
    arrived = s.server.wait_received("notifications/com.example/unknown", lambda params: params.get("mark") == mark, s.patience)
    return expect(arrived, "it at the server")


def vendor(s):
    mark = s.mark()
    outcome = s.user().ask("com.example/own", {"mark": mark})
    return first(expect(outcome.code == -32601, f"the server's -32601, got {outcome}"),
                 expect(s.server.received("com.example/own", lambda params: params.get("mark") == mark), "it at the server"))


@case("the method of a vendor reaches a legacy server, and its error comes back", client="legacy", server="legacy")
def _(s):
    return vendor(s)


@case("the method of a vendor reaches a modern server, and its error comes back", client="modern", server="modern")
def _(s):
    return vendor(s)


@case("an answer to a question that nobody asked is accepted or refused, and harms nothing", client="legacy")
def _(s):
    user = s.user()
    stream = user.send({"jsonrpc": "2.0", "id": 4711, "result": {}})
    stream.wait_end(s.patience)
    return first(expect(stream.status in (202, 400, 404), f"HTTP 202 or 4xx, got {stream}"), goes_on(user))


@case("params that are no object are refused")
def _(s):
    user = s.user()
    stream = raw(user, {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": [1]})
    last = stream.messages[-1] if stream.messages else {}
    return expect("error" in last, f"an error, got {stream}")


@case("a body of another type is refused as 415 or 400")
def _(s):
    user = s.user()
    status = raw(user, request(user, 1), **{"Content-Type": "text/plain"}).status
    return expect(status in (400, 415), f"415, got {status}")


@case("a page in a browser cannot speak to it: a foreign Origin is 403, a foreign Host is refused")
def _(s):
    user = s.user()
    got = [raw(user, request(user, 1), Origin="http://evil.example.com").status,
           raw(user, request(user, 2), Host="evil.example.com").status]
    return expect(got[0] == 403 and 400 <= got[1] < 500, f"403 and 4xx, got {got}")
