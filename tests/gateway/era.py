# SPDX-License-Identifier: Apache-2.0
"""The two eras of the scripted upstream: sessions, handshakes, questions, cancellation and news as each era says them.

What a gateway must never send to a server of an era is reported to the kit as a `breach` and fails the case at hand.
"""
import base64
import itertools
import json
import queue
import threading

REVISIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
MODERN = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
CHANGED = "notifications/{}/list_changed"
UPDATED = "notifications/resources/updated"
QUESTIONS = {
    "form": ("elicitation/create", {"mode": "form", "message": "What is your name?", "requestedSchema": {
        "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}),
    "url": ("elicitation/create", {"mode": "url", "message": "Please sign in", "url": "https://example.com/sign-in",
                                   "elicitationId": "e-1"}),
    "sampling": ("sampling/createMessage", {"messages": [{"role": "user", "content": {"type": "text", "text": "Say something"}}],
                                            "maxTokens": 10}),
    "roots": ("roots/list", {}),
}
NEEDS = {"form": {"elicitation": {"form": {}}}, "url": {"elicitation": {"url": {}}}, "sampling": {"sampling": {}}, "roots": {"roots": {}}}


class Refused(Exception):
    """A JSON-RPC error to answer with; `status` is the one of modern HTTP."""

    def __init__(self, code, message, data=None, status=200):
        super().__init__(message)
        self.error = {"code": code, "message": message, **({} if data is None else {"data": data})}
        self.status = status


class Asked(Exception):
    """The end of a modern round: what to ask, and the state that brings the earlier answers back."""

    def __init__(self, result):
        super().__init__("asked")
        self.result = result


class Gone(Exception):
    """The caller cancelled: nothing is to be answered."""


class Call:
    """One request in progress. `send` writes a message on its own stream."""

    def __init__(self, upstream, message, send, session=None):
        self.upstream, self.send, self.session = upstream, send, session
        self.id, self.method, self.params = message["id"], message["method"], message.get("params") or {}
        self.meta = self.params.get("_meta") or {}
        self.cancelled = threading.Event()

    def notify(self, method, params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def progress(self, value, total, words):
        if "progressToken" in self.meta:
            self.notify("notifications/progress", {"progressToken": self.meta["progressToken"], "progress": value, "total": total,
                                                   "message": words})

    def log(self, level, words):
        threshold = self.level
        if threshold and LEVELS.index(level) >= LEVELS.index(threshold):
            self.notify("notifications/message", {"level": level, "logger": "kit", "data": words})

    def hold(self, key):
        """Waits until the kit releases the key, or the caller is gone."""
        self.upstream.desk.report(holds=key)
        gate = self.upstream.gate(key)
        while not gate.wait(0.02):
            if self.left():
                self.upstream.desk.report(given_up=key)
                raise Gone()
        return f"held {key}"


class LegacyCall(Call):
    def left(self):
        return self.cancelled.is_set()

    @property
    def memory(self):
        return self.session.memory

    @property
    def level(self):
        return self.session.level

    def come_back(self, times):
        return 0

    def ask(self, standalone=False, anyway=False, **kinds):
        """Asks all at once, each a request of ours, and waits for the answers."""
        for kind in kinds.values():
            if not anyway and not covers(self.session.capabilities, NEEDS[kind]):
                raise Refused(-32602, f"the client cannot answer {kind}")
        boxes = {}
        for key, kind in kinds.items():
            method, params = QUESTIONS[kind]
            boxes[key] = self.session.ask(method, params, self.session.say if standalone else self.send)
        answers = {}
        for key, box in boxes.items():
            while key not in answers:
                try:
                    answers[key] = box.get(timeout=0.05)
                except queue.Empty:
                    if self.left():
                        self.upstream.desk.report(given_up="ask")
                        raise Gone() from None
        return answers

    def ask_until(self, gate, method, params):
        self.session.ask(method, params, self.send)
        number = next(reversed(self.session.asked))
        self.upstream.desk.report(asked=number)
        gate.wait(30)
        self.notify("notifications/cancelled", {"requestId": number, "reason": "it took too long"})

    def drop_stream(self):
        self.send.drop()


class ModernCall(Call):
    memory = {}

    def left(self):
        return self.cancelled.is_set() or self.send.gone()

    @property
    def level(self):
        return self.meta.get(PREFIX + "logLevel")

    def come_back(self, times):
        known = self._state()
        if known.get("times", 0) < times:
            raise Asked({"resultType": "input_required", "requestState": self._sealed({"times": known.get("times", 0) + 1})})
        return times

    def ask(self, standalone=False, anyway=False, **kinds):
        """The answers, from this request and the state of earlier ones; what is missing ends the round."""
        known = self._state()
        known.update(self.params.get("inputResponses") or {})
        missing = {key: kind for key, kind in kinds.items() if key not in known}
        for kind in missing.values():
            if not anyway and not covers(self.meta[PREFIX + "clientCapabilities"], NEEDS[kind]):
                raise Refused(-32021, f"the client cannot answer {kind}", {"requiredCapabilities": NEEDS[kind]}, 400)
        if not missing:
            return {key: known[key] for key in kinds}
        asked = {}
        for key, kind in missing.items():
            method, params = QUESTIONS[kind]
            asked[key] = {"method": method, "params": {name: value for name, value in params.items() if name != "elicitationId"}}
        raise Asked({"resultType": "input_required", "inputRequests": asked, "requestState": self._sealed(known)})

    SEAL = 'seal é\u2028"/\\ '  # characters that a careless copy spoils

    def _sealed(self, known):
        return self.SEAL + base64.b64encode(json.dumps(known).encode()).decode()

    def _state(self):
        state = self.params.get("requestState")
        if state is None:
            return {}
        if not state.startswith(self.SEAL):
            raise Refused(-32602, "the state was changed")
        return json.loads(base64.b64decode(state.removeprefix(self.SEAL)))

    def drop_stream(self):
        pass


def covers(capabilities, needed):
    """Whether a client can do it. `elicitation: {}` means forms."""
    for name, parts in needed.items():
        if name not in capabilities:
            return False
        have = capabilities[name] or ({"form": {}} if name == "elicitation" else {})
        if any(part not in have for part in parts):
            return False
    return True


def capabilities(odd):
    if "tools-only" in odd:
        return {"tools": {}}
    return {"tools": {"listChanged": True}, "prompts": {"listChanged": True}, "completions": {}, "logging": {},
            "resources": {"subscribe": True, "listChanged": True}}


class Session:
    """A legacy session: a child has one, an HTTP server many. `say` is its standalone stream."""

    def __init__(self, upstream, number, say):
        self.upstream, self.number, self.say = upstream, number, say
        self.revision = self.capabilities = None
        self.level, self.memory, self.subscribed = "info", {}, set()
        self.asked, self.ids, self.calls, self.seen = {}, itertools.count(1), {}, set()
        self.roots = queue.Queue()  # what it was told at its start, of a server that asks then

    def ask(self, method, params, send):
        number = f"{self.upstream.name}-{next(self.ids)}"
        box = self.asked[number] = queue.Queue()
        send({"jsonrpc": "2.0", "id": number, "method": method, **({"params": params} if params else {})})
        return box


class Legacy:
    """2024-11-05 to 2025-11-25."""
    call_type = LegacyCall

    def __init__(self, upstream):
        self.upstream, self.sessions = upstream, []

    def no_resource(self, uri):
        return Refused(-32002, f"no resource {uri}", {"uri": uri})

    def session(self, say):
        session = Session(self.upstream, len(self.sessions) + 1, say)
        self.sessions.append(session)
        return session

    def list_changed(self, what):
        self.say(CHANGED.format(what))

    def updated(self, uri, only=None):
        for session in self.sessions:
            if uri in session.subscribed and only in (None, session):
                session.say({"jsonrpc": "2.0", "method": UPDATED, "params": {"uri": uri}})

    def say(self, method, params=None):
        for session in self.sessions:
            if session.revision:
                session.say({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})

    def end_streams(self):
        for session in self.sessions:
            if hasattr(session.say, "end"):
                session.say.end()

    def ask_unasked(self, method, params):
        for session in self.sessions:
            if session.revision:
                session.ask(method, params, session.say)

    def check(self, message, session, breach):
        meta = (message.get("params") or {}).get("_meta") or {} if isinstance(message.get("params"), dict) else {}
        if message.get("method") == "server/discover":
            return
        foreign = [key for key in meta if key.startswith(PREFIX) and key != PREFIX + "related-task"]
        if foreign:
            breach(f"a legacy server got the modern _meta {foreign}")
        if "id" in message and "method" in message:
            if json.dumps(message["id"]) in session.seen and "no-sessions" not in self.upstream.options.odd:
                breach(f"the id {message['id']!r} came twice in one session")
            session.seen.add(json.dumps(message["id"]))
            if session.revision is None and message["method"] not in ("initialize", "ping"):
                breach(f"{message['method']} came before initialize")

    def notification(self, message, session):
        params = message.get("params") or {}
        if message["method"] == "notifications/initialized" and "roots-at-start" in self.upstream.options.odd \
                and "roots" in session.capabilities:
            session.roots = session.ask("roots/list", None, session.say)
        if message["method"] == "notifications/cancelled":
            call = session.calls.get(json.dumps(params.get("requestId")))
            if call:
                call.cancelled.set()

    def answer(self, message, session):
        box = session.asked.pop(message["id"], None)
        if box:
            box.put(message.get("result", {"error": message.get("error")}))

    def initialize(self, call, session):
        wanted, odd = call.params.get("protocolVersion"), self.upstream.options.odd
        if self.upstream.moody:
            raise Refused(-32603, "not today")
        session.revision = REVISIONS[-1] if "old" in odd else wanted if wanted in REVISIONS else REVISIONS[0]
        session.capabilities = call.params.get("capabilities") or {}
        if self.upstream.gated:
            self.upstream.desk.report(starts=True)
            self.upstream.gate("start").wait(30)
        if "early-words" in odd:
            call.notify("notifications/message", {"level": "info", "data": "good morning"})
        return {"protocolVersion": session.revision, "instructions": f"Instructions of {self.upstream.name}.",
                "serverInfo": {"name": f"kit {self.upstream.name}", "version": "1.2.3"}, "capabilities": capabilities(odd)}

    def request(self, call):
        method, session = call.method, call.session
        if "tools-only" in self.upstream.options.odd and not method.startswith(("tools/", "initialize", "ping")):
            raise Refused(-32601, f"no method is called {method}")
        if method == "initialize":
            return self.initialize(call, session)
        if method == "ping":
            return {}
        if method == "logging/setLevel":
            if call.params.get("level") not in LEVELS:
                raise Refused(-32602, "no such level")
            session.level = call.params["level"]
            return {}
        if method == "resources/subscribe":
            session.subscribed.add(call.params["uri"])
            return {}
        if method == "resources/unsubscribe":
            session.subscribed.discard(call.params["uri"])
            return {}
        session.calls[json.dumps(call.id)] = call
        try:
            return self.upstream.perform(call)
        finally:
            session.calls.pop(json.dumps(call.id), None)


class Listen:
    def __init__(self, call, wanted):
        self.call, self.wanted, self.ended = call, wanted, False

    def notify(self, method, params=None):
        try:
            self.call.notify(method, {**(params or {}), "_meta": {PREFIX + "subscriptionId": self.call.id}})
        except OSError:
            pass  # the caller has left, and its thread will see it


class Modern:
    """2026-07-28."""
    call_type = ModernCall
    KINDS = {"toolsListChanged": "tools", "promptsListChanged": "prompts", "resourcesListChanged": "resources"}
    CACHED = ("server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read")

    def __init__(self, upstream):
        self.upstream, self.listens, self.lock, self.calls = upstream, [], threading.Lock(), {}

    def no_resource(self, uri):
        return Refused(-32602, f"no resource {uri}", {"uri": uri})

    def session(self, say):
        return None

    def list_changed(self, what):
        for listen in self._listens(lambda wanted: wanted.get(f"{what}ListChanged")):
            listen.notify(CHANGED.format(what))

    def updated(self, uri, only=None):
        for listen in self._listens(lambda wanted: uri in wanted.get("resourceSubscriptions", [])):
            listen.notify(UPDATED, {"uri": uri})

    def say(self, method, params=None):
        for listen in self._listens(lambda wanted: True):
            listen.notify(method, params)

    def end_streams(self):
        for listen in self._listens(lambda wanted: True):
            listen.ended = True

    def _listens(self, wanted):
        with self.lock:
            return [listen for listen in self.listens if wanted(listen.wanted)]

    def check(self, message, session, breach):
        method = message.get("method")
        if method is None:
            breach("a modern server got an answer, and it asks nothing")
        elif "id" in message and method != "initialize":
            meta = (message.get("params") or {}).get("_meta") or {}
            for key in ("protocolVersion", "clientCapabilities"):
                if PREFIX + key not in meta:
                    breach(f"{method} came to a modern server without {PREFIX}{key}")
        elif method not in ("initialize", "notifications/cancelled", "notifications/initialized"):
            breach(f"a modern server got the notification {method}")

    def notification(self, message, session):
        if message["method"] == "notifications/cancelled":
            call = self.calls.get(json.dumps((message.get("params") or {}).get("requestId")))
            if call:
                call.cancelled.set()

    def answer(self, message, session):
        pass

    def request(self, call):
        if PREFIX + "protocolVersion" not in call.meta or PREFIX + "clientCapabilities" not in call.meta:
            if call.method == "initialize":
                told = {"supported": [MODERN], "requested": call.params.get("protocolVersion")}
                raise Refused(-32022, "this server is modern", told, 400)
            raise Refused(-32602, "the _meta of a request is missing", status=400)
        if call.meta[PREFIX + "protocolVersion"] != MODERN:
            raise Refused(-32022, "no such revision", {"supported": [MODERN], "requested": call.meta[PREFIX + "protocolVersion"]}, 400)
        self.calls[json.dumps(call.id)] = call
        try:
            result = self._perform(call)
        except Asked as asked:
            return asked.result
        except Refused as refused:
            if refused.error["code"] == -32601:
                refused.status = 404
            raise
        finally:
            self.calls.pop(json.dumps(call.id), None)
        hints = {"ttlMs": 60000, "cacheScope": "public"} if call.method in self.CACHED else {}
        own = {**result.get("_meta", {}), PREFIX + "serverInfo": {"name": f"kit {self.upstream.name}", "version": "1.2.3"}}
        kind = {} if "no-result-type" in self.upstream.options.odd else {"resultType": "complete"}
        return {**kind, **hints, **result, "_meta": own}

    def _perform(self, call):
        if call.method == "server/discover":
            return {"supportedVersions": [MODERN], "instructions": f"Instructions of {self.upstream.name}.",
                    "capabilities": capabilities(self.upstream.options.odd)}
        if "tools-only" in self.upstream.options.odd and not call.method.startswith("tools/"):
            raise Refused(-32601, f"no method is called {call.method}")
        if call.method == "subscriptions/listen":
            return self._listen(call)
        return self.upstream.perform(call)

    def _listen(self, call):
        wanted = call.params.get("notifications") or {}
        listen = Listen(call, wanted)
        with self.lock:  # nothing that happens after the acknowledgement is missed
            listen.notify("notifications/subscriptions/acknowledged", {"notifications": wanted})
            self.listens.append(listen)
        self.upstream.desk.report(listens=wanted)
        try:
            while not call.left():
                if listen.ended:
                    return {"_meta": {PREFIX + "subscriptionId": call.id}}
                call.cancelled.wait(0.02)
            raise Gone()
        finally:
            with self.lock:
                self.listens.remove(listen)
            self.upstream.desk.report(listens_no_more=wanted)
