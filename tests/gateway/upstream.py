#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The scripted upstream: an MCP server of one era, over stdio or HTTP, that does what the kit's cases need and tells the
kit everything it receives. Started by the gateway (stdio) or by the kit (HTTP).

upstream.py --name NAME --desk HOST:PORT --era legacy|modern [--http ADDRESS:PORT] [--page N] [--extra JSON] [--mute LISTS]
            [--odd HABITS]    habits of servers that are allowed, or common; era.py and the fronts say which there are

This file is what it offers, the same in both eras; era.py is how each era says it, fronts.py how bytes come and go.
"""
import argparse
import base64
import json
import socket
import threading

from era import QUESTIONS, Legacy, Modern, Refused

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
SILENCE = base64.b64encode(b"RIFF").decode()
NO_ARGUMENTS = {"type": "object"}
UNUSUAL_SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
                  "$defs": {"name": {"$anchor": "name", "type": "string"}}, "properties": {"who": {"$ref": "#name"}},
                  "allOf": [{"anyOf": [{"required": ["who"]}, {"required": []}]}], "additionalProperties": False}


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


class Desk:
    """The line to the kit: one JSON object a line, reports out, orders in."""

    def __init__(self, address, name):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.lock, self.orders = threading.Lock(), self.socket.makefile("rb")
        self.report(upstream=name)
        self.standing = json.loads(self.orders.readline())  # what was ordered before this process was there

    def report(self, **what):
        with self.lock:
            self.socket.sendall(json.dumps(what).encode() + b"\n")

    def follow(self, upstream):
        """Carries out orders as they come, in a thread of its own."""
        def run():
            for line in self.orders:
                order = json.loads(line)
                getattr(upstream, "order_" + order.pop("order"))(**order)
        threading.Thread(target=run, daemon=True).start()


class Upstream:
    """What is offered: lists, tools by name, resources, prompts, completion; and the orders of the kit."""

    def __init__(self, options):
        self.name, self.page, self.options = options.name, options.page, options
        self.desk = Desk(options.desk, options.name)
        self.extra = json.loads(options.extra)  # {"tools": [...], "resources": [...]}
        self.moody = False  # refuses to initialize
        self.added, self.gated = [], self.desk.standing["gated"]  # gated: initialize waits for the kit
        for added in self.desk.standing["added"]:
            self.add_tool(added)
        self.gates, self.gate_lock = {}, threading.Lock()
        self.era = (Legacy if options.era == "legacy" else Modern)(self)
        self.desk.follow(self)

    # ---- what is listed

    def tools(self):
        plain = ["echo", "remember", "recall", "fail", "refuse", "steps", "logs", "hold", "ask", "ask_twice", "ask_three", "shapes",
                 "die", "drop_stream", "touch", "ask_on_standalone", "sign_in", "ask_impatiently",
                 "ask_then_die", "roots_at_start", "babble", "ask_anyway", "ask_forever", "come_back"]
        listed = [{"name": name, "description": f"{name} of {self.name}", "inputSchema": NO_ARGUMENTS} for name in plain]
        listed.append({"name": "sum", "title": "Sum", "description": f"sum of {self.name}", "inputSchema": NO_ARGUMENTS,
                       "annotations": {"readOnlyHint": True, "idempotentHint": True}, "_meta": {"com.example/tag": "kept"},
                       "outputSchema": {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]}})
        listed.append({"name": "unusual", "description": f"unusual of {self.name}", "inputSchema": UNUSUAL_SCHEMA})
        if self.options.era == "modern":
            listed.append({"name": "list_of_numbers", "description": f"list_of_numbers of {self.name}", "inputSchema": NO_ARGUMENTS,
                           "outputSchema": {"type": "array", "items": {"type": "number"}}})
            listed.append({"name": "region", "description": f"region of {self.name}", "inputSchema": {
                "type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}})
        return listed + self.extra.get("tools", []) + self.added

    def resources(self):
        own = [{"uri": "kit://text", "name": "text", "mimeType": "text/plain"}, {"uri": "kit://bytes", "name": "bytes"},
               {"uri": f"kit://{self.name}/own", "name": "own"}]
        return own + self.extra.get("resources", [])

    def templates(self):
        return [{"uriTemplate": f"kit://{self.name}/item/{{id}}", "name": "item", "mimeType": "application/json"}]

    def prompts(self):
        arguments = [{"name": "who", "required": True}, {"name": "style"}]
        return [{"name": "greet", "description": f"greet of {self.name}", "arguments": arguments},
                {"name": "show", "description": f"show of {self.name}"}]

    def paged(self, member, items, params):
        """One page; the second page's cursor is the empty string, which is as good a cursor as any."""
        if member in self.options.mute.split(","):
            self.gate("mute").wait()
        if not self.page:
            return {member: items}
        cursor = params.get("cursor")
        names = {None: 0, "": self.page}
        start = names[cursor] if cursor in names else int(cursor) if cursor.isdigit() else -1
        if start < 0 or start >= max(len(items), 1):
            raise Refused(-32602, f"no such cursor: {cursor}")
        end = start + self.page
        following = {"nextCursor": "" if end == self.page else str(end)} if end < len(items) else {}
        return {member: items[start:end], **following}

    # ---- what is done

    def perform(self, call):
        """The result of a request that both eras know."""
        method, params = call.method, call.params
        lists = {"tools/list": ("tools", self.tools), "resources/list": ("resources", self.resources),
                 "prompts/list": ("prompts", self.prompts), "resources/templates/list": ("resourceTemplates", self.templates)}
        if method in lists:
            member, items = lists[method]
            return self.paged(member, items(), params)
        if method == "tools/call":
            tool = getattr(self, "tool_" + str(params.get("name")), None)
            if not tool and params.get("name") in [listed["name"] for listed in self.tools()]:
                return text(f"{params['name']} of {self.name}")
            if not tool:
                raise Refused(-32602, f"no tool is called {params.get('name')}")
            return tool(call, **params.get("arguments") or {})
        if method == "resources/read":
            return {"contents": self.read(call, params["uri"])}
        if method == "prompts/get":
            return self.prompt(call, params)
        if method == "completion/complete":
            return self.complete(params)
        raise Refused(-32601, f"no method is called {method}")

    def read(self, call, uri):
        if uri == "kit://bytes":
            return [{"uri": uri, "mimeType": "application/octet-stream", "blob": PIXEL}]
        if uri == "kit://ask":
            return [{"uri": uri, "text": json.dumps(call.ask(name="form"))}]
        item = uri.removeprefix(f"kit://{self.name}/item/")
        if item != uri:
            return [{"uri": uri, "mimeType": "application/json", "text": json.dumps({"id": item})}]
        if uri in [listed["uri"] for listed in self.resources()]:
            return [{"uri": uri, "mimeType": "text/plain", "text": f"{uri} of {self.name}"}]
        raise self.era.no_resource(uri)

    def prompt(self, call, params):
        name, arguments = params.get("name"), params.get("arguments") or {}
        if name == "greet" and "who" not in arguments:
            raise Refused(-32602, "greet needs who")
        if name == "greet":
            said = {"type": "text", "text": f"Hello {arguments['who']} from {self.name}"}
        elif name == "show":
            said = {"type": "resource", "resource": {"uri": f"kit://{self.name}/own", "mimeType": "text/plain", "text": "own"}}
        elif name == "ask":
            said = {"type": "text", "text": json.dumps(call.ask(name="form"))}
        elif name in [listed["name"] for listed in self.prompts()]:
            said = {"type": "text", "text": f"{name} of {self.name}"}
        else:
            raise Refused(-32602, f"no prompt is called {name}")
        return {"description": f"{name} of {self.name}", "messages": [{"role": "user", "content": said}]}

    def complete(self, params):
        reference, argument = params["ref"], params["argument"]
        known = reference.get("name") == "greet" or reference.get("uri") == f"kit://{self.name}/item/{{id}}"
        if not known:
            raise Refused(-32602, f"nothing to complete: {reference}")
        words = [argument["value"] + end for end in ("a", "b")] + list((params.get("context") or {}).get("arguments", {}).values())
        return {"completion": {"values": words, "total": len(words), "hasMore": False}}

    # ---- tools

    def tool_echo(self, call, text="", **_):
        return globals()["text"](text)

    def tool_sum(self, call, numbers=(), **_):
        return text(str(sum(numbers)), structuredContent={"sum": sum(numbers)})

    def tool_list_of_numbers(self, call, **_):
        return text("[1, 2]", structuredContent=[1, 2])

    def tool_shapes(self, call, **_):
        return {"content": [{"type": "text", "text": "words", "annotations": {"audience": ["user"], "priority": 0.5}},
                            {"type": "image", "data": PIXEL, "mimeType": "image/png"},
                            {"type": "audio", "data": SILENCE, "mimeType": "audio/wav"},
                            {"type": "resource_link", "uri": f"kit://{self.name}/own", "name": "own"},
                            {"type": "resource", "resource": {"uri": f"kit://{self.name}/own", "text": "own"}}],
                "_meta": {"com.example/result": "kept"}}

    def tool_fail(self, call, **_):
        return text("it did not work", isError=True)

    def tool_refuse(self, call, code=-32602, **_):
        raise Refused(code, "refused as asked", {"com.example": ["kept", 1.50]})

    def tool_remember(self, call, word="", **_):
        call.memory["word"] = word
        return text("remembered")

    def tool_recall(self, call, **_):
        return text(call.memory.get("word", "nothing"))

    def tool_steps(self, call, count=3, hold=None, **_):
        for i in range(1, count + 1):
            call.progress(i, count, f"step {i}")
        if hold:
            call.hold(hold)
        return text(f"{count} steps")

    def tool_logs(self, call, **_):
        for level in ("debug", "info", "error"):
            call.log(level, f"{level} line")
        return text("logged")

    def tool_hold(self, call, key="", **_):
        return text(call.hold(key))

    def tool_ask(self, call, kind="form", then=None, **_):
        answer = call.ask(answer=kind)["answer"]
        if then:
            call.hold(then)
        return text(json.dumps(answer, sort_keys=True))

    def tool_ask_twice(self, call, **_):
        first = call.ask(name="form")
        second = call.ask(thought="sampling")
        return text(json.dumps([first["name"], second["thought"]], sort_keys=True))

    def tool_ask_three(self, call, **_):
        return text(json.dumps(call.ask(name="form", thought="sampling", folders="roots"), sort_keys=True))

    def tool_ask_on_standalone(self, call, kind="form", **_):
        return text(json.dumps(call.ask(standalone=True, answer=kind)["answer"], sort_keys=True))

    def tool_sign_in(self, call, **_):
        """Refuses the first call of a session until a page was visited, as servers of 2025-11-25 do."""
        if not call.memory.get("signed"):
            call.memory["signed"] = True
            raise Refused(-32042, "sign in first", {"elicitations": [dict(QUESTIONS["url"][1])]})
        return text("signed in")

    def tool_ask_impatiently(self, call, key="", **_):
        """Asks, and withdraws the question when the kit says so."""
        call.ask_until(self.gate(key), *QUESTIONS["form"])
        return text("gave up")

    def tool_ask_then_die(self, call, **_):
        call.ask(answer="form")
        self.front.die(call)

    def tool_roots_at_start(self, call, **_):
        return text(json.dumps(call.session.roots.get(timeout=10)))

    def tool_ask_anyway(self, call, kind="sampling", **_):
        """Asks what the client did not say that it can answer."""
        return text(json.dumps(call.ask(anyway=True, answer=kind)["answer"]))

    def tool_ask_forever(self, call, **_):
        for i in range(1000):
            call.ask(**{f"again{i}": "form"})
        return text("at last")

    def tool_come_back(self, call, **_):
        """Wants the call to be sent again, and asks nothing."""
        return text(f"came back {call.come_back(2)}")

    def tool_babble(self, call, **_):
        """Says what belongs to nobody, and nothing that is of this call, before it answers."""
        for stray in ({"id": "never given", "result": {}}, {"id": 4711, "error": {"code": 1, "message": "of nothing"}},
                      {"method": "notifications/progress", "params": {"progressToken": "never given", "progress": 1}},
                      {"method": "notifications/cancelled", "params": {"requestId": "never asked"}},
                      {"method": "notifications/com.example/unknown", "params": {"a": 1}}):
            call.send.stray({"jsonrpc": "2.0", **stray})
        return text("said")

    def tool_die(self, call, **_):
        self.desk.report(dies=True)
        self.front.die(call)

    def tool_drop_stream(self, call, **_):
        call.drop_stream()
        return text("resumed")

    def tool_touch(self, call, uri="kit://text", **_):
        """Tells of an update to the session of this call only."""
        self.era.updated(uri, only=call.session)
        return text("touched")

    # ---- orders of the kit

    def gate(self, key):
        with self.gate_lock:
            return self.gates.setdefault(key, threading.Event())

    def order_sync(self, number):
        self.desk.report(synced=number)

    def order_release(self, key):
        self.gate(key).set()

    def add_tool(self, name):
        self.added.append({"name": name, "description": f"{name} of {self.name}", "inputSchema": NO_ARGUMENTS})

    def order_add_tool(self, name):
        self.add_tool(name)
        self.era.list_changed("tools")

    def order_list_changed(self, what):
        self.era.list_changed(what)

    def order_mood(self, bad):
        self.moody = bad

    def order_forget(self):
        """Loses all sessions, as a server does that was started again."""
        self.front.forget()

    def order_end_streams(self):
        """Ends what clients listen on, in good order."""
        self.era.end_streams()

    def order_updated(self, uri):
        self.era.updated(uri)

    def order_say(self, method, params=None):
        self.era.say(method, params)

    def order_ask_unasked(self, kind="roots"):
        self.era.ask_unasked(*QUESTIONS[kind])

    def order_ping(self):
        self.era.ask_unasked("ping", None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--desk", required=True)
    parser.add_argument("--era", choices=("legacy", "modern"), required=True)
    parser.add_argument("--http", default="")
    parser.add_argument("--page", type=int, default=0)
    parser.add_argument("--extra", default="{}")
    parser.add_argument("--mute", default="")
    parser.add_argument("--odd", default="")
    options = parser.parse_args()
    options.odd = set(options.odd.split(","))
    if options.http:
        from fronts_http import HttpFront as Front  # its imports are slow, and children are many
    else:
        from fronts_stdio import StdioFront as Front
    upstream = Upstream(options)
    upstream.front = Front(upstream, options.http)
    upstream.desk.report(started=True)
    upstream.front.serve()


if __name__ == "__main__":
    main()
