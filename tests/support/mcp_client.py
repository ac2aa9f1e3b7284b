# SPDX-License-Identifier: Apache-2.0
"""A plain MCP client over Streamable HTTP, on the standard library: shows statuses, headers and every message as sent.

Our own judge of wire behaviour; that other people's clients agree is tests/strangers' business.
"""
import http.client
import json
import socket
import threading
import time
import urllib.parse

MODERN = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}}


class Reply:
    """One HTTP response: status, headers, and the JSON-RPC messages of its body, JSON or event stream."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()
        if hasattr(response, "connection"):
            response.connection.close()
        kind = self.headers.get("content-type", "")
        if kind.startswith("text/event-stream"):
            self.messages = [json.loads(line[6:]) for line in self.text.splitlines() if line.startswith("data: ") and len(line) > 6]
        elif kind.startswith("application/json") and self.text:
            parsed = json.loads(self.text)
            self.messages = parsed if isinstance(parsed, list) else [parsed]
        else:
            self.messages = []

    @property
    def last(self):
        return self.messages[-1] if self.messages else {}

    @property
    def result(self):
        return self.last.get("result")

    @property
    def error(self):
        return self.last.get("error")

    def __repr__(self):
        return f"HTTP {self.status}: {self.text[:600]}"


class Client:
    """A connection-per-request client; `session` and `headers` are laid on every request."""

    def __init__(self, url, headers=None, timeout=30):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.base = dict(headers or {})
        self.session, self.version, self.timeout, self.next_id = None, None, timeout, 1

    def http(self, method, path=None, body=None, headers=None):
        """A raw request; the response is not read yet."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            connection.request(method, path or self.path, body, headers or {})
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent: the answer is there
        response = connection.getresponse()
        response.connection = connection  # or it would be collected
        return response

    def fields(self, extra=None):
        fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **self.base}
        if self.session:
            fields["Mcp-Session-Id"] = self.session
        if self.version:
            fields["MCP-Protocol-Version"] = self.version
        fields.update(extra or {})
        return {name: value for name, value in fields.items() if value is not None}

    def post(self, message, headers=None):
        return Reply(self.http("POST", body=json.dumps(message).encode(), headers=self.fields(headers)))

    def request(self, method, params=None, headers=None):
        """A legacy request in the session."""
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method}
        self.next_id += 1
        if params is not None:
            message["params"] = params
        return self.post(message, headers)

    def notify(self, method, params=None):
        return self.post({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})

    def initialize(self, version="2025-11-25", capabilities=None):
        reply = self.request("initialize", {"protocolVersion": version, "capabilities": capabilities or {},
                                            "clientInfo": {"name": "test", "version": "1"}})
        if reply.status == 200 and reply.result:
            self.session = reply.headers.get("mcp-session-id")
            self.version = reply.result["protocolVersion"]
            self.notify("notifications/initialized")
        return reply

    def call(self, tool, arguments=None, **params):
        return self.request("tools/call", {"name": tool, "arguments": arguments or {}, **params})

    def close(self):
        return Reply(self.http("DELETE", headers=self.fields()))

    def modern(self, method, params=None, headers=None, meta=None):
        """A modern request, with the header fields that mirror it."""
        params = {**(params or {}), "_meta": {**META, **(meta or {})}}
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}
        self.next_id += 1
        named_by = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri",
                    "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId"}
        name = params.get(named_by.get(method))
        mirror = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **({"Mcp-Name": name} if name else {})}
        return self.post(message, {**mirror, **(headers or {})})


class Stream:
    """One request and whatever comes back on it, read by a thread as it comes; a JSON body is a stream of one message.

    `events` are (event id, message), the message None where an event had no data. `wait` may be called by any thread.
    """

    def __init__(self, client, method, body=None, headers=None, path=None):
        self.status, self.headers, self.events, self.comments = None, {}, [], 0
        self.ended, self.broken, self.text, self.retry = False, None, "", None
        self._changed = threading.Condition()
        self._connection = http.client.HTTPConnection(client.host, client.port, timeout=client.timeout)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = self._connection.sock  # http.client lets go of it once the response has begun
        threading.Thread(target=self._run, args=(method, path or client.path, body, headers or {}), daemon=True).start()

    def _run(self, method, path, body, headers):
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            with self._changed:
                self.status = response.status
                self.headers = {name.lower(): value for name, value in response.getheaders()}
                self._changed.notify_all()
            if self.headers.get("content-type", "").startswith("text/event-stream"):
                self._read_events(response)
            else:
                self.text = response.read().decode(errors="replace")
                body = json.loads(self.text) if self.text and "json" in self.headers.get("content-type", "") else []
                for message in body if isinstance(body, list) else [body]:
                    self._add(None, message)
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as trouble:
            self.broken = f"{type(trouble).__name__}: {trouble}"
        with self._changed:
            self.ended = True
            self._changed.notify_all()
        self._socket.close()

    def _read_events(self, response):
        number, data = None, []
        for line in response:
            line = line.decode(errors="replace").rstrip("\r\n")
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line and (number is not None or data):
                self._add(number, json.loads("\n".join(data)) if "".join(data) else None)
                number, data = None, []
            elif line and not name:
                self.comments += 1
            elif name == "id":
                number = value
            elif name == "data":
                data.append(value)
            elif name == "retry":
                self.retry = value

    def _add(self, number, message):
        with self._changed:
            self.events.append((number, message))
            self._changed.notify_all()

    @property
    def messages(self):
        with self._changed:
            return [message for _, message in self.events if message is not None]

    @property
    def last_event_id(self):
        with self._changed:
            return next((number for number, _ in reversed(self.events) if number is not None), None)

    def wait(self, wanted, seconds):
        """The first message that `wanted` is true of, when it has come; None when the stream ended or the time is up."""
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                found = next((message for _, message in self.events if message is not None and wanted(message)), None)
                left = end - time.monotonic()
                if found is not None or self.ended or left <= 0:
                    return found
                self._changed.wait(left)

    def wait_open(self, seconds):
        """The status, when the response has begun."""
        with self._changed:
            self._changed.wait_for(lambda: self.status is not None or self.ended, seconds)
            return self.status

    def wait_end(self, seconds):
        with self._changed:
            return self._changed.wait_for(lambda: self.ended, seconds)

    def close(self):
        """Drops the connection, as a client does that was killed."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.wait_end(5)

    def __repr__(self):
        return f"HTTP {self.status}: {self.broken or self.text[:600] or self.messages}"
