# SPDX-License-Identifier: Apache-2.0
"""The kit's clients, of both eras behind one set of verbs, so that a case reads the same for every pair of eras. A person sits
at each: what the server asks is shown to that person, whose answers were laid down before."""
import itertools
import json
import threading

from mcp_client import Client, Stream

MODERN = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"


class Person:
    """What a client can be asked and what its person says. Each answer is a result, or a function of the params."""

    def __init__(self, form=None, url=None, sampling=None, roots=None, **errors):
        self.answers = {kind: answer for kind, answer in (("form", form), ("url", url), ("sampling", sampling), ("roots", roots))
                        if answer is not None}
        self.errors = errors  # form_error={"code": …} and so on, instead of a result
        self.asked = []

    @property
    def capabilities(self):
        able = set(self.answers) | {name.removesuffix("_error") for name in self.errors}
        modes = {mode: {} for mode in ("form", "url") if mode in able}
        return {**({"elicitation": modes} if modes else {}), **{kind: {} for kind in ("sampling", "roots") if kind in able}}

    def answer(self, method, params):
        """The JSON-RPC members of the answer."""
        kind = {"sampling/createMessage": "sampling", "roots/list": "roots"}.get(method) or (params or {}).get("mode", "form")
        self.asked.append((kind, params or {}))
        if kind + "_error" in self.errors:
            return {"error": self.errors[kind + "_error"]}
        if method not in ("sampling/createMessage", "roots/list", "elicitation/create"):
            return {"error": {"code": -32601, "message": f"no method {method}"}}
        answer = self.answers.get(kind)
        return {"result": answer(params) if callable(answer) else answer}


class Outcome:
    """What a request came to: the answer, and what was said on its stream before."""

    def __init__(self, stream, answer, said=()):
        self.status, self.headers, self.stream = stream.status, stream.headers, stream
        self.result, self.error = (answer or {}).get("result"), (answer or {}).get("error")
        self.answer, self.said = answer, list(said)

    @property
    def text(self):
        """The text of a tool's result; of None, if there is none."""
        content = (self.result or {}).get("content") or [{}]
        return content[0].get("text")

    @property
    def failed(self):
        """Whether the call failed, as an error or as a result that says so."""
        return bool(self.error or (self.result or {}).get("isError"))

    @property
    def code(self):
        return (self.error or {}).get("code")

    def heard(self, method):
        """The params of the notifications of a method that came before the answer."""
        return [message.get("params", {}) for message in self.said if message.get("method") == method]

    def __repr__(self):
        said = f" after {len(self.said)} messages" if self.said else ""
        return f"HTTP {self.status}: {json.dumps(self.answer)[:700]}{said}" if self.answer else repr(self.stream)


class Pending:
    """A request that is under way."""

    def __init__(self, user, stream, number, token=None):
        self.user, self.stream, self.id, self.token = user, stream, number, token

    def outcome(self, seconds=None):
        answer = self.stream.wait(lambda message: "method" not in message and message.get("id") == self.id, seconds or self.user.patience)
        if answer is None and self.stream.ended:  # an error that no id was known for
            answer = next((message for message in self.stream.messages if "method" not in message), None)
        said = itertools.takewhile(lambda message: message is not answer, self.stream.messages)
        return Outcome(self.stream, answer, said)

    def heard(self, method, seconds=None):
        """The first notification of a method on the stream."""
        return self.stream.wait(lambda message: message.get("method") == method, seconds or self.user.patience)

    def drop(self):
        self.stream.close()


class News:
    """What a client hears outside of its calls."""

    def __init__(self, user, stream):
        self.user, self.stream = user, stream

    def heard(self, method, holds=lambda params: True, seconds=None):
        return self.stream.wait(lambda message: message.get("method") == method and holds(message.get("params") or {}),
                                seconds or self.user.patience)

    def all(self, method):
        return [message.get("params") or {} for message in self.stream.messages if message.get("method") == method]


class User(Client):
    """What both eras share. `key` is an API key."""

    def __init__(self, url, person=None, key=None, patience=5):
        super().__init__(url, {"Authorization": f"Bearer {key}"} if key else {}, timeout=60)
        self.person, self.patience = person or Person(), patience
        self.ids = itertools.count(1)
        self.opened = []

    def stream(self, method, body=None, headers=None):
        stream = Stream(self, method, body, headers)
        self.opened.append(stream)
        return stream

    def send(self, message, headers=None):
        """Any JSON, as it is."""
        return self.stream("POST", json.dumps(message).encode(), self.fields(headers))

    def tool(self, name, arguments=None, **options):
        return self.ask("tools/call", {"name": name, "arguments": arguments or {}}, **options)

    def start_tool(self, name, arguments=None, **options):
        return self.start("tools/call", {"name": name, "arguments": arguments or {}}, **options)

    def everything(self, method, member, **options):
        """All items of a list, page by page; any string is a cursor. Raises the answer that is no page."""
        items, params = [], {}
        for _ in range(100):
            page = self.ask(method, params, **options)
            if not page.result:
                raise ValueError(f"a page, got {page}")
            items += page.result[member]
            if "nextCursor" not in page.result:
                return items
            params = {"cursor": page.result["nextCursor"]}
        raise ValueError(f"the pages of {method} have no end")

    def leave(self):
        for stream in self.opened:
            if not stream.ended:
                stream.close()


class LegacyUser(User):
    """A client with a session. Questions come on the stream of a call or the standalone one, and are answered by POST."""
    era = "legacy"

    def open(self, revision="2025-11-25"):
        self.greeting = self.ask("initialize", {"protocolVersion": revision, "capabilities": self.person.capabilities,
                                                "clientInfo": {"name": "kit", "version": "1"}})
        if self.greeting.result:
            self.session = self.greeting.headers.get("mcp-session-id")
            self.version = self.greeting.result["protocolVersion"]
            self.tell("notifications/initialized")
        return self

    def tell(self, method, params=None):
        stream = self.send({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})
        stream.wait_end(self.patience)
        return stream

    def start(self, method, params=None, number=None, token=None, meta=None, log=None):
        number = next(self.ids) if number is None else number
        if log:
            self.ask("logging/setLevel", {"level": log})
        marks = {**(meta or {}), **({"progressToken": token} if token is not None else {})}
        params = {**(params or {}), "_meta": marks} if marks else params
        stream = self.send({"jsonrpc": "2.0", "id": number, "method": method, **({} if params is None else {"params": params})})
        self._attend(stream)
        return Pending(self, stream, number, token)

    def ask(self, method, params=None, seconds=None, **options):
        return self.start(method, params, **options).outcome(seconds)

    def _attend(self, stream):
        """Answers the questions of a stream as they come."""
        def run():
            done = set()
            while True:
                asked = stream.wait(lambda message: "method" in message and "id" in message and message["id"] not in done, 120)
                if asked is None:
                    return
                done.add(asked["id"])
                body = {} if asked["method"] == "ping" else None
                answer = {"result": body} if body is not None else self.person.answer(asked["method"], asked.get("params"))
                if answer.get("result", 0) is not None:  # a person who says None does not answer
                    self.send({"jsonrpc": "2.0", "id": asked["id"], **answer}).wait_end(self.patience)
        threading.Thread(target=run, daemon=True).start()

    def cancel(self, pending):
        return self.tell("notifications/cancelled", {"requestId": pending.id, "reason": "changed my mind"})

    def standalone(self, after=None):
        stream = self.knock(after)
        self._attend(stream)
        return stream

    def knock(self, after=None):
        """Asks for a standalone stream, or for what came after an event, and does not attend to it."""
        stream = self.stream("GET", headers=self.fields({"Accept": "text/event-stream", "Content-Type": None, "Last-Event-ID": after}))
        stream.wait_open(self.patience)
        return stream

    def watch(self, uris=(), **_):
        """Listens for all changes, and for updates of these resources."""
        stream = self.standalone()
        for uri in uris:
            self.ask("resources/subscribe", {"uri": uri})
        return News(self, stream)

    def end(self):
        stream = self.stream("DELETE", headers=self.fields())
        stream.wait_end(self.patience)
        return stream


class ModernUser(User):
    """A client without one: every request says who it is, and a question is answered by sending the request again."""
    era = "modern"
    version = None

    def open(self, revision=MODERN):
        self.revision = revision
        return self

    def meta(self, **more):
        return {PREFIX + "protocolVersion": self.revision, PREFIX + "clientCapabilities": self.person.capabilities,
                PREFIX + "clientInfo": {"name": "kit", "version": "1"}, **more}

    def start(self, method, params=None, number=None, token=None, meta=None, log=None, headers=None):
        number = next(self.ids) if number is None else number
        marks = {**self.meta(), **({PREFIX + "logLevel": log} if log else {}), **(meta or {}),
                 **({"progressToken": token} if token is not None else {})}
        params = {**(params or {}), "_meta": {name: value for name, value in marks.items() if value is not None}}
        name = params.get({"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}.get(method))
        mirror = {"MCP-Protocol-Version": self.revision, "Mcp-Method": method, "Mcp-Name": name, **(headers or {})}
        return Pending(self, self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params}, mirror), number, token)

    def ask(self, method, params=None, seconds=None, **options):
        """A request with as many rounds as the server's questions need."""
        said = []
        for _ in range(10):
            outcome = self.start(method, params, **options).outcome(seconds)
            said += outcome.said
            if (outcome.result or {}).get("resultType") != "input_required":
                break
            params = self.answered(params, outcome)
            if params is None:
                break
        outcome.said = said
        return outcome

    def answered(self, params, outcome):
        """The params of the retry, or None where an answer is an error: that person has left."""
        answers = {}
        for key, asked in outcome.result.get("inputRequests", {}).items():
            answer = self.person.answer(asked["method"], asked.get("params"))
            if answer.get("result") is None:
                return None
            answers[key] = answer["result"]
        state = {"requestState": outcome.result["requestState"]} if "requestState" in outcome.result else {}
        return {**params, "inputResponses": answers, **state}

    def cancel(self, pending):
        pending.drop()

    def watch(self, uris=(), tools=True, prompts=True, resources=True):
        wanted = {**({"toolsListChanged": True} if tools else {}), **({"promptsListChanged": True} if prompts else {}),
                  **({"resourcesListChanged": True} if resources else {}), **({"resourceSubscriptions": list(uris)} if uris else {})}
        pending = self.start("subscriptions/listen", {"notifications": wanted})
        news = News(self, pending.stream)
        news.id, news.acknowledged = pending.id, pending.heard("notifications/subscriptions/acknowledged")
        return news
